/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The module's coming and going, and its taskqueue.
 */
#include <sys/malloc.h>
#include <sys/module.h>
#include <sys/systm.h>
#include <sys/taskqueue.h>

#include "ukern.h"
#include "ukern_impl.h"

/* ---- Taskqueue ---- */

struct taskqueue {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	pthread_t thread;
	bool started;
	bool stopping;
	struct task *queued; /* one is enough here */
	struct task *running;
};

MALLOC_DEFINE(M_TASKQUEUE, "taskqueue", "taskqueues");

/* A task that runs, which a drain waits for. */
static unsigned int task_class;

__attribute__((constructor)) static void
init_class(void)
{

	task_class = ukern_class("task");
}

struct taskqueue *
taskqueue_create(const char *name __unused, int mflags, void *enqueue __unused,
    void *context __unused)
{
	struct taskqueue *queue;

	queue = malloc(sizeof(*queue), M_TASKQUEUE, mflags | M_ZERO);
	pthread_mutex_init(&queue->mutex, NULL);
	pthread_cond_init(&queue->cond, NULL);
	return (queue);
}

static void
run_task(struct task *task)
{

	ukern_syscall_enter();
	ukern_class_enter(task_class);
	task->ta_func(task->ta_context, 1);
	ukern_class_leave(task_class);
	ukern_syscall_leave("a task");
}

static void *
serve(void *arg)
{
	struct taskqueue *queue = arg;

	pthread_mutex_lock(&queue->mutex);
	for (;;) {
		while (queue->queued == NULL && !queue->stopping)
			pthread_cond_wait(&queue->cond, &queue->mutex);
		if (queue->queued == NULL)
			break;
		queue->running = queue->queued;
		queue->queued = NULL;
		pthread_mutex_unlock(&queue->mutex);
		run_task(queue->running);
		pthread_mutex_lock(&queue->mutex);
		queue->running = NULL;
		pthread_cond_broadcast(&queue->cond);
	}
	pthread_mutex_unlock(&queue->mutex);
	return (NULL);
}

int
taskqueue_start_threads(struct taskqueue **queue, int count,
    int priority __unused, const char *format __unused, ...)
{

	MPASS(count == 1);
	if (ukern_fault("taskqueue_start_threads"))
		return (ENOMEM);
	(*queue)->started = true;
	return (pthread_create(&(*queue)->thread, NULL, serve, *queue));
}

int
taskqueue_enqueue(struct taskqueue *queue, struct task *task)
{

	pthread_mutex_lock(&queue->mutex);
	MPASS(queue->queued == NULL || queue->queued == task);
	queue->queued = task;
	pthread_cond_broadcast(&queue->cond);
	pthread_mutex_unlock(&queue->mutex);
	return (0);
}

void
taskqueue_drain(struct taskqueue *queue, struct task *task)
{

	ukern_class_wait(task_class, "taskqueue_drain");
	pthread_mutex_lock(&queue->mutex);
	while (queue->queued == task || queue->running == task)
		pthread_cond_wait(&queue->cond, &queue->mutex);
	pthread_mutex_unlock(&queue->mutex);
}

void
taskqueue_free(struct taskqueue *queue)
{

	ukern_class_wait(task_class, "taskqueue_free");
	pthread_mutex_lock(&queue->mutex);
	queue->stopping = true;
	pthread_cond_broadcast(&queue->cond);
	pthread_mutex_unlock(&queue->mutex);
	if (queue->started)
		pthread_join(queue->thread, NULL);
	pthread_cond_destroy(&queue->cond);
	pthread_mutex_destroy(&queue->mutex);
	free(queue, M_TASKQUEUE);
}

/* ---- The module ---- */

static modeventhand_t *event_handler;
static pthread_mutex_t kld_mutex = PTHREAD_MUTEX_INITIALIZER;
static bool loaded;

void
ukern_register_module(modeventhand_t *handler)
{

	MPASS(event_handler == NULL);
	event_handler = handler;
}

/* What is part of the module's file comes before it runs, and goes after. */
static void
link_module(bool in)
{

	if (in)
		ukern_malloc_types_ready(true);
	ukern_static_oids_ready(in);
	if (!in)
		ukern_malloc_types_ready(false);
	if (!in && ukern_nodes() != 0)
		ukern_panic("%u device nodes outlive the module",
		    ukern_nodes());
}

static int
load(void)
{
	int error;

	if (loaded)
		return (EEXIST);
	link_module(true);
	error = event_handler(NULL, MOD_LOAD, NULL);
	if (error != 0) {
		(void)event_handler(NULL, MOD_UNLOAD, NULL);
		link_module(false);
	}
	loaded = error == 0;
	return (error);
}

static int
unload(bool force)
{
	int error;

	if (!loaded)
		return (ENOENT);
	error = event_handler(NULL, MOD_QUIESCE, NULL);
	if (error != 0 && !force)
		return (error);
	error = event_handler(NULL, MOD_UNLOAD, NULL);
	if (error != 0)
		return (error);
	link_module(false);
	loaded = false;
	return (0);
}

int
ukern_kldload(void)
{
	int error;

	ukern_syscall_enter();
	pthread_mutex_lock(&kld_mutex);
	error = load();
	pthread_mutex_unlock(&kld_mutex);
	ukern_syscall_leave("kldload");
	return (error);
}

int
ukern_kldunload(bool force)
{
	int error;

	ukern_syscall_enter();
	pthread_mutex_lock(&kld_mutex);
	error = unload(force);
	pthread_mutex_unlock(&kld_mutex);
	ukern_syscall_leave("kldunload");
	return (error);
}
