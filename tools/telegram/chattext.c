/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chattext - a mail as the text of a chat message
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gmime/gmime.h>

#include "base/failure.h"
#include "lib/texts.h"
#include "telegram/chattext.h"
#include "telegram/mailtext.h"
#include "telegram/marking.h"
#include "telegram/plaintext.h"
#include "telegram/richtext.h"

/* The footer is short, as are the texts of [chat]; this leaves room for the
 * mail if it is not. */
#define FOOTER_MAX 1024

static void add(GString *, const char *);
static size_t units_of(const char *);
static char *say(const struct chattext_words *, enum text, size_t);
static GString *name_attachments(
    const struct mailtext *, const struct chattext_words *);
static GString *around(
    const struct mailtext *, const char *, const char *, const char *);
static int take(struct chattext *, const char *, const struct mailtext *,
    const struct marking *);
static int compose(struct mailtext *, const struct chattext_words *,
    struct chattext *, struct failure *);

void
chattext_start(void)
{
	g_mime_init();
}

/* Append a block after an empty line. */
static void
add(GString *text, const char *block)
{
	if (*block == '\0')
		return;
	if (text->len > 0)
		g_string_append(text, "\n\n");
	g_string_append(text, block);
}

/* The units of a block and of the empty line beside it. */
static size_t
units_of(const char *block)
{
	return (*block == '\0' ? 0 : plaintext_units(block) + strlen("\n\n"));
}

/* A text about ${count} things. */
static char *
say(const struct chattext_words *w, enum text text, size_t count)
{
	char number[32];
	const struct text_place places[] = {{"count", number}, {NULL, NULL}};

	snprintf(number, sizeof(number), "%zu", count);
	return (texts_fill(w->texts, w->language, text, places));
}

static GString *
name_attachments(const struct mailtext *mt, const struct chattext_words *w)
{
	GString *lines;
	size_t i, more;
	char *others;

	lines = g_string_new(NULL);
	for (i = 0; i < mt->nattachments && i < MAILTEXT_NAMED; i++)
		g_string_append_printf(
		    lines, "%s[%s]", i == 0 ? "" : "\n", mt->attachments[i]);
	if (mt->nattachments <= MAILTEXT_NAMED)
		return (lines);
	more = mt->nattachments - MAILTEXT_NAMED;
	others =
	    say(w, more == 1 ? TEXT_CHAT_FILES : TEXT_CHAT_FILES_MANY, more);
	g_string_append_printf(lines, "\n%s", others);
	g_free(others);
	return (lines);
}

/* The message with this text in it. */
static GString *
around(const struct mailtext *mt, const char *body, const char *attachments,
    const char *last)
{
	GString *whole;

	whole = g_string_new(mt->subject);
	add(whole, body);
	add(whole, attachments);
	add(whole, last);
	return (whole);
}

/* The entities of the message: its subject, and those of its text. */
static int
take(struct chattext *ct, const char *text, const struct mailtext *mt,
    const struct marking *shown)
{
	const struct marking_entity *from;
	struct chattext_entity *to;
	size_t i;

	ct->text = strdup(text);
	ct->entities =
	    calloc(1 + shown->entities->len, sizeof(struct chattext_entity));
	if (ct->text == NULL || ct->entities == NULL)
		return (-1);
	ct->units = plaintext_units(ct->text);
	to = ct->entities;
	if (*mt->subject != '\0') {
		to->kind = CHATTEXT_BOLD;
		to->units = plaintext_units(mt->subject);
		to++;
	}
	for (i = 0; i < shown->entities->len; i++, to++) {
		from =
		    &g_array_index(shown->entities, struct marking_entity, i);
		to->kind = from->mark->kind == RICHTEXT_LINK ? CHATTEXT_LINK
							     : CHATTEXT_STRUCK;
		to->from = units_of(mt->subject) + from->from;
		to->units = from->units;
		ct->nentities = (size_t)(to - ct->entities);
		if (from->mark->url != NULL &&
		    (to->url = strdup(from->mark->url)) == NULL)
			return (-1);
	}
	ct->nentities = (size_t)(to - ct->entities);
	return (0);
}

/* Put the blocks together; the text gets the room that the others leave. */
static int
compose(struct mailtext *mt, const struct chattext_words *w,
    struct chattext *ct, struct failure *failure)
{
	GString *whole, *attachments, *bare;
	struct marking shown, written;
	size_t room, entities;
	char *last, *note;
	int rc;

	last = plaintext_line(w->footer, FOOTER_MAX);
	attachments = name_attachments(mt, w);
	if (*mt->subject == '\0' && mt->body->text->len == 0 &&
	    attachments->len == 0 && !mt->more) {
		note = say(w, TEXT_CHAT_EMPTY, 0);
		g_string_assign(mt->body->text, note);
		g_free(note);
	}
	room = CHATTEXT_UNITS_MAX - units_of(mt->subject) -
	    units_of(attachments->str) - units_of(last);
	entities = CHATTEXT_ENTITIES_MAX - (*mt->subject != '\0');
	note = say(w, TEXT_CHAT_REST, 0);
	marking_show(&shown, mt->body, room, entities, note, mt->more);
	marking_show(&written, mt->body, room, 0, note, mt->more);
	g_free(note);
	whole = around(mt, shown.text->str, attachments->str, last);
	bare = around(mt, written.text->str, attachments->str, last);
	rc = take(ct, whole->str, mt, &shown);
	ct->bare = strdup(bare->str);
	marking_clear(&shown);
	marking_clear(&written);
	g_string_free(whole, TRUE);
	g_string_free(bare, TRUE);
	g_string_free(attachments, TRUE);
	g_free(last);
	return (rc == 0 && ct->bare != NULL ? 0 : failure_memory(failure));
}

int
chattext_read(int fd, const struct chattext_words *w, struct chattext *ct,
    struct failure *failure)
{
	struct mailtext mt;
	int rc;

	memset(ct, 0, sizeof(*ct));
	rc = mailtext_read(fd, &mt, failure);
	if (rc == 0)
		rc = compose(&mt, w, ct, failure);
	mailtext_clear(&mt);
	return (rc);
}

void
chattext_clear(struct chattext *ct)
{
	size_t i;

	for (i = 0; i < ct->nentities; i++)
		free(ct->entities[i].url);
	free(ct->entities);
	free(ct->text);
	free(ct->bare);
	memset(ct, 0, sizeof(*ct));
}
