/*
 * db_sqlite - db.h over SQLite; the only file that includes <sqlite3.h>
 *
 * The database is in WAL mode: the milter's lookups neither wait for a change
 * that notifyctl makes nor hold it up. Code, extended code and message of an
 * error are copied at once, before another call can change them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "db.h"
#include "failure.h"

struct db {
	sqlite3 *handle;
	char *path;
	dev_t dev; /* of the file that was opened */
	ino_t ino;
	struct db_stmt *stmts;
	bool creating;
	int code;	/* extended result code of the last error */
	int code_errno; /* the system's, behind it; 0 for none */
	char message[256];
};

struct db_stmt {
	struct db_stmt *next;
	struct db *db;
	sqlite3_stmt *handle;
	int bind_code; /* of the first binding that failed */
};

static int note(struct db *, int);
static int identify(struct db *);
static int configure(struct db *, enum db_mode, int);
static int opened(struct db *, enum db_mode, int);
static int directory_errno(const struct db *);
static int cannot_open(const struct db *, struct failure *);
static int time_is_over(void *);
static int check_pages(struct db *, struct failure *);
static int check_references(struct db *, struct failure *);

static int
note(struct db *db, int code)
{
	db->code = code;
	db->code_errno =
	    db->handle == NULL ? 0 : sqlite3_system_errno(db->handle);
	snprintf(db->message, sizeof(db->message), "%s",
	    db->handle != NULL && sqlite3_extended_errcode(db->handle) == code
		? sqlite3_errmsg(db->handle)
		: sqlite3_errstr(code));
	return (-1);
}

/* Remember which file the path names now. */
static int
identify(struct db *db)
{
	struct stat st;

	if (stat(db->path, &st) != 0)
		return (note(db, SQLITE_CANTOPEN));
	db->dev = st.st_dev;
	db->ino = st.st_ino;
	return (0);
}

bool
db_current(const struct db *db)
{
	struct stat st;

	return (stat(db->path, &st) == 0 && st.st_dev == db->dev &&
	    st.st_ino == db->ino);
}

static int
configure(struct db *db, enum db_mode mode, int wait)
{
	int rc;

	rc = sqlite3_busy_timeout(db->handle, wait);
	if (rc != SQLITE_OK)
		return (note(db, rc));
	/* Trust nothing that the file says of itself. */
	if (db_exec(db,
		"PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
		"PRAGMA cache_size=-1024; PRAGMA foreign_keys=ON") != 0)
		return (-1);
	if (mode == DB_READ)
		return (db_exec(db, "PRAGMA query_only=ON"));
	/* A change that was reported as made is on the disk. */
	return (db_exec(db, "PRAGMA synchronous=FULL"));
}

static int
opened(struct db *db, enum db_mode mode, int wait)
{
	static const int flags[] = {
	    [DB_READ] = SQLITE_OPEN_READONLY,
	    [DB_WRITE] = SQLITE_OPEN_READWRITE,
	    [DB_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
	};
	int rc;

	db->creating = mode == DB_CREATE;
	if (mode != DB_CREATE && identify(db) != 0)
		return (-1);
	rc = sqlite3_open_v2(db->path, &db->handle,
	    flags[mode] | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	if (rc != SQLITE_OK)
		return (note(db, rc));
	if (configure(db, mode, wait) != 0)
		return (-1);
	/* In the other modes: the same file from before to after? */
	if (mode == DB_CREATE)
		return (identify(db));
	return (db_current(db) ? 0 : note(db, SQLITE_CANTOPEN));
}

struct db *
db_open(const char *url, enum db_mode mode, int wait, struct failure *failure)
{
	struct db *db;

	db = calloc(1, sizeof(*db));
	if (db == NULL || (db->path = strdup(url)) == NULL) {
		failure_set(failure, FAILURE_MEMORY, "no memory");
		free(db);
		return (NULL);
	}
	if (opened(db, mode, wait) != 0) {
		db_failure(db, failure);
		db_close(db);
		return (NULL);
	}
	return (db);
}

void
db_close(struct db *db)
{
	struct db_stmt *stmt, *next;

	if (db == NULL)
		return;
	for (stmt = db->stmts; stmt != NULL; stmt = next) {
		next = stmt->next;
		sqlite3_finalize(stmt->handle);
		free(stmt);
	}
	sqlite3_close(db->handle);
	free(db->path);
	free(db);
}

int
db_exec(struct db *db, const char *sql)
{
	int rc;

	rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
	return (rc == SQLITE_OK ? 0 : note(db, rc));
}

struct db_stmt *
db_prepare(struct db *db, const char *sql)
{
	struct db_stmt *stmt;
	int rc;

	stmt = calloc(1, sizeof(*stmt));
	if (stmt == NULL) {
		note(db, SQLITE_NOMEM);
		return (NULL);
	}
	rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
	    &stmt->handle, NULL);
	if (rc != SQLITE_OK) {
		note(db, rc);
		free(stmt);
		return (NULL);
	}
	stmt->db = db;
	stmt->next = db->stmts;
	db->stmts = stmt;
	return (stmt);
}

void
db_bind_int(struct db_stmt *stmt, int i, int64_t value)
{
	int rc;

	rc = sqlite3_bind_int64(stmt->handle, i, value);
	if (rc != SQLITE_OK && stmt->bind_code == SQLITE_OK)
		stmt->bind_code = rc;
}

void
db_bind_text(struct db_stmt *stmt, int i, const char *value)
{
	int rc;

	rc = sqlite3_bind_text(stmt->handle, i, value, -1, SQLITE_STATIC);
	if (rc != SQLITE_OK && stmt->bind_code == SQLITE_OK)
		stmt->bind_code = rc;
}

int
db_step(struct db_stmt *stmt)
{
	int rc;

	if (stmt->bind_code != SQLITE_OK)
		return (note(stmt->db, stmt->bind_code));
	rc = sqlite3_step(stmt->handle);
	if (rc == SQLITE_ROW)
		return (1);
	if (rc == SQLITE_DONE)
		return (0);
	return (note(stmt->db, rc));
}

int64_t
db_int(struct db_stmt *stmt, int column)
{
	return (sqlite3_column_int64(stmt->handle, column));
}

const char *
db_text(struct db_stmt *stmt, int column)
{
	const unsigned char *text;

	text = sqlite3_column_text(stmt->handle, column);
	if (text != NULL)
		return ((const char *)text);
	/* No memory must not read as an empty string: the next step fails. */
	if (sqlite3_column_type(stmt->handle, column) != SQLITE_NULL)
		stmt->bind_code = SQLITE_NOMEM;
	return ("");
}

void
db_reset(struct db_stmt *stmt)
{
	/* sqlite3_reset() says again what sqlite3_step() has said. */
	sqlite3_reset(stmt->handle);
	sqlite3_clear_bindings(stmt->handle);
	stmt->bind_code = SQLITE_OK;
}

int
db_begin(struct db *db, enum db_mode mode)
{
	return (db_exec(db, mode == DB_READ ? "BEGIN" : "BEGIN IMMEDIATE"));
}

int
db_commit(struct db *db)
{
	return (db_exec(db, "COMMIT"));
}

int
db_rollback(struct db *db)
{
	/* Some errors have ended the transaction already. */
	if (sqlite3_get_autocommit(db->handle))
		return (0);
	return (db_exec(db, "ROLLBACK"));
}

int
db_share(struct db *db)
{
	return (db_exec(db, "PRAGMA journal_mode=WAL"));
}

int64_t
db_changes(const struct db *db)
{
	return (sqlite3_changes64(db->handle));
}

int
db_failure(const struct db *db, struct failure *failure)
{
	const char *name = db->path;

	switch (db->code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return (failure_set(failure, FAILURE_BUSY,
		    "database %s: locked by another program; try again", name));
	case SQLITE_NOTADB:
		return (failure_set(failure, FAILURE_IO,
		    "database %s: not an SQLite database", name));
	case SQLITE_NOMEM:
		return (failure_set(
		    failure, FAILURE_MEMORY, "database %s: no memory", name));
	case SQLITE_CANTOPEN:
		return (cannot_open(db, failure));
	case SQLITE_READONLY:
		return (failure_set(failure, FAILURE_IO,
		    "database %s: permission denied: this user may not write "
		    "it, or make files beside it, which SQLite needs; "
		    "expected root or the milter's user",
		    name));
	}
	if ((db->code & 0xff) == SQLITE_FULL || db->code_errno == ENOSPC)
		return (failure_set(failure, FAILURE_IO,
		    "database %s: the disk is full", name));
	/* The system's reason helps where SQLite's is "disk I/O error". */
	if ((db->code & 0xff) == SQLITE_IOERR && db->code_errno != 0)
		return (failure_set(failure, FAILURE_IO, "database %s: %s",
		    name, strerror(db->code_errno)));
	return (failure_set(failure, FAILURE_IO,
	    "database %s: %s (SQLite code %d)", name, db->message, db->code));
}

/* What keeps a file from being made beside the database. */
static int
directory_errno(const struct db *db)
{
	char *dir, *slash;
	int reason;

	dir = strdup(db->path);
	slash = dir == NULL ? NULL : strrchr(dir, '/');
	reason = ENOENT;
	if (slash != NULL) {
		slash[slash == dir] = '\0';
		if (access(dir, W_OK | X_OK) != 0)
			reason = errno;
		else if (db->code_errno != 0)
			reason = db->code_errno;
	}
	free(dir);
	return (reason);
}

/* Say why the file cannot be opened, or made. */
static int
cannot_open(const struct db *db, struct failure *failure)
{
	const char *name = db->path;

	if (access(name, F_OK) != 0 && errno == ENOENT) {
		if (db->creating)
			return (failure_set(failure, FAILURE_IO,
			    "database %s: cannot be made: %s; expected a "
			    "directory that exists and that this user may "
			    "write to",
			    name, strerror(directory_errno(db))));
		return (failure_set(failure, FAILURE_SETTINGS,
		    "database %s: not there; make it with \"notifyctl init\"",
		    name));
	}
	if (access(name, R_OK) != 0)
		return (failure_set(failure, FAILURE_IO, "database %s: %s",
		    name, strerror(errno)));
	return (failure_set(failure, FAILURE_IO,
	    "database %s: cannot be opened: %s", name,
	    db->code_errno != 0 ? strerror(db->code_errno) : db->message));
}

const char *
db_name(const struct db *db)
{
	return (db->path);
}

/* SQLite asks now and then: is the time over? */
static int
time_is_over(void *ctx)
{
	const struct timespec *end = ctx;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec > end->tv_sec ||
	    (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec));
}

static int
check_pages(struct db *db, struct failure *failure)
{
	struct db_stmt *stmt;
	int rc;

	stmt = db_prepare(db, "PRAGMA integrity_check(1)");
	if (stmt == NULL)
		return (db_failure(db, failure));
	rc = db_step(stmt);
	if (rc == 1 && strcmp(db_text(stmt, 0), "ok") == 0)
		rc = 0;
	else if (rc == 1)
		rc = failure_set(failure, FAILURE_IO,
		    "database %s: damaged: %s", db->path, db_text(stmt, 0));
	else
		rc = db_failure(db, failure);
	db_reset(stmt);
	return (rc);
}

static int
check_references(struct db *db, struct failure *failure)
{
	struct db_stmt *stmt;
	int rc;

	stmt = db_prepare(db, "PRAGMA foreign_key_check");
	if (stmt == NULL)
		return (db_failure(db, failure));
	rc = db_step(stmt);
	if (rc == 1)
		rc = failure_set(failure, FAILURE_IO,
		    "database %s: damaged: a row of table %s refers to one of "
		    "table %s that is not there",
		    db->path, db_text(stmt, 0), db_text(stmt, 2));
	else if (rc == -1)
		rc = db_failure(db, failure);
	db_reset(stmt);
	return (rc);
}

int
db_check(struct db *db, int seconds, struct failure *failure)
{
	struct timespec end;
	int rc;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	sqlite3_progress_handler(db->handle, 1000, time_is_over, &end);
	rc = check_pages(db, failure);
	if (rc == 0)
		rc = check_references(db, failure);
	sqlite3_progress_handler(db->handle, 0, NULL, NULL);
	/* A damaged page is one whenever it was found. */
	if (rc == -1 && (db->code & 0xff) == SQLITE_INTERRUPT &&
	    time_is_over(&end)) {
		failure_clear(failure);
		rc = 1;
	}
	return (rc);
}
