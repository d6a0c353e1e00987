/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_milter_talk - connect to a milter: does one answer, and is it ours?
 *
 * The milter protocol begins with a negotiation: the MTA offers a version,
 * actions and steps, and the milter requests some of them. No other milter
 * requests exactly the actions of ours. Then the MTA quits, as one that had no
 * mail.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/failure.h"
#include "lib/identity.h"
#include "notifyctl/check/check.h"

#define VERSION_ASKED 6
#define ALL_ACTIONS 0x1ff
#define ALL_STEPS 0x1fffff
/* Add and delete recipients, with parameters; add and change headers;
 * quarantine. */
#define ACTIONS_OF_OURS 0xbd
/* Before 0.2.0: it adds no headers. */
#define ACTIONS_BEFORE 0xbc
/* Any milter may request a list of macros. */
#define ACTION_MACROS 0x100
#define SECONDS 3

struct negotiation {
	uint32_t length; /* of what follows */
	char command;
	uint32_t version, actions, steps;
} __attribute__((packed));

static int connect_to(const struct sockaddr *, socklen_t);

/* A connected socket with a time limit, which holds for connect(2) too. */
static int
connect_to(const struct sockaddr *address, socklen_t len)
{
	const struct timeval wait = {.tv_sec = SECONDS};
	int fd, error;

	fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return (-1);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(fd, address, len) == 0)
		return (fd);
	error = errno;
	close(fd);
	errno = error;
	return (-1);
}

int
check_connect_path(const char *path, const char *user)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct failure failure = FAILURE_INIT;
	int fd, error;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	strcpy(sun.sun_path, path);
	/* Not as root: the name may lead to another program's socket. */
	if (identity_take(path, user, &failure) != 0) {
		failure_clear(&failure);
		errno = EACCES;
		return (-1);
	}
	fd = connect_to((struct sockaddr *)&sun, sizeof(sun));
	error = errno;
	identity_drop();
	errno = error;
	return (fd);
}

int
check_connect_host(const struct addrinfo *a)
{
	int fd = -1;

	for (; fd == -1 && a != NULL; a = a->ai_next)
		fd = connect_to(a->ai_addr, a->ai_addrlen);
	return (fd);
}

enum check_answer
check_milter_talk(int fd)
{
	static const char quit[] = {0, 0, 0, 1, 'Q'};
	const struct timeval wait = {.tv_sec = SECONDS};
	struct negotiation n = {
	    .length = htonl(sizeof(n) - sizeof(n.length)),
	    .command = 'O',
	    .version = htonl(VERSION_ASKED),
	    .actions = htonl(ALL_ACTIONS),
	    .steps = htonl(ALL_STEPS),
	};
	uint32_t actions;
	ssize_t len;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (send(fd, &n, sizeof(n), MSG_NOSIGNAL) != sizeof(n))
		return (CHECK_SILENT);
	len = recv(fd, &n, sizeof(n), MSG_WAITALL);
	if (len <= 0)
		return (CHECK_SILENT);
	if (len != sizeof(n))
		return (CHECK_NO_MILTER);
	(void)send(fd, quit, sizeof(quit), MSG_NOSIGNAL);
	if (n.command != 'O' ||
	    ntohl(n.length) < sizeof(n) - sizeof(n.length) ||
	    ntohl(n.version) > VERSION_ASKED)
		return (CHECK_NO_MILTER);
	actions = ntohl(n.actions) & ~(uint32_t)ACTION_MACROS;
	return (actions == ACTIONS_OF_OURS || actions == ACTIONS_BEFORE
		? CHECK_OURS
		: CHECK_OTHER);
}
