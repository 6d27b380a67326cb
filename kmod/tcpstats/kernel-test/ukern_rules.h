/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The rules of the kernel, and the locks that they are about.  Whoever breaks
 * one gets a line on stderr and an abort(3).
 */
#ifndef _UKERN_RULES_H_
#define _UKERN_RULES_H_

#include <sys/types.h>

#include <pthread.h>

_Noreturn void ukern_panic(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

enum ukern_lock_kind { UKERN_MTX, UKERN_RW, UKERN_SX };
enum ukern_lock_mode { UKERN_SHARED, UKERN_EXCLUSIVE };

struct ukern_lock {
	pthread_rwlock_t rwlock;
	const char *name;
	enum ukern_lock_kind kind;
	unsigned int class;
	bool alive;
};

void ukern_lock_init(struct ukern_lock *lock, const char *name,
    enum ukern_lock_kind kind);
void ukern_lock_destroy(struct ukern_lock *lock);
void ukern_lock_acquire(struct ukern_lock *lock, enum ukern_lock_mode mode);
bool ukern_lock_try(struct ukern_lock *lock, enum ukern_lock_mode mode);
/* Returns 0, or EINTR where a signal came first. */
int ukern_lock_acquire_sig(struct ukern_lock *lock);
void ukern_lock_release(struct ukern_lock *lock);
void ukern_lock_assert_held(const struct ukern_lock *lock);
/* Give the lock up until wakeup(channel). */
int ukern_sleep(const void *channel, struct ukern_lock *lock,
    const char *message);
/* Locks that were not destroyed yet. */
unsigned int ukern_locks_alive(void);

/*
 * Classes of locks, by name, have an order, which is that in which they were
 * taken first.  What waits for code to finish as for a lock, as a removal
 * waits for a handler, takes part: the code is as if it held the class.
 */
unsigned int ukern_class(const char *name);
void ukern_class_enter(unsigned int class);
void ukern_class_leave(unsigned int class);
/* May the thread wait for code of the class? */
void ukern_class_wait(unsigned int class, const char *what);

/* The thread is about to sleep, yield or touch user memory. */
void ukern_may_sleep(const char *what);
/* The thread goes back to the user. */
void ukern_holds_nothing(const char *what);
void ukern_smr_entered(bool entered);

/* Is this call of a function that can fail the one that is to? */
bool ukern_fault(const char *site);

#endif /* !_UKERN_RULES_H_ */
