/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather - collects the log lines of one message and of those it became
 *
 * The log is read once for each generation of messages: the one asked for,
 * those that its lines name, those that theirs name. Only the lines of the
 * current generation are kept, so that a log of any size can be read.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/strmap.h"
#include "notifyctl/postfix/text.h"
#include "notifyctl/trace/gather.h"

#define GENERATIONS_MAX 8
/* Messages that are asked for, and what they became. */
#define ASKED_MAX 1000
#define BECAME_MAX 63
#define MESSAGES_MAX (ASKED_MAX + BECAME_MAX)
/* Lines of all: ten thousand recipients, each tried several times. */
#define ENTRIES_MAX 1000000
/* Processes of smtpd(8) that have put a message on hold which has no id yet,
 * and what is kept of the line. */
#define HOLDING_MAX 100
#define HOLD_TEXT_MAX 1024
/* A message is named within this time of its first line. */
#define NAMED_SECONDS 600

struct entry {
	struct history_line line;
	size_t seq;
	int rank; /* among lines of the same second from other sources */
	int source;
};

struct message {
	struct history history;
	struct entry *entries;
	size_t n, cap;
	int64_t named; /* when a line named it; 0: unknown */
	bool asked;    /* by the caller, and not by another message */
	bool read;
};

/* smtpd(8) puts a message on hold, of a client or recipient that is to be held,
 * before the message has an id. Its next line on a message has the id. */
struct holding {
	long process; /* 0: none */
	char text[HOLD_TEXT_MAX];
};

struct gather {
	struct arena *arena;
	struct holding holding[HOLDING_MAX];
	size_t next; /* of these that is used */
	struct message messages[MESSAGES_MAX];
	size_t n, asked;
	struct strmap by_id;
	size_t entries;
	size_t seq;
	int source, generation;
	const char *origin;
	bool more; /* messages than are given */
};

/* The words before the id of a message that another one became. */
static const struct {
	const char *program; /* NULL: any delivery agent */
	const char *word;
	const char *relation;
	const char *origin; /* the relation seen from the other side, or NULL */
} words[] = {
    {"notifyctl", "requeued as ", "requeued as", "requeued from"},
    {"bounce", "non-delivery notification: ", "bounced with", "the bounce of"},
    {"bounce", "delay notification: ", "delay told with",
	"the notice of delay of"},
    {"bounce", "delivery status notification: ", "delivery told with",
	"the notice about"},
    {NULL, " queued as ", "handed on as", NULL},
    {NULL, "(forwarded as ", "forwarded as", NULL},
};

static const char *component(const char *);
static struct holding *holding(struct gather *, const struct trace_line *);
static void note_hold(struct gather *, const struct trace_line *);
static int compare(const void *, const void *);
static struct message *begin(struct gather *, const char *, size_t, int64_t);
static struct message *find(struct gather *, const char *, size_t);
static void note_origin(struct gather *, const char *, size_t, const char *);
static void keep(
    struct gather *, struct message *, const struct trace_line *, const char *);
static void discover(struct gather *, const struct message *, const char *,
    const char *, int64_t);
static void find_children(
    struct gather *, const struct message *, const struct entry *);
static void choose(struct message *);

struct gather *
gather_new(struct arena *a)
{
	struct gather *g;

	g = arena_alloc(a, sizeof(*g));
	g->arena = g->by_id.arena = a;
	g->origin = "";
	return (g);
}

static struct message *
begin(struct gather *g, const char *id, size_t len, int64_t at)
{
	struct message *m;

	if (g->n == MESSAGES_MAX || g->n - g->asked > BECAME_MAX - 1) {
		g->more = true;
		return (NULL);
	}
	m = &g->messages[g->n++];
	m->history.id = arena_strndup(g->arena, id, len);
	m->history.relation = m->history.of = "";
	m->named = at;
	return (strmap_add(&g->by_id, m->history.id, m) == -1 ? NULL : m);
}

void
gather_ask(struct gather *g, const char *id, int64_t at)
{
	struct message *m;

	/* One id for two messages: the later one is not shown. */
	if (find(g, id, strlen(id)) != NULL)
		g->more = true;
	else if ((m = begin(g, id, strlen(id), at)) != NULL) {
		m->asked = true;
		g->asked++;
	}
}

/* "smtp" of "postfix-out/smtp": the operator sets syslog_name. */
static const char *
component(const char *program)
{
	const char *slash = strrchr(program, '/');

	return (slash == NULL ? program : slash + 1);
}

static struct message *
find(struct gather *g, const char *id, size_t len)
{
	char key[TEXT_QUEUEID_MAX + 1];
	const void *m = NULL;

	if (len > TEXT_QUEUEID_MAX)
		return (NULL);
	memcpy(key, id, len);
	key[len] = '\0';
	return (strmap_find(&g->by_id, key, &m) == 1
		? (struct message *)(uintptr_t)m
		: NULL);
}

/* Note the origin if this line says that another message became this one. */
static void
note_origin(struct gather *g, const char *text, size_t len, const char *rest)
{
	const char *sender = text_after(rest, "sender "), *id;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		id = text_after(sender == NULL ? rest : sender, words[i].word);
		if (words[i].origin != NULL && id != NULL &&
		    strcmp(id, g->messages[0].history.id) == 0)
			g->origin = arena_printf(g->arena, "%s %.*s",
			    words[i].origin, (int)len, text);
	}
}

static void
keep(struct gather *g, struct message *m, const struct trace_line *line,
    const char *text)
{
	struct entry *e;

	if (g->entries == ENTRIES_MAX) {
		g->more = true;
		return;
	}
	g->entries++;
	m->entries =
	    arena_grow(g->arena, m->entries, m->n, &m->cap, sizeof(*e));
	e = &m->entries[m->n++];
	e->line.at = line->at;
	e->seq = g->seq++;
	e->source = g->source;
	/* Postfix logs a message before other programs do. */
	e->rank = strchr(line->program, '/') == NULL;
	e->line.program = arena_strdup(g->arena, component(line->program));
	e->line.text = arena_strdup(g->arena, text);
}

static struct holding *
holding(struct gather *g, const struct trace_line *line)
{
	size_t i;

	if (line->process == 0 ||
	    strcmp(component(line->program), "smtpd") != 0)
		return (NULL);
	for (i = 0; i < HOLDING_MAX; i++) {
		if (g->holding[i].process == line->process)
			return (&g->holding[i]);
	}
	return (NULL);
}

/* Note a message on hold without an id, the last of its process. Whatever
 * smtpd(8) says of its recipients, the hold is the message's. */
static void
note_hold(struct gather *g, const struct trace_line *line)
{
	const char *hold = text_after(line->text, "NOQUEUE: hold: ");
	struct holding *h = holding(g, line);

	if (h != NULL &&
	    (text_after(line->text, "NOQUEUE: client=") != NULL ||
		text_after(line->text, "connect from ") != NULL))
		h->process = 0;
	if (hold == NULL)
		return;
	if (h == NULL)
		h = &g->holding[g->next++ % HOLDING_MAX];
	h->process = line->process;
	snprintf(h->text, sizeof(h->text), "hold: %s", hold);
}

void
gather_line(void *ctx, const struct trace_line *line)
{
	struct gather *g = ctx;
	const char *text = line->text, *rest, *from;
	struct holding *h;
	struct message *m;
	size_t len;

	note_hold(g, line);
	len = text_queueid(text);
	if (len == 0 || strncmp(text + len, ": ", 2) != 0)
		return;
	rest = text + len + 2;
	if (g->generation == 0 && g->asked == 1)
		note_origin(g, text, len, rest);
	m = find(g, text, len);
	if (m != NULL && !m->read)
		keep(g, m, line, rest);
	h = text_after(rest, "client=") == NULL ? NULL : holding(g, line);
	if (h != NULL && m != NULL && !m->read)
		keep(g, m, line, h->text);
	if (h != NULL)
		h->process = 0;
	/* postsuper -r: only the new message names the old one. */
	from = strstr(rest, " orig_id=");
	if (from != NULL && text_after(rest, "uid=") != NULL) {
		m = find(g, from + 9, strlen(from + 9));
		if (m != NULL && !m->read)
			keep(g, m, line, text);
	}
}

void
gather_source(void *ctx)
{
	struct gather *g = ctx;

	g->source++;
	memset(g->holding, 0, sizeof(g->holding));
}

static int
compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	/* Lines without a time count as newest. */
	if (x->line.at != y->line.at)
		return (x->line.at == 0	  ? 1
			: y->line.at == 0 ? -1
					  : (x->line.at > y->line.at) -
			    (x->line.at < y->line.at));
	if (x->source != y->source && x->rank != y->rank)
		return (x->rank - y->rank);
	return ((x->seq > y->seq) - (x->seq < y->seq));
}

/* Keep the lines of one of the messages that had the id: the newest, or the one
 * that had it when another message named it. */
static void
choose(struct message *m)
{
	size_t first = 0, i, had = 1, last = m->n;
	bool removed = false, start;

	if (m->n == 0)
		return;
	qsort(m->entries, m->n, sizeof(*m->entries), compare);
	for (i = 0; i < m->n; i++) {
		/* Postfix's own messages begin with their Message-ID. */
		start = history_begins(&m->entries[i].line) ||
		    (removed &&
			text_after(m->entries[i].line.text, "message-id=") !=
			    NULL);
		if (strcmp(m->entries[i].line.text, "removed") == 0)
			removed = true;
		if (!start || i == 0)
			continue;
		removed = false;
		if (m->named != 0 && m->entries[i].line.at > m->named + 1) {
			last = i;
			break;
		}
		first = i;
		had++;
	}
	m->entries += first;
	m->n = last - first;
	m->history.earlier = had - 1;
	/* Another host may use the same id. */
	if (!m->asked && m->named != 0 && m->entries[0].line.at != 0 &&
	    llabs(m->entries[0].line.at - m->named) > NAMED_SECONDS)
		m->n = 0;
}

/* Another message is named: gather it from the next reading. */
static void
discover(struct gather *g, const struct message *from, const char *relation,
    const char *id, int64_t at)
{
	struct message *m;
	size_t len;

	len = text_queueid(id);
	if (len < 5 || len > TEXT_QUEUEID_MAX)
		return;
	m = find(g, id, len);
	if (m == NULL) {
		m = begin(g, id, len, at);
	} else if (m == from || *m->history.relation != '\0' || g->asked == 1 ||
	    llabs(m->named - at) > NAMED_SECONDS) {
		return;
	}
	if (m == NULL)
		return;
	/* Also one that was asked for itself. */
	m->history.relation = relation;
	m->history.of = from->history.id;
}

static void
find_children(struct gather *g, const struct message *m, const struct entry *e)
{
	const char *found;
	size_t i;

	if (history_resubmits(&e->line))
		discover(g, m, "resubmitted as", e->line.text, e->line.at);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i].program == NULL
			? text_after(e->line.text, "to=<") == NULL
			: strcmp(words[i].program, e->line.program) != 0)
			continue;
		found = strstr(e->line.text, words[i].word);
		if (found != NULL)
			discover(g, m, words[i].relation,
			    found + strlen(words[i].word), e->line.at);
	}
}

bool
gather_again(struct gather *g)
{
	struct message *m;
	size_t before = g->n, i, j, unread = 0;

	for (i = 0; i < before; i++) {
		m = &g->messages[i];
		if (m->read)
			continue;
		m->read = true;
		choose(m);
		history_begin(&m->history);
		m->history.lines = m->n;
		for (j = 0; j < m->n; j++) {
			history_add(g->arena, &m->history, &m->entries[j].line);
			find_children(g, m, &m->entries[j]);
		}
	}
	for (i = 0; i < g->n; i++)
		unread += !g->messages[i].read;
	g->source = 0;
	if (unread == 0)
		return (false);
	if (++g->generation < GENERATIONS_MAX)
		return (true);
	g->more = true;
	return (false);
}

struct history *
gather_messages(const struct gather *g, size_t *n)
{
	struct history *v;
	size_t i;

	/* An id without lines in this log is another host's. */
	v = arena_array(g->arena, g->n, sizeof(*v));
	*n = 0;
	for (i = 0; i < g->n; i++) {
		if ((i == 0 && g->asked == 1) ||
		    g->messages[i].history.lines > 0)
			v[(*n)++] = g->messages[i].history;
	}
	return (v);
}

const char *
gather_origin(const struct gather *g)
{
	return (g->origin);
}

bool
gather_complete(const struct gather *g)
{
	return (!g->more);
}
