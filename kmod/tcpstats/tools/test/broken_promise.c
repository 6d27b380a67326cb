/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Makes a device of a whole one that breaks a promise, for a program that this
 * is preloaded into: the tests of the limits must see it.  Which one is the
 * value of BROKEN_PROMISE:
 *
 *	open		more descriptors than max_open_fds
 *	duration	a read lasts for longer than max_read_duration_ms
 *	busy		reads that are too soon or one too many are just empty
 *	once		reads lose their last record
 *
 * The second one is broken by the first read with room for several records,
 * the last one by all others.
 */
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../tcpstats.h"

static bool
broken(const char *promise)
{
	const char *value = getenv("BROKEN_PROMISE");

	return (value != NULL && strcmp(value, promise) == 0);
}

int
open(const char *path, int flags, ...)
{
	int fd;

	/* Without a mode: the tools create no file. */
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags);
	if (fd < 0 && errno == EMFILE && broken("open"))
		fd = (int)syscall(SYS_openat, AT_FDCWD, "/dev/null", flags);
	return (fd);
}

/* Read on, as if no read were ever cut short. */
static ssize_t
read_to_the_brim(int fd, uint8_t *buf, size_t size)
{
	ssize_t len, total = 0;

	do {
		len = syscall(SYS_read, fd, buf + total, size - (size_t)total);
		if (len < 0)
			return (total > 0 ? total : -1);
		total += len;
	} while (len > 0 && size - (size_t)total >= TCPSTATS_RECORD_SIZE);
	return (total);
}

ssize_t
read(int fd, void *buf, size_t size)
{
	static _Atomic int reads;
	bool first;
	ssize_t len;

	first = size > TCPSTATS_RECORD_SIZE && reads++ == 0;
	if (first && broken("duration"))
		return (read_to_the_brim(fd, buf, size));
	len = syscall(SYS_read, fd, buf, size);
	if (len < 0 && errno == EBUSY && broken("busy"))
		return (0);
	if (len > TCPSTATS_RECORD_SIZE && !first && broken("once"))
		return (len - TCPSTATS_RECORD_SIZE);
	return (len);
}
