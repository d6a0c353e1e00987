/*
 * db_postgres - db.h over PostgreSQL, or what speaks its protocol
 *
 * An answer is taken as it comes, row by row, and only what the server marks
 * as the end of the rows is one: a connection that is cut, a server that stops
 * in the middle, or one that says nothing for too long is an error, and from
 * then on every use of the connection is.
 *
 * Whoever is to change something takes one lock at the beginning (an advisory
 * one, of the schema that the roster lies in): two changes neither meet halfway
 * nor lock each other up, as with SQLite. Lookups take none.
 *
 * Statements are prepared at their first use, when the types of their
 * parameters are known: bigint or text, and nothing is left to be guessed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistr.h>

#include "db_driver.h"
#include "db_postgres_sql.h"
#include "db_url.h"
#include "failure.h"
#include "pgconn.h"

#define PARAMETERS 96	       /* of a statement, at most */
#define LOCK_CLASS 1313690196  /* "NMRT" */
#define CLAIM_CLASS 1313686093 /* "NMBM" */
/* From the server's catalogue: their numbers never change. */
#define OID_BOOL 16
#define OID_INT8 20
#define OID_TEXT 25

struct postgres {
	struct db db;
	struct pgconn conn;
	char *name; /* as it may be shown */
	struct stmt *stmts;
	unsigned nstmts;
	struct db_stmt *version, *tables, *claim, *lag, *mark;
	bool claimed;
	enum db_content content; /* as it was last looked for */
	bool ours;		 /* the table of the version was read */
	int64_t changes;
};

struct stmt {
	struct db_stmt stmt;
	struct stmt *next;
	struct postgres *db;
	char *sql;
	char name[16];
	bool prepared;
	enum { READY, RUNNING, ENDED } progress;
	PGresult *row;
	int n;
	Oid types[PARAMETERS];
	const char *values[PARAMETERS];
	char numbers[PARAMETERS][24];
	char *copies[PARAMETERS]; /* of what is no UTF-8 */
	bool unbound;		  /* a parameter could not be set */
};

static int no_memory(struct postgres *);
static const char *expected(const char *);
static struct db *open_db(const char *, enum db_mode, int, struct failure *);
static void close_db(struct db *);
static bool is_current(const struct db *);
static int exec_sql(struct db *, const char *);
static struct db_stmt *prepare(struct db *, const char *);
static int parameter(struct stmt *, int, Oid);
static void bind_int(struct db_stmt *, int, int64_t);
static char *without_bad_octets(const char *);
static void bind_text(struct db_stmt *, int, const char *);
static int send_prepare(struct stmt *);
static int start(struct stmt *);
static int step(struct db_stmt *);
static int64_t column_int(struct db_stmt *, int);
static const char *column_text(struct db_stmt *, int);
static void reset(struct db_stmt *);
static int number(
    struct postgres *, struct db_stmt **, const char *, int64_t *);
static int look_whose(struct postgres *);
static bool may_lag(const struct postgres *);
static int check_lag(struct postgres *);
static int begin_reading(struct postgres *);
static int begin(struct db *, enum db_mode);
static int commit(struct db *);
static int rollback(struct db *);
static int share(struct db *);
static int claim(struct db *);
static int bulk(struct db *);
static int references(struct db *, bool);
static int check_references(struct db *, struct failure *);
static int schema(struct db *, enum db_content *, int64_t *);
static int set_schema(struct db *, int64_t);
static int64_t changes(const struct db *);
static int fill_failure(const struct db *, struct failure *);
static const char *name_of(const struct db *);
static int check(struct db *, int, struct failure *);

static int
no_memory(struct postgres *db)
{
	return (pgconn_note(&db->conn, FAILURE_MEMORY, "no memory"));
}

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
	if (db == NULL || (db->name = db_url_shown(url)) == NULL) {
		failure_set(failure, FAILURE_MEMORY, "no memory");
		free(db);
		return (NULL);
	}
	want = db_expected(url);
	if (want != NULL) {
		failure_set(failure, FAILURE_SETTINGS,
		    "database %s: expected %s", db->name, want);
		free(db->name);
		free(db);
		return (NULL);
	}
	db->db.driver = &db_postgres;
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
	struct stmt *stmt, *next;

	for (stmt = db->stmts; stmt != NULL; stmt = next) {
		next = stmt->next;
		/* What is on its way is not waited for. */
		stmt->progress = READY;
		reset(&stmt->stmt);
		free(stmt->sql);
		free(stmt);
	}
	pgconn_close(&db->conn);
	free(db->name);
	free(db);
}

static bool
is_current(const struct db *base)
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
		return (no_memory(db));
	rc = pgconn_exec(&db->conn, text, NULL);
	free(text);
	return (rc);
}

static struct db_stmt *
prepare(struct db *base, const char *sql)
{
	struct postgres *db = (struct postgres *)base;
	struct stmt *stmt;

	stmt = calloc(1, sizeof(*stmt));
	if (stmt == NULL || (stmt->sql = db_postgres_sql(sql)) == NULL) {
		free(stmt);
		no_memory(db);
		return (NULL);
	}
	stmt->stmt.driver = &db_postgres;
	snprintf(stmt->name, sizeof(stmt->name), "s%u", db->nstmts++);
	stmt->db = db;
	stmt->next = db->stmts;
	db->stmts = stmt;
	return (&stmt->stmt);
}

/* Make room for parameter ${i}; -1 if there is none. */
static int
parameter(struct stmt *stmt, int i, Oid type)
{
	if (i < 1 || i > PARAMETERS) {
		stmt->unbound = true;
		return (-1);
	}
	if (i > stmt->n)
		stmt->n = i;
	stmt->types[i - 1] = type;
	return (0);
}

static void
bind_int(struct db_stmt *base, int i, int64_t value)
{
	struct stmt *stmt = (struct stmt *)base;
	char *number;

	if (parameter(stmt, i, OID_INT8) != 0)
		return;
	number = stmt->numbers[i - 1];
	snprintf(number, sizeof(stmt->numbers[0]), "%lld", (long long)value);
	stmt->values[i - 1] = number;
}

/*
 * PostgreSQL stores nothing but UTF-8, and takes the question after something
 * else for an error. It is asked after what cannot be stored either: no key has
 * a control character in it.
 */
static char *
without_bad_octets(const char *text)
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

static void
bind_text(struct db_stmt *base, int i, const char *value)
{
	struct stmt *stmt = (struct stmt *)base;

	if (parameter(stmt, i, OID_TEXT) != 0)
		return;
	if (value != NULL &&
	    u8_check((const uint8_t *)value, strlen(value)) != NULL) {
		free(stmt->copies[i - 1]);
		value = stmt->copies[i - 1] = without_bad_octets(value);
		stmt->unbound = stmt->unbound || value == NULL;
	}
	stmt->values[i - 1] = value;
}

static int
send_prepare(struct stmt *stmt)
{
	struct postgres *db = stmt->db;

	if (libpq.PQsendPrepare(db->conn.handle, stmt->name, stmt->sql, stmt->n,
		stmt->types) != 1)
		return (pgconn_lost(&db->conn));
	if (pgconn_done(&db->conn, NULL) != 0)
		return (-1);
	stmt->prepared = true;
	return (0);
}

static int
start(struct stmt *stmt)
{
	struct postgres *db = stmt->db;

	if (stmt->unbound)
		return (no_memory(db));
	if (db->conn.broken || (!stmt->prepared && send_prepare(stmt) != 0))
		return (-1);
	if (libpq.PQsendQueryPrepared(db->conn.handle, stmt->name, stmt->n,
		stmt->values, NULL, NULL, 0) != 1 ||
	    libpq.PQsetSingleRowMode(db->conn.handle) != 1)
		return (pgconn_lost(&db->conn));
	stmt->progress = RUNNING;
	return (0);
}

static int
step(struct db_stmt *base)
{
	struct stmt *stmt = (struct stmt *)base;
	struct postgres *db = stmt->db;
	PGresult *result;
	int rc;

	libpq.PQclear(stmt->row);
	stmt->row = NULL;
	if (stmt->progress == READY && start(stmt) != 0)
		return (-1);
	if (stmt->progress == ENDED)
		return (pgconn_note(
		    &db->conn, FAILURE_IO, "a statement goes past its end"));
	if (pgconn_next(&db->conn, &result) != 0)
		return (-1);
	switch (libpq.PQresultStatus(result)) {
	case PGRES_SINGLE_TUPLE:
		stmt->row = result;
		return (1);
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
		db->changes = strtoll(libpq.PQcmdTuples(result), NULL, 10);
		rc = 0;
		break;
	default:
		rc = pgconn_refused(&db->conn, result);
		break;
	}
	libpq.PQclear(result);
	stmt->progress = ENDED;
	/* A failure is told with its own words, not with those of the rest. */
	if (pgconn_finish(&db->conn) != 0 && rc == 0)
		rc = -1;
	return (rc);
}

static int64_t
column_int(struct db_stmt *base, int column)
{
	const struct stmt *stmt = (const struct stmt *)base;
	const char *value = libpq.PQgetvalue(stmt->row, 0, column);

	if (libpq.PQftype(stmt->row, column) == OID_BOOL)
		return (*value == 't');
	/* NULL's value is "". */
	return (strtoll(value, NULL, 10));
}

static const char *
column_text(struct db_stmt *base, int column)
{
	const struct stmt *stmt = (const struct stmt *)base;

	return (libpq.PQgetvalue(stmt->row, 0, column));
}

static void
reset(struct db_stmt *base)
{
	struct stmt *stmt = (struct stmt *)base;
	int i;

	libpq.PQclear(stmt->row);
	stmt->row = NULL;
	if (stmt->progress == RUNNING && pgconn_finish(&stmt->db->conn) != 0)
		stmt->db->conn.broken = true;
	stmt->progress = READY;
	for (i = 0; i < PARAMETERS; i++) {
		stmt->values[i] = NULL;
		free(stmt->copies[i]);
		stmt->copies[i] = NULL;
	}
	stmt->unbound = false;
}

/* The number that a query without parameters gives. */
static int
number(struct postgres *db, struct db_stmt **stmt, const char *sql, int64_t *n)
{
	int rc;

	if (*stmt == NULL)
		*stmt = db_prepare(&db->db, sql);
	if (*stmt == NULL)
		return (-1);
	rc = db_step(*stmt);
	*n = rc == 1 ? db_int(*stmt, 0) : 0;
	db_reset(*stmt);
	return (rc == -1 ? -1 : 0);
}

/* Are there tables, and ours? Once ours were read, that they are not there is
 * an error like any other. */
static int
look_whose(struct postgres *db)
{
	int64_t tables;

	if (db->ours)
		return (0);
	if (number(db, &db->tables,
		"SELECT CASE WHEN to_regclass('notify_milter')"
		" IS NOT NULL THEN -1 ELSE (SELECT count(*)"
		" FROM pg_class c JOIN pg_namespace n"
		"  ON n.oid = c.relnamespace WHERE c.relkind = 'r'"
		"  AND n.nspname = current_schema()) END",
		&tables) != 0)
		return (-1);
	db->content = tables == -1 ? DB_OURS
	    : tables > 0	   ? DB_FOREIGN
				   : DB_EMPTY;
	return (0);
}

/* Is it a standby? Older servers do not say so of themselves. */
static bool
may_lag(const struct postgres *db)
{
	const char *standby;

	standby = libpq.PQparameterStatus(db->conn.handle, "in_hot_standby");
	return (standby == NULL || strcmp(standby, "off") != 0);
}

/*
 * A standby shows the roster as it was at the last commit that it has applied,
 * or later: what had been changed by then is in it. How old that commit is does
 * not depend on what the standby has heard of its primary, and so also tells of
 * a stream that was cut, and of one that is not applied. It is asked before the
 * lookup's state is fixed, so that the state is the younger of the two.
 *
 * Where nothing is changed the last commit grows old all the same. Then the
 * primary is asked, and told to commit something: a transaction's number, which
 * is given to one that may only read too.
 */
static int
check_lag(struct postgres *db)
{
	int64_t lag;

	if (db->db.mark) {
		db->db.mark = false;
		return (number(db, &db->mark, "SELECT txid_current()", &lag));
	}
	if (db->db.max_lag == 0 || !may_lag(db))
		return (0);
	if (number(db, &db->lag,
		"SELECT CASE WHEN pg_is_in_recovery() THEN coalesce("
		"greatest(extract(epoch FROM clock_timestamp() -"
		" pg_last_xact_replay_timestamp()) * 1000, 0), -1)::bigint"
		" ELSE 0 END",
		&lag) != 0)
		return (-1);
	if (lag == -1)
		return (pgconn_note(&db->conn, FAILURE_STALE,
		    "a standby that does not know yet how far it is behind"));
	if (lag > db->db.max_lag * 1000)
		return (pgconn_note(&db->conn, FAILURE_STALE,
		    "a standby that may be %lld s behind, more than max_lag",
		    (long long)lag / 1000));
	return (0);
}

/*
 * All lookups see the roster as it was at the first one, and to them a table
 * that was made anew since then is empty. So what keeps an upgrade out comes
 * before the first, and LOCK TABLE looks at nothing.
 */
static int
begin_reading(struct postgres *db)
{
	static const char plain[] =
	    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
	static const char locked[] =
	    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
	    "LOCK TABLE notify_milter IN ACCESS SHARE MODE";

	if (look_whose(db) != 0 || check_lag(db) != 0)
		return (-1);
	return (db_exec(&db->db, db->content == DB_OURS ? locked : plain));
}

static int
begin(struct db *base, enum db_mode mode)
{
	struct postgres *db = (struct postgres *)base;
	char sql[160];
	int rc;

	snprintf(sql, sizeof(sql),
	    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;"
	    "SELECT pg_advisory_xact_lock(%d,"
	    " hashtext(coalesce(current_schema(), '')))",
	    LOCK_CLASS);
	rc = mode <= DB_READ ? begin_reading((struct postgres *)base)
			     : db_exec(base, sql);
	if (rc == 0)
		return (0);
	/* It has begun, but without the lock. */
	if (db_rollback(base) != 0)
		db->conn.broken = true;
	return (-1);
}

/* A transaction with an error in it is told to be committed, and is not. */
static int
commit(struct db *base)
{
	struct postgres *db = (struct postgres *)base;
	char why[sizeof(db->conn.message)];

	if (db->conn.broken)
		return (-1);
	if (pgconn_exec(&db->conn, "COMMIT", "COMMIT") == 0)
		return (0);
	if (db->conn.broken) {
		memcpy(why, db->conn.message, sizeof(why));
		pgconn_note(&db->conn, FAILURE_IO,
		    "whether the change was made is not known: %.400s", why);
	}
	return (-1);
}

static int
rollback(struct db *base)
{
	struct postgres *db = (struct postgres *)base;

	if (libpq.PQtransactionStatus(db->conn.handle) == PQTRANS_IDLE)
		return (0);
	if (pgconn_exec(&db->conn, "ROLLBACK", "ROLLBACK") == 0)
		return (0);
	db->conn.broken = true;
	return (-1);
}

/* It is shared from the beginning. */
static int
share(struct db *base)
{
	(void)base;
	return (0);
}

/* The server gives it back as soon as it knows that the connection is gone. */
static int
claim(struct db *base)
{
	struct postgres *db = (struct postgres *)base;
	char sql[160];
	int64_t got;

	if (db->claimed)
		return (db->conn.broken ? -1 : 1);
	snprintf(sql, sizeof(sql),
	    "SELECT pg_try_advisory_lock(%d,"
	    " hashtext(coalesce(current_schema(), '')))",
	    CLAIM_CLASS);
	if (number(db, &db->claim, sql, &got) != 0)
		return (-1);
	db->claimed = got != 0;
	return (db->claimed);
}

/* The server has the memory. */
static int
bulk(struct db *base)
{
	(void)base;
	return (0);
}

/* They are always watched. */
static int
references(struct db *base, bool watched)
{
	(void)base;
	(void)watched;
	return (0);
}

static int
check_references(struct db *base, struct failure *failure)
{
	(void)base;
	(void)failure;
	return (0);
}

static int
schema(struct db *base, enum db_content *content, int64_t *version)
{
	struct postgres *db = (struct postgres *)base;

	if (look_whose(db) != 0)
		return (-1);
	*content = db->content;
	*version = 0;
	if (db->content != DB_OURS)
		return (0);
	if (number(db, &db->version, "SELECT version FROM notify_milter",
		version) != 0)
		return (-1);
	db->ours = true;
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

static int64_t
changes(const struct db *base)
{
	const struct postgres *db = (const struct postgres *)base;

	return (db->changes);
}

static int
fill_failure(const struct db *base, struct failure *failure)
{
	const struct postgres *db = (const struct postgres *)base;

	return (failure_set(failure, db->conn.kind, "database %s: %s", db->name,
	    db->conn.message));
}

static const char *
name_of(const struct db *base)
{
	const struct postgres *db = (const struct postgres *)base;

	return (db->name);
}

/* Pages and references are the server's own business. */
static int
check(struct db *base, int seconds, struct failure *failure)
{
	(void)base;
	(void)seconds;
	(void)failure;
	return (0);
}

const struct db_driver db_postgres = {
    .dialect = DB_POSTGRESQL,
    .expected = expected,
    .open = open_db,
    .close = close_db,
    .current = is_current,
    .exec = exec_sql,
    .prepare = prepare,
    .bind_int = bind_int,
    .bind_text = bind_text,
    .step = step,
    .column_int = column_int,
    .column_text = column_text,
    .reset = reset,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .share = share,
    .claim = claim,
    .bulk = bulk,
    .references = references,
    .check_references = check_references,
    .schema = schema,
    .set_schema = set_schema,
    .changes = changes,
    .failure = fill_failure,
    .name = name_of,
    .check = check,
};
