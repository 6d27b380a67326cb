/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The user-space kernel as its tests see it: system calls, which return an
 * errno instead of setting one, and the world that the module meets.
 */
#ifndef _UKERN_H_
#define _UKERN_H_

#include <sys/param.h>

#include <errno.h>

struct inpcb;
struct prison;
struct ucred;
struct vnet;

/* ---- System calls ---- */

int ukern_kldload(void);
/* Also finds, and panics for, what the module leaves behind. */
int ukern_kldunload(bool force);
int ukern_open(const char *path, int flags, int *fd);
int ukern_close(int fd);
/* *got: bytes read. */
int ukern_read(int fd, void *buf, size_t len, size_t *got);
/* From so many bytes on there is nothing mapped. */
int ukern_read_mapped(int fd, void *buf, size_t len, size_t mapped,
    size_t *got);
int ukern_ioctl(int fd, unsigned long cmd, void *arg);
/* *old_len: room, then what there is; all but name may be NULL. */
int ukern_sysctl(const char *name, void *old, size_t *old_len, const void *new,
    size_t new_len);

/* ---- Threads ---- */

/* Whom system calls of this thread are made by; takes no reference. */
void ukern_set_cred(struct ucred *cred);
/* The super-user, outside of jails. */
extern struct ucred *const ukern_root;
struct ucred *ukern_new_cred(uid_t uid, gid_t gid, struct prison *prison);
/* A signal that stays pending until it is cleared. */
void ukern_set_signal(bool pending);
bool ukern_signal_pending(void);

/* ---- Time ---- */

/* So many ns pass at each look at the clock. */
void ukern_set_clock_step(uint64_t ns);
void ukern_advance_clock(uint64_t ns);

/* ---- Sockets ---- */

struct ukern_socket {
	bool v6;
	uint8_t local_addr[16];
	uint8_t remote_addr[16];
	uint16_t local_port; /* host byte order */
	uint16_t remote_port;
	int state;
	struct ucred *cred; /* NULL: ukern_root */
};

struct inpcb *ukern_socket_new(const struct ukern_socket *spec);
void ukern_socket_free(struct inpcb *inp);
void ukern_socket_set_state(struct inpcb *inp, int state);
void ukern_half_open_add(const struct ukern_socket *spec);
void ukern_half_open_clear(struct vnet *vnet);
struct prison *ukern_new_jail(void);
/* What was freed, with nobody looking at it any more, goes. */
void ukern_reclaim(void);
/* Inpcbs that are allocated, in the list or not. */
unsigned int ukern_inpcbs(void);

/* What inp_next() did: entries it came to, locks it took. */
extern unsigned long ukern_walk_steps, ukern_walk_locks; /* atomic */
/* Each so manyth attempt to lock an entry at once fails; 0: none. */
void ukern_set_contention(unsigned int every);

/* ---- Moments at which a test can do something; NULL: nothing ---- */

/* Records are about to be copied to the user. */
extern void (*ukern_hook_copyout)(void);
/* What a sysctl is to become is about to be copied from the user. */
extern void (*ukern_hook_copyin)(void);
/* The thread gives up the CPU. */
extern void (*ukern_hook_yield)(void);
/* A walk waits for the lock of the entry that it wants. */
extern void (*ukern_hook_contended)(struct inpcb *inp);
/* A look at the syncache is about to begin. */
extern void (*ukern_hook_syncache)(void);

/* ---- Things that fail ---- */

/* Let the nth call of a function that can fail do so; counted from 1. */
void ukern_fault_arm(unsigned long nth);
/* Returns the function that failed, or NULL where none did. */
const char *ukern_fault_disarm(void);

/* ---- What there is ---- */

struct cdev *ukern_find_node(const char *path);
unsigned int ukern_nodes(void);
unsigned int ukern_probe_count(const char *name);
/* Of the last time that it fired. */
uintptr_t ukern_probe_arg(const char *name, unsigned int number);
void ukern_enable_probes(bool enable);
/* Allocations of every type of memory that have not been freed. */
size_t ukern_allocations(void);

#endif /* !_UKERN_H_ */
