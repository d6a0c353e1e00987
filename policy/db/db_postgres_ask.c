/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_postgres_ask - all questions about a message in one round trip
 *
 * The whole transaction is sent before the first answer is read (libpq's
 * pipeline mode). After an error the server skips the rest, with an answer for
 * each statement: there is one for everything that was sent, in that order.
 *
 * What is read is locked first (db_tables()): the snapshot is that of the first
 * lookup, and LOCK TABLE takes no snapshot.
 *
 * The lag of a standby is asked before the transaction: the first lookup fixes
 * the state of the roster, which then is the newer of the two.
 */
#include <stdlib.h>
#include <string.h>

#include "base/failure.h"
#include "db/db_postgres.h"

/* An upgrade has made other tables: look for them, and ask again. */
#define AGAIN 2

struct asked {
	struct postgres *db;
	const struct db_asking *asking;
	struct pgstmt *before; /* sent before the transaction; or NULL */
	bool nothing;	       /* sent before all others */
	struct pgstmt **sent;  /* the questions */
	int rc;		       /* of the first failure; or AGAIN */
	struct pgconn_failure why;
};

static int own_all(struct postgres *);
static bool may_lag(const struct postgres *);
static struct pgstmt *what_before(struct postgres *);
static int send_nothing(struct asked *);
static int send_own(struct postgres *, enum own);
static int send_settings(struct postgres *);
static int send_question(struct asked *, size_t);
static int send_all(struct asked *);
static void fail(struct asked *, int);
static int take(struct asked *, struct pgstmt *);
static void take_own(struct asked *, enum own, const char *);
static void take_settings(struct asked *);
static void take_sync(struct asked *);
static void take_before(struct asked *);
static void take_schema(struct asked *);
static void take_rows(struct asked *, size_t);
static void take_all(struct asked *);
static void end(struct asked *);
static int ask_once(struct postgres *, const struct db_asking *);

/* Prepare all now, so that later no lack of memory leaves half of it sent. */
static int
own_all(struct postgres *db)
{
	char text[PGCONN_SETTING];
	size_t i;

	for (i = 0; i < OWN_COUNT; i++) {
		if (db_postgres_own(db, (enum own)i) == NULL)
			return (-1);
	}
	for (i = 0; db->conn.pooled && i < PGCONN_SETTINGS; i++) {
		if (db->settings[i] == NULL)
			db->settings[i] = (struct pgstmt *)db_prepare(
			    &db->db, pgconn_setting(&db->conn, i, text));
		if (db->settings[i] == NULL)
			return (-1);
	}
	return (0);
}

/* Can it be a standby? Servers before PostgreSQL 14 do not report that, and a
 * pooler goes on reporting what the server was in its first session. */
static bool
may_lag(const struct postgres *db)
{
	const char *standby;

	if (db->conn.pooled)
		return (true);
	standby = libpq.PQparameterStatus(db->conn.handle, "in_hot_standby");
	return (standby == NULL || strcmp(standby, "off") != 0);
}

/*
 * A standby has the roster as of the last commit that it replayed, or later.
 * The age of that commit does not depend on what the standby knows of its
 * primary, and so also shows a stream that was cut, or is not replayed.
 *
 * Without changes the last commit gets old as well. Then the primary is asked,
 * and commits a mark: a transaction ID, which a read-only transaction can get
 * too.
 */
static struct pgstmt *
what_before(struct postgres *db)
{
	if (db->db.mark) {
		db->db.mark = false;
		return (db_postgres_own(db, OWN_MARK));
	}
	if (db->db.max_lag > 0 && may_lag(db))
		return (db_postgres_own(db, OWN_LAG));
	return (NULL);
}

/* libpq leaves the single-row mode of the statement before with the first
 * answer of a pipeline, which must have no rows then. */
static int
send_nothing(struct asked *a)
{
	struct pgconn *conn = &a->db->conn;

	a->nothing = conn->single && a->before != NULL;
	conn->single = false;
	if (a->nothing &&
	    libpq.PQsendPrepare(conn->handle, "", "", 0, NULL) != 1)
		return (pgconn_lost(conn));
	return (0);
}

static int
send_own(struct postgres *db, enum own which)
{
	return (pgstmt_send(db_postgres_own(db, which)));
}

/* SET takes no snapshot either. */
static int
send_settings(struct postgres *db)
{
	size_t i;

	for (i = 0; db->conn.pooled && i < PGCONN_SETTINGS; i++) {
		if (pgstmt_send(db->settings[i]) != 0)
			return (-1);
	}
	return (db->conn.pooled ? send_own(db, OWN_PATH) : 0);
}

static int
send_question(struct asked *a, size_t i)
{
	a->sent[i] = (struct pgstmt *)a->asking->question(a->asking->ctx, i);
	return (a->sent[i] == NULL ? -1 : pgstmt_send(a->sent[i]));
}

static int
send_all(struct asked *a)
{
	struct postgres *db = a->db;
	size_t i;

	if (send_nothing(a) != 0)
		return (-1);
	if (a->before != NULL &&
	    (pgstmt_send(a->before) != 0 || pgconn_sync(&db->conn) != 0))
		return (-1);
	if (send_own(db, OWN_BEGIN) != 0 || send_settings(db) != 0 ||
	    send_own(db, OWN_LOCK) != 0 || send_own(db, OWN_VERSION) != 0)
		return (-1);
	for (i = 0; i < a->asking->n; i++) {
		if (send_question(a, i) != 0)
			return (-1);
	}
	return (send_own(db, OWN_COMMIT) != 0 ? -1 : pgconn_sync(&db->conn));
}

/* Keep the first failure. */
static void
fail(struct asked *a, int rc)
{
	if (a->rc == 0) {
		a->rc = rc;
		a->why = a->db->conn.why;
	}
}

static int
take(struct asked *a, struct pgstmt *stmt)
{
	if (pgstmt_take(stmt) != 0)
		fail(a, -1);
	return (a->rc);
}

/* One without rows; its command tag must be ${tag}. */
static void
take_own(struct asked *a, enum own which, const char *tag)
{
	struct pgstmt *stmt = db_postgres_own(a->db, which);

	if (take(a, stmt) == 0 &&
	    strcmp(libpq.PQcmdStatus(stmt->rows), tag) != 0) {
		a->db->conn.broken = true;
		fail(a,
		    pgconn_note(&a->db->conn, FAILURE_IO,
			"unexpected answer from the server"));
	}
}

static void
take_settings(struct asked *a)
{
	size_t i;

	for (i = 0; a->db->conn.pooled && i < PGCONN_SETTINGS; i++)
		take(a, a->db->settings[i]);
	if (a->db->conn.pooled)
		take_own(a, OWN_PATH, "SET");
}

static void
take_sync(struct asked *a)
{
	if (pgconn_synced(&a->db->conn) != 0)
		fail(a, -1);
}

static void
take_before(struct asked *a)
{
	int64_t lag;

	if (take(a, a->before) == 0 &&
	    a->before == db_postgres_own(a->db, OWN_LAG)) {
		lag = pgstmt_next(a->before) ? db_int(&a->before->stmt, 0) : -1;
		a->db->db.lag = lag;
		if (lag == -1)
			fail(a,
			    pgconn_note(&a->db->conn, FAILURE_STALE,
				"the standby does not know its lag yet"));
		else if (lag > a->db->db.max_lag * 1000)
			fail(a,
			    pgconn_note(&a->db->conn, FAILURE_STALE,
				"the standby may be %lld s behind, more than "
				"max_lag",
				(long long)lag / 1000));
	}
	take_sync(a);
}

static void
take_schema(struct asked *a)
{
	struct pgstmt *stmt = db_postgres_own(a->db, OWN_VERSION);
	int64_t version;

	if (take(a, stmt) != 0)
		return;
	version = pgstmt_next(stmt) ? db_int(&stmt->stmt, 0) : 0;
	if (!db_postgres_read_version(a->db, version))
		fail(a, AGAIN);
	else if (a->asking->schema(a->asking->ctx, DB_OURS, version) != 0)
		fail(a, 1);
}

static void
take_rows(struct asked *a, size_t i)
{
	struct pgstmt *stmt = a->sent[i];

	if (take(a, stmt) != 0)
		return;
	while (a->rc == 0 && pgstmt_next(stmt)) {
		if (a->asking->row(a->asking->ctx, i, &stmt->stmt) != 0)
			fail(a, 1);
	}
	db_reset(&stmt->stmt);
}

static void
take_all(struct asked *a)
{
	size_t i;

	if (a->nothing && pgconn_done(&a->db->conn, NULL) != 0)
		fail(a, -1);
	if (a->before != NULL)
		take_before(a);
	take_own(a, OWN_BEGIN, "BEGIN");
	take_settings(a);
	take_own(a, OWN_LOCK, "LOCK TABLE");
	take_schema(a);
	for (i = 0; i < a->asking->n; i++)
		take_rows(a, i);
	take_own(a, OWN_COMMIT, "COMMIT");
	take_sync(a);
}

/* Leave the connection as it was before, or broken. */
static void
end(struct asked *a)
{
	struct pgconn *conn = &a->db->conn;

	if (!conn->broken && pgconn_leave(conn) != 0)
		fail(a, -1);
	if (!conn->broken && db_rollback(&a->db->db) != 0)
		fail(a, -1);
	if (a->rc == -1)
		conn->why = a->why;
}

static int
ask_once(struct postgres *db, const struct db_asking *asking)
{
	struct asked a = {.db = db, .asking = asking};

	if (db->conn.broken || db_postgres_look_whose(db) != 0 ||
	    own_all(db) != 0)
		return (-1);
	if (db->content != DB_OURS) {
		if (asking->schema(asking->ctx, db->content, 0) != 0)
			return (1);
		return (
		    pgconn_note(&db->conn, FAILURE_SETTINGS, "has no roster"));
	}
	a.sent = calloc(asking->n + 1, sizeof(*a.sent));
	if (a.sent == NULL)
		return (pgconn_memory(&db->conn));
	a.before = what_before(db);
	db->db.lag = 0; /* unless a standby answers */
	if (pgconn_enter(&db->conn) != 0 || send_all(&a) != 0) {
		/* Part of it was sent. */
		db->conn.broken = true;
		a.rc = -1;
	} else {
		take_all(&a);
		end(&a);
	}
	free(a.sent);
	return (a.rc);
}

int
db_postgres_ask(struct db *base, const struct db_asking *asking)
{
	int rc;

	do
		rc = ask_once((struct postgres *)base, asking);
	while (rc == AGAIN);
	return (rc);
}
