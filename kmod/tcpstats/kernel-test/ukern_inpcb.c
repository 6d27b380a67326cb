/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Inpcbs in their list, and the walk along it.  As in the kernel: an entry goes
 * in at the head with a rising inp_gencnt; it leaves the list while its lock is
 * held, and its memory goes when there is no reference to it and no SMR section
 * that has seen it.
 */
#include <sys/proc.h>
#include <sys/rwlock.h>
#include <sys/smr.h>
#include <sys/socketvar.h>
#include <sys/systm.h>
#include <sys/ucred.h>

#include <net/vnet.h>
#include <netinet/in_pcb.h>
#include <netinet/tcp_var.h>

#include "ukern.h"
#include "ukern_impl.h"

/* What an SMR section may still see; freed when there is none. */
static pthread_rwlock_t smr_rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t limbo_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct inpcb *limbo;
static unsigned int inpcb_count; /* atomic */

unsigned long ukern_walk_steps, ukern_walk_locks;
void (*ukern_hook_contended)(struct inpcb *inp);
static unsigned int contention; /* atomic */

/* ---- SMR ---- */

void
smr_enter(void)
{

	ukern_smr_entered(true);
	pthread_rwlock_rdlock(&smr_rwlock);
}

void
smr_exit(void)
{

	pthread_rwlock_unlock(&smr_rwlock);
	ukern_smr_entered(false);
}

static void
free_inpcb(struct inpcb *inp)
{

	crfree(inp->inp_cred);
	ukern_lock_destroy(&inp->inp_lock.lock);
	ukern_release(intotcpcb(inp));
	__atomic_sub_fetch(&inpcb_count, 1, __ATOMIC_RELAXED);
}

void
ukern_reclaim(void)
{
	struct inpcb *inp, *next;

	if (pthread_rwlock_trywrlock(&smr_rwlock) != 0)
		return;
	pthread_mutex_lock(&limbo_mutex);
	inp = limbo;
	limbo = NULL;
	pthread_mutex_unlock(&limbo_mutex);
	pthread_rwlock_unlock(&smr_rwlock);
	for (; inp != NULL; inp = next) {
		next = inp->inp_limbo;
		free_inpcb(inp);
	}
}

static void
free_later(struct inpcb *inp)
{

	pthread_mutex_lock(&limbo_mutex);
	inp->inp_limbo = limbo;
	limbo = inp;
	pthread_mutex_unlock(&limbo_mutex);
}

unsigned int
ukern_inpcbs(void)
{

	return (__atomic_load_n(&inpcb_count, __ATOMIC_RELAXED));
}

/* ---- References ---- */

static bool
ref_unless_zero(struct inpcb *inp)
{
	u_int refs = __atomic_load_n(&inp->inp_refcount, __ATOMIC_RELAXED);

	while (refs != 0 &&
	    !__atomic_compare_exchange_n(&inp->inp_refcount, &refs, refs + 1,
		true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		continue;
	return (refs != 0);
}

void
in_pcbref(struct inpcb *inp)
{

	if (!ref_unless_zero(inp))
		ukern_panic("in_pcbref of an inpcb that was freed");
}

/* Returns whether it was the last reference; then the lock is gone too. */
static bool
release_ref(struct inpcb *inp)
{

	ukern_lock_assert_held(&inp->inp_lock.lock);
	if (__atomic_sub_fetch(&inp->inp_refcount, 1, __ATOMIC_ACQ_REL) != 0)
		return (false);
	MPASS(inp->inp_freed);
	INP_RUNLOCK(inp);
	free_later(inp);
	return (true);
}

bool
in_pcbrele_rlocked(struct inpcb *inp)
{
	return (release_ref(inp));
}

/* ---- The walk ---- */

static struct inpcb *
first_of(const struct inpcbinfo *info)
{

	return (__atomic_load_n(&info->ipi_first, __ATOMIC_ACQUIRE));
}

static struct inpcb *
next_of(const struct inpcb *inp)
{

	return (__atomic_load_n(&inp->inp_next_in_list, __ATOMIC_ACQUIRE));
}

void
ukern_set_contention(unsigned int every)
{

	__atomic_store_n(&contention, every, __ATOMIC_RELAXED);
}

static bool
try_at_once(struct inpcb *inp)
{
	static unsigned int tries; /* atomic */
	unsigned int every = __atomic_load_n(&contention, __ATOMIC_RELAXED);

	if (every != 0 &&
	    __atomic_add_fetch(&tries, 1, __ATOMIC_RELAXED) % every == 0)
		return (false);
	return (ukern_lock_try(&inp->inp_lock.lock, UKERN_SHARED));
}

/*
 * Lock an entry that was seen in an SMR section, which is left, where the
 * entry was locked as well as where it was freed meanwhile.
 */
static bool
lock_entry(struct inpcb *inp)
{

	__atomic_add_fetch(&ukern_walk_locks, 1, __ATOMIC_RELAXED);
	if (try_at_once(inp)) {
		smr_exit();
	} else {
		if (!ref_unless_zero(inp)) {
			smr_exit();
			return (false);
		}
		smr_exit();
		if (ukern_hook_contended != NULL)
			ukern_hook_contended(inp);
		INP_RLOCK(inp);
		if (release_ref(inp))
			return (false);
	}
	if (inp->inp_freed) {
		INP_RUNLOCK(inp);
		return (false);
	}
	return (true);
}

static struct inpcb *
step(struct inpcb *inp)
{

	if (inp != NULL)
		__atomic_add_fetch(&ukern_walk_steps, 1, __ATOMIC_RELAXED);
	return (inp);
}

/*
 * The first call.  What could not be locked makes it begin again, behind the
 * entry that by then is the head: the kernel does that too.
 */
static struct inpcb *
first_match(struct inpcb_iterator *iterator)
{
	struct inpcb *inp;

	smr_enter();
	for (inp = step(first_of(iterator->ipi)); inp != NULL;
	     inp = step(next_of(inp))) {
		if (!iterator->match(inp, iterator->ctx))
			continue;
		if (lock_entry(inp))
			return (inp);
		smr_enter();
		inp = first_of(iterator->ipi);
		if (inp == NULL)
			break;
	}
	smr_exit();
	return (NULL);
}

/* From a locked entry on, which stays locked until the next one is. */
static struct inpcb *
next_match(struct inpcb_iterator *iterator)
{
	struct inpcb *inp;

	smr_enter();
	for (inp = step(next_of(iterator->inp)); inp != NULL;
	     inp = step(next_of(inp))) {
		if (!iterator->match(inp, iterator->ctx))
			continue;
		if (lock_entry(inp))
			return (inp);
		smr_enter();
		inp = iterator->inp;
	}
	smr_exit();
	return (NULL);
}

struct inpcb *
inp_next(struct inpcb_iterator *iterator)
{
	struct inpcb *inp, *before = iterator->inp;

	MPASS(iterator->lock == INPLOOKUP_RLOCKPCB);
	if (before == NULL) {
		inp = first_match(iterator);
	} else {
		ukern_lock_assert_held(&before->inp_lock.lock);
		inp = next_match(iterator);
		INP_RUNLOCK(before);
	}
	iterator->inp = inp;
	return (inp);
}

int
cr_canseeinpcb(struct ucred *cred, struct inpcb *inp)
{

	INP_LOCK_ASSERT(inp);
	if (inp->inp_freed)
		ukern_panic("the credential of a freed inpcb");
	return (cred->cr_prison->pr_jailed &&
		    cred->cr_prison != inp->inp_cred->cr_prison ?
		ENOENT :
		0);
}

/* ---- Coming and going ---- */

/* With the list locked; who takes a snapshot or a count looks without. */
UKERN_MEANT_TO_RACE static uint64_t
count_change(struct inpcbinfo *info, int entries)
{

	info->ipi_count += (u_int)entries;
	return (++info->ipi_gencnt);
}

void
ukern_inpcb_insert(struct inpcb *inp)
{
	struct inpcbinfo *info = &CRED_TO_VNET(inp->inp_cred)->tcbinfo;

	__atomic_add_fetch(&inpcb_count, 1, __ATOMIC_RELAXED);
	inp->inp_pcbinfo = info;
	ukern_lock_acquire(&info->ipi_lock, UKERN_EXCLUSIVE);
	inp->inp_gencnt = count_change(info, 1);
	inp->inp_next_in_list = info->ipi_first;
	if (info->ipi_first != NULL)
		info->ipi_first->inp_prev_in_list = inp;
	__atomic_store_n(&info->ipi_first, inp, __ATOMIC_RELEASE);
	ukern_lock_release(&info->ipi_lock);
}

/* The entry's own link stays, for those who stand at it. */
static void
unlink_inpcb(struct inpcb *inp)
{
	struct inpcbinfo *info = inp->inp_pcbinfo;
	struct inpcb *next;

	ukern_lock_acquire(&info->ipi_lock, UKERN_EXCLUSIVE);
	(void)count_change(info, -1);
	next = inp->inp_next_in_list;
	if (next != NULL)
		next->inp_prev_in_list = inp->inp_prev_in_list;
	__atomic_store_n(inp->inp_prev_in_list == NULL ?
		&info->ipi_first :
		&inp->inp_prev_in_list->inp_next_in_list,
	    next, __ATOMIC_RELEASE);
	ukern_lock_release(&info->ipi_lock);
}

void
ukern_socket_free(struct inpcb *inp)
{

	INP_WLOCK(inp);
	inp->inp_freed = true;
	unlink_inpcb(inp);
	ukern_release(inp->inp_socket);
	inp->inp_socket = NULL;
	if (!release_ref(inp))
		INP_WUNLOCK(inp);
	ukern_reclaim();
}
