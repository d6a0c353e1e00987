/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_postgres_claim - the one claim on a roster: an advisory lock of its schema
 *
 * A session has the lock, so a connection pooler must not give the session to
 * others in between.
 */
#include "base/failure.h"
#include "db/db_postgres.h"

#define NOT_OURS                                                               \
	"the connection pooler gives the session to others in between, and "   \
	"notify-bot holds a lock in it; expected pool_mode = session for its " \
	"user, or a url that names the server"

static int same_session(struct postgres *);
static int own_session(struct postgres *);

/* Does a pooler still give us the session that has the claim? */
static int
same_session(struct postgres *db)
{
	int64_t pid;

	if (!db->conn.pooled)
		return (0);
	if (db_postgres_number(db, OWN_PID, &pid) != 0)
		return (-1);
	if (pid == db->conn.pid)
		return (0);
	db->conn.broken = true;
	return (pgconn_note(&db->conn, FAILURE_SETTINGS, NOT_OURS));
}

/* The claim is the session's. If a second connection gets the same session
 * while this one is idle, the pooler gives it to anybody. */
static int
own_session(struct postgres *db)
{
	struct pgconn other = {.handle = NULL};
	bool ours;
	int rc;

	if (!db->conn.pooled)
		return (0);
	if (db_postgres_number(db, OWN_PID, &db->conn.pid) != 0)
		return (-1);
	rc = pgconn_open(&other, db->url, db->conn.mode, db->conn.wait);
	ours = rc == 0 && other.pid != db->conn.pid;
	if (rc != 0)
		db->conn.why = other.why;
	pgconn_close(&other);
	if (rc == 0 && !ours)
		rc = pgconn_note(&db->conn, FAILURE_SETTINGS, NOT_OURS);
	return (rc);
}

/* The server drops the claim when it notices that the connection is gone. */
int
db_postgres_claim(struct db *base)
{
	struct postgres *db = (struct postgres *)base;
	int64_t got = 0;
	bool own;
	int rc;

	if (db->claimed && (db->conn.broken || same_session(db) != 0))
		return (-1);
	if (db->claimed)
		return (1);
	if (db_postgres_look_whose(db) != 0 || own_session(db) != 0)
		return (-1);
	rc = db_postgres_enter(db, &own);
	if (rc == 0)
		rc = db_postgres_number(db, OWN_CLAIM, &got);
	if (db_postgres_leave(db, own, rc) != 0)
		return (-1);
	db->claimed = got != 0;
	return (db->claimed);
}
