/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailtext - subject, text and names of attachments of a mail
 *
 * The text is that of all text parts that are not attachments, in their order.
 * Of a multipart/alternative one part is taken: when a part ends, the one that
 * says more, of it and the one before, is kept, so that only texts are stored.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gmime/gmime.h>

#include "base/failure.h"
#include "telegram/charset.h"
#include "telegram/htmltext.h"
#include "telegram/mailtext.h"
#include "telegram/mimescan.h"
#include "telegram/plaintext.h"
#include "telegram/richtext.h"
#include "telegram/wording.h"

/* Far more than fits into a chat message; HTML adds tags and styles. */
#define PLAIN_MAX ((size_t)64 << 10)
#define HTML_MAX ((size_t)1 << 20)
/* Text parts that are read, and parts of any kind. */
#define TEXTS_MAX 64
#define PARTS_MAX 10000
/* What about fits beside a subject, in UTF-16 code units. */
#define ROOM 3600
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
	bool skipped; /* a part that serves the text */
};

/* The text of one part. */
struct found {
	struct richtext *rt;
	bool html;
	bool cut;  /* the part has more text */
	bool less; /* or says more by pictures, or cannot be decoded */
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
static void skip(struct reading *);
static GString *to_utf8(
    GMimeObject *, const GByteArray *, bool, struct found *);
static bool parameter_is(GMimeObject *, const char *, const char *);
static void decode(GMimeObject *, const GByteArray *, struct found *);
static void take_files(struct reading *, GString *);
static void describe_size(int64_t, char *, size_t);
static int read_attachment(
    struct reading *, const struct mimescan_part *, struct failure *);
static int read_text(
    struct reading *, const struct mimescan_part *, struct failure *);
static int embedded_subject(
    struct reading *, const struct mimescan_part *, char **, struct failure *);
static int read_leaf(
    struct reading *, const struct mimescan_part *, struct failure *);
static void enter(struct reading *, GMimeObject *);
static void leave(struct reading *);
static struct richtext *join(const struct reading *, size_t, size_t, bool *);
static bool is_better(const struct reading *, const struct level *);
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
		len += r->texts[i].rt->text->len;
	return (len);
}

/* Is it text for the reader, and not a file? */
static bool
is_text(const struct reading *r, GMimeObject *head)
{
	static const char *const files[] = {"rtf", "richtext", "calendar",
	    "vcard", "x-vcard", "directory", "css", "javascript"};
	size_t i;

	if (attached(head) || !is_type(head, "text", "*"))
		return (false);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (is_type(head, "text", files[i]))
			return (false);
	}
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
		return (is_type(head, "text", "*") ||
		    is_type(head, "application", "ics"));
	case KIND_RELATED:
		return (is_type(head, "image", "*") || name_of(head) == NULL);
	case KIND_SIGNED:
		return (is_type(head, "application", "pgp-signature") ||
		    is_type(head, "application", "pkcs7-signature") ||
		    is_type(head, "application", "x-pkcs7-signature"));
	}
	return (false);
}

/* Leave the part out, and note that. */
static void
skip(struct reading *r)
{
	if (r->depth > 0 && r->depth <= DEPTH_MAX)
		r->levels[r->depth - 1].skipped = true;
}

/* The bytes of a text part as UTF-8. If the part names no charset, HTML may
 * declare one itself. */
static GString *
to_utf8(GMimeObject *head, const GByteArray *bytes, bool html, struct found *f)
{
	const char *data, *charset;
	char *declared;
	GString *text;

	data = bytes->len == 0 ? "" : (const char *)bytes->data;
	charset = g_mime_object_get_content_type_parameter(head, "charset");
	/* Programs that do not know the charset say that it is ASCII. */
	if (charset != NULL &&
	    (*charset == '\0' || g_ascii_strcasecmp(charset, "us-ascii") == 0))
		charset = NULL;
	text = charset_convert(data, bytes->len, charset, f->cut, &f->less);
	if (text != NULL || !html)
		goto out;
	declared = htmltext_charset(data, bytes->len);
	/* This could not be read if it were so. */
	if (declared != NULL &&
	    g_ascii_strncasecmp(declared, "utf-16", strlen("utf-16")) != 0)
		text = charset_convert(
		    data, bytes->len, declared, f->cut, &f->less);
	g_free(declared);
out:
	if (text == NULL)
		text = charset_convert_any(
		    data, bytes->len, charset, f->cut, &f->less);
	return (text);
}

static bool
parameter_is(GMimeObject *head, const char *name, const char *value)
{
	const char *is;

	is = g_mime_object_get_content_type_parameter(head, name);
	return (is != NULL && g_ascii_strcasecmp(is, value) == 0);
}

/* The bytes of a text part as text to show. A text that says to be plain, but
 * is the source of HTML, is read as that. */
static void
decode(GMimeObject *head, const GByteArray *bytes, struct found *f)
{
	struct htmltext_lack lack;
	GString *raw, *text;

	f->html = is_type(head, "text", "html");
	raw = to_utf8(head, bytes, f->html, f);
	text = plaintext_clean(raw->str, raw->len);
	g_string_free(raw, TRUE);
	f->html = f->html || plaintext_is_html(text->str);
	if (!f->html) {
		plaintext_uncss(text);
		f->html = plaintext_is_html(text->str);
	}
	if (f->html) {
		f->rt = htmltext_read(text->str, PLAIN_MAX, &lack);
		f->cut = f->cut || lack.cut;
		f->less = f->less || lack.pictures;
		g_string_free(text, TRUE);
		return;
	}
	if (parameter_is(head, "format", "flowed"))
		plaintext_unflow(text, parameter_is(head, "delsp", "yes"));
	f->rt = richtext_new();
	g_string_assign(f->rt->text, text->str);
	g_string_free(text, TRUE);
}

/* List the files in uuencode that are in the text, and remove them. They have
 * no type, and a damaged one has no size. */
static void
take_files(struct reading *r, GString *text)
{
	char size[32], *raw, *name;
	int64_t octets;

	while (plaintext_uuencoded(text, &raw, &octets)) {
		name = plaintext_line(raw, MAILTEXT_NAME_MAX);
		g_free(raw);
		describe_size(octets, size, sizeof(size));
		if (r->mt->nattachments < MAILTEXT_NAMED)
			r->mt->attachments[r->mt->nattachments] =
			    g_strdup_printf("%s%s%s",
				*name == '\0' ? "application/octet-stream"
					      : name,
				octets == -1 ? "" : ", ",
				octets == -1 ? "" : size);
		r->mt->nattachments++;
		g_free(name);
	}
}

/* Add the text of a part to those found, if it has any. */
static int
read_text(struct reading *r, const struct mimescan_part *part,
    struct failure *failure)
{
	struct found found = {0};
	GMimeContentType *type;
	GByteArray *bytes;
	bool html;
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
	found.cut = rc == 1;
	if (rc != -1)
		decode(part->head, bytes, &found);
	g_byte_array_free(bytes, TRUE);
	if (rc == -1)
		return (-1);
	if (g_str_has_prefix(found.rt->text->str, "{\\rtf")) {
		richtext_free(found.rt);
		type = g_mime_content_type_new("text", "rtf");
		g_mime_object_set_content_type(part->head, type);
		g_object_unref(type);
		return (read_attachment(r, part, failure));
	}
	if (!found.html) {
		take_files(r, found.rt->text);
		plaintext_tidy(found.rt->text);
	}
	if (found.rt->text->len == 0 && !found.cut && !found.less) {
		richtext_free(found.rt);
		return (0);
	}
	r->texts[r->ntexts++] = found;
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
	if (is_ornament(r, part->head)) {
		skip(r);
		return (0);
	}
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
	l->skipped = false;
}

static void
leave(struct reading *r)
{
	const struct level *l;

	if (r->depth-- > DEPTH_MAX)
		return;
	l = &r->levels[r->depth];
	/* No part of it could be read, or there is no text that it serves. */
	if (l->empty ||
	    (l->skipped && l->kind != KIND_SIGNED && l->first == r->ntexts))
		r->mt->more = true;
}

/* The texts as one; ${*html}: is one of them HTML? */
static struct richtext *
join(const struct reading *r, size_t from, size_t to, bool *html)
{
	struct richtext *all;

	all = richtext_new();
	for (*html = false; from < to; from++) {
		richtext_append(all, r->texts[from].rt);
		*html = *html || r->texts[from].html;
	}
	return (all);
}

/* Is the alternative that has just been read better than the one before? Plain
 * text is, if it says what the HTML says. */
static bool
is_better(const struct reading *r, const struct level *l)
{
	struct richtext *before, *now;
	bool html_before, html_now, better;

	if (l->split == r->ntexts || l->first == l->split)
		return (l->first == l->split);
	before = join(r, l->first, l->split, &html_before);
	now = join(r, l->split, r->ntexts, &html_now);
	if (html_before == html_now)
		better = wording_says_more(now, before);
	else if (html_now)
		better = !wording_plain_suffices(before, now, ROOM);
	else
		better = wording_plain_suffices(now, before, ROOM);
	richtext_free(before);
	richtext_free(now);
	return (better);
}

static void
drop(struct reading *r, size_t from, size_t to)
{
	size_t i;

	for (i = from; i < to; i++)
		richtext_free(r->texts[i].rt);
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
		if (is_better(r, l))
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
	mt->body = richtext_new();
	r = g_new0(struct reading, 1);
	r->mt = mt;
	r->scan = mimescan_new(fd);
	rc = walk(r, failure);
	for (i = 0; i < r->ntexts; i++) {
		richtext_append(mt->body, r->texts[i].rt);
		mt->more = mt->more || r->texts[i].cut || r->texts[i].less;
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
	richtext_free(mt->body);
	for (i = 0; i < MAILTEXT_NAMED; i++)
		g_free(mt->attachments[i]);
	memset(mt, 0, sizeof(*mt));
}
