/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_sqlite - db.h over SQLite
 *
 * What the files of the driver share, for those alone; nothing else includes
 * <sqlite3.h>.
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
	struct db_stmt *begin, *end; /* of a transaction that reads */
	int wait;		     /* milliseconds, for a lock */
	int claim; /* the file again, for its lock; -1: not yet */
	bool creating;
	bool doubt;	/* whether the last change was made cannot be told */
	int code;	/* extended result code of the last error */
	int code_errno; /* the system's, behind it; 0 for none */
	char message[256];
};

/* db_sqlite_note(db, code): an error, with all that SQLite has to say of it
 * now; returns -1. db_sqlite_failure(): as db_failure(). They and the next are
 * in db_sqlite_failure.c. */
int db_sqlite_note(struct sqlite *, int code);
int db_sqlite_failure(const struct db *, struct failure *);

/* db_sqlite_is_file(db): may the path be that of a database? */
bool db_sqlite_is_file(const struct sqlite *) WARN_UNUSED;

/* In db_sqlite_check.c, as in db.h. */
int db_sqlite_check(struct db *, int seconds, struct failure *) WARN_UNUSED;
int db_sqlite_check_references(struct db *, struct failure *) WARN_UNUSED;

#endif
