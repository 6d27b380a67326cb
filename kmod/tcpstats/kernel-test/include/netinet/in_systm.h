/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: nothing that is used.
 */
#ifndef _NETINET_IN_SYSTM_H_
#define _NETINET_IN_SYSTM_H_

#endif /* !_NETINET_IN_SYSTM_H_ */
