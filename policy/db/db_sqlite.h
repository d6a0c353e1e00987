/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_sqlite - what the files of the SQLite driver share
 *
 * For those only: nothing else includes <sqlite3.h>.
 */
#ifndef DB_SQLITE_H
#define DB_SQLITE_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include <sqlite3.h>

#include "db/db_driver.h"

/* A file that a connection has open. */
struct sqlite_file {
	bool open;
	dev_t dev;
	ino_t ino;
};

struct sqlite {
	struct db db;
	sqlite3 *handle;
	/* Of db_sqlite_files.c. */
	struct sqlite_file file, wal, shm;
	off_t size; /* of the file, and when it changed, at the last look */
	struct timespec changed;
	struct sqlite *next; /* that is open */
	struct sqlite_stmt *stmts;
	struct db_stmt *version, *application, *tables;
	struct db_stmt *begin, *end; /* of a read transaction */
	int wait;		     /* milliseconds, for a lock */
	int claim;		     /* descriptor of the claim; -1: none yet */
	bool creating;
	bool doubt;	/* the last change may have been made */
	int code;	/* extended result code of the last error */
	int code_errno; /* the errno behind it; 0 for none */
	char message[256];
};

/* In db_sqlite_failure.c. db_sqlite_note(db, code): note an error, and what
 * SQLite says about it now; returns -1. db_sqlite_failure(): as db_failure().
 */
int db_sqlite_note(struct sqlite *, int code);
int db_sqlite_failure(const struct db *, struct failure *);

/* db_sqlite_is_file(db): is there a regular file at the path, or nothing? */
bool db_sqlite_is_file(const struct sqlite *) WARN_UNUSED;

/*
 * In db_sqlite_files.c.
 *
 * db_sqlite_files_open(path, flags, mode): open(2), for SQLite.
 *
 * db_sqlite_files_identify(db): note which file the path names now. 0, or -1.
 *
 * db_sqlite_files_begin(db), db_sqlite_files_end(db): between these ${db} reads
 * for the first time, on this thread: what it opens for that is noted.
 * db_sqlite_files_close(db): it is about to be closed. Harmless if there was no
 * begin.
 *
 * db_sqlite_files_same(db, unknown): are the files that ${db} has open those
 * that lie at its path? If the database has been written to since the last
 * look, its pages in memory are forgotten. ${unknown}: the answer if there is a
 * file beside it, and it is not known whether ${db} has it open.
 */
int db_sqlite_files_open(const char *path, int flags, int mode);
int db_sqlite_files_identify(struct sqlite *) WARN_UNUSED;
void db_sqlite_files_begin(struct sqlite *);
void db_sqlite_files_end(struct sqlite *);
void db_sqlite_files_close(struct sqlite *);
bool db_sqlite_files_same(struct sqlite *, bool unknown) WARN_UNUSED;

/* In db_sqlite_check.c, as in db.h. */
int db_sqlite_check(struct db *, int seconds, struct failure *) WARN_UNUSED;
int db_sqlite_check_references(struct db *, struct failure *) WARN_UNUSED;

#endif
