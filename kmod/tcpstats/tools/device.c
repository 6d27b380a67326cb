/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The device as the tools use it.
 */
#include "device.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "nodes.h"

#ifdef __FreeBSD__
#define NOT_THERE ": is the module loaded (kldload tcpstats)?"
#else
#define NOT_THERE ": is tcpstatsd running?"
#endif

const char *
device_default_path(void)
{
	static char path[PATH_MAX];
	const char *mount = getenv(MOUNT_VARIABLE);

	snprintf(path, sizeof(path), "%s/dev/tcpstats",
	    mount != NULL ? mount : "");
	return (path);
}

static const char *
open_hint(int error)
{

	switch (error) {
	case ENOENT:
		return (NOT_THERE);
	case EACCES:
		return (": it is for root and its group");
	case EMFILE:
		return (": dev.tcpstats.max_open_fds descriptors are open");
	default:
		return ("");
	}
}

struct device
device_open(const char *path)
{
	struct device device = { path, -1 };

	device.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (device.fd < 0)
		errx(1, "failed to open %s: %s%s", path, strerror(errno),
		    open_hint(errno));
	return (device);
}

void
device_close(struct device *device)
{

	close(device->fd);
	device->fd = -1;
}

struct tcpstats_filter
device_parse_filter(const char *text)
{
	struct tcpstats_filter_error error;
	struct tcpstats_filter filter;

	if (tcpstats_filter_parse(text, strlen(text), &filter, &error) != 0)
		errx(EXIT_WRONG_USE,
		    "failed to parse the filter: %s, at byte %u: '%s'",
		    error.tfe_message, error.tfe_offset,
		    text + error.tfe_offset);
	return (filter);
}

void
device_set_filter(const struct device *device,
    const struct tcpstats_filter *filter)
{

	if (ioctl(device->fd, TCPSTATS_SET_FILTER, filter) != 0)
		err(1, "failed to set the filter of %s", device->path);
}

size_t
device_read(const struct device *device, struct tcpstats_record *records,
    size_t size)
{
	ssize_t len;

	do
		len = read(device->fd, records, size);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		errx(1, "failed to read %s: %s%s", device->path,
		    strerror(errno),
		    errno == EBUSY ? ": dev.tcpstats.max_concurrent_readers or "
				     "min_read_interval_ms forbids it now" :
				     "");
	if (len % TCPSTATS_RECORD_SIZE != 0)
		errx(1, "failed to read %s: %zd bytes are no whole records",
		    device->path, len);
	return ((size_t)len / TCPSTATS_RECORD_SIZE);
}

struct tcpstats_record *
device_buffer(size_t size)
{
	struct tcpstats_record *records = malloc(size);

	if (records == NULL)
		errx(1, "no memory for a buffer of %zu bytes", size);
	return (records);
}
