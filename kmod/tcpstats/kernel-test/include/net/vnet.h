/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: network stacks, of which the current one is the thread's.
 */
#ifndef _NET_VNET_H_
#define _NET_VNET_H_

#include <sys/jail.h>
#include <sys/proc.h>
#include <sys/ucred.h>

#include <netinet/in_pcb.h>
#include <netinet/tcp_fsm.h>

struct half_open;

struct vnet {
	struct inpcbinfo tcbinfo;
	counter_u64_t tcps_states[TCP_NSTATES];
	struct half_open *syncache;
};

struct vnet *ukern_curvnet(void);

#define CRED_TO_VNET(cred) ((cred)->cr_prison->pr_vnet)
#define CURVNET_SET(arg)                               \
	struct vnet *_saved_vnet = curthread->td_vnet; \
	curthread->td_vnet = (arg)
#define CURVNET_RESTORE() curthread->td_vnet = _saved_vnet

#endif /* !_NET_VNET_H_ */
