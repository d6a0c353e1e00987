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

#include <sqlite3.h>

#include "db/db_driver.h"

struct sqlite {
	struct db db;
	sqlite3 *handle;
	dev_t dev; /* of the file that was opened */
	ino_t ino;
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

/* In db_sqlite_check.c, as in db.h. */
int db_sqlite_check(struct db *, int seconds, struct failure *) WARN_UNUSED;
int db_sqlite_check_references(struct db *, struct failure *) WARN_UNUSED;

#endif
