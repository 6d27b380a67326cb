/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Stand-in: device nodes.
 */
#ifndef _SYS_CONF_H_
#define _SYS_CONF_H_

#include <sys/module.h>
#include <sys/types.h>

struct cdev;
struct thread;
struct uio;

typedef int d_open_t(struct cdev *dev, int oflags, int devtype,
    struct thread *td);
typedef int d_read_t(struct cdev *dev, struct uio *uio, int ioflag);
typedef int d_ioctl_t(struct cdev *dev, u_long cmd, caddr_t data, int fflag,
    struct thread *td);
typedef void d_priv_dtor_t(void *data);

struct cdevsw {
	int d_version;
	const char *d_name;
	d_open_t *d_open;
	d_read_t *d_read;
	d_ioctl_t *d_ioctl;
};

#define D_VERSION 0x17122009
#define UID_ROOT 0

#define MAKEDEV_WAITOK 0x08
#define MAKEDEV_CHECKNAME 0x20

struct cdev {
	struct cdev *next;
	void *si_drv1;
	void *si_drv2;
	struct cdevsw *si_devsw;
	uid_t si_uid;
	gid_t si_gid;
	int si_mode;
	unsigned int refs;    /* the node, and files */
	unsigned int threads; /* in its functions */
	bool dying;
	char si_name[64];
};

struct make_dev_args {
	int mda_flags;
	struct cdevsw *mda_devsw;
	uid_t mda_uid;
	gid_t mda_gid;
	int mda_mode;
	void *mda_si_drv1;
	void *mda_si_drv2;
};

#define make_dev_args_init(args) memset((args), 0, sizeof(*(args)))

int make_dev_s(struct make_dev_args *args, struct cdev **dev,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
void destroy_dev(struct cdev *dev);
int devfs_set_cdevpriv(void *data, d_priv_dtor_t *dtor);
int devfs_get_cdevpriv(void **data);

#endif /* !_SYS_CONF_H_ */
