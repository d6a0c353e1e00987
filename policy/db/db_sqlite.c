/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_sqlite - db.h for SQLite
 *
 * The database is in WAL mode: the milter's lookups and notifyctl's changes do
 * not wait for each other. Code, extended code and message of an error are
 * copied at once, before another call can change them.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/failure.h"
#include "db/db_sqlite.h"

#define APPLICATION_ID 1313690196 /* "NMRT" */
#define RETURNING_ID " RETURNING id"
/* Tries, 5 ms apart, to open the files beside the database. */
#define FILES_TRIES 50
/* SQLite locks bytes at 1 GiB; this one is beyond any page. */
#define CLAIMED_BYTE INT64_C(0x7fff000000000000)
/* How long a checkpoint waits for lookups. */
#define LOG_WAIT_MS 200

struct sqlite_stmt {
	struct db_stmt stmt;
	struct sqlite_stmt *next;
	struct sqlite *db;
	sqlite3_stmt *handle;
	int bind_code; /* of the first bind that failed */
	bool gives_id; /* ends with RETURNING id, which is left out */
	bool gave_id;
};

static pthread_once_t started = PTHREAD_ONCE_INIT;

static bool is_current(struct db *);
static void start(void);
static int configure(struct sqlite *, enum db_mode, int);
static void await_files(struct sqlite *);
static int opened(struct sqlite *, enum db_mode, int);
static struct db *open_db(const char *, enum db_mode, int, struct failure *);
static void close_db(struct db *);
static int exec_sql(struct db *, const char *);
static int without_returning(const char *);
static struct db_stmt *prepare(struct db *, const char *);
static void bind_int(struct db_stmt *, int, int64_t);
static void bind_text(struct db_stmt *, int, const char *);
static int step(struct db_stmt *);
static int64_t column_int(struct db_stmt *, int);
static const char *column_text(struct db_stmt *, int);
static void reset(struct db_stmt *);
static int begin(struct db *, enum db_mode);
static bool is_complete(int);
static int withdraw(struct sqlite *);
static void empty_log(struct sqlite *);
static int commit(struct db *);
static int rollback(struct db *);
static int claim(struct db *);
static int bulk(struct db *);
static int schema(struct db *, enum db_content *, int64_t *);
static int set_schema(struct db *, int64_t);
static int64_t changes(const struct db *);

static bool
is_current(struct db *base)
{
	return (db_sqlite_files_same((struct sqlite *)base, false));
}

static int
configure(struct sqlite *db, enum db_mode mode, int wait)
{
	int rc;

	db->wait = wait;
	rc = sqlite3_busy_timeout(db->handle, wait);
	if (rc != SQLITE_OK)
		return (db_sqlite_note(db, rc));
	/* The file may be damaged, or made by somebody else. */
	if (db_exec(&db->db,
		"PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
		"PRAGMA cache_size=-2048; PRAGMA foreign_keys=ON") != 0)
		return (-1);
	if (mode <= DB_READ)
		return (db_exec(&db->db, "PRAGMA query_only=ON"));
	/* A change is on the disk before it is reported as made; what it
	 * deletes is overwritten. */
	return (db_exec(
	    &db->db, "PRAGMA synchronous=FULL; PRAGMA secure_delete=ON"));
}

/*
 * Whoever opens the database first creates the files beside it. If that is
 * root, they are root's for a moment, before SQLite changes their owner to that
 * of the database: retry if they cannot be opened. The first use of the
 * database reports all other errors.
 */
static void
await_files(struct sqlite *db)
{
	const struct timespec tick = {.tv_nsec = 5000000};
	int i, rc;

	for (i = 0; i < FILES_TRIES; i++) {
		rc = sqlite3_exec(
		    db->handle, "PRAGMA user_version", NULL, NULL, NULL);
		if ((rc & 0xff) != SQLITE_CANTOPEN ||
		    sqlite3_system_errno(db->handle) != EACCES)
			break;
		nanosleep(&tick, NULL);
	}
}

static int
opened(struct sqlite *db, enum db_mode mode, int wait)
{
	int rc, flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

	flags |= mode <= DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	db->creating = mode == DB_CREATE;
	if (db->creating)
		flags |= SQLITE_OPEN_CREATE;
	/* Opening a FIFO would wait. */
	if (!db_sqlite_is_file(db))
		return (db_sqlite_note(db, SQLITE_CANTOPEN));
	if (mode != DB_CREATE && db_sqlite_files_identify(db) != 0)
		return (-1);
	rc = sqlite3_open_v2(db->db.name, &db->handle, flags, NULL);
	if (rc != SQLITE_OK)
		return (db_sqlite_note(db, rc));
	db_sqlite_files_begin(db);
	await_files(db);
	db_sqlite_files_end(db);
	if (configure(db, mode, wait) != 0)
		return (-1);
	/* Was it the same file all the time, and do others of this process not
	 * still have files that were removed beside it? */
	if (mode == DB_CREATE)
		return (db_sqlite_files_identify(db));
	return (db_sqlite_files_same(db, true)
		? 0
		: db_sqlite_note(db, SQLITE_BUSY));
}

/*
 * Memory statistics would make all threads share a lock. And SQLite opens what
 * is at a name beside the database: a FIFO there would stop us.
 */
static void
start(void)
{
	sqlite3_vfs *vfs;

	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	vfs = sqlite3_vfs_find(NULL);
	if (vfs != NULL && vfs->iVersion >= 3)
		(void)vfs->xSetSystemCall(
		    vfs, "open", (sqlite3_syscall_ptr)db_sqlite_files_open);
}

static struct db *
open_db(const char *url, enum db_mode mode, int wait, struct failure *failure)
{
	struct sqlite *db;

	pthread_once(&started, start);
	db = calloc(1, sizeof(*db));
	if (db == NULL || (db->db.name = strdup(url)) == NULL) {
		failure_memory(failure);
		free(db);
		return (NULL);
	}
	db->db.driver = &db_sqlite;
	db->claim = -1;
	if (opened(db, mode, wait) != 0) {
		db_failure(&db->db, failure);
		db_close(&db->db);
		return (NULL);
	}
	return (&db->db);
}

static void
close_db(struct db *base)
{
	struct sqlite *db = (struct sqlite *)base;
	struct sqlite_stmt *stmt, *next;

	for (stmt = db->stmts; stmt != NULL; stmt = next) {
		next = stmt->next;
		sqlite3_finalize(stmt->handle);
		free(stmt);
	}
	db_sqlite_files_close(db);
	sqlite3_close(db->handle);
	if (db->claim != -1)
		close(db->claim);
	free(db->db.name);
	free(db);
}

static int
exec_sql(struct db *base, const char *sql)
{
	struct sqlite *db = (struct sqlite *)base;
	int rc;

	rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
	return (rc == SQLITE_OK ? 0 : db_sqlite_note(db, rc));
}

/* The length of ${sql} without RETURNING id: for that SQLite makes a table each
 * time, which takes as long as several inserts, and it knows the id anyway. */
static int
without_returning(const char *sql)
{
	size_t len = strlen(sql), end = strlen(RETURNING_ID);

	if (len > end && strncmp(sql, "INSERT ", 7) == 0 &&
	    strcmp(sql + len - end, RETURNING_ID) == 0)
		len -= end;
	return ((int)len);
}

static struct db_stmt *
prepare(struct db *base, const char *sql)
{
	struct sqlite *db = (struct sqlite *)base;
	struct sqlite_stmt *stmt;
	int len, rc;

	stmt = calloc(1, sizeof(*stmt));
	if (stmt == NULL) {
		db_sqlite_note(db, SQLITE_NOMEM);
		return (NULL);
	}
	len = without_returning(sql);
	stmt->gives_id = sql[len] != '\0';
	rc = sqlite3_prepare_v3(db->handle, sql, len, SQLITE_PREPARE_PERSISTENT,
	    &stmt->handle, NULL);
	if (rc != SQLITE_OK) {
		db_sqlite_note(db, rc);
		free(stmt);
		return (NULL);
	}
	stmt->stmt.driver = &db_sqlite;
	stmt->db = db;
	stmt->next = db->stmts;
	db->stmts = stmt;
	return (&stmt->stmt);
}

static void
bind_int(struct db_stmt *base, int i, int64_t value)
{
	struct sqlite_stmt *stmt = (struct sqlite_stmt *)base;
	int rc;

	rc = sqlite3_bind_int64(stmt->handle, i, value);
	if (rc != SQLITE_OK && stmt->bind_code == SQLITE_OK)
		stmt->bind_code = rc;
}

static void
bind_text(struct db_stmt *base, int i, const char *value)
{
	struct sqlite_stmt *stmt = (struct sqlite_stmt *)base;
	int rc;

	rc = sqlite3_bind_text(stmt->handle, i, value, -1, SQLITE_STATIC);
	if (rc != SQLITE_OK && stmt->bind_code == SQLITE_OK)
		stmt->bind_code = rc;
}

static int
step(struct db_stmt *base)
{
	struct sqlite_stmt *stmt = (struct sqlite_stmt *)base;
	int rc;

	if (stmt->bind_code != SQLITE_OK)
		return (db_sqlite_note(stmt->db, stmt->bind_code));
	if (stmt->gave_id)
		return (0);
	rc = sqlite3_step(stmt->handle);
	if (rc == SQLITE_ROW)
		return (1);
	stmt->gave_id = rc == SQLITE_DONE && stmt->gives_id;
	if (rc == SQLITE_DONE)
		return (stmt->gives_id);
	return (db_sqlite_note(stmt->db, rc));
}

static int64_t
column_int(struct db_stmt *base, int column)
{
	struct sqlite_stmt *stmt = (struct sqlite_stmt *)base;

	if (stmt->gave_id)
		return (sqlite3_last_insert_rowid(stmt->db->handle));
	return (sqlite3_column_int64(stmt->handle, column));
}

static const char *
column_text(struct db_stmt *base, int column)
{
	struct sqlite_stmt *stmt = (struct sqlite_stmt *)base;
	const unsigned char *text;

	text = sqlite3_column_text(stmt->handle, column);
	if (text != NULL)
		return ((const char *)text);
	/* Out of memory must not read as "": the next step fails. */
	if (sqlite3_column_type(stmt->handle, column) != SQLITE_NULL)
		stmt->bind_code = SQLITE_NOMEM;
	return ("");
}

static void
reset(struct db_stmt *base)
{
	struct sqlite_stmt *stmt = (struct sqlite_stmt *)base;

	/* sqlite3_reset() repeats the error of sqlite3_step(). */
	sqlite3_reset(stmt->handle);
	sqlite3_clear_bindings(stmt->handle);
	stmt->bind_code = SQLITE_OK;
	stmt->gave_id = false;
}

static int
begin(struct db *base, enum db_mode mode)
{
	struct sqlite *db = (struct sqlite *)base;

	if (mode <= DB_READ)
		return (db_run_own(base, &db->begin, "BEGIN", NULL));
	return (db_exec(base, "BEGIN IMMEDIATE"));
}

/*
 * Is a commit that failed with ${code} complete in the WAL file? SQLite writes
 * all of it there, syncs it, and then extends the index, -shm.
 */
static bool
is_complete(int code)
{
	return (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_SHMSIZE ||
	    code == SQLITE_IOERR_SHMMAP);
}

/*
 * Such a commit would count after the next recovery, when nobody has the
 * database open any more. Overwrite it with a transaction that changes nothing.
 */
static int
withdraw(struct sqlite *db)
{
	sqlite3_stmt *stmt;
	char again[48];
	int rc;

	rc = sqlite3_exec(db->handle, "PRAGMA synchronous=OFF; BEGIN IMMEDIATE",
	    NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(
		    db->handle, "PRAGMA user_version", -1, &stmt, NULL);
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(stmt);
		snprintf(again, sizeof(again), "PRAGMA user_version=%d; COMMIT",
		    sqlite3_column_int(stmt, 0));
		sqlite3_finalize(stmt);
	}
	if (rc == SQLITE_ROW)
		rc = sqlite3_exec(db->handle, again, NULL, NULL, NULL);
	if (!sqlite3_get_autocommit(db->handle))
		sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_exec(db->handle, "PRAGMA synchronous=FULL", NULL, NULL, NULL);
	return (rc == SQLITE_OK ? 0 : -1);
}

/*
 * SQLite finds the WAL file by its name: if another database were moved into
 * the place of this one, the log would count as changes to that. So checkpoint
 * after each change, and leave the log empty. If that fails, as during a long
 * lookup, the next change tries again; the change itself is made.
 */
static void
empty_log(struct sqlite *db)
{
	(void)sqlite3_busy_timeout(db->handle, LOG_WAIT_MS);
	(void)sqlite3_exec(
	    db->handle, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
	(void)sqlite3_busy_timeout(db->handle, db->wait);
}

static int
commit(struct db *base)
{
	struct sqlite *db = (struct sqlite *)base;

	if (db_exec(base, "COMMIT") == 0) {
		empty_log(db);
		return (0);
	}
	if (is_complete(db->code))
		db->doubt = withdraw(db) != 0;
	return (-1);
}

static int
rollback(struct db *base)
{
	struct sqlite *db = (struct sqlite *)base;

	/* Some errors end the transaction. */
	if (sqlite3_get_autocommit(db->handle))
		return (0);
	return (db_run_own(base, &db->end, "ROLLBACK", NULL));
}

/*
 * A lock on a byte that SQLite does not lock. Closing any descriptor of the
 * file drops SQLite's locks, so this one stays open until SQLite has closed its
 * own.
 */
static int
claim(struct db *base)
{
	struct sqlite *db = (struct sqlite *)base;
	struct flock lock = {.l_type = F_WRLCK,
	    .l_whence = SEEK_SET,
	    .l_start = CLAIMED_BYTE,
	    .l_len = 1};
	int reason;

	if (db->claim == -1)
		db->claim = open(db->db.name, O_RDWR | O_CLOEXEC);
	if (db->claim == -1) {
		reason = errno;
		db_sqlite_note(db, SQLITE_CANTOPEN);
		db->code_errno = reason;
		return (-1);
	}
	if (fcntl(db->claim, F_OFD_SETLK, &lock) == 0)
		return (1);
	return (errno == EAGAIN || errno == EACCES
		? 0
		: db_sqlite_note(db, SQLITE_IOERR_LOCK));
}

static int
bulk(struct db *base)
{
	/* Addresses come in any order, and touch all pages of their index. */
	return (db_exec(base, "PRAGMA cache_size=-131072"));
}

/* Another program's file has another application ID, or tables. */
static int
schema(struct db *base, enum db_content *content, int64_t *version)
{
	struct sqlite *db = (struct sqlite *)base;
	int64_t application, tables = 0;

	if (db_run_own(base, &db->version, "PRAGMA user_version", version) !=
		0 ||
	    db_run_own(base, &db->application, "PRAGMA application_id",
		&application) != 0)
		return (-1);
	*content = DB_OURS;
	if (application == APPLICATION_ID)
		return (0);
	if (db_run_own(base, &db->tables, "SELECT count(*) FROM sqlite_schema",
		&tables) != 0)
		return (-1);
	*content = tables > 0 || *version != 0 ? DB_FOREIGN : DB_EMPTY;
	return (0);
}

static int
set_schema(struct db *base, int64_t version)
{
	char sql[128];

	snprintf(sql, sizeof(sql),
	    "PRAGMA application_id = %d; PRAGMA user_version = %lld",
	    APPLICATION_ID, (long long)version);
	return (db_exec(base, sql));
}

static int64_t
changes(const struct db *base)
{
	const struct sqlite *db = (const struct sqlite *)base;

	return (sqlite3_changes64(db->handle));
}

const struct db_driver db_sqlite = {
    .dialect = DB_SQLITE,
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
    .share = "PRAGMA journal_mode=WAL",
    .scrub = "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)",
    .references_on = "PRAGMA foreign_keys=ON",
    .references_off = "PRAGMA foreign_keys=OFF",
    .check_references = db_sqlite_check_references,
    .claim = claim,
    .bulk = bulk,
    .schema = schema,
    .set_schema = set_schema,
    .changes = changes,
    .failure = db_sqlite_failure,
    .check = db_sqlite_check,
};
