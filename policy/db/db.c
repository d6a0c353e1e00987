/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db - choose the driver of a database, and call it
 */
#include <stddef.h>
#include <string.h>

#include "db/db_driver.h"
#include "db/db_url.h"

static const struct db_driver *driver_of(const char *);
static int exec_any(struct db *, const char *);
static int ask_one(const struct db_asking *, size_t);
static int ask_in_turn(struct db *, const struct db_asking *);

static const struct db_driver *
driver_of(const char *url)
{
	return (db_url_remote(url) ? &db_postgres : &db_sqlite);
}

const char *
db_expected(const char *url)
{
	const char *expected;

	expected = db_url_expected(url);
	if (expected != NULL || driver_of(url)->expected == NULL)
		return (expected);
	return (driver_of(url)->expected(url));
}

int
db_run_own(
    struct db *db, struct db_stmt **stmt, const char *sql, int64_t *number)
{
	int rc;

	if (*stmt == NULL)
		*stmt = db_prepare(db, sql);
	if (*stmt == NULL)
		return (-1);
	rc = db_step(*stmt);
	if (number != NULL)
		*number = rc == 1 ? db_int(*stmt, 0) : 0;
	db_reset(*stmt);
	return (rc == -1 ? -1 : 0);
}

struct db *
db_open(const char *url, enum db_mode mode, int wait, struct failure *failure)
{
	return (driver_of(url)->open(url, mode, wait, failure));
}

void
db_close(struct db *db)
{
	if (db != NULL)
		db->driver->close(db);
}

bool
db_current(struct db *db)
{
	return (db->driver->current(db));
}

void
db_bound_lag(struct db *db, long seconds)
{
	db->max_lag = seconds;
	db->lag = -1;
}

int64_t
db_lag(const struct db *db)
{
	return (db->lag);
}

void
db_mark(struct db *db)
{
	db->mark = true;
}

void
db_tables(struct db *db, const char *names)
{
	db->tables = names;
}

int
db_exec(struct db *db, const char *sql)
{
	return (db->driver->exec(db, sql));
}

struct db_stmt *
db_prepare(struct db *db, const char *sql)
{
	return (db->driver->prepare(db, sql));
}

void
db_bind_int(struct db_stmt *stmt, int i, int64_t value)
{
	stmt->driver->bind_int(stmt, i, value);
}

void
db_bind_text(struct db_stmt *stmt, int i, const char *value)
{
	stmt->driver->bind_text(stmt, i, value);
}

int
db_step(struct db_stmt *stmt)
{
	return (stmt->driver->step(stmt));
}

int64_t
db_int(struct db_stmt *stmt, int column)
{
	return (stmt->driver->column_int(stmt, column));
}

const char *
db_text(struct db_stmt *stmt, int column)
{
	return (stmt->driver->column_text(stmt, column));
}

void
db_reset(struct db_stmt *stmt)
{
	stmt->driver->reset(stmt);
}

int
db_post(struct db_stmt *stmt, int64_t *id)
{
	int64_t number = 0;
	int rc;

	rc = stmt->driver->post == NULL ? 1 : stmt->driver->post(stmt);
	if (rc == 1)
		rc = db_step(stmt);
	if (rc == 1) {
		number = db_int(stmt, 0);
		/* The change is made when the statement is done. */
		rc = db_step(stmt) == -1 ? -1 : 0;
	}
	if (id != NULL)
		*id = number;
	return (rc);
}

int
db_settle(struct db *db)
{
	return (db->driver->settle == NULL ? 0 : db->driver->settle(db));
}

static int
ask_one(const struct db_asking *asking, size_t i)
{
	struct db_stmt *stmt;
	int rc;

	rc = asking->needed == NULL ? 1 : asking->needed(asking->ctx, i);
	if (rc != 1)
		return (rc == 0 ? 0 : 1);
	stmt = asking->question(asking->ctx, i);
	if (stmt == NULL)
		return (-1);
	while ((rc = db_step(stmt)) == 1) {
		if (asking->row(asking->ctx, i, stmt) != 0)
			break;
	}
	db_reset(stmt);
	return (rc);
}

/* For a driver that gains nothing by sending all at once. */
static int
ask_in_turn(struct db *db, const struct db_asking *asking)
{
	enum db_content content;
	int64_t version;
	size_t i;
	int rc;

	if (db_begin(db, DB_READ) != 0)
		return (-1);
	rc = db_schema(db, &content, &version);
	if (rc == 0 && asking->schema(asking->ctx, content, version) != 0)
		rc = 1;
	for (i = 0; rc == 0 && i < asking->n; i++)
		rc = ask_one(asking, i);
	if (db_rollback(db) != 0)
		rc = -1;
	return (rc);
}

int
db_ask(struct db *db, const struct db_asking *asking)
{
	return (db->driver->ask == NULL ? ask_in_turn(db, asking)
					: db->driver->ask(db, asking));
}

int
db_begin(struct db *db, enum db_mode mode)
{
	return (db->driver->begin(db, mode));
}

int
db_commit(struct db *db)
{
	return (db->driver->commit(db));
}

int
db_rollback(struct db *db)
{
	return (db->driver->rollback(db));
}

/* Run the SQL, if there is any. */
static int
exec_any(struct db *db, const char *sql)
{
	return (sql == NULL ? 0 : db_exec(db, sql));
}

int
db_share(struct db *db)
{
	return (exec_any(db, db->driver->share));
}

int
db_scrub(struct db *db)
{
	return (exec_any(db, db->driver->scrub));
}

int
db_survey(struct db *db)
{
	return (exec_any(db, db->driver->survey));
}

int
db_references(struct db *db, bool watched)
{
	return (exec_any(db,
	    watched ? db->driver->references_on : db->driver->references_off));
}

int
db_check_references(struct db *db, struct failure *failure)
{
	return (db->driver->check_references == NULL
		? 0
		: db->driver->check_references(db, failure));
}

int
db_claim(struct db *db)
{
	return (db->driver->claim(db));
}

int
db_bulk(struct db *db)
{
	return (db->driver->bulk(db));
}

int
db_schema(struct db *db, enum db_content *content, int64_t *version)
{
	return (db->driver->schema(db, content, version));
}

int
db_set_schema(struct db *db, int64_t version)
{
	return (db->driver->set_schema(db, version));
}

int
db_understands(struct db_stmt *stmt)
{
	return (stmt->driver->understands == NULL
		? 0
		: stmt->driver->understands(stmt));
}

int
db_server(struct db *db, struct db_server *server)
{
	return (
	    db->driver->server == NULL ? 0 : db->driver->server(db, server));
}

/* Both count up timelines from 1 with each promotion. A standby on an older one
 * follows a former primary, or has not noted yet that it follows the new one.
 */
const char *
db_foreign(const struct db_server *primary, const struct db_server *other)
{
	if (*primary->system != '\0' && *other->system != '\0' &&
	    strcmp(primary->system, other->system) != 0)
		return ("it belongs to another cluster");
	if (primary->database != other->database ||
	    primary->roster != other->roster)
		return ("it has another roster");
	if (primary->standby || primary->timeline == 0 || other->timeline == 0)
		return (NULL);
	if (other->timeline > primary->timeline ||
	    (!other->standby && other->timeline != primary->timeline))
		return ("it follows, or is, another primary");
	if (other->timeline < primary->timeline)
		return ("it is on an older timeline");
	return (NULL);
}

int64_t
db_changes(const struct db *db)
{
	return (db->driver->changes(db));
}

int
db_failure(const struct db *db, struct failure *failure)
{
	return (db->driver->failure(db, failure));
}

enum db_dialect
db_dialect(const struct db *db)
{
	return (db->driver->dialect);
}

const char *
db_name(const struct db *db)
{
	return (db->name);
}

int
db_check(struct db *db, int seconds, struct failure *failure)
{
	if (db->driver->check == NULL)
		return (0);
	return (db->driver->check(db, seconds, failure));
}
