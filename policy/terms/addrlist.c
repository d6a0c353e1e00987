/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * addrlist - a list of addresses and "@domain"s, to look up an address in
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "terms/address.h"
#include "terms/addrlist.h"

#define SEPARATORS " \t\r\n,"
#define EXPECTED                                                               \
	"addresses and @domains, like archive@example.com, @example.org"

static size_t entry_length(const char *);
static int append(struct addrlist *, const char *);
static int add_entry(struct addrlist *, struct arena *, const char *);
static bool has(const struct addrlist *, const char *);

/* Bytes up to a separator that is not in quotes. */
static size_t
entry_length(const char *text)
{
	bool in_quotes = false;
	const char *s;

	for (s = text; *s != '\0'; s++) {
		if (*s == '"')
			in_quotes = !in_quotes;
		else if (*s == '\\' && s[1] != '\0')
			s++;
		else if (!in_quotes && strchr(SEPARATORS, *s) != NULL)
			break;
	}
	return ((size_t)(s - text));
}

static int
append(struct addrlist *list, const char *key)
{
	char **v, *copy;

	copy = strdup(key);
	v = realloc(list->v, (list->n + 1) * sizeof(*v));
	if (v != NULL)
		list->v = v;
	if (copy == NULL || v == NULL) {
		free(copy);
		return (-1);
	}
	list->v[list->n++] = copy;
	return (1);
}

/* 1, 0 if it is malformed, -1 if out of memory. */
static int
add_entry(struct addrlist *list, struct arena *a, const char *entry)
{
	struct address address;
	const char *text, *why;
	int found;

	text = *entry == '@' ? arena_concat(a, "x", entry, NULL) : entry;
	if (text == NULL)
		return (-1);
	found = address_read_strict(a, text, &address, &why);
	if (found != 1)
		return (found);
	/* There are no patterns: "*@example.org" would keep nobody, and means
	 * @example.org. */
	if (address_hazard(address.key) != NULL ||
	    strchr(address.key, '*') != NULL)
		return (0);
	return (append(list, *entry == '@' ? address.key + 1 : address.key));
}

int
addrlist_add(struct addrlist *list, struct arena *a, const char *text,
    const char **expected)
{
	const char *entry;
	size_t len;
	int rc;

	for (text += strspn(text, SEPARATORS); *text != '\0';
	     text += strspn(text, SEPARATORS)) {
		len = entry_length(text);
		entry = arena_strndup(a, text, len);
		if (entry == NULL)
			return (-1);
		rc = add_entry(list, a, entry);
		if (rc != 1) {
			*expected = EXPECTED;
			return (rc);
		}
		text += len;
	}
	return (1);
}

static bool
has(const struct addrlist *list, const char *key)
{
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (strcmp(list->v[i], key) == 0)
			return (true);
	}
	return (false);
}

bool
addrlist_has(const struct addrlist *list, const struct address *address)
{
	if (list->n == 0 || *address->domain == '\0')
		return (false);
	return (has(list, address->key) ||
	    (address->base != NULL && has(list, address->base)) ||
	    has(list, address->domain - 1));
}

const char *
addrlist_inside(const struct addrlist *list, const char *domain)
{
	size_t i;

	for (i = 0; i < list->n && *domain != '\0'; i++) {
		if (strcmp(strrchr(list->v[i], '@') + 1, domain) == 0)
			return (list->v[i]);
	}
	return (NULL);
}

void
addrlist_clear(struct addrlist *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	memset(list, 0, sizeof(*list));
}
