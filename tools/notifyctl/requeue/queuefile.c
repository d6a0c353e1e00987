/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queuefile - a message in Postfix's hold queue
 *
 * Read with postcat(1), whose output is Postfix's own view of a queue file: one
 * record of the envelope a line. A file with a line break in a record is
 * refused (records.h).
 *
 * A message is requeued to the recipients that it was submitted with, before
 * Postfix expanded aliases and milters made changes. Each record has the
 * address that it comes from (original_recipient). Postfix gives each recipient
 * that was submitted an ORCPT (dsn_orig_rcpt). One without it was added by a
 * milter or as a blind copy, and will be added again where it still applies. A
 * "canceled" one was submitted and removed by a milter.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/failure.h"
#include "base/regular.h"
#include "base/strmap.h"
#include "decision/message.h"
#include "lib/child.h"
#include "lib/identity.h"
#include "notifyctl/postfix/postconf.h"
#include "notifyctl/postfix/records.h"
#include "notifyctl/postfix/text.h"
#include "notifyctl/requeue/content.h"
#include "notifyctl/requeue/queuefile.h"
#include "settings/settings.h"
#include "terms/netlist.h"

#define ENVELOPE_MAX ((size_t)64 << 20)
#define NOTE "user.notify-milter.requeue"
/* Bits of the last number of message_size; the second since Postfix 3.11. */
#define OPTION_UTF8 1
#define OPTION_REQUIRETLS 32

/* An envelope being read. */
struct reading {
	struct arena *arena;
	const struct postconf *mta;
	struct queuefile *file;
	size_t cap;
	struct strmap seen; /* recipients, with ORCPT */
	/* Of the next recipient. */
	const char *original;
	const char *orcpt;
	int notify;
	bool complete;
	const char *unsupported; /* a record that cannot be submitted */
};

static int envelope(struct arena *, const struct postconf *, const char *,
    const char *, char **, struct failure *);
static int place_of(struct arena *, const struct postconf *, const char *,
    const char **, struct failure *);
static const char *quoted(struct arena *, const char *);
static const char *qualified(struct reading *, const char *);
static void attribute(struct reading *, const char *);
static void recipient(struct reading *, const char *);
static void record(struct reading *, const char *);
static int parse(struct reading *, char *, struct failure *);
static int lock(const struct postconf *, struct queuefile *, struct failure *);
static int believable(const struct queuefile *, struct failure *);
static void read_note(struct arena *, struct queuefile *);
static void expanded(struct reading *);
static bool about_settings(const struct postconf *, const char *);
static int read_content(struct arena *, const struct postconf *,
    struct queuefile *, struct failure *);

/* The envelope of a file (${option} "-e") or of a queue id ("-eq"). 1, 0 if
 * there is none, or -1. */
static int
envelope(struct arena *a, const struct postconf *mta, const char *option,
    const char *name, char **text, struct failure *failure)
{
	const char *argv[] = {
	    postconf_tool(mta, "postcat"), option, name, NULL};
	struct child c = CHILD_INIT(argv);
	struct child_result r;

	c.max = ENVELOPE_MAX;
	if (child_run(a, &c, &r, failure) != 0)
		return (-1);
	if (r.status != 0 && strstr(r.message, strerror(ENOENT)) != NULL)
		return (0);
	if (r.status != 0 || r.len == 0)
		return (failure_set(failure, FAILURE_IO, "%s: %s", name,
		    *r.message == '\0' ? "no queue file" : r.message));
	*text = r.out;
	return (1);
}

/* The queue file, seen from the queue directory. 1, 0 if there is none, or -1.
 */
static int
place_of(struct arena *a, const struct postconf *mta, const char *id,
    const char **place, struct failure *failure)
{
	const char *path;
	char *text;
	int found;

	found = envelope(a, mta, "-eq", id, &text, failure);
	if (found != 1)
		return (found);
	path = text_after(text, "*** ENVELOPE RECORDS ");
	if (path == NULL)
		return (failure_set(failure, FAILURE_IO,
		    "postcat printed \"%.60s\"; expected the envelope", text));
	*place = arena_strndup(a, path, strcspn(path, " \n"));
	return (1);
}

/*
 * Lock the file, then check that it is still the one in the queue. Postfix's
 * user owns the queue: it is read with that user's rights.
 */
static int
lock(const struct postconf *mta, struct queuefile *q, struct failure *failure)
{
	struct stat ours, there = {0};

	if (identity_take(
		q->path, postconf_value(mta, "mail_owner"), failure) != 0)
		return (-1);
	q->fd = regular_open(q->path, O_RDONLY | O_NOFOLLOW, 0);
	if (stat(q->path, &there) != 0)
		there.st_ino = 0;
	identity_drop();
	if (q->fd != -1 && flock(q->fd, LOCK_EX | LOCK_NB) != 0)
		return (failure_set(failure, FAILURE_BUSY,
		    "another notifyctl is requeueing %s; \"notifyctl trace "
		    "%s\" shows the result",
		    q->id, q->id));
	/* A second name of it is none that Postfix has made. */
	if (q->fd == -1 || fstat(q->fd, &ours) != 0 ||
	    ours.st_ino != there.st_ino || ours.st_dev != there.st_dev ||
	    ours.st_nlink != 1)
		return (failure_set(failure, FAILURE_UNKNOWN,
		    "%s has just left the hold queue", q->id));
	return (0);
}

/* Can what postcat(1) prints of it be believed? 0 or -1. */
static int
believable(const struct queuefile *q, struct failure *failure)
{
	switch (records_are_lines(q->fd)) {
	case 1:
		return (0);
	case 0:
		return (failure_set(failure, FAILURE_DATA,
		    "a line break in an envelope record of %s, such as an ORCPT, "
		    "makes up other records, so nobody can tell who sent it to "
		    "whom; look at it with \"postcat -q %s\", delete it with "
		    "\"postsuper -d %s hold\"",
		    q->id, q->id, q->id));
	default:
		return (failure_set(failure, FAILURE_DATA,
		    "the queue file of %s is damaged", q->id));
	}
}

static void
read_note(struct arena *a, struct queuefile *q)
{
	char text[64];
	ssize_t len;

	len = fgetxattr(q->fd, NOTE, text, sizeof(text) - 1);
	if (len <= 0)
		return;
	text[len] = '\0';
	q->attempt = *text == '=' ? QUEUEFILE_SUBMITTED : QUEUEFILE_BEGUN;
	if (q->attempt == QUEUEFILE_SUBMITTED && text[1] != '\0')
		q->attempt_id = arena_strdup(a, text + 1);
}

void
queuefile_note(
    struct queuefile *q, enum queuefile_attempt attempt, const char *id)
{
	char text[64];

	q->attempt = attempt;
	if (attempt == QUEUEFILE_NONE) {
		(void)fremovexattr(q->fd, NOTE);
		return;
	}
	snprintf(text, sizeof(text), "%s%s",
	    attempt == QUEUEFILE_BEGUN ? "begun" : "=", id == NULL ? "" : id);
	(void)fsetxattr(q->fd, NOTE, text, strlen(text), 0);
}

/* The SMTP form of an address: Postfix stores it without quotes. */
static const char *
quoted(struct arena *a, const char *s)
{
	static const char special[] = "()<>[]:;\\,\" \t";
	const char *at = strrchr(s, '@');
	size_t i, len;
	char *out, *o;
	bool plain;

	len = at == NULL ? strlen(s) : (size_t)(at - s);
	plain = len > 0 && s[0] != '.' && s[len - 1] != '.';
	for (i = 0; i < len; i++) {
		plain &= (unsigned char)s[i] > ' ' && s[i] != 0x7f &&
		    s[i] != '@' && strchr(special, s[i]) == NULL &&
		    !(s[i] == '.' && s[i + 1] == '.');
	}
	if (plain)
		return (s);
	out = o = arena_alloc(a, 2 * strlen(s) + 3);
	*o++ = '"';
	for (i = 0; i < len; i++) {
		if (s[i] == '"' || s[i] == '\\')
			*o++ = '\\';
		*o++ = s[i];
	}
	*o++ = '"';
	strcpy(o, s + len);
	return (out);
}

/* Append the domain that sendmail(1) lets people omit. */
static const char *
qualified(struct reading *r, const char *address)
{
	const char *origin;

	if (*address == '\0' || strchr(address, '@') != NULL)
		return (address);
	origin = postconf_origin(r->mta);
	return (*origin == '\0'
		? address
		: arena_printf(r->arena, "%s@%s", address, origin));
}

static void
attribute(struct reading *r, const char *text)
{
	struct submit_message *m = &r->file->message;
	const char *value;

	if ((value = text_after(text, "notify_flags=")) != NULL)
		r->notify = atoi(value);
	else if ((value = text_after(text, "dsn_orig_rcpt=")) != NULL)
		r->orcpt = value;
	else if ((value = text_after(text, "envelope_id=")) != NULL)
		m->envid = value;
	else if ((value = text_after(text, "ret_flags=")) != NULL)
		m->ret = atoi(value);
	else if ((value = text_after(text, "encoding=")) != NULL)
		m->eightbit = strcmp(value, "8bit") == 0;
	/* Not log_client_address: whoever may use XFORWARD sets that. */
	else if ((value = text_after(text, "client_address=")) != NULL)
		r->file->client = value;
	else if ((value = text_after(text, "sasl_username=")) != NULL)
		r->file->login = value;
}

/* A record of a recipient. All records of one recipient become one. */
static void
recipient(struct reading *r, const char *address)
{
	struct submit_message *m = &r->file->message;
	struct submit_recipient *one;
	const char *given, *wire, *orcpt = r->orcpt;
	int notify = r->notify;

	given = qualified(r, r->original == NULL ? address : r->original);
	wire = quoted(r->arena, given);
	r->original = r->orcpt = NULL;
	r->notify = 0;
	if (orcpt == NULL || *orcpt == '\0')
		return;
	/* Postfix makes up this one itself. */
	if (strncasecmp(orcpt, "rfc822;", 7) == 0 &&
	    strcmp(orcpt + 7, given) == 0)
		orcpt = NULL;
	/* An alias makes several records of one. */
	if (strmap_add(&r->seen,
		arena_concat(
		    r->arena, wire, "\n", orcpt == NULL ? "" : orcpt, NULL),
		NULL) == 0)
		return;
	m->recipients = arena_grow(r->arena, m->recipients, m->nrecipients,
	    &r->cap, sizeof(*m->recipients));
	one = &m->recipients[m->nrecipients++];
	one->address = wire;
	one->orcpt = orcpt;
	one->notify = notify;
}

static void
record(struct reading *r, const char *line)
{
	struct queuefile *q = r->file;
	const char *value;
	int options = 0;

	if ((value = text_after(line, "named_attribute: ")) != NULL) {
		attribute(r, value);
	} else if ((value = text_after(line, "original_recipient: ")) != NULL) {
		r->original = value;
	} else if ((value = text_after(line, "done_recipient: ")) != NULL) {
		q->done++;
		recipient(r, value);
	} else if ((value = text_after(line, "recipient: ")) != NULL ||
	    (value = text_after(line, "canceled_recipient: ")) != NULL) {
		recipient(r, value);
	} else if ((value = text_after(line, "sender: ")) != NULL) {
		q->message.sender =
		    *value == '\0' ? "" : quoted(r->arena, value);
	} else if ((value = text_after(line, "message_size: ")) != NULL) {
		(void)sscanf(value, "%*d %*d %*d %*d %*d %d", &options);
		q->message.utf8 = (options & OPTION_UTF8) != 0;
		if ((options & OPTION_REQUIRETLS) != 0)
			r->unsupported = "REQUIRETLS";
	} else if (text_after(line, "verp_delimiters: ") != NULL) {
		r->unsupported = "VERP";
	} else if (text_after(line, "*** MESSAGE FILE END ") != NULL) {
		r->complete = true;
	}
}

static int
parse(struct reading *r, char *text, struct failure *failure)
{
	struct queuefile *q = r->file;
	char *line, *rest;

	for (line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		record(r, line);
	if (!r->complete || q->message.sender == NULL)
		return (failure_set(failure, FAILURE_DATA,
		    "the queue file of %s is damaged: postcat finds no %s",
		    q->id, r->complete ? "sender" : "end"));
	if (r->unsupported != NULL)
		return (failure_set(failure, FAILURE_DATA,
		    "%s was submitted with %s, which requeue does not "
		    "support; submit it yourself, then: postsuper -d %s hold",
		    q->id, r->unsupported, q->id));
	expanded(r);
	return (0);
}

/*
 * When Postfix expands an alias, it moves NOTIFY=SUCCESS from its records to
 * the trace file, which is deleted with the held message.
 */
static void
expanded(struct reading *r)
{
	struct submit_message *m = &r->file->message;
	struct failure why = FAILURE_INIT;
	const char *path, *wire = NULL, *value;
	char *line = NULL;
	size_t i, size = 0;
	int notify = 0;
	ssize_t n;
	FILE *in;

	path = arena_printf(r->arena, "%s/trace/%s",
	    postconf_value(r->mta, "queue_directory"), r->file->id);
	if (identity_take(path, postconf_value(r->mta, "mail_owner"), &why) !=
	    0) {
		failure_clear(&why);
		return;
	}
	in = regular_stream(path);
	identity_drop();
	if (in == NULL)
		return;
	while ((n = getline(&line, &size, in)) > 0) {
		line[n - (line[n - 1] == '\n')] = '\0';
		if ((value = text_after(line, "original_recipient=")) != NULL ||
		    (wire == NULL &&
			(value = text_after(line, "recipient=")) != NULL)) {
			value = qualified(r, arena_strdup(r->arena, value));
			wire = quoted(r->arena, value);
		} else if ((value = text_after(line, "notify_flags=")) !=
		    NULL) {
			notify = atoi(value);
		} else if (strcmp(line, "action=expanded") == 0) {
			for (i = 0; wire != NULL && i < m->nrecipients; i++) {
				if (strcmp(m->recipients[i].address, wire) == 0)
					m->recipients[i].notify = notify;
			}
		} else if (*line == '\0') {
			wire = NULL;
			notify = 0;
		}
	}
	free(line);
	fclose(in);
}

/* Is the last line that postcat(1) printed a warning about main.cf or
 * master.cf? It reads those first: a warning about the queue file would come
 * after. */
static bool
about_settings(const struct postconf *mta, const char *line)
{
	const char *path;

	path = strstr(line, ": warning: ");
	if (path == NULL)
		return (false);
	path = text_after(path + strlen(": warning: "),
	    postconf_value(mta, "config_directory"));
	return (path != NULL && *path == '/');
}

static int
read_content(struct arena *a, const struct postconf *mta, struct queuefile *q,
    struct failure *failure)
{
	const char *argv[] = {
	    postconf_tool(mta, "postcat"), "-bh", q->path, NULL};
	struct child c = CHILD_INIT(argv);
	struct child_result r;

	q->message.fd = memfd_create("message", MFD_CLOEXEC);
	if (q->message.fd == -1)
		return (failure_set(failure, FAILURE_IO, "a copy of %s: %s",
		    q->id, strerror(errno)));
	c.output = q->message.fd;
	c.seconds = 300;
	if (child_run(a, &c, &r, failure) != 0)
		return (-1);
	if (r.status != 0 ||
	    (*r.message != '\0' && !about_settings(mta, r.message)))
		return (failure_set(
		    failure, FAILURE_IO, "%s: %s", q->path, r.message));
	/* The message goes to its first recipients again: the milter must not
	 * take that for the envelope that it decided on. */
	if (content_strip(q->message.fd, DECIDED_HEADER, true) != 0 ||
	    content_read(a, q->message.fd, &q->tag, &q->msg_id) != 0)
		return (failure_set(failure, FAILURE_IO, "a copy of %s: %s",
		    q->id, strerror(errno)));
	return (0);
}

int
queuefile_open(struct arena *a, const struct postconf *mta, const char *id,
    struct queuefile *q, struct failure *failure)
{
	struct reading r = {
	    .arena = a, .mta = mta, .file = q, .seen = {.arena = a}};
	const char *place = "";
	char *text;
	int found;

	memset(q, 0, sizeof(*q));
	q->id = id;
	q->fd = q->message.fd = -1;
	found = place_of(a, mta, id, &place, failure);
	if (found == -1)
		return (-1);
	if (found == 0)
		return (failure_set(failure, FAILURE_UNKNOWN,
		    "%s is not in the queue; \"mailq\" shows what is", id));
	if (strncmp(place, "hold/", 5) != 0)
		return (failure_set(failure, FAILURE_UNKNOWN,
		    "%s is in the %.*s queue, not held; expected a message "
		    "that mailq marks with \"!\"",
		    id, (int)strcspn(place, "/"), place));
	q->path = arena_printf(
	    a, "%s/%s", postconf_value(mta, "queue_directory"), place);
	if (lock(mta, q, failure) != 0 || believable(q, failure) != 0)
		return (-1);
	read_note(a, q);
	found = envelope(a, mta, "-e", q->path, &text, failure);
	if (found == 0)
		failure_set(failure, FAILURE_UNKNOWN,
		    "%s has just left the hold queue", id);
	if (found != 1 || parse(&r, text, failure) != 0)
		return (-1);
	return (read_content(a, mta, q, failure));
}

/* The milter judges the client, and requeue submits from this machine.
 * sendmail(1) has no client, and is local. */
bool
queuefile_trusted(
    const struct settings *s, const char *client, const char *login)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (client == NULL)
		return (true);
	if (s->trust_authenticated && login != NULL && *login != '\0')
		return (true);
	if (inet_pton(AF_INET, client, &in.sin_addr) == 1)
		return (
		    netlist_has(&s->trusted_clients, (struct sockaddr *)&in));
	return (inet_pton(AF_INET6, client, &in6.sin6_addr) == 1 &&
	    netlist_has(&s->trusted_clients, (struct sockaddr *)&in6));
}

int
queuefile_untag(struct queuefile *q, struct failure *failure)
{
	if (content_strip(q->message.fd, HEADER_PREFIX, false) == 0)
		return (0);
	return (failure_set(
	    failure, FAILURE_IO, "a copy of %s: %s", q->id, strerror(errno)));
}

void
queuefile_close(struct queuefile *q)
{
	if (q->fd != -1)
		close(q->fd);
	if (q->message.fd != -1)
		close(q->message.fd);
	q->fd = q->message.fd = -1;
}

int
queuefile_drop(struct arena *a, const struct postconf *mta,
    const struct queuefile *q, struct failure *failure)
{
	/* In the hold queue only: the message may have been released. */
	const char *argv[] = {
	    postconf_tool(mta, "postsuper"), "-d", q->id, "hold", NULL};
	struct child c = CHILD_INIT(argv);
	struct child_result r;
	struct stat st;

	if (child_run(a, &c, &r, failure) != 0)
		return (-1);
	if (r.status != 0)
		return (failure_set(failure, FAILURE_IO, "%s", r.message));
	if (fstat(q->fd, &st) == 0 && st.st_nlink == 0)
		return (1);
	if (stat(q->path, &st) == 0)
		return (failure_set(
		    failure, FAILURE_IO, "postsuper did not delete it"));
	return (0);
}
