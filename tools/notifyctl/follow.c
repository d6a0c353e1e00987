/*
 * follow - what the mail log tells of one message
 *
 * The log is read once for each generation of messages: the one that was asked
 * for, those that it names, those that these name. Only the lines of the
 * generation in question are kept, so that a log of any size can be read.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "follow.h"

#define GENERATIONS 8
#define MESSAGES 64
/* Lines of one message: ten thousand recipients, each tried some times. */
#define EVENTS 1000000
/* A message is named when it has just come into being. */
#define NAMED_SECONDS 600

struct event {
	int64_t at;
	size_t seq;
	int rank; /* among lines of the same second from other sources */
	int source;
	const char *program; /* without syslog_name */
	const char *text;    /* after "ID: " */
};

struct story {
	struct follow_message m;
	struct event *events;
	size_t n, cap;
	size_t copies_cap;
	int64_t named; /* when another message named it; 0: was asked for */
	bool read;
};

struct follow {
	struct arena *arena;
	struct story stories[MESSAGES];
	size_t n;
	size_t seq;
	int source, generation;
	const char *origin;
	bool more; /* than are told of */
	bool out_of_memory;
};

static const char *after(const char *, const char *);
static const char *component(const char *);
static int compare(const void *, const void *);
static bool begins(const struct event *);
static struct story *story_of(struct follow *, const char *, size_t);
static void note_origin(struct follow *, const char *, size_t, const char *);
static void keep(
    struct follow *, struct story *, const struct trace_line *, const char *);
static void discover(
    struct follow *, const struct story *, const char *, const char *, int64_t);
static void find_children(
    struct follow *, const struct story *, const struct event *);
static void choose_life(struct story *);
static const char *path(struct arena *, const char *, const char **);
static const char *value(struct arena *, const char *, const char *);
static struct follow_copy *copy_of(
    struct follow *, struct story *, const char *, const char *);
static void delivery(struct follow *, struct story *, const struct event *);
static void chat(struct follow *, struct story *, const struct event *);
static void decision(struct follow *, struct story *, const struct event *);
static void settle(struct story *, enum follow_state, const struct event *);
static void tell(struct follow *, struct story *, const struct event *);
static void mail_server(struct follow *, struct story *, const struct event *);

struct follow *
follow_new(struct arena *a, const char *id)
{
	struct follow *f;

	f = arena_alloc(a, sizeof(*f));
	if (f == NULL)
		return (NULL);
	f->arena = a;
	f->origin = "";
	f->n = 1;
	f->stories[0].m.id = id;
	f->stories[0].m.relation = f->stories[0].m.of = "";
	return (f);
}

/* What follows ${word} at the beginning of ${text}, or NULL. */
static const char *
after(const char *text, const char *word)
{
	size_t len = strlen(word);

	return (strncmp(text, word, len) == 0 ? text + len : NULL);
}

/* "smtp" of "postfix-out/smtp": syslog_name is up to the operator. */
static const char *
component(const char *program)
{
	const char *slash = strrchr(program, '/');

	return (slash == NULL ? program : slash + 1);
}

static struct story *
story_of(struct follow *f, const char *id, size_t len)
{
	size_t i;

	for (i = 0; i < f->n; i++) {
		if (strlen(f->stories[i].m.id) == len &&
		    memcmp(f->stories[i].m.id, id, len) == 0)
			return (&f->stories[i]);
	}
	return (NULL);
}

/* Is this the line of another message that became the one asked for? */
static void
note_origin(struct follow *f, const char *text, size_t len, const char *rest)
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
		id = after(rest, words[i].word);
		if (id == NULL || strcmp(id, f->stories[0].m.id) != 0)
			continue;
		f->origin = arena_printf(
		    f->arena, "%s %.*s", words[i].relation, (int)len, text);
		if (f->origin == NULL)
			f->out_of_memory = true;
	}
}

static void
keep(struct follow *f, struct story *s, const struct trace_line *line,
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
	e->at = line->at;
	e->seq = f->seq++;
	e->source = f->source;
	/* Postfix takes a message before others speak of it. */
	e->rank = strchr(line->program, '/') == NULL;
	e->program = arena_strdup(f->arena, component(line->program));
	e->text = arena_strdup(f->arena, text);
	if (e->program == NULL || e->text == NULL)
		f->out_of_memory = true;
	else
		s->n++;
}

int
follow_line(void *ctx, const struct trace_line *line)
{
	struct follow *f = ctx;
	const char *text = line->text, *rest, *from;
	struct story *s;
	size_t len;

	len = strspn(text,
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz");
	if (len == 0 || strncmp(text + len, ": ", 2) != 0)
		return (0);
	rest = text + len + 2;
	if (f->generation == 0)
		note_origin(f, text, len, rest);
	s = story_of(f, text, len);
	if (s != NULL && !s->read)
		keep(f, s, line, rest);
	/* postsuper -r: only the new one names the old one. */
	from = strstr(rest, " orig_id=");
	if (s == NULL && from != NULL && after(rest, "uid=") != NULL) {
		s = story_of(f, from + 9, strlen(from + 9));
		if (s != NULL)
			discover(f, s, "resubmitted as", text, line->at);
	}
	return (f->out_of_memory ? -1 : 0);
}

void
follow_source(struct follow *f)
{
	f->source++;
}

static int
compare(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	/* Without a time: at the end, where the newest life is. */
	if (x->at != y->at)
		return (x->at == 0   ? 1
			: y->at == 0 ? -1
				     : (x->at > y->at) - (x->at < y->at));
	if (x->source != y->source && x->rank != y->rank)
		return (x->rank - y->rank);
	return ((x->seq > y->seq) - (x->seq < y->seq));
}

/* The first line of a message that came from outside. */
static bool
begins(const struct event *e)
{
	return ((strcmp(e->program, "smtpd") == 0 &&
		    after(e->text, "client=") != NULL) ||
	    (strcmp(e->program, "pickup") == 0 &&
		after(e->text, "uid=") != NULL));
}

/* Keep the lines of one message of those that had the id: the newest, or the
 * one that was there when another message named it. */
static void
choose_life(struct story *s)
{
	size_t first = 0, i, lives = 1, last = s->n;
	bool removed = false, start;

	if (s->n == 0)
		return;
	qsort(s->events, s->n, sizeof(*s->events), compare);
	for (i = 0; i < s->n; i++) {
		/* Postfix's own messages have no other beginning. */
		start = begins(&s->events[i]) ||
		    (removed &&
			after(s->events[i].text, "message-id=") != NULL);
		if (strcmp(s->events[i].text, "removed") == 0)
			removed = true;
		if (!start || i == 0)
			continue;
		removed = false;
		if (s->named != 0 && s->events[i].at > s->named + 1) {
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
	if (s->named != 0 && s->events[0].at != 0 &&
	    llabs(s->events[0].at - s->named) > NAMED_SECONDS)
		s->n = 0;
}

/* Another message is named: to be looked for in the next round. */
static void
discover(struct follow *f, const struct story *from, const char *relation,
    const char *id, int64_t at)
{
	struct story *s;
	size_t len;

	len = strspn(id,
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz");
	if (len < 5 || len > 64 || story_of(f, id, len) != NULL)
		return;
	if (f->n == MESSAGES) {
		f->more = true;
		return;
	}
	s = &f->stories[f->n];
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
find_children(struct follow *f, const struct story *s, const struct event *e)
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
			? after(e->text, "to=<") == NULL
			: strcmp(words[i].program, e->program) != 0)
			continue;
		found = strstr(e->text, words[i].word);
		if (found != NULL)
			discover(f, s, words[i].relation,
			    found + strlen(words[i].word), e->at);
	}
}

/* An address after "<", to its ">"; one in quotes may have that in it. */
static const char *
path(struct arena *a, const char *s, const char **end)
{
	const char *c;
	bool quote = false;

	for (c = s; *c != '\0' && (quote || *c != '>'); c++) {
		if (*c == '\\' && quote && c[1] != '\0')
			c++;
		else if (*c == '"')
			quote = !quote;
	}
	if (*c == '\0')
		return (NULL);
	*end = c + 1;
	return (arena_strndup(a, s, (size_t)(c - s)));
}

/* The value of " key=", in quotes or up to a blank; or "". */
static const char *
value(struct arena *a, const char *text, const char *key)
{
	const char *s;

	s = strstr(text, key);
	if (s == NULL)
		return ("");
	s += strlen(key);
	if (*s == '"')
		return (arena_strndup(a, s + 1, strcspn(s + 1, "\"")));
	return (arena_strndup(a, s, strcspn(s, " ,")));
}

static struct follow_copy *
copy_of(struct follow *f, struct story *s, const char *recipient,
    const char *original)
{
	struct follow_message *m = &s->m;
	struct follow_copy *c;
	size_t i;

	for (i = m->ncopies; i > 0; i--) {
		c = &m->copies[i - 1];
		if (strcmp(c->recipient, recipient) == 0 &&
		    strcmp(c->original, original) == 0)
			return (c);
	}
	m->copies = arena_grow(
	    f->arena, m->copies, m->ncopies, &s->copies_cap, sizeof(*c));
	if (m->copies == NULL) {
		m->ncopies = s->copies_cap = 0;
		f->out_of_memory = true;
		return (NULL);
	}
	c = &m->copies[m->ncopies++];
	memset(c, 0, sizeof(*c));
	c->recipient = recipient;
	c->original = original;
	c->reason = c->outcome = c->detail = "";
	return (c);
}

/* "to=<a>, orig_to=<b>, relay=..., status=sent (...)" */
static void
delivery(struct follow *f, struct story *s, const struct event *e)
{
	const char *recipient, *original = "", *rest, *status, *detail;
	struct follow_copy *c;
	size_t len;

	recipient = path(f->arena, e->text + 4, &rest);
	if (recipient != NULL && after(rest, ", orig_to=<") != NULL)
		original = path(f->arena, rest + 11, &rest);
	status = recipient == NULL || original == NULL
	    ? NULL
	    : strstr(rest, ", status=");
	if (status == NULL)
		return;
	c = copy_of(f, s, recipient, original);
	if (c == NULL)
		return;
	status += 9;
	len = strcspn(status, " ");
	detail = status + len + strspn(status + len, " (");
	/* notify-telegram knows better what became of a chat's. */
	if (!c->chat)
		c->outcome = arena_strndup(f->arena, status, len);
	if (!c->chat || *c->detail == '\0')
		c->detail = arena_strndup(f->arena, detail,
		    strlen(detail) -
			(*detail != '\0' && detail[strlen(detail) - 1] == ')'));
	if (e->at != 0)
		c->at = e->at;
	if (c->outcome == NULL || c->detail == NULL) {
		c->outcome = c->detail = "";
		f->out_of_memory = true;
	}
}

/* "to=<1@telegram.invalid> account=acme outcome=sent reason=\"...\"" */
static void
chat(struct follow *f, struct story *s, const struct event *e)
{
	const char *recipient, *rest, *outcome, *reason;
	struct follow_copy *c;

	recipient = path(f->arena, e->text + 4, &rest);
	if (recipient == NULL)
		return;
	outcome = value(f->arena, rest, " outcome=");
	reason = value(f->arena, rest, " reason=");
	c = copy_of(f, s, recipient, "");
	if (c == NULL || outcome == NULL || reason == NULL) {
		f->out_of_memory = true;
		return;
	}
	c->chat = true;
	c->outcome = arena_printf(f->arena, "chat %s", outcome);
	if (c->outcome == NULL)
		c->outcome = outcome;
	c->detail = reason;
	if (e->at != 0)
		c->at = e->at;
}

/* The milter's lines. */
static void
decision(struct follow *f, struct story *s, const struct event *e)
{
	struct follow_message *m = &s->m;
	struct arena *a = f->arena;
	const char *recipient, *rest, *number;
	struct follow_copy *c;

	if (after(e->text, "to=<") != NULL) {
		recipient = path(a, e->text + 4, &rest);
		if (recipient == NULL || after(rest, " status=dropped") == NULL)
			return;
		c = copy_of(f, s, recipient, "");
		if (c == NULL || (rest = value(a, rest, " reason=")) == NULL)
			return;
		c->dropped = true;
		c->reason = rest;
		return;
	}
	if (after(e->text, "category=") == NULL)
		return;
	m->decision = e->text;
	m->decided = e->at;
	m->verdict = value(a, e->text, " verdict=");
	m->reason = value(a, e->text, " reason=");
	m->monitor = strstr(e->text, " monitor=yes") != NULL;
	if ((number = strstr(e->text, " kept=")) != NULL)
		m->kept = strtol(number + 6, NULL, 10);
	if ((number = strstr(e->text, " added=")) != NULL)
		m->added = strtol(number + 7, NULL, 10);
	if ((number = strstr(e->text, " mirrored=")) != NULL)
		m->mirrored = strtol(number + 10, NULL, 10);
	if (m->verdict == NULL || m->reason == NULL)
		m->verdict = m->reason = "";
}

static void
settle(struct story *s, enum follow_state state, const struct event *e)
{
	/* What replaced it stays said when the held one is dropped. */
	if (s->m.state == FOLLOW_REQUEUED && state == FOLLOW_DELETED)
		return;
	s->m.state = state;
	s->m.state_at = e->at;
}

static void
mail_server(struct follow *f, struct story *s, const struct event *e)
{
	struct follow_message *m = &s->m;
	const char *text = e->text, *rest;

	if (begins(e)) {
		m->arrived = e->at;
		m->source = text;
	} else if ((rest = after(text, "message-id=")) != NULL) {
		m->message_id = rest;
		if (m->arrived == 0)
			m->arrived = e->at;
	} else if ((rest = after(text, "from=<")) != NULL) {
		m->sender = path(f->arena, rest, &rest);
		if (m->state != FOLLOW_REQUEUED)
			settle(s, FOLLOW_QUEUED, e);
	} else if (after(text, "milter-hold: ") != NULL ||
	    after(text, "hold: ") != NULL ||
	    strcmp(text, "placed on hold") == 0) {
		settle(s, FOLLOW_HELD, e);
	} else if (strcmp(text, "released from hold") == 0) {
		settle(s, FOLLOW_QUEUED, e);
	} else if (after(text, "milter-discard: ") != NULL ||
	    after(text, "discard: ") != NULL) {
		settle(s, FOLLOW_DISCARDED, e);
	} else if (after(text, "milter-reject: ") != NULL ||
	    after(text, "reject: ") != NULL) {
		settle(s, FOLLOW_REFUSED, e);
	} else if (strcmp(text, "removed") == 0) {
		settle(s,
		    strcmp(e->program, "postsuper") == 0 ? FOLLOW_DELETED
							 : FOLLOW_DONE,
		    e);
	}
	if (m->sender == NULL &&
	    (after(text, "milter-") != NULL || after(text, "hold: ") != NULL) &&
	    (rest = strstr(text, " from=<")) != NULL)
		m->sender = path(f->arena, rest + 7, &rest);
}

/* What one line tells. */
static void
tell(struct follow *f, struct story *s, const struct event *e)
{
	if (strcmp(e->program, "notify-milter") == 0) {
		decision(f, s, e);
	} else if (strcmp(e->program, "notify-telegram") == 0) {
		if (after(e->text, "to=<") != NULL)
			chat(f, s, e);
	} else if (strcmp(e->program, "notifyctl") == 0) {
		if (after(e->text, "requeued as ") != NULL)
			settle(s, FOLLOW_REQUEUED, e);
	} else if (after(e->text, "to=<") != NULL) {
		delivery(f, s, e);
	} else {
		mail_server(f, s, e);
	}
}

int
follow_again(struct follow *f)
{
	struct story *s;
	size_t before = f->n, i, j, unread = 0;

	for (i = 0; i < before && !f->out_of_memory; i++) {
		s = &f->stories[i];
		if (s->read)
			continue;
		s->read = true;
		choose_life(s);
		s->m.source = s->m.message_id = s->m.decision = s->m.verdict =
		    s->m.reason = "";
		s->m.kept = s->m.added = s->m.mirrored = -1;
		s->m.lines = s->n;
		for (j = 0; j < s->n && !f->out_of_memory; j++) {
			tell(f, s, &s->events[j]);
			find_children(f, s, &s->events[j]);
		}
	}
	for (i = 0; i < f->n; i++)
		unread += !f->stories[i].read;
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

const struct follow_message *
follow_messages(const struct follow *f, size_t *n)
{
	struct follow_message *v;
	size_t i;

	/* An id that this log has nothing of is another host's. */
	v = arena_array(f->arena, f->n, sizeof(*v));
	*n = 0;
	for (i = 0; v != NULL && i < f->n; i++) {
		if (i == 0 || f->stories[i].m.lines > 0)
			v[(*n)++] = f->stories[i].m;
	}
	return (v);
}

const char *
follow_origin(const struct follow *f)
{
	return (f->origin);
}

bool
follow_complete(const struct follow *f)
{
	return (!f->more);
}
