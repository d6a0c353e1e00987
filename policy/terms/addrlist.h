/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * addrlist - a list of addresses and "@domain"s, to look up an address in
 *
 * An address is in the list in every spelling, with or without a detail part.
 * An empty list is zeroed.
 *
 * Pure. Threads: any, once it is filled.
 */
#ifndef ADDRLIST_H
#define ADDRLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct address;
struct arena;

struct addrlist {
	char **v; /* keys (address.h), and "@" with the key of a domain */
	size_t n;
};

/*
 * addrlist_add(list, a, text, expected):
 * Add the entries of ${text}, separated by blanks or commas. 1; 0 with what is
 * ${*expected} instead (constant text) if one is malformed; -1 out of memory.
 */
int addrlist_add(struct addrlist *, struct arena *, const char *text,
    const char **expected) WARN_UNUSED;

/* addrlist_has(list, address): is it, or its domain, in the list? */
bool addrlist_has(const struct addrlist *, const struct address *);

/* addrlist_inside(list, domain): an entry that is or lies in ${domain}, as from
 * address_domain_key(), or NULL. */
const char *addrlist_inside(const struct addrlist *, const char *domain);

/* addrlist_clear(list): empty it, and free its memory. */
void addrlist_clear(struct addrlist *);

#endif
