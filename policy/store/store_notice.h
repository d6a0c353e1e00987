/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_notice - rows of mail to users that is not sent yet
 *
 * Threads and results as in store.h.
 */
#ifndef STORE_NOTICE_H
#define STORE_NOTICE_H

#include "store/store.h"

struct store_notice {
	int64_t id;
	int64_t at;
	const char *account;
	const char *address;
	const char *kind;   /* NOTICE_... */
	const char *detail; /* a category's title, or why the link ended */
	const char *actor;
	const char *language; /* of the user; "" or NULL for none */
	/* "pending", "handing" or "sent"; and why it waits. */
	const char *state;
	int64_t tries;
	const char *error;
};
#define NOTICE_UNSUBSCRIBED "unsubscribed"
#define NOTICE_MIRRORED "mirrored"     /* a category comes to the chat, too */
#define NOTICE_UNMIRRORED "unmirrored" /* or no longer */
#define NOTICE_TELEGRAM_END "telegram-end"
#define NOTICE_FORGOTTEN "forgotten" /* removed as soon as it is sent */
#define NOTICE_LINK "link"	     /* connect links; ${address} is a key */

/*
 * A notice is pending until it is taken, and taken until its outcome is noted.
 * store_notices(): those that were not sent; store_notices_all(): also the
 * others that are kept. store_notice_add_if(): add it if ${wanted}, with the
 * same statement if not. store_notice_take(): take the oldest pending one with
 * an id above ${after}: of those with ${links} (NOTICE_LINK), or of the others;
 * its strings are copied into ${a}. store_notice_failed(): it is pending again.
 * store_notice_later(): ${*n} later ones of that kind to that address wait.
 * store_notice_expire(): remove those that were sent before ${before}; not in a
 * roster of version 1.
 */
typedef int store_notice_fn(void *, const struct store_notice *);
int store_notices(struct store *, store_notice_fn *, void *) WARN_UNUSED;
int store_notices_all(struct store *, store_notice_fn *, void *) WARN_UNUSED;
int store_notice_add(struct store *, const struct store_notice *) WARN_UNUSED;
int store_notice_add_if(
    struct store *, const struct store_notice *, bool wanted) WARN_UNUSED;
int store_notice_take(struct store *, struct arena *, int64_t after, bool links,
    struct store_notice *) WARN_UNUSED;
int store_notice_later(
    struct store *, const struct store_notice *, int64_t *n) WARN_UNUSED;
int store_notice_sent(struct store *, int64_t id, int64_t now) WARN_UNUSED;
int store_notice_expire(struct store *, int64_t before) WARN_UNUSED;
int store_notice_failed(
    struct store *, int64_t id, const char *error) WARN_UNUSED;

#endif
