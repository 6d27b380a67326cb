/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The little that the core takes from where it is compiled: errno values,
 * memcpy() and its kin, htons() and its kin, __noinline.
 */
#ifndef _TCPSTATS_PORT_H_
#define _TCPSTATS_PORT_H_

#ifdef _KERNEL
#include <sys/param.h>
#include <sys/systm.h>

#include <sys/errno.h>
#else
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#endif

#ifndef __noinline /* FreeBSD has it */
#define __noinline __attribute__((__noinline__))
#endif

#define TCPSTATS_NITEMS(array) (sizeof(array) / sizeof((array)[0]))

#endif /* !_TCPSTATS_PORT_H_ */
