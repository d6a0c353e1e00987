/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pgstmt - a statement on a connection to a PostgreSQL server
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistr.h>

#include "db/db_postgres_sql.h"
#include "db/pgmany.h"
#include "db/pgstmt.h"

/* Fixed in the server's catalog. */
#define OID_BOOL 16
#define OID_INT8 20
#define OID_TEXT 25

static int parameter(struct pgstmt *, int, Oid);
static char *well_formed(const char *);
static bool is_nameless(const struct pgstmt *);
static bool is_prepared(const struct pgstmt *);
static int send_prepare(struct pgstmt *);
static int send_question(struct pgstmt *);
static int prepare(struct pgstmt *);
static int start(struct pgstmt *);
static void clear(struct pgstmt *);
static int take_prepare(struct pgstmt *);
static int check_shape(struct pgstmt *, const PGresult *);
static int check_count(struct pgstmt *, PGresult *, int64_t);
static const char *value(const struct pgstmt *, int);

struct pgstmt *
pgstmt_new(const struct db_driver *driver, struct pgconn *conn, const char *sql,
    unsigned number, const char *letter)
{
	struct pgstmt *stmt;

	stmt = calloc(1, sizeof(*stmt));
	if (stmt == NULL || (stmt->sql = db_postgres_sql(sql)) == NULL) {
		free(stmt);
		return (NULL);
	}
	stmt->stmt.driver = driver;
	stmt->conn = conn;
	stmt->columns = db_postgres_columns(stmt->sql);
	stmt->number = number;
	snprintf(stmt->name, sizeof(stmt->name), "%s%u", letter, number);
	return (stmt);
}

void
pgstmt_free(struct pgstmt *stmt)
{
	stmt->progress = READY;
	pgstmt_reset(&stmt->stmt);
	pgmany_free(stmt);
	free(stmt->sql);
	free(stmt);
}

/* Declare parameter ${i}; -1 if there are too many. */
static int
parameter(struct pgstmt *stmt, int i, Oid type)
{
	if (i < 1 || i > PGSTMT_PARAMETERS) {
		stmt->unbound = true;
		return (-1);
	}
	if (i > stmt->n)
		stmt->n = i;
	stmt->types[i - 1] = type;
	return (0);
}

void
pgstmt_bind_int(struct db_stmt *base, int i, int64_t value)
{
	struct pgstmt *stmt = (struct pgstmt *)base;
	char *number;

	if (parameter(stmt, i, OID_INT8) != 0)
		return;
	number = stmt->numbers[i - 1];
	snprintf(number, sizeof(stmt->numbers[0]), "%lld", (long long)value);
	stmt->values[i - 1] = number;
}

/*
 * PostgreSQL stores UTF-8 only, and refuses a statement with malformed text. So
 * ask for a text that cannot be found either: no key has a control character.
 */
static char *
well_formed(const char *text)
{
	const uint8_t *s, *bad;
	char *copy;
	size_t size;
	FILE *out;

	copy = NULL;
	out = open_memstream(&copy, &size);
	if (out == NULL)
		return (NULL);
	s = (const uint8_t *)text;
	while ((bad = u8_check(s, strlen((const char *)s))) != NULL) {
		fprintf(
		    out, "%.*s\x7f%02x", (int)(bad - s), (const char *)s, *bad);
		s = bad + 1;
	}
	fputs((const char *)s, out);
	if (fclose(out) != 0) {
		free(copy);
		return (NULL);
	}
	return (copy);
}

void
pgstmt_bind_text(struct db_stmt *base, int i, const char *value)
{
	struct pgstmt *stmt = (struct pgstmt *)base;

	if (parameter(stmt, i, OID_TEXT) != 0)
		return;
	if (value != NULL &&
	    u8_check((const uint8_t *)value, strlen(value)) != NULL) {
		free(stmt->copies[i - 1]);
		value = stmt->copies[i - 1] = well_formed(value);
		stmt->unbound = stmt->unbound || value == NULL;
	}
	stmt->values[i - 1] = value;
}

static bool
is_nameless(const struct pgstmt *stmt)
{
	return (stmt->conn->pooled && !stmt->conn->named);
}

/* Or is it sent as it is? */
static bool
is_prepared(const struct pgstmt *stmt)
{
	return (stmt->state == PREPARED || is_nameless(stmt));
}

static int
send_prepare(struct pgstmt *stmt)
{
	if (libpq.PQsendPrepare(stmt->conn->handle, stmt->name, stmt->sql,
		stmt->n, stmt->types) != 1)
		return (pgconn_lost(stmt->conn));
	stmt->state = PREPARING;
	return (0);
}

static int
send_question(struct pgstmt *stmt)
{
	int sent;

	if (is_nameless(stmt))
		sent = libpq.PQsendQueryParams(stmt->conn->handle, stmt->sql,
		    stmt->n, stmt->types, stmt->values, NULL, NULL, 0);
	else
		sent = libpq.PQsendQueryPrepared(stmt->conn->handle, stmt->name,
		    stmt->n, stmt->values, NULL, NULL, 0);
	return (sent == 1 ? 0 : pgconn_lost(stmt->conn));
}

static int
take_prepare(struct pgstmt *stmt)
{
	int rc;

	rc = pgconn_done(stmt->conn, NULL);
	stmt->state = rc == 0 ? PREPARED : UNPREPARED;
	/* A pooler has noted the name, and would refuse it the next time. */
	if (rc != 0 && stmt->conn->named)
		stmt->conn->broken = true;
	return (rc);
}

static int
prepare(struct pgstmt *stmt)
{
	if (stmt->unbound)
		return (pgconn_memory(stmt->conn));
	if (is_prepared(stmt))
		return (0);
	if (pgconn_ready(stmt->conn) != 0 || send_prepare(stmt) != 0)
		return (-1);
	return (take_prepare(stmt));
}

static int
start(struct pgstmt *stmt)
{
	if (prepare(stmt) != 0 || pgconn_ready(stmt->conn) != 0)
		return (-1);
	if (send_question(stmt) != 0)
		return (-1);
	if (libpq.PQsetSingleRowMode(stmt->conn->handle) != 1)
		return (pgconn_lost(stmt->conn));
	stmt->conn->single = true;
	stmt->count = 0;
	stmt->progress = RUNNING;
	return (0);
}

/*
 * A pooler that mixes up its clients, or its prepared statements, hands out the
 * answer to another question, or part of one. No column of that is read.
 */
static int
check_shape(struct pgstmt *stmt, const PGresult *result)
{
	int columns = libpq.PQnfields(result);

	if (stmt->columns == -1 || columns == stmt->columns)
		return (0);
	stmt->conn->broken = true;
	return (pgconn_note(stmt->conn, FAILURE_IO,
	    "the answer has %d columns, %d were asked for; a connection pooler "
	    "must leave each session its own connection",
	    columns, stmt->columns));
}

/* At the end of an answer the server says how many rows it has: ${rows}? */
static int
check_count(struct pgstmt *stmt, PGresult *result, int64_t rows)
{
	const char *said = libpq.PQcmdTuples(result);

	if (check_shape(stmt, result) != 0)
		return (-1);
	if (stmt->columns <= 0 || strtoll(said, NULL, 10) == rows)
		return (0);
	stmt->conn->broken = true;
	return (pgconn_note(stmt->conn, FAILURE_IO,
	    "the answer has %lld rows, and says it has %s", (long long)rows,
	    said));
}

int
pgstmt_step(struct db_stmt *base)
{
	struct pgstmt *stmt = (struct pgstmt *)base;
	PGresult *result;
	int rc;

	libpq.PQclear(stmt->rows);
	stmt->rows = NULL;
	if (stmt->progress == READY && start(stmt) != 0)
		return (-1);
	if (stmt->progress == ENDED)
		return (pgconn_note(
		    stmt->conn, FAILURE_IO, "a statement goes past its end"));
	if (pgconn_next(stmt->conn, &result) != 0)
		return (-1);
	switch (libpq.PQresultStatus(result)) {
	case PGRES_SINGLE_TUPLE:
		rc = check_shape(stmt, result);
		if (rc != 0)
			break;
		stmt->rows = result;
		stmt->row = 0;
		stmt->count++;
		return (1);
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
		stmt->conn->changes =
		    strtoll(libpq.PQcmdTuples(result), NULL, 10);
		rc = check_count(stmt, result, stmt->count);
		break;
	default:
		rc = pgconn_refused(stmt->conn, result);
		break;
	}
	libpq.PQclear(result);
	stmt->progress = ENDED;
	/* Keep the first failure. */
	if (pgconn_finish(stmt->conn) != 0 && rc == 0)
		rc = -1;
	return (rc);
}

/* The value of NULL is "". There is no column that does not exist, but libpq
 * would return NULL. */
static const char *
value(const struct pgstmt *stmt, int column)
{
	const char *text = libpq.PQgetvalue(stmt->rows, stmt->row, column);

	return (text == NULL ? "" : text);
}

int64_t
pgstmt_int(struct db_stmt *base, int column)
{
	const struct pgstmt *stmt = (const struct pgstmt *)base;
	const char *text = value(stmt, column);

	if (libpq.PQftype(stmt->rows, column) == OID_BOOL)
		return (*text == 't');
	return (strtoll(text, NULL, 10));
}

const char *
pgstmt_text(struct db_stmt *base, int column)
{
	const struct pgstmt *stmt = (const struct pgstmt *)base;

	return (value(stmt, column));
}

/* Forget rows and parameters. */
static void
clear(struct pgstmt *stmt)
{
	int i;

	libpq.PQclear(stmt->rows);
	stmt->rows = NULL;
	for (i = 0; i < stmt->n; i++) {
		stmt->values[i] = NULL;
		free(stmt->copies[i]);
		stmt->copies[i] = NULL;
	}
	stmt->unbound = false;
}

void
pgstmt_reset(struct db_stmt *base)
{
	struct pgstmt *stmt = (struct pgstmt *)base;

	clear(stmt);
	if (stmt->progress == RUNNING && pgconn_finish(stmt->conn) != 0)
		stmt->conn->broken = true;
	stmt->progress = READY;
}

int
pgstmt_understands(struct db_stmt *base)
{
	struct pgstmt *stmt = (struct pgstmt *)base;

	if (pgconn_ready(stmt->conn) != 0)
		return (-1);
	if (libpq.PQsendPrepare(stmt->conn->handle, "", stmt->sql, 0, NULL) !=
	    1)
		return (pgconn_lost(stmt->conn));
	return (pgconn_done(stmt->conn, NULL));
}

int
pgstmt_post(struct db_stmt *base)
{
	struct pgstmt *stmt = (struct pgstmt *)base;

	if (!stmt->conn->bulk)
		return (1);
	if (stmt->unbound)
		return (pgconn_memory(stmt->conn));
	stmt->conn->changes = 1;
	if (stmt->many != NULL || pgmany_takes(stmt))
		return (pgmany_add(stmt));
	return (pgmany_send(stmt->conn) == 0 ? pgstmt_post_now(stmt) : -1);
}

int
pgstmt_post_now(struct pgstmt *stmt)
{
	if (stmt->unbound)
		return (pgconn_memory(stmt->conn));
	if (!is_prepared(stmt)) {
		if (pgconn_post(stmt->conn) != 0 || send_prepare(stmt) != 0)
			return (-1);
		stmt->state = PREPARED;
	}
	return (pgconn_post(stmt->conn) == 0 ? send_question(stmt) : -1);
}

bool
pgstmt_is_text(const struct pgstmt *stmt, int i)
{
	return (stmt->types[i] == OID_TEXT);
}

int
pgstmt_send(struct pgstmt *stmt)
{
	int rc = 0;

	if (stmt->unbound)
		rc = pgconn_memory(stmt->conn);
	/* One statement may be several questions. */
	if (rc == 0 && stmt->state == UNPREPARED && !is_prepared(stmt))
		rc = send_prepare(stmt);
	if (rc == 0)
		rc = send_question(stmt);
	clear(stmt);
	return (rc);
}

int
pgstmt_take(struct pgstmt *stmt)
{
	int rc = 0;

	clear(stmt);
	stmt->row = -1;
	if (stmt->state == PREPARING)
		rc = take_prepare(stmt);
	if (pgconn_answer(stmt->conn, &stmt->rows) != 0)
		return (-1);
	if (check_count(stmt, stmt->rows, libpq.PQntuples(stmt->rows)) != 0) {
		clear(stmt);
		rc = -1;
	}
	return (rc);
}

int
pgstmt_next(struct pgstmt *stmt)
{
	if (stmt->row + 1 >= libpq.PQntuples(stmt->rows))
		return (0);
	stmt->row++;
	return (1);
}
