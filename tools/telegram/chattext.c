/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chattext - a mail as the text of a chat message
 */
#include <stdlib.h>
#include <string.h>

#include <gmime/gmime.h>
#include <libxml/parser.h>

#include "base/failure.h"
#include "telegram/chattext.h"
#include "telegram/mailtext.h"
#include "telegram/plaintext.h"

/* The footer is ours and short; this leaves room for the mail if it is not. */
#define FOOTER_MAX 1024

static const char rest_note[] = "… (the mail has the rest)";
static const char empty_note[] = "(no subject, no text)";

static void add(GString *, const char *);
static size_t units_of(const char *);
static GString *name_attachments(const struct mailtext *);
static int compose(
    struct mailtext *, const char *, struct chattext *, struct failure *);

void
chattext_start(void)
{
	g_mime_init();
	xmlInitParser();
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

static GString *
name_attachments(const struct mailtext *mt)
{
	GString *lines;
	size_t i;

	lines = g_string_new(NULL);
	for (i = 0; i < mt->nattachments && i < MAILTEXT_NAMED; i++)
		g_string_append_printf(
		    lines, "%s[%s]", i == 0 ? "" : "\n", mt->attachments[i]);
	if (mt->nattachments > MAILTEXT_NAMED)
		g_string_append_printf(
		    lines, "\nand %zu more", mt->nattachments - MAILTEXT_NAMED);
	return (lines);
}

/* Put the blocks together; the text gets the room that the others leave. */
static int
compose(struct mailtext *mt, const char *footer, struct chattext *ct,
    struct failure *failure)
{
	GString *whole, *attachments;
	char *last;
	size_t used;

	last = plaintext_line(footer, FOOTER_MAX);
	attachments = name_attachments(mt);
	if (*mt->subject == '\0' && mt->text->len == 0 &&
	    attachments->len == 0 && !mt->more)
		g_string_assign(mt->text, empty_note);
	used =
	    units_of(mt->subject) + units_of(attachments->str) + units_of(last);
	plaintext_cut(mt->text, CHATTEXT_UNITS_MAX - used, rest_note, mt->more);
	whole = g_string_new(mt->subject);
	add(whole, mt->text->str);
	add(whole, attachments->str);
	add(whole, last);
	g_string_free(attachments, TRUE);
	g_free(last);
	ct->text = strdup(whole->str);
	g_string_free(whole, TRUE);
	if (ct->text == NULL)
		return (failure_memory(failure));
	ct->units = plaintext_units(ct->text);
	ct->bold_units = plaintext_units(mt->subject);
	return (0);
}

int
chattext_read(
    int fd, const char *footer, struct chattext *ct, struct failure *failure)
{
	struct mailtext mt;
	int rc;

	memset(ct, 0, sizeof(*ct));
	rc = mailtext_read(fd, &mt, failure);
	if (rc == 0)
		rc = compose(&mt, footer, ct, failure);
	mailtext_clear(&mt);
	return (rc);
}

void
chattext_clear(struct chattext *ct)
{
	free(ct->text);
	memset(ct, 0, sizeof(*ct));
}
