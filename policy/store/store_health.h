/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_health - the state of the database, for `notifyctl check`
 *
 * Threads and results as in store.h.
 */
#ifndef STORE_HEALTH_H
#define STORE_HEALTH_H

#include "store/store.h"

/*
 * store_check(s, seconds): as db_check(), and that the database has the tables
 * and columns of every statement. 0 if all are sound; 1 if ${seconds} were not
 * enough; -1.
 */
int store_check(struct store *, int seconds) WARN_UNUSED;

/* store_server(s, server): as db_server(). */
int store_server(struct store *, struct db_server *) WARN_UNUSED;

struct store_health {
	int64_t accounts_without_owner;
	int64_t notices_pending;  /* of links, those that are two minutes old */
	int64_t notice_oldest;	  /* Unix seconds; 0: none is pending */
	int64_t notices_in_doubt; /* taken, outcome unknown */
	int64_t accounts, users, subscriptions, links;
	int64_t reserved; /* users with an address in a reserved domain */
};
int store_health(struct store *, const char *telegram_domain,
    const char *account_domain, struct store_health *) WARN_UNUSED;

/* store_addresses_wrong(s, fn, ctx): users whose address cannot be read, or has
 * another key than theirs. No command writes such; the milter defers mail to
 * their accounts. */
struct store_address {
	const char *account, *address, *key;
};
typedef int store_address_fn(void *, const struct store_address *);
int store_addresses_wrong(
    struct store *, store_address_fn *, void *) WARN_UNUSED;

/* store_links_stray(s, fn, ctx): users with a link who are not entitled to any
 * mirrored category. */
int store_links_stray(struct store *, store_user_fn *, void *) WARN_UNUSED;

#endif
