/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Named profiles: the core's registry of them, and with each its device node
 * and its sysctl.
 *
 * A profile can go while its node is open and its sysctl is being written, by
 * that very write too.  destroy_dev(9) would cut open descriptors off, and
 * sysctl_remove_oid(9) waits for the handler; neither may be called with the
 * lock held that d_open and the handler take.  So deletion only marks the
 * node as no longer live, upon which it opens with ENXIO and its sysctl says
 * ENOENT, and the reaper, a task, removes them: the sysctl at once, the device
 * node when its last descriptor is closed.  If by then there is a profile of
 * the name again, the node lives on as that one's.  A node's memory goes last,
 * when nothing can come to it any more.
 */
#include "tcpstats_kernel.h"

#include <sys/conf.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/priority.h>
#include <sys/queue.h>
#include <sys/sbuf.h>
#include <sys/sx.h>
#include <sys/systm.h>
#include <sys/taskqueue.h>

#include "tcpstats_probe.h"

struct tcpstats_node {
	LIST_ENTRY(tcpstats_node) link;
	struct cdev *dev;
	struct sysctl_oid *oid; /* NULL once removed */
	u_int opens;
	bool live;    /* there is a profile of this name */
	bool reaping; /* the reaper is at it, without the lock */
	char name[TCPSTATS_PROFILE_NAMELEN + 1];
};

/* What a sysctl takes; a longer text is no filter. */
#define MAX_TEXT (2 * TCPSTATS_FILTER_MAXLEN)

static struct sx profiles_lock; /* everything below */
static struct tcpstats_profiles profiles;
static LIST_HEAD(, tcpstats_node) nodes = LIST_HEAD_INITIALIZER(nodes);
static char last_error[TCPSTATS_ERRMSG_SIZE + sizeof(", at offset 1023")];

/* Its own queue, as it waits for handlers that may wait for user memory. */
static struct taskqueue *reaper_queue;
static struct task reaper;

static int sysctl_profile(SYSCTL_HANDLER_ARGS);

/* ---- Nodes ---- */

static struct tcpstats_node *
find_node(const char *name)
{
	struct tcpstats_node *node;

	LIST_FOREACH (node, &nodes, link)
		if (strcmp(node->name, name) == 0)
			break;
	return (node);
}

static int
new_node(const char *name, struct tcpstats_node **node)
{
	struct tcpstats_node *new;
	int error;

	new = malloc(sizeof(*new), M_TCPSTATS, M_WAITOK | M_ZERO);
	strlcpy(new->name, name, sizeof(new->name));
	error = tcpstats_dev_create_profile(name, new, &new->dev);
	if (error != 0) {
		free(new, M_TCPSTATS);
		return (error);
	}
	LIST_INSERT_HEAD(&nodes, new, link);
	*node = new;
	return (0);
}

/* Give a profile that was created its node and its sysctl. */
static int
attach(const char *name)
{
	struct tcpstats_node *node;
	int error;

	while ((node = find_node(name)) != NULL && node->reaping)
		sx_sleep(&nodes, &profiles_lock, 0, "tcpsnode", 0);
	/* While this slept the profile may have been deleted again. */
	if (tcpstats_profile_find(&profiles, name, strlen(name)) == NULL)
		return (0);
	if (node == NULL) {
		error = new_node(name, &node);
		if (error != 0)
			return (error);
	}
	if (node->oid == NULL)
		node->oid = SYSCTL_ADD_PROC(NULL,
		    SYSCTL_STATIC_CHILDREN(_dev_tcpstats_profiles), OID_AUTO,
		    node->name, CTLTYPE_STRING | CTLFLAG_RW | CTLFLAG_MPSAFE,
		    node, 0, sysctl_profile, "A", "Filter of this profile");
	if (node->oid == NULL) {
		taskqueue_enqueue(reaper_queue, &reaper);
		return (EEXIST);
	}
	node->live = true;
	SDT_PROBE1(tcpstats, , profile, create, node->name);
	return (0);
}

static void
detach(struct tcpstats_node *node)
{

	SDT_PROBE1(tcpstats, , profile, destroy, node->name);
	node->live = false;
	taskqueue_enqueue(reaper_queue, &reaper);
}

/* A node of which the reaper can remove something. */
static struct tcpstats_node *
find_reapable(void)
{
	struct tcpstats_node *node;

	LIST_FOREACH (node, &nodes, link)
		if (!node->live && (node->oid != NULL || node->opens == 0))
			break;
	return (node);
}

static void
reap(void *ctx __unused, int pending __unused)
{
	struct tcpstats_node *node;
	struct sysctl_oid *oid;
	struct cdev *dev;

	sx_xlock(&profiles_lock);
	while ((node = find_reapable()) != NULL) {
		oid = node->oid;
		dev = node->opens == 0 ? node->dev : NULL;
		node->oid = NULL;
		node->reaping = true;
		sx_xunlock(&profiles_lock);
		if (oid != NULL)
			(void)sysctl_remove_oid(oid, 1, 0);
		if (dev != NULL)
			destroy_dev(dev);
		sx_xlock(&profiles_lock);
		node->reaping = false;
		if (dev != NULL) {
			LIST_REMOVE(node, link);
			free(node, M_TCPSTATS);
		}
		wakeup(&nodes);
	}
	sx_xunlock(&profiles_lock);
}

int
tcpstats_node_open(struct tcpstats_node *node, struct tcpstats_filter *filter)
{
	const struct tcpstats_profile *profile;
	int error = ENXIO;

	sx_xlock(&profiles_lock);
	if (node->live) {
		profile = tcpstats_profile_find(&profiles, node->name,
		    strlen(node->name));
		*filter = profile->tp_filter;
		node->opens++;
		error = 0;
	}
	sx_xunlock(&profiles_lock);
	return (error);
}

void
tcpstats_node_close(struct tcpstats_node *node)
{

	sx_xlock(&profiles_lock);
	node->opens--;
	if (!node->live && node->opens == 0)
		taskqueue_enqueue(reaper_queue, &reaper);
	sx_xunlock(&profiles_lock);
}

/* ---- Changes ---- */

/* Carry out on the nodes what was done to the registry. */
static int
follow(enum tcpstats_profile_change change, const char *name)
{
	struct tcpstats_node *node;
	int error;

	switch (change) {
	case TCPSTATS_PROFILE_CREATED:
		error = attach(name);
		if (error != 0)
			(void)tcpstats_profile_delete(&profiles, name,
			    strlen(name), NULL);
		return (error);
	case TCPSTATS_PROFILE_DELETED:
		node = find_node(name);
		if (node != NULL)
			detach(node);
		return (0);
	case TCPSTATS_PROFILE_UPDATED:
		return (0);
	}
	__assert_unreachable();
}

static void
note_error(const struct tcpstats_filter_error *error)
{

	snprintf(last_error, sizeof(last_error), "%s, at offset %u",
	    error->tfe_message, error->tfe_offset);
}

/* "NAME FILTER" or "NAME". */
static int
run_command(const char *line, size_t len)
{
	struct tcpstats_filter_error filter_error;
	char name[TCPSTATS_PROFILE_NAMELEN + 1];
	enum tcpstats_profile_change change;
	int error;

	sx_xlock(&profiles_lock);
	error = tcpstats_profile_command(&profiles, line, len, &change, name,
	    &filter_error);
	if (error != 0)
		note_error(&filter_error);
	else
		error = follow(change, name);
	sx_xunlock(&profiles_lock);
	return (error);
}

/* Update a node's profile, or delete it if the text is empty. */
static int
set_filter(struct tcpstats_node *node, const char *text, size_t len)
{
	struct tcpstats_filter_error filter_error;
	enum tcpstats_profile_change change = TCPSTATS_PROFILE_DELETED;
	const size_t name_len = strlen(node->name);
	int error = ENOENT;

	sx_xlock(&profiles_lock);
	if (node->live) {
		if (len == 0)
			error = tcpstats_profile_delete(&profiles, node->name,
			    name_len, &filter_error);
		else
			error = tcpstats_profile_set(&profiles, node->name,
			    name_len, text, len, &change, &filter_error);
		if (error != 0)
			note_error(&filter_error);
		else
			error = follow(change, node->name);
	}
	sx_xunlock(&profiles_lock);
	return (error);
}

/* ---- Sysctls ---- */

/* What is being written, without a final NUL; free(9) it. */
static int
read_text(struct sysctl_req *req, char **text, size_t *len)
{
	int error;

	*len = req->newlen - req->newidx;
	if (*len > MAX_TEXT) {
		sx_xlock(&profiles_lock);
		snprintf(last_error, sizeof(last_error),
		    "text is longer than %d bytes", MAX_TEXT);
		sx_xunlock(&profiles_lock);
		return (ENAMETOOLONG);
	}
	*text = malloc(*len + 1, M_TCPSTATS, M_WAITOK);
	error = SYSCTL_IN(req, *text, *len);
	if (error != 0) {
		free(*text, M_TCPSTATS);
		return (error);
	}
	if (*len > 0 && (*text)[*len - 1] == '\0')
		(*len)--;
	return (0);
}

static int
write_string(struct sysctl_req *req, const char *string)
{

	return (SYSCTL_OUT(req, string, strlen(string) + 1));
}

/* Every profile as a line "NAME FILTER". */
static int
list_profiles(struct sysctl_req *req)
{
	const struct tcpstats_profile *profile;
	struct sbuf *list = sbuf_new_auto();
	int error;

	sx_xlock(&profiles_lock);
	for (size_t i = 0; i < TCPSTATS_MAX_PROFILES; i++) {
		profile = &profiles.tps_slots[i];
		if (profile->tp_name[0] == '\0')
			continue;
		sbuf_printf(list, "%s%s %s", sbuf_len(list) == 0 ? "" : "\n",
		    profile->tp_name, profile->tp_text);
	}
	sx_xunlock(&profiles_lock);
	error = sbuf_finish(list);
	if (error == 0)
		error = write_string(req, sbuf_data(list));
	sbuf_delete(list);
	return (error);
}

int
tcpstats_sysctl_profile_set(SYSCTL_HANDLER_ARGS)
{
	char *line;
	size_t len;
	int error;

	error = list_profiles(req);
	if (error != 0 || req->newptr == NULL)
		return (error);
	error = read_text(req, &line, &len);
	if (error != 0)
		return (error);
	error = run_command(line, len);
	free(line, M_TCPSTATS);
	/* A profile that was deleted is gone on return. */
	taskqueue_drain(reaper_queue, &reaper);
	return (error);
}

static int
write_filter(struct sysctl_req *req, const struct tcpstats_node *node)
{
	const struct tcpstats_profile *profile = NULL;
	char text[TCPSTATS_FILTER_MAXLEN + 1];

	sx_xlock(&profiles_lock);
	if (node->live)
		profile = tcpstats_profile_find(&profiles, node->name,
		    strlen(node->name));
	if (profile != NULL)
		strlcpy(text, profile->tp_text, sizeof(text));
	sx_xunlock(&profiles_lock);
	return (profile == NULL ? ENOENT : write_string(req, text));
}

/* dev.tcpstats.profiles.NAME; the node is there while a handler runs. */
static int
sysctl_profile(SYSCTL_HANDLER_ARGS)
{
	struct tcpstats_node *node = arg1;
	char *text;
	size_t len;
	int error;

	error = write_filter(req, node);
	if (error != 0 || req->newptr == NULL)
		return (error);
	error = read_text(req, &text, &len);
	if (error != 0)
		return (error);
	error = set_filter(node, text, len);
	free(text, M_TCPSTATS);
	return (error);
}

int
tcpstats_sysctl_last_error(SYSCTL_HANDLER_ARGS)
{
	char copy[sizeof(last_error)];

	sx_xlock(&profiles_lock);
	strlcpy(copy, last_error, sizeof(copy));
	sx_xunlock(&profiles_lock);
	return (write_string(req, copy));
}

/* ---- The module's ---- */

int
tcpstats_nodes_init(void)
{
	int error;

	reaper_queue = taskqueue_create("tcpstats", M_WAITOK,
	    taskqueue_thread_enqueue, &reaper_queue);
	error = taskqueue_start_threads(&reaper_queue, 1, PWAIT,
	    "tcpstats reaper");
	if (error != 0) {
		taskqueue_free(reaper_queue);
		return (error);
	}
	TASK_INIT(&reaper, 0, reap, NULL);
	sx_init(&profiles_lock, "tcpstats profiles");
	return (0);
}

void
tcpstats_nodes_destroy(void)
{
	struct tcpstats_node *node;

	sx_xlock(&profiles_lock);
	memset(&profiles, 0, sizeof(profiles));
	LIST_FOREACH (node, &nodes, link)
		if (node->live)
			detach(node);
	sx_xunlock(&profiles_lock);
	taskqueue_drain(reaper_queue, &reaper);
	taskqueue_free(reaper_queue);
	KASSERT(LIST_EMPTY(&nodes), ("tcpstats: nodes outlive the module"));
	sx_destroy(&profiles_lock);
}
