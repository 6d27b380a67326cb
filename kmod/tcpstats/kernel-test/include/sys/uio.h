/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: uio(9).
 */
#ifndef _SYS_UIO_H_
#define _SYS_UIO_H_

#include <sys/types.h>

struct uio {
	char *uio_base;
	off_t uio_offset;
	ssize_t uio_resid;
	ssize_t uio_good; /* so many bytes more can be written: then EFAULT */
};

int uiomove(void *data, int len, struct uio *uio);

#endif /* !_SYS_UIO_H_ */
