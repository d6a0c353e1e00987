/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_postgres - db.h for PostgreSQL, and servers that speak its protocol
 *
 * Rows are read as they arrive, and only what the server marks as the end of
 * the rows is the end: a connection that is cut, and a server that stops in the
 * middle or is silent for too long, is an error, and so is every later use of
 * the connection.
 *
 * A transaction that writes first takes one advisory lock of the roster's
 * schema: as in SQLite, two changes neither interleave nor deadlock. Lookups
 * take the locks that any reader has, but before they look.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/failure.h"
#include "db/db_postgres.h"
#include "db/db_postgres_sql.h"
#include "db/pgmany.h"
#include "db/db_url.h"

#define LOCK_CLASS "1313690196"	 /* "NMRT" */
#define CLAIM_CLASS "1313686093" /* "NMBM" */

/* Where tables are looked for: what another client has set does not count. */
#define ANY_PATH "SET LOCAL search_path = DEFAULT"
/* And not among temporary tables, where another client may have made ours. */
#define TEMP_LAST                                                              \
	"SELECT set_config('search_path', current_setting('search_path')"      \
	" || ', pg_temp', true)"

static const char *const own_sql[OWN_COUNT] = {
    [OWN_TABLES] =
	"SELECT CASE WHEN o.path IS NOT NULL THEN -1 ELSE (SELECT count(*)"
	" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
	"  ON n.oid = c.relnamespace WHERE c.relkind = 'r'"
	"  AND n.nspname = current_schema()) END, coalesce(o.tables, ''),"
	" set_config('search_path',"
	"  coalesce(o.path, current_setting('search_path')), $2 <> 0)"
	" FROM (SELECT 1) one LEFT JOIN ("
	"SELECT quote_ident(n.nspname) || ', pg_temp' AS path,"
	" (SELECT string_agg(', ' || quote_ident(t.relname), ''"
	"   ORDER BY t.relname) FROM pg_catalog.pg_class t"
	"  WHERE t.relnamespace = n.oid AND t.relkind IN ('r', 'p', 'v')"
	"  AND t.relname = ANY (string_to_array($1, ','))"
	"  AND has_table_privilege(t.oid, 'SELECT')) AS tables"
	" FROM pg_catalog.pg_class m JOIN pg_catalog.pg_namespace n"
	"  ON n.oid = m.relnamespace"
	" WHERE m.oid = to_regclass('notify_milter')) o ON 1 = 1",
    [OWN_VERSION] = "SELECT version FROM notify_milter",
    [OWN_CLAIM] = "SELECT pg_try_advisory_lock(" CLAIM_CLASS
		  ", hashtext(coalesce(current_schema(), '')))",
    [OWN_PID] = "SELECT pg_backend_pid()",
    [OWN_LAG] = "SELECT CASE WHEN pg_is_in_recovery() THEN coalesce("
		"greatest(extract(epoch FROM clock_timestamp() -"
		" pg_last_xact_replay_timestamp()) * 1000, 0), -1)::bigint"
		" ELSE 0 END",
    [OWN_SERVER] =
	"SELECT pg_is_in_recovery(),"
	" (extract(epoch FROM clock_timestamp()) * 1000)::bigint,"
	" coalesce(current_schema(), ''),"
	" (SELECT d.oid::bigint FROM pg_catalog.pg_database d"
	"  WHERE d.datname = current_database()), m.oid::bigint,"
	" coalesce((SELECT string_agg(t.relname, ', '"
	"   ORDER BY t.relname) FROM pg_catalog.pg_class t"
	"  WHERE t.relnamespace = m.relnamespace"
	"  AND t.relrowsecurity AND t.relname = ANY (string_to_array("
	"   $1 || ',notify_milter', ','))), '')"
	" FROM (SELECT 1) one LEFT JOIN pg_catalog.pg_class m"
	"  ON m.oid = to_regclass('notify_milter')",
    /* The control file of a standby has the timeline of its last restart
     * point. Its receiver knows the present one, and tells roles that may read
     * all statistics. */
    [OWN_SYSTEM] = "SELECT s.system_identifier::text,"
		   " CASE WHEN pg_is_in_recovery() THEN greatest("
		   "  c.timeline_id, r.min_recovery_end_timeline,"
		   "  (SELECT max(w.received_tli) FROM pg_stat_wal_receiver w))"
		   " ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()),"
		   "  1, 8))::bit(32)::bigint END"
		   " FROM pg_control_system() s, pg_control_checkpoint() c,"
		   "  pg_control_recovery() r",
    [OWN_MARK] = "SELECT txid_current()",
    [OWN_BEGIN] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    [OWN_COMMIT] = "COMMIT",
};

static const char *expected(const char *);
static struct db *open_db(const char *, enum db_mode, int, struct failure *);
static void close_db(struct db *);
static bool is_current(struct db *);
static int exec_sql(struct db *, const char *);
static struct db_stmt *prepare(struct db *, const char *);
static int set_lock(struct postgres *, const char *);
static int set_path(struct postgres *, const char *);
static int begin_by(struct postgres *, const char *);
static int look_whose(struct postgres *, bool);
static int begin_reading(struct postgres *);
static int begin_writing(struct postgres *);
static int begin(struct db *, enum db_mode);
static int commit(struct db *);
static int rollback(struct db *);
static int bulk(struct db *);
static int settle(struct db *);
static int schema(struct db *, enum db_content *, int64_t *);
static int set_schema(struct db *, int64_t);
static int ask_system(struct postgres *, struct db_server *);
static int ask_server(struct postgres *, struct db_server *);
static int server(struct db *, struct db_server *);
static int64_t changes(const struct db *);
static int fill_failure(const struct db *, struct failure *);

static const char *
expected(const char *url)
{
	static const char *form = "postgresql://[USER[:PASSWORD]@][HOST[:PORT]]"
				  "[/NAME][?PARAMETER=VALUE], as libpq takes "
				  "it";
	PQconninfoOption *options;
	char *why = NULL;

	if (!libpq_load())
		return ("a path, or that PostgreSQL's client library "
			"(" LIBPQ_FILE ") is installed");
	options = libpq.PQconninfoParse(url, &why);
	libpq.PQfreemem(why);
	libpq.PQconninfoFree(options);
	return (options == NULL ? form : NULL);
}

static struct db *
open_db(const char *url, enum db_mode mode, int wait, struct failure *failure)
{
	struct postgres *db;
	const char *want;

	db = calloc(1, sizeof(*db));
	if (db == NULL || (db->db.name = db_url_shown(url)) == NULL) {
		failure_memory(failure);
		free(db);
		return (NULL);
	}
	want = db_expected(url);
	if (want != NULL) {
		failure_set(failure, FAILURE_SETTINGS,
		    "database %s: expected %s", db->db.name, want);
		free(db->db.name);
		free(db);
		return (NULL);
	}
	db->db.driver = &db_postgres;
	db->url = strdup(url);
	if (db->url == NULL) {
		failure_memory(failure);
		db_close(&db->db);
		return (NULL);
	}
	if (pgconn_open(&db->conn, url, mode, wait) == 0)
		return (&db->db);
	db_failure(&db->db, failure);
	db_close(&db->db);
	return (NULL);
}

static void
close_db(struct db *base)
{
	struct postgres *db = (struct postgres *)base;
	struct pgstmt *stmt, *next;

	for (stmt = db->stmts; stmt != NULL; stmt = next) {
		next = stmt->next;
		pgstmt_free(stmt);
	}
	pgconn_close(&db->conn);
	free(db->lock);
	free(db->path);
	free(db->url);
	free(db->db.name);
	free(db);
}

static bool
is_current(struct db *base)
{
	const struct postgres *db = (const struct postgres *)base;

	return (pgconn_quiet(&db->conn));
}

static int
exec_sql(struct db *base, const char *sql)
{
	struct postgres *db = (struct postgres *)base;
	char *text;
	int rc;

	text = db_postgres_sql(sql);
	if (text == NULL)
		return (pgconn_memory(&db->conn));
	rc = pgconn_exec(&db->conn, text, NULL);
	free(text);
	return (rc);
}

static struct db_stmt *
prepare(struct db *base, const char *sql)
{
	struct postgres *db = (struct postgres *)base;
	struct pgstmt *stmt;

	stmt = pgstmt_new(&db_postgres, &db->conn, sql, db->nstmts++, "s");
	if (stmt == NULL) {
		pgconn_memory(&db->conn);
		return (NULL);
	}
	stmt->next = db->stmts;
	db->stmts = stmt;
	return (&stmt->stmt);
}

struct pgstmt *
db_postgres_own(struct postgres *db, enum own which)
{
	if (db->own[which] == NULL)
		db->own[which] = db_prepare(&db->db,
		    which == OWN_LOCK	    ? db->lock
			: which == OWN_PATH ? db->path
					    : own_sql[which]);
	return ((struct pgstmt *)db->own[which]);
}

int
db_postgres_number(struct postgres *db, enum own which, int64_t *n)
{
	return (db_run_own(&db->db, &db->own[which], own_sql[which], n));
}

/* The statement that locks what is read: the version first, as an upgrade does,
 * and then ${others}. */
static int
set_lock(struct postgres *db, const char *others)
{
	free(db->lock);
	if (asprintf(&db->lock,
		"LOCK TABLE notify_milter%s IN ACCESS SHARE MODE",
		others) < 0) {
		db->lock = NULL;
		return (pgconn_memory(&db->conn));
	}
	db->own[OWN_LOCK] = NULL;
	return (0);
}

/* The statement that each transaction of a pooled connection begins with. */
static int
set_path(struct postgres *db, const char *path)
{
	free(db->path);
	db->path = NULL;
	db->own[OWN_PATH] = NULL;
	if (asprintf(&db->path, "SET LOCAL search_path = %s",
		db->content == DB_OURS ? path : "DEFAULT") >= 0)
		return (0);
	db->path = NULL;
	return (pgconn_memory(&db->conn));
}

/* Begin by ${sql}, and set for the transaction what a session of our own has
 * from its beginning. */
static int
begin_by(struct postgres *db, const char *sql)
{
	char setting[PGCONN_SETTING], *text = NULL;
	const char *set;
	size_t i, size;
	FILE *out;
	int rc;

	if (!db->conn.pooled)
		return (pgconn_exec(&db->conn, sql, "BEGIN"));
	out = open_memstream(&text, &size);
	if (out == NULL)
		return (pgconn_memory(&db->conn));
	fputs(sql, out);
	for (i = 0; (set = pgconn_setting(&db->conn, i, setting)) != NULL; i++)
		fprintf(out, ";%s", set);
	fprintf(out, ";%s", db->path == NULL ? ANY_PATH : db->path);
	rc = fclose(out) == 0 ? pgconn_exec(&db->conn, text, "SET")
			      : pgconn_memory(&db->conn);
	free(text);
	return (rc);
}

int
db_postgres_enter(struct postgres *db, bool *own)
{
	*own = false;
	if (!db->conn.pooled || pgconn_ready(&db->conn) != 0 ||
	    libpq.PQtransactionStatus(db->conn.handle) != PQTRANS_IDLE)
		return (db->conn.broken ? -1 : 0);
	*own = true;
	return (begin_by(db, own_sql[OWN_BEGIN]));
}

int
db_postgres_leave(struct postgres *db, bool own, int rc)
{
	struct pgconn_failure why = db->conn.why;

	if (!own)
		return (rc);
	if (rc != -1)
		return (
		    pgconn_exec(&db->conn, "COMMIT", "COMMIT") == 0 ? rc : -1);
	if (db_rollback(&db->db) == 0)
		db->conn.why = why;
	return (-1);
}

static int
look_whose(struct postgres *db, bool idle)
{
	struct pgstmt *stmt;
	int rc;

	stmt = db_postgres_own(db, OWN_TABLES);
	if (stmt == NULL)
		return (-1);
	db_bind_text(&stmt->stmt, 1, db->db.tables);
	db_bind_int(&stmt->stmt, 2, db->conn.pooled);
	rc = db_step(&stmt->stmt);
	if (rc == 1) {
		db->content = db_int(&stmt->stmt, 0) == -1 ? DB_OURS
		    : db_int(&stmt->stmt, 0) > 0	   ? DB_FOREIGN
							   : DB_EMPTY;
		if (set_lock(db, db_text(&stmt->stmt, 1)) == 0 &&
		    set_path(db, db_text(&stmt->stmt, 2)) == 0 &&
		    db_step(&stmt->stmt) == 0)
			rc = 0;
	}
	db_reset(&stmt->stmt);
	if (rc != 0)
		return (-1);
	db->found = idle && db->content == DB_OURS;
	db->version = 0;
	return (0);
}

/*
 * The search_path that is set in a transaction is lost with a rollback: then
 * look again. Looks no more once our tables were found: if they are gone then,
 * statements fail.
 */
int
db_postgres_look_whose(struct postgres *db)
{
	bool idle, own;
	int rc;

	if (db->found)
		return (0);
	if (pgconn_ready(&db->conn) != 0)
		return (-1);
	idle = libpq.PQtransactionStatus(db->conn.handle) == PQTRANS_IDLE;
	rc = db_postgres_enter(db, &own);
	if (rc == 0 && own)
		rc = pgconn_exec(&db->conn, ANY_PATH ";" TEMP_LAST, "SELECT 1");
	if (rc == 0)
		rc = look_whose(db, idle);
	return (db_postgres_leave(db, own, rc));
}

bool
db_postgres_read_version(struct postgres *db, int64_t version)
{
	bool same = db->version == 0 || db->version == version;

	db->version = version;
	db->found = db->found && same;
	return (same);
}

/*
 * All lookups see the roster as it was at the first one, and a table that was
 * made or rewritten since then looks empty. So the locks that keep upgrades and
 * the like out come before the first lookup. LOCK TABLE itself takes no
 * snapshot.
 */
static int
begin_reading(struct postgres *db)
{
	if (db_postgres_look_whose(db) != 0 ||
	    begin_by(db, own_sql[OWN_BEGIN]) != 0)
		return (-1);
	return (db->content == DB_OURS
		? pgconn_exec(&db->conn, db->lock, "LOCK TABLE")
		: 0);
}

/* One change at a time: wait for the lock of the roster's schema. Foreign keys
 * hold in the role "origin" only; a superuser's session may have another. */
static int
begin_writing(struct postgres *db)
{
	static const char lock[] =
	    "SELECT pg_advisory_xact_lock(" LOCK_CLASS
	    ", hashtext(coalesce(current_schema(), ''))),"
	    " CASE WHEN current_setting('session_replication_role') <> 'origin'"
	    " THEN set_config('session_replication_role', 'origin', true) END";

	if (db_postgres_look_whose(db) != 0 ||
	    begin_by(db, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE") !=
		0)
		return (-1);
	return (pgconn_exec(&db->conn, lock, "SELECT 1"));
}

static int
begin(struct db *base, enum db_mode mode)
{
	struct postgres *db = (struct postgres *)base;
	int rc;

	rc = mode <= DB_READ ? begin_reading(db) : begin_writing(db);
	if (rc == 0 &&
	    libpq.PQtransactionStatus(db->conn.handle) == PQTRANS_INTRANS)
		return (0);
	if (rc == 0)
		pgconn_note(&db->conn, FAILURE_IO,
		    "the server has begun no transaction");
	/* The transaction has begun, without the lock. */
	if (db_rollback(base) != 0)
		db->conn.broken = true;
	return (-1);
}

/* After an error in the transaction COMMIT succeeds, but is a ROLLBACK. */
static int
commit(struct db *base)
{
	struct postgres *db = (struct postgres *)base;
	char why[sizeof(db->conn.why.message)];

	if (pgconn_ready(&db->conn) != 0)
		return (-1);
	if (pgconn_exec(&db->conn, "COMMIT", "COMMIT") == 0)
		return (0);
	if (db->conn.broken) {
		memcpy(why, db->conn.why.message, sizeof(why));
		pgconn_note(&db->conn, FAILURE_IO,
		    "it is unknown whether the change was made: %.400s", why);
	}
	return (-1);
}

static int
rollback(struct db *base)
{
	struct postgres *db = (struct postgres *)base;

	/* Neither pending changes nor their results matter any more. */
	pgmany_forget(&db->conn);
	(void)!pgconn_ready(&db->conn);
	if (libpq.PQtransactionStatus(db->conn.handle) == PQTRANS_IDLE)
		return (0);
	if (pgconn_exec(&db->conn, "ROLLBACK", "ROLLBACK") == 0)
		return (0);
	db->conn.broken = true;
	return (-1);
}

/* Waiting for each answer is what takes the time. */
static int
bulk(struct db *base)
{
	struct postgres *db = (struct postgres *)base;

	db->conn.bulk = true;
	return (0);
}

static int
settle(struct db *base)
{
	struct postgres *db = (struct postgres *)base;

	return (pgconn_ready(&db->conn));
}

static int
schema(struct db *base, enum db_content *content, int64_t *version)
{
	struct postgres *db = (struct postgres *)base;
	bool own;
	int rc;

	if (db_postgres_look_whose(db) != 0)
		return (-1);
	*content = db->content;
	*version = 0;
	if (db->content != DB_OURS)
		return (0);
	rc = db_postgres_enter(db, &own);
	if (rc == 0)
		rc = db_postgres_number(db, OWN_VERSION, version);
	if (db_postgres_leave(db, own, rc) != 0)
		return (-1);
	db_postgres_read_version(db, *version);
	return (0);
}

static int
set_schema(struct db *base, int64_t version)
{
	char sql[320];

	snprintf(sql, sizeof(sql),
	    "CREATE TABLE IF NOT EXISTS notify_milter("
	    "one bigint PRIMARY KEY DEFAULT 1 CHECK (one = 1),"
	    " version bigint NOT NULL);"
	    "LOCK TABLE notify_milter IN ACCESS EXCLUSIVE MODE;"
	    "INSERT INTO notify_milter(version) VALUES (%lld)"
	    " ON CONFLICT (one) DO UPDATE SET version = excluded.version",
	    (long long)version);
	return (db_exec(base, sql));
}

/* Not every managed server, nor every role, may tell that. 0 or -1. */
static int
ask_system(struct postgres *db, struct db_server *server)
{
	struct pgstmt *stmt;

	*server->system = '\0';
	server->timeline = 0;
	stmt = db_postgres_own(db, OWN_SYSTEM);
	if (stmt == NULL)
		return (-1);
	if (db_step(&stmt->stmt) == 1) {
		snprintf(server->system, sizeof(server->system), "%s",
		    db_text(&stmt->stmt, 0));
		server->timeline = db_int(&stmt->stmt, 1);
	}
	db_reset(&stmt->stmt);
	return (db->conn.broken ? -1 : 0);
}

static int
ask_server(struct postgres *db, struct db_server *server)
{
	struct pgstmt *stmt;
	int rc;

	stmt = db_postgres_own(db, OWN_SERVER);
	if (stmt == NULL)
		return (-1);
	db_bind_text(&stmt->stmt, 1, db->db.tables);
	rc = db_step(&stmt->stmt);
	if (rc == 1) {
		server->standby = db_int(&stmt->stmt, 0) != 0;
		server->clock = db_int(&stmt->stmt, 1);
		snprintf(server->schema, sizeof(server->schema), "%s",
		    db_text(&stmt->stmt, 2));
		server->database = db_int(&stmt->stmt, 3);
		server->roster = db_int(&stmt->stmt, 4);
		snprintf(server->row_security, sizeof(server->row_security),
		    "%s", db_text(&stmt->stmt, 5));
	}
	db_reset(&stmt->stmt);
	return (rc == 1 ? 0 : -1);
}

static int
server(struct db *base, struct db_server *server)
{
	struct postgres *db = (struct postgres *)base;
	bool own;
	int rc;

	if (db_postgres_look_whose(db) != 0)
		return (-1);
	rc = db_postgres_enter(db, &own);
	if (rc == 0)
		rc = ask_server(db, server);
	if (db_postgres_leave(db, own, rc) != 0 ||
	    db_postgres_number(db, OWN_LAG, &server->lag) != 0)
		return (-1);
	return (ask_system(db, server) == 0 ? 1 : -1);
}

static int64_t
changes(const struct db *base)
{
	const struct postgres *db = (const struct postgres *)base;

	return (db->conn.changes);
}

static int
fill_failure(const struct db *base, struct failure *failure)
{
	const struct postgres *db = (const struct postgres *)base;

	return (failure_set(failure, db->conn.why.kind, "database %s: %s",
	    db->db.name, db->conn.why.message));
}

/* Others would only be told, in the log of the server, that they may not. */
static const char survey[] =
    "DO $$ BEGIN"
    " IF pg_has_role((SELECT relowner FROM pg_class"
    "    WHERE oid = to_regclass('account')), 'USAGE')"
    " THEN ANALYZE account, \"user\", subscription; END IF;"
    " END $$";

/* A server always shares tables, enforces foreign keys and checks its pages. */
const struct db_driver db_postgres = {
    .dialect = DB_POSTGRESQL,
    .expected = expected,
    .open = open_db,
    .close = close_db,
    .current = is_current,
    .exec = exec_sql,
    .prepare = prepare,
    .bind_int = pgstmt_bind_int,
    .bind_text = pgstmt_bind_text,
    .step = pgstmt_step,
    .column_int = pgstmt_int,
    .column_text = pgstmt_text,
    .reset = pgstmt_reset,
    .post = pgstmt_post,
    .settle = settle,
    .ask = db_postgres_ask,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .survey = survey,
    .claim = db_postgres_claim,
    .bulk = bulk,
    .schema = schema,
    .set_schema = set_schema,
    .understands = pgstmt_understands,
    .server = server,
    .changes = changes,
    .failure = fill_failure,
};
