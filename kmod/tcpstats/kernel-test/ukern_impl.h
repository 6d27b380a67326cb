/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What the files of the user-space kernel share, the module apart.
 */
#ifndef _UKERN_IMPL_H_
#define _UKERN_IMPL_H_

#include <sys/types.h>

struct inpcb;

/*
 * A function whose loads and stores race with others' as the kernel means
 * them to, and which ThreadSanitizer is not to see.
 */
#define UKERN_MEANT_TO_RACE __attribute__((noinline, no_sanitize("thread")))

/* Memory of the stand-ins themselves, zeroed. */
void *ukern_calloc(size_t size);
void ukern_release(void *memory);

/* Each system call begins and ends with these. */
void ukern_syscall_enter(void);
void ukern_syscall_leave(const char *name);

/* Give an inpcb its number, and put it at the head of its list. */
void ukern_inpcb_insert(struct inpcb *inp);

/* The module comes and goes. */
void ukern_malloc_types_ready(bool ready);
void ukern_static_oids_ready(bool ready);

#endif /* !_UKERN_IMPL_H_ */
