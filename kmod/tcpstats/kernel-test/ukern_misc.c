/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Threads, credentials, time, memory, strings, counters, probes.
 */
#include <sys/counter.h>
#include <sys/jail.h>
#include <sys/kernel.h>
#include <sys/malloc.h>
#include <sys/priv.h>
#include <sys/proc.h>
#include <sys/sbuf.h>
#include <sys/sdt.h>
#include <sys/signalvar.h>
#include <sys/smr.h>
#include <sys/systm.h>
#include <sys/time.h>
#include <sys/ucred.h>
#include <sys/uio.h>

#include <netinet/in.h>
#include <netinet6/scope6_var.h>

#include <stdarg.h>

#include "ukern.h"
#include "ukern_impl.h"

#define MAX_TYPES 4
#define MAX_PROBES 16

int hz = 1000;
int tick = 1000;
int ticks = 1000000;

/* ---- Threads and credentials ---- */

static struct ucred root_cred = { .cr_ref = 1, .cr_prison = &prison0 };
struct ucred *const ukern_root = &root_cred;

static _Thread_local struct thread thread;
static _Thread_local struct ucred *thread_cred;
static _Thread_local bool signal_pending;

struct thread *
ukern_curthread(void)
{

	return (&thread);
}

void
ukern_set_cred(struct ucred *cred)
{
	thread_cred = cred;
}

void
ukern_syscall_enter(void)
{

	thread.td_ucred = thread_cred == NULL ? ukern_root : thread_cred;
}

void
ukern_syscall_leave(const char *name)
{
	struct ucred *cred = thread_cred == NULL ? ukern_root : thread_cred;

	ukern_holds_nothing(name);
	if (thread.td_vnet != NULL)
		ukern_panic("%s returns within a vnet", name);
	if (thread.td_ucred != cred)
		ukern_panic("%s returns with another's credential", name);
}

struct ucred *
ukern_new_cred(uid_t uid, gid_t gid, struct prison *prison)
{
	struct ucred *cred = ukern_calloc(sizeof(*cred));

	*cred = (struct ucred) { .cr_ref = 1,
		.cr_uid = uid,
		.cr_gid = gid,
		.cr_prison = prison };
	return (cred);
}

struct ucred *
crhold(struct ucred *cred)
{

	__atomic_add_fetch(&cred->cr_ref, 1, __ATOMIC_RELAXED);
	return (cred);
}

void
crfree(struct ucred *cred)
{
	u_int refs = __atomic_sub_fetch(&cred->cr_ref, 1, __ATOMIC_ACQ_REL);

	if (refs == 0 && cred == ukern_root)
		ukern_panic("the super-user's credential freed");
	if (refs == 0)
		ukern_release(cred);
}

int
priv_check_cred(struct ucred *cred, int priv __unused)
{

	return (cred->cr_uid == 0 && !cred->cr_prison->pr_jailed ? 0 : EPERM);
}

void
ukern_set_signal(bool pending)
{
	signal_pending = pending;
}

bool
ukern_signal_pending(void)
{
	return (signal_pending);
}

int
sig_intr(void)
{
	return (signal_pending ? EINTR : 0);
}

void (*ukern_hook_yield)(void);

void
maybe_yield(void)
{

	ukern_may_sleep("maybe_yield");
	if (ukern_hook_yield != NULL)
		ukern_hook_yield();
	else
		sched_yield();
}

/* ---- Sleep and wakeup ---- */

static pthread_mutex_t sleep_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sleep_cond = PTHREAD_COND_INITIALIZER;
static uint64_t wakeups;

/* Whoever sleeps looks again at what for, whichever channel was woken. */
int
ukern_sleep(const void *channel __unused, struct ukern_lock *lock,
    const char *message)
{
	uint64_t before;

	ukern_lock_assert_held(lock);
	ukern_may_sleep(message);
	pthread_mutex_lock(&sleep_mutex);
	before = wakeups;
	ukern_lock_release(lock);
	while (wakeups == before)
		pthread_cond_wait(&sleep_cond, &sleep_mutex);
	pthread_mutex_unlock(&sleep_mutex);
	ukern_lock_acquire(lock, UKERN_EXCLUSIVE);
	return (0);
}

void
wakeup(const void *channel __unused)
{

	pthread_mutex_lock(&sleep_mutex);
	wakeups++;
	pthread_cond_broadcast(&sleep_cond);
	pthread_mutex_unlock(&sleep_mutex);
}

/* ---- Time ---- */

static uint64_t clock_ns = UINT64_C(1000000000000); /* atomic */
static uint64_t clock_step = 1000;		    /* atomic */

void
ukern_set_clock_step(uint64_t ns)
{

	__atomic_store_n(&clock_step, ns, __ATOMIC_RELAXED);
}

void
ukern_advance_clock(uint64_t ns)
{

	__atomic_add_fetch(&clock_ns, ns, __ATOMIC_RELAXED);
}

sbintime_t
sbinuptime(void)
{
	uint64_t now = __atomic_add_fetch(&clock_ns,
	    __atomic_load_n(&clock_step, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
	uint64_t part = now % 1000000000;

	/* Rounded up, that sbttons() gives the very number again. */
	return ((sbintime_t)((now / 1000000000) << 32) +
	    (sbintime_t)(((part << 32) + 999999999) / 1000000000));
}

/* ---- User memory ---- */

void (*ukern_hook_copyout)(void);

int
uiomove(void *data, int len, struct uio *uio)
{
	ssize_t moved = MIN((ssize_t)len, uio->uio_resid);
	bool faults;

	ukern_may_sleep("uiomove");
	if (ukern_hook_copyout != NULL)
		ukern_hook_copyout();
	if (ukern_fault("uiomove"))
		return (EFAULT);
	faults = moved > uio->uio_good;
	if (faults)
		moved = uio->uio_good;
	memcpy(uio->uio_base, data, (size_t)moved);
	uio->uio_base += moved;
	uio->uio_resid -= moved;
	uio->uio_offset += moved;
	uio->uio_good -= moved;
	return (faults ? EFAULT : 0);
}

/* ---- Strings ---- */

size_t
strlcpy(char *dst, const char *src, size_t size)
{
	size_t len = strlen(src), copied = MIN(len, size - 1);

	memcpy(dst, src, copied);
	dst[copied] = '\0';
	return (len);
}

struct sbuf {
	char *text;
	size_t len;
	bool failed;
};

MALLOC_DEFINE(M_SBUF, "sbuf", "strings that grow");

struct sbuf *
sbuf_new_auto(void)
{

	return (malloc(sizeof(struct sbuf), M_SBUF, M_WAITOK | M_ZERO));
}

int
sbuf_printf(struct sbuf *sbuf, const char *format, ...)
{
	char piece[1024], *text;
	va_list args;
	size_t len;

	va_start(args, format);
	len = (size_t)vsnprintf(piece, sizeof(piece), format, args);
	va_end(args);
	MPASS(len < sizeof(piece));
	sbuf->failed |= ukern_fault("sbuf_printf");
	text = malloc(sbuf->len + len + 1, M_SBUF, M_WAITOK);
	if (sbuf->len > 0)
		memcpy(text, sbuf->text, sbuf->len);
	memcpy(text + sbuf->len, piece, len + 1);
	free(sbuf->text, M_SBUF);
	sbuf->text = text;
	sbuf->len += len;
	return (0);
}

ssize_t
sbuf_len(struct sbuf *sbuf)
{
	return ((ssize_t)sbuf->len);
}

int
sbuf_finish(struct sbuf *sbuf)
{
	return (sbuf->failed ? ENOMEM : 0);
}

char *
sbuf_data(struct sbuf *sbuf)
{
	static char empty[] = "";

	return (sbuf->len == 0 ? empty : sbuf->text);
}

void
sbuf_delete(struct sbuf *sbuf)
{

	free(sbuf->text, M_SBUF);
	free(sbuf, M_SBUF);
}

/* As the kernel does it: the zone is in the second 16 bits of fe80::/10. */
int
in6_clearscope(struct in6_addr *addr)
{

	if (addr->s6_addr[0] == 0xfe && (addr->s6_addr[1] & 0xc0) == 0x80) {
		addr->s6_addr[2] = 0;
		addr->s6_addr[3] = 0;
	}
	return (0);
}

/* ---- Counters ---- */

MALLOC_DEFINE(M_COUNTER, "counter", "counters");

counter_u64_t
counter_u64_alloc(int flags)
{

	return (malloc(sizeof(uint64_t), M_COUNTER, flags | M_ZERO));
}

void
counter_u64_free(counter_u64_t counter)
{
	free(counter, M_COUNTER);
}

void
counter_u64_add(counter_u64_t counter, int64_t value)
{

	__atomic_add_fetch(counter, (uint64_t)value, __ATOMIC_RELAXED);
}

uint64_t
counter_u64_fetch(counter_u64_t counter)
{

	return (__atomic_load_n(counter, __ATOMIC_RELAXED));
}

/* ---- Probes ---- */

bool sdt_probes_enabled;

static struct sdt_probe *probes[MAX_PROBES];
static unsigned int probe_count;

void
ukern_register_probe(struct sdt_probe *probe)
{

	if (probe_count == MAX_PROBES)
		ukern_panic("more than %d probes", MAX_PROBES);
	probes[probe_count++] = probe;
}

void
ukern_probe_fire(struct sdt_probe *probe, uintptr_t arg0, uintptr_t arg1,
    uintptr_t arg2)
{

	__atomic_add_fetch(&probe->fired, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&probe->args[0], arg0, __ATOMIC_RELAXED);
	__atomic_store_n(&probe->args[1], arg1, __ATOMIC_RELAXED);
	__atomic_store_n(&probe->args[2], arg2, __ATOMIC_RELAXED);
}

void
ukern_enable_probes(bool enable)
{

	sdt_probes_enabled = enable;
	for (unsigned int i = 0; i < probe_count; i++)
		probes[i]->fired = 0;
}

static const struct sdt_probe *
find_probe(const char *name)
{

	for (unsigned int i = 0; i < probe_count; i++)
		if (strcmp(probes[i]->name, name) == 0)
			return (probes[i]);
	ukern_panic("there is no probe %s", name);
}

unsigned int
ukern_probe_count(const char *name)
{

	return (find_probe(name)->fired);
}

uintptr_t
ukern_probe_arg(const char *name, unsigned int number)
{

	return (find_probe(name)->args[number]);
}
