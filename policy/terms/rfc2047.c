/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rfc2047 - decode encoded words in header values
 *
 * Not GMime's decoder, which aborts when out of memory, guesses charsets, and
 * stops after the padding of a base64 word.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/arena.h"
#include "terms/rfc2047.h"

#define BLANKS " \t\r\n"
#define CHARSET_SIZE 64
/* More than iconv(3) needs for the table of a charset. */
#define ROOM ((size_t)1 << 20)

/* An encoded word in the value. */
struct word {
	char charset[CHARSET_SIZE];
	char encoding; /* 'B' or 'Q' */
	const char *data;
	const char *end; /* of the data; "?=" follows */
};

/* Text that is being written. */
struct text {
	struct arena *arena;
	char *s;
	size_t len, cap;
};

static bool read_word(const char *, struct word *);
static int digit(char);
static int from_q(const struct word *, char *, size_t *);
static int from_base64(const struct word *, char *, size_t *);
static int enlarge(struct text *, size_t);
static int open_charset(const char *, iconv_t *);
static int convert(struct text *, const char *, char *, size_t);
static int take_words(
    struct text *, const char **, const struct word *, char *);

/* Read the encoded word at ${s}; false if there is none. */
static bool
read_word(const char *s, struct word *w)
{
	size_t len;

	if (strncmp(s, "=?", 2) != 0)
		return (false);
	s += strlen("=?");
	/* iconv(3) takes what follows a "/" for an option. */
	len = strcspn(s, "?*/" BLANKS);
	if (len == 0 || len >= sizeof(w->charset))
		return (false);
	memcpy(w->charset, s, len);
	w->charset[len] = '\0';
	/* RFC 2231, 5: a language may follow the charset. */
	s += len;
	if (*s == '*')
		s += strcspn(s, "?" BLANKS);
	if (*s != '?' || s[1] == '\0' || s[2] != '?')
		return (false);
	w->encoding = (char)toupper((unsigned char)s[1]);
	w->data = s + 3;
	w->end = strstr(w->data, "?=");
	return (w->end != NULL && strchr("BQ", w->encoding) != NULL);
}

/* A hexadecimal digit's value, or -1. */
static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	c = (char)toupper((unsigned char)c);
	return (c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1);
}

/* Decode a word. These two return 1, or 0 if it is malformed. */
static int
from_q(const struct word *w, char *out, size_t *len)
{
	const char *s;

	for (s = w->data; s < w->end; s++) {
		if (*s == '=') {
			if (w->end - s < 3 || digit(s[1]) == -1 ||
			    digit(s[2]) == -1)
				return (0);
			out[(*len)++] = (char)(digit(s[1]) << 4 | digit(s[2]));
			s += 2;
		} else {
			out[(*len)++] = *s == '_' ? ' ' : *s;
		}
	}
	return (1);
}

static int
from_base64(const struct word *w, char *out, size_t *len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"
				       "nopqrstuvwxyz0123456789+/";
	const char *s, *at;
	unsigned bits = 0;
	int n = 0, pads = 0;

	for (s = w->data; s < w->end; s++) {
		if (strchr(BLANKS, *s) != NULL)
			continue;
		at = strchr(alphabet, *s);
		if (*s == '=' && ++pads <= 2 && n % 4 >= 2) {
			at = alphabet;
		} else if (at == NULL || pads > 0) {
			return (0);
		}
		bits = bits << 6 | (unsigned)(at - alphabet);
		if (++n % 4 != 0)
			continue;
		out[(*len)++] = (char)(bits >> 16);
		out[(*len)++] = (char)(bits >> 8);
		out[(*len)++] = (char)bits;
		*len -= (size_t)pads;
	}
	return (n % 4 == 0);
}

/* Make room for ${more} bytes and a NUL. */
static int
enlarge(struct text *t, size_t more)
{
	size_t cap = t->len + more + 1;
	char *s;

	if (cap <= t->cap)
		return (0);
	s = arena_alloc(t->arena, cap * 2);
	if (s == NULL)
		return (-1);
	if (t->len > 0)
		memcpy(s, t->s, t->len);
	t->s = s;
	t->cap = cap * 2;
	return (0);
}

/* Open a charset: 1; 0 if it is unknown; -1 if that cannot be told. */
static int
open_charset(const char *charset, iconv_t *handle)
{
	void *room;
	int fd;

	*handle = iconv_open("UTF-8", charset);
	if (*handle != (iconv_t)-1)
		return (1);
	if (errno != EINVAL)
		return (-1);
	/* EINVAL also means that the C library was out of memory or descriptors
	 * when it loaded the table of the charset: make sure of both, and
	 * retry. */
	room = malloc(ROOM);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd != -1)
		close(fd);
	free(room);
	if (room == NULL || fd == -1)
		return (-1);
	*handle = iconv_open("UTF-8", charset);
	if (*handle != (iconv_t)-1)
		return (1);
	return (errno == EINVAL ? 0 : -1);
}

/* Append text in ${charset}: 1; 0 if it is malformed; -1 if out of memory. */
static int
convert(struct text *t, const char *charset, char *octets, size_t len)
{
	char *in = octets, *out;
	iconv_t handle;
	size_t left, done;
	int rc;

	rc = open_charset(charset, &handle);
	if (rc != 1)
		return (rc);
	do {
		if (enlarge(t, 4 * len + 16) != 0) {
			rc = -1;
			break;
		}
		out = t->s + t->len;
		left = t->cap - t->len - 1;
		done = iconv(handle, &in, &len, &out, &left);
		/* Flush what it has kept back. */
		if (done != (size_t)-1)
			done = iconv(handle, NULL, NULL, &out, &left);
		t->len = (size_t)(out - t->s);
		if (done == (size_t)-1 && errno != E2BIG)
			rc = 0;
	} while (rc == 1 && done == (size_t)-1);
	iconv_close(handle);
	return (rc);
}

/* Append the word ${first} and those after it in the same charset, and move
 * ${*s} past them. Returns as convert(). */
static int
take_words(
    struct text *t, const char **s, const struct word *first, char *octets)
{
	struct word w = *first;
	size_t len = 0, blanks;
	bool more;

	do {
		if ((w.encoding == 'Q' ? from_q(&w, octets, &len)
				       : from_base64(&w, octets, &len)) != 1)
			return (0);
		/* Blanks between two words are not part of the text. */
		*s = w.end + strlen("?=");
		blanks = strspn(*s, BLANKS);
		more = read_word(*s + blanks, &w);
		if (more)
			*s += blanks;
	} while (more && strcasecmp(w.charset, first->charset) == 0);
	if (memchr(octets, '\0', len) != NULL)
		return (0);
	return (convert(t, first->charset, octets, len));
}

void
rfc2047_start(void)
{
	iconv_t handle;

	handle = iconv_open("UTF-8", "ISO-8859-1");
	if (handle != (iconv_t)-1)
		iconv_close(handle);
}

int
rfc2047_decode(struct arena *a, const char *value, char **text)
{
	struct text t = {.arena = a};
	struct word word;
	char *octets;
	int rc;

	/* Decoding makes no word longer. */
	octets = arena_alloc(a, strlen(value) + 1);
	if (octets == NULL || enlarge(&t, strlen(value)) != 0)
		return (-1);
	while (*value != '\0') {
		if (read_word(value, &word)) {
			rc = take_words(&t, &value, &word, octets);
			if (rc != 1)
				return (rc);
		} else {
			if (enlarge(&t, 1) != 0)
				return (-1);
			t.s[t.len++] = *value++;
		}
	}
	t.s[t.len] = '\0';
	*text = t.s;
	/* A NUL may also come out of UTF-7. */
	return (memchr(t.s, '\0', t.len) == NULL);
}
