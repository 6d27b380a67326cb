/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: sockets.
 */
#ifndef _SYS_SOCKETVAR_H_
#define _SYS_SOCKETVAR_H_

#include <sys/types.h>

struct sockbuf {
	u_int sb_ccc;
	u_int sb_hiwat;
};

struct socket {
	bool so_listening;
	struct sockbuf so_snd;
	struct sockbuf so_rcv;
	u_int sol_sbsnd_hiwat;
	u_int sol_sbrcv_hiwat;
};

#define SOLISTENING(so) ((so)->so_listening)

#endif /* !_SYS_SOCKETVAR_H_ */
