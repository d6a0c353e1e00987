/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_change - the record of changes to the roster
 *
 * Changes are collected and written together, since each statement has its
 * price: at the latest at the end of the transaction, or when they are read.
 */
#include "base/arena.h"
#include "store/store_private.h"

#define COLUMNS 6

static void bind(struct db_stmt *, int, const struct store_change *);
static int write_some(struct store *, enum sql, size_t, size_t);

static void
bind(struct db_stmt *stmt, int i, const struct store_change *c)
{
	db_bind_int(stmt, i + 1, c->at);
	db_bind_text(stmt, i + 2, c->actor);
	db_bind_text(stmt, i + 3, c->account);
	db_bind_text(stmt, i + 4, c->action);
	db_bind_text(stmt, i + 5, c->subject);
	db_bind_text(stmt, i + 6, c->detail);
}

/* Write ${n} changes from ${first} on, by a statement that takes as many. */
static int
write_some(struct store *s, enum sql which, size_t first, size_t n)
{
	struct db_stmt *stmt;
	size_t i;

	stmt = store_bound(s, which, "");
	if (stmt == NULL)
		return (store_note_failure(s));
	for (i = 0; i < n; i++)
		bind(stmt, (int)i * COLUMNS, &s->unwritten.v[first + i]);
	return (store_post(s, stmt, NULL) == -1 ? -1 : 0);
}

int
store_write_changes(struct store *s)
{
	struct store_unwritten *u = &s->unwritten;
	size_t i;
	int rc = 0;

	bool together = u->n == STORE_UNWRITTEN && !u->singly;

	if (together)
		rc = write_some(s, SQL_RECORDS, 0, u->n);
	for (i = 0; !together && i < u->n && rc == 0; i++)
		rc = write_some(s, SQL_RECORD, i, 1);
	store_forget_changes(s);
	return (rc);
}

void
store_forget_changes(struct store *s)
{
	s->unwritten.n = 0;
	arena_reset(s->unwritten.arena);
}

int
store_record(struct store *s, const struct store_change *c)
{
	struct store_unwritten *u = &s->unwritten;
	struct store_change *copy = &u->v[u->n];

	*copy = *c;
	if (arena_keep(u->arena, &copy->actor, &copy->account, &copy->action,
		&copy->subject, &copy->detail, NULL) != 0)
		return (failure_memory(&s->failure));
	u->n++;
	return (u->n == STORE_UNWRITTEN ? store_write_changes(s) : 0);
}

void
store_read_change(struct db_stmt *stmt, struct store_change *c)
{
	c->at = db_int(stmt, 0);
	c->actor = db_text(stmt, 1);
	c->account = db_text(stmt, 2);
	c->action = db_text(stmt, 3);
	c->subject = db_text(stmt, 4);
	c->detail = db_text(stmt, 5);
}

int
store_changes(
    struct store *s, const char *account, store_change_fn *fn, void *ctx)
{
	struct store_change c;
	struct db_stmt *stmt;
	int rc;

	if (store_write_changes(s) != 0)
		return (-1);
	stmt = store_bound(s, SQL_CHANGES, "t", account);
	while ((rc = store_row(s, stmt)) == 1) {
		store_read_change(stmt, &c);
		if (fn(ctx, &c) != 0)
			return (store_stop(stmt));
	}
	return (rc);
}
