/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A process that opens connections from one address to itself and holds both
 * ends of each.
 */
#include "holder.h"

#include <sys/socket.h>

#include <netinet/in.h>

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef __FreeBSD__
#define ADD_ADDRESS "ifconfig lo0 alias"
#define PORT_RANGE "net.inet.ip.portrange.first and .last"
#define SYSTEM_FILES "kern.maxfiles"
#define SYSTEM_SOCKETS "kern.ipc.maxsockets"
#else
#define ADD_ADDRESS "ip address add dev lo"
#define PORT_RANGE "net.ipv4.ip_local_port_range"
#define SYSTEM_FILES "fs.file-max"
#define SYSTEM_SOCKETS "the machine's memory"
#endif

_Static_assert(sizeof(struct holder_report) <= PIPE_BUF,
    "a report is written to a pipe in one piece");

struct address {
	const char *text;
	struct sockaddr_storage storage;
	socklen_t len;
};

static void fail(struct holder_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
fail(struct holder_report *report, const char *format, ...)
{
	va_list args;

	report->hr_failed = true;
	va_start(args, format);
	vsnprintf(report->hr_error, sizeof(report->hr_error), format, args);
	va_end(args);
}

/* A step failed while the first so many connections stood. */
static void
fail_opening(struct holder_report *report, const char *step,
    const struct address *source, uint32_t standing)
{
	const char *hint = "";

	switch (errno) {
	case EMFILE:
		hint = ": RLIMIT_NOFILE is too low (ulimit -Hn)";
		break;
	case ENFILE:
		hint = ": " SYSTEM_FILES " is reached";
		break;
	case ENOBUFS:
	case ENOMEM:
		hint = ": " SYSTEM_SOCKETS " is used up";
		break;
	case EADDRINUSE:
	case EADDRNOTAVAIL:
		hint = ": no port is left, widen " PORT_RANGE
		       " or use more addresses";
		break;
	}
	fail(report, "failed to %s connection %u of %s: %s%s", step,
	    standing + 1, source->text, strerror(errno), hint);
}

static bool
resolve(struct address *address, struct holder_report *report)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *info;

	if (getaddrinfo(address->text, NULL, &hints, &info) != 0) {
		fail(report, "'%s' is not a numeric address", address->text);
		return (false);
	}
	memcpy(&address->storage, info->ai_addr, info->ai_addrlen);
	address->len = info->ai_addrlen;
	freeaddrinfo(info);
	return (true);
}

/*
 * Listen on a port of the system's choice.  On success *listener has it in
 * place of port 0.
 */
static int
listen_on(const struct address *source, struct address *listener,
    struct holder_report *report)
{
	int fd;

	*listener = *source;
	fd = socket(source->storage.ss_family, SOCK_STREAM, 0);
	if (fd < 0) {
		fail(report, "failed to open a socket: %s", strerror(errno));
		return (-1);
	}
	if (bind(fd, (const struct sockaddr *)&source->storage, source->len) !=
	    0) {
		if (errno == EADDRNOTAVAIL)
			fail(report,
			    "%s is no address of this machine: add it with "
			    "`" ADD_ADDRESS " %s`",
			    source->text, source->text);
		else
			fail(report, "failed to bind to %s: %s", source->text,
			    strerror(errno));
		return (-1);
	}
	if (listen(fd, SOMAXCONN) != 0 ||
	    getsockname(fd, (struct sockaddr *)&listener->storage,
		&listener->len) != 0) {
		fail(report, "failed to listen on %s: %s", source->text,
		    strerror(errno));
		return (-1);
	}
	return (fd);
}

static uint16_t
port_of(const struct address *address)
{

	if (address->storage.ss_family == AF_INET6)
		return (ntohs(((const struct sockaddr_in6 *)&address->storage)
				  ->sin6_port));
	return (
	    ntohs(((const struct sockaddr_in *)&address->storage)->sin_port));
}

/* A socket whose end is an RST: TIME_WAIT would use up the ports. */
static int
open_client(const struct address *source)
{
	static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int fd;

	fd = socket(source->storage.ss_family, SOCK_STREAM, 0);
	if (fd < 0)
		return (-1);
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) != 0)
		return (-1);
#ifdef IP_BIND_ADDRESS_NO_PORT
	/* The port need differ only from those to the same listener. */
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int) { 1 },
		sizeof(int)) != 0)
		return (-1);
#endif
	return (fd);
}

/* Both ends of one connection; their descriptors stay open for good. */
static bool
open_connection(const struct address *source, const struct address *listener,
    int listener_fd, uint32_t standing, struct holder_report *report)
{
	const char *step = "open the socket of";
	int fd;

	fd = open_client(source);
	if (fd >= 0) {
		step = "bind";
		if (bind(fd, (const struct sockaddr *)&source->storage,
			source->len) == 0) {
			step = "connect";
			if (connect(fd,
				(const struct sockaddr *)&listener->storage,
				listener->len) == 0) {
				step = "accept";
				if (accept(listener_fd, NULL, NULL) >= 0)
					return (true);
			}
		}
	}
	fail_opening(report, step, source, standing);
	return (false);
}

static void
open_connections(const struct holder_task *task, struct holder_report *report)
{
	struct address listener, source = { .text = task->ht_source };
	int fd;

	if (!resolve(&source, report))
		return;
	fd = listen_on(&source, &listener, report);
	if (fd < 0)
		return;
	report->hr_port = port_of(&listener);
	for (uint32_t i = 0; i < task->ht_connections; i++)
		if (!open_connection(&source, &listener, fd, i, report))
			return;
}

/* The signals as a program has them at its start. */
static void
reset_signals(void)
{
	sigset_t none;

	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn void
holder_run(const struct holder_task *task)
{
	struct holder_report report = { .hr_index = task->ht_index };
	char byte;

	reset_signals();
	open_connections(task, &report);
	/* Where nobody reads it, nobody holds the other pipe either. */
	signal(SIGPIPE, SIG_IGN);
	if (write(task->ht_report_fd, &report, sizeof(report)) !=
		sizeof(report) ||
	    report.hr_failed)
		_exit(1);
	/* The reader sees the end of the pipe once nobody is left to report. */
	close(task->ht_report_fd);
	while (read(task->ht_hold_fd, &byte, 1) < 0 && errno == EINTR)
		continue;
	_exit(0);
}
