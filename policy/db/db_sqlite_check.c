/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_sqlite_check - check every page and every foreign key
 */
#include <string.h>

#include "base/clock.h"
#include "base/failure.h"
#include "db/db_sqlite.h"

static int time_is_over(void *);
static int check_pages(struct sqlite *, struct failure *);

/* SQLite's progress handler: other than 0 interrupts. */
static int
time_is_over(void *ctx)
{
	const int64_t *end = ctx;

	return (clock_ms() >= *end);
}

static int
check_pages(struct sqlite *db, struct failure *failure)
{
	struct db_stmt *stmt;
	int rc;

	stmt = db_prepare(&db->db, "PRAGMA integrity_check(1)");
	if (stmt == NULL)
		return (db_failure(&db->db, failure));
	rc = db_step(stmt);
	if (rc == 1 && strcmp(db_text(stmt, 0), "ok") == 0)
		rc = 0;
	else if (rc == 1)
		rc = failure_set(failure, FAILURE_IO,
		    "database %s: damaged: %s", db->db.name, db_text(stmt, 0));
	else
		rc = db_failure(&db->db, failure);
	db_reset(stmt);
	return (rc);
}

int
db_sqlite_check_references(struct db *base, struct failure *failure)
{
	const struct sqlite *db = (const struct sqlite *)base;
	struct db_stmt *stmt;
	int rc;

	stmt = db_prepare(base, "PRAGMA foreign_key_check");
	if (stmt == NULL)
		return (db_failure(base, failure));
	rc = db_step(stmt);
	if (rc == 1)
		rc = failure_set(failure, FAILURE_IO,
		    "database %s: damaged: a row of table %s refers to a "
		    "missing row of table %s",
		    db->db.name, db_text(stmt, 0), db_text(stmt, 2));
	else if (rc == -1)
		rc = db_failure(base, failure);
	db_reset(stmt);
	return (rc);
}

int
db_sqlite_check(struct db *base, int seconds, struct failure *failure)
{
	struct sqlite *db = (struct sqlite *)base;
	int64_t end = clock_ms() + (int64_t)seconds * 1000;
	int rc;

	sqlite3_progress_handler(db->handle, 1000, time_is_over, &end);
	rc = check_pages(db, failure);
	if (rc == 0)
		rc = db_sqlite_check_references(base, failure);
	sqlite3_progress_handler(db->handle, 0, NULL, NULL);
	/* Damage that was found in time counts. */
	if (rc == -1 && (db->code & 0xff) == SQLITE_INTERRUPT &&
	    time_is_over(&end)) {
		failure_clear(failure);
		rc = 1;
	}
	return (rc);
}
