/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address - mail addresses: read, compare, write
 *
 * Two addresses are the same person's if their keys are equal:
 * policy/README.md, What happens to a message ("compare without regard to case;
 * may be quoted, internationalised, have a detail part, or come without angle
 * brackets"). A key is the local part without quoting, in lower case and
 * Unicode NFC, "@", and the domain in lower case and A-labels (RFC 5890): one
 * spelling for all.
 *
 * Pure. Threads: any. Strings are cut from the arena that is given.
 * Results: 1 read, 0 not an address, -1 no memory.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include "base/compiler.h"

struct arena;

/* RFC 5321, 4.5.3.1: octets in a local part and in a domain. */
#define ADDRESS_LOCAL_MAX 64
#define ADDRESS_DOMAIN_MAX 255

struct address {
	const char *key;    /* for comparing */
	const char *base;   /* the key without its detail part, or NULL */
	const char *domain; /* within key, "" if there is none */
	const char *wire;   /* for an envelope: quoted where it must be */
	const char *exact;  /* unquoted, but every octet as it was spelled */
};

/*
 * address_read(a, text, address):
 * Read an address as an MTA gives it: with or without angle brackets, a
 * source route, quoting, or a domain.
 */
int address_read(
    struct arena *, const char *text, struct address *) WARN_UNUSED;

/*
 * address_read_strict(a, text, address, why):
 * Read an address that a person typed and that mail will be sent to: it has a
 * domain name, no control characters, and fits RFC 5321's limits. For 0,
 * ${*why} says what is wrong (constant text).
 */
int address_read_strict(struct arena *, const char *text, struct address *,
    const char **why) WARN_UNUSED;

/*
 * address_domain_key(a, name, key):
 * The form of a domain name in which domains of keys are compared.
 */
int address_domain_key(
    struct arena *, const char *name, const char **key) WARN_UNUSED;

/*
 * address_in_domain(a, text, domain):
 * Could mail to ${text}, as an MTA gives it, reach ${domain} (as
 * address_domain_key() gives it)? Wide on purpose: MTAs also take white space,
 * quotes, comments, "user%domain" and "domain!user" for the same address.
 * Allocates nothing for plain ASCII, so that untagged mail costs nothing.
 */
int address_in_domain(
    struct arena *, const char *text, const char *domain) WARN_UNUSED;

/* address_local_length(key): octets of ${key} before the last "@". */
unsigned address_local_length(const char *key);

#endif
