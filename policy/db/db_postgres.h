/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_postgres - what the files of the PostgreSQL driver share
 *
 * For those only.
 */
#ifndef DB_POSTGRES_H
#define DB_POSTGRES_H

#include "db/pgstmt.h"

/* The driver's own statements, prepared at their first use. */
enum own {
	OWN_TABLES,
	OWN_VERSION,
	OWN_CLAIM,
	OWN_LAG,
	OWN_SERVER,
	OWN_MARK,
	OWN_BEGIN,
	OWN_LOCK,
	OWN_COMMIT,
	OWN_COUNT
};

struct postgres {
	struct db db;
	struct pgconn conn;
	struct pgstmt *stmts;
	unsigned nstmts;
	struct db_stmt *own[OWN_COUNT];
	bool claimed;
	enum db_content content; /* when it was last looked up */
	bool ours;		 /* the schema version was read */
};

/* db_postgres_own(db, which): the statement; NULL after noting out of memory.
 */
struct pgstmt *db_postgres_own(struct postgres *, enum own) WARN_UNUSED;

/* db_postgres_look_whose(db): look up whose tables there are: fills content. 0
 * or -1. */
int db_postgres_look_whose(struct postgres *) WARN_UNUSED;

/* db_postgres_ask(): as db_ask(), in db_postgres_ask.c. */
int db_postgres_ask(struct db *, const struct db_asking *) WARN_UNUSED;

#endif
