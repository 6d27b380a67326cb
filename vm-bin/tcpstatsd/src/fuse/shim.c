/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Answers libfuse's low-level requests by the callbacks of struct shim_ops.
 * Nothing is cached by the kernel: attributes and names time out at once and
 * all files are opened for direct I/O, so that one read(2) is one request.
 */
#define FUSE_USE_VERSION 312

#include "shim.h"

#include <sys/stat.h>

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>

#define MOUNT_OPTIONS                                    \
	"fsname=tcpstatsd,subtype=tcpstats,allow_other," \
	"default_permissions,noexec"
/* Worker threads that are kept when there is nothing to do. */
#define IDLE_THREADS 8

struct shim_session {
	struct fuse_session *session;
	const struct shim_ops *ops;
	void *ctx;
};

static struct shim_session *
session_of(fuse_req_t req)
{

	return (fuse_req_userdata(req));
}

static struct stat
stat_of(const struct shim_attr *attr)
{
	struct stat st;

	memset(&st, 0, sizeof(st));
	st.st_ino = attr->sa_ino;
	st.st_mode = attr->sa_mode;
	st.st_nlink = attr->sa_nlink;
	st.st_uid = attr->sa_uid;
	st.st_gid = attr->sa_gid;
	st.st_atime = attr->sa_time;
	st.st_mtime = attr->sa_time;
	st.st_ctime = attr->sa_time;
	return (st);
}

static void
reply_attr(fuse_req_t req, int error, const struct shim_attr *attr)
{
	struct stat st;

	if (error != 0) {
		fuse_reply_err(req, error);
		return;
	}
	st = stat_of(attr);
	fuse_reply_attr(req, &st, 0);
}

static void
shim_init(void *userdata, struct fuse_conn_info *conn)
{
	struct shim_session *shim = userdata;

	(void)conn;
	shim->ops->so_ready(shim->ctx);
}

static void
shim_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct shim_session *shim = session_of(req);
	struct fuse_entry_param entry;
	struct shim_attr attr;
	int error;

	error = shim->ops->so_lookup(shim->ctx, parent, name, &attr);
	if (error != 0) {
		fuse_reply_err(req, error);
		return;
	}
	memset(&entry, 0, sizeof(entry));
	entry.ino = attr.sa_ino;
	entry.attr = stat_of(&attr);
	fuse_reply_entry(req, &entry);
}

static void
shim_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct shim_session *shim = session_of(req);
	struct shim_attr attr;
	int error;

	(void)fi;
	error = shim->ops->so_getattr(shim->ctx, ino, &attr);
	reply_attr(req, error, &attr);
}

static void
shim_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set,
    struct fuse_file_info *fi)
{
	struct shim_session *shim = session_of(req);
	struct shim_attr attr;
	int error = EPERM;

	(void)st;
	(void)fi;
	if ((to_set & FUSE_SET_ATTR_SIZE) != 0 &&
	    (to_set &
		(FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) ==
		0)
		error = shim->ops->so_truncate(shim->ctx, ino, &attr);
	reply_attr(req, error, &attr);
}

static void
shim_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
    struct fuse_file_info *fi)
{
	struct shim_session *shim = session_of(req);
	struct shim_attr attr;
	struct stat st;
	char name[SHIM_NAMELEN + 1];
	char *buf;
	size_t entry_len, len = 0;
	int error;

	(void)fi;
	buf = malloc(size);
	if (buf == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	for (uint64_t index = (uint64_t)offset;; index++) {
		error = shim->ops->so_entry(shim->ctx, ino, index, name, &attr);
		if (error != 0)
			break;
		st = stat_of(&attr);
		entry_len = fuse_add_direntry(req, buf + len, size - len, name,
		    &st, (off_t)index + 1);
		if (entry_len > size - len)
			break;
		len += entry_len;
	}
	if (error == 0 || error == ENOENT)
		fuse_reply_buf(req, buf, len);
	else
		fuse_reply_err(req, error);
	free(buf);
}

static void
shim_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct shim_session *shim = session_of(req);
	struct shim_open opened = { 0, false };
	int error;

	error = shim->ops->so_open(shim->ctx, ino, fi->flags, &opened);
	if (error != 0) {
		fuse_reply_err(req, error);
		return;
	}
	fi->fh = opened.so_handle;
	fi->direct_io = 1;
	fi->nonseekable = opened.so_nonseekable;
	/* An opener that was killed meanwhile will send no release. */
	if (fuse_reply_open(req, fi) == -ENOENT)
		shim->ops->so_release(shim->ctx, opened.so_handle);
}

static void
shim_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct shim_session *shim = session_of(req);

	(void)ino;
	shim->ops->so_flush(shim->ctx, fi->fh);
	fuse_reply_err(req, 0);
}

static void
shim_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct shim_session *shim = session_of(req);

	(void)ino;
	shim->ops->so_release(shim->ctx, fi->fh);
	fuse_reply_err(req, 0);
}

static void
shim_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
    struct fuse_file_info *fi)
{
	struct shim_session *shim = session_of(req);
	uint8_t *buf;
	size_t len = 0;
	int error;

	(void)ino;
	buf = calloc(1, size);
	if (buf == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	error = shim->ops->so_read(shim->ctx, (struct shim_request *)req,
	    fi->fh, (uint64_t)offset, buf, size, &len);
	if (error != 0)
		fuse_reply_err(req, error);
	else
		fuse_reply_buf(req, (const char *)buf, len);
	free(buf);
}

static void
shim_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
    off_t offset, struct fuse_file_info *fi)
{
	struct shim_session *shim = session_of(req);
	int error;

	(void)ino;
	(void)offset;
	error = shim->ops->so_write(shim->ctx, fi->fh, (const uint8_t *)buf,
	    size);
	if (error != 0)
		fuse_reply_err(req, error);
	else
		fuse_reply_write(req, size);
}

static void
shim_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int cmd, void *arg,
    struct fuse_file_info *fi, unsigned int flags, const void *in,
    size_t in_size, size_t out_size)
{
	struct shim_session *shim = session_of(req);
	uint8_t *out;
	int error;

	(void)ino;
	(void)arg;
	if ((flags & FUSE_IOCTL_DIR) != 0) {
		fuse_reply_err(req, ENOTTY);
		return;
	}
	/* One byte more, as calloc() of none may return NULL. */
	out = calloc(1, out_size + 1);
	if (out == NULL) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	error = shim->ops->so_ioctl(shim->ctx, (struct shim_request *)req,
	    fi->fh, cmd, in, in_size, out, out_size);
	if (error != 0)
		fuse_reply_err(req, error);
	else
		fuse_reply_ioctl(req, 0, out, out_size);
	free(out);
}

static const struct fuse_lowlevel_ops lowlevel_ops = {
	.init = shim_init,
	.lookup = shim_lookup,
	.getattr = shim_getattr,
	.setattr = shim_setattr,
	.readdir = shim_readdir,
	.open = shim_open,
	.flush = shim_flush,
	.release = shim_release,
	.read = shim_read,
	.write = shim_write,
	.ioctl = shim_ioctl,
};

struct shim_session *
shim_mount(const char *mountpoint, const struct shim_ops *ops, void *ctx)
{
	char program[] = "tcpstatsd", option[] = "-o";
	char options[] = MOUNT_OPTIONS;
	char *argv[] = { program, option, options, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct shim_session *shim;

	shim = malloc(sizeof(*shim));
	if (shim == NULL)
		return (NULL);
	shim->ops = ops;
	shim->ctx = ctx;
	shim->session = fuse_session_new(&args, &lowlevel_ops,
	    sizeof(lowlevel_ops), shim);
	fuse_opt_free_args(&args);
	if (shim->session == NULL) {
		free(shim);
		return (NULL);
	}
	if (fuse_session_mount(shim->session, mountpoint) != 0) {
		fuse_session_destroy(shim->session);
		free(shim);
		return (NULL);
	}
	return (shim);
}

int
shim_serve(struct shim_session *shim, unsigned int max_threads)
{
	struct fuse_loop_config *config;
	int result;

	config = fuse_loop_cfg_create();
	if (config == NULL)
		return (ENOMEM);
	fuse_loop_cfg_set_max_threads(config, max_threads);
	fuse_loop_cfg_set_idle_threads(config, IDLE_THREADS);
	result = fuse_session_loop_mt(shim->session, config);
	fuse_loop_cfg_destroy(config);
	return (result < 0 ? -result : result);
}

void
shim_unmount(struct shim_session *shim)
{

	fuse_session_unmount(shim->session);
	fuse_session_destroy(shim->session);
	free(shim);
}

bool
shim_interrupted(struct shim_request *request)
{

	return (fuse_req_interrupted((fuse_req_t)request) != 0);
}
