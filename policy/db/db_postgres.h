/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_postgres - db.h over PostgreSQL, or what speaks its protocol
 *
 * What the files of the driver share; for those alone.
 */
#ifndef DB_POSTGRES_H
#define DB_POSTGRES_H

#include "db/db_driver.h"
#include "db/pgconn.h"
#include "db/pgstmt.h"

/* Statements of the driver's own, prepared at their first use. */
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
	enum db_content content; /* as it was last looked for */
	bool ours;		 /* the table of the version was read */
};

/* db_postgres_own(db, which): NULL for no memory, which is noted. */
struct pgstmt *db_postgres_own(struct postgres *, enum own) WARN_UNUSED;

/* db_postgres_look_whose(db): are there tables, and ours? Fills content. 0 or
 * -1. */
int db_postgres_look_whose(struct postgres *) WARN_UNUSED;

/* db_postgres_ask(): as db_ask(), in db_postgres_ask.c. */
int db_postgres_ask(struct db *, const struct db_asking *) WARN_UNUSED;

#endif
