/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: credentials.
 */
#ifndef _SYS_UCRED_H_
#define _SYS_UCRED_H_

#include <sys/types.h>

struct prison;

struct ucred {
	u_int cr_ref; /* atomic */
	uid_t cr_uid;
	gid_t cr_gid;
	struct prison *cr_prison;
};

struct ucred *crhold(struct ucred *cred);
void crfree(struct ucred *cred);

#endif /* !_SYS_UCRED_H_ */
