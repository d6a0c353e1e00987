/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * submit - submits a message with its whole envelope to an SMTP server
 *
 * Commands are not pipelined: this is one message to a server on the same
 * machine, and the answer to each recipient must be known.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/failure.h"
#include "notifyctl/postfix/text.h"
#include "notifyctl/requeue/submit.h"

/* A server may query others before it answers. */
#define ANSWER_SECONDS 300
/* Filters and milters run at the end of the message. */
#define END_SECONDS 600
#define ANSWER_MAX 8192

struct submit {
	struct arena *arena;
	int fd;
	struct sockaddr_storage source;
	char text[INET6_ADDRSTRLEN];
	char in[ANSWER_MAX]; /* received and not yet read */
	size_t nin;
	char answer[ANSWER_MAX]; /* the last one, its lines joined by " " */
	char id[TEXT_QUEUEID_MAX + 1]; /* of the message it took */
	bool has_8bit, has_utf8, has_dsn;
};

static int connect_to(
    struct submit *, const char *, const char *, struct failure *);
static void note_source(struct submit *);
static void patience(struct submit *, int);
static int send_all(struct submit *, const char *, size_t);
static int read_line(struct submit *, char *, size_t);
static int read_answer(struct submit *);
static void note_features(struct submit *, const char *);
static int ask(struct submit *, const char *);
static int refused(struct submit *, int, const char *, struct failure *);
static const char *encode(struct arena *, const char *, bool);
static const char *notify_text(struct arena *, int);
static const char *mail_command(struct submit *, const struct submit_message *);
static const char *rcpt_command(
    struct submit *, const struct submit_recipient *);
static int offers(
    struct submit *, const struct submit_message *, struct failure *);
static int send_content(struct submit *, int);

static void
patience(struct submit *s, int seconds)
{
	const struct timeval t = {.tv_sec = seconds};
	const int on = 1;

	/* A failure only means a longer wait. */
	(void)setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	(void)setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void
note_source(struct submit *s)
{
	socklen_t len = sizeof(s->source);
	const void *address;

	memset(&s->source, 0, sizeof(s->source));
	(void)getsockname(s->fd, (struct sockaddr *)&s->source, &len);
	address = s->source.ss_family == AF_INET6
	    ? (const void *)&((struct sockaddr_in6 *)&s->source)->sin6_addr
	    : (const void *)&((struct sockaddr_in *)&s->source)->sin_addr;
	if (inet_ntop(s->source.ss_family, address, s->text, sizeof(s->text)) ==
	    NULL)
		snprintf(s->text, sizeof(s->text), "unknown");
}

static int
connect_to(struct submit *s, const char *host, const char *port,
    struct failure *failure)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found, *a;
	int error, rc;

	rc = getaddrinfo(host, port, &hints, &found);
	if (rc != 0)
		return (failure_set(failure, FAILURE_IO, "%s port %s: %s", host,
		    port, gai_strerror(rc)));
	error = 0;
	for (a = found; a != NULL; a = a->ai_next) {
		s->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (s->fd == -1)
			continue;
		patience(s, ANSWER_SECONDS);
		if (connect(s->fd, a->ai_addr, a->ai_addrlen) == 0)
			break;
		error = errno;
		close(s->fd);
		s->fd = -1;
	}
	freeaddrinfo(found);
	if (s->fd == -1)
		return (failure_set(failure, FAILURE_IO,
		    "Postfix does not answer at %s port %s: %s", host, port,
		    strerror(error)));
	return (0);
}

static int
send_all(struct submit *s, const char *data, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = send(s->fd, data, len, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (-1);
		data += n;
		len -= (size_t)n;
	}
	return (0);
}

/* One line without its end, cut to ${size}. -1 if the connection is lost. */
static int
read_line(struct submit *s, char *line, size_t size)
{
	char *end;
	size_t len;
	ssize_t n;

	while ((end = memchr(s->in, '\n', s->nin)) == NULL) {
		if (s->nin == sizeof(s->in))
			return (-1);
		n = recv(s->fd, s->in + s->nin, sizeof(s->in) - s->nin, 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return (-1);
		s->nin += (size_t)n;
	}
	len = (size_t)(end - s->in);
	snprintf(line, size, "%.*s", (int)len, s->in);
	line[strcspn(line, "\r")] = '\0';
	s->nin -= len + 1;
	memmove(s->in, end + 1, s->nin);
	return (0);
}

static void
note_features(struct submit *s, const char *line)
{
	s->has_8bit |= strcasecmp(line, "8BITMIME") == 0;
	s->has_utf8 |= strcasecmp(line, "SMTPUTF8") == 0;
	s->has_dsn |= strcasecmp(line, "DSN") == 0;
}

/* The code of an answer, or -1. */
static int
read_answer(struct submit *s)
{
	char line[1024];
	size_t used = 0;

	do {
		if (read_line(s, line, sizeof(line)) != 0 || strlen(line) < 3)
			return (-1);
		if (strlen(line) > 4)
			note_features(s, line + 4);
		used += (size_t)snprintf(s->answer + used,
		    sizeof(s->answer) - used, "%s%s", used == 0 ? "" : " ",
		    used == 0 || strlen(line) < 4 ? line : line + 4);
		if (used >= sizeof(s->answer))
			used = sizeof(s->answer) - 1;
	} while (line[3] == '-');
	return (atoi(line));
}

static int
ask(struct submit *s, const char *command)
{
	if (send_all(s, command, strlen(command)) != 0 ||
	    send_all(s, "\r\n", 2) != 0)
		return (-1);
	return (read_answer(s));
}

static int
refused(struct submit *s, int code, const char *what, struct failure *failure)
{
	if (code == -1)
		return (failure_set(failure, FAILURE_IO,
		    "Postfix closed the connection or did not answer at %s",
		    what));
	return (failure_set(failure, code < 500 ? FAILURE_BUSY : FAILURE_DATA,
	    "Postfix answered %s with \"%s\"", what, s->answer));
}

struct submit *
submit_open(struct arena *a, const char *host, const char *port,
    struct failure *failure)
{
	struct submit *s;
	char hello[64 + INET6_ADDRSTRLEN];
	int code;

	s = arena_alloc(a, sizeof(*s));
	s->arena = a;
	s->fd = -1;
	if (connect_to(s, host, port, failure) != 0)
		return (NULL);
	note_source(s);
	code = read_answer(s);
	if (code == 220) {
		snprintf(hello, sizeof(hello), "EHLO [%s%s]",
		    s->source.ss_family == AF_INET6 ? "IPv6:" : "", s->text);
		code = ask(s, hello);
		if (code == 250)
			return (s);
		refused(s, code, hello, failure);
	} else {
		refused(s, code, "the connection", failure);
	}
	submit_close(s);
	return (NULL);
}

void
submit_close(struct submit *s)
{
	if (s == NULL || s->fd == -1)
		return;
	close(s->fd);
	s->fd = -1;
}

const struct sockaddr *
submit_source(const struct submit *s)
{
	return ((const struct sockaddr *)&s->source);
}

const char *
submit_source_text(const struct submit *s)
{
	return (s->text);
}

/* xtext of RFC 3461, or with ${utf8} that of RFC 6533, 3. */
static const char *
encode(struct arena *a, const char *s, bool utf8)
{
	char *out, *o;

	out = o = arena_alloc(a, 6 * strlen(s) + 1);
	for (; *s != '\0'; s++) {
		if (*s > ' ' && *s < 0x7f && *s != '+' && *s != '=' &&
		    (!utf8 || *s != '\\'))
			*o++ = *s;
		else if (utf8 && (unsigned char)*s >= 0x80)
			*o++ = *s;
		else
			o += sprintf(o, utf8 ? "\\x{%02X}" : "+%02X",
			    (unsigned)(unsigned char)*s);
	}
	return (out);
}

static const char *
notify_text(struct arena *a, int notify)
{
	const char *text;

	if (notify == 0)
		return ("");
	if (notify & SUBMIT_NOTIFY_NEVER)
		return (" NOTIFY=NEVER");
	text = arena_printf(a, "%s%s%s",
	    notify & SUBMIT_NOTIFY_SUCCESS ? ",SUCCESS" : "",
	    notify & SUBMIT_NOTIFY_FAILURE ? ",FAILURE" : "",
	    notify & SUBMIT_NOTIFY_DELAY ? ",DELAY" : "");
	return (*text == '\0' ? "" : arena_printf(a, " NOTIFY=%s", text + 1));
}

static const char *
mail_command(struct submit *s, const struct submit_message *m)
{
	const char *envid =
	    m->envid == NULL ? "" : encode(s->arena, m->envid, false);

	return (arena_printf(s->arena, "MAIL FROM:<%s>%s%s%s%s%s", m->sender,
	    m->eightbit ? " BODY=8BITMIME" : "", m->utf8 ? " SMTPUTF8" : "",
	    m->ret == SUBMIT_RET_FULL	    ? " RET=FULL"
		: m->ret == SUBMIT_RET_HDRS ? " RET=HDRS"
					    : "",
	    *envid == '\0' ? "" : " ENVID=", envid));
}

static const char *
rcpt_command(struct submit *s, const struct submit_recipient *r)
{
	const char *notify, *address, *orcpt;
	size_t len;
	bool utf8;

	notify = notify_text(s->arena, r->notify);
	orcpt = r->orcpt == NULL ? NULL : strchr(r->orcpt, ';');
	if (orcpt == NULL)
		return (arena_printf(
		    s->arena, "RCPT TO:<%s>%s", r->address, notify));
	len = (size_t)(orcpt - r->orcpt);
	utf8 = len == 5 && strncasecmp(r->orcpt, "utf-8", 5) == 0;
	address = encode(s->arena, orcpt + 1, utf8);
	return (arena_printf(s->arena, "RCPT TO:<%s>%s ORCPT=%.*s;%s",
	    r->address, notify, (int)len, r->orcpt, address));
}

/* Does the server offer all extensions that the envelope needs? */
static int
offers(
    struct submit *s, const struct submit_message *m, struct failure *failure)
{
	const char *lacks = NULL;
	bool dsn;
	size_t i;

	dsn = m->ret != 0 || m->envid != NULL;
	for (i = 0; i < m->nrecipients; i++)
		dsn |= m->recipients[i].notify != 0 ||
		    m->recipients[i].orcpt != NULL;
	if (m->eightbit && !s->has_8bit)
		lacks = "8BITMIME";
	else if (m->utf8 && !s->has_utf8)
		lacks = "SMTPUTF8";
	else if (dsn && !s->has_dsn)
		lacks = "DSN";
	if (lacks == NULL)
		return (0);
	return (failure_set(failure, FAILURE_SETTINGS,
	    "the message needs %s, which Postfix does not offer here; remove "
	    "it from smtpd_discard_ehlo_keywords",
	    lacks));
}

/* Lines with CRLF, and a dot before a dot. */
static int
send_content(struct submit *s, int fd)
{
	char in[16384], out[3 * sizeof(in) + 2], last = '\n';
	size_t o;
	ssize_t i, n;

	if (lseek(fd, 0, SEEK_SET) == -1)
		return (-1);
	while ((n = read(fd, in, sizeof(in))) > 0) {
		o = 0;
		for (i = 0; i < n; i++) {
			if (last == '\n' && in[i] == '.')
				out[o++] = '.';
			if (in[i] == '\n')
				out[o++] = '\r';
			out[o++] = last = in[i];
		}
		if (send_all(s, out, o) != 0)
			return (-1);
	}
	if (n == 0 && last != '\n')
		return (send_all(s, "\r\n", 2));
	return (n == 0 ? 0 : -1);
}

int
submit_begin(
    struct submit *s, const struct submit_message *m, struct failure *failure)
{
	const char *command;
	size_t i;
	int code;

	if (offers(s, m, failure) != 0)
		return (-1);
	command = mail_command(s, m);
	code = ask(s, command);
	if (code != 250)
		return (refused(s, code, command, failure));
	for (i = 0; i < m->nrecipients; i++) {
		command = rcpt_command(s, &m->recipients[i]);
		code = ask(s, command);
		if (code != 250)
			return (refused(s, code, command, failure));
	}
	code = ask(s, "DATA");
	if (code != 354)
		return (refused(s, code, "DATA", failure));
	if (send_content(s, m->fd) != 0)
		return (failure_set(failure, FAILURE_IO,
		    "the content could not be sent to Postfix: %s",
		    strerror(errno)));
	return (0);
}

enum submit_result
submit_end(struct submit *s, const char **queue_id, struct failure *failure)
{
	static const char queued[] = "queued as ";
	const char *id;
	int code;

	*queue_id = NULL;
	patience(s, END_SECONDS);
	code = ask(s, ".");
	if (code == -1) {
		failure_set(failure, FAILURE_IO,
		    "Postfix closed the connection or did not answer at the "
		    "end of the message");
		return (SUBMIT_UNKNOWN);
	}
	if (code != 250) {
		refused(s, code, "the message", failure);
		return (SUBMIT_REFUSED);
	}
	id = strstr(s->answer, queued);
	if (id != NULL) {
		/* No memory of the arena: the caller must note it. */
		id += strlen(queued);
		snprintf(
		    s->id, sizeof(s->id), "%.*s", (int)text_queueid(id), id);
		*queue_id = s->id;
	}
	/* The answer to QUIT does not matter. */
	(void)send_all(s, "QUIT\r\n", 6);
	return (SUBMIT_TAKEN);
}
