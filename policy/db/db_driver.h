/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_driver - what a kind of database does for db.h
 *
 * For db.c and the drivers alone. A driver's own struct begins with the one
 * here; db.h says what each function does, at db_ and its name.
 */
#ifndef DB_DRIVER_H
#define DB_DRIVER_H

#include "db/db.h"

struct db {
	const struct db_driver *driver;
	char *name;	    /* as db_name(); freed by the driver */
	long max_lag;	    /* seconds; 0: no bound */
	int64_t lag;	    /* milliseconds; -1: not known */
	bool mark;	    /* the next db_ask() leaves one */
	const char *tables; /* as from db_tables(); NULL: none */
};

struct db_stmt {
	const struct db_driver *driver;
};

/* A function that is NULL counts as one that does nothing and succeeds, unless
 * a comment says otherwise. */
struct db_driver {
	enum db_dialect dialect;
	const char *(*expected)(const char *url);
	struct db *(*open)(
	    const char *, enum db_mode, int wait, struct failure *);
	void (*close)(struct db *);
	bool (*current)(struct db *);
	int (*exec)(struct db *, const char *sql);
	struct db_stmt *(*prepare)(struct db *, const char *sql);
	void (*bind_int)(struct db_stmt *, int, int64_t);
	void (*bind_text)(struct db_stmt *, int, const char *);
	int (*step)(struct db_stmt *);
	int64_t (*column_int)(struct db_stmt *, int);
	const char *(*column_text)(struct db_stmt *, int);
	void (*reset)(struct db_stmt *);
	int (*post)(struct db_stmt *); /* 1, and NULL: wait for the answer */
	int (*settle)(struct db *);
	/* NULL: ask one question after the other. */
	int (*ask)(struct db *, const struct db_asking *);
	int (*begin)(struct db *, enum db_mode);
	int (*commit)(struct db *);
	int (*rollback)(struct db *);
	/* SQL; NULL: always so. */
	const char *share, *scrub, *survey, *references_on, *references_off;
	int (*check_references)(struct db *, struct failure *);
	int (*claim)(struct db *);
	int (*bulk)(struct db *);
	int (*schema)(struct db *, enum db_content *, int64_t *);
	int (*set_schema)(struct db *, int64_t);
	int (*understands)(struct db_stmt *); /* NULL: prepare() has checked */
	int (*server)(struct db *, struct db_server *);
	int64_t (*changes)(const struct db *);
	int (*failure)(const struct db *, struct failure *);
	int (*check)(struct db *, int, struct failure *);
};

/*
 * db_run_own(db, stmt, sql, number):
 * Run a statement of the driver's own, without parameters; ${*stmt} keeps it
 * prepared. ${*number} is what its only row has, 0 if there is none; NULL for
 * one that returns no rows. 0 or -1.
 */
int db_run_own(struct db *, struct db_stmt **stmt, const char *sql,
    int64_t *number) WARN_UNUSED;

extern const struct db_driver db_postgres;
extern const struct db_driver db_sqlite;

#endif
