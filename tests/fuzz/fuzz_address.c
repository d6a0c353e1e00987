/*
 * fuzz_address - any text as an address, and any two compared
 */
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "arena.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void check_read(struct arena *, const struct address *);
static void check_strict(struct arena *, const char *);

/* Whatever an MTA may show is safe to look into. */
static void
check_read(struct arena *a, const struct address *address)
{
	const char *key, *at;

	at = strrchr(address->key, '@');
	MUST(*address->domain == '\0' || address->domain == at + 1);
	if (address->base != NULL)
		MUST(strlen(address->base) < strlen(address->key));
	/* What is no name of a domain is nobody's domain. */
	if (*address->domain != '\0' &&
	    strspn(address->domain, "abcdefghijklmnopqrstuvwxyz0123456789-.") ==
		strlen(address->domain) &&
	    *address->domain != '.' && strstr(address->domain, "..") == NULL &&
	    address->domain[strlen(address->domain) - 1] != '.' &&
	    address_domain_key(a, address->domain, &key) == 1) {
		MUST(strcmp(key, address->domain) == 0);
		/* An address is in its own domain. */
		MUST(address_in_domain(a, address->wire, key) == 1);
	}
}

/* What a person may type is safe to hand to any MTA. */
static void
check_strict(struct arena *a, const char *text)
{
	struct address address, again;
	const char *why = NULL, *s;

	if (address_read_strict(a, text, &address, &why) != 1) {
		MUST(why != NULL && *why != '\0');
		return;
	}
	MUST(*address.domain != '\0');
	MUST(strlen(address.domain) <= ADDRESS_DOMAIN_MAX);
	MUST(address_local_length(address.key) > 0);
	for (s = address.wire; *s != '\0'; s++)
		MUST((unsigned char)*s >= ' ' && *s != 0x7f);
	MUST(address_read_strict(a, address.wire, &again, &why) == 1);
	MUST(strcmp(again.key, address.key) == 0);
	MUST(strcmp(again.wire, address.wire) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = {data, size};
	struct address first, second;
	char *one, *two, *bracketed;
	struct arena *a;

	a = arena_new((size_t)8 << 20);
	MUST(a != NULL);
	one = fuzz_text(&c);
	two = fuzz_text(&c);
	MUST(address_in_domain(a, one, "telegram.invalid") >= 0);
	if (address_read(a, one, &first) == 1) {
		check_read(a, &first);
		/* Brackets make no difference. */
		if (*one != '<') {
			bracketed = arena_printf(a, "<%s>", one);
			MUST(bracketed != NULL);
			if (address_read(a, bracketed, &second) == 1)
				MUST(strcmp(first.key, second.key) == 0);
		}
	}
	if (address_read(a, two, &second) == 1)
		check_read(a, &second);
	check_strict(a, one);
	check_strict(a, two);
	free(one);
	free(two);
	arena_free(a);
	return (0);
}
