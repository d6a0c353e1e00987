/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_socket - does the milter answer, and can Postfix get at it?
 */
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/ctl.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

#define CONNECT_SECONDS 3

static bool has_unit(struct check *, const char *);
static const char *start_command(struct check *);
static int open_socket(int);
static int connect_path(const char *);
static int connect_host(const struct addrinfo *);
static void say_who_answers(struct check *, int);
static bool loopback(const struct sockaddr *);
static void check_tcp(struct check *);
static void check_path(struct check *);
static void check_entry(struct check *, const char *);
static void check_unit(struct check *, const char *);

/* Is the program started by systemd here? */
static bool
has_unit(struct check *c, const char *name)
{
	const char *const argv[] = {"systemctl", "cat", name, NULL};

	return (access("/run/systemd/system", F_OK) == 0 &&
	    check_capture(c, argv) != NULL);
}

static const char *
start_command(struct check *c)
{
	if (has_unit(c, "notify-milter.service"))
		return ("systemctl restart notify-milter");
	if (strcmp(c->ctl->file, SETTINGS_FILE) == 0)
		return ("notify-milter");
	return (
	    check_text(c, "notify-milter -c %s", check_quote(c, c->ctl->file)));
}

/* A socket with a limit in time, also for connecting. */
static int
open_socket(int family)
{
	const struct timeval wait = {.tv_sec = CONNECT_SECONDS};
	int fd;

	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd != -1)
		(void)setsockopt(
		    fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	return (fd);
}

static int
connect_path(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, error;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		errno = ENAMETOOLONG;
		return (-1);
	}
	strcpy(sun.sun_path, path);
	fd = open_socket(AF_UNIX);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return (fd);
	error = errno;
	close(fd);
	errno = error;
	return (-1);
}

static int
connect_host(const struct addrinfo *a)
{
	int fd;

	for (; a != NULL; a = a->ai_next) {
		fd = open_socket(a->ai_family);
		if (fd != -1 && connect(fd, a->ai_addr, a->ai_addrlen) == 0)
			return (fd);
		if (fd != -1)
			close(fd);
	}
	return (-1);
}

/* ${fd} is closed. */
static void
say_who_answers(struct check *c, int fd)
{
	const char *where = c->settings->socket;
	int rc;

	rc = check_milter_talk(fd);
	close(fd);
	if (rc == 1) {
		check_looked(c, check_text(c, "notify-milter at %s", where));
		return;
	}
	check_found(c, CHECK_ERROR, CHECK_PUT,
	    check_text(c,
		rc == 0 ? "another milter answers at %s"
			: "what answers at %s is no milter",
		where),
	    rc == 0
		? "tagged mail is given to that one, which knows nothing of "
		  "the tag; notify-milter itself cannot start there"
		: "Postfix cannot speak to it, and does with mail what "
		  "milter_default_action says",
	    check_setting(
		c, "milter", "socket = one that no other program serves"));
}

static bool
loopback(const struct sockaddr *sa)
{
	const struct sockaddr_in6 *in6;

	if (sa->sa_family == AF_INET)
		return (ntohl(((const struct sockaddr_in *)(const void *)sa)
				  ->sin_addr.s_addr) >>
			24 ==
		    127);
	in6 = (const struct sockaddr_in6 *)(const void *)sa;
	return (
	    sa->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr));
}

/* inet:PORT@HOST */
static void
check_tcp(struct check *c)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	const char *where = c->settings->socket, *instead;
	char *port, *host;
	bool local;
	int fd, rc;

	instead = check_setting(c, "milter",
	    check_text(c, "socket = unix:%s/notify-milter/notify-milter.sock",
		c->postfix == NULL ? "/var/spool/postfix" : c->postfix->queue));
	port = arena_strdup(c->arena, strchr(where, ':') + 1);
	host = port == NULL ? NULL : strchr(port, '@');
	if (host == NULL)
		return;
	*host++ = '\0';
	hints.ai_family = strncmp(where, "inet6", 5) == 0 ? AF_INET6 : AF_INET;
	rc = getaddrinfo(host, port, &hints, &found);
	if (rc != 0) {
		check_found(c, CHECK_ERROR, CHECK_PUT,
		    check_text(c, "%s: %s", where, gai_strerror(rc)),
		    "the milter does not start", instead);
		return;
	}
	local = loopback(found->ai_addr);
	fd = connect_host(found);
	freeaddrinfo(found);
	if (fd == -1)
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "nobody answers at %s", where),
		    "Postfix does with all mail what milter_default_action "
		    "says",
		    start_command(c));
	else
		say_who_answers(c, fd);
	if (local)
		check_found(c, CHECK_NOTE, CHECK_PUT,
		    check_text(c, "%s is TCP", where),
		    "each message that is changed takes some 40 ms more at "
		    "Postfix, and every user of this machine may ask the "
		    "milter who is entitled to what",
		    instead);
	else
		check_found(c, CHECK_WARNING, CHECK_PUT,
		    check_text(c, "%s can be reached from elsewhere", where),
		    "whoever reaches the port may ask the milter who is "
		    "entitled to what, and it tells; each message that is "
		    "changed takes some 40 ms more at Postfix",
		    check_text(c,
			"%s; if Postfix is on another machine, let only that "
			"one reach the port",
			instead));
}

/* May Postfix's daemons connect to the socket at ${path}? */
static void
check_entry(struct check *c, const char *path)
{
	const char *owner, *group, *directory;
	const struct passwd *pw;
	struct group *gr;
	struct stat st, dir;
	int rc;

	directory = check_directory(c, path);
	if (stat(path, &st) == 0 && stat(directory, &dir) == 0 &&
	    st.st_mode & S_IWOTH && dir.st_mode & S_IXOTH)
		check_found(c, CHECK_WARNING, CHECK_RUN,
		    check_text(c, "%s is open to everybody", path),
		    "every user of this machine may ask the milter who is "
		    "entitled to what",
		    check_text(c, "chmod o-rwx %s", check_quote(c, path)));
	owner = c->postfix == NULL ? "postfix"
				   : postconf_value(c->postfix, "mail_owner");
	pw = check_passwd(c, owner);
	if (pw == NULL)
		return;
	gr = getgrgid(pw->pw_gid);
	group = gr == NULL ? owner : check_text(c, "%s", gr->gr_name);
	rc = check_access(pw, path, R_OK | W_OK);
	if (rc == -1)
		check_unseen(c,
		    check_text(c, "whether %s may use %s is not looked at",
			owner, path),
		    "only root, or that user, can tell whether Postfix can "
		    "reach the milter");
	if (rc <= 0)
		return;
	if ((size_t)rc < strlen(directory))
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s cannot get through %.*s to the socket",
			owner, rc, path),
		    "Postfix cannot reach the milter, and does with all mail "
		    "what milter_default_action says",
		    check_text(c, "chmod o+x %s",
			check_quote(c, check_text(c, "%.*s", rc, path))));
	else
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s cannot write to %s", owner, path),
		    "Postfix cannot reach the milter, and does with all mail "
		    "what milter_default_action says; the socket gets the "
		    "group of its directory",
		    check_text(c,
			"chgrp %s %s %s && chmod g+rxs %s && chmod g+rw %s",
			check_quote(c, group), check_quote(c, directory),
			check_quote(c, path), check_quote(c, directory),
			check_quote(c, path)));
}

static void
check_path(struct check *c)
{
	const char *path = strchr(c->settings->socket, ':') + 1;
	const char *directory = check_directory(c, path);
	static const char away[] =
	    "Postfix does with all mail what milter_default_action says";
	struct stat st;
	int fd;

	if (stat(path, &st) != 0 && errno == ENOENT) {
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c,
			"there is no socket %s: the milter does not "
			"run, or has another one",
			path),
		    away,
		    access(directory, F_OK) == 0 || c->user == NULL
			? start_command(c)
			: check_text(c,
			      "install -d -o %s -g postfix -m 2750 %s && %s",
			      check_quote(c, c->user->pw_name),
			      check_quote(c, directory), start_command(c)));
		return;
	}
	if (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		check_found(c, CHECK_ERROR, CHECK_PUT,
		    check_text(c, "%s is no socket", path),
		    "the milter cannot make one there",
		    check_setting(c, "milter",
			check_text(c, "socket = unix:%s/notify-milter.sock",
			    directory)));
		return;
	}
	fd = connect_path(path);
	if (fd != -1) {
		say_who_answers(c, fd);
		check_entry(c, path);
	} else if (errno == EACCES) {
		check_unseen(c,
		    check_text(c, "%s may be used by Postfix only", path),
		    "whether the milter answers there is not looked at");
	} else {
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(
			c, "nobody answers at %s: %s", path, strerror(errno)),
		    away, start_command(c));
	}
}

static void
check_unit(struct check *c, const char *name)
{
	const char *unit = check_text(c, "%s.service", name);
	const char *const active[] = {"systemctl", "is-active", unit, NULL};
	const char *const enabled[] = {"systemctl", "is-enabled", unit, NULL};
	const char *mend = check_text(c, "systemctl enable --now %s", name);

	if (!has_unit(c, unit))
		return;
	if (check_capture(c, active) == NULL)
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s is not active", unit),
		    "systemd neither runs it nor starts it again when it ends",
		    mend);
	else if (check_capture(c, enabled) == NULL)
		check_found(c, CHECK_WARNING, CHECK_RUN,
		    check_text(c, "%s is not enabled", unit),
		    "after the next boot it does not run", mend);
	else
		check_looked(c, unit);
}

void
check_socket(struct check *c)
{
	c->part = "socket";
	if (strncmp(c->settings->socket, "inet", 4) == 0)
		check_tcp(c);
	else
		check_path(c);
	check_unit(c, "notify-milter");
	if (*c->settings->bot != '\0')
		check_unit(c, "notify-bot");
}
