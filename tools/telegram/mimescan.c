/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mimescan - the parts of a mail, one after the other
 *
 * GMime parses headers and decodes content; this file only finds the boundary
 * lines. GMime's own parser keeps every part, and the preamble, in memory (a
 * mail of 8 MB with a million empty parts takes 1.7 GB), and it recurses as
 * deep as the parts are nested.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/failure.h"
#include "telegram/base64.h"
#include "telegram/charset.h"
#include "telegram/headword.h"
#include "telegram/mimescan.h"
#include "telegram/quoted.h"

/* Nested multiparts; a deeper one is not parsed. */
#define DEPTH_MAX 1024
/* Headers of one part; the rest is ignored. */
#define HEAD_MAX ((size_t)256 << 10)
/* A line longer than this comes in pieces. */
#define PIECE_MAX ((size_t)64 << 10)
/* Content is decoded in chunks; decoding may add so many bytes. */
#define CHUNK 16384
#define DECODED_MORE 16
_Static_assert(QUOTED_MORE <= DECODED_MORE, "room for quoted-printable");

enum state {
	STATE_HEAD,    /* in the headers of a part */
	STATE_CONTENT, /* in the content of a leaf */
	STATE_SKIP,    /* in a preamble or an epilogue */
	STATE_CLOSE,   /* ending multiparts, down to depth ${keep} */
	STATE_DONE,
};

struct level {
	char *boundary;
	size_t len;
	bool digest;
};

struct mimescan {
	int fd;
	enum state state;
	enum state after; /* STATE_CLOSE */
	size_t keep;
	struct level levels[DEPTH_MAX];
	size_t depth;
	GMimeParserOptions *options;
	bool have_charset;
	GString *text;	   /* headers being read */
	GMimeObject *head; /* and parsed */
	int64_t start;	   /* of the leaf's content */
	int64_t doubt;	   /* of a line that may begin it, or -1 */
	/* The buffer, its offset in the mail, and the line in it. */
	char buf[PIECE_MAX];
	size_t filled;
	int64_t base;
	char *line;
	size_t len;
	bool at_start; /* the line does not continue the one before */
	size_t eol;    /* bytes of the newline of the one before */
};

struct decoder {
	GMimeContentEncoding encoding;
	GMimeEncoding gmime;
	struct base64 base64;
	struct quoted quoted;
	bool begun; /* uuencode */
};

static ssize_t read_at(
    struct mimescan *, char *, size_t, int64_t, struct failure *);
static int read_line(struct mimescan *, struct failure *);
static int64_t offset(const struct mimescan *);
static bool is_header(const char *, size_t);
static bool is_blank_line(const struct mimescan *);
static bool close_at(struct mimescan *);
static void end_all(struct mimescan *);
static bool push(struct mimescan *);
static void note_charset(struct mimescan *);
static char *correct_value(const char *);
static void correct_type(struct mimescan *, GMimeObject *, bool);
static int64_t end_of_content(const struct mimescan *, int64_t, bool);
static bool end_of_head(struct mimescan *, bool, bool, struct mimescan_part *,
    enum mimescan_event *);
static bool is_parameter(const struct mimescan *);
static void doubt(struct mimescan *);
static void add_to_head(struct mimescan *);
static bool step(struct mimescan *, enum state, bool, bool,
    struct mimescan_part *, enum mimescan_event *);
static GMimeContentEncoding encoding_of(GMimeObject *);
static size_t from_uuencode(struct decoder *, const char *, size_t, char *);
static size_t decode(struct decoder *, const char *, size_t, char *);

struct mimescan *
mimescan_new(int fd)
{
	const char *charsets[] = {"utf-8", "windows-1252", NULL};
	struct mimescan *s;

	s = g_new0(struct mimescan, 1);
	s->fd = fd;
	s->at_start = true;
	s->doubt = -1;
	s->line = s->buf;
	s->text = g_string_new(NULL);
	s->options = g_mime_parser_options_new();
	g_mime_parser_options_set_fallback_charsets(s->options, charsets);
	return (s);
}

void
mimescan_free(struct mimescan *s)
{
	if (s == NULL)
		return;
	while (s->depth > 0)
		g_free(s->levels[--s->depth].boundary);
	g_clear_object(&s->head);
	g_mime_parser_options_free(s->options);
	g_string_free(s->text, TRUE);
	g_free(s);
}

/* Bytes read, 0 at the end of the mail, or -1. */
static ssize_t
read_at(struct mimescan *s, char *buf, size_t len, int64_t at,
    struct failure *failure)
{
	ssize_t n;

	do {
		n = pread(s->fd, buf, len, at);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		failure_set(failure, FAILURE_IO,
		    "the message cannot be read: %s", strerror(errno));
	return (n);
}

/* The next line with its newline, or a piece of a long one. 1, 0 at the end
 * of the mail, -1. */
static int
read_line(struct mimescan *s, struct failure *failure)
{
	size_t seen;
	ssize_t n;
	char *nl;

	if (s->len > 0) {
		s->at_start = s->line[s->len - 1] == '\n';
		s->eol = s->at_start ? 1 : 0;
		if (s->at_start && s->len > 1 && s->line[s->len - 2] == '\r')
			s->eol = 2;
	}
	s->line += s->len;
	s->len = 0;
	seen = (size_t)(s->line - s->buf);
	while ((nl = memchr(s->buf + seen, '\n', s->filled - seen)) == NULL) {
		if (s->line > s->buf) {
			s->filled -= (size_t)(s->line - s->buf);
			s->base += s->line - s->buf;
			memmove(s->buf, s->line, s->filled);
			s->line = s->buf;
		}
		seen = s->filled;
		if (seen == sizeof(s->buf))
			break;
		n = read_at(s, s->buf + seen, sizeof(s->buf) - seen,
		    s->base + (int64_t)seen, failure);
		if (n == -1)
			return (-1);
		if (n == 0)
			break;
		s->filled += (size_t)n;
	}
	s->len = nl == NULL ? s->filled : (size_t)(nl + 1 - s->line);
	return (s->len > 0);
}

/* The offset of the line. */
static int64_t
offset(const struct mimescan *s)
{
	return (s->base + (s->line - s->buf));
}

/* Does the line begin with a field name? */
static bool
is_header(const char *line, size_t len)
{
	size_t i;

	for (i = 0; i < len && line[i] != ':'; i++) {
		if ((unsigned char)line[i] <= ' ' || line[i] == 0x7f)
			break;
	}
	if (i == 0)
		return (false);
	while (i < len && (line[i] == ' ' || line[i] == '\t'))
		i++;
	return (i < len && line[i] == ':');
}

static bool
is_blank_line(const struct mimescan *s)
{
	return (s->at_start &&
	    (s->line[0] == '\n' ||
		(s->len == 2 && s->line[0] == '\r' && s->line[1] == '\n')));
}

/* If the line is a boundary of any open multipart, note what it ends. */
static bool
close_at(struct mimescan *s)
{
	const struct level *l;
	size_t i, len;
	bool last;

	if (!s->at_start || s->len < 3 || memcmp(s->line, "--", 2) != 0)
		return (false);
	for (len = s->len; len > 2; len--) {
		if (strchr(" \t\r\n", s->line[len - 1]) == NULL)
			break;
	}
	len -= 2;
	for (i = s->depth; i-- > 0;) {
		l = &s->levels[i];
		last = len == l->len + 2 &&
		    memcmp(s->line + 2 + l->len, "--", 2) == 0;
		if ((len != l->len && !last) ||
		    memcmp(s->line + 2, l->boundary, l->len) != 0)
			continue;
		s->keep = last ? i : i + 1;
		s->after = last ? STATE_SKIP : STATE_HEAD;
		s->state = STATE_CLOSE;
		return (true);
	}
	return (false);
}

static void
end_all(struct mimescan *s)
{
	s->keep = 0;
	s->after = STATE_DONE;
	s->state = STATE_CLOSE;
}

/* Enter the multipart that begins here; false if it cannot be parsed. */
static bool
push(struct mimescan *s)
{
	GMimeContentType *type;
	const char *boundary;
	struct level *l;

	type = g_mime_object_get_content_type(s->head);
	boundary = g_mime_content_type_get_parameter(type, "boundary");
	if (s->depth == DEPTH_MAX || boundary == NULL)
		return (false);
	l = &s->levels[s->depth];
	l->boundary = g_strchomp(g_strdup(boundary));
	l->len = strlen(l->boundary);
	l->digest = g_mime_content_type_is_type(type, "multipart", "digest");
	if (l->len == 0) {
		g_free(l->boundary);
		return (false);
	}
	s->depth++;
	return (true);
}

/* The charset of the first text part is the best guess for headers that declare
 * none. */
static void
note_charset(struct mimescan *s)
{
	const char *charsets[] = {"utf-8", NULL, "windows-1252", NULL};
	const char *label;
	char buf[CHARSET_LABEL_MAX + 1];

	label = g_mime_object_get_content_type_parameter(s->head, "charset");
	if (s->have_charset || label == NULL ||
	    g_ascii_strcasecmp(label, "us-ascii") == 0)
		return;
	charsets[1] = charset_name(label, buf);
	g_mime_parser_options_set_fallback_charsets(s->options, charsets);
	s->have_charset = true;
}

/* What a damaged Content-Type means: "text" alone, from before there were
 * subtypes, "\"text/html\"", nothing at all. NULL if it is none. */
static char *
correct_value(const char *value)
{
	static const struct {
		const char *word, *type;
	} types[] = {{"", "text/plain"}, {"text", "text/plain"},
	    {"plain", "text/plain"}, {"html", "text/html"},
	    {"multipart", "multipart/mixed"},
	    {"application/xhtml+xml", "text/html"}};
	char *word, *fixed = NULL;
	size_t i, len;
	bool quoted;

	value += strspn(value, " \t\r\n");
	quoted = *value == '"' || *value == '\'';
	value += quoted;
	len = strcspn(value, "; \t\r\n\"'");
	word = g_strndup(value, len);
	value += len;
	value += quoted && (*value == '"' || *value == '\'');
	for (i = 0; fixed == NULL && i < sizeof(types) / sizeof(types[0]);
	     i++) {
		if (g_ascii_strcasecmp(word, types[i].word) == 0)
			fixed = g_strconcat(types[i].type, value, NULL);
	}
	if (fixed == NULL && quoted)
		fixed = g_strconcat(word, value, NULL);
	g_free(word);
	return (fixed);
}

/* Correct a type that GMime takes for application/octet-stream, and the default
 * type in a digest. */
static void
correct_type(struct mimescan *s, GMimeObject *head, bool digest)
{
	GMimeContentType *type;
	const char *value;
	char *fixed;

	value = g_mime_object_get_header(head, "Content-Type");
	type = NULL;
	if (value == NULL && digest) {
		type = g_mime_content_type_new("message", "rfc822");
	} else if (value != NULL) {
		fixed = correct_value(value);
		if (fixed != NULL)
			type = g_mime_content_type_parse(s->options, fixed);
		g_free(fixed);
	}
	if (type == NULL)
		return;
	g_mime_object_set_content_type(head, type);
	g_object_unref(type);
}

GMimeObject *
mimescan_head(struct mimescan *s, const char *text, size_t len)
{
	GMimeStream *stream;
	GMimeParser *parser;
	GMimeObject *head;
	GString *words;

	words = g_string_new_len(text, (gssize)len);
	headword_rewrite(words);
	stream = g_mime_stream_mem_new_with_buffer(words->str, words->len);
	g_string_free(words, TRUE);
	parser = g_mime_parser_new_with_stream(stream);
	head = g_mime_parser_construct_part(parser, s->options);
	g_object_unref(parser);
	g_object_unref(stream);
	if (head == NULL)
		head =
		    (GMimeObject *)g_mime_text_part_new_with_subtype("plain");
	return (head);
}

char *
mimescan_header(struct mimescan *s, GMimeObject *head, const char *name)
{
	GMimeHeader *header;
	char *line, *text;

	header = g_mime_header_list_get_header(
	    g_mime_object_get_header_list(head), name);
	if (header == NULL)
		return (NULL);
	line = g_mime_utils_header_unfold(g_mime_header_get_raw_value(header));
	text = headword_decode(s->options, line);
	g_free(line);
	return (text);
}

/* The content from ${start} on ends at this line. The newline before a boundary
 * belongs to the boundary. */
static int64_t
end_of_content(const struct mimescan *s, int64_t start, bool at_end)
{
	int64_t end = offset(s) - (at_end ? 0 : (int64_t)s->eol);

	return (end < start ? start : end);
}

/*
 * The headers end at this line. If it is a boundary, or the end of the mail
 * (${closed}), there is no content, unless there is no empty line before it.
 * True for an event.
 */
static bool
end_of_head(struct mimescan *s, bool closed, bool at_end,
    struct mimescan_part *part, enum mimescan_event *event)
{
	bool multipart, pushed, digest;

	digest = s->depth > 0 && s->levels[s->depth - 1].digest;
	g_string_append_c(s->text, '\n');
	g_clear_object(&s->head);
	s->head = mimescan_head(s, s->text->str, s->text->len);
	correct_type(s, s->head, digest);
	note_charset(s);
	g_string_truncate(s->text, 0);
	part->head = s->head;
	part->start = offset(s) + (closed ? 0 : (int64_t)s->len);
	part->end = part->start;
	/* Base64 has no empty line in it: that ends the headers. */
	if (s->doubt != -1 &&
	    (closed || encoding_of(s->head) != GMIME_CONTENT_ENCODING_BASE64)) {
		part->start = s->doubt;
		part->end = end_of_content(s, part->start, at_end);
	}
	s->doubt = -1;
	multipart = g_mime_content_type_is_type(
	    g_mime_object_get_content_type(s->head), "multipart", "*");
	pushed = multipart && push(s);
	*event = pushed ? MIMESCAN_ENTER : MIMESCAN_LEAF;
	if (closed)
		return (true);
	s->start = part->start;
	s->state = multipart ? STATE_SKIP : STATE_CONTENT;
	return (multipart);
}

/* Is the line a parameter of the header before it, but not folded? */
static bool
is_parameter(const struct mimescan *s)
{
	gsize len = s->text->len;

	if (memchr(s->line, '=', s->len) == NULL)
		return (false);
	while (len > 0 && g_ascii_isspace(s->text->str[len - 1]))
		len--;
	return (len > 0 && s->text->str[len - 1] == ';');
}

/*
 * The headers of a part may lack the empty line that ends them. Then its
 * content begins at the first line that is no header, or else that is a
 * damaged one, if "Content-" follows.
 */
static void
doubt(struct mimescan *s)
{
	bool header = is_header(s->line, s->len) && g_ascii_isalnum(*s->line);

	if (!s->at_start || s->depth == 0)
		return;
	if (s->doubt != -1) {
		if (header && g_ascii_strncasecmp(s->line, "Content-", 8) == 0)
			s->doubt = -1;
	} else if (!header && !is_parameter(s) &&
	    (s->text->len == 0 || strchr(" \t", *s->line) == NULL)) {
		s->doubt = offset(s);
	}
}

/* Lines before the first header, such as the "From " line of a mailbox, would
 * make GMime give up. Only the first piece of a long line is kept. */
static void
add_to_head(struct mimescan *s)
{
	if (!s->at_start || s->doubt != -1 ||
	    s->text->len + s->len > HEAD_MAX ||
	    (s->text->len == 0 && !is_header(s->line, s->len)))
		return;
	g_string_append_len(s->text, s->line, (gssize)s->len);
	if (s->line[s->len - 1] != '\n')
		g_string_append_c(s->text, '\n');
}

/* Take a line in ${state}, which it may have ${closed}. True for an event. */
static bool
step(struct mimescan *s, enum state state, bool closed, bool at_end,
    struct mimescan_part *part, enum mimescan_event *event)
{
	switch (state) {
	case STATE_HEAD:
		if (closed || is_blank_line(s))
			return (end_of_head(s, closed, at_end, part, event));
		doubt(s);
		add_to_head(s);
		return (false);
	case STATE_CONTENT:
		if (!closed)
			return (false);
		part->head = s->head;
		part->start = s->start;
		part->end = end_of_content(s, s->start, at_end);
		*event = MIMESCAN_LEAF;
		return (true);
	case STATE_SKIP:
	case STATE_CLOSE:
	case STATE_DONE:
		return (false);
	}
	return (false);
}

enum mimescan_event
mimescan_next(
    struct mimescan *s, struct mimescan_part *part, struct failure *failure)
{
	enum mimescan_event event;
	enum state state;
	int rc;

	for (;;) {
		if (s->state == STATE_DONE)
			return (MIMESCAN_END);
		if (s->state == STATE_CLOSE) {
			if (s->depth == s->keep) {
				s->state = s->after;
				continue;
			}
			g_free(s->levels[--s->depth].boundary);
			return (MIMESCAN_LEAVE);
		}
		state = s->state;
		rc = read_line(s, failure);
		if (rc == -1)
			return (MIMESCAN_ERROR);
		if (rc == 0)
			end_all(s);
		if (step(s, state, rc == 0 || close_at(s), rc == 0, part,
			&event))
			return (event);
	}
}

/* The encoding that the headers name, as people write it: "base64;" or
 * "\"quoted-printable\"". */
static GMimeContentEncoding
encoding_of(GMimeObject *head)
{
	static const struct {
		const char *name;
		GMimeContentEncoding encoding;
	} names[] = {
	    {"base64", GMIME_CONTENT_ENCODING_BASE64},
	    {"quotedprintable", GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE},
	    {"uuencode", GMIME_CONTENT_ENCODING_UUENCODE},
	    {"xuuencode", GMIME_CONTENT_ENCODING_UUENCODE},
	    {"xuue", GMIME_CONTENT_ENCODING_UUENCODE},
	};
	const char *value;
	char word[16];
	size_t i, n = 0;

	value = g_mime_object_get_header(head, "Content-Transfer-Encoding");
	for (; value != NULL && *value != '\0' && n < sizeof(word) - 1;
	     value++) {
		if (strchr(";(,", *value) != NULL && n > 0)
			break;
		if (g_ascii_isalnum(*value))
			word[n++] = g_ascii_tolower(*value);
	}
	word[n] = '\0';
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(word, names[i].name) == 0)
			return (names[i].encoding);
	}
	return (GMIME_CONTENT_ENCODING_BINARY);
}

/* GMime decodes what is behind the line that begins with "begin". */
static size_t
from_uuencode(struct decoder *d, const char *in, size_t len, char *out)
{
	static const char begin[] = "begin ";
	const char *at, *end;

	if (!d->begun) {
		at = g_strstr_len(in, (gssize)len, begin);
		if (at == NULL)
			return (0);
		end = memchr(at, '\n', len - (size_t)(at - in));
		if (end == NULL)
			return (0);
		d->begun = true;
		len -= (size_t)(end + 1 - in);
		in = end + 1;
	}
	return (g_mime_encoding_step(&d->gmime, in, len, out));
}

/* Decode ${len} bytes, or, without input, the rest. */
static size_t
decode(struct decoder *d, const char *in, size_t len, char *out)
{
	switch (d->encoding) {
	case GMIME_CONTENT_ENCODING_BASE64:
		return (in == NULL ? base64_end(&d->base64, out)
				   : base64_step(&d->base64, in, len, out));
	case GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE:
		return (in == NULL ? quoted_end(&d->quoted, out)
				   : quoted_step(&d->quoted, in, len, out));
	case GMIME_CONTENT_ENCODING_UUENCODE:
		return (in == NULL ? 0 : from_uuencode(d, in, len, out));
	case GMIME_CONTENT_ENCODING_DEFAULT:
	case GMIME_CONTENT_ENCODING_7BIT:
	case GMIME_CONTENT_ENCODING_8BIT:
	case GMIME_CONTENT_ENCODING_BINARY:
		break;
	}
	if (in != NULL)
		memcpy(out, in, len);
	return (in == NULL ? 0 : len);
}

int
mimescan_content(struct mimescan *s, const struct mimescan_part *part,
    size_t max, GByteArray *content, int64_t *size, struct failure *failure)
{
	char in[CHUNK], out[CHUNK + DECODED_MORE];
	struct decoder decoder = {.encoding = encoding_of(part->head)};
	int64_t at, total;
	size_t len;
	ssize_t n;

	/* A text in uuencode stays: its first line names a file. */
	if (decoder.encoding == GMIME_CONTENT_ENCODING_UUENCODE &&
	    content != NULL)
		decoder.encoding = GMIME_CONTENT_ENCODING_BINARY;
	g_mime_encoding_init_decode(&decoder.gmime, decoder.encoding);
	total = 0;
	for (at = part->start; at <= part->end; at += n) {
		len = part->end - at < CHUNK ? (size_t)(part->end - at) : CHUNK;
		n = len == 0 ? 0 : read_at(s, in, len, at, failure);
		if (n == -1)
			return (-1);
		len = decode(&decoder, n == 0 ? NULL : in, (size_t)n, out);
		total += (int64_t)len;
		if (content != NULL) {
			if (len > max - content->len) {
				len = max - content->len;
				g_byte_array_append(
				    content, (guint8 *)out, (guint)len);
				return (1);
			}
			g_byte_array_append(content, (guint8 *)out, (guint)len);
		}
		if (n == 0)
			break;
	}
	if (size != NULL)
		*size = total;
	return (0);
}
