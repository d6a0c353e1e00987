/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_person - all rows that hold somebody's address
 *
 * ${key} is as address.h's. Threads and results as in store.h.
 */
#ifndef STORE_PERSON_H
#define STORE_PERSON_H

#include "store/store.h"
#include "store/store_notice.h"

/* store_person_users(): the users with that address, in any account. */
int store_person_users(
    struct store *, const char *key, store_user_fn *, void *) WARN_UNUSED;

struct store_token {
	const char *origin; /* STORE_BY_CONNECT or STORE_BY_MAIL */
	const char *account;
	int64_t expires;
};
typedef int store_token_fn(void *, const struct store_token *);
int store_person_tokens(
    struct store *, const char *key, store_token_fn *, void *) WARN_UNUSED;

/* Requests for a link by mail. */
struct store_request {
	int64_t at;
	int64_t chat;
	bool sent;
};
typedef int store_request_fn(void *, const struct store_request *);
int store_person_requests(
    struct store *, const char *key, store_request_fn *, void *) WARN_UNUSED;
int store_person_requests_remove(struct store *, const char *key) WARN_UNUSED;

/*
 * Texts that may name a person.
 * store_titles(): the id, the name and the title of each account whose title
 * has an @. store_changes_all(): every change with its id. store_change_next():
 * a number that no change has had. store_change_reword(),
 * store_notice_reword(): give the row these texts.
 */
int store_titles(struct store *, store_account_fn *, void *) WARN_UNUSED;
typedef int store_change_id_fn(void *, int64_t id, const struct store_change *);
int store_changes_all(struct store *, store_change_id_fn *, void *) WARN_UNUSED;
int store_change_next(struct store *, int64_t *id) WARN_UNUSED;
int store_change_reword(struct store *, int64_t id, const char *actor,
    const char *subject, const char *detail) WARN_UNUSED;
int store_notice_reword(struct store *, int64_t id, const char *detail,
    const char *actor) WARN_UNUSED;
int store_notice_remove(struct store *, int64_t id) WARN_UNUSED;

#endif
