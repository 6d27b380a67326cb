/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: nothing that is used.
 */
#ifndef _NETINET_TCP_SEQ_H_
#define _NETINET_TCP_SEQ_H_

#endif /* !_NETINET_TCP_SEQ_H_ */
