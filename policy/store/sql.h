/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql - the schema and every statement
 *
 * For store.c and store_*.c only. Parameters are ?1, ?2 ... in the order in
 * which those bind them.
 *
 * SQLite and PostgreSQL share the statements: they contain only what means the
 * same to both, and the words that db_postgres_sql.h translates. Text is
 * compared by bytes, and numbers have 64 bits.
 */
#ifndef SQL_H
#define SQL_H

#include "db/db.h"

enum sql {
	SQL_CATEGORY,
	SQL_CATEGORIES,
	SQL_CATEGORY_ADD,
	SQL_CATEGORY_KEY_ADD,
	SQL_CATEGORY_SET,
	SQL_CATEGORY_REMOVE,
	SQL_CATEGORY_USERS,
	SQL_CATEGORY_CHATS,
	SQL_CATEGORY_PEOPLE,
	SQL_ACCOUNT,
	SQL_ACCOUNTS,
	SQL_ACCOUNTS_FROM,
	SQL_ACCOUNT_ADD,
	SQL_ACCOUNT_RENAME,
	SQL_ACCOUNT_TITLE,
	SQL_FORMER_ADD,
	SQL_FORMER_REMOVE,
	SQL_FORMERS,
	SQL_ACCOUNT_REMOVE,
	SQL_LOOKUP_ACCOUNT,
	SQL_LOOKUP_USERS,
	SQL_LOOKUP_ENTITLED,
	SQL_LOOKUP_EVERYBODY,
	SQL_LOOKUP_OWNER_OF,
	SQL_LOOKUP_OWNERS_OF,
	SQL_LOOKUP_ENTITLED_OF,
	SQL_LOOKUP_EVERYBODY_OF,
	SQL_USERS,
	SQL_MEMBERS,
	SQL_MEMBERS_SUBSCRIPTIONS,
	SQL_OWNER,
	SQL_MANAGERS,
	SQL_USER,
	SQL_USER_ADD,
	SQL_USER_SET_ROLE,
	SQL_USER_SET_ADDRESS,
	SQL_USER_SET_LANGUAGE,
	SQL_USER_REMOVE,
	SQL_SUBSCRIPTIONS,
	SQL_SUBSCRIBE,
	SQL_UNSUBSCRIBE,
	SQL_LINK_END,
	SQL_RECORD,
	SQL_RECORDS,
	SQL_CHANGES,
	SQL_COUNTS,
	SQL_FAREWELL_ADD,
	SQL_FAREWELL_NEXT,
	SQL_FAREWELL_REMOVE,
	SQL_FAREWELL_EXPIRE,
	SQL_CHANGES_ALL,
	SQL_CHANGE_NEXT,
	SQL_CHANGE_REWORD,
	SQL_CHANGES_RENAME,
	SQL_CHANGES_PRUNE,
	SQL_EXPORT,
	SQL_LANGUAGES,
	SQL_NOTICES,
	SQL_NOTICE_ADD,
	SQL_NOTICE_ADD_IF,
	SQL_NOTICE_TAKE,
	SQL_NOTICE_SENT,
	SQL_NOTICE_EXPIRE,
	SQL_NOTICE_FAILED,
	SQL_NOTICES_ALL,
	SQL_NOTICE_REWORD,
	SQL_NOTICE_REMOVE,
	SQL_NOTICE_LATER,
	SQL_PERSON_USERS,
	SQL_PERSON_TOKENS,
	SQL_PERSON_REQUESTS,
	SQL_PERSON_REQUESTS_REMOVE,
	SQL_SECRET,
	SQL_SECRET_ADD,
	SQL_HEALTH,
	SQL_LINKS_STRAY,
	SQL_ADDRESSES,
	SQL_LINK,
	SQL_LINK_ADD,
	SQL_LINK_MOVE,
	SQL_LINK_STRIKE,
	SQL_LINKS_OF_CHAT,
	SQL_LINKABLE,
	SQL_LINKABLE_ANY,
	SQL_TOKEN_ADD,
	SQL_TOKEN_FIND,
	SQL_TOKEN_REMOVE,
	SQL_TOKENS_REMOVE,
	SQL_TOKEN_EXPIRE,
	SQL_REQUESTS,
	SQL_REQUEST_ADD,
	SQL_REQUEST_EXPIRE,
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
/* The names of its tables, with commas between. */
extern const char sql_tables[];
/* Step n - 1 upgrades a database from version n to n + 1; ends with NULL. The
 * schema is the result of the last step. Only PostgreSQL alters tables in
 * place, so each dialect has its own SQL. */
struct sql_step {
	const char *sql[DB_DIALECTS];
};
extern const struct sql_step sql_upgrades[];
extern const char *const sql_statements[SQL_COUNT];
/* For a roster of version 1, where it differs; else NULL. */
extern const char *const sql_statements_1[SQL_COUNT];

#endif
