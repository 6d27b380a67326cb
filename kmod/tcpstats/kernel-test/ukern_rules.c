/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The rules of the kernel.
 */
#include "ukern_rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ukern.h"

#define MAX_CLASSES 64
#define MAX_HELD 16

struct held {
	const struct ukern_lock *lock; /* NULL for the class alone */
	unsigned int class;
	bool sleepable;
};

static _Thread_local struct held held[MAX_HELD];
static _Thread_local unsigned int held_count;
static _Thread_local bool in_smr;

static pthread_mutex_t classes_mutex = PTHREAD_MUTEX_INITIALIZER;
static char class_names[MAX_CLASSES][64];
static unsigned int class_count;
/* Is the first taken before the second, directly or not?  Atomic. */
static bool taken_before[MAX_CLASSES][MAX_CLASSES];
static unsigned int locks_alive; /* atomic */

static long fault_countdown; /* atomic */
static const char *fault_site;

_Noreturn void
ukern_panic(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "panic: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	for (unsigned int i = 0; i < held_count; i++)
		fprintf(stderr, "panic: holding %s\n",
		    class_names[held[i].class]);
	abort();
}

/* ---- Classes and their order ---- */

unsigned int
ukern_class(const char *name)
{
	unsigned int class;

	pthread_mutex_lock(&classes_mutex);
	for (class = 0; class < class_count; class ++)
		if (strcmp(class_names[class], name) == 0)
			break;
	if (class == MAX_CLASSES)
		ukern_panic("more than %d classes of locks", MAX_CLASSES);
	if (class == class_count)
		snprintf(class_names[class_count++], sizeof(class_names[0]),
		    "%s", name);
	pthread_mutex_unlock(&classes_mutex);
	return (class);
}

static bool
is_before(unsigned int first, unsigned int second)
{

	return (
	    __atomic_load_n(&taken_before[first][second], __ATOMIC_RELAXED));
}

/* All that comes before first is from now on before all that is after second.
 */
static void
learn_order(unsigned int first, unsigned int second)
{

	pthread_mutex_lock(&classes_mutex);
	for (unsigned int i = 0; i < MAX_CLASSES; i++)
		for (unsigned int j = 0; j < MAX_CLASSES; j++)
			if ((i == first || is_before(i, first)) &&
			    (j == second || is_before(second, j)))
				__atomic_store_n(&taken_before[i][j], true,
				    __ATOMIC_RELAXED);
	pthread_mutex_unlock(&classes_mutex);
}

/*
 * No mutex is taken where the order is known already, as it would order
 * threads that race in the eyes of ThreadSanitizer.
 */
static void
check_order(unsigned int class, bool duplicates, const char *what)
{
	unsigned int other;

	for (unsigned int i = 0; i < held_count; i++) {
		other = held[i].class;
		if (other == class && duplicates)
			continue;
		if (other == class || is_before(class, other))
			ukern_panic("%s %s: lock order reversal with %s", what,
			    class_names[class], class_names[other]);
		if (!is_before(other, class))
			learn_order(other, class);
	}
}

static void
push(const struct ukern_lock *lock, unsigned int class, bool sleepable)
{

	if (held_count == MAX_HELD)
		ukern_panic("more than %d locks held", MAX_HELD);
	held[held_count++] = (struct held) { lock, class, sleepable };
}

static void
pop(const struct ukern_lock *lock, unsigned int class)
{
	unsigned int i = held_count;

	while (
	    i > 0 && (held[i - 1].lock != lock || held[i - 1].class != class))
		i--;
	if (i == 0)
		ukern_panic("%s released that is not held", class_names[class]);
	memmove(&held[i - 1], &held[i], (held_count - i) * sizeof(held[0]));
	held_count--;
}

void
ukern_class_enter(unsigned int class)
{
	push(NULL, class, true);
}

void
ukern_class_leave(unsigned int class)
{
	pop(NULL, class);
}

void
ukern_class_wait(unsigned int class, const char *what)
{

	ukern_may_sleep(what);
	check_order(class, false, what);
}

/* ---- What may be done when ---- */

void
ukern_may_sleep(const char *what)
{

	if (in_smr)
		ukern_panic("%s within an SMR section", what);
	for (unsigned int i = 0; i < held_count; i++)
		if (!held[i].sleepable)
			ukern_panic("%s with %s held", what,
			    class_names[held[i].class]);
}

void
ukern_holds_nothing(const char *what)
{

	if (held_count != 0 || in_smr)
		ukern_panic("%s returns with something held", what);
}

void
ukern_smr_entered(bool entered)
{

	if (entered == in_smr)
		ukern_panic("SMR sections do not nest");
	in_smr = entered;
}

/* ---- Locks ---- */

void
ukern_lock_init(struct ukern_lock *lock, const char *name,
    enum ukern_lock_kind kind)
{

	memset(lock, 0, sizeof(*lock));
	pthread_rwlock_init(&lock->rwlock, NULL);
	lock->name = name;
	lock->kind = kind;
	lock->class = ukern_class(name);
	lock->alive = true;
	__atomic_add_fetch(&locks_alive, 1, __ATOMIC_RELAXED);
}

void
ukern_lock_destroy(struct ukern_lock *lock)
{

	if (!lock->alive || pthread_rwlock_trywrlock(&lock->rwlock) != 0)
		ukern_panic("%s destroyed that is held or none", lock->name);
	pthread_rwlock_unlock(&lock->rwlock);
	pthread_rwlock_destroy(&lock->rwlock);
	lock->alive = false;
	__atomic_sub_fetch(&locks_alive, 1, __ATOMIC_RELAXED);
}

unsigned int
ukern_locks_alive(void)
{

	return (__atomic_load_n(&locks_alive, __ATOMIC_RELAXED));
}

static void
before_lock(const struct ukern_lock *lock)
{

	if (!lock->alive)
		ukern_panic("a lock taken that is none");
	if (in_smr)
		ukern_panic("%s waited for within an SMR section", lock->name);
	if (lock->kind == UKERN_SX)
		ukern_may_sleep("sx_xlock");
	/* Inpcbs, which alone have one, are handed over from one to another. */
	check_order(lock->class, lock->kind == UKERN_RW, "lock");
}

void
ukern_lock_acquire(struct ukern_lock *lock, enum ukern_lock_mode mode)
{

	before_lock(lock);
	if (mode == UKERN_SHARED)
		pthread_rwlock_rdlock(&lock->rwlock);
	else
		pthread_rwlock_wrlock(&lock->rwlock);
	push(lock, lock->class, lock->kind == UKERN_SX);
}

bool
ukern_lock_try(struct ukern_lock *lock, enum ukern_lock_mode mode)
{
	int busy;

	if (mode == UKERN_SHARED)
		busy = pthread_rwlock_tryrdlock(&lock->rwlock);
	else
		busy = pthread_rwlock_trywrlock(&lock->rwlock);
	if (busy == 0)
		push(lock, lock->class, lock->kind == UKERN_SX);
	return (busy == 0);
}

int
ukern_lock_acquire_sig(struct ukern_lock *lock)
{

	before_lock(lock);
	if (ukern_fault("sx_xlock_sig"))
		return (EINTR);
	while (!ukern_lock_try(lock, UKERN_EXCLUSIVE)) {
		if (ukern_signal_pending())
			return (EINTR);
		sched_yield();
	}
	return (0);
}

void
ukern_lock_release(struct ukern_lock *lock)
{

	pop(lock, lock->class);
	pthread_rwlock_unlock(&lock->rwlock);
}

void
ukern_lock_assert_held(const struct ukern_lock *lock)
{

	for (unsigned int i = 0; i < held_count; i++)
		if (held[i].lock == lock)
			return;
	ukern_panic("%s is not held", lock->name);
}

/* ---- Faults ---- */

void
ukern_fault_arm(unsigned long nth)
{

	fault_site = NULL;
	__atomic_store_n(&fault_countdown, (long)nth, __ATOMIC_RELAXED);
}

const char *
ukern_fault_disarm(void)
{

	__atomic_store_n(&fault_countdown, 0, __ATOMIC_RELAXED);
	return (fault_site);
}

bool
ukern_fault(const char *site)
{

	if (__atomic_load_n(&fault_countdown, __ATOMIC_RELAXED) <= 0 ||
	    __atomic_sub_fetch(&fault_countdown, 1, __ATOMIC_RELAXED) != 0)
		return (false);
	fault_site = site;
	return (true);
}
