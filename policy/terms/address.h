/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * address - mail addresses: read, compare, write
 *
 * Two addresses are the same person's if their keys are equal
 * (policy/README.md, What happens to a message): an address may be quoted or
 * internationalised, be in any case, have a detail part, or lack angle
 * brackets. A key is the local part without quotes, in lower case and Unicode
 * NFC, then "@", then the domain in lower case and A-labels (RFC 5890).
 *
 * Pure. Threads: any. Strings are in the arena.
 * Results: 1 read, 0 not an address, -1 out of memory.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>

#include "base/compiler.h"

struct arena;

/* RFC 5321, 4.5.3.1: octets in a local part and in a domain. */
#define ADDRESS_LOCAL_MAX 64
#define ADDRESS_DOMAIN_MAX 255

struct address {
	const char *key;    /* for comparing */
	const char *base;   /* the key without its detail part, or NULL */
	const char *domain; /* within key, "" if there is none */
	const char *wire;   /* for an envelope: quoted if necessary */
	const char *exact;  /* unquoted, but otherwise as it was spelled */
};

/*
 * address_read(a, text, address):
 * Read an address as an MTA gives it: with or without angle brackets, source
 * route, quotes, and domain.
 */
int address_read(
    struct arena *, const char *text, struct address *) WARN_UNUSED;

/*
 * address_read_strict(a, text, address, why):
 * Read an address that a person typed, and that mail is sent to: it must have a
 * domain name, have no control characters, and keep to the limits of RFC 5321.
 * If not, 0, and ${*why} says what is wrong (constant text).
 */
int address_read_strict(struct arena *, const char *text, struct address *,
    const char **why) WARN_UNUSED;

/*
 * address_domain_key(a, name, key):
 * The form of a domain name in keys.
 */
int address_domain_key(
    struct arena *, const char *name, const char **key) WARN_UNUSED;

/*
 * address_in_domain(a, text, domain):
 * Could mail to ${text}, as an MTA gives it, reach ${domain}, as from
 * address_domain_key()? In doubt yes: to some MTAs white space, quotes,
 * comments, "user%domain" and "domain!user" make no difference. Plain ASCII
 * without a comment allocates nothing, so that untagged mail costs nothing.
 */
int address_in_domain(
    struct arena *, const char *text, const char *domain) WARN_UNUSED;

/*
 * address_hazard(key):
 * Why mail to the address with ${key} may go to another address, or to nobody:
 * an MTA reads a route, "user%domain" and "domain!user" in a local part, quoted
 * or not, and "-" at its start as an option of a command. Constant text, to
 * follow the address. NULL: no reason.
 */
const char *address_hazard(const char *key) WARN_UNUSED;

/* address_wide(text): has it a byte outside ASCII? */
bool address_wide(const char *text);

/*
 * address_fold(a, exact, fold):
 * The form by which an MTA that knows SMTPUTF8 tells one recipient from
 * another, the case folding of Unicode: to Postfix a Kelvin sign is a k and a
 * long s an s, in local part and domain, and of two such recipients only the
 * first gets the message. Fold the address as it was given, not its key: a
 * domain with a sharp s and the one with "ss" are one to Postfix, and have two
 * A-labels. A dot at the end makes no difference. 0, or -1 if out of memory.
 */
int address_fold(
    struct arena *, const char *exact, const char **fold) WARN_UNUSED;

/* address_local_length(key): bytes of ${key} before the last "@". */
unsigned address_local_length(const char *key);

#endif
