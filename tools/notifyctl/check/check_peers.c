/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_peers - what answers where Postfix's lists of milters lead
 *
 * An entry at which nothing answers stops all mail, whosever it is. Only one
 * that was ours may be taken out without asking: another milter that is down is
 * perhaps just being restarted, and mail would pass without it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/check/check_peers.h"
#include "notifyctl/check/check_programs.h"
#include "notifyctl/ctl.h"
#include "notifyctl/postfix/milters.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

#define PROGRAM "notify-milter"
/* In the kernel's tables: a socket that accepts connections. */
#define ACCEPTS 0x10000
#define LISTENS 0x0a

/* An answer, so that none is asked twice: each question may take seconds. */
struct check_asked {
	struct check_asked *next;
	const char *where; /* a path, or "inet:..." */
	enum check_peer peer;
	const char *why;
};

static int connect_inet(struct check *, const char *, const char **);
static int connect_unix(struct check *, const char *, const char **);
static enum check_peer judge(struct check *, const char *, int);
static enum check_peer ask(struct check *, struct check_asked *);
static const char *path_of(
    struct check *, const struct postconf_service *, const struct milter *);
static bool is_ours_by_name(struct check *, const char *);
static unsigned long listening(const char *, const char *);
static bool holds(struct check *, const char *, unsigned long);
static bool listens(struct check *, const char *, const void *);

/* "HOST:PORT", "[HOST]:PORT" or "PORT", as Postfix reads it. */
static int
connect_inet(struct check *c, const char *address, const char **why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	char *host = arena_strdup(c->arena, address), *port;
	int fd, rc;

	port = strrchr(host, ':');
	if (port == NULL) {
		port = host;
		host = NULL;
	} else {
		*port++ = '\0';
		if (*host == '[') {
			host++;
			host[strcspn(host, "]")] = '\0';
		}
	}
	rc = getaddrinfo(host == NULL || *host == '\0' ? "localhost" : host,
	    port, &hints, &found);
	if (rc != 0) {
		*why = gai_strerror(rc);
		return (-1);
	}
	fd = check_connect_host(found);
	if (fd == -1)
		*why = check_text(c, "%s", strerror(errno));
	freeaddrinfo(found);
	return (fd);
}

static int
connect_unix(struct check *c, const char *path, const char **why)
{
	int fd;

	fd = check_connect_path(path, postconf_value(c->postfix, "mail_owner"));
	if (fd == -1 && errno != EACCES)
		*why = check_text(c, "%s", strerror(errno));
	return (fd);
}

/* The program behind ${fd}, which is closed. ${path}: NULL with TCP. */
static enum check_peer
judge(struct check *c, const char *path, int fd)
{
	const struct passwd *pw;
	enum check_answer answer = CHECK_SILENT;

	if (fd != -1) {
		answer = check_milter_talk(fd);
		close(fd);
	}
	pw = path == NULL
	    ? NULL
	    : check_passwd(c, postconf_value(c->postfix, "mail_owner"));
	if (pw != NULL && check_access(pw, path, R_OK | W_OK) > 0)
		return (PEER_DENIED);
	if (fd == -1)
		return (PEER_UNSEEN);
	switch (answer) {
	case CHECK_OURS:
		return (PEER_NOTIFY);
	case CHECK_OTHER:
		return (PEER_MILTER);
	case CHECK_NO_MILTER:
		return (PEER_NO_MILTER);
	case CHECK_SILENT:
		return (PEER_SILENT);
	}
	return (PEER_UNSEEN);
}

static enum check_peer
ask(struct check *c, struct check_asked *a)
{
	bool tcp = *a->where != '/';
	int fd;

	fd = tcp ? connect_inet(c, a->where + strlen("inet:"), &a->why)
		 : connect_unix(c, a->where, &a->why);
	if (fd == -1 && a->why != NULL)
		return (PEER_NOBODY);
	return (judge(c, tcp ? NULL : a->where, fd));
}

/* The file that a UNIX socket is to ${reader}; NULL with TCP. */
static const char *
path_of(struct check *c, const struct postconf_service *reader,
    const struct milter *m)
{
	if (strncmp(m->address, "unix:", 5) != 0 &&
	    strncmp(m->address, "local:", 6) != 0)
		return (NULL);
	return (milters_path(c->postfix, reader, strchr(m->address, ':') + 1));
}

enum check_peer
check_peers_ask(struct check *c, const struct postconf_service *reader,
    const struct milter *m, const char **why)
{
	const char *where = path_of(c, reader, m), *colon;
	struct check_asked *a;

	*why = NULL;
	if (*m->text == '{' && m->text[strlen(m->text) - 1] != '}')
		return (PEER_MALFORMED);
	colon = strchr(m->address, ':');
	if (colon == NULL || colon[1] == '\0')
		return (PEER_MALFORMED);
	if (where == NULL && strncmp(m->address, "inet:", 5) != 0)
		return (PEER_MALFORMED);
	if (where == NULL)
		where = m->address;
	for (a = c->asked; a != NULL && strcmp(a->where, where) != 0;)
		a = a->next;
	if (a == NULL) {
		a = arena_alloc(c->arena, sizeof(*a));
		*a = (struct check_asked){.next = c->asked, .where = where};
		c->asked = a;
		a->peer = ask(c, a);
	}
	*why = a->why;
	return (a->peer);
}

/* Nobody else has a socket of that name, or could make one there. */
static bool
is_ours_by_name(struct check *c, const char *path)
{
	const char *directory = check_directory(c, path);
	const char *ours = strchr(c->settings->socket, ':') + 1;
	struct stat one, two;

	if (strstr(path, "/" PROGRAM "/") != NULL ||
	    strncmp(strrchr(path, '/') + 1, PROGRAM, strlen(PROGRAM)) == 0)
		return (true);
	return (c->user != NULL && *ours == '/' && stat(directory, &one) == 0 &&
	    stat(check_directory(c, ours), &two) == 0 &&
	    one.st_dev == two.st_dev && one.st_ino == two.st_ino &&
	    one.st_uid == c->user->pw_uid);
}

/* The socket that listens at ${where}, by a line of a table of the kernel's; 0
 * if the line is not about one. */
static unsigned long
listening(const char *line, const char *where)
{
	unsigned flags, port;
	unsigned long inode;
	char path[256];

	if (*where == '/')
		return (sscanf(line, "%*s %*s %*s %x %*s %*s %lu %255[^\n]",
			    &flags, &inode, path) == 3 &&
			    flags & ACCEPTS && strcmp(path, where) == 0
			? inode
			: 0);
	return (
	    sscanf(line, " %*d: %*[0-9A-F]:%x %*s %x %*s %*s %*s %*s %*s %lu",
		&port, &flags, &inode) == 3 &&
		    flags == LISTENS &&
		    strtoul(strrchr(where, ':') + 1, NULL, 10) == port
		? inode
		: 0);
}

/* Has the process ${proc} the socket open? */
static bool
holds(struct check *c, const char *proc, unsigned long inode)
{
	const char *name = check_text(c, "socket:[%lu]", inode);
	const struct dirent *e;
	char link[64];
	bool found = false;
	ssize_t len;
	DIR *d;

	d = opendir(check_text(c, "%s/fd", proc));
	while (d != NULL && !found && (e = readdir(d)) != NULL) {
		len = readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);
		link[len < 0 ? 0 : len] = '\0';
		found = strcmp(link, name) == 0;
	}
	if (d != NULL)
		closedir(d);
	return (found);
}

/* Does the process ${proc} listen at ${where}? */
static bool
listens(struct check *c, const char *proc, const void *where_)
{
	static const char *const tables[] = {"unix", "tcp", "tcp6"};
	const char *where = where_;
	unsigned long inode;
	char line[512];
	bool found = false;
	size_t i;
	FILE *in;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if ((*where == '/') != (i == 0))
			continue;
		in = fopen(check_text(c, "/proc/net/%s", tables[i]), "re");
		while (in != NULL && !found &&
		    fgets(line, sizeof(line), in) != NULL) {
			inode = listening(line, where);
			found = inode != 0 && holds(c, proc, inode);
		}
		if (in != NULL)
			fclose(in);
	}
	return (found);
}

bool
check_peers_former(struct check *c, const struct postconf_service *reader,
    const struct milter *m)
{
	const char *path = path_of(c, reader, m), *why;
	enum check_peer peer;

	if (m->match != MILTERS_OTHER)
		return (false);
	peer = check_peers_ask(c, reader, m, &why);
	if (peer == PEER_NOBODY)
		return (path != NULL && is_ours_by_name(c, path));
	return (peer == PEER_NOTIFY &&
	    check_programs_find(
		c, PROGRAM, listens, path == NULL ? m->address : path) != NULL);
}
