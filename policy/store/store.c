/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store - the roster as an open database: statements, transactions
 *
 * Statements (sql.c) are prepared at their first use and live as long as the
 * store.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "store/store_private.h"

#define UNWRITTEN_MAX ((size_t)16 << 20)

int
store_note_failure(struct store *s)
{
	return (db_failure(s->db, &s->failure));
}

struct db_stmt *
store_bound(struct store *s, enum sql which, const char *types, ...)
{
	struct db_stmt **stmt = &s->stmts[which];
	const char *sql = sql_statements[which];
	va_list ap;
	int i;

	if (s->version == STORE_OLDEST && sql_statements_1[which] != NULL) {
		stmt += SQL_COUNT;
		sql = sql_statements_1[which];
	}
	if (*stmt == NULL)
		*stmt = db_prepare(s->db, sql);
	if (*stmt == NULL)
		return (NULL);
	va_start(ap, types);
	for (i = 1; *types != '\0'; types++, i++) {
		if (*types == 'i')
			db_bind_int(*stmt, i, va_arg(ap, int64_t));
		else
			db_bind_text(*stmt, i, va_arg(ap, const char *));
	}
	va_end(ap);
	return (*stmt);
}

int
store_row(struct store *s, struct db_stmt *stmt)
{
	int rc;

	if (stmt == NULL)
		return (store_note_failure(s));
	rc = db_step(stmt);
	if (rc == -1)
		store_note_failure(s);
	if (rc != 1)
		db_reset(stmt);
	return (rc);
}

int
store_only(struct store *s, struct db_stmt *stmt)
{
	int rc;

	rc = store_row(s, stmt);
	if (rc == 1)
		db_reset(stmt);
	return (rc == -1 ? -1 : 1);
}

int
store_stop(struct db_stmt *stmt)
{
	db_reset(stmt);
	return (-1);
}

int
store_run(struct store *s, struct db_stmt *stmt)
{
	int rc;

	rc = store_row(s, stmt);
	if (rc == 1)
		return (store_only(s, stmt));
	return (rc == 0 ? db_changes(s->db) > 0 : -1);
}

int
store_post(struct store *s, struct db_stmt *stmt, int64_t *id)
{
	int rc;

	if (stmt == NULL)
		return (store_note_failure(s));
	rc = db_post(stmt, id);
	rc = rc == 0 ? db_changes(s->db) > 0 : store_note_failure(s);
	db_reset(stmt);
	return (rc);
}

int
store_number(struct store *s, struct db_stmt *stmt, int64_t *n)
{
	int rc;

	rc = store_row(s, stmt);
	if (rc != 1)
		return (rc);
	*n = db_int(stmt, 0);
	return (store_only(s, stmt));
}

struct store *
store_open(
    const char *url, enum db_mode mode, int wait, struct failure *failure)
{
	struct store *s;

	s = calloc(1, sizeof(*s));
	if (s == NULL ||
	    (s->stmts = calloc((size_t)2 * SQL_COUNT, sizeof(*s->stmts))) ==
		NULL ||
	    (s->unwritten.arena = arena_new(UNWRITTEN_MAX)) == NULL) {
		failure_memory(failure);
		store_close(s);
		return (NULL);
	}
	s->schema = STORE_SCHEMA;
	s->steps = sql_upgrades;
	s->db = db_open(url, mode, wait, failure);
	if (s->db == NULL) {
		store_close(s);
		return (NULL);
	}
	db_tables(s->db, sql_tables);
	return (s);
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	db_close(s->db);
	arena_free(s->unwritten.arena);
	failure_clear(&s->failure);
	free(s->stmts);
	free(s);
}

void
store_accept_older(struct store *s)
{
	s->oldest = STORE_OLDEST;
}

struct db *
store_db(struct store *s)
{
	return (s->db);
}

int
store_claim(struct store *s)
{
	int rc;

	rc = db_claim(s->db);
	return (rc == -1 ? store_note_failure(s) : rc);
}

const struct failure *
store_failure(const struct store *s)
{
	return (&s->failure);
}

int
store_failed(const struct store *s, struct failure *failure)
{
	if (s->failure.kind == FAILURE_NONE)
		return (failure_memory(failure));
	return (failure_copy(failure, &s->failure));
}

void
store_forgive(struct store *s)
{
	failure_clear(&s->failure);
}

int
store_begin(struct store *s, enum db_mode mode)
{
	enum db_content content;
	int64_t version;
	int rc;

	if (db_begin(s->db, mode) != 0)
		return (store_note_failure(s));
	if (db_schema(s->db, &content, &version) != 0)
		rc = store_note_failure(s);
	else
		rc = store_fits(s, content, version);
	if (rc != 0)
		store_end(s);
	return (rc);
}

int
store_settle(struct store *s)
{
	if (store_write_changes(s) != 0)
		return (-1);
	return (db_settle(s->db) == 0 ? 0 : store_note_failure(s));
}

int
store_commit(struct store *s)
{
	if (store_write_changes(s) != 0)
		return (-1);
	return (db_commit(s->db) == 0 ? 0 : store_note_failure(s));
}

void
store_end(struct store *s)
{
	store_forget_changes(s);
	/* After a failure here the store must not be used again. An earlier
	 * failure says more. */
	if (db_rollback(s->db) != 0 && s->failure.kind == FAILURE_NONE)
		store_note_failure(s);
}

int
store_scrub(struct store *s)
{
	return (db_scrub(s->db) == 0 ? 0 : store_note_failure(s));
}

void
store_survey(struct store *s)
{
	(void)!db_survey(s->db);
}

int
store_bulk(struct store *s)
{
	/* Rows are collected by statement, and sent in this order. */
	static const enum sql order[] = {
	    SQL_ACCOUNT_ADD, SQL_USER_ADD, SQL_SUBSCRIBE, SQL_RECORD};
	size_t i;

	s->unwritten.singly = db_dialect(s->db) == DB_POSTGRESQL;
	for (i = 0; s->unwritten.singly && i < sizeof(order) / sizeof(order[0]);
	     i++) {
		if (store_bound(s, order[i], "") == NULL)
			return (store_note_failure(s));
	}
	return (db_bulk(s->db) == 0 ? 0 : store_note_failure(s));
}

int
store_secret(struct store *s, const char *name, char secret[STORE_SECRET_SIZE])
{
	struct db_stmt *stmt;
	const char *value;
	int rc;

	if (s->version < STORE_SECRET_SINCE)
		return (0);
	stmt = store_bound(s, SQL_SECRET, "t", name);
	rc = store_row(s, stmt);
	if (rc != 1)
		return (rc);
	value = db_text(stmt, 0);
	if (strlen(value) >= STORE_SECRET_SIZE) {
		failure_set(&s->failure, FAILURE_IO,
		    "database %s: a secret is too long", db_name(s->db));
		return (store_stop(stmt));
	}
	strcpy(secret, value);
	return (store_only(s, stmt));
}

int
store_counts(struct store *s, struct store_counts *counts)
{
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_COUNTS, "");
	rc = store_row(s, stmt);
	if (rc != 1)
		return (rc);
	counts->accounts = db_int(stmt, 0);
	counts->users = db_int(stmt, 1);
	counts->subscriptions = db_int(stmt, 2);
	return (store_only(s, stmt));
}

int
store_languages(struct store *s, int64_t account, bool *some)
{
	struct db_stmt *stmt;
	int rc;

	stmt = store_bound(s, SQL_LANGUAGES, "i", account);
	rc = store_row(s, stmt);
	if (rc != 1)
		return (rc);
	*some = db_int(stmt, 0) != 0;
	return (store_only(s, stmt));
}
