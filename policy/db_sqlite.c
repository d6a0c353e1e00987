/*
 * db_sqlite - db.h over SQLite; the only file that includes <sqlite3.h>
 *
 * The database is in WAL mode: the milter's lookups neither wait for a change
 * that notifyctl makes nor hold it up. Code, extended code and message of an
 * error are copied at once, before another call can change them.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "db_driver.h"
#include "failure.h"

#define APPLICATION_ID 1313690196 /* "NMRT" */
#define RETURNING_ID " RETURNING id"
/* SQLite locks octets from 1 GiB on; these are beyond any page of ours. */
#define CLAIMED_OCTET INT64_C(0x7fff000000000000)

struct sqlite {
	struct db db;
	sqlite3 *handle;
	char *path;
	dev_t dev; /* of the file that was opened */
	ino_t ino;
	struct stmt *stmts;
	struct db_stmt *version, *application, *tables;
	struct db_stmt *begin, *end; /* of a transaction that reads */
	int claim; /* the file again, for its lock; -1: not yet */
	bool creating;
	bool doubt;	/* whether the last change was made cannot be told */
	int code;	/* extended result code of the last error */
	int code_errno; /* the system's, behind it; 0 for none */
	char message[256];
};

struct stmt {
	struct db_stmt stmt;
	struct stmt *next;
	struct sqlite *db;
	sqlite3_stmt *handle;
	int bind_code; /* of the first binding that failed */
	bool gives_id; /* its text ends with RETURNING */
	bool gave_id;
};

static pthread_once_t started = PTHREAD_ONCE_INIT;

static int note(struct sqlite *, int);
static int identify(struct sqlite *);
static int number(struct sqlite *, struct db_stmt **, const char *, int64_t *);
static bool is_current(const struct db *);
static void start(void);
static int configure(struct sqlite *, enum db_mode, int);
static int opened(struct sqlite *, enum db_mode, int);
static const char *expected(const char *);
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
static int run(struct db *, struct db_stmt **, const char *);
static int begin(struct db *, enum db_mode);
static int withdraw(struct sqlite *);
static int commit(struct db *);
static int rollback(struct db *);
static int share(struct db *);
static int references(struct db *, bool);
static int claim(struct db *);
static int bulk(struct db *);
static int schema(struct db *, enum db_content *, int64_t *);
static int set_schema(struct db *, int64_t);
static int64_t changes(const struct db *);
static int fill_failure(const struct db *, struct failure *);
static int directory_errno(const struct sqlite *);
static int cannot_open(const struct sqlite *, struct failure *);
static const char *name_of(const struct db *);
static int time_is_over(void *);
static int check_pages(struct sqlite *, struct failure *);
static int check_references(struct db *, struct failure *);
static int check(struct db *, int, struct failure *);

static int
note(struct sqlite *db, int code)
{
	db->code = code;
	db->doubt = false;
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
identify(struct sqlite *db)
{
	struct stat st;

	if (stat(db->path, &st) != 0)
		return (note(db, SQLITE_CANTOPEN));
	db->dev = st.st_dev;
	db->ino = st.st_ino;
	return (0);
}

/* The number that a query without parameters gives; prepared once. */
static int
number(struct sqlite *db, struct db_stmt **stmt, const char *sql, int64_t *n)
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

static bool
is_current(const struct db *base)
{
	const struct sqlite *db = (const struct sqlite *)base;
	struct stat st;

	return (stat(db->path, &st) == 0 && st.st_dev == db->dev &&
	    st.st_ino == db->ino);
}

static int
configure(struct sqlite *db, enum db_mode mode, int wait)
{
	int rc;

	rc = sqlite3_busy_timeout(db->handle, wait);
	if (rc != SQLITE_OK)
		return (note(db, rc));
	/* Trust nothing that the file says of itself. */
	if (db_exec(&db->db,
		"PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
		"PRAGMA cache_size=-1024; PRAGMA foreign_keys=ON") != 0)
		return (-1);
	if (mode <= DB_READ)
		return (db_exec(&db->db, "PRAGMA query_only=ON"));
	/* A change that was reported as made is on the disk. */
	return (db_exec(&db->db, "PRAGMA synchronous=FULL"));
}

static int
opened(struct sqlite *db, enum db_mode mode, int wait)
{
	static const int flags[] = {
	    [DB_LOOKUP] = SQLITE_OPEN_READONLY,
	    [DB_PRIMARY] = SQLITE_OPEN_READONLY,
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
	return (db_current(&db->db) ? 0 : note(db, SQLITE_CANTOPEN));
}

/* Nobody asks how much memory SQLite has in use; to know it, all threads would
 * share a lock. */
static void
start(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static const char *
expected(const char *url)
{
	(void)url;
	return (NULL);
}

static struct db *
open_db(const char *url, enum db_mode mode, int wait, struct failure *failure)
{
	struct sqlite *db;

	pthread_once(&started, start);
	db = calloc(1, sizeof(*db));
	if (db == NULL || (db->path = strdup(url)) == NULL) {
		failure_set(failure, FAILURE_MEMORY, "no memory");
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
	struct stmt *stmt, *next;

	for (stmt = db->stmts; stmt != NULL; stmt = next) {
		next = stmt->next;
		sqlite3_finalize(stmt->handle);
		free(stmt);
	}
	sqlite3_close(db->handle);
	if (db->claim != -1)
		close(db->claim);
	free(db->path);
	free(db);
}

static int
exec_sql(struct db *base, const char *sql)
{
	struct sqlite *db = (struct sqlite *)base;
	int rc;

	rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
	return (rc == SQLITE_OK ? 0 : note(db, rc));
}

/* What is to be prepared of ${sql}: for RETURNING, SQLite makes a table each
 * time, which takes as long as several insertions; it has the id anyway. */
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
	struct stmt *stmt;
	int len, rc;

	stmt = calloc(1, sizeof(*stmt));
	if (stmt == NULL) {
		note(db, SQLITE_NOMEM);
		return (NULL);
	}
	len = without_returning(sql);
	stmt->gives_id = sql[len] != '\0';
	rc = sqlite3_prepare_v3(db->handle, sql, len, SQLITE_PREPARE_PERSISTENT,
	    &stmt->handle, NULL);
	if (rc != SQLITE_OK) {
		note(db, rc);
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
	struct stmt *stmt = (struct stmt *)base;
	int rc;

	rc = sqlite3_bind_int64(stmt->handle, i, value);
	if (rc != SQLITE_OK && stmt->bind_code == SQLITE_OK)
		stmt->bind_code = rc;
}

static void
bind_text(struct db_stmt *base, int i, const char *value)
{
	struct stmt *stmt = (struct stmt *)base;
	int rc;

	rc = sqlite3_bind_text(stmt->handle, i, value, -1, SQLITE_STATIC);
	if (rc != SQLITE_OK && stmt->bind_code == SQLITE_OK)
		stmt->bind_code = rc;
}

static int
step(struct db_stmt *base)
{
	struct stmt *stmt = (struct stmt *)base;
	int rc;

	if (stmt->bind_code != SQLITE_OK)
		return (note(stmt->db, stmt->bind_code));
	if (stmt->gave_id)
		return (0);
	rc = sqlite3_step(stmt->handle);
	if (rc == SQLITE_ROW)
		return (1);
	stmt->gave_id = rc == SQLITE_DONE && stmt->gives_id;
	if (rc == SQLITE_DONE)
		return (stmt->gives_id);
	return (note(stmt->db, rc));
}

static int64_t
column_int(struct db_stmt *base, int column)
{
	struct stmt *stmt = (struct stmt *)base;

	if (stmt->gave_id)
		return (sqlite3_last_insert_rowid(stmt->db->handle));
	return (sqlite3_column_int64(stmt->handle, column));
}

static const char *
column_text(struct db_stmt *base, int column)
{
	struct stmt *stmt = (struct stmt *)base;
	const unsigned char *text;

	text = sqlite3_column_text(stmt->handle, column);
	if (text != NULL)
		return ((const char *)text);
	/* No memory must not read as an empty string: the next step fails. */
	if (sqlite3_column_type(stmt->handle, column) != SQLITE_NULL)
		stmt->bind_code = SQLITE_NOMEM;
	return ("");
}

static void
reset(struct db_stmt *base)
{
	struct stmt *stmt = (struct stmt *)base;

	/* sqlite3_reset() says again what sqlite3_step() has said. */
	sqlite3_reset(stmt->handle);
	sqlite3_clear_bindings(stmt->handle);
	stmt->bind_code = SQLITE_OK;
	stmt->gave_id = false;
}

/* A statement without rows that is run for each message: prepared once. */
static int
run(struct db *db, struct db_stmt **stmt, const char *sql)
{
	int rc;

	if (*stmt == NULL)
		*stmt = db_prepare(db, sql);
	if (*stmt == NULL)
		return (-1);
	rc = db_step(*stmt);
	db_reset(*stmt);
	return (rc);
}

static int
begin(struct db *base, enum db_mode mode)
{
	struct sqlite *db = (struct sqlite *)base;

	if (mode <= DB_READ)
		return (run(base, &db->begin, "BEGIN"));
	return (db_exec(base, "BEGIN IMMEDIATE"));
}

/*
 * A change that could not be synced stands in the log to its end, and whoever
 * opens the database when nobody has it open any more would find it made:
 * write something that changes nothing in its place.
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

static int
commit(struct db *base)
{
	struct sqlite *db = (struct sqlite *)base;

	if (db_exec(base, "COMMIT") == 0)
		return (0);
	if (db->code == SQLITE_IOERR_FSYNC)
		db->doubt = withdraw(db) != 0;
	return (-1);
}

static int
rollback(struct db *base)
{
	struct sqlite *db = (struct sqlite *)base;

	/* Some errors have ended the transaction already. */
	if (sqlite3_get_autocommit(db->handle))
		return (0);
	return (run(base, &db->end, "ROLLBACK"));
}

static int
share(struct db *base)
{
	struct sqlite *db = (struct sqlite *)base;

	return (db_exec(&db->db, "PRAGMA journal_mode=WAL"));
}

static int
references(struct db *base, bool watched)
{
	return (db_exec(base,
	    watched ? "PRAGMA foreign_keys=ON" : "PRAGMA foreign_keys=OFF"));
}

/*
 * A lock on an octet that SQLite does not lock. Whoever closes a file loses
 * the locks that SQLite has on it, so it stays open until SQLite has closed it.
 */
static int
claim(struct db *base)
{
	struct sqlite *db = (struct sqlite *)base;
	struct flock lock = {.l_type = F_WRLCK,
	    .l_whence = SEEK_SET,
	    .l_start = CLAIMED_OCTET,
	    .l_len = 1};
	int reason;

	if (db->claim == -1)
		db->claim = open(db->path, O_RDWR | O_CLOEXEC);
	if (db->claim == -1) {
		reason = errno;
		note(db, SQLITE_CANTOPEN);
		db->code_errno = reason;
		return (-1);
	}
	if (fcntl(db->claim, F_OFD_SETLK, &lock) == 0)
		return (1);
	return (errno == EAGAIN || errno == EACCES
		? 0
		: note(db, SQLITE_IOERR_LOCK));
}

static int
bulk(struct db *base)
{
	/* Addresses come in any order, and so do the pages of their index. */
	return (db_exec(base, "PRAGMA cache_size=-131072"));
}

/* A file of another program has a number of its own, or tables. */
static int
schema(struct db *base, enum db_content *content, int64_t *version)
{
	struct sqlite *db = (struct sqlite *)base;
	int64_t application, tables = 0;

	if (number(db, &db->version, "PRAGMA user_version", version) != 0 ||
	    number(db, &db->application, "PRAGMA application_id",
		&application) != 0)
		return (-1);
	*content = DB_OURS;
	if (application == APPLICATION_ID)
		return (0);
	if (number(db, &db->tables, "SELECT count(*) FROM sqlite_schema",
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

static int
fill_failure(const struct db *base, struct failure *failure)
{
	const struct sqlite *db = (const struct sqlite *)base;
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
		if (access(name, W_OK) != 0 && errno == EROFS)
			return (failure_set(failure, FAILURE_IO,
			    "database %s: %s", name, strerror(EROFS)));
		return (failure_set(failure, FAILURE_IO,
		    "database %s: permission denied: this user may not write "
		    "it, or make files beside it, which SQLite needs; "
		    "expected root or the milter's user",
		    name));
	}
	if ((db->code & 0xff) == SQLITE_FULL || db->code_errno == ENOSPC)
		return (failure_set(failure, FAILURE_IO,
		    "database %s: the disk is full", name));
	if ((db->code & 0xff) == SQLITE_IOERR)
		return (failure_set(failure, FAILURE_IO,
		    "database %s: the disk fails: %s (SQLite code %d)%s", name,
		    strerror(db->code_errno != 0 ? db->code_errno : EIO),
		    db->code,
		    db->doubt ? "; whether the change was made is not known: "
				"look before you try again"
			      : ""));
	return (failure_set(failure, FAILURE_IO,
	    "database %s: %s (SQLite code %d)", name, db->message, db->code));
}

/* What keeps a file from being made beside the database. When there is no room
 * for one, SQLite looks whether it is there, and that is what it says. */
static int
directory_errno(const struct sqlite *db)
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
		else if (db->code_errno != 0 && db->code_errno != ENOENT)
			reason = db->code_errno;
		else
			reason = ENOSPC;
	}
	free(dir);
	return (reason);
}

/* Say why the file cannot be opened, or made. */
static int
cannot_open(const struct sqlite *db, struct failure *failure)
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
	    "database %s: cannot be opened, or a file be made beside it, which "
	    "SQLite needs: %s",
	    name, strerror(directory_errno(db))));
}

static const char *
name_of(const struct db *base)
{
	const struct sqlite *db = (const struct sqlite *)base;

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
		    "database %s: damaged: %s", db->path, db_text(stmt, 0));
	else
		rc = db_failure(&db->db, failure);
	db_reset(stmt);
	return (rc);
}

static int
check_references(struct db *base, struct failure *failure)
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
		    "database %s: damaged: a row of table %s refers to one of "
		    "table %s that is not there",
		    db->path, db_text(stmt, 0), db_text(stmt, 2));
	else if (rc == -1)
		rc = db_failure(base, failure);
	db_reset(stmt);
	return (rc);
}

static int
check(struct db *base, int seconds, struct failure *failure)
{
	struct sqlite *db = (struct sqlite *)base;
	struct timespec end;
	int rc;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	sqlite3_progress_handler(db->handle, 1000, time_is_over, &end);
	rc = check_pages(db, failure);
	if (rc == 0)
		rc = check_references(base, failure);
	sqlite3_progress_handler(db->handle, 0, NULL, NULL);
	/* A damaged page is one whenever it was found. */
	if (rc == -1 && (db->code & 0xff) == SQLITE_INTERRUPT &&
	    time_is_over(&end)) {
		failure_clear(failure);
		rc = 1;
	}
	return (rc);
}

const struct db_driver db_sqlite = {
    .dialect = DB_SQLITE,
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
    .references = references,
    .check_references = check_references,
    .claim = claim,
    .bulk = bulk,
    .schema = schema,
    .set_schema = set_schema,
    .changes = changes,
    .failure = fill_failure,
    .name = name_of,
    .check = check,
};
