/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dial - connect to where a milter listens
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench/dial.h"

static int dial_unix(const char *);
static int dial_tcp(const char *);
static int dial_address(int, const struct sockaddr *, socklen_t);

/* Connect before O_NONBLOCK is set: connecting is not measured. */
static int
dial_address(int family, const struct sockaddr *sa, socklen_t len)
{
	int fd;

	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return (-1);
	if (connect(fd, sa, len) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
		close(fd);
		return (-1);
	}
	return (fd);
}

static int
dial_unix(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	strcpy(sun.sun_path, path);
	return (dial_address(AF_UNIX, (struct sockaddr *)&sun, sizeof(sun)));
}

static int
dial_tcp(const char *text)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	char port[16];
	const char *at = strchr(text, '@');
	int fd, one = 1;

	errno = EINVAL;
	if (at == NULL || (size_t)(at - text) >= sizeof(port))
		return (-1);
	snprintf(port, sizeof(port), "%.*s", (int)(at - text), text);
	if (getaddrinfo(at + 1, port, &hints, &found) != 0) {
		errno = EADDRNOTAVAIL;
		return (-1);
	}
	fd = dial_address(found->ai_family, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	if (fd != -1)
		(void)setsockopt(
		    fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return (fd);
}

int
dial(const char *where)
{
	if (strncmp(where, "unix:", 5) == 0)
		return (dial_unix(where + 5));
	if (strncmp(where, "inet:", 5) == 0)
		return (dial_tcp(where + 5));
	errno = EINVAL;
	return (-1);
}
