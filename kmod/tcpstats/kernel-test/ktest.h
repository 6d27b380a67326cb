/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What more than one of the tests of the module needs.
 */
#ifndef _KTEST_H_
#define _KTEST_H_

#include <sys/conf.h>
#include <sys/fcntl.h>

#include "../core/tcpstats_core.h"
#include "../test/tap.h"
#include "ukern.h"

#define MAX_SOCKETS 20000

/* A test passes if the two numbers are the same, and says which they are. */
void is(uint64_t got, uint64_t expected, const char *name);

/* Load the module; bail out where that fails. */
void load_module(void);
/* Unload it, and see that nothing of it is left. */
void unload_module(const char *name);

/* A descriptor, or bail out. */
int must_open(const char *path);
/* All records that there are, by reads of at most len bytes. */
size_t read_all(int fd, struct tcpstats_record *records, size_t max,
    size_t len);

/*
 * Connections 0 to count - 1, established: 10.0.0.1:443 to 10.1.x.y, by IPv6
 * fd00::1 to fd00::x:y, from port 1024 on, each port once.
 */
struct ukern_socket connection(unsigned int number, bool v6);
void make_sockets(unsigned int count);
void free_sockets(void);
/* Those of make_sockets(); NULL once freed. */
extern struct inpcb *sockets[MAX_SOCKETS];
void free_socket(unsigned int number);

/* The value of a number below dev.tcpstats; bail out where there is none. */
uint64_t number_of(const char *name);
int set_limit(const char *name, uint32_t value);
int write_profile_set(const char *line);
/* The text of a sysctl below dev.tcpstats. */
const char *text_of(const char *name);

struct tcpstats_filter filter_of(const char *text);

#endif /* !_KTEST_H_ */
