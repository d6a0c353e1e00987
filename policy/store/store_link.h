/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_link - what the database knows of Telegram links
 *
 * Threads and results as in store.h.
 */
#ifndef STORE_LINK_H
#define STORE_LINK_H

#include <stdint.h>

#include "base/compiler.h"
#include "store/store.h"

struct arena;

/* Links. store_link(): the user whose link ${id} is; ${category} as in
 * store.h. store_link_add(): 0 if there is a link ${id}. store_link_move():
 * what waits for the chat moves with it. store_link_strike(): one strike more,
 * or none any more if ${reset}; how many there are now. */
int store_link(struct store *, struct arena *, int64_t id, int64_t category,
    struct store_user *) WARN_UNUSED;
int store_link_add(
    struct store *, int64_t id, int64_t user, int64_t chat) WARN_UNUSED;
int store_link_move(struct store *, int64_t from, int64_t to) WARN_UNUSED;
int store_link_strike(
    struct store *, int64_t id, bool reset, int64_t *strikes) WARN_UNUSED;
int store_links_of_chat(
    struct store *, int64_t chat, store_user_fn *, void *) WARN_UNUSED;

/*
 * Connect tokens, by hash. store_token(): whose it is, if it has not expired at
 * ${now}; one that would expire after ${latest} was made when the clock was
 * wrong, and has expired too. store_token_expire(): forget those that have, and
 * ${user}'s.
 */
int store_token_add(struct store *, const char *hash, int64_t user,
    int64_t expires) WARN_UNUSED;
int store_token(struct store *, struct arena *, const char *hash, int64_t now,
    int64_t latest, struct store_user *) WARN_UNUSED;
int store_token_remove(struct store *, const char *hash) WARN_UNUSED;
int store_token_expire(
    struct store *, int64_t now, int64_t latest, int64_t user) WARN_UNUSED;

/*
 * Messages that wait for their chat, and were tried after ${from} and not after
 * ${to}: one that was tried before has left the queue, one after that when the
 * clock was wrong. store_waiting_expire(): forget the others.
 * store_waiting_before(): how many that arrived before ${message} wait for
 * ${chat}.
 */
int store_waiting_add(struct store *, int64_t link, int64_t chat,
    const char *message, int64_t arrived, int64_t now) WARN_UNUSED;
int store_waiting_remove(
    struct store *, int64_t link, const char *message) WARN_UNUSED;
int store_waiting_expire(struct store *, int64_t from, int64_t to) WARN_UNUSED;
int store_waiting_before(struct store *, int64_t chat, const char *message,
    int64_t arrived, int64_t from, int64_t to, int64_t *n) WARN_UNUSED;

/*
 * Numbers that are to outlive a program. store_state_each(): those whose name
 * begins with ${prefix}. store_state_expire(): of those, forget the ones below
 * ${least}.
 */
typedef int store_state_fn(void *, const char *name, int64_t value);
int store_state_each(
    struct store *, const char *prefix, store_state_fn *, void *) WARN_UNUSED;
int store_state_expire(
    struct store *, const char *prefix, int64_t least) WARN_UNUSED;
int store_state_get(
    struct store *, const char *name, int64_t *value) WARN_UNUSED;
int store_state_set(
    struct store *, const char *name, int64_t value) WARN_UNUSED;

#endif
