/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Profiles: the registry, the device node and the sysctl of each, and how long
 * they live.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ktest.h"

#define RECORD sizeof(struct tcpstats_record)

static struct tcpstats_record records[32];

static bool
has_node(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "tcpstats.d/%s", name);
	return (ukern_find_node(path) != NULL);
}

/* What a profile is deleted by through itself leaves its node to a task. */
static void
await_no_node(const char *name)
{

	for (int ms = 0; ms < 10000 && has_node(name); ms++)
		usleep(1000);
}

static void
says(const char *sysctl, const char *expected, const char *name)
{
	const char *text = text_of(sysctl);

	if (!tap_ok(strcmp(text, expected) == 0, "%s", name))
		tap_diag("%s: \"%s\", not \"%s\"", sysctl, text, expected);
}

static int
write_profile(const char *name, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "dev.tcpstats.profiles.%s", name);
	return (ukern_sysctl(path, NULL, NULL, text, strlen(text)));
}

static void
test_registry(void)
{

	is((uint64_t)write_profile_set("b local_port=2"), 0, "registry: made");
	is((uint64_t)write_profile_set("a  local_port=1"), 0, "registry: two");
	says("profile_set", "b local_port=2\na local_port=1",
	    "registry: listed");
	is((uint64_t)write_profile_set("b local_port=3"), 0,
	    "registry: updated");
	says("profiles.b", "local_port=3", "registry: reads so");
	is((uint64_t)write_profile_set("b local_port=x"), EINVAL,
	    "registry: a bad filter");
	says("profiles.b", "local_port=3", "registry: changes nothing");
	says("last_error", "port is not a number, at offset 13",
	    "registry: last_error");
	is((uint64_t)write_profile_set("A/b local_port=1"), EINVAL,
	    "registry: a bad name");
	is((uint64_t)write_profile_set("c"), ENOENT, "registry: none to go");
	is((uint64_t)write_profile_set("a"), 0, "registry: one goes");
	is((uint64_t)write_profile("b", ""), 0, "registry: the other too");
	says("profile_set", "", "registry: empty");
	await_no_node("b");
	is(ukern_nodes(), 2, "registry: no node is left");
}

/* The old buffer may be short, or only its size be asked for. */
static void
test_sysctl_sizes(void)
{
	char longest[1100], old[4];
	size_t len = 0;

	(void)write_profile_set("sized local_port=1");
	is((uint64_t)ukern_sysctl("dev.tcpstats.profiles.sized", NULL, &len,
	       NULL, 0),
	    0, "sizes: asked for");
	is(len, sizeof("local_port=1"), "sizes: told");
	len = sizeof(old);
	is((uint64_t)ukern_sysctl("dev.tcpstats.profiles.sized", old, &len,
	       NULL, 0),
	    ENOMEM, "sizes: too short");
	memset(longest, ' ', sizeof(longest));
	is((uint64_t)ukern_sysctl("dev.tcpstats.profile_set", NULL, NULL,
	       longest, sizeof(longest)),
	    ENAMETOOLONG, "sizes: too long to be a filter");
	(void)write_profile_set("sized");
}

static void
test_open_descriptor(void)
{
	int error, fd, other;

	make_sockets(10);
	(void)write_profile_set("used remote_port=1024,1025");
	fd = must_open("tcpstats.d/used");
	(void)write_profile_set("used remote_port=1024");
	is(read_all(fd, records, nitems(records), RECORD), 2,
	    "open: an update leaves a descriptor its filter");
	other = must_open("tcpstats.d/used");
	is(read_all(other, records, nitems(records), RECORD), 1,
	    "open: a new descriptor has the new one");
	ukern_close(other);
	is((uint64_t)write_profile_set("used"), 0, "open: deleted while open");
	ukern_ioctl(fd, TCPSTATS_RESET, NULL);
	is(read_all(fd, records, nitems(records), RECORD), 2,
	    "open: a deletion leaves it too");
	says("profiles.used", "(none)", "open: the sysctl is gone");
	error = ukern_open("tcpstats.d/used", FREAD, &other);
	is((uint64_t)error, ENXIO, "open: and the node opens no more");
	is(number_of("active_fds"), 1, "open: which is not counted");

	is((uint64_t)write_profile_set("used remote_port=1029"), 0,
	    "open: made again while open");
	says("profiles.used", "remote_port=1029", "open: it has a sysctl");
	other = must_open("tcpstats.d/used");
	is(read_all(other, records, nitems(records), RECORD), 1,
	    "open: its node has its filter");
	ukern_ioctl(fd, TCPSTATS_RESET, NULL);
	is(read_all(fd, records, nitems(records), RECORD), 2,
	    "open: the old descriptor its own");
	ukern_close(other);
	(void)write_profile_set("used");
	ukern_close(fd);
	is((uint64_t)write_profile_set("flush local_port=1"), 0,
	    "open: after the last close");
	(void)write_profile_set("flush");
	tap_ok(!has_node("used") && !has_node("flush"),
	    "open: the node is gone");
	free_sockets();
}

static void
test_unload(void)
{
	int fd;

	(void)write_profile_set("left local_port=1");
	(void)write_profile_set("held local_port=2");
	fd = must_open("tcpstats.d/held");
	(void)write_profile_set("held");
	is((uint64_t)ukern_kldunload(false), EBUSY,
	    "unload: not while a profile that is gone is open");
	ukern_close(fd);
	unload_module("profiles, one still there");
}

int
main(void)
{

	load_module();
	test_registry();
	test_sysctl_sizes();
	ukern_enable_probes(true);
	test_open_descriptor();
	is(ukern_probe_count("profile:create"), 3, "probe: profile:create");
	is(ukern_probe_count("profile:destroy"), 3, "probe: profile:destroy");
	ukern_enable_probes(false);
	test_unload();
	return (tap_done());
}
