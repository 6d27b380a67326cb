/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: the sysctl tree.
 */
#ifndef _SYS_SYSCTL_H_
#define _SYS_SYSCTL_H_

#include <sys/counter.h>
#include <sys/param.h>
#include <sys/queue.h>

struct sysctl_oid;
struct sysctl_req;
struct thread;

#define SYSCTL_HANDLER_ARGS                                    \
	struct sysctl_oid *oidp __unused, void *arg1 __unused, \
	    intmax_t arg2 __unused, struct sysctl_req *req __unused

typedef int sysctl_handler_t(SYSCTL_HANDLER_ARGS);

SLIST_HEAD(sysctl_oid_list, sysctl_oid);

struct sysctl_oid {
	struct sysctl_oid_list oid_children;
	struct sysctl_oid *oid_parent;
	SLIST_ENTRY(sysctl_oid) oid_link;
	u_int oid_kind;
	void *oid_arg1;
	intmax_t oid_arg2;
	sysctl_handler_t *oid_handler;
	const char *oid_fmt;
	const char *oid_descr;
	u_int oid_running; /* handlers */
	u_int oid_class;   /* of the handler, whose end a removal awaits */
	bool oid_dynamic;
	char oid_name[40];
};

struct sysctl_req {
	struct thread *td;
	void *oldptr;
	size_t oldlen;
	size_t oldidx;
	int (*oldfunc)(struct sysctl_req *req, const void *data, size_t len);
	const void *newptr;
	size_t newlen;
	size_t newidx;
	int (*newfunc)(struct sysctl_req *req, void *data, size_t len);
};

struct sysctl_ctx_entry {
	LIST_ENTRY(sysctl_ctx_entry) link;
	struct sysctl_oid *entry;
};
LIST_HEAD(sysctl_ctx_list, sysctl_ctx_entry);

#define OID_AUTO (-1)
#define CTLTYPE 0xf
#define CTLTYPE_NODE 1
#define CTLTYPE_STRING 3
#define CTLTYPE_UINT 6
#define CTLTYPE_U64 8
#define CTLFLAG_RD 0x80000000U
#define CTLFLAG_WR 0x40000000U
#define CTLFLAG_RW (CTLFLAG_RD | CTLFLAG_WR)
#define CTLFLAG_MPSAFE 0x00040000U

#define SYSCTL_IN(req, data, len) ((req)->newfunc)((req), (data), (len))
#define SYSCTL_OUT(req, data, len) ((req)->oldfunc)((req), (data), (len))

extern struct sysctl_oid sysctl___dev;

void ukern_register_oid(struct sysctl_oid *oid);

#define SYSCTL_DECL(name) extern struct sysctl_oid sysctl__##name
#define SYSCTL_STATIC_CHILDREN(name) (&sysctl__##name.oid_children)
/* Registered as the module comes, and as it goes no longer. */
#define SYSCTL_NODE(parent, nbr, name, flags, handler, descr)                \
	struct sysctl_oid sysctl__##parent##_##name = {                      \
		.oid_parent = &sysctl__##parent,                             \
		.oid_kind = CTLTYPE_NODE | (flags),                          \
		.oid_name = #name,                                           \
		.oid_fmt = "N",                                              \
		.oid_descr = (descr),                                        \
	};                                                                   \
	__attribute__((constructor)) static void parent##_##name##_register( \
	    void)                                                            \
	{                                                                    \
		ukern_register_oid(&sysctl__##parent##_##name);              \
	}                                                                    \
	struct hack

struct sysctl_oid *sysctl_add_oid(struct sysctl_ctx_list *ctx,
    struct sysctl_oid_list *parent, const char *name, u_int kind, void *arg1,
    intmax_t arg2, sysctl_handler_t *handler, const char *fmt,
    const char *descr);
int sysctl_remove_oid(struct sysctl_oid *oid, int del, int recurse);
int sysctl_ctx_init(struct sysctl_ctx_list *ctx);
int sysctl_ctx_free(struct sysctl_ctx_list *ctx);
sysctl_handler_t sysctl_handle_int;
sysctl_handler_t sysctl_handle_64;
sysctl_handler_t sysctl_handle_counter_u64;

#define SYSCTL_ADD_PROC(ctx, parent, nbr, name, access, ptr, arg, handler, \
    fmt, descr)                                                            \
	sysctl_add_oid((ctx), (parent), (name), (access), (ptr), (arg),    \
	    (handler), (fmt), (descr))
#define SYSCTL_ADD_UINT(ctx, parent, nbr, name, access, ptr, val, descr) \
	sysctl_add_oid((ctx), (parent), (name), CTLTYPE_UINT | (access), \
	    (ptr), (val), sysctl_handle_int, "IU", (descr))
#define SYSCTL_ADD_U64(ctx, parent, nbr, name, access, ptr, val, descr)        \
	sysctl_add_oid((ctx), (parent), (name), CTLTYPE_U64 | (access), (ptr), \
	    (val), sysctl_handle_64, "QU", (descr))
#define SYSCTL_ADD_COUNTER_U64(ctx, parent, nbr, name, access, ptr, descr)     \
	sysctl_add_oid((ctx), (parent), (name), CTLTYPE_U64 | (access), (ptr), \
	    0, sysctl_handle_counter_u64, "QU", (descr))

#endif /* !_SYS_SYSCTL_H_ */
