/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Network stacks and jails, the sockets that tests make, and the syncache.
 */
#include <sys/jail.h>
#include <sys/kernel.h>
#include <sys/proc.h>
#include <sys/socketvar.h>
#include <sys/sysctl.h>
#include <sys/systm.h>
#include <sys/ucred.h>

#include <net/vnet.h>
#include <netinet/in_pcb.h>
#include <netinet/tcp_fsm.h>
#include <netinet/tcp_var.h>

#include <netinet/tcp_syncache.h>

#include "ukern.h"
#include "ukern_impl.h"

#define MAX_JAILS 4

struct half_open {
	struct half_open *next;
	struct ucred *cred;
	struct xtcpcb xt;
};

static struct vnet vnet0;
struct prison prison0 = { .pr_vnet = &vnet0 };
static struct prison jails[MAX_JAILS];
static struct vnet jail_vnets[MAX_JAILS];
static unsigned int jail_count;
static struct ukern_lock syncache_lock;

static const struct cc_algo cubic = { "cubic" };
static struct tcp_function_block freebsd_stack = { "freebsd" };

void (*ukern_hook_syncache)(void);

/* ---- Network stacks ---- */

static void
init_vnet(struct vnet *vnet)
{

	ukern_lock_init(&vnet->tcbinfo.ipi_lock, "tcp pcbinfo", UKERN_MTX);
	for (int i = 0; i < TCP_NSTATES; i++)
		vnet->tcps_states[i] = ukern_calloc(sizeof(uint64_t));
}

__attribute__((constructor)) static void
init_world(void)
{

	init_vnet(&vnet0);
	for (unsigned int i = 0; i < MAX_JAILS; i++)
		init_vnet(&jail_vnets[i]);
	ukern_lock_init(&syncache_lock, "tcp_sc_head", UKERN_MTX);
}

struct prison *
ukern_new_jail(void)
{
	struct prison *jail = &jails[jail_count];

	MPASS(jail_count < MAX_JAILS);
	*jail = (struct prison) { .pr_vnet = &jail_vnets[jail_count++],
		.pr_jailed = true };
	return (jail);
}

struct vnet *
ukern_curvnet(void)
{

	if (curthread->td_vnet == NULL)
		ukern_panic("a vnet's variable without a vnet");
	return (curthread->td_vnet);
}

/* ---- What tests make ---- */

static void
fill_key(struct in_conninfo *conn, u_char *vflag,
    const struct ukern_socket *spec)
{

	*vflag = spec->v6 ? INP_IPV6 : INP_IPV4;
	conn->inc_lport = htons(spec->local_port);
	conn->inc_fport = htons(spec->remote_port);
	memcpy(&conn->inc6_laddr, spec->local_addr, 16);
	memcpy(&conn->inc6_faddr, spec->remote_addr, 16);
}

static struct ucred *
cred_of(const struct ukern_socket *spec)
{

	return (crhold(spec->cred == NULL ? ukern_root : spec->cred));
}

/* Numbers that differ from field to field. */
static void
fill_tcpcb(struct tcpcb *tp, int state)
{

	tp->t_state = state;
	tp->t_cc = &cubic;
	tp->t_fb = &freebsd_stack;
	tp->t_tmr_granularity = TCP_TMR_GRANULARITY_TICKS;
	tp->snd_cwnd = 14600;
	tp->snd_ssthresh = 65535;
	tp->snd_wnd = 70000;
	tp->rcv_wnd = 66000;
	tp->t_maxseg = 1460;
	tp->t_srtt = 20 << TCP_RTT_SHIFT;
	tp->t_rttvar = 5 << TCP_RTTVAR_SHIFT;
	tp->t_rxtcur = 230;
	tp->t_rttlow = 15;
	tp->snd_nxt = 1001;
	tp->t_sndrexmitpack = 7;
	tp->t_dsack_pack = 3;
	tp->t_rcvtime = (u_int)ticks - 250;
	for (int i = 0; i < TT_N; i++)
		tp->t_timers[i] = SBT_MAX;
	tp->t_timers[TT_KEEP] = sbinuptime() + 7200 * SBT_1S;
	tp->t_timers[TT_DELACK] = 1;
}

struct inpcb *
ukern_socket_new(const struct ukern_socket *spec)
{
	struct tcpcb *tp = ukern_calloc(sizeof(*tp));
	struct inpcb *inp = &tp->t_inpcb;

	ukern_lock_init(&inp->inp_lock.lock, "tcpinp", UKERN_RW);
	inp->inp_cred = cred_of(spec);
	inp->inp_socket = ukern_calloc(sizeof(*inp->inp_socket));
	inp->inp_socket->so_snd.sb_hiwat = 32768;
	inp->inp_refcount = 1;
	fill_key(&inp->inp_inc, &inp->inp_vflag, spec);
	fill_tcpcb(tp, spec->state);
	ukern_inpcb_insert(inp);
	return (inp);
}

/* A walk judges the state before it locks, and again once it has. */
UKERN_MEANT_TO_RACE static void
store_state(struct tcpcb *tp, int state)
{

	tp->t_state = state;
}

void
ukern_socket_set_state(struct inpcb *inp, int state)
{

	INP_WLOCK(inp);
	store_state(intotcpcb(inp), state);
	intotcpcb(inp)->snd_cwnd++;
	INP_WUNLOCK(inp);
}

/* ---- The syncache ---- */

void
ukern_half_open_add(const struct ukern_socket *spec)
{
	struct half_open *entry = ukern_calloc(sizeof(*entry));
	struct vnet *vnet;

	entry->cred = cred_of(spec);
	fill_key(&entry->xt.xt_inp.inp_inc, &entry->xt.xt_inp.inp_vflag, spec);
	vnet = CRED_TO_VNET(entry->cred);
	ukern_lock_acquire(&syncache_lock, UKERN_EXCLUSIVE);
	entry->next = vnet->syncache;
	vnet->syncache = entry;
	counter_u64_add(vnet->tcps_states[TCPS_SYN_RECEIVED], 1);
	ukern_lock_release(&syncache_lock);
}

void
ukern_half_open_clear(struct vnet *vnet)
{
	struct half_open *entry;

	ukern_lock_acquire(&syncache_lock, UKERN_EXCLUSIVE);
	while ((entry = vnet->syncache) != NULL) {
		vnet->syncache = entry->next;
		counter_u64_add(vnet->tcps_states[TCPS_SYN_RECEIVED], -1);
		crfree(entry->cred);
		ukern_release(entry);
	}
	ukern_lock_release(&syncache_lock);
}

/* Judged by the credential of the thread, as the kernel does. */
int
syncache_pcblist(struct sysctl_req *req)
{
	const struct ucred *cred = req->td->td_ucred;
	struct vnet *vnet = ukern_curvnet();

	if (ukern_hook_syncache != NULL)
		ukern_hook_syncache();
	ukern_lock_acquire(&syncache_lock, UKERN_EXCLUSIVE);
	for (struct half_open *entry = vnet->syncache; entry != NULL;
	     entry = entry->next) {
		if (cred->cr_prison->pr_jailed &&
		    cred->cr_prison != entry->cred->cr_prison)
			continue;
		if (SYSCTL_OUT(req, &entry->xt, sizeof(entry->xt)) != 0)
			break;
	}
	ukern_lock_release(&syncache_lock);
	return (0);
}
