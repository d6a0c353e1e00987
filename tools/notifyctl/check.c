/*
 * check - notifyctl check
 *
 * Looks at what the milter depends on, from the settings outwards, and says of
 * each thing that is not right what it is, why it matters, and what to do.
 * Looking changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pwd.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "arena.h"
#include "ctl.h"
#include "output.h"
#include "settings.h"
#include "store.h"

#define WAIT_MS 3000

enum grade { GRADE_OK, GRADE_WARNING, GRADE_ERROR };

extern char **environ;

static void finding(
    struct ctl *, enum grade, const char *, const char *, const char *);
static const char *printed(struct ctl *, const char *, ...) PRINTF_LIKE(2, 3);
static const char *capture(struct ctl *, const char *const *);
static const char *postconf(struct ctl *, const char *);
static bool check_settings(struct ctl *);
static void check_database(struct ctl *);
static void check_roster(struct ctl *);
static void check_rights(struct ctl *);
static void check_tcp(struct ctl *);
static void check_socket(struct ctl *);
static void check_mailer(struct ctl *);
static char *next_map(char **);
static int connects(const char *);
static bool lists_socket(struct ctl *, const char *, const char *);
static bool lets_through(const char *);
static void check_milters(
    struct ctl *, const char *, const char *, const char *);
static void check_transport(struct ctl *);
static void check_postfix(struct ctl *);

/* ${mend}: what to do, "" for what is right. */
static void
finding(struct ctl *ctl, enum grade grade, const char *part, const char *what,
    const char *mend)
{
	static const char *const names[] = {"ok", "warning", "error"};

	output_row(ctl->out);
	output_cell(ctl->out, names[grade]);
	output_cell(ctl->out, part);
	output_cell(ctl->out, what);
	output_cell(ctl->out, mend);
	if (grade == GRADE_ERROR)
		ctl->status = EX_CONFIG;
}

static const char *
printed(struct ctl *ctl, const char *fmt, ...)
{
	va_list ap;
	char text[2048], *s;
	const char *copy;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* SQLite's findings have several lines. */
	for (s = text; *s != '\0'; s++) {
		if (*s == '\n')
			*s = ' ';
	}
	copy = arena_strdup(ctl->arena, text);
	return (copy == NULL ? "(no memory)" : copy);
}

/* What a program prints, without the last newline; NULL if it cannot be run or
 * fails. */
static const char *
capture(struct ctl *ctl, const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	char buf[8192];
	size_t len;
	ssize_t n;
	pid_t pid;
	int ends[2], rc, status;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return (NULL);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(
	    &actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	rc = posix_spawnp(&pid, argv[0], &actions, NULL,
	    (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	len = 0;
	while (rc == 0 && len + 1 < sizeof(buf) &&
	    (n = read(ends[0], buf + len, sizeof(buf) - 1 - len)) > 0)
		len += (size_t)n;
	close(ends[0]);
	if (rc != 0)
		return (NULL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return (NULL);
	while (len > 0 && buf[len - 1] == '\n')
		len--;
	return (arena_strndup(ctl->arena, buf, len));
}

/* A setting of the Postfix that $MAIL_CONFIG names, or the system's. */
static const char *
postconf(struct ctl *ctl, const char *name)
{
	const char *const argv[] = {"postconf", "-xh", name, NULL};

	return (capture(ctl, argv));
}

static bool
check_settings(struct ctl *ctl)
{
	struct failure failure = FAILURE_INIT;

	ctl->settings = settings_read(ctl->file, &failure);
	if (ctl->settings == NULL)
		finding(ctl, GRADE_ERROR, "settings",
		    printed(ctl, "%s", failure_text(&failure)),
		    "mend that line; the milter does not start before");
	else
		finding(ctl, GRADE_OK, "settings",
		    printed(ctl, "%s can be read", ctl->file), "");
	failure_clear(&failure);
	return (ctl->settings != NULL);
}

/* May the milter's user use the file, and make the files beside it? */
static void
check_rights(struct ctl *ctl)
{
	const struct settings *s = ctl->settings;
	const struct passwd *pw;
	struct stat st, dir;
	char *path, *slash;

	if (*s->user == '\0')
		return;
	pw = getpwnam(s->user);
	if (pw == NULL) {
		finding(ctl, GRADE_ERROR, "settings",
		    printed(ctl, "there is no user \"%s\"", s->user),
		    printed(ctl, "adduser --system --group %s", s->user));
		return;
	}
	path = arena_strdup(ctl->arena, s->url);
	if (path == NULL || stat(s->url, &st) != 0)
		return;
	slash = strrchr(path, '/');
	slash[slash == path] = '\0';
	if (st.st_uid != pw->pw_uid)
		finding(ctl, GRADE_ERROR, "database",
		    printed(ctl,
			"%s does not belong to %s, so the milter may "
			"be unable to read it and defers tagged mail",
			s->url, s->user),
		    printed(ctl, "chown %s: %s*", s->user, s->url));
	if (stat(path, &dir) == 0 && dir.st_uid != pw->pw_uid &&
	    !(dir.st_mode & S_IWOTH) &&
	    !(dir.st_gid == pw->pw_gid && (dir.st_mode & S_IWGRP)))
		finding(ctl, GRADE_ERROR, "database",
		    printed(ctl,
			"%s cannot make files in %s, which SQLite "
			"needs beside the database",
			s->user, path),
		    printed(ctl, "chown %s: %s", s->user, path));
}

static void
check_roster(struct ctl *ctl)
{
	struct store_health h;

	if (store_health(ctl->store, ctl->settings->telegram_domain,
		ctl->settings->account_domain, &h) == -1) {
		finding(ctl, GRADE_ERROR, "database",
		    printed(ctl, "%s", failure_text(store_failure(ctl->store))),
		    "restore it from a backup");
		return;
	}
	finding(ctl, GRADE_OK, "database",
	    printed(ctl, "%lld accounts, %lld users, %lld subscriptions",
		(long long)h.accounts, (long long)h.users,
		(long long)h.subscriptions),
	    "");
	if (h.accounts_without_owner > 0)
		finding(ctl, GRADE_ERROR, "roster",
		    printed(ctl,
			"%lld accounts have no owner, so nobody may "
			"be left to get their mail",
			(long long)h.accounts_without_owner),
		    "find them with \"notifyctl account list\", name an owner "
		    "with \"notifyctl import\"");
	if (h.reserved > 0)
		finding(ctl, GRADE_ERROR, "roster",
		    printed(ctl,
			"%lld users have addresses in account_domain or "
			"[telegram] domain; mail for their accounts is held",
			(long long)h.reserved),
		    "name a domain in which nobody lives, or remove these "
		    "users");
	if (h.notices_pending > 0)
		finding(ctl, GRADE_WARNING, "notices",
		    printed(ctl,
			"%lld notices to users wait to be handed to "
			"sendmail",
			(long long)h.notices_pending),
		    "\"notifyctl init\" tries again; [mail] sendmail must name "
		    "a program that works");
	if (h.notices_in_doubt > 0)
		finding(ctl, GRADE_WARNING, "notices",
		    printed(ctl,
			"%lld notices were being handed over when "
			"notifyctl was stopped; whether they were "
			"sent is in the mail log",
			(long long)h.notices_in_doubt),
		    "tell those users yourself if not; they are not sent "
		    "again");
}

static void
check_database(struct ctl *ctl)
{
	struct failure failure = FAILURE_INIT;

	ctl->store = store_open(ctl->settings->url, DB_READ, WAIT_MS, &failure);
	if (ctl->store == NULL) {
		finding(ctl, GRADE_ERROR, "database",
		    printed(ctl, "%s", failure_text(&failure)),
		    "until this is mended, tagged mail is deferred");
		failure_clear(&failure);
		return;
	}
	if (store_begin(ctl->store, DB_READ) != 0) {
		finding(ctl, GRADE_ERROR, "database",
		    printed(ctl, "%s: %s", ctl->settings->url,
			failure_text(store_failure(ctl->store))),
		    "until this is mended, tagged mail is deferred");
		return;
	}
	if (store_check(ctl->store) != 0)
		finding(ctl, GRADE_ERROR, "database",
		    printed(ctl, "%s", failure_text(store_failure(ctl->store))),
		    "restore it from a backup, or \"notifyctl export\" what "
		    "can be read into a new one");
	else
		check_roster(ctl);
	store_end(ctl->store);
	check_rights(ctl);
}

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

	finding(ctl, GRADE_WARNING, "socket",
	    printed(ctl,
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
		finding(ctl, GRADE_ERROR, "socket",
		    printed(ctl, "%s: %s", s->socket, gai_strerror(rc)),
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
		finding(ctl, GRADE_ERROR, "socket",
		    printed(ctl, "nobody answers at %s", s->socket),
		    "start notify-milter");
}

static void
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
		finding(ctl, GRADE_ERROR, "socket",
		    printed(ctl, "%s: %s", path, strerror(errno)),
		    "start notify-milter");
		return;
	}
	if (!S_ISSOCK(st.st_mode)) {
		finding(ctl, GRADE_ERROR, "socket",
		    printed(ctl, "%s is no socket", path),
		    "name another path for socket in [milter]");
		return;
	}
	if (connects(path) != 0) {
		finding(ctl, GRADE_ERROR, "socket",
		    printed(
			ctl, "nobody answers at %s: %s", path, strerror(errno)),
		    errno == EACCES ? "run this check as root"
				    : "start notify-milter");
		return;
	}
	if (!(st.st_mode & S_IWGRP) || st.st_gid == 0)
		finding(ctl, GRADE_WARNING, "socket",
		    printed(ctl,
			"%s does not belong to Postfix's group, so "
			"Postfix may not get in",
			path),
		    "make its directory belong to the group postfix, then "
		    "restart notify-milter");
	else
		finding(ctl, GRADE_OK, "socket",
		    printed(ctl, "notify-milter answers at %s", path), "");
}

/* Does a list of milters name our socket? Postfix may see a UNIX socket from
 * inside its queue directory. */
static bool
lists_socket(struct ctl *ctl, const char *milters, const char *queue)
{
	const char *ours = ctl->settings->socket, *path;
	char *copy, *word, *rest, *colon;

	copy = arena_strdup(ctl->arena, milters);
	if (copy == NULL)
		return (false);
	for (word = strtok_r(copy, ", \t\n{}", &rest); word != NULL;
	     word = strtok_r(NULL, ", \t\n{}", &rest)) {
		colon = strchr(word, ':');
		if (colon == NULL)
			continue;
		if (strncmp(ours, "inet", 4) == 0) {
			/* inet:port@host there is inet:host:port here. */
			path = strrchr(word, ':') + 1;
			if (strncmp(word, "inet", 4) == 0 &&
			    strncmp(
				strchr(ours, ':') + 1, path, strlen(path)) == 0)
				return (true);
			continue;
		}
		path = strchr(ours, ':') + 1;
		colon++;
		if (strcmp(path, colon) == 0)
			return (true);
		if (queue != NULL && strncmp(path, queue, strlen(queue)) == 0 &&
		    strcmp(path + strlen(queue) + (*colon != '/'), colon) == 0)
			return (true);
	}
	return (false);
}

/* Is a milter of the list to be done without when it is away? */
static bool
lets_through(const char *milters)
{
	const char *s = milters;

	while ((s = strstr(s, "default_action")) != NULL) {
		s += strlen("default_action");
		s += strspn(s, " \t=");
		if (strncmp(s, "accept", 6) == 0)
			return (true);
	}
	return (false);
}

static void
check_milters(
    struct ctl *ctl, const char *name, const char *queue, const char *matters)
{
	const char *value, *socket_name, *path;

	value = postconf(ctl, name);
	if (value == NULL)
		value = "";
	if (lets_through(value)) {
		finding(ctl, GRADE_ERROR, "postfix",
		    printed(ctl,
			"%s has default_action=accept: while the milter is "
			"away, tagged mail goes out to whomever it was "
			"addressed",
			name),
		    printed(ctl, "set default_action=tempfail in %s", name));
		return;
	}
	if (lists_socket(ctl, value, queue)) {
		finding(ctl, GRADE_OK, "postfix",
		    printed(ctl, "%s names the milter", name), "");
		return;
	}
	socket_name = ctl->settings->socket;
	path = strchr(socket_name, ':') + 1;
	if (queue != NULL && strncmp(path, queue, strlen(queue)) == 0 &&
	    path[strlen(queue)] == '/')
		socket_name = printed(ctl, "unix:%s", path + strlen(queue) + 1);
	finding(ctl, GRADE_ERROR, "postfix",
	    printed(ctl, "%s does not name the milter, so %s", name, matters),
	    printed(ctl, "postconf -e '%s = %s%s%s'", name, socket_name,
		*value == '\0' ? "" : ", ", value));
}

/* Cut the next map off a list: words, which may have blanks in braces. */
static char *
next_map(char **list)
{
	char *start, *s;
	int depth;

	start = *list + strspn(*list, ", \t\n");
	if (*start == '\0')
		return (NULL);
	depth = 0;
	for (s = start; *s != '\0'; s++) {
		depth += (*s == '{') - (*s == '}');
		if (depth == 0 && strchr(", \t\n", *s) != NULL)
			break;
	}
	*list = *s == '\0' ? s : s + 1;
	*s = '\0';
	return (start);
}

/* Is there a road to the chats? */
static void
check_transport(struct ctl *ctl)
{
	const char *argv[] = {
	    "postmap", "-q", ctl->settings->telegram_domain, NULL, NULL};
	const char *maps, *found;
	char *copy, *word, *rest;

	maps = postconf(ctl, "transport_maps");
	copy = arena_strdup(ctl->arena, maps == NULL ? "" : maps);
	if (copy == NULL)
		return;
	for (rest = copy; (word = next_map(&rest)) != NULL;) {
		argv[3] = word;
		found = capture(ctl, argv);
		if (found != NULL && *found != '\0') {
			finding(ctl, GRADE_OK, "postfix",
			    printed(ctl, "%s is routed to %s",
				ctl->settings->telegram_domain, found),
			    "");
			return;
		}
	}
	finding(ctl, GRADE_WARNING, "postfix",
	    printed(ctl,
		"transport_maps has no route for %s, so what is "
		"mirrored to Telegram would bounce",
		ctl->settings->telegram_domain),
	    printed(ctl,
		"add the line \"%s notify-telegram:\" to a transport "
		"map",
		ctl->settings->telegram_domain));
}

/* Can users be told that they are unsubscribed? */
static void
check_mailer(struct ctl *ctl)
{
	const char *path = ctl->settings->sendmail;
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    access(path, X_OK) == 0)
		return;
	finding(ctl, GRADE_WARNING, "mail",
	    printed(ctl,
		"%s is no program that can be run, so users are not "
		"told when they are unsubscribed",
		path),
	    "name the MTA's sendmail program for sendmail in [mail]");
}

static void
check_postfix(struct ctl *ctl)
{
	static const char *const maps[] = {
	    "canonical_maps", "recipient_canonical_maps", NULL};
	const char *queue, *value;
	int i;

	queue = postconf(ctl, "queue_directory");
	if (queue == NULL) {
		finding(ctl, GRADE_WARNING, "postfix",
		    "postconf cannot be run, so Postfix is not looked at", "");
		return;
	}
	check_milters(ctl, "smtpd_milters", queue,
	    "tagged mail that comes by SMTP is not looked at");
	check_milters(ctl, "non_smtpd_milters", queue,
	    "tagged mail from sendmail(1) is not looked at");
	value = postconf(ctl, "milter_default_action");
	if (value != NULL && strcmp(value, "tempfail") != 0)
		finding(ctl, GRADE_ERROR, "postfix",
		    printed(ctl,
			"milter_default_action = %s: while the "
			"milter is away, tagged mail goes out to "
			"whomever it was addressed",
			value),
		    "postconf -e 'milter_default_action = tempfail'");
	for (i = 0; maps[i] != NULL; i++) {
		value = postconf(ctl, maps[i]);
		if (value == NULL || *value == '\0')
			continue;
		finding(ctl, GRADE_WARNING, "postfix",
		    printed(ctl,
			"%s rewrites recipients: in mail from "
			"sendmail(1) the milter sees the new address, "
			"and its deletion does nothing",
			maps[i]),
		    "have tagged mail submitted by SMTP, or let that map "
		    "change no recipient of tagged mail");
	}
	/* Without a bot nobody has a chat, and nothing is mirrored. */
	if (*ctl->settings->bot != '\0')
		check_transport(ctl);
}

int
check_all(struct ctl *ctl, const struct arguments *args)
{
	static const char *const columns[] = {
	    "grade:GRADE", "part:PART", "what:WHAT", "mend:WHAT TO DO", NULL};

	(void)args;
	output_table(ctl->out, "findings", columns);
	if (!check_settings(ctl))
		return (0);
	check_database(ctl);
	check_socket(ctl);
	check_mailer(ctl);
	check_postfix(ctl);
	return (0);
}
