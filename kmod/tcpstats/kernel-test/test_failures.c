/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the module asks the kernel for may fail, each time that it asks.  A
 * day of the module's life is run again and again, with the first such call
 * failing, the second and so on, until there is none more.  Memory that may
 * be waited for never fails in the kernel; how much of it is out is counted.
 */
#include <sys/jail.h>

#include <stdio.h>
#include <string.h>

#include "ktest.h"

#define RECORD sizeof(struct tcpstats_record)

static struct tcpstats_record records[300];

/* Every call that can fail, and whether it did. */
static struct {
	const char *name;
	bool failed;
} sites[] = { { "SYSCTL_IN", false }, { "SYSCTL_OUT", false },
	{ "devfs_set_cdevpriv", false }, { "make_dev_s", false },
	{ "sbuf_printf", false }, { "sx_xlock_sig", false },
	{ "sysctl_add_oid", false }, { "taskqueue_start_threads", false },
	{ "uiomove", false } };

static void
use_descriptor(int fd)
{
	struct tcpstats_filter filter = filter_of("remote_port=1024");
	size_t got;

	(void)ukern_read(fd, records, sizeof(records), &got);
	(void)ukern_read(fd, records, sizeof(records), &got);
	(void)ukern_ioctl(fd, TCPSTATS_SET_FILTER, &filter);
	(void)ukern_read(fd, records, RECORD, &got);
}

static void
use_profiles(void)
{
	char text[1024];
	size_t len = sizeof(text);
	int fd;

	(void)write_profile_set("day local_port=443");
	(void)write_profile_set("other local_port=22");
	(void)ukern_sysctl("dev.tcpstats.profile_set", text, &len, NULL, 0);
	if (ukern_open("tcpstats.d/day", FREAD, &fd) == 0) {
		use_descriptor(fd);
		(void)write_profile_set("day");
		(void)write_profile_set("day local_port=80");
		ukern_close(fd);
	}
	(void)ukern_sysctl("dev.tcpstats.profiles.day", NULL, NULL, "", 0);
}

/* A profile has both of its nodes, or is none. */
static bool
is_whole(const char *name)
{
	bool has_node, has_sysctl, listed;
	char path[64];

	snprintf(path, sizeof(path), "profiles.%s", name);
	listed = strstr(text_of("profile_set"), name) != NULL;
	has_sysctl = strcmp(text_of(path), "(none)") != 0;
	snprintf(path, sizeof(path), "tcpstats.d/%s", name);
	has_node = ukern_find_node(path) != NULL;
	return (listed == has_sysctl && listed == has_node);
}

/* Does the module that is loaded work as if nothing had been? */
static bool
works(void)
{
	char text[64];
	size_t len = sizeof(text);
	int fd = must_open("tcpstats");
	bool good;

	good = read_all(fd, records, nitems(records), sizeof(records)) == 101;
	ukern_close(fd);
	/* The profile command itself may be what could not be made. */
	if (write_profile_set("works local_port=1") == ENOENT)
		return (good);
	(void)ukern_sysctl("dev.tcpstats.profiles.works", text, &len, NULL, 0);
	return (good && strcmp(text, "local_port=1") == 0 &&
	    write_profile_set("works") == 0 && is_whole("day") &&
	    is_whole("other"));
}

/* Returns the call that failed, or NULL. */
static const char *
live_a_day(unsigned long nth, bool *good)
{
	const char *site;
	bool loaded;
	int fd;

	ukern_fault_arm(nth);
	loaded = ukern_kldload() == 0;
	if (loaded && ukern_open("tcpstats", FREAD, &fd) == 0) {
		use_descriptor(fd);
		ukern_close(fd);
	}
	if (loaded)
		use_profiles();
	site = ukern_fault_disarm();
	*good = !loaded || (works() && ukern_kldunload(false) == 0);
	*good = *good && ukern_allocations() == 0;
	return (site);
}

int
main(void)
{
	struct ukern_socket half_open = connection(200, true);
	const char *site = "";
	bool all_good = true, good;
	unsigned long nth;

	load_module();
	unload_module("before");
	make_sockets(100);
	ukern_half_open_add(&half_open);
	for (nth = 1; site != NULL; nth++) {
		site = live_a_day(nth, &good);
		if (!good)
			tap_diag("failure %lu, of %s, leaves a mess", nth,
			    site == NULL ? "nothing" : site);
		all_good = all_good && good;
		for (size_t i = 0; site != NULL && i < nitems(sites); i++)
			if (strcmp(sites[i].name, site) == 0)
				sites[i].failed = true;
	}
	tap_ok(all_good, "failures: all is well after each");
	tap_diag("%lu calls failed, one at a time", nth - 2);
	for (size_t i = 0; i < nitems(sites); i++)
		tap_ok(sites[i].failed, "failures: %s was among them",
		    sites[i].name);
	ukern_half_open_clear(prison0.pr_vnet);
	free_sockets();
	load_module();
	unload_module("after");
	return (tap_done());
}
