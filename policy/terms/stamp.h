/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stamp - keyed digests, by which the milter knows its own work again
 *
 * A stamp is the beginning of an HMAC-SHA-256, in lower case, over a purpose
 * and fields of a message that a content filter does not change. Each field is
 * preceded by its length, so that no two lists of fields are the same bytes:
 *
 *   HMAC(key, "6:mirror" "<n>:link" "<n>:category" "<n>:Message-ID")
 *   HMAC(key, "8:nameless" "<n>:link" "<n>:category" "<n>:Message-ID")
 *   HMAC(key, "7:decided" "<n>:category" "<n>:account" "<n>:Message-ID")
 *
 * The Message-ID counts without white space, so that a header that was folded
 * differently is the same. GLib's HMAC is not used: it ends the program when it
 * is out of memory.
 *
 * Pure. Threads: any.
 */
#ifndef STAMP_H
#define STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#define STAMP_DIGITS 32
#define STAMP_SIZE (STAMP_DIGITS + 1)
/* Of a key, in hexadecimal digits. */
#define STAMP_KEY_DIGITS 64
#define STAMP_KEY_SIZE (STAMP_KEY_DIGITS + 1)

/* stamp_key(key): a new random one. 0, or -1 and errno. */
int stamp_key(char key[STAMP_KEY_SIZE]) WARN_UNUSED;

/* stamp_is_key(text): does it look like a key? */
bool stamp_is_key(const char *text) WARN_UNUSED;

/*
 * stamp_mirror(key, link, category, message_id, nameless, stamp):
 * The check in the address <link>-<check>@<telegram domain>. ${category} is a
 * slug. ${message_id} NULL counts as "": the milter makes no such check.
 * ${nameless}: the chat must be private and is told no account, because nothing
 * says which one the message is about.
 */
void stamp_mirror(const char *key, int64_t link, const char *category,
    const char *message_id, bool nameless, char stamp[STAMP_SIZE]);

/*
 * stamp_is_mirror(key, link, category, message_id, check, nameless):
 * Is ${check} that of stamp_mirror(), for a chat that is told the account or
 * for one that is not: ${*nameless}?
 */
bool stamp_is_mirror(const char *key, int64_t link, const char *category,
    const char *message_id, const char *check, bool *nameless) WARN_UNUSED;

/*
 * stamp_decided(key, category, account, message_id, stamp):
 * The value of X-Notify-Decided. ${account} is the key of the account that a
 * header names, or NULL. A message without a Message-ID has no such stamp.
 */
void stamp_decided(const char *key, const char *category, const char *account,
    const char *message_id, char stamp[STAMP_SIZE]);

/* stamp_same(stamp, text): is ${text}, blanks around it apart, ${stamp}? In a
 * time that does not depend on where they differ. */
bool stamp_same(const char *stamp, const char *text) WARN_UNUSED;

/*
 * stamp_chat(local, link, check):
 * Read the local part of a chat's address: "<link>-<check>", ${*check} is what
 * follows the hyphen, or "<link>", ${*check} is NULL. False if it is neither.
 */
bool stamp_chat(
    const char *local, int64_t *link, const char **check) WARN_UNUSED;

#endif
