/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: taskqueue(9), of one thread.
 */
#ifndef _SYS_TASKQUEUE_H_
#define _SYS_TASKQUEUE_H_

#include <sys/types.h>

struct taskqueue;

typedef void task_fn_t(void *context, int pending);

struct task {
	task_fn_t *ta_func;
	void *ta_context;
};

#define TASK_INIT(var, priority, func, context) \
	(*(var) = (struct task) { (func), (context) })
#define taskqueue_thread_enqueue NULL

struct taskqueue *taskqueue_create(const char *name, int mflags, void *enqueue,
    void *context);
int taskqueue_start_threads(struct taskqueue **queue, int count, int priority,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
int taskqueue_enqueue(struct taskqueue *queue, struct task *task);
void taskqueue_drain(struct taskqueue *queue, struct task *task);
void taskqueue_free(struct taskqueue *queue);

#endif /* !_SYS_TASKQUEUE_H_ */
