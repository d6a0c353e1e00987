/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patience - limits how often a chat may send wrong tokens, and get answers
 *
 * A hash table with linear probing over a few slots. If all of them are taken,
 * the chat that was quiet longest is forgotten; one that must wait comes last.
 */
#include <stdlib.h>

#include "telegram/patience.h"

#define PROBES 8
#define HOUR 3600
#define MINUTE 60
/* patience_number(): when the refusal ends, and in the lowest bits the number
 * of wrong tokens. */
#define WRONG_BITS 8
#define WRONG_MAX ((1 << WRONG_BITS) - 1)

struct chat {
	int64_t id; /* 0: none */
	int64_t heard;
	int64_t until; /* refused */
	int64_t wrong_at;
	int wrong;
	int answers; /* it may still get */
	int64_t answers_at;
	bool told;
	int64_t links_until;
};

struct patience {
	struct chat chats[PATIENCE_CHATS];
	int64_t minute; /* in which ${wrong} is counted */
	int wrong;
	/* The state at the mark. */
	struct chat marked;
	int64_t marked_minute;
	int marked_wrong;
};

static size_t slot_of(int64_t);
static bool goes_before(const struct chat *, const struct chat *);
static struct chat *find(struct patience *, int64_t);
static struct chat *chat_at(struct patience *, int64_t, int64_t);
static int wait_for(int);

struct patience *
patience_new(void)
{
	return (calloc(1, sizeof(struct patience)));
}

void
patience_free(struct patience *p)
{
	free(p);
}

static size_t
slot_of(int64_t id)
{
	uint64_t hash = (uint64_t)id * 11400714819323198485u;

	return ((size_t)(hash >> 40) % PATIENCE_CHATS);
}

/* Is ${a} forgotten before ${b}? */
static bool
goes_before(const struct chat *a, const struct chat *b)
{
	if (a->until != b->until)
		return (a->until < b->until);
	return (a->heard < b->heard);
}

static struct chat *
find(struct patience *p, int64_t id)
{
	struct chat *c;
	size_t i;

	for (i = 0; i < PROBES; i++) {
		c = &p->chats[(slot_of(id) + i) % PATIENCE_CHATS];
		if (c->id == id)
			return (c);
	}
	return (NULL);
}

/* The chat; adds it if it is new. */
static struct chat *
chat_at(struct patience *p, int64_t id, int64_t now)
{
	struct chat *c, *oldest = NULL;
	size_t i;

	for (i = 0; i < PROBES; i++) {
		c = &p->chats[(slot_of(id) + i) % PATIENCE_CHATS];
		/* No slot is ever emptied: ${id} is not behind a free one. */
		if (c->id == id || c->id == 0)
			break;
		if (oldest == NULL || goes_before(c, oldest))
			oldest = c;
	}
	if (i == PROBES)
		c = oldest;
	if (c->id != id)
		*c = (struct chat){
		    .id = id, .answers = PATIENCE_ANSWERS, .answers_at = now};
	c->heard = now;
	return (c);
}

bool
patience_answers(struct patience *p, int64_t chat, int64_t now)
{
	struct chat *c = chat_at(p, chat, now);
	int64_t more;

	more = (now - c->answers_at) / PATIENCE_ANSWER_SECONDS;
	if (more < 0 || more > PATIENCE_ANSWERS)
		more = PATIENCE_ANSWERS;
	if (more > 0) {
		c->answers += (int)more;
		c->answers_at = now;
	}
	if (c->answers > PATIENCE_ANSWERS)
		c->answers = PATIENCE_ANSWERS;
	if (c->answers == 0)
		return (false);
	c->answers--;
	return (true);
}

int
patience_waits(struct patience *p, int64_t chat, int64_t now)
{
	struct chat *c = find(p, chat);

	if (c == NULL || c->until <= now)
		return (0);
	if (c->until - now > PATIENCE_WAIT_MAX) {
		c->until = now;
		return (0);
	}
	return ((int)(c->until - now));
}

bool
patience_told(struct patience *p, int64_t chat)
{
	struct chat *c = find(p, chat);
	bool told;

	if (c == NULL)
		return (false);
	told = c->told;
	c->told = true;
	return (told);
}

/* Seconds to wait after so many wrong tokens. */
static int
wait_for(int wrong)
{
	int seconds = PATIENCE_WAIT;

	if (wrong < PATIENCE_WRONG)
		return (0);
	for (; wrong > PATIENCE_WRONG && seconds < PATIENCE_WAIT_MAX; wrong--)
		seconds *= 2;
	return (seconds < PATIENCE_WAIT_MAX ? seconds : PATIENCE_WAIT_MAX);
}

int
patience_wrong(struct patience *p, int64_t chat, int64_t now)
{
	struct chat *c = chat_at(p, chat, now);
	int wait;

	if (now / MINUTE != p->minute) {
		p->minute = now / MINUTE;
		p->wrong = 0;
	}
	p->wrong++;
	/* The hour counts from the end of the last refusal, or else it would
	 * never follow the longest one. */
	if (now - (c->until > c->wrong_at ? c->until : c->wrong_at) > HOUR)
		c->wrong = 0;
	c->wrong_at = now;
	if (c->wrong < WRONG_MAX)
		c->wrong++;
	wait = wait_for(c->wrong);
	if (wait > 0)
		c->until = now + wait;
	c->told = false;
	return (wait);
}

void
patience_right(struct patience *p, int64_t chat)
{
	struct chat *c = find(p, chat);

	if (c != NULL)
		c->wrong = 0;
}

void
patience_links(struct patience *p, int64_t chat, int64_t until)
{
	struct chat *c = find(p, chat);

	if (c != NULL)
		c->links_until = until;
}

bool
patience_links_wait(struct patience *p, int64_t chat, int64_t now)
{
	struct chat *c = find(p, chat);

	return (c != NULL && c->links_until > now &&
	    c->links_until - now <= 2 * HOUR);
}

void
patience_mark(struct patience *p, int64_t chat)
{
	struct chat *c = find(p, chat);

	p->marked = c != NULL
	    ? *c
	    : (struct chat){.id = chat, .answers = PATIENCE_ANSWERS};
	p->marked_minute = p->minute;
	p->marked_wrong = p->wrong;
}

void
patience_back(struct patience *p)
{
	struct chat *c = find(p, p->marked.id);

	if (c != NULL)
		*c = p->marked;
	p->minute = p->marked_minute;
	p->wrong = p->marked_wrong;
}

int
patience_crowded(struct patience *p, int64_t now)
{
	return (now / MINUTE == p->minute && p->wrong > PATIENCE_WRONG_ALL
		? p->wrong
		: 0);
}

int64_t
patience_number(struct patience *p, int64_t chat)
{
	struct chat *c = find(p, chat);

	return (c == NULL ? 0 : c->until << WRONG_BITS | c->wrong);
}

int64_t
patience_number_at(int64_t now)
{
	return ((now + 1) << WRONG_BITS);
}

void
patience_restore(struct patience *p, int64_t chat, int64_t number)
{
	struct chat *c = chat_at(p, chat, 0);

	c->until = number >> WRONG_BITS;
	c->wrong = (int)(number & WRONG_MAX);
	c->wrong_at = c->until;
}
