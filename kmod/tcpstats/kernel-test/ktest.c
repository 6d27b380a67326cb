/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What more than one of the tests of the module needs.
 */
#include "ktest.h"

#include <sys/ucred.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ukern_rules.h"

#define FIRST_PORT 1024
#define DEADLINE 60 /* s, of what follows a load: a hang is a failure */

struct inpcb *sockets[MAX_SOCKETS];
static unsigned int locks_before_load;
static u_int root_refs_before_load;

void
is(uint64_t got, uint64_t expected, const char *name)
{

	if (!tap_ok(got == expected, "%s", name))
		tap_diag("%" PRIu64 ", not %" PRIu64, got, expected);
}

void
load_module(void)
{

	alarm(DEADLINE);
	locks_before_load = ukern_locks_alive();
	root_refs_before_load = ukern_root->cr_ref;
	if (ukern_kldload() != 0)
		tap_bail_out("the module does not load");
}

void
unload_module(const char *name)
{
	int error = ukern_kldunload(false);

	ukern_reclaim();
	if (!tap_ok(error == 0 && ukern_locks_alive() == locks_before_load &&
		    ukern_root->cr_ref == root_refs_before_load &&
		    ukern_inpcbs() == 0 && ukern_allocations() == 0,
		"%s: unloads, and leaves nothing", name))
		tap_diag("error %d, %u locks for %u, %u credentials for %u, "
			 "%u inpcbs, %zu allocations",
		    error, ukern_locks_alive(), locks_before_load,
		    ukern_root->cr_ref, root_refs_before_load, ukern_inpcbs(),
		    ukern_allocations());
}

int
must_open(const char *path)
{
	int error, fd;

	error = ukern_open(path, FREAD, &fd);
	if (error != 0) {
		tap_diag("%s: error %d", path, error);
		tap_bail_out("a node does not open");
	}
	return (fd);
}

size_t
read_all(int fd, struct tcpstats_record *records, size_t max, size_t len)
{
	size_t got, count = 0;
	int error;

	do {
		error = ukern_read(fd, &records[count],
		    MIN(len, (max - count) * sizeof(*records)), &got);
		if (error != 0) {
			tap_diag("read: error %d", error);
			tap_bail_out("a read fails");
		}
		count += got / sizeof(*records);
	} while (got != 0);
	return (count);
}

struct ukern_socket
connection(unsigned int number, bool v6)
{
	struct ukern_socket spec = { .v6 = v6,
		.local_port = 443,
		.remote_port = (uint16_t)(FIRST_PORT + number),
		.state = TCPSTATS_ESTABLISHED };

	if (v6) {
		spec.local_addr[0] = spec.remote_addr[0] = 0xfd;
		spec.local_addr[15] = 1;
		spec.remote_addr[14] = (uint8_t)(number >> 8);
		spec.remote_addr[15] = (uint8_t)number;
	} else {
		memcpy(spec.local_addr, (uint8_t[]) { 10, 0, 0, 1 }, 4);
		memcpy(spec.remote_addr,
		    (uint8_t[]) { 10, 1, (uint8_t)(number >> 8),
			(uint8_t)number },
		    4);
	}
	return (spec);
}

void
make_sockets(unsigned int count)
{
	struct ukern_socket spec;

	for (unsigned int i = 0; i < count; i++) {
		spec = connection(i, false);
		sockets[i] = ukern_socket_new(&spec);
	}
}

void
free_socket(unsigned int number)
{

	if (sockets[number] != NULL)
		ukern_socket_free(sockets[number]);
	sockets[number] = NULL;
}

void
free_sockets(void)
{

	for (unsigned int i = 0; i < MAX_SOCKETS; i++)
		free_socket(i);
}

static int
sysctl(const char *name, void *old, size_t *old_len, const void *new,
    size_t new_len)
{
	char path[64];

	snprintf(path, sizeof(path), "dev.tcpstats.%s", name);
	return (ukern_sysctl(path, old, old_len, new, new_len));
}

uint64_t
number_of(const char *name)
{
	uint64_t value = 0;
	size_t len = sizeof(value);

	if (sysctl(name, &value, &len, NULL, 0) != 0) {
		tap_diag("dev.tcpstats.%s", name);
		tap_bail_out("there is no such number");
	}
	return (value);
}

int
set_limit(const char *name, uint32_t value)
{

	return (sysctl(name, NULL, NULL, &value, sizeof(value)));
}

int
write_profile_set(const char *line)
{

	return (sysctl("profile_set", NULL, NULL, line, strlen(line)));
}

const char *
text_of(const char *name)
{
	static _Thread_local char text[16384];
	size_t len = sizeof(text);

	if (sysctl(name, text, &len, NULL, 0) != 0)
		return ("(none)");
	return (text);
}

struct tcpstats_filter
filter_of(const char *text)
{
	struct tcpstats_filter filter;

	if (tcpstats_filter_parse(text, strlen(text), &filter, NULL) != 0)
		tap_bail_out("a filter that a test needs is refused");
	return (filter);
}
