/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * marking - links and struck words as entities, or written out
 */
#include <string.h>

#include "telegram/marking.h"
#include "telegram/plaintext.h"

/* What is written into the text at an offset of it. */
struct piece {
	size_t at;
	size_t order; /* of the mark */
	char *text;
};

struct work {
	struct marking *m;
	size_t room;	      /* that is left */
	GArray *pieces;	      /* struct piece */
	GHashTable *standing; /* addresses that are shown */
	bool lacks;	      /* one did not fit */
};

static int by_beginning(const void *, const void *);
static int by_offset(const void *, const void *);
static bool can_be_entity(const struct richtext_mark *);
static size_t units_within(const char *, size_t, size_t);
static size_t cost_of(const struct richtext *);
static void write_at(struct work *, size_t, size_t, char *);
static void write_out(struct work *, const struct richtext_mark *, size_t);
static GPtrArray *in_order(const struct richtext *);
static void choose(struct work *, const GPtrArray *, size_t);
static size_t added_before(const GArray *, size_t, bool);
static void build(struct work *);
static void copy(struct marking *, const struct richtext *);
static bool attempt(struct marking *, const struct richtext *, size_t, size_t,
    const char *, bool);

/* Reading order; of two that begin together the longer is first. */
static int
by_beginning(const void *a, const void *b)
{
	const struct richtext_mark *x = *(struct richtext_mark *const *)a,
				   *y = *(struct richtext_mark *const *)b;

	if (x->from != y->from)
		return (x->from < y->from ? -1 : 1);
	return (x->to < y->to) - (x->to > y->to);
}

static int
by_offset(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->at != y->at)
		return (x->at < y->at ? -1 : 1);
	return ((x->order > y->order) - (x->order < y->order));
}

/* Telegram takes no address without a dot, and without a host. */
static bool
can_be_entity(const struct richtext_mark *mark)
{
	const char *host;
	size_t len;

	if (mark->kind != RICHTEXT_LINK)
		return (true);
	host = strstr(mark->url, "://");
	if (host == NULL)
		return (false);
	host += strlen("://");
	len = strcspn(host, "/?#");
	return (len > 0 && g_strstr_len(host, (gssize)len, ".") != NULL);
}

/* UTF-16 code units of ${s} between two offsets. */
static size_t
units_within(const char *s, size_t from, size_t to)
{
	char *part;
	size_t n;

	part = g_strndup(s + from, to - from);
	n = plaintext_units(part);
	g_free(part);
	return (n);
}

/* The room that all marks take if they are written out. */
static size_t
cost_of(const struct richtext *rt)
{
	const struct richtext_mark *mark;
	GHashTable *seen;
	size_t i, cost = 0;

	seen = g_hash_table_new(g_str_hash, g_str_equal);
	for (i = 0; i < rt->marks->len; i++) {
		mark = &g_array_index(rt->marks, struct richtext_mark, i);
		if (mark->kind == RICHTEXT_STRUCK)
			cost += strlen("~~");
		else if (g_hash_table_add(seen, mark->url) && !mark->said)
			cost += strlen(" ()") + plaintext_units(mark->url);
	}
	g_hash_table_destroy(seen);
	return (cost);
}

/* Write ${text} at an offset; takes it over. */
static void
write_at(struct work *w, size_t at, size_t order, char *text)
{
	struct piece piece = {.at = at, .order = order, .text = text};

	w->room -= plaintext_units(text);
	g_array_append_val(w->pieces, piece);
}

/* Write out a mark that is no entity, if there is room. */
static void
write_out(struct work *w, const struct richtext_mark *mark, size_t order)
{
	char *text;

	if (mark->kind == RICHTEXT_STRUCK) {
		if (w->room < strlen("~~"))
			return;
		write_at(w, mark->from, order, g_strdup("~"));
		write_at(w, mark->to, order, g_strdup("~"));
		return;
	}
	if (g_hash_table_contains(w->standing, mark->url))
		return;
	text = g_strdup_printf(" (%s)", mark->url);
	if (plaintext_units(text) > w->room) {
		w->lacks = true;
		g_free(text);
		return;
	}
	g_hash_table_add(w->standing, mark->url);
	write_at(w, mark->to, order, text);
}

/* The marks in reading order. */
static GPtrArray *
in_order(const struct richtext *rt)
{
	GPtrArray *marks;
	size_t i;

	marks = g_ptr_array_new();
	for (i = 0; i < rt->marks->len; i++)
		g_ptr_array_add(
		    marks, &g_array_index(rt->marks, struct richtext_mark, i));
	g_ptr_array_sort(marks, by_beginning);
	return (marks);
}

/* Make the first ${max} marks entities, and write the others out. */
static void
choose(struct work *w, const GPtrArray *marks, size_t max)
{
	struct marking_entity entity = {0};
	const struct richtext_mark *mark;
	size_t i;

	for (i = 0; i < marks->len; i++) {
		mark = marks->pdata[i];
		if (mark->said)
			g_hash_table_add(w->standing, mark->url);
		if (w->m->entities->len >= max || !can_be_entity(mark))
			continue;
		entity.mark = mark;
		g_array_append_val(w->m->entities, entity);
		if (mark->kind == RICHTEXT_LINK)
			g_hash_table_add(w->standing, mark->url);
	}
	for (i = max = 0; i < marks->len; i++) {
		mark = marks->pdata[i];
		if (max < w->m->entities->len &&
		    g_array_index(w->m->entities, struct marking_entity, max)
			    .mark == mark)
			max++;
		else
			write_out(w, mark, i);
	}
}

/* The units that are written in front of an offset, and ${at} it. */
static size_t
added_before(const GArray *pieces, size_t offset, bool at)
{
	const struct piece *piece;
	size_t i, n = 0;

	for (i = 0; i < pieces->len; i++) {
		piece = &g_array_index(pieces, struct piece, i);
		if (piece->at < offset || (at && piece->at == offset))
			n += plaintext_units(piece->text);
	}
	return (n);
}

/* The text with all pieces in it, and where its entities are. */
static void
build(struct work *w)
{
	const char *words = w->m->kept->text->str;
	struct marking_entity *e;
	struct piece *piece;
	size_t i, done = 0, end;

	g_array_sort(w->pieces, by_offset);
	for (i = 0; i < w->m->entities->len; i++) {
		e = &g_array_index(w->m->entities, struct marking_entity, i);
		e->from = units_within(words, 0, e->mark->from) +
		    added_before(w->pieces, e->mark->from, true);
		end = units_within(words, 0, e->mark->to) +
		    added_before(w->pieces, e->mark->to, false);
		e->units = end - e->from;
	}
	w->m->text = g_string_new(NULL);
	for (i = 0; i < w->pieces->len; i++) {
		piece = &g_array_index(w->pieces, struct piece, i);
		g_string_append_len(
		    w->m->text, words + done, (gssize)(piece->at - done));
		g_string_append(w->m->text, piece->text);
		done = piece->at;
		g_free(piece->text);
	}
	g_string_append(w->m->text, words + done);
}

static void
copy(struct marking *m, const struct richtext *rt)
{
	m->kept = richtext_new();
	richtext_append(m->kept, rt);
	m->entities = g_array_new(FALSE, FALSE, sizeof(struct marking_entity));
}

/* Show it; false if an address did not fit, and there is no note yet. */
static bool
attempt(struct marking *m, const struct richtext *rt, size_t room, size_t max,
    const char *note, bool more)
{
	struct work w = {.m = m};
	GPtrArray *marks;
	GString *words;
	size_t reserved, length, kept;
	bool noted;

	copy(m, rt);
	reserved = max > 0 ? 0 : MIN(cost_of(rt), room / 2);
	words = g_string_new(m->kept->text->str);
	length = words->len;
	kept = plaintext_cut(words, room - reserved, note, more);
	noted = more || kept < length;
	w.room = room - plaintext_units(words->str);
	/* The note stays behind the words while they are marked. */
	richtext_cut(m->kept, kept);
	g_string_erase(words, 0, (gssize)kept);
	w.pieces = g_array_new(FALSE, FALSE, sizeof(struct piece));
	w.standing = g_hash_table_new(g_str_hash, g_str_equal);
	marks = in_order(m->kept);
	choose(&w, marks, max);
	build(&w);
	g_string_append(m->text, words->str);
	g_ptr_array_free(marks, TRUE);
	g_array_free(w.pieces, TRUE);
	g_hash_table_destroy(w.standing);
	g_string_free(words, TRUE);
	return (!w.lacks || noted);
}

void
marking_show(struct marking *m, const struct richtext *rt, size_t room,
    size_t max, const char *note, bool more)
{
	memset(m, 0, sizeof(*m));
	if (attempt(m, rt, room, max, note, more))
		return;
	marking_clear(m);
	attempt(m, rt, room, max, note, true);
}

void
marking_clear(struct marking *m)
{
	richtext_free(m->kept);
	if (m->text != NULL)
		g_string_free(m->text, TRUE);
	if (m->entities != NULL)
		g_array_free(m->entities, TRUE);
	memset(m, 0, sizeof(*m));
}
