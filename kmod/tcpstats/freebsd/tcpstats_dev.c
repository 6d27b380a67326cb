/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The device nodes: open(2), read(2), ioctl(2) and close(2).
 */
#include "tcpstats_kernel.h"

#include <sys/conf.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/filio.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/signalvar.h>
#include <sys/sx.h>
#include <sys/systm.h>
#include <sys/time.h>
#include <sys/uio.h>

#include "tcpstats_probe.h"

/* Of the group "network" in every /etc/group. */
#define GID_NETWORK 69
#define NODE_MODE 0440

#define PROFILE_DIRECTORY "tcpstats.d/"

/* Records are collected in so many at a time: 20 KB a descriptor. */
#define BATCH_LEN 64

/* One open of a node. */
struct handle {
	struct sx lock;		    /* what follows, one call at a time */
	struct tcpstats_node *node; /* of a profile, or NULL; constant */
	struct tcpstats_reader reader;
	struct tcpstats_walker walker;
	struct tcpstats_record batch[BATCH_LEN];
};

/* One read(2). */
struct read_call {
	struct handle *handle;
	struct uio *uio;
};

static d_open_t dev_open;
static d_read_t dev_read;
static d_ioctl_t dev_ioctl;

static struct cdevsw dev_cdevsw = {
	.d_version = D_VERSION,
	.d_name = "tcpstats",
	.d_open = dev_open,
	.d_read = dev_read,
	.d_ioctl = dev_ioctl,
};

/* The nodes that are always there, each with its filter. */
static struct {
	const char *name;
	const char *filter;
	struct cdev *dev;
} fixed_nodes[] = {
	{ .name = "tcpstats", .filter = "" },
	{ .name = "tcpstats-full", .filter = "format=full" },
};

/* ---- Open and close ---- */

/* si_drv1 of a node is its profile's, or NULL; si_drv2 a fixed filter. */
static int
default_filter(struct cdev *dev, struct tcpstats_filter *filter)
{
	const char *text = dev->si_drv2;

	if (dev->si_drv1 != NULL)
		return (tcpstats_node_open(dev->si_drv1, filter));
	return (tcpstats_filter_parse(text, strlen(text), filter, NULL));
}

static int
new_handle(struct cdev *dev, struct ucred *cred, struct handle **handle)
{
	struct tcpstats_filter filter;
	int error;

	error = default_filter(dev, &filter);
	if (error != 0)
		return (error);
	*handle = malloc(sizeof(**handle), M_TCPSTATS, M_WAITOK | M_ZERO);
	sx_init(&(*handle)->lock, "tcpstats descriptor");
	(*handle)->node = dev->si_drv1;
	tcpstats_reader_init(&(*handle)->reader, &filter);
	tcpstats_walker_init(&(*handle)->walker, cred);
	return (0);
}

/* At the last close, when no call on the descriptor is under way. */
static void
free_handle(void *data)
{
	struct handle *handle = data;

	tcpstats_walker_destroy(&handle->walker);
	if (handle->node != NULL)
		tcpstats_node_close(handle->node);
	sx_destroy(&handle->lock);
	free(handle, M_TCPSTATS);
	tcpstats_gate_close();
}

static int
dev_open(struct cdev *dev, int oflags, int devtype __unused, struct thread *td)
{
	struct handle *handle;
	int error;

	if ((oflags & FWRITE) != 0)
		return (EPERM);
	error = tcpstats_gate_open();
	if (error != 0)
		return (error);
	error = new_handle(dev, td->td_ucred, &handle);
	if (error != 0) {
		tcpstats_gate_close();
		return (error);
	}
	error = devfs_set_cdevpriv(handle, free_handle);
	if (error != 0) {
		free_handle(handle);
		return (error);
	}
	tcpstats_counters_count_open();
	return (0);
}

/* ---- Read ---- */

static int
take_snapshot(void *ctx, uint64_t *newest)
{
	struct read_call *call = ctx;

	return (tcpstats_walker_snapshot(&call->handle->walker, newest));
}

static int
walk(void *ctx, struct tcpstats_walk *walk)
{
	struct read_call *call = ctx;

	return (tcpstats_walker_walk(&call->handle->walker, walk));
}

/*
 * A fault may come after some bytes were moved.  They are taken back, so that
 * what read(2) returns is whole records; the core offers these again.
 */
static int
copy_out(void *ctx, const struct tcpstats_record *records, size_t count)
{
	struct read_call *call = ctx;
	const ssize_t resid = call->uio->uio_resid;
	const off_t offset = call->uio->uio_offset;
	int error;

	error = uiomove(__DECONST(void *, records), count * sizeof(*records),
	    call->uio);
	if (error != 0) {
		call->uio->uio_resid = resid;
		call->uio->uio_offset = offset;
	}
	return (error);
}

static uint64_t
uptime_ns(void *ctx __unused)
{

	return (sbttons(sbinuptime()));
}

static bool
interrupted(void *ctx __unused)
{

	return (sig_intr() != 0);
}

static void
yield(void *ctx __unused)
{

	maybe_yield();
}

static const struct tcpstats_read_ops read_ops = {
	.tro_snapshot = take_snapshot,
	.tro_walk = walk,
	.tro_copyout = copy_out,
	.tro_uptime_ns = uptime_ns,
	.tro_interrupted = interrupted,
	.tro_yield = yield,
};

static int
read_locked(struct handle *handle, struct uio *uio)
{
	const struct tcpstats_limits limits = tcpstats_limits;
	struct read_call call = { .handle = handle, .uio = uio };
	struct tcpstats_read_stats stats;
	size_t records;
	int error;

	SDT_PROBE2(tcpstats, , read, entry, uio->uio_resid,
	    handle->reader.tr_filter.tsf_flags);
	error = tcpstats_read(&handle->reader, &limits, &read_ops, &call,
	    handle->batch, BATCH_LEN, uio->uio_resid, &records, &stats);
	if (handle->reader.tr_exhausted)
		tcpstats_walker_forget(&handle->walker);
	tcpstats_counters_count_read(&stats);
	SDT_PROBE3(tcpstats, , read, done, error, records,
	    stats.trs_duration_ns);
	return (error);
}

static int
dev_read(struct cdev *dev __unused, struct uio *uio, int ioflag __unused)
{
	struct handle *handle;
	int error;

	error = devfs_get_cdevpriv((void **)&handle);
	if (error != 0)
		return (error);
	error = sx_xlock_sig(&handle->lock);
	if (error != 0)
		return (error);
	error = tcpstats_gate_read();
	if (error == 0) {
		error = read_locked(handle, uio);
		tcpstats_gate_read_done();
	}
	sx_xunlock(&handle->lock);
	return (error);
}

/* ---- Ioctl ---- */

static void
get_version(const struct handle *handle, struct tcpstats_version *version)
{

	*version = (struct tcpstats_version) {
		.tsv_protocol_version = TCPSTATS_PROTOCOL_VERSION,
		.tsv_record_size = TCPSTATS_RECORD_SIZE,
		.tsv_record_count_hint = tcpstats_walker_count_hint(
		    &handle->walker),
	};
}

/* A new snapshot, by another filter unless that is NULL. */
static int
start_over(struct handle *handle, const struct tcpstats_filter *filter)
{
	int error;

	if (filter != NULL) {
		error = tcpstats_filter_validate(filter);
		if (error != 0)
			return (error);
	}
	error = sx_xlock_sig(&handle->lock);
	if (error != 0)
		return (error);
	if (filter != NULL)
		tcpstats_reader_set_filter(&handle->reader, filter);
	else
		tcpstats_reader_reset(&handle->reader);
	tcpstats_walker_forget(&handle->walker);
	sx_xunlock(&handle->lock);
	return (0);
}

static int
dev_ioctl(struct cdev *dev __unused, u_long cmd, caddr_t data,
    int fflag __unused, struct thread *td __unused)
{
	struct handle *handle;
	int error;

	error = devfs_get_cdevpriv((void **)&handle);
	if (error != 0)
		return (error);
	switch (cmd) {
	case TCPSTATS_VERSION_CMD:
		get_version(handle, (struct tcpstats_version *)data);
		return (0);
	case TCPSTATS_SET_FILTER:
		return (start_over(handle, (struct tcpstats_filter *)data));
	case TCPSTATS_RESET:
		return (start_over(handle, NULL));
	case FIONBIO: /* a read never waits for sockets to come */
		return (0);
	default:
		return (ENOTTY);
	}
}

/* ---- The nodes ---- */

static int
make_node(struct cdev **dev, const char *name, struct tcpstats_node *node,
    const char *filter)
{
	struct make_dev_args args;

	make_dev_args_init(&args);
	/* Without MAKEDEV_CHECKNAME a name that devfs refuses is a panic. */
	args.mda_flags = MAKEDEV_WAITOK | MAKEDEV_CHECKNAME;
	args.mda_devsw = &dev_cdevsw;
	args.mda_uid = UID_ROOT;
	args.mda_gid = GID_NETWORK;
	args.mda_mode = NODE_MODE;
	args.mda_si_drv1 = node;
	args.mda_si_drv2 = __DECONST(char *, filter);
	return (make_dev_s(&args, dev, "%s", name));
}

int
tcpstats_dev_create(void)
{
	int error;

	for (size_t i = 0; i < nitems(fixed_nodes); i++) {
		error = make_node(&fixed_nodes[i].dev, fixed_nodes[i].name,
		    NULL, fixed_nodes[i].filter);
		if (error != 0) {
			printf("tcpstats: failed to make /dev/%s: error %d\n",
			    fixed_nodes[i].name, error);
			tcpstats_dev_destroy();
			return (error);
		}
	}
	return (0);
}

void
tcpstats_dev_destroy(void)
{

	for (size_t i = 0; i < nitems(fixed_nodes); i++) {
		if (fixed_nodes[i].dev != NULL)
			destroy_dev(fixed_nodes[i].dev);
		fixed_nodes[i].dev = NULL;
	}
}

int
tcpstats_dev_create_profile(const char *name, struct tcpstats_node *node,
    struct cdev **dev)
{
	char path[sizeof(PROFILE_DIRECTORY) + TCPSTATS_PROFILE_NAMELEN];

	snprintf(path, sizeof(path), PROFILE_DIRECTORY "%s", name);
	return (make_node(dev, path, node, NULL));
}
