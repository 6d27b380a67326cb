/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The sysctl tree.  A removal waits for the handlers that run on what is
 * removed, if that is dynamic; what is static goes with the module, handlers
 * or none.
 */
#include <sys/proc.h>
#include <sys/sysctl.h>
#include <sys/systm.h>
#include <sys/ucred.h>

#include "ukern.h"
#include "ukern_impl.h"

#define MAX_STATIC_OIDS 8
#define MAX_PATH_LEN 128

MALLOC_DEFINE(M_SYSCTLOID, "sysctloid", "sysctls");

struct sysctl_oid sysctl___dev = { .oid_kind = CTLTYPE_NODE | CTLFLAG_RW,
	.oid_name = "dev" };

static pthread_mutex_t tree_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t tree_cond = PTHREAD_COND_INITIALIZER;
static struct sysctl_oid *static_oids[MAX_STATIC_OIDS];
static unsigned int static_oid_count;
static bool static_oids_ready;
static unsigned int dynamic_oids;

/* ---- The tree ---- */

void
ukern_register_oid(struct sysctl_oid *oid)
{

	if (static_oid_count == MAX_STATIC_OIDS)
		ukern_panic("more than %d static sysctls", MAX_STATIC_OIDS);
	static_oids[static_oid_count++] = oid;
}

void
ukern_static_oids_ready(bool ready)
{
	struct sysctl_oid *oid;

	pthread_mutex_lock(&tree_mutex);
	static_oids_ready = ready;
	for (unsigned int i = 0; i < static_oid_count; i++) {
		oid = static_oids[i];
		if (ready) {
			SLIST_INSERT_HEAD(&oid->oid_parent->oid_children, oid,
			    oid_link);
			continue;
		}
		if (oid->oid_running != 0)
			ukern_panic("sysctl %s goes under its handler",
			    oid->oid_name);
		SLIST_REMOVE(&oid->oid_parent->oid_children, oid, sysctl_oid,
		    oid_link);
	}
	pthread_mutex_unlock(&tree_mutex);
	if (!ready && dynamic_oids != 0)
		ukern_panic("%u sysctls outlive the module", dynamic_oids);
}

static struct sysctl_oid *
find_child(const struct sysctl_oid_list *parent, const char *name, size_t len)
{
	struct sysctl_oid *oid;

	SLIST_FOREACH(oid, parent, oid_link)
	if (strncmp(oid->oid_name, name, len) == 0 &&
	    oid->oid_name[len] == '\0')
		break;
	return (oid);
}

static struct sysctl_oid *
find_oid(const char *path)
{
	const struct sysctl_oid_list *children = &sysctl___dev.oid_children;
	struct sysctl_oid *oid;
	size_t len;

	if (strncmp(path, "dev.", 4) != 0)
		return (NULL);
	for (path += 4;; path += len + 1) {
		len = strcspn(path, ".");
		oid = find_child(children, path, len);
		if (oid == NULL || path[len] == '\0')
			return (oid);
		children = &oid->oid_children;
	}
}

/* A removal waits for the handler as for a lock. */
static unsigned int
handler_class(sysctl_handler_t *handler)
{
	char name[64];

	snprintf(name, sizeof(name), "sysctl handler %p",
	    (void *)(uintptr_t)handler);
	return (ukern_class(name));
}

struct sysctl_oid *
sysctl_add_oid(struct sysctl_ctx_list *ctx, struct sysctl_oid_list *parent,
    const char *name, u_int kind, void *arg1, intmax_t arg2,
    sysctl_handler_t *handler, const char *fmt, const char *descr)
{
	struct sysctl_ctx_entry *entry;
	struct sysctl_oid *oid;

	MPASS(descr[0] != '\0');
	ukern_may_sleep("sysctl_add_oid");
	if (ukern_fault("sysctl_add_oid"))
		return (NULL);
	oid = malloc(sizeof(*oid), M_SYSCTLOID, M_WAITOK | M_ZERO);
	strlcpy(oid->oid_name, name, sizeof(oid->oid_name));
	oid->oid_kind = kind;
	oid->oid_arg1 = arg1;
	oid->oid_arg2 = arg2;
	oid->oid_handler = handler;
	oid->oid_class = handler_class(handler);
	oid->oid_fmt = fmt;
	oid->oid_descr = descr;
	oid->oid_dynamic = true;
	oid->oid_parent = __containerof(parent, struct sysctl_oid,
	    oid_children);
	pthread_mutex_lock(&tree_mutex);
	if (find_child(parent, name, strlen(name)) != NULL) {
		pthread_mutex_unlock(&tree_mutex);
		free(oid, M_SYSCTLOID);
		return (NULL);
	}
	SLIST_INSERT_HEAD(parent, oid, oid_link);
	dynamic_oids++;
	pthread_mutex_unlock(&tree_mutex);
	if (ctx != NULL) {
		entry = malloc(sizeof(*entry), M_SYSCTLOID, M_WAITOK);
		entry->entry = oid;
		LIST_INSERT_HEAD(ctx, entry, link);
	}
	return (oid);
}

int
sysctl_remove_oid(struct sysctl_oid *oid, int del, int recurse)
{

	MPASS(oid->oid_dynamic && del == 1 && recurse == 0);
	ukern_class_wait(oid->oid_class, "sysctl_remove_oid");
	pthread_mutex_lock(&tree_mutex);
	SLIST_REMOVE(&oid->oid_parent->oid_children, oid, sysctl_oid, oid_link);
	while (oid->oid_running != 0)
		pthread_cond_wait(&tree_cond, &tree_mutex);
	dynamic_oids--;
	pthread_mutex_unlock(&tree_mutex);
	free(oid, M_SYSCTLOID);
	return (0);
}

int
sysctl_ctx_init(struct sysctl_ctx_list *ctx)
{

	LIST_INIT(ctx);
	return (0);
}

int
sysctl_ctx_free(struct sysctl_ctx_list *ctx)
{
	struct sysctl_ctx_entry *entry;

	while ((entry = LIST_FIRST(ctx)) != NULL) {
		LIST_REMOVE(entry, link);
		(void)sysctl_remove_oid(entry->entry, 1, 0);
		free(entry, M_SYSCTLOID);
	}
	return (0);
}

/* ---- Handlers of the kernel's ---- */

/* Numbers are shown and set without any lock of those who use them. */
UKERN_MEANT_TO_RACE static int
load_int(const int *variable)
{

	return (*variable);
}

UKERN_MEANT_TO_RACE static void
store_int(int *variable, int value)
{

	*variable = value;
}

int
sysctl_handle_int(SYSCTL_HANDLER_ARGS)
{
	int error, value = load_int(arg1);

	error = SYSCTL_OUT(req, &value, sizeof(value));
	if (error != 0 || req->newptr == NULL)
		return (error);
	error = SYSCTL_IN(req, &value, sizeof(value));
	if (error == 0)
		store_int(arg1, value);
	return (error);
}

int
sysctl_handle_64(SYSCTL_HANDLER_ARGS)
{
	uint64_t value = __atomic_load_n((uint64_t *)arg1, __ATOMIC_RELAXED);

	return (SYSCTL_OUT(req, &value, sizeof(value)));
}

int
sysctl_handle_counter_u64(SYSCTL_HANDLER_ARGS)
{
	uint64_t value = counter_u64_fetch(*(counter_u64_t *)arg1);

	return (SYSCTL_OUT(req, &value, sizeof(value)));
}

/* ---- The system call ---- */

static int
old_user(struct sysctl_req *req, const void *data, size_t len)
{
	size_t at = req->oldidx, room;

	ukern_may_sleep("SYSCTL_OUT");
	if (ukern_fault("SYSCTL_OUT"))
		return (EFAULT);
	req->oldidx += len;
	if (req->oldptr == NULL)
		return (0);
	room = req->oldlen > at ? req->oldlen - at : 0;
	memcpy((char *)req->oldptr + at, data, MIN(room, len));
	return (room < len ? ENOMEM : 0);
}

void (*ukern_hook_copyin)(void);

static int
new_user(struct sysctl_req *req, void *data, size_t len)
{

	ukern_may_sleep("SYSCTL_IN");
	if (ukern_hook_copyin != NULL)
		ukern_hook_copyin();
	if (ukern_fault("SYSCTL_IN"))
		return (EFAULT);
	if (req->newlen - req->newidx < len)
		return (EINVAL);
	memcpy(data, (const char *)req->newptr + req->newidx, len);
	req->newidx += len;
	return (0);
}

static struct sysctl_oid *
enter_oid(const char *name)
{
	struct sysctl_oid *oid;

	pthread_mutex_lock(&tree_mutex);
	oid = static_oids_ready ? find_oid(name) : NULL;
	if (oid != NULL)
		oid->oid_running++;
	pthread_mutex_unlock(&tree_mutex);
	return (oid);
}

static void
leave_oid(struct sysctl_oid *oid)
{

	pthread_mutex_lock(&tree_mutex);
	oid->oid_running--;
	pthread_cond_broadcast(&tree_cond);
	pthread_mutex_unlock(&tree_mutex);
}

static int
run_handler(struct sysctl_oid *oid, struct sysctl_req *req)
{
	int error;

	if ((oid->oid_kind & CTLTYPE) == CTLTYPE_NODE)
		return (EISDIR);
	if (req->newptr != NULL &&
	    ((oid->oid_kind & CTLFLAG_WR) == 0 ||
		req->td->td_ucred->cr_uid != 0))
		return (EPERM);
	ukern_class_enter(oid->oid_class);
	error = oid->oid_handler(oid, oid->oid_arg1, oid->oid_arg2, req);
	ukern_class_leave(oid->oid_class);
	return (error);
}

int
ukern_sysctl(const char *name, void *old, size_t *old_len, const void *new,
    size_t new_len)
{
	struct sysctl_req req = { .td = curthread,
		.oldptr = old,
		.oldlen = old_len == NULL ? 0 : *old_len,
		.oldfunc = old_user,
		.newptr = new,
		.newlen = new_len,
		.newfunc = new_user };
	struct sysctl_oid *oid;
	int error;

	ukern_syscall_enter();
	oid = enter_oid(name);
	if (oid == NULL)
		return (ENOENT);
	error = run_handler(oid, &req);
	leave_oid(oid);
	if (old_len != NULL)
		*old_len = old == NULL ? req.oldidx :
					 MIN(req.oldidx, req.oldlen);
	ukern_syscall_leave("sysctl");
	return (error);
}
