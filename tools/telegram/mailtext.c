/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailtext - subject, text and names of attachments of a mail
 *
 * The text is that of all text parts that are not attachments, in their order.
 * Of a multipart/alternative one part is taken: when a part ends, the better of
 * it and the one before is kept, so that only texts are stored.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gmime/gmime.h>
#include <uniconv.h>
#include <unistr.h>

#include "base/failure.h"
#include "telegram/htmltext.h"
#include "telegram/mailtext.h"
#include "telegram/mimescan.h"
#include "telegram/plaintext.h"

/* Far more than fits into a chat message; HTML adds tags and styles. */
#define PLAIN_MAX ((size_t)64 << 10)
#define HTML_MAX ((size_t)1 << 20)
/* Text parts that are read, and parts of any kind. */
#define TEXTS_MAX 64
#define PARTS_MAX 10000
/* For text in an unknown charset. */
#define FALLBACK "windows-1252"
/* Multiparts whose kind is stored; a deeper one counts as multipart/mixed. */
#define DEPTH_MAX 64

enum kind {
	KIND_MIXED,
	KIND_ALTERNATIVE,
	KIND_RELATED,
	KIND_SIGNED,
};

struct level {
	enum kind kind;
	size_t first; /* the first text in it */
	size_t split; /* the first text of the part that is being read */
	bool empty;   /* no part so far */
};

/* The text of one part. */
struct found {
	GString *text;
	bool html;
	bool cut; /* the part has more text */
};

struct reading {
	struct mimescan *scan;
	struct mailtext *mt;
	GMimeObject *head; /* of the mail */
	struct found texts[TEXTS_MAX];
	size_t ntexts;
	size_t tried;
	struct level levels[DEPTH_MAX];
	size_t depth;
	size_t parts;
};

static bool is_type(GMimeObject *, const char *, const char *);
static const char *name_of(GMimeObject *);
static bool attached(GMimeObject *);
static enum kind parent(const struct reading *);
static size_t kept(const struct reading *);
static bool is_text(const struct reading *, GMimeObject *);
static bool is_ornament(const struct reading *, GMimeObject *);
static bool is_utf8(const GByteArray *, bool);
static GString *convert(const GByteArray *, const char *, bool);
static GString *to_utf8(GMimeObject *, const GByteArray *, bool, bool);
static GString *clean(GString *);
static bool parameter_is(GMimeObject *, const char *, const char *);
static GString *decode(GMimeObject *, const GByteArray *, bool *);
static int read_text(
    struct reading *, const struct mimescan_part *, struct failure *);
static int embedded_subject(
    struct reading *, const struct mimescan_part *, char **, struct failure *);
static void describe_size(int64_t, char *, size_t);
static int read_attachment(
    struct reading *, const struct mimescan_part *, struct failure *);
static int read_leaf(
    struct reading *, const struct mimescan_part *, struct failure *);
static void enter(struct reading *, GMimeObject *);
static void leave(struct reading *);
static int rank(const struct reading *, size_t, size_t);
static void drop(struct reading *, size_t, size_t);
static void settle(struct reading *);
static int walk(struct reading *, struct failure *);

static bool
is_type(GMimeObject *head, const char *type, const char *subtype)
{
	return (g_mime_content_type_is_type(
	    g_mime_object_get_content_type(head), type, subtype));
}

/* The file name, or NULL. */
static const char *
name_of(GMimeObject *head)
{
	const char *name;

	name =
	    g_mime_object_get_content_disposition_parameter(head, "filename");
	if (name == NULL || *name == '\0')
		name = g_mime_object_get_content_type_parameter(head, "name");
	return (name == NULL || *name == '\0' ? NULL : name);
}

static bool
attached(GMimeObject *head)
{
	const char *disposition;

	disposition = g_mime_object_get_disposition(head);
	return (disposition != NULL &&
	    g_ascii_strcasecmp(disposition, "attachment") == 0);
}

/* The kind of multipart that the part being read belongs to. */
static enum kind
parent(const struct reading *r)
{
	if (r->depth == 0 || r->depth > DEPTH_MAX)
		return (KIND_MIXED);
	return (r->levels[r->depth - 1].kind);
}

static size_t
kept(const struct reading *r)
{
	size_t i, len;

	for (i = len = 0; i < r->ntexts; i++)
		len += r->texts[i].text->len;
	return (len);
}

/* Is it text for the reader, and not a file? */
static bool
is_text(const struct reading *r, GMimeObject *head)
{
	if (attached(head) || !is_type(head, "text", "*"))
		return (false);
	if (!is_type(head, "text", "plain") && !is_type(head, "text", "html"))
		return (r->depth == 0);
	return (name_of(head) == NULL || r->ntexts == 0 ||
	    parent(r) == KIND_ALTERNATIVE);
}

/* Does it only serve the text: another form of it, a picture in it, a signature
 * under it? */
static bool
is_ornament(const struct reading *r, GMimeObject *head)
{
	if (attached(head) && parent(r) != KIND_SIGNED)
		return (false);
	switch (parent(r)) {
	case KIND_MIXED:
		return (false);
	case KIND_ALTERNATIVE:
		return (true);
	case KIND_RELATED:
		return (is_type(head, "image", "*") || name_of(head) == NULL);
	case KIND_SIGNED:
		return (is_type(head, "application", "pgp-signature") ||
		    is_type(head, "application", "pkcs7-signature") ||
		    is_type(head, "application", "x-pkcs7-signature"));
	}
	return (false);
}

/* Is it UTF-8? The last character may be ${cut}. */
static bool
is_utf8(const GByteArray *bytes, bool cut)
{
	const uint8_t *bad;
	ucs4_t c;
	size_t left;

	bad = u8_check(bytes->data, bytes->len);
	if (bad == NULL)
		return (true);
	left = (size_t)(bytes->data + bytes->len - bad);
	return (cut && u8_mbtoucr(&c, bad, left) == -2);
}

/*
 * Text in ${charset}, which may be NULL, as UTF-8 as far as it is valid. NULL
 * if the charset is unknown or not named, and the text is not UTF-8.
 */
static GString *
convert(const GByteArray *bytes, const char *charset, bool cut)
{
	GString *text;
	uint8_t *utf8;
	size_t len;

	/* Programs that do not know the charset name these two; and Latin 1 in
	 * mail is in fact windows-1252. */
	if (charset != NULL &&
	    (*charset == '\0' || g_ascii_strcasecmp(charset, "us-ascii") == 0 ||
		g_ascii_strcasecmp(charset, "iso-8859-1") == 0))
		charset = NULL;
	if (charset != NULL &&
	    (g_ascii_strcasecmp(charset, "utf-8") == 0 ||
		g_ascii_strcasecmp(charset, "utf8") == 0))
		return (g_string_new_len((char *)bytes->data, bytes->len));
	utf8 = NULL;
	if (charset != NULL)
		utf8 = u8_conv_from_encoding(g_mime_charset_iconv_name(charset),
		    iconveh_question_mark, (char *)bytes->data, bytes->len,
		    NULL, NULL, &len);
	if (utf8 != NULL) {
		text = g_string_new_len((char *)utf8, (gssize)len);
		free(utf8);
		return (text);
	}
	if (is_utf8(bytes, cut))
		return (g_string_new_len((char *)bytes->data, bytes->len));
	return (NULL);
}

/* The bytes of a text part as UTF-8 as far as it is valid. If the part names no
 * charset, HTML may declare one itself. */
static GString *
to_utf8(GMimeObject *head, const GByteArray *bytes, bool html, bool cut)
{
	const char *charset;
	char *declared;
	GString *text;

	charset = g_mime_object_get_content_type_parameter(head, "charset");
	text = convert(bytes, charset, cut);
	if (text == NULL && html) {
		declared = htmltext_charset((char *)bytes->data, bytes->len);
		text = convert(bytes, declared, cut);
		g_free(declared);
	}
	if (text == NULL)
		text = convert(bytes, FALLBACK, cut);
	return (text == NULL ? g_string_new(NULL) : text);
}

/* ${text} without characters that may not be shown; frees ${text}. */
static GString *
clean(GString *text)
{
	GString *shown;

	shown = plaintext_clean(text->str, text->len);
	g_string_free(text, TRUE);
	return (shown);
}

static bool
parameter_is(GMimeObject *head, const char *name, const char *value)
{
	const char *is;

	is = g_mime_object_get_content_type_parameter(head, name);
	return (is != NULL && g_ascii_strcasecmp(is, value) == 0);
}

/* The bytes of a text part as text to show. ${*cut}: the bytes are cut; set if
 * the text is. */
static GString *
decode(GMimeObject *head, const GByteArray *bytes, bool *cut)
{
	GString *text, *source;
	bool html, more;

	html = is_type(head, "text", "html");
	text = clean(to_utf8(head, bytes, html, *cut));
	if (html) {
		source = text;
		text = clean(htmltext_read(source->str, PLAIN_MAX, &more));
		g_string_free(source, TRUE);
		*cut = *cut || more;
	} else if (parameter_is(head, "format", "flowed")) {
		plaintext_unflow(text, parameter_is(head, "delsp", "yes"));
	}
	plaintext_tidy(text);
	return (text);
}

/* Add the text of a part to those found, if it has any. */
static int
read_text(struct reading *r, const struct mimescan_part *part,
    struct failure *failure)
{
	GByteArray *bytes;
	GString *text;
	bool html, cut;
	int rc;

	if (r->tried == TEXTS_MAX || kept(r) > PLAIN_MAX) {
		r->mt->more = true;
		return (0);
	}
	r->tried++;
	html = is_type(part->head, "text", "html");
	bytes = g_byte_array_new();
	rc = mimescan_content(
	    r->scan, part, html ? HTML_MAX : PLAIN_MAX, bytes, NULL, failure);
	cut = rc == 1;
	text = rc == -1 ? NULL : decode(part->head, bytes, &cut);
	g_byte_array_free(bytes, TRUE);
	if (text == NULL)
		return (-1);
	if (text->len == 0 && !cut) {
		g_string_free(text, TRUE);
		return (0);
	}
	r->texts[r->ntexts].text = text;
	r->texts[r->ntexts].html = html;
	r->texts[r->ntexts].cut = cut;
	r->ntexts++;
	return (0);
}

/* The subject of a message in the mail, or NULL if it has none. */
static int
embedded_subject(struct reading *r, const struct mimescan_part *part,
    char **subject, struct failure *failure)
{
	static const char *const ends[] = {"\n\n", "\n\r\n"};
	GByteArray *bytes;
	GMimeObject *head;
	char *text, *end;
	size_t i;
	int rc;

	bytes = g_byte_array_new();
	rc = mimescan_content(r->scan, part, PLAIN_MAX, bytes, NULL, failure);
	g_byte_array_append(bytes, (const guint8 *)"", 1);
	text = (char *)g_byte_array_free(bytes, FALSE);
	if (rc != -1) {
		for (i = 0; i < 2; i++) {
			end = strstr(text, ends[i]);
			if (end != NULL)
				end[1] = '\0';
		}
		end = g_strconcat(text, "\n", NULL);
		head = mimescan_head(r->scan, end, strlen(end));
		*subject = mimescan_header(r->scan, head, "Subject");
		g_object_unref(head);
		g_free(end);
	}
	g_free(text);
	return (rc == -1 ? -1 : 0);
}

/* 512 B, 12.3 kB, 1.0 MB: units of a thousand, as mail programs count. */
static void
describe_size(int64_t size, char *buf, size_t len)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB"};
	double value;
	size_t i;

	if (size < 1000) {
		snprintf(buf, len, "%d B", (int)size);
		return;
	}
	value = (double)size / 1000;
	for (i = 0; value >= 999.95 && i < 3; i++)
		value /= 1000;
	snprintf(buf, len, "%.1f %s", value, units[i]);
}

static int
read_attachment(struct reading *r, const struct mimescan_part *part,
    struct failure *failure)
{
	GMimeContentType *type;
	char *raw, *name;
	char size[32];
	int64_t octets;

	if (r->mt->nattachments++ >= MAILTEXT_NAMED)
		return (0);
	if (mimescan_content(r->scan, part, 0, NULL, &octets, failure) == -1)
		return (-1);
	type = g_mime_object_get_content_type(part->head);
	raw = g_strdup(name_of(part->head));
	if (raw == NULL && is_type(part->head, "message", "rfc822") &&
	    embedded_subject(r, part, &raw, failure) != 0)
		return (-1);
	name = plaintext_line(raw == NULL ? "" : raw, MAILTEXT_NAME_MAX);
	g_free(raw);
	if (*name == '\0') {
		g_free(name);
		raw = g_mime_content_type_get_mime_type(type);
		name = plaintext_line(raw, MAILTEXT_NAME_MAX);
		g_free(raw);
	}
	describe_size(octets, size, sizeof(size));
	r->mt->attachments[r->mt->nattachments - 1] =
	    g_strdup_printf("%s, %s", name, size);
	g_free(name);
	return (0);
}

static int
read_leaf(struct reading *r, const struct mimescan_part *part,
    struct failure *failure)
{
	if (is_type(part->head, "multipart", "*")) {
		r->mt->more = true;
		return (0);
	}
	if (is_text(r, part->head))
		return (read_text(r, part, failure));
	if (is_ornament(r, part->head))
		return (0);
	return (read_attachment(r, part, failure));
}

static void
enter(struct reading *r, GMimeObject *head)
{
	struct level *l;

	if (r->depth++ >= DEPTH_MAX)
		return;
	l = &r->levels[r->depth - 1];
	l->kind = KIND_MIXED;
	if (is_type(head, "multipart", "alternative"))
		l->kind = KIND_ALTERNATIVE;
	else if (is_type(head, "multipart", "related"))
		l->kind = KIND_RELATED;
	else if (is_type(head, "multipart", "signed"))
		l->kind = KIND_SIGNED;
	l->first = l->split = r->ntexts;
	l->empty = true;
}

static void
leave(struct reading *r)
{
	/* No part of it could be read. */
	if (r->depth <= DEPTH_MAX && r->levels[r->depth - 1].empty)
		r->mt->more = true;
	r->depth--;
}

/* How well these texts suit a reader without HTML. */
static int
rank(const struct reading *r, size_t from, size_t to)
{
	size_t plain, html;

	for (plain = html = 0; from < to; from++) {
		if (r->texts[from].html)
			html++;
		else
			plain++;
	}
	if (plain > 0)
		return (html > 0 ? 2 : 3);
	return (html > 0 ? 1 : 0);
}

static void
drop(struct reading *r, size_t from, size_t to)
{
	size_t i;

	for (i = from; i < to; i++)
		g_string_free(r->texts[i].text, TRUE);
	memmove(r->texts + from, r->texts + to,
	    (r->ntexts - to) * sizeof(r->texts[0]));
	r->ntexts -= to - from;
}

/* A part has ended. Keep the better of two alternatives. */
static void
settle(struct reading *r)
{
	struct level *l;

	if (r->depth == 0 || r->depth > DEPTH_MAX)
		return;
	l = &r->levels[r->depth - 1];
	l->empty = false;
	if (l->kind == KIND_ALTERNATIVE) {
		if (rank(r, l->split, r->ntexts) > rank(r, l->first, l->split))
			drop(r, l->first, l->split);
		else
			drop(r, l->split, r->ntexts);
	}
	l->split = r->ntexts;
}

static int
walk(struct reading *r, struct failure *failure)
{
	struct mimescan_part part;

	for (;;) {
		switch (mimescan_next(r->scan, &part, failure)) {
		case MIMESCAN_ENTER:
			if (r->head == NULL)
				r->head = g_object_ref(part.head);
			enter(r, part.head);
			break;
		case MIMESCAN_LEAF:
			if (r->head == NULL)
				r->head = g_object_ref(part.head);
			if (read_leaf(r, &part, failure) != 0)
				return (-1);
			settle(r);
			break;
		case MIMESCAN_LEAVE:
			leave(r);
			settle(r);
			break;
		case MIMESCAN_END:
			return (0);
		case MIMESCAN_ERROR:
			return (-1);
		}
		if (++r->parts > PARTS_MAX) {
			r->mt->more = true;
			return (0);
		}
	}
}

int
mailtext_read(int fd, struct mailtext *mt, struct failure *failure)
{
	struct reading *r;
	char *subject;
	size_t i;
	int rc;

	memset(mt, 0, sizeof(*mt));
	mt->text = g_string_new(NULL);
	r = g_new0(struct reading, 1);
	r->mt = mt;
	r->scan = mimescan_new(fd);
	rc = walk(r, failure);
	for (i = 0; i < r->ntexts; i++) {
		if (mt->text->len > 0)
			g_string_append(mt->text, "\n\n");
		g_string_append(mt->text, r->texts[i].text->str);
		mt->more = mt->more || r->texts[i].cut;
	}
	drop(r, 0, r->ntexts);
	subject = r->head == NULL
	    ? NULL
	    : mimescan_header(r->scan, r->head, "Subject");
	mt->subject = plaintext_line(
	    subject == NULL ? "" : subject, MAILTEXT_SUBJECT_MAX);
	g_free(subject);
	g_clear_object(&r->head);
	mimescan_free(r->scan);
	g_free(r);
	return (rc);
}

void
mailtext_clear(struct mailtext *mt)
{
	size_t i;

	g_free(mt->subject);
	if (mt->text != NULL)
		g_string_free(mt->text, TRUE);
	for (i = 0; i < MAILTEXT_NAMED; i++)
		g_free(mt->attachments[i]);
	memset(mt, 0, sizeof(*mt));
}
