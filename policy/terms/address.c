/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address - mail addresses: read, compare, write
 *
 * The reader takes RFC 5321 mailboxes, and what MTAs add to them. Plain ASCII,
 * which is nearly all, needs no library; the rest goes through libunistring
 * (case and normal form, the same in every locale, so that the milter and
 * notifyctl agree) and libidn2 (A-labels).
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <idn2.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/arena.h"
#include "terms/address.h"

/* The parts of a mailbox as they were spelled, the local part unquoted. */
struct parts {
	char *local;
	char *domain; /* NULL if there is none */
};

static int is_ascii(const char *);
static int is_atext(unsigned char);
static char *ascii_lower(struct arena *, const char *);
static int is_plain(char, int);
static size_t ascii_lookalike(const char *);
static char *fold(struct arena *, const char *, size_t);
static int local_lower(struct arena *, const char *, const char **);
static const char *without_route(const char *, const char *);
static int split(struct arena *, const char *, struct parts *);
static char *quoted(struct arena *, const char *);
static const char *domain_fault(const char *);
static bool has_control(const char *);
static const char *local_fault(const char *);
static int assemble(struct arena *, const struct parts *, struct address *);
static size_t plain_length(const char *);
static int read_plain(struct arena *, const char *, struct address *);
static int is_name_of(struct arena *, const char *, const char *);
static int is_noise(char);
static int domain_follows(const char *, const char *, int);
static int mentions(const char *, const char *);
static int mentions_outside_ascii(struct arena *, const char *, const char *);
static char *without_comments(struct arena *, const char *);
static int reaches(struct arena *, const char *, const char *);

static int
is_ascii(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s >= 0x80)
			return (0);
	}
	return (1);
}

static int
is_atext(unsigned char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c >= 0x80 ||
	    (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL));
}

static char *
ascii_lower(struct arena *a, const char *s)
{
	char *lower, *p;

	lower = arena_strdup(a, s);
	if (lower == NULL)
		return (NULL);
	for (p = lower; *p != '\0'; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
	}
	return (lower);
}

/* Bytes of the character at ${s} if lower case or NFC would turn it into an
 * ASCII one: U+212A (Kelvin sign), U+037E and U+1FEF. It names another mailbox.
 * Else 0. */
static size_t
ascii_lookalike(const char *s)
{
	static const char *const signs[] = {
	    "\xe2\x84\xaa", "\xcd\xbe", "\xe1\xbf\xaf"};
	size_t i, len;

	for (i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		len = strlen(signs[i]);
		if (strncmp(s, signs[i], len) == 0)
			return (len);
	}
	return (0);
}

/* ${len} bytes in lower case and NFC; NULL if out of memory. */
static char *
fold(struct arena *a, const char *text, size_t len)
{
	uint8_t *folded;
	char *copy;
	size_t n;

	if (len == 0)
		return (arena_strdup(a, ""));
	folded =
	    u8_tolower((const uint8_t *)text, len, NULL, UNINORM_NFC, NULL, &n);
	if (folded == NULL)
		return (NULL);
	copy = arena_strndup(a, (const char *)folded, n);
	free(folded);
	return (copy);
}

/* The local part in lower case and NFC; 0 if it is not UTF-8. */
static int
local_lower(struct arena *a, const char *local, const char **lower)
{
	const char *s, *from;
	char *part, *sign;
	size_t n;

	if (is_ascii(local)) {
		*lower = ascii_lower(a, local);
		return (*lower == NULL ? -1 : 1);
	}
	if (u8_check((const uint8_t *)local, strlen(local)) != NULL)
		return (0);
	*lower = "";
	for (s = from = local; *lower != NULL; s += n == 0 ? 1 : n) {
		n = ascii_lookalike(s);
		if (n == 0 && *s != '\0')
			continue;
		part = fold(a, from, (size_t)(s - from));
		sign = arena_strndup(a, s, n);
		if (part == NULL || sign == NULL)
			return (-1);
		*lower = arena_concat(a, *lower, part, sign, NULL);
		if (*s == '\0')
			break;
		from = s + n;
	}
	return (*lower == NULL ? -1 : 1);
}

/*
 * Is ${c} allowed in a mailbox without quotes? An MTA may read what RFC 5321
 * does not allow there in its own way ("ann@x, ()" as ann@x): we do not know
 * who that is.
 */
static int
is_plain(char c, int in_domain)
{
	return (is_atext((unsigned char)c) || c == '.' ||
	    (in_domain && c != '\0' && strchr("[]:", c) != NULL));
}

int
address_domain_key(struct arena *a, const char *name, const char **key)
{
	char *lower, *alabel, *s;
	size_t len;
	int rc;

	alabel = NULL;
	if (!is_ascii(name)) {
		if (strlen(name) > ADDRESS_DOMAIN_MAX)
			return (0);
		rc = idn2_to_ascii_8z(
		    name, &alabel, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
		if (rc != IDN2_OK)
			return (rc == IDN2_MALLOC ? -1 : 0);
		name = alabel;
	}
	lower = ascii_lower(a, name);
	idn2_free(alabel);
	if (lower == NULL)
		return (-1);
	/* It must read as the same domain in a wire form; full-width signs are
	 * plain ones by now. */
	for (s = lower; *s != '\0'; s++) {
		if (!is_plain(*s, 1))
			return (0);
	}
	/* "example.com." and "example.com" are one name. */
	for (len = strlen(lower); len > 1 && lower[len - 1] == '.'; len--)
		lower[len - 1] = '\0';
	*key = lower;
	return (1);
}

/* Skip a source route ("@a,@b:"): RFC 5321 says to ignore it. */
static const char *
without_route(const char *s, const char *end)
{
	const char *colon;

	if (*s != '@')
		return (s);
	colon = memchr(s, ':', (size_t)(end - s));
	return (colon == NULL ? s : colon + 1);
}

/* Split a mailbox at the first "@" that is not quoted. */
static int
split(struct arena *a, const char *text, struct parts *parts)
{
	const char *s, *end;
	char *out, *at;
	int in_quotes;

	s = text + strspn(text, " \t\r\n");
	end = s + strlen(s);
	while (end > s && strchr(" \t\r\n", end[-1]) != NULL)
		end--;
	if (s < end && *s == '<') {
		if (end[-1] != '>' || end - s < 2)
			return (0);
		s++;
		end--;
	}
	s = without_route(s, end);
	out = parts->local = arena_alloc(a, (size_t)(end - s) + 1);
	if (out == NULL)
		return (-1);
	at = NULL;
	in_quotes = 0;
	for (; s < end; s++) {
		if (*s == '"') {
			in_quotes = !in_quotes;
			continue;
		}
		if (*s == '@' && !in_quotes && at == NULL)
			at = out;
		else if (!in_quotes && !is_plain(*s, at != NULL))
			return (0);
		else if (*s == '\\' && ++s == end)
			return (0);
		*out++ = *s;
	}
	if (in_quotes || out == parts->local || at == parts->local)
		return (0);
	parts->domain = NULL;
	if (at != NULL) {
		*at = '\0';
		parts->domain = at + 1;
	}
	return (1);
}

/* The local part for an envelope: RFC 5321, 4.1.2, Dot-string or
 * Quoted-string. */
static char *
quoted(struct arena *a, const char *local)
{
	const char *s;
	char *q, *out;
	int plain;

	plain = *local != '\0' && *local != '.';
	for (s = local; *s != '\0'; s++) {
		if (*s == '.')
			plain = plain && s[1] != '.' && s[1] != '\0';
		else
			plain = plain && is_atext((unsigned char)*s);
	}
	if (plain)
		return (arena_strdup(a, local));
	out = q = arena_alloc(a, 2 * strlen(local) + 3);
	if (q == NULL)
		return (NULL);
	*out++ = '"';
	for (s = local; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			*out++ = '\\';
		*out++ = *s;
	}
	*out = '"';
	return (q);
}

unsigned
address_local_length(const char *key)
{
	const char *at;

	at = strrchr(key, '@');
	return ((unsigned)(at == NULL ? strlen(key) : (size_t)(at - key)));
}

const char *
address_hazard(const char *key)
{
	size_t length = address_local_length(key);

	if (*key == '-')
		return ("begins with \"-\", and an MTA returns mail to it");
	if (strcspn(key, "@%!") < length)
		return ("has \"@\", \"%\" or \"!\" in its local part, and an "
			"MTA may take it for another address");
	return (NULL);
}

bool
address_wide(const char *text)
{
	return (!is_ascii(text));
}

int
address_fold(struct arena *a, const char *exact, const char **fold)
{
	size_t n, len = strlen(exact);
	uint8_t *folded;

	/* Postfix removes a dot at the end. */
	while (len > 0 && exact[len - 1] == '.')
		len--;
	if (is_ascii(exact)) {
		exact = arena_strndup(a, exact, len);
		*fold = exact == NULL ? NULL : ascii_lower(a, exact);
		return (*fold == NULL ? -1 : 0);
	}
	folded = u8_casefold(
	    (const uint8_t *)exact, len, NULL, UNINORM_NFC, NULL, &n);
	if (folded == NULL)
		return (-1);
	*fold = arena_strndup(a, (const char *)folded, n);
	free(folded);
	return (*fold == NULL ? -1 : 0);
}

/* Make key, base and wire form of the parts. */
static int
assemble(struct arena *a, const struct parts *parts, struct address *address)
{
	const char *local, *at, *domain, *plus;
	char *wire, *base;
	int found;

	/* Its key would be that of an address with a domain. */
	if (parts->domain == NULL && strchr(parts->local, '@') != NULL)
		return (0);
	found = local_lower(a, parts->local, &local);
	if (found != 1)
		return (found);
	at = domain = "";
	if (parts->domain != NULL) {
		at = "@";
		found = address_domain_key(a, parts->domain, &domain);
		if (found != 1)
			return (found);
	}
	wire = quoted(a, parts->local);
	if (wire == NULL)
		return (-1);
	address->key = arena_concat(a, local, at, domain, NULL);
	address->wire = arena_concat(a, wire, at, domain, NULL);
	address->exact = arena_concat(
	    a, parts->local, at, *at == '\0' ? "" : parts->domain, NULL);
	if (address->key == NULL || address->wire == NULL ||
	    address->exact == NULL)
		return (-1);
	address->domain = address->key + strlen(address->key) - strlen(domain);
	address->base = NULL;
	plus = strchr(local, '+');
	if (plus != NULL && plus > local) {
		base = arena_strndup(a, local, (size_t)(plus - local));
		if (base == NULL)
			return (-1);
		address->base = arena_concat(a, base, at, domain, NULL);
		if (address->base == NULL)
			return (-1);
	}
	return (1);
}

/* The length of the dot-atom without capital letters at ${s}, as it is in a
 * key; 0 if there is none. */
static size_t
plain_length(const char *s)
{
	size_t n;

	for (n = 0;; n++) {
		if (s[n] >= 'a' && s[n] <= 'z') /* as nearly all are */
			continue;
		if (s[n] == '.' && n > 0 && s[n - 1] != '.')
			continue;
		if ((unsigned char)s[n] >= 0x80 || !is_atext(s[n]) ||
		    (s[n] >= 'A' && s[n] <= 'Z'))
			break;
	}
	return (n > 0 && s[n - 1] == '.' ? 0 : n);
}

/* Read an address that is written as its key is, as nearly all are, at the
 * price of a copy. 0 if it is written otherwise. */
static int
read_plain(struct arena *a, const char *text, struct address *address)
{
	const char *s = text + (*text == '<');
	size_t local = plain_length(s), domain;
	const char *plus;
	char *key;

	if (local == 0 || s[local] != '@')
		return (0);
	domain = plain_length(s + local + 1);
	if (domain == 0 ||
	    strcmp(s + local + 1 + domain, s == text ? "" : ">") != 0)
		return (0);
	key = arena_strndup(a, s, local + 1 + domain);
	if (key == NULL)
		return (-1);
	address->key = address->wire = address->exact = key;
	address->domain = key + local + 1;
	address->base = NULL;
	plus = memchr(key, '+', local);
	if (plus == NULL || plus == key)
		return (1);
	key = arena_strndup(a, key, (size_t)(plus - key));
	if (key == NULL)
		return (-1);
	address->base = arena_concat(a, key, "@", address->domain, NULL);
	return (address->base == NULL ? -1 : 1);
}

int
address_read(struct arena *a, const char *text, struct address *address)
{
	struct parts parts;
	int found;

	found = read_plain(a, text, address);
	if (found != 0)
		return (found);
	found = split(a, text, &parts);
	if (found != 1)
		return (found);
	return (assemble(a, &parts, address));
}

/* Why a domain, in A-labels, is not a host name; NULL if it is. */
static const char *
domain_fault(const char *domain)
{
	size_t label;
	const char *s;

	if (*domain == '\0')
		return ("it has no domain after the @");
	if (strlen(domain) > ADDRESS_DOMAIN_MAX)
		return ("its domain is longer than 255 bytes");
	label = 0;
	for (s = domain;; s++) {
		if (*s == '.' || *s == '\0') {
			if (label == 0 || label > 63 || s[-1] == '-')
				return ("its domain is not a domain name");
			label = 0;
			if (*s == '\0')
				return (NULL);
			continue;
		}
		if (!isalnum((unsigned char)*s) && *s != '_' &&
		    (*s != '-' || label == 0))
			return ("its domain is not a domain name");
		label++;
	}
}

/* U+0080 to U+009F are controls too, which a terminal obeys. */
static bool
has_control(const char *text)
{
	const unsigned char *s;

	for (s = (const unsigned char *)text; *s != '\0'; s++) {
		if (*s < 0x20 || *s == 0x7f ||
		    (*s == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f))
			return (true);
	}
	return (false);
}

static const char *
local_fault(const char *local)
{
	if (*local == '\0')
		return ("it has no local part before the @");
	if (strlen(local) > ADDRESS_LOCAL_MAX)
		return ("its local part is longer than 64 bytes");
	return (NULL);
}

int
address_read_strict(struct arena *a, const char *text, struct address *address,
    const char **why)
{
	struct parts parts;
	int found;

	*why = "it is not of the form local-part@domain";
	if (has_control(text)) {
		*why = "it has a control character";
		return (0);
	}
	if (strchr(text, '"') == NULL &&
	    strchr(text, '@') != strrchr(text, '@')) {
		*why = "it has more than one @";
		return (0);
	}
	found = split(a, text, &parts);
	if (found != 1)
		return (found);
	if (parts.domain == NULL) {
		*why = "it has no @ and no domain";
		return (0);
	}
	/* Unquoting can put the two bytes of a control character together. */
	*why = has_control(parts.local) ? "it has a control character"
					: local_fault(parts.local);
	if (*why != NULL)
		return (0);
	found = assemble(a, &parts, address);
	if (found != 1) {
		*why = "it is not UTF-8, or its domain is not a domain name";
		return (found);
	}
	*why = domain_fault(address->domain);
	return (*why == NULL ? 1 : 0);
}

/* Characters that an MTA may skip before and within a domain. */
static int
is_noise(char c)
{
	return (c != '\0' && strchr(" \t\r\n\"\\()<>", c) != NULL);
}

/* Does ${s} begin with the whole of ${domain}, with a "!" after it if ${bang}?
 */
static int
domain_follows(const char *s, const char *domain, int bang)
{
	for (; *domain != '\0'; s++) {
		if (is_noise(*s))
			continue;
		if (tolower((unsigned char)*s) != *domain)
			return (0);
		domain++;
	}
	if (bang)
		return (s[strspn(s, " \t\r\n\"\\()<>")] == '!');
	/* A blank, a quote or a comment ends it too. */
	if (is_noise(*s))
		return (1);
	if (*s == '.')
		s++;
	return (*s == '\0' || !(isalnum((unsigned char)*s) || *s == '-'));
}

/* What may precede a domain. */
#define SEPARATORS "@%!:,;"

/* Is ${domain} anywhere in ${text} where an MTA could take it for the domain:
 * at the start and before "!" (a bang path), or after "@", "%" or "!"? */
static int
mentions(const char *text, const char *domain)
{
	int at_boundary, at_start;

	at_boundary = at_start = 1;
	for (; *text != '\0'; text++) {
		/* domain_follows() skips these itself. If it were called at
		 * each, a client could make it take the square of the time. */
		if (is_noise(*text))
			continue;
		if (at_boundary && domain_follows(text, domain, at_start))
			return (1);
		at_start = 0;
		at_boundary = strchr(SEPARATORS, *text) != NULL;
	}
	return (0);
}

/* Is the name ${word}, outside ASCII, that of ${domain}? Postfix folds what it
 * looks up: to it "ss" and a sharp s are one, though the domains are two. */
static int
is_name_of(struct arena *a, const char *word, const char *domain)
{
	const char *key, *folded;
	int found;

	found = address_domain_key(a, word, &key);
	if (found == -1)
		return (-1);
	if (found == 0)
		return (0);
	if (strcmp(key, domain) == 0)
		return (1);
	if (address_fold(a, word, &folded) != 0)
		return (-1);
	return (strcmp(folded, domain) == 0);
}

/* The same for a ${text} with names of domains outside ASCII. */
static int
mentions_outside_ascii(struct arena *a, const char *text, const char *domain)
{
	const char *s;
	char *word, *from, *end;
	size_t len;
	int found;

	for (s = text;; s += len + 1) {
		len = strcspn(s, SEPARATORS);
		word = end = arena_strndup(a, s, len);
		if (word == NULL)
			return (-1);
		/* A comment ends the name. */
		for (from = word; *from != '\0' && *from != '('; from++) {
			if (!is_noise(*from))
				*end++ = *from;
		}
		while (end > word && end[-1] == '.')
			end--;
		*end = '\0';
		if (*word != '\0' && (s > text || s[len] == '!')) {
			found = is_name_of(a, word, domain);
			if (found != 0)
				return (found);
		}
		if (s[len] == '\0')
			return (0);
	}
}

/* The text as an MTA reads it: comments (RFC 5322, 3.2.2) nest, and are none in
 * quotes. One without an end goes to the end. NULL if out of memory. */
static char *
without_comments(struct arena *a, const char *text)
{
	bool in_quotes = false;
	unsigned depth = 0;
	char *copy, *out;
	const char *s;

	copy = out = arena_strdup(a, text);
	for (s = text; copy != NULL && *s != '\0'; s++) {
		if (*s == '"' && depth == 0)
			in_quotes = !in_quotes;
		if (*s == '(' && !in_quotes)
			depth++;
		if (depth == 0)
			*out++ = *s;
		if (*s == ')' && depth > 0)
			depth--;
		if (*s == '\\' && s[1] != '\0' && *++s != '\0' && depth == 0)
			*out++ = *s;
	}
	if (copy != NULL)
		*out = '\0';
	return (copy);
}

static int
reaches(struct arena *a, const char *text, const char *domain)
{
	int found;

	if (!is_ascii(text)) {
		found = mentions_outside_ascii(a, text, domain);
		if (found != 0)
			return (found);
	}
	return (mentions(text, domain));
}

int
address_in_domain(struct arena *a, const char *text, const char *domain)
{
	int found;

	if (*domain == '\0')
		return (0);
	found = reaches(a, text, domain);
	if (found != 0 || strchr(text, '(') == NULL)
		return (found);
	text = without_comments(a, text);
	return (text == NULL ? -1 : reaches(a, text, domain));
}
