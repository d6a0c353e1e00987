/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_socket - does the milter answer, and can Postfix connect to it?
 */
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/check/check_programs.h"
#include "notifyctl/ctl.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

#define MILTER "notify-milter"

static void check_answer(struct check *, int);
static void check_owner(struct check *, const char *);
static bool can_hold_socket(struct check *, const char *);
static bool loopback(const struct sockaddr *);
static const char *usual_socket(struct check *);
static void check_tcp(struct check *);
static void check_path(struct check *);
static void found_directory(
    struct check *, const char *, const char *, const char *);
static bool check_entry(struct check *, const char *);

/* ${fd} is closed. */
static void
check_answer(struct check *c, int fd)
{
	static const char mine[] = "socket = one that no other program uses";
	const char *where = c->settings->socket;
	enum check_answer answer;

	answer = check_milter_talk(fd);
	close(fd);
	switch (answer) {
	case CHECK_OURS:
		check_looked(c, check_text(c, "notify-milter at %s", where));
		break;
	case CHECK_OTHER:
		check_setting(c, CHECK_ERROR,
		    check_text(c, "another milter answers at %s", where),
		    "Postfix shows tagged mail to that milter, which ignores "
		    "the tag; notify-milter cannot start there",
		    "milter", mine);
		break;
	case CHECK_NO_MILTER:
		check_setting(c, CHECK_ERROR,
		    check_text(c,
			"the program that answers at %s is not a milter",
			where),
		    "Postfix cannot talk to it, and treats all mail as "
		    "milter_default_action says",
		    "milter", mine);
		break;
	case CHECK_SILENT:
		check_programs_restart(c, MILTER,
		    check_text(c, "the program at %s does not answer", where),
		    "Postfix waits for it, and treats all mail as "
		    "milter_default_action says; the milter hangs or is just "
		    "stopping, or another program has its socket");
		break;
	}
}

/* The socket belongs to the user that the milter became. */
static void
check_owner(struct check *c, const char *path)
{
	const struct passwd *runs;
	struct stat st;

	if (c->user == NULL || stat(path, &st) != 0 ||
	    st.st_uid == c->user->pw_uid)
		return;
	runs = getpwuid(st.st_uid);
	check_programs_restart(c, MILTER,
	    check_text(c, "the milter at %s runs as %s, not as %s", path,
		runs == NULL ? "another user" : runs->pw_name,
		c->user->pw_name),
	    "[milter] user has changed since it was started; whether it can "
	    "read and write its files was checked for the new user");
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

/* The line of our settings that suits a chrooted Postfix. */
static const char *
usual_socket(struct check *c)
{
	return (
	    check_text(c, "socket = unix:%s/notify-milter/notify-milter.sock",
		c->postfix == NULL ? "/var/spool/postfix" : c->postfix->queue));
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

	instead = usual_socket(c);
	port = arena_strdup(c->arena, strchr(where, ':') + 1);
	host = strchr(port, '@');
	if (host == NULL)
		return;
	*host++ = '\0';
	hints.ai_family = strncmp(where, "inet6", 5) == 0 ? AF_INET6 : AF_INET;
	rc = getaddrinfo(host, port, &hints, &found);
	if (rc != 0) {
		check_setting(c, CHECK_ERROR,
		    check_text(c, "%s: %s", where, gai_strerror(rc)),
		    "the milter does not start", "milter", instead);
		return;
	}
	local = loopback(found->ai_addr);
	fd = check_connect_host(found);
	freeaddrinfo(found);
	if (fd == -1)
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "no program answers at %s", where),
		    "Postfix treats all mail as milter_default_action says",
		    check_programs_start(c, MILTER));
	else
		check_answer(c, fd);
	if (local)
		check_setting(c, CHECK_NOTE, check_text(c, "%s is TCP", where),
		    "each message that the milter changes takes some 40 ms "
		    "more, and every user of this machine can ask the milter "
		    "who is entitled to what",
		    "milter", instead);
	else
		check_setting(c, CHECK_WARNING,
		    check_text(
			c, "%s can be reached from other machines", where),
		    "whoever can connect can ask the milter who is entitled to "
		    "what; each message that the milter changes takes some 40 "
		    "ms more. If Postfix is on another machine, restrict the "
		    "port to that one instead",
		    "milter", instead);
}

/* An error of the socket's directory. ${command} corrects it, unless others
 * have files in it: the socket then needs another directory. */
static void
found_directory(
    struct check *c, const char *what, const char *why, const char *command)
{
	const char *path = strchr(c->settings->socket, ':') + 1;

	if (access(check_directory(c, path), F_OK) == 0 &&
	    check_shared(c, path))
		check_setting(
		    c, CHECK_ERROR, what, why, "milter", usual_socket(c));
	else
		check_found(c, CHECK_ERROR, CHECK_RUN, what, why, command);
}

/* Can Postfix's daemons connect to the socket at ${path}? True if it found why
 * not. */
static bool
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
		    check_text(c, "%s is writable by everyone", path),
		    "every user of this machine can ask the milter who is "
		    "entitled to what",
		    check_text(c, "chmod o-rwx %s", check_quote(c, path)));
	owner = c->postfix == NULL ? "postfix"
				   : postconf_value(c->postfix, "mail_owner");
	pw = check_passwd(c, owner);
	if (pw == NULL)
		return (false);
	gr = getgrgid(pw->pw_gid);
	group = gr == NULL ? owner : check_text(c, "%s", gr->gr_name);
	rc = check_access(pw, path, R_OK | W_OK);
	if (rc == -1)
		check_unseen(c,
		    check_text(c, "the access of %s to %s is not checked",
			owner, path),
		    "only root, or that user, can tell whether Postfix can "
		    "connect to the milter");
	if (rc <= 0)
		return (false);
	if ((size_t)rc < strlen(directory))
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s cannot search %.*s for the socket", owner,
			rc, path),
		    "Postfix cannot connect to the milter, and treats all mail "
		    "as milter_default_action says",
		    check_search(c, path, rc));
	else
		found_directory(c,
		    check_text(c, "%s cannot write to %s", owner, path),
		    "Postfix cannot connect to the milter, and treats all mail "
		    "as milter_default_action says; the socket gets the group "
		    "of its directory",
		    check_text(c,
			"chgrp %s %s %s && chmod g+rxs %s && chmod g+rw %s",
			check_quote(c, group), check_quote(c, directory),
			check_quote(c, path), check_quote(c, directory),
			check_quote(c, path)));
	return (true);
}

/* Can the milter make its socket in ${directory}? Root does it in a directory
 * of root's, else its user. */
static bool
can_hold_socket(struct check *c, const char *directory)
{
	struct stat st;

	if (stat(directory, &st) != 0)
		return (errno != ENOENT);
	return (st.st_uid == 0 ||
	    check_access(c->user, directory, W_OK | X_OK) <= 0);
}

static void
check_path(struct check *c)
{
	const char *path = strchr(c->settings->socket, ':') + 1;
	const char *directory = check_directory(c, path);
	static const char away[] =
	    "Postfix treats all mail as milter_default_action says";
	const char *what;
	struct stat st;
	int fd;

	if (stat(path, &st) != 0 && errno == ENOENT) {
		what = check_text(c,
		    "there is no socket %s: the milter does not run, or uses "
		    "another one",
		    path);
		if (c->user == NULL || can_hold_socket(c, directory))
			check_found(c, CHECK_ERROR, CHECK_RUN, what, away,
			    check_programs_start(c, MILTER));
		else
			found_directory(c, what, away,
			    check_text(c,
				"install -d -o %s -g postfix -m 2750 %s && %s",
				check_quote(c, c->user->pw_name),
				check_quote(c, directory),
				check_programs_start(c, MILTER)));
		return;
	}
	if (stat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		check_setting(c, CHECK_ERROR,
		    check_text(c, "%s is not a socket", path),
		    "the milter cannot create its socket there", "milter",
		    check_text(
			c, "socket = unix:%s/notify-milter.sock", directory));
		return;
	}
	fd = check_connect_path(path, c->settings->user);
	if (fd != -1) {
		check_answer(c, fd);
		check_owner(c, path);
		(void)check_entry(c, path);
	} else if (errno == EACCES && getuid() == 0 && check_entry(c, path)) {
		/* Root connects with the rights of the directory's owner,
		 * who cannot connect either. */
	} else if (errno == EACCES) {
		check_unseen(c, check_text(c, "%s admits only Postfix", path),
		    "whether the milter answers there is not checked");
	} else {
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "no program answers at %s: %s", path,
			strerror(errno)),
		    away, check_programs_start(c, MILTER));
	}
}

void
check_socket(struct check *c)
{
	if (strncmp(c->settings->socket, "inet", 4) == 0)
		check_tcp(c);
	else
		check_path(c);
	check_programs(c, MILTER);
	if (*c->settings->bot != '\0')
		check_programs(c, "notify-bot");
}
