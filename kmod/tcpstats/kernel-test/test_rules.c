/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The user-space kernel's own test: whoever breaks a rule is aborted, with a
 * message that names it.  Each is broken in a process of its own.
 */
#include <sys/conf.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/mutex.h>
#include <sys/proc.h>
#include <sys/smr.h>
#include <sys/sx.h>
#include <sys/sysctl.h>
#include <sys/systm.h>
#include <sys/uio.h>

#include <net/vnet.h>
#include <netinet/in_pcb.h>
#include <netinet/tcp_var.h>

#include <sys/wait.h>

#include <signal.h>
#include <unistd.h>

#include "ktest.h"
#include "ukern_impl.h"

MALLOC_DEFINE(M_TEST, "test", "memory of a test");

static struct mtx mtx;
static struct sx one, other;
static struct cdevsw devsw = { .d_version = D_VERSION };

static void
malloc_with_mutex(void)
{

	mtx_lock(&mtx);
	free(malloc(1, M_TEST, M_WAITOK), M_TEST);
}

static void
sx_with_mutex(void)
{

	mtx_lock(&mtx);
	sx_xlock(&one);
}

static void
uiomove_with_inpcb(void)
{
	struct uio uio = { .uio_resid = 0 };

	make_sockets(1);
	INP_RLOCK(sockets[0]);
	(void)uiomove(&uio, 0, &uio);
}

static void
yield_with_inpcb(void)
{

	make_sockets(1);
	INP_RLOCK(sockets[0]);
	maybe_yield();
}

static void
sleep_in_smr(void)
{

	smr_enter();
	maybe_yield();
}

static void
lock_in_smr(void)
{

	smr_enter();
	mtx_lock(&mtx);
}

static void
reversal(void)
{

	sx_xlock(&one);
	sx_xlock(&other);
	sx_xunlock(&one);
	sx_xlock(&one);
}

static int
open_with_lock(struct cdev *dev __unused, int oflags __unused,
    int devtype __unused, struct thread *td __unused)
{

	sx_xlock(&one);
	sx_xunlock(&one);
	return (ENXIO);
}

static struct cdev *
make_node(const char *name, int flags)
{
	struct make_dev_args args;
	struct cdev *dev;

	make_dev_args_init(&args);
	args.mda_devsw = &devsw;
	args.mda_flags = flags;
	if (make_dev_s(&args, &dev, "%s", name) != 0)
		tap_bail_out("no node");
	return (dev);
}

static void
destroy_dev_with_lock_of_open(void)
{
	struct cdev *dev = make_node("node", 0);
	int fd;

	devsw.d_open = open_with_lock;
	(void)ukern_open("node", FREAD, &fd);
	sx_xlock(&one);
	destroy_dev(dev);
}

static void
node_below_a_node(void)
{

	(void)make_node("node", 0);
	(void)make_node("node/below", 0);
}

static int
remove_itself(SYSCTL_HANDLER_ARGS)
{

	return (sysctl_remove_oid(oidp, 1, 0));
}

static void
sysctl_removes_itself(void)
{

	ukern_static_oids_ready(true);
	(void)sysctl_add_oid(NULL, &sysctl___dev.oid_children, "test",
	    CTLFLAG_RD, NULL, 0, remove_itself, "A", "A test");
	(void)ukern_sysctl("dev.test", NULL, NULL, NULL, 0);
}

static void
memory_left(void)
{

	(void)malloc(1, M_TEST, M_WAITOK);
	ukern_malloc_types_ready(false);
}

static void
destroyed_lock(void)
{

	mtx_destroy(&mtx);
	mtx_lock(&mtx);
}

static void
return_with_lock(void)
{

	sx_xlock(&one);
	(void)ukern_kldunload(false);
}

static void
variable_without_vnet(void)
{
	(void)V_tcbinfo.ipi_count;
}

static const struct {
	void (*breaks)(void);
	const char *message;
} rules[] = {
	{ malloc_with_mutex, "panic: malloc(M_WAITOK) with mutex held" },
	{ sx_with_mutex, "panic: sx_xlock with mutex held" },
	{ uiomove_with_inpcb, "panic: uiomove with tcpinp held" },
	{ yield_with_inpcb, "panic: maybe_yield with tcpinp held" },
	{ sleep_in_smr, "panic: maybe_yield within an SMR section" },
	{ lock_in_smr, "panic: mutex waited for within an SMR section" },
	{ reversal, "panic: lock one: lock order reversal with other" },
	{ destroy_dev_with_lock_of_open,
	    "panic: destroy_dev function of a device: "
	    "lock order reversal with one" },
	{ node_below_a_node, "panic: make_dev_s: bad si_name node/below" },
	{ sysctl_removes_itself, "panic: sysctl_remove_oid sysctl handler" },
	{ memory_left, "panic: 1 allocations of type test are left" },
	{ destroyed_lock, "panic: a lock taken that is none" },
	{ return_with_lock, "panic: kldunload returns with something held" },
	{ variable_without_vnet, "panic: a vnet's variable without a vnet" },
};

static _Noreturn void
break_rule(void (*breaks)(void), int output)
{

	dup2(output, STDERR_FILENO);
	signal(SIGABRT, SIG_DFL);
	mtx_init(&mtx, "mutex", NULL, MTX_DEF);
	sx_init(&one, "one");
	sx_init(&other, "other");
	ukern_malloc_types_ready(true);
	breaks();
	_exit(0);
}

static void
test_rule(void (*breaks)(void), const char *message)
{
	char text[1024] = "";
	int pipes[2], status = 0;
	size_t len = 0;
	ssize_t got;
	pid_t child;

	if (pipe(pipes) != 0 || (child = fork()) < 0)
		tap_bail_out("no process");
	if (child == 0)
		break_rule(breaks, pipes[1]);
	close(pipes[1]);
	while ((got = read(pipes[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)got;
	waitpid(child, &status, 0);
	close(pipes[0]);
	if (!tap_ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
		    strncmp(text, message, strlen(message)) == 0,
		"rules: %s", message))
		tap_diag("status %#x, %s", (unsigned int)status, text);
}

int
main(void)
{

	for (size_t i = 0; i < nitems(rules); i++)
		test_rule(rules[i].breaks, rules[i].message);
	return (tap_done());
}
