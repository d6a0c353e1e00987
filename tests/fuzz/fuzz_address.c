/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_address - mail addresses read, written and compared
 *
 * The input is addresses, one per line; the first is a domain.
 */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "fuzz/fuzz.h"
#include "terms/account.h"
#include "terms/address.h"

#define ADDRESSES_MAX 8

static struct arena *arena;

static bool is_domain(const char *);
static void read_same(const char *, const struct address *);
static void check_one(const char *, const struct address *);
static void check_case(const struct address *);
static void check_strict(const char *, const struct address *, int);
static void check_pair(const struct address *, const struct address *);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	arena = arena_new((size_t)16 << 20);
	return (0);
}

/* Would settings and the roster take it as a domain, as it is written? */
static bool
is_domain(const char *domain)
{
	struct address address;
	const char *why;

	return (address_read_strict(arena, arena_printf(arena, "x@%s", domain),
		    &address, &why) == 1 &&
	    strcmp(address.domain, domain) == 0);
}

/* ${text} is another spelling of the address. */
static void
read_same(const char *text, const struct address *address)
{
	struct address again;

	MUST(address_read(arena, text, &again) == 1, "%s", text);
	MUST(strcmp(again.key, address->key) == 0, "%s: %s, %s", text,
	    again.key, address->key);
	MUST((again.base == NULL) == (address->base == NULL), "%s", text);
	MUST(again.base == NULL || strcmp(again.base, address->base) == 0,
	    "%s: %s, %s", text, again.base, address->base);
	MUST(strcmp(again.domain, address->domain) == 0, "%s: %s, %s", text,
	    again.domain, address->domain);
}

static void
check_one(const char *text, const struct address *a)
{
	struct address again;
	size_t len;

	MUST(address_read(arena, a->wire, &again) == 1, "%s", a->wire);
	MUST(strcmp(again.wire, a->wire) == 0, "%s, %s", again.wire, a->wire);
	read_same(a->wire, a);
	read_same(arena_printf(arena, " <%s>\t", a->wire), a);
	if (*a->domain != '\0')
		read_same(
		    arena_printf(arena, "<@relay.example:%s>", a->wire), a);
	len = strlen(a->key);
	MUST(a->domain >= a->key && a->domain <= a->key + len &&
		a->domain + strlen(a->domain) == a->key + len,
	    "%s", a->key);
	if (*a->domain != '\0')
		MUST(a->domain > a->key && a->domain[-1] == '@', "%s", a->key);
	if (a->base != NULL)
		MUST(strlen(a->base) < len &&
			a->key[strcspn(a->base, "@")] != '\0',
		    "%s of %s", a->base, a->key);
	if (!is_domain(a->domain))
		return;
	MUST(address_local_length(a->key) == len - strlen(a->domain) - 1, "%s",
	    a->key);
	/* An address that may be in a domain is found there. */
	MUST(address_in_domain(arena, text, a->domain) == 1, "%s in %s", text,
	    a->domain);
	MUST(address_in_domain(arena, a->wire, a->domain) == 1, "%s in %s",
	    a->wire, a->domain);
}

static void
check_case(const struct address *a)
{
	char *upper, *c;

	upper = arena_strdup(arena, a->wire);
	for (c = upper; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x80)
			*c = (char)toupper((unsigned char)*c);
	}
	read_same(upper, a);
}

/* An address that a person may type is the same address to the MTA. */
static void
check_strict(const char *text, const struct address *loose, int found)
{
	struct address strict;
	const char *why, *c;
	int rc;

	rc = address_read_strict(arena, text, &strict, &why);
	MUST(rc != -1, "out of memory for %s", text);
	if (rc == 0) {
		MUST(why != NULL && *why != '\0', "%s", text);
		return;
	}
	MUST(found == 1, "%s", text);
	MUST(strcmp(strict.key, loose->key) == 0, "%s", text);
	MUST(strcmp(strict.wire, loose->wire) == 0, "%s", text);
	MUST(*strict.domain != '\0' &&
		strlen(strict.domain) <= ADDRESS_DOMAIN_MAX,
	    "%s", strict.domain);
	MUST(is_domain(strict.domain), "%s", strict.domain);
	for (c = strict.wire; *c != '\0'; c++)
		MUST((unsigned char)*c >= ' ' && *c != 0x7f, "%s", strict.wire);
	MUST(address_read_strict(arena, strict.wire, &strict, &why) == 1,
	    "%s: %s", strict.wire, why);
}

static void
check_pair(const struct address *a, const struct address *b)
{
	if (strcmp(a->exact, b->exact) == 0)
		MUST(strcmp(a->key, b->key) == 0, "%s, %s", a->key, b->key);
	if (strcmp(a->wire, b->wire) == 0)
		MUST(strcmp(a->key, b->key) == 0, "%s, %s", a->key, b->key);
	if (strcmp(a->key, b->key) != 0)
		return;
	/* One person: all that is compared is equal. */
	MUST(strcmp(a->domain, b->domain) == 0, "%s", a->key);
	MUST((a->base == NULL) == (b->base == NULL), "%s", a->key);
	MUST(a->base == NULL || strcmp(a->base, b->base) == 0, "%s", a->key);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct address v[ADDRESSES_MAX], unread;
	char account[ACCOUNT_KEY_SIZE], again[ACCOUNT_KEY_SIZE];
	char *text, *rest, *line;
	const char *domain, *key;
	size_t i, n;
	int found;

	arena_reset(arena);
	rest = text = fuzz_string(data, size);
	line = fuzz_line(&rest);
	domain = line == NULL ? "" : line;
	found = address_domain_key(arena, domain, &key);
	MUST(found != -1, "out of memory for %s", domain);
	if (found == 1) {
		domain = key;
		MUST(!is_domain(key) ||
			(address_domain_key(arena, key, &key) == 1 &&
			    strcmp(key, domain) == 0),
		    "%s is the key of %s", key, domain);
	}
	n = 0;
	while (n < ADDRESSES_MAX && (line = fuzz_line(&rest)) != NULL) {
		found = address_read(arena, line, &v[n]);
		MUST(found != -1, "out of memory for %s", line);
		MUST(address_in_domain(arena, line, domain) != -1,
		    "out of memory");
		check_strict(line, found == 1 ? &v[n] : &unread, found);
		if (account_key(line, account) == 1)
			MUST(account_key(account, again) == 1 &&
				strcmp(account, again) == 0,
			    "%s, %s", account, again);
		if (found != 1)
			continue;
		check_one(line, &v[n]);
		check_case(&v[n]);
		for (i = 0; i <= n; i++) {
			check_pair(&v[i], &v[n]);
			check_pair(&v[n], &v[i]);
		}
		n++;
	}
	free(text);
	return (0);
}
