/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: privileges, all of which the super-user outside of jails has.
 */
#ifndef _SYS_PRIV_H_
#define _SYS_PRIV_H_

struct ucred;

#define PRIV_DRIVER 14

int priv_check_cred(struct ucred *cred, int priv);

#endif /* !_SYS_PRIV_H_ */
