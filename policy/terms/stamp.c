/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stamp - keyed digests, by which the milter knows its own work again
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <nettle/hmac.h>

#include "terms/stamp.h"

#define BLANKS " \t\r\n"

static void put_length(struct hmac_sha256_ctx *, size_t);
static void put(struct hmac_sha256_ctx *, const char *);
static size_t printed(const char *);
static void put_printed(struct hmac_sha256_ctx *, const char *);
static void begin(struct hmac_sha256_ctx *, const char *, const char *);
static void finish(struct hmac_sha256_ctx *, char[STAMP_SIZE]);
static void hexadecimal(const uint8_t *, size_t, char *);

static void
hexadecimal(const uint8_t *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 0xf];
	}
	*out = '\0';
}

int
stamp_key(char key[STAMP_KEY_SIZE])
{
	uint8_t bytes[STAMP_KEY_DIGITS / 2];
	ssize_t n;

	/* So few bytes come at once, or not at all. */
	do
		n = getrandom(bytes, sizeof(bytes), 0);
	while (n == -1 && errno == EINTR);
	if (n != (ssize_t)sizeof(bytes))
		return (-1);
	hexadecimal(bytes, sizeof(bytes), key);
	return (0);
}

bool
stamp_is_key(const char *text)
{
	return (strlen(text) == STAMP_KEY_DIGITS &&
	    strspn(text, "0123456789abcdef") == STAMP_KEY_DIGITS);
}

static void
put_length(struct hmac_sha256_ctx *hmac, size_t len)
{
	char text[32];
	int n;

	n = snprintf(text, sizeof(text), "%zu:", len);
	hmac_sha256_update(hmac, (size_t)n, (const uint8_t *)text);
}

static void
put(struct hmac_sha256_ctx *hmac, const char *field)
{
	put_length(hmac, strlen(field));
	hmac_sha256_update(hmac, strlen(field), (const uint8_t *)field);
}

/* The length of the text without white space. */
static size_t
printed(const char *s)
{
	size_t n = 0, len;

	for (s += strspn(s, BLANKS); *s != '\0'; s += strspn(s, BLANKS)) {
		len = strcspn(s, BLANKS);
		n += len;
		s += len;
	}
	return (n);
}

static void
put_printed(struct hmac_sha256_ctx *hmac, const char *s)
{
	size_t len;

	put_length(hmac, printed(s));
	for (s += strspn(s, BLANKS); *s != '\0'; s += strspn(s, BLANKS)) {
		len = strcspn(s, BLANKS);
		hmac_sha256_update(hmac, len, (const uint8_t *)s);
		s += len;
	}
}

static void
begin(struct hmac_sha256_ctx *hmac, const char *key, const char *purpose)
{
	hmac_sha256_set_key(hmac, strlen(key), (const uint8_t *)key);
	put(hmac, purpose);
}

static void
finish(struct hmac_sha256_ctx *hmac, char stamp[STAMP_SIZE])
{
	uint8_t digest[STAMP_DIGITS / 2];

	hmac_sha256_digest(hmac, sizeof(digest), digest);
	hexadecimal(digest, sizeof(digest), stamp);
}

void
stamp_mirror(const char *key, int64_t link, const char *category,
    const char *message_id, bool nameless, char stamp[STAMP_SIZE])
{
	struct hmac_sha256_ctx hmac;
	char number[32];

	snprintf(number, sizeof(number), "%lld", (long long)link);
	begin(&hmac, key, nameless ? "nameless" : "mirror");
	put(&hmac, number);
	put(&hmac, category);
	put_printed(&hmac, message_id == NULL ? "" : message_id);
	finish(&hmac, stamp);
}

bool
stamp_is_mirror(const char *key, int64_t link, const char *category,
    const char *message_id, const char *check, bool *nameless)
{
	char right[STAMP_SIZE];

	*nameless = false;
	stamp_mirror(key, link, category, message_id, false, right);
	if (stamp_same(right, check))
		return (true);
	*nameless = true;
	stamp_mirror(key, link, category, message_id, true, right);
	return (stamp_same(right, check));
}

void
stamp_decided(const char *key, const char *category, const char *account,
    const char *message_id, char stamp[STAMP_SIZE])
{
	struct hmac_sha256_ctx hmac;

	begin(&hmac, key, "decided");
	put(&hmac, category);
	put(&hmac, account == NULL ? "" : account);
	put_printed(&hmac, message_id);
	finish(&hmac, stamp);
}

bool
stamp_same(const char *stamp, const char *text)
{
	size_t i, len;
	unsigned char differ = 0;

	text += strspn(text, BLANKS);
	len = strcspn(text, BLANKS);
	if (len != strlen(stamp) ||
	    text[len + strspn(text + len, BLANKS)] != '\0')
		return (false);
	for (i = 0; i < len; i++)
		differ |= (unsigned char)(stamp[i] ^ text[i]);
	return (differ == 0);
}

bool
stamp_chat(const char *local, int64_t *link, const char **check)
{
	long long id;
	char *end;

	*link = 0;
	*check = NULL;
	if (!isdigit((unsigned char)*local) || *local == '0')
		return (false);
	errno = 0;
	id = strtoll(local, &end, 10);
	if (errno != 0)
		return (false);
	if (*end == '-') {
		*check = end + 1;
		if (strlen(*check) != STAMP_DIGITS ||
		    strspn(*check, "0123456789abcdef") != STAMP_DIGITS)
			return (false);
	} else if (*end != '\0') {
		return (false);
	}
	*link = id;
	return (true);
}
