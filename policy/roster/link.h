/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link - which user's mirrored messages go to which Telegram chat
 *
 * policy/README.md, Roles and How a message reaches Telegram. A connect token
 * is shown once and stored as a hash; the link it makes lasts until the user
 * ends it, Telegram says the chat is gone, or the user is no longer entitled
 * (that last is membership.c's).
 *
 * Inside a transaction that the caller has begun. Threads: as struct store.
 * Results: 1 done, 0 refused or nothing to do, -1 failed, with
 * changes->failure.
 */
#ifndef LINK_H
#define LINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "roster/membership.h"

struct store_account;
struct store_user;

/* A token with its NUL: 128 random bits as base64url (RFC 4648, 5), which is
 * what a deep link may carry. */
#define LINK_TOKEN_SIZE 23
#define LINK_TOKEN_SECONDS (15 * 60)
/* So many "chat not found" in a row end a link. */
#define LINK_STRIKES 3

/*
 * link_may(c, user, why): may the user have a chat: by role, and entitled to a
 * mirrored category? 0 with ${*why}, words that follow the user's address.
 */
int link_may(
    struct changes *, const struct store_user *, const char **why) WARN_UNUSED;

/*
 * link_token(c, user, token): a new token for ${user}, in place of the one
 * before. The token goes nowhere but to the user.
 */
int link_token(struct changes *, const struct store_user *,
    char token[LINK_TOKEN_SIZE]) WARN_UNUSED;

/*
 * link_redeem(c, token, chat, user): use ${token} up and link its user to
 * ${chat}, in place of the chat before. 0 if it is unknown, used or expired,
 * or its user may have no chat any more.
 */
int link_redeem(struct changes *, const char *token, int64_t chat,
    struct store_user *) WARN_UNUSED;

/* link_end(c, user, why): end the user's link; ${why} goes into the record. */
int link_end(
    struct changes *, const struct store_user *, const char *why) WARN_UNUSED;

/* link_lost(c, user, why): like link_end(), and the user is to be told by
 * mail. */
int link_lost(
    struct changes *, const struct store_user *, const char *why) WARN_UNUSED;

#endif
