/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The numbers below dev.tcpstats.
 */
#include "nodes.h"

#ifdef __FreeBSD__
#include <sys/types.h>

#include <sys/sysctl.h>
#endif

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __FreeBSD__

static void
node_name(char *buf, size_t size, const char *name)
{

	snprintf(buf, size, "dev.tcpstats.%s", name);
}

/* Limits have 32 bits, counters 64. */
static int
node_read(const char *path, uint64_t *value)
{
	union {
		uint32_t u32;
		uint64_t u64;
	} number;
	size_t size = sizeof(number);

	if (sysctlbyname(path, &number, &size, NULL, 0) != 0)
		return (errno);
	*value = size == sizeof(number.u32) ? number.u32 : number.u64;
	return (0);
}

static int
node_write(const char *path, uint32_t value)
{

	if (sysctlbyname(path, NULL, NULL, &value, sizeof(value)) != 0)
		return (errno);
	return (0);
}

#else

static void
node_name(char *buf, size_t size, const char *name)
{
	const char *mount = getenv(MOUNT_VARIABLE);

	snprintf(buf, size, "%s/sysctl/%s",
	    mount != NULL ? mount : MOUNT_DEFAULT, name);
}

static int
node_read(const char *path, uint64_t *value)
{
	char text[32];
	ssize_t len;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return (errno);
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return (EIO);
	text[len] = '\0';
	*value = strtoull(text, NULL, 10);
	return (0);
}

/* One write(2) is one value. */
static int
node_write(const char *path, uint32_t value)
{
	char text[32];
	int error = 0, fd, len;

	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return (errno);
	len = snprintf(text, sizeof(text), "%" PRIu32 "\n", value);
	if (write(fd, text, (size_t)len) != len)
		error = errno;
	close(fd);
	return (error);
}

#endif

uint64_t
node_get(const char *name)
{
	char path[PATH_MAX];
	uint64_t value = 0;
	int error;

	node_name(path, sizeof(path), name);
	error = node_read(path, &value);
	if (error != 0)
		errx(1, "failed to read %s: %s%s", path, strerror(error),
		    error == ENOENT ? ": the device is not there" : "");
	return (value);
}

int
node_set(const char *name, uint32_t value)
{
	char path[PATH_MAX];

	node_name(path, sizeof(path), name);
	return (node_write(path, value));
}
