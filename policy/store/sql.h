/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql - the schema and every statement
 *
 * For store.c and its store_*.c alone. Parameters are ?1, ?2 ... in the order
 * in which those bind them.
 *
 * It is written once, for SQLite and PostgreSQL: with what both understand
 * alike, and the few words that db_postgres_sql.h lists. What is compared is
 * compared by octets, what is a number has 64 bits.
 */
#ifndef SQL_H
#define SQL_H

#include "db/db.h"

enum sql {
	SQL_CATEGORY,
	SQL_CATEGORIES,
	SQL_CATEGORY_ADD,
	SQL_CATEGORY_KEY_ADD,
	SQL_ACCOUNT,
	SQL_ACCOUNTS,
	SQL_ACCOUNTS_FROM,
	SQL_ACCOUNT_ADD,
	SQL_ACCOUNT_REMOVE,
	SQL_LOOKUP_ACCOUNT,
	SQL_LOOKUP_USERS,
	SQL_LOOKUP_ENTITLED,
	SQL_LOOKUP_ENTITLED_OF,
	SQL_LOOKUP_EVERYBODY_OF,
	SQL_USERS,
	SQL_MEMBERS,
	SQL_MEMBERS_SUBSCRIPTIONS,
	SQL_OWNER,
	SQL_USER,
	SQL_USER_ADD,
	SQL_USER_SET_ROLE,
	SQL_USER_REMOVE,
	SQL_SUBSCRIPTIONS,
	SQL_SUBSCRIBE,
	SQL_UNSUBSCRIBE,
	SQL_LINK_END,
	SQL_RECORD,
	SQL_RECORDS,
	SQL_CHANGES,
	SQL_EXPORT,
	SQL_NOTICE_ADD,
	SQL_NOTICE_TAKE,
	SQL_NOTICE_SENT,
	SQL_NOTICE_FAILED,
	SQL_HEALTH,
	SQL_LINKS_STRAY,
	SQL_LINK,
	SQL_LINK_ADD,
	SQL_LINK_MOVE,
	SQL_LINK_STRIKE,
	SQL_LINKS_OF_CHAT,
	SQL_TOKEN_ADD,
	SQL_TOKEN_FIND,
	SQL_TOKEN_REMOVE,
	SQL_TOKEN_EXPIRE,
	SQL_WAITING_ADD,
	SQL_WAITING_REMOVE,
	SQL_WAITING_MOVE,
	SQL_WAITING_EXPIRE,
	SQL_WAITING_BEFORE,
	SQL_STATE_GET,
	SQL_STATE_EACH,
	SQL_STATE_EXPIRE,
	SQL_STATE_SET,
	SQL_COUNT
};

extern const char sql_schema[];
/* What brings a database of version n to version n + 1, from version 1 on;
 * NULL at the end. The schema is what the last one leads to. Tables are changed
 * in other words where only one can change them in their place. */
struct sql_step {
	const char *sql[DB_DIALECTS];
};
extern const struct sql_step sql_upgrades[];
extern const char *const sql_statements[SQL_COUNT];

#endif
