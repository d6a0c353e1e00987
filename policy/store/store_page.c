/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_page - a page of the users of an account, and their subscriptions
 */
#include "store/store_private.h"

int
store_members(struct store *s, int64_t account, const char *key, int limit,
    store_user_fn *fn, void *ctx)
{
	return (store_each_user(s,
	    store_bound(s, SQL_MEMBERS, "iiti", account, (int64_t)0, key,
		(int64_t)limit),
	    fn, ctx));
}

int
store_members_subscriptions(struct store *s, int64_t account, const char *from,
    const char *to, store_subscription_fn *fn, void *ctx)
{
	struct category c;
	struct db_stmt *stmt;
	int rc;

	stmt =
	    store_bound(s, SQL_MEMBERS_SUBSCRIPTIONS, "itt", account, from, to);
	while ((rc = store_row(s, stmt)) == 1) {
		if (store_read_category(s, stmt, &c) != 0 ||
		    fn(ctx, db_int(stmt, 5), &c) != 0)
			return (store_stop(stmt));
	}
	return (rc);
}
