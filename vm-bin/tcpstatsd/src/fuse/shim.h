/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What a file system says and is asked, free of libfuse's types, whose layout
 * is a matter of libfuse's headers.  Every callback returns an errno, 0 for
 * success, and may be called by many threads at once.
 */
#ifndef _TCPSTATSD_FUSE_SHIM_H_
#define _TCPSTATSD_FUSE_SHIM_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcpstats_layout.h"

#define SHIM_NAMELEN 255

/* A mounted file system. */
struct shim_session;
/* A request that is being answered. */
struct shim_request;

/* Size is always 0: what is read is made while it is read. */
struct shim_attr {
	uint64_t sa_ino;
	uint32_t sa_mode; /* with the file type */
	uint32_t sa_nlink;
	uint32_t sa_uid;
	uint32_t sa_gid;
	int64_t sa_time; /* of last change, s */
};

struct shim_open {
	uint64_t so_handle;
	bool so_nonseekable;
};

struct shim_ops {
	/* The kernel and the file system agreed: requests are served. */
	void (*so_ready)(void *ctx);
	int (*so_lookup)(void *ctx, uint64_t parent, const char *name,
	    struct shim_attr *attr);
	int (*so_getattr)(void *ctx, uint64_t ino, struct shim_attr *attr);
	/* truncate(2) to any length. */
	int (*so_truncate)(void *ctx, uint64_t ino, struct shim_attr *attr);
	/* The index-th entry of a directory; ENOENT behind the last one. */
	int (*so_entry)(void *ctx, uint64_t ino, uint64_t index,
	    char name[SHIM_NAMELEN + 1], struct shim_attr *attr);
	int (*so_open)(void *ctx, uint64_t ino, int flags,
	    struct shim_open *opened);
	/* close(2) of a copy of the descriptor, maybe the last one. */
	void (*so_flush)(void *ctx, uint64_t handle);
	void (*so_release)(void *ctx, uint64_t handle);
	int (*so_read)(void *ctx, struct shim_request *request, uint64_t handle,
	    uint64_t offset, uint8_t *buf, size_t size, size_t *len);
	int (*so_write)(void *ctx, uint64_t handle, const uint8_t *buf,
	    size_t size);
	int (*so_ioctl)(void *ctx, struct shim_request *request,
	    uint64_t handle, uint32_t cmd, const uint8_t *in, size_t in_size,
	    uint8_t *out, size_t out_size);
};

/* What Rust asserts as well, where pointers have 8 bytes. */
#define SHIM_LAYOUT(SIZE, FIELD)                \
	SIZE(shim_attr, 32);                    \
	FIELD(shim_attr, sa_ino, 0, 8);         \
	FIELD(shim_attr, sa_mode, 8, 4);        \
	FIELD(shim_attr, sa_nlink, 12, 4);      \
	FIELD(shim_attr, sa_uid, 16, 4);        \
	FIELD(shim_attr, sa_gid, 20, 4);        \
	FIELD(shim_attr, sa_time, 24, 8);       \
	SIZE(shim_open, 16);                    \
	FIELD(shim_open, so_handle, 0, 8);      \
	FIELD(shim_open, so_nonseekable, 8, 1); \
	SIZE(shim_ops, 88);                     \
	FIELD(shim_ops, so_ready, 0, 8);        \
	FIELD(shim_ops, so_lookup, 8, 8);       \
	FIELD(shim_ops, so_getattr, 16, 8);     \
	FIELD(shim_ops, so_truncate, 24, 8);    \
	FIELD(shim_ops, so_entry, 32, 8);       \
	FIELD(shim_ops, so_open, 40, 8);        \
	FIELD(shim_ops, so_flush, 48, 8);       \
	FIELD(shim_ops, so_release, 56, 8);     \
	FIELD(shim_ops, so_read, 64, 8);        \
	FIELD(shim_ops, so_write, 72, 8);       \
	FIELD(shim_ops, so_ioctl, 80, 8)
#ifdef __LP64__
SHIM_LAYOUT(TCPSTATS_ASSERT_SIZE, TCPSTATS_ASSERT_FIELD);
#endif

/*
 * Mount at an existing directory.  Returns NULL where libfuse fails, which
 * says why on stderr.  ops and ctx must outlive the session.
 */
struct shim_session *shim_mount(const char *mountpoint,
    const struct shim_ops *ops, void *ctx);
/*
 * Serve until the file system is unmounted, by at most max_threads threads.
 * Returns 0 or an errno.
 */
int shim_serve(struct shim_session *session, unsigned int max_threads);
/* Unmount, if that has not happened yet, and free. */
void shim_unmount(struct shim_session *session);

/* Is a signal pending for the process that made the request? */
bool shim_interrupted(struct shim_request *request);

#endif /* !_TCPSTATSD_FUSE_SHIM_H_ */
