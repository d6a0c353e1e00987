/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather - what the mail log tells of one message
 *
 * The log is read once for each generation of messages: the one that was asked
 * for, those that it names, those that these name. Only the lines of the
 * generation in question are kept, so that a log of any size can be read.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "notifyctl/trace/gather.h"

#define GENERATIONS 8
#define MESSAGES 64
/* Lines of one message: ten thousand recipients, each tried some times. */
#define EVENTS 1000000
/* A message is named when it has just come into being. */
#define NAMED_SECONDS 600

struct event {
	struct history_line line;
	size_t seq;
	int rank; /* among lines of the same second from other sources */
	int source;
};

struct thread {
	struct history m;
	struct event *events;
	size_t n, cap;
	int64_t named; /* when another message named it; 0: was asked for */
	bool read;
};

struct gather {
	struct arena *arena;
	struct thread threads[MESSAGES];
	size_t n;
	size_t seq;
	int source, generation;
	const char *origin;
	bool more; /* than are told of */
	bool out_of_memory;
};

static const char *component(const char *);
static int compare(const void *, const void *);
static struct thread *thread_of(struct gather *, const char *, size_t);
static void note_origin(struct gather *, const char *, size_t, const char *);
static void keep(
    struct gather *, struct thread *, const struct trace_line *, const char *);
static void discover(struct gather *, const struct thread *, const char *,
    const char *, int64_t);
static void find_children(
    struct gather *, const struct thread *, const struct event *);
static void choose_life(struct thread *);

struct gather *
gather_new(struct arena *a, const char *id)
{
	struct gather *f;

	f = arena_alloc(a, sizeof(*f));
	if (f == NULL)
		return (NULL);
	f->arena = a;
	f->origin = "";
	f->n = 1;
	f->threads[0].m.id = id;
	f->threads[0].m.relation = f->threads[0].m.of = "";
	return (f);
}

/* "smtp" of "postfix-out/smtp": syslog_name is up to the operator. */
static const char *
component(const char *program)
{
	const char *slash = strrchr(program, '/');

	return (slash == NULL ? program : slash + 1);
}

static struct thread *
thread_of(struct gather *f, const char *id, size_t len)
{
	size_t i;

	for (i = 0; i < f->n; i++) {
		if (strlen(f->threads[i].m.id) == len &&
		    memcmp(f->threads[i].m.id, id, len) == 0)
			return (&f->threads[i]);
	}
	return (NULL);
}

/* Is this the line of another message that became the one asked for? */
static void
note_origin(struct gather *f, const char *text, size_t len, const char *rest)
{
	static const struct {
		const char *word;
		const char *relation;
	} words[] = {
	    {"requeued as ", "requeued from"},
	    {"sender non-delivery notification: ", "the bounce of"},
	    {"sender delay notification: ", "the notice of delay of"},
	    {"sender delivery status notification: ", "the notice about"},
	};
	const char *id;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		id = history_after(rest, words[i].word);
		if (id == NULL || strcmp(id, f->threads[0].m.id) != 0)
			continue;
		f->origin = arena_printf(
		    f->arena, "%s %.*s", words[i].relation, (int)len, text);
		if (f->origin == NULL)
			f->out_of_memory = true;
	}
}

static void
keep(struct gather *f, struct thread *s, const struct trace_line *line,
    const char *text)
{
	struct event *e;

	if (s->n == EVENTS)
		return;
	s->events = arena_grow(f->arena, s->events, s->n, &s->cap, sizeof(*e));
	if (s->events == NULL) {
		s->n = s->cap = 0;
		f->out_of_memory = true;
		return;
	}
	e = &s->events[s->n];
	e->line.at = line->at;
	e->seq = f->seq++;
	e->source = f->source;
	/* Postfix takes a message before others speak of it. */
	e->rank = strchr(line->program, '/') == NULL;
	e->line.program = arena_strdup(f->arena, component(line->program));
	e->line.text = arena_strdup(f->arena, text);
	if (e->line.program == NULL || e->line.text == NULL)
		f->out_of_memory = true;
	else
		s->n++;
}

int
gather_line(void *ctx, const struct trace_line *line)
{
	struct gather *f = ctx;
	const char *text = line->text, *rest, *from;
	struct thread *s;
	size_t len;

	len = strspn(text,
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz");
	if (len == 0 || strncmp(text + len, ": ", 2) != 0)
		return (0);
	rest = text + len + 2;
	if (f->generation == 0)
		note_origin(f, text, len, rest);
	s = thread_of(f, text, len);
	if (s != NULL && !s->read)
		keep(f, s, line, rest);
	/* postsuper -r: only the new one names the old one. */
	from = strstr(rest, " orig_id=");
	if (s == NULL && from != NULL && history_after(rest, "uid=") != NULL) {
		s = thread_of(f, from + 9, strlen(from + 9));
		if (s != NULL)
			discover(f, s, "resubmitted as", text, line->at);
	}
	return (f->out_of_memory ? -1 : 0);
}

void
gather_source(struct gather *f)
{
	f->source++;
}

static int
compare(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	/* Without a time: at the end, where the newest life is. */
	if (x->line.at != y->line.at)
		return (x->line.at == 0	  ? 1
			: y->line.at == 0 ? -1
					  : (x->line.at > y->line.at) -
			    (x->line.at < y->line.at));
	if (x->source != y->source && x->rank != y->rank)
		return (x->rank - y->rank);
	return ((x->seq > y->seq) - (x->seq < y->seq));
}

/* Keep the lines of one message of those that had the id: the newest, or the
 * one that was there when another message named it. */
static void
choose_life(struct thread *s)
{
	size_t first = 0, i, lives = 1, last = s->n;
	bool removed = false, start;

	if (s->n == 0)
		return;
	qsort(s->events, s->n, sizeof(*s->events), compare);
	for (i = 0; i < s->n; i++) {
		/* Postfix's own messages have no other beginning. */
		start = history_begins(&s->events[i].line) ||
		    (removed &&
			history_after(s->events[i].line.text, "message-id=") !=
			    NULL);
		if (strcmp(s->events[i].line.text, "removed") == 0)
			removed = true;
		if (!start || i == 0)
			continue;
		removed = false;
		if (s->named != 0 && s->events[i].line.at > s->named + 1) {
			last = i;
			break;
		}
		first = i;
		lives++;
	}
	s->events += first;
	s->n = last - first;
	s->m.earlier = lives - 1;
	/* A host elsewhere gives out ids of the same kind. */
	if (s->named != 0 && s->events[0].line.at != 0 &&
	    llabs(s->events[0].line.at - s->named) > NAMED_SECONDS)
		s->n = 0;
}

/* Another message is named: to be looked for in the next round. */
static void
discover(struct gather *f, const struct thread *from, const char *relation,
    const char *id, int64_t at)
{
	struct thread *s;
	size_t len;

	len = strspn(id,
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz");
	if (len < 5 || len > 64 || thread_of(f, id, len) != NULL)
		return;
	if (f->n == MESSAGES) {
		f->more = true;
		return;
	}
	s = &f->threads[f->n];
	s->m.id = arena_strndup(f->arena, id, len);
	if (s->m.id == NULL) {
		f->out_of_memory = true;
		return;
	}
	s->m.relation = relation;
	s->m.of = from->m.id;
	s->named = at;
	f->n++;
}

static void
find_children(struct gather *f, const struct thread *s, const struct event *e)
{
	static const struct {
		const char *program; /* NULL: a delivery agent */
		const char *word;
		const char *relation;
	} words[] = {
	    {"notifyctl", "requeued as ", "requeued as"},
	    {"bounce", "non-delivery notification: ", "bounced with"},
	    {"bounce", "delay notification: ", "delay told with"},
	    {"bounce", "delivery status notification: ", "delivery told with"},
	    {NULL, " queued as ", "handed on as"},
	    {NULL, "(forwarded as ", "forwarded as"},
	};
	const char *found;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i].program == NULL
			? history_after(e->line.text, "to=<") == NULL
			: strcmp(words[i].program, e->line.program) != 0)
			continue;
		found = strstr(e->line.text, words[i].word);
		if (found != NULL)
			discover(f, s, words[i].relation,
			    found + strlen(words[i].word), e->line.at);
	}
}

int
gather_again(struct gather *f)
{
	struct thread *s;
	size_t before = f->n, i, j, unread = 0;

	for (i = 0; i < before && !f->out_of_memory; i++) {
		s = &f->threads[i];
		if (s->read)
			continue;
		s->read = true;
		choose_life(s);
		history_begin(&s->m);
		s->m.lines = s->n;
		for (j = 0; j < s->n && !f->out_of_memory; j++) {
			if (history_tell(f->arena, &s->m, &s->events[j].line) !=
			    0)
				f->out_of_memory = true;
			find_children(f, s, &s->events[j]);
		}
	}
	for (i = 0; i < f->n; i++)
		unread += !f->threads[i].read;
	f->source = 0;
	if (f->out_of_memory)
		return (-1);
	if (unread == 0)
		return (0);
	if (++f->generation < GENERATIONS)
		return (1);
	f->more = true;
	return (0);
}

const struct history *
gather_messages(const struct gather *f, size_t *n)
{
	struct history *v;
	size_t i;

	/* An id that this log has nothing of is another host's. */
	v = arena_array(f->arena, f->n, sizeof(*v));
	*n = 0;
	for (i = 0; v != NULL && i < f->n; i++) {
		if (i == 0 || f->threads[i].m.lines > 0)
			v[(*n)++] = f->threads[i].m;
	}
	return (v);
}

const char *
gather_origin(const struct gather *f)
{
	return (f->origin);
}

bool
gather_complete(const struct gather *f)
{
	return (!f->more);
}
