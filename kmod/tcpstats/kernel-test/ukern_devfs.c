/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Device nodes, open files, and the system calls on them.
 */
#include <sys/conf.h>
#include <sys/fcntl.h>
#include <sys/ioccom.h>
#include <sys/proc.h>
#include <sys/systm.h>
#include <sys/ucred.h>
#include <sys/uio.h>

#include <stdarg.h>

#include "ukern.h"
#include "ukern_impl.h"

#define MAX_FILES 256

struct file {
	struct cdev *dev;
	unsigned int refs; /* the descriptor, and calls under way */
	bool open;	   /* d_open() has succeeded */
	void *data;
	d_priv_dtor_t *dtor;
};

/* Everything but what one file's calls do with its device. */
static pthread_mutex_t devfs_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t devfs_cond = PTHREAD_COND_INITIALIZER;
static struct cdev *devices;
static struct file *files[MAX_FILES];
static _Thread_local struct file *current_file;

/* ---- Nodes ---- */

/* Code in a device's functions; destroy_dev(9) waits for it. */
static unsigned int device_class;

__attribute__((constructor)) static void
init_class(void)
{

	device_class = ukern_class("function of a device");
}

static struct cdev *
find_device(const char *name)
{
	struct cdev *dev;

	for (dev = devices; dev != NULL; dev = dev->next)
		if (strcmp(dev->si_name, name) == 0)
			break;
	return (dev);
}

/* Is one of the two paths below the other, or are they the same? */
static bool
collide(const char *one, const char *other)
{
	size_t len = MIN(strlen(one), strlen(other));

	return (strncmp(one, other, len) == 0 &&
	    (one[len] == '\0' || one[len] == '/') &&
	    (other[len] == '\0' || other[len] == '/'));
}

static bool
name_is_taken(const char *name)
{

	for (struct cdev *dev = devices; dev != NULL; dev = dev->next)
		if (collide(dev->si_name, name))
			return (true);
	return (false);
}

int
make_dev_s(struct make_dev_args *args, struct cdev **result, const char *format,
    ...)
{
	struct cdev *dev;
	va_list list;
	bool taken;

	MPASS(args->mda_devsw->d_version == D_VERSION);
	if ((args->mda_flags & MAKEDEV_WAITOK) != 0)
		ukern_may_sleep("make_dev_s(MAKEDEV_WAITOK)");
	if (ukern_fault("make_dev_s"))
		return (ENOMEM);
	dev = ukern_calloc(sizeof(*dev));
	va_start(list, format);
	vsnprintf(dev->si_name, sizeof(dev->si_name), format, list);
	va_end(list);
	dev->si_devsw = args->mda_devsw;
	dev->si_drv1 = args->mda_si_drv1;
	dev->si_drv2 = args->mda_si_drv2;
	dev->si_uid = args->mda_uid;
	dev->si_gid = args->mda_gid;
	dev->si_mode = args->mda_mode;
	dev->refs = 1;
	pthread_mutex_lock(&devfs_mutex);
	taken = name_is_taken(dev->si_name);
	if (taken && (args->mda_flags & MAKEDEV_CHECKNAME) == 0)
		ukern_panic("make_dev_s: bad si_name %s", dev->si_name);
	if (!taken) {
		dev->next = devices;
		devices = dev;
		*result = dev;
	}
	pthread_mutex_unlock(&devfs_mutex);
	if (taken)
		ukern_release(dev);
	return (taken ? EEXIST : 0);
}

/* With the mutex held. */
static void
release_device(struct cdev *dev)
{

	if (--dev->refs == 0)
		ukern_release(dev);
}

static void
unlink_device(struct cdev *dev)
{
	struct cdev **link = &devices;

	while (*link != NULL && *link != dev)
		link = &(*link)->next;
	if (*link == NULL)
		ukern_panic("destroy_dev of what is no device");
	*link = dev->next;
}

/* The module's data of a file goes, once. */
static void
destroy_data(struct file *file)
{
	d_priv_dtor_t *dtor;
	void *data;

	pthread_mutex_lock(&devfs_mutex);
	dtor = file->dtor;
	data = file->data;
	file->dtor = NULL;
	file->data = NULL;
	pthread_mutex_unlock(&devfs_mutex);
	if (dtor == NULL)
		return;
	ukern_class_enter(device_class);
	dtor(data);
	ukern_class_leave(device_class);
}

static void
drop_file(struct file *file)
{
	unsigned int refs;

	pthread_mutex_lock(&devfs_mutex);
	refs = --file->refs;
	pthread_mutex_unlock(&devfs_mutex);
	if (refs != 0)
		return;
	destroy_data(file);
	pthread_mutex_lock(&devfs_mutex);
	release_device(file->dev);
	pthread_mutex_unlock(&devfs_mutex);
	ukern_release(file);
}

static struct file *
hold_file(int fd)
{
	struct file *file = NULL;

	pthread_mutex_lock(&devfs_mutex);
	if (fd >= 0 && fd < MAX_FILES && files[fd] != NULL && files[fd]->open) {
		file = files[fd];
		file->refs++;
	}
	pthread_mutex_unlock(&devfs_mutex);
	return (file);
}

/* Waits for its functions; then its open files lose their data. */
void
destroy_dev(struct cdev *dev)
{
	struct file *file;

	ukern_class_wait(device_class, "destroy_dev");
	pthread_mutex_lock(&devfs_mutex);
	unlink_device(dev);
	dev->dying = true;
	while (dev->threads != 0)
		pthread_cond_wait(&devfs_cond, &devfs_mutex);
	pthread_mutex_unlock(&devfs_mutex);
	for (int fd = 0; fd < MAX_FILES; fd++) {
		file = hold_file(fd);
		if (file != NULL && file->dev == dev)
			destroy_data(file);
		if (file != NULL)
			drop_file(file);
	}
	pthread_mutex_lock(&devfs_mutex);
	release_device(dev);
	pthread_mutex_unlock(&devfs_mutex);
}

struct cdev *
ukern_find_node(const char *path)
{
	struct cdev *dev;

	pthread_mutex_lock(&devfs_mutex);
	dev = find_device(path);
	pthread_mutex_unlock(&devfs_mutex);
	return (dev);
}

unsigned int
ukern_nodes(void)
{
	unsigned int count = 0;

	pthread_mutex_lock(&devfs_mutex);
	for (struct cdev *dev = devices; dev != NULL; dev = dev->next)
		count++;
	pthread_mutex_unlock(&devfs_mutex);
	return (count);
}

int
devfs_set_cdevpriv(void *data, d_priv_dtor_t *dtor)
{

	if (ukern_fault("devfs_set_cdevpriv"))
		return (EBUSY);
	MPASS(current_file != NULL && current_file->data == NULL);
	current_file->data = data;
	current_file->dtor = dtor;
	return (0);
}

int
devfs_get_cdevpriv(void **data)
{

	MPASS(current_file != NULL);
	*data = current_file->data;
	return (*data == NULL ? EBADF : 0);
}

/* ---- Files ---- */

/* Into a function of a file's device, unless that is going. */
static bool
enter_device(struct file *file)
{
	bool alive;

	pthread_mutex_lock(&devfs_mutex);
	alive = !file->dev->dying;
	if (alive)
		file->dev->threads++;
	pthread_mutex_unlock(&devfs_mutex);
	if (alive) {
		ukern_class_enter(device_class);
		current_file = file;
	}
	return (alive);
}

static void
leave_device(struct file *file)
{

	current_file = NULL;
	ukern_class_leave(device_class);
	pthread_mutex_lock(&devfs_mutex);
	file->dev->threads--;
	pthread_cond_broadcast(&devfs_cond);
	pthread_mutex_unlock(&devfs_mutex);
}

static bool
may_access(const struct cdev *dev, const struct ucred *cred, int flags)
{
	int wanted = ((flags & FREAD) != 0 ? 4 : 0) |
	    ((flags & FWRITE) != 0 ? 2 : 0);

	if (cred->cr_uid == 0)
		return (true);
	if (cred->cr_uid == dev->si_uid)
		return ((dev->si_mode >> 6 & wanted) == wanted);
	if (cred->cr_gid == dev->si_gid)
		return ((dev->si_mode >> 3 & wanted) == wanted);
	return ((dev->si_mode & wanted) == wanted);
}

/* A file on the node, not yet open, with two references. */
static int
new_file(const char *path, int flags, int *fd, struct file **result)
{
	struct file *file = ukern_calloc(sizeof(*file));
	int error = 0;

	pthread_mutex_lock(&devfs_mutex);
	file->dev = find_device(path);
	for (*fd = 0; *fd < MAX_FILES && files[*fd] != NULL;)
		(*fd)++;
	if (file->dev == NULL)
		error = ENOENT;
	else if (!may_access(file->dev, curthread->td_ucred, flags))
		error = EACCES;
	else if (*fd == MAX_FILES)
		ukern_panic("more than %d files", MAX_FILES);
	if (error == 0) {
		file->refs = 2;
		file->dev->refs++;
		files[*fd] = file;
	}
	pthread_mutex_unlock(&devfs_mutex);
	if (error != 0)
		ukern_release(file);
	*result = file;
	return (error);
}

static void
publish(int fd, struct file *file, bool open)
{

	pthread_mutex_lock(&devfs_mutex);
	file->open = open;
	if (!open)
		files[fd] = NULL;
	pthread_mutex_unlock(&devfs_mutex);
	if (!open)
		drop_file(file);
}

/* ---- System calls ---- */

static int
open_device(const char *path, int flags, int *fd)
{
	struct file *file;
	int error;

	error = new_file(path, flags, fd, &file);
	if (error != 0)
		return (error);
	error = ENXIO;
	if (enter_device(file)) {
		error = file->dev->si_devsw->d_open(file->dev, flags, 0,
		    curthread);
		leave_device(file);
	}
	publish(*fd, file, error == 0);
	drop_file(file);
	return (error);
}

int
ukern_open(const char *path, int flags, int *fd)
{
	int error;

	ukern_syscall_enter();
	error = open_device(path, flags, fd);
	ukern_syscall_leave("open");
	return (error);
}

int
ukern_close(int fd)
{
	struct file *file;

	ukern_syscall_enter();
	file = hold_file(fd);
	if (file == NULL)
		return (EBADF);
	publish(fd, file, false);
	drop_file(file);
	ukern_syscall_leave("close");
	return (0);
}

/* What was moved before a signal counts as read(2) sees it. */
static int
read_device(struct file *file, struct uio *uio)
{
	const ssize_t before = uio->uio_resid;
	int error = ENXIO;

	if (enter_device(file)) {
		error = file->dev->si_devsw->d_read(file->dev, uio, 0);
		leave_device(file);
	}
	if (error == EINTR && uio->uio_resid != before)
		error = 0;
	return (error);
}

int
ukern_read_mapped(int fd, void *buf, size_t len, size_t mapped, size_t *got)
{
	struct uio uio = { .uio_base = buf,
		.uio_resid = (ssize_t)len,
		.uio_good = (ssize_t)mapped };
	struct file *file;
	int error;

	ukern_syscall_enter();
	*got = 0;
	file = hold_file(fd);
	if (file == NULL)
		return (EBADF);
	error = read_device(file, &uio);
	if (error == 0)
		*got = len - (size_t)uio.uio_resid;
	drop_file(file);
	ukern_syscall_leave("read");
	return (error);
}

int
ukern_read(int fd, void *buf, size_t len, size_t *got)
{

	return (ukern_read_mapped(fd, buf, len, len, got));
}

/* The argument is copied, as the kernel does, into memory of its size. */
int
ukern_ioctl(int fd, unsigned long cmd, void *arg)
{
	size_t len = IOCPARM_LEN(cmd);
	struct file *file;
	int error = ENXIO;
	char *data;

	ukern_syscall_enter();
	file = hold_file(fd);
	if (file == NULL)
		return (EBADF);
	data = ukern_calloc(len);
	if ((cmd & IOC_IN) != 0)
		memcpy(data, arg, len);
	if (enter_device(file)) {
		error = file->dev->si_devsw->d_ioctl(file->dev, cmd, data,
		    FREAD, curthread);
		leave_device(file);
	}
	if (error == 0 && (cmd & IOC_OUT) != 0)
		memcpy(arg, data, len);
	ukern_release(data);
	drop_file(file);
	ukern_syscall_leave("ioctl");
	return (error);
}
