/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link - which user's mirrored messages go to which Telegram chat
 *
 * policy/README.md, Roles and How a message reaches Telegram. A connect token
 * is shown once and stored as a hash. The link that it makes lasts until the
 * user ends it, Telegram says that the chat is gone, or the user is no longer
 * entitled (membership.c).
 *
 * The caller has begun a transaction. Threads: as struct store.
 * Results: 1 done, 0 refused or nothing to do, -1 failed, with
 * changes->failure.
 */
#ifndef LINK_H
#define LINK_H

#include "roster/membership.h"

/* A token with its NUL: 128 random bits as base64url (RFC 4648, 5), which is
 * what a deep link may carry. */
#define LINK_TOKEN_SIZE 23
#define LINK_TOKEN_SECONDS (15 * 60)
/* How many "chat not found" in a row end a link. */
#define LINK_STRIKES 3

/*
 * link_may(c, user, why): may the user have a chat: does the role allow it, and
 * is the user entitled to a mirrored category? 0 with ${*why}, which follows
 * the user's address in a message.
 */
int link_may(
    struct changes *, const struct store_user *, const char **why) WARN_UNUSED;

/*
 * link_token(c, user, origin, token): a new token for ${user}; the one before
 * that has the same ${origin} (store_link.h) ends. Show it to the user alone.
 */
int link_token(struct changes *, const struct store_user *, const char *origin,
    char token[LINK_TOKEN_SIZE]) WARN_UNUSED;

/*
 * link_redeem(c, token, chat, topic, user): use ${token} up and link its user
 * to
 * ${chat}, and a ${topic} of it unless that is 0, instead of an earlier chat. 0
 * if the token is unknown, used or expired: then user->id is 0; or if its user
 * may no longer have a chat.
 */
int link_redeem(struct changes *, const char *token, int64_t chat,
    int64_t topic, struct store_user *) WARN_UNUSED;

/* link_lost(c, user, why): as membership_end_link(), and record a notice to the
 * user. */
int link_lost(
    struct changes *, const struct store_user *, const char *why) WARN_UNUSED;

#endif
