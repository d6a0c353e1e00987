/*
 * check_socket - does the milter answer where Postfix asks?
 */
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "arena.h"
#include "check.h"
#include "ctl.h"
#include "output.h"
#include "settings.h"
#include "store.h"

static int connects(const char *path);
static void check_tcp(struct ctl *ctl);

static int
connects(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, rc;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return (-1);
	rc = connect(fd, (struct sockaddr *)&sun, sizeof(sun));
	close(fd);
	return (rc);
}

/* inet:PORT@HOST */
static void
check_tcp(struct ctl *ctl)
{
	const struct settings *s = ctl->settings;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found, *a;
	char *port, *host;
	int fd, rc;

	check_finding(ctl, CHECK_WARNING, "socket",
	    check_text(ctl,
		"%s is TCP, which costs each message that is changed some 40 "
		"ms at Postfix, and lets in whoever reaches the port",
		s->socket),
	    "use a unix: socket where the MTA is on this machine");
	port = arena_strdup(ctl->arena, strchr(s->socket, ':') + 1);
	host = port == NULL ? NULL : strchr(port, '@');
	if (host == NULL)
		return;
	*host++ = '\0';
	rc = getaddrinfo(host, port, &hints, &found);
	if (rc != 0) {
		check_finding(ctl, CHECK_ERROR, "socket",
		    check_text(ctl, "%s: %s", s->socket, gai_strerror(rc)),
		    "name another host for socket in [milter]");
		return;
	}
	rc = -1;
	for (a = found; a != NULL && rc != 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd == -1)
			continue;
		rc = connect(fd, a->ai_addr, a->ai_addrlen);
		close(fd);
	}
	freeaddrinfo(found);
	if (rc != 0)
		check_finding(ctl, CHECK_ERROR, "socket",
		    check_text(ctl, "nobody answers at %s", s->socket),
		    "start notify-milter");
}

void
check_socket(struct ctl *ctl)
{
	const struct settings *s = ctl->settings;
	const char *path;
	struct stat st;

	if (strncmp(s->socket, "inet", 4) == 0) {
		check_tcp(ctl);
		return;
	}
	path = strchr(s->socket, ':') + 1;
	if (stat(path, &st) != 0) {
		check_finding(ctl, CHECK_ERROR, "socket",
		    check_text(ctl, "%s: %s", path, strerror(errno)),
		    "start notify-milter");
		return;
	}
	if (!S_ISSOCK(st.st_mode)) {
		check_finding(ctl, CHECK_ERROR, "socket",
		    check_text(ctl, "%s is no socket", path),
		    "name another path for socket in [milter]");
		return;
	}
	if (connects(path) != 0) {
		check_finding(ctl, CHECK_ERROR, "socket",
		    check_text(
			ctl, "nobody answers at %s: %s", path, strerror(errno)),
		    errno == EACCES ? "run this check as root"
				    : "start notify-milter");
		return;
	}
	if (!(st.st_mode & S_IWGRP) || st.st_gid == 0)
		check_finding(ctl, CHECK_WARNING, "socket",
		    check_text(ctl,
			"%s does not belong to Postfix's group, so "
			"Postfix may not get in",
			path),
		    "make its directory belong to the group postfix, then "
		    "restart notify-milter");
	else
		check_finding(ctl, CHECK_OK, "socket",
		    check_text(ctl, "notify-milter answers at %s", path), "");
}
