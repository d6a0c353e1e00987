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
	OWN_PID,
	OWN_LAG,
	OWN_SERVER,
	OWN_SYSTEM,
	OWN_MARK,
	OWN_BEGIN,
	OWN_LOCK,
	OWN_PATH,
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
	bool found;		 /* our tables, and search_path is theirs */
	char *lock, *path;	 /* the text of OWN_LOCK, of OWN_PATH */
	char *url;		 /* has the password */
	struct pgstmt *settings[PGCONN_SETTINGS]; /* of a pooled one */
	int64_t version; /* of the schema, that it is for; 0: not read */
};

/* db_postgres_own(db, which): the statement; NULL after noting out of memory.
 */
struct pgstmt *db_postgres_own(struct postgres *, enum own) WARN_UNUSED;

/* db_postgres_number(db, which, n): run it; ${*n} is the number that it gives,
 * or 0. 0 or -1. */
int db_postgres_number(struct postgres *, enum own, int64_t *n) WARN_UNUSED;

/*
 * db_postgres_enter(db, own), db_postgres_leave(db, own, rc): what is asked
 * outside of a transaction is asked in one of its own where a pooler gives the
 * session to others: begin it, if ${*own}, and end it. ${rc} is that of what
 * was asked, and of the whole if that is 0.
 */
int db_postgres_enter(struct postgres *, bool *own) WARN_UNUSED;
int db_postgres_leave(struct postgres *, bool own, int rc) WARN_UNUSED;

/*
 * db_postgres_look_whose(db): look up whose tables there are: fills content.
 * From then on all ours are those of the one schema whose version is read,
 * whatever stands before it in the search_path. 0 or -1.
 *
 * db_postgres_read_version(db, version): ${version} was read. False if it is
 * not what it was: then look again, there may be other tables.
 */
int db_postgres_look_whose(struct postgres *) WARN_UNUSED;
bool db_postgres_read_version(struct postgres *, int64_t version);

/* db_postgres_claim(): as db_claim(), in db_postgres_claim.c. */
int db_postgres_claim(struct db *) WARN_UNUSED;

/* db_postgres_ask(): as db_ask(), in db_postgres_ask.c. */
int db_postgres_ask(struct db *, const struct db_asking *) WARN_UNUSED;

#endif
