/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_link - rows of Telegram links in and out of the database
 *
 * Threads and results as in store.h.
 */
#ifndef STORE_LINK_H
#define STORE_LINK_H

#include "store/store.h"

/*
 * Links. store_link(): the user who has the link ${id}; ${category} as in
 * store.h. store_link_add(): 0 if the link ${id} exists; ${topic} is 0 for
 * none. store_link_end(): 1 ended; 0 if the user had none. store_link_move():
 * with the messages that wait for the chat. store_link_strike(): add a strike,
 * or ${reset} them to 0; ${*strikes} is their number after that.
 */
int store_link(struct store *, struct arena *, int64_t id, int64_t category,
    struct store_user *) WARN_UNUSED;
int store_link_add(struct store *, int64_t id, int64_t user, int64_t chat,
    int64_t topic) WARN_UNUSED;
int store_link_end(struct store *, int64_t user) WARN_UNUSED;
int store_link_move(struct store *, int64_t from, int64_t to) WARN_UNUSED;
int store_link_strike(
    struct store *, int64_t id, bool reset, int64_t *strikes) WARN_UNUSED;
int store_links_of_chat(
    struct store *, int64_t chat, store_user_fn *, void *) WARN_UNUSED;

/*
 * Connect tokens, by hash. store_token(): the user of one that has not expired
 * at ${now}; one that expires after ${latest} was made when the clock was
 * wrong, and counts as expired. store_token_expire(): remove expired ones, and
 * those of ${origin} for ${user}; others live beside it.
 */
#define STORE_BY_CONNECT "connect" /* origins of tokens */
#define STORE_BY_MAIL "mail"
int store_token_add(struct store *, const char *hash, int64_t user,
    int64_t expires, const char *origin) WARN_UNUSED;
int store_token(struct store *, struct arena *, const char *hash, int64_t now,
    int64_t latest, struct store_user *) WARN_UNUSED;
int store_token_remove(struct store *, const char *hash) WARN_UNUSED;
int store_token_expire(struct store *, int64_t now, int64_t latest,
    int64_t user, const char *origin) WARN_UNUSED;

/*
 * Requests for a link by mail. store_linkable(): the users with the address
 * ${key} who may have a chat, in the order of their accounts.
 * store_linkable_any(): is there ${*any}? It takes as long if there is none.
 * store_requests(): what was asked until ${latest}. store_request_expire():
 * remove some of those from before ${before} or after ${latest}, a few at a
 * time.
 */
struct store_requests {
	int64_t of_chat;    /* after since_chat */
	int64_t oldest;	    /* of these; 0 for none */
	int64_t to_address; /* that sent a mail, after since_address */
	int64_t recent;	    /* likewise, after since_recent */
	int64_t since_chat, since_address, since_recent, latest;
};
int store_linkable(
    struct store *, const char *key, store_user_fn *, void *) WARN_UNUSED;
int store_linkable_any(struct store *, const char *key, bool *any) WARN_UNUSED;
int store_requests(struct store *, int64_t chat, const char *key,
    struct store_requests *) WARN_UNUSED;
int store_request_add(struct store *, int64_t at, int64_t chat, const char *key,
    bool sent) WARN_UNUSED;
int store_request_expire(
    struct store *, int64_t before, int64_t latest) WARN_UNUSED;

/*
 * Farewells: what the bot still says in chats whose link ended elsewhere;
 * ${at} is when, and ${reason} why. store_farewell_next(): the first with an id
 * above ${after}; its strings are copied into ${a}. store_farewell_expire():
 * remove those from before ${before}.
 */
struct store_farewell {
	int64_t id;
	int64_t at;
	int64_t chat;
	int64_t topic;
	const char *language;
	const char *account;
	const char *reason;
};
int store_farewell_add(struct store *, int64_t at, const struct store_user *,
    const char *reason) WARN_UNUSED;
int store_farewell_next(struct store *, struct arena *, int64_t after,
    struct store_farewell *) WARN_UNUSED;
int store_farewell_remove(struct store *, int64_t id) WARN_UNUSED;
int store_farewell_expire(struct store *, int64_t before) WARN_UNUSED;

/*
 * Messages that wait for their chat. Those count that were tried after ${from}
 * and not after ${to}: one tried before that has left the queue, and one tried
 * after it met a wrong clock. store_waiting_expire(): remove all others.
 * store_waiting_before(): ${*n} messages that arrived before ${message} wait
 * for ${chat}; not those whose links have ended.
 */
int store_waiting_add(struct store *, int64_t link, int64_t chat,
    const char *message, int64_t arrived, int64_t now) WARN_UNUSED;
int store_waiting_remove(
    struct store *, int64_t link, const char *message) WARN_UNUSED;
int store_waiting_expire(struct store *, int64_t from, int64_t to) WARN_UNUSED;
int store_waiting_before(struct store *, int64_t chat, const char *message,
    int64_t arrived, int64_t from, int64_t to, int64_t *n) WARN_UNUSED;

/*
 * Named numbers that outlive the program. store_state_each(): those whose name
 * begins with ${prefix}. store_state_expire(): remove those of them that are
 * less than ${least}.
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
