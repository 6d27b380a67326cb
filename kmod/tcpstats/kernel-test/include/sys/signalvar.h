/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: is a signal pending?
 */
#ifndef _SYS_SIGNALVAR_H_
#define _SYS_SIGNALVAR_H_

int sig_intr(void);

#endif /* !_SYS_SIGNALVAR_H_ */
