/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The device as the tools use it.  What fails here ends the program with a
 * message that says what was tried, on which node, and what to do.
 */
#ifndef _DEVICE_H_
#define _DEVICE_H_

#include "../core/tcpstats_core.h"

struct device {
	const char *path;
	int fd;
};

/* /dev/tcpstats, or the one below $TCPSTATS_MOUNT where that is set. */
const char *device_default_path(void);
struct device device_open(const char *path);
void device_close(struct device *device);
/* The filter that a text means, which need not be good. */
struct tcpstats_filter device_parse_filter(const char *text);
/* Set a filter and begin a new snapshot. */
void device_set_filter(const struct device *device,
    const struct tcpstats_filter *filter);
/* Read up to size bytes.  Returns the number of records, 0 at the end. */
size_t device_read(const struct device *device, struct tcpstats_record *records,
    size_t size);
/* Memory for the reads of size bytes; free(3) it. */
struct tcpstats_record *device_buffer(size_t size);

#endif /* !_DEVICE_H_ */
