/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * logsocket - lines for the syslog daemon, sent without waiting for it for long
 *
 * The time to wait is a credit that grows with the clock: a daemon that is busy
 * for a moment loses no line, and one that hangs costs no message more than a
 * second. The lock is held while a line waits, so that threads do not each wait
 * a second.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/logsocket.h"

#define PATH _PATH_LOG
/* The longest wait, and one millisecond of it is earned in EARN_MS. */
#define WAIT_MS 1000
#define EARN_MS 10
/* Others may fill the socket again and again. */
#define TRIES 100
/* A longer line is cut if the socket does not take it. */
#define CUT 8192
/* "<22>Nov 28 12:00:00 notify-telegram[4194304]: " */
#define HEADER_SIZE 96

static struct {
	pthread_mutex_t lock;
	const char *name;
	int fd; /* connected, or -1 */
	bool stream;
	int64_t credit, earned; /* to wait, as of then, in milliseconds */
	unsigned long lost;
} ls = {.lock = PTHREAD_MUTEX_INITIALIZER,
    .name = "notify",
    .fd = -1,
    .credit = WAIT_MS};

static void disconnect(void);
static int connect_as(int);
static int reconnect(void);
static bool await(void);
static int try_once(struct iovec *);
static int deliver(const char *, const char *);
static int put_header(int, char[HEADER_SIZE]);
static int send_line(int, const char *);
static void send_format(int, const char *, va_list)
    __attribute__((format(printf, 2, 0)));

/* libmilter's, instead of the C library's. */
void __syslog_chk(int, int, const char *, ...)
    __attribute__((format(printf, 3, 4)));

static void
disconnect(void)
{
	if (ls.fd != -1)
		close(ls.fd);
	ls.fd = -1;
}

/* 0, or -1 with errno. */
static int
connect_as(int type)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX, .sun_path = PATH};
	int reason;

	ls.fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ls.fd == -1)
		return (-1);
	ls.stream = type == SOCK_STREAM;
	if (connect(ls.fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return (0);
	reason = errno;
	disconnect();
	errno = reason;
	return (-1);
}

static int
reconnect(void)
{
	disconnect();
	if (connect_as(SOCK_DGRAM) == 0)
		return (0);
	return (errno == EPROTOTYPE ? connect_as(SOCK_STREAM) : -1);
}

/* Wait until the socket takes more, as long as the credit lasts. */
static bool
await(void)
{
	struct pollfd p = {.fd = ls.fd, .events = POLLOUT};
	int64_t now = clock_ms(), spent;
	int rc;

	ls.credit += (now - ls.earned) / EARN_MS;
	if (ls.credit > WAIT_MS)
		ls.credit = WAIT_MS;
	ls.earned = now;
	if (ls.credit <= 0)
		return (false);
	rc = poll(&p, 1, (int)ls.credit);
	spent = clock_ms() - now;
	ls.credit -= spent;
	ls.earned += spent;
	return (rc == 1);
}

/* ${line}: its header and its text. 0, or an errno. */
static int
try_once(struct iovec *line)
{
	struct msghdr message = {.msg_iov = line, .msg_iovlen = 2};
	ssize_t n;

	n = sendmsg(ls.fd, &message, MSG_NOSIGNAL);
	if (n == (ssize_t)(line[0].iov_len + line[1].iov_len))
		return (0);
	/* Part of a line in a stream: the rest would begin a new one. */
	return (n == -1 ? errno : EPIPE);
}

/* 0, or -1 if it is lost. */
static int
deliver(const char *header, const char *text)
{
	struct iovec line[] = {{(void *)(uintptr_t)header, strlen(header)},
	    {(void *)(uintptr_t)text, strlen(text)}};
	bool again = ls.fd == -1, cut = false;
	int reason, tries;

	if (again && reconnect() != 0)
		return (-1);
	for (tries = 0; tries < TRIES; tries++) {
		/* In a stream a NUL ends each line. */
		line[1].iov_len = cut ? CUT : strlen(text) + ls.stream;
		reason = try_once(line);
		if (reason == 0)
			return (0);
		if (reason == EAGAIN || reason == ENOBUFS) {
			if (!await())
				return (-1);
		} else if (reason == EMSGSIZE && !cut && strlen(text) > CUT) {
			cut = true;
		} else if (reason != EINTR && (again || reconnect() != 0)) {
			/* The daemon is gone. */
			disconnect();
			return (-1);
		} else {
			again = reason != EINTR; /* it was restarted */
		}
	}
	return (-1);
}

/* What is before the text of each line: 0 or -1. */
static int
put_header(int priority, char header[HEADER_SIZE])
{
	char stamp[HEADER_SIZE / 2];
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm) == NULL ||
	    strftime(stamp, sizeof(stamp), "%h %e %T", &tm) == 0)
		return (-1);
	snprintf(header, HEADER_SIZE, "<%d>%s %s[%ld]: ", priority | LOG_MAIL,
	    stamp, ls.name, (long)getpid());
	return (0);
}

/* With the lock. */
static int
send_line(int priority, const char *text)
{
	char header[HEADER_SIZE];

	if (put_header(priority, header) != 0)
		return (-1);
	return (deliver(header, text));
}

void
logsocket_open(const char *name)
{
	pthread_mutex_lock(&ls.lock);
	ls.name = name;
	if (ls.fd == -1)
		(void)reconnect();
	pthread_mutex_unlock(&ls.lock);
}

void
logsocket_send(int priority, const char *text)
{
	char report[128];

	pthread_mutex_lock(&ls.lock);
	if (ls.lost > 0) {
		snprintf(report, sizeof(report),
		    "warning: %lu log lines are missing: %s did not take them",
		    ls.lost, PATH);
		if (send_line(LOG_WARNING, report) == 0)
			ls.lost = 0;
	}
	if (ls.lost > 0 || send_line(priority, text) != 0)
		ls.lost++;
	pthread_mutex_unlock(&ls.lock);
}

static void
send_format(int priority, const char *fmt, va_list ap)
{
	char *text;

	if (vasprintf(&text, fmt, ap) < 0)
		return;
	logsocket_send(LOG_PRI(priority), text);
	free(text);
}

void
__syslog_chk(int priority, int flag, const char *fmt, ...)
{
	va_list ap;

	(void)flag;
	va_start(ap, fmt);
	send_format(priority, fmt, ap);
	va_end(ap);
}

void
syslog(int priority, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	send_format(priority, fmt, ap);
	va_end(ap);
}
