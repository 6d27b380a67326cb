/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: safe memory reclamation: a section that may not sleep.
 */
#ifndef _SYS_SMR_H_
#define _SYS_SMR_H_

void smr_enter(void);
void smr_exit(void);

#endif /* !_SYS_SMR_H_ */
