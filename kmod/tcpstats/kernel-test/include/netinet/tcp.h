/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: the options that TCP_INFO shows.
 */
#ifndef _NETINET_TCP_H_
#define _NETINET_TCP_H_

#define TCPI_OPT_TIMESTAMPS 0x01
#define TCPI_OPT_SACK 0x02
#define TCPI_OPT_WSCALE 0x04
#define TCPI_OPT_ECN 0x08
#define TCPI_OPT_TOE 0x10
#define TCPI_OPT_TFO 0x20
#define TCPI_OPT_ACE 0x40

#endif /* !_NETINET_TCP_H_ */
