/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql_schema - the tables, and the steps from one version of them to the next
 *
 * A subscription repeats its user's account, so that "who in this account gets
 * this category" reads only those rows, however many users there are; the
 * foreign key on (user, account) keeps the copy right. Ids of links are random
 * (link.c); the first ones were numbered. Only the hash of a connect token is
 * stored.
 */
#include <stddef.h>

#include "store/sql.h"

/* notify-milter and notify-telegram read it; only the owner of the tables
 * writes it. */
#define SECRET                                                                 \
	"CREATE TABLE secret("                                                 \
	"  name TEXT NOT NULL PRIMARY KEY,"                                    \
	"  value TEXT NOT NULL) WITHOUT ROWID;"

/* Names that an account had before: nobody else may take them. */
#define ACCOUNT_FORMER                                                         \
	"CREATE TABLE account_former("                                         \
	"  key TEXT NOT NULL PRIMARY KEY,"                                     \
	"  account INTEGER NOT NULL REFERENCES account(id) ON DELETE CASCADE," \
	"  name TEXT NOT NULL,"                                                \
	"  at INTEGER NOT NULL) WITHOUT ROWID;"                                \
	"CREATE INDEX account_former_by_account ON account_former(account);"

/* What the bot says in chats whose link was ended by a command. */
#define FAREWELL                                                               \
	"CREATE TABLE farewell("                                               \
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"                              \
	"  at INTEGER NOT NULL,"                                               \
	"  chat INTEGER NOT NULL,"                                             \
	"  topic INTEGER NOT NULL,"                                            \
	"  language TEXT NOT NULL,"                                            \
	"  account TEXT NOT NULL,"                                             \
	"  reason TEXT NOT NULL);"

/* Who asked the bot for a link by mail; address_key as user.key. */
#define LINK_REQUEST                                                           \
	"CREATE TABLE link_request("                                           \
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"                              \
	"  at INTEGER NOT NULL,"                                               \
	"  chat INTEGER NOT NULL,"                                             \
	"  address_key TEXT NOT NULL,"                                         \
	"  sent INTEGER NOT NULL CHECK (sent IN (0, 1)));"                     \
	"CREATE INDEX link_request_by_address ON"                              \
	"  link_request(address_key, at);"                                     \
	"CREATE INDEX link_request_by_chat ON link_request(chat, at);"

/* ${detail} depends on ${kind}: a text, or a JSON object. A notice that was
 * sent stays for some days. */
#define NOTICE(name)                                                           \
	"CREATE TABLE " name "("                                               \
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"                              \
	"  at INTEGER NOT NULL,"                                               \
	"  account TEXT NOT NULL,"                                             \
	"  address TEXT NOT NULL,"                                             \
	"  kind TEXT NOT NULL,"                                                \
	"  detail TEXT NOT NULL,"                                              \
	"  actor TEXT NOT NULL,"                                               \
	"  state TEXT NOT NULL DEFAULT 'pending'"                              \
	"    CHECK (state IN ('pending', 'handing', 'sent')),"                 \
	"  tries INTEGER NOT NULL DEFAULT 0,"                                  \
	"  error TEXT NOT NULL DEFAULT '',"                                    \
	"  language TEXT NOT NULL DEFAULT '',"                                 \
	"  sent_at INTEGER NOT NULL DEFAULT 0);"
#define NOTICE_WAITING                                                         \
	"CREATE INDEX notice_waiting ON notice(id) WHERE state <> 'sent';"

/* Both columns: else a server that has no statistics yet looks for the
 * subscriptions of a user who is removed among all of the account's. */
#define SUBSCRIPTION_BY_USER                                                   \
	"CREATE INDEX subscription_by_user ON subscription(user, account);"

/* What 0.2.0 adds to tables of 0.1.0. */
#define CATEGORY_DESCRIPTION "description TEXT NOT NULL DEFAULT ''"
#define USER_LANGUAGE "language TEXT NOT NULL DEFAULT ''"
#define LINK_TOPIC "topic INTEGER NOT NULL DEFAULT 0"
#define TOKEN_ORIGIN                                                           \
	"origin TEXT NOT NULL DEFAULT 'connect'"                               \
	" CHECK (origin IN ('connect', 'mail'))"

const char sql_schema[] =
    "CREATE TABLE category("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  slug TEXT NOT NULL UNIQUE,"
    "  title TEXT NOT NULL,"
    "  subscriber INTEGER NOT NULL CHECK (subscriber IN (0, 1)),"
    "  telegram INTEGER NOT NULL CHECK (telegram IN (0, 1)),"
    "  " CATEGORY_DESCRIPTION ");"
    "CREATE TABLE category_key("
    "  key TEXT NOT NULL PRIMARY KEY,"
    "  category INTEGER NOT NULL REFERENCES category(id)"
    "    ON DELETE CASCADE) WITHOUT ROWID;"
    "CREATE TABLE account("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  name TEXT NOT NULL,"
    "  key TEXT NOT NULL UNIQUE,"
    "  title TEXT NOT NULL);"
    "CREATE TABLE user("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  account INTEGER NOT NULL REFERENCES account(id) ON DELETE CASCADE,"
    "  address TEXT NOT NULL CHECK (address LIKE '_%@_%'),"
    "  key TEXT NOT NULL CHECK (key LIKE '_%@_%'),"
    "  role TEXT NOT NULL CHECK"
    "    (role IN ('owner', 'user-admin', 'member', 'subscriber')),"
    "  " USER_LANGUAGE ","
    "  UNIQUE (account, key),"
    "  UNIQUE (id, account));"
    "CREATE INDEX user_by_key ON user(key);"
    "CREATE UNIQUE INDEX user_owner ON user(account) WHERE role = 'owner';"
    "CREATE TABLE subscription("
    "  account INTEGER NOT NULL,"
    "  category INTEGER NOT NULL REFERENCES category(id) ON DELETE CASCADE,"
    "  user INTEGER NOT NULL,"
    "  PRIMARY KEY (account, category, user),"
    "  FOREIGN KEY (user, account) REFERENCES user(id, account)"
    "    ON DELETE CASCADE) WITHOUT ROWID;" SUBSCRIPTION_BY_USER
    "CREATE TABLE link("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  user INTEGER NOT NULL UNIQUE REFERENCES user(id) ON DELETE CASCADE,"
    "  chat INTEGER NOT NULL,"
    "  strikes INTEGER NOT NULL DEFAULT 0,"
    "  " LINK_TOPIC ");"
    "CREATE INDEX link_by_chat ON link(chat);"
    "CREATE TABLE token("
    "  hash TEXT NOT NULL PRIMARY KEY,"
    "  user INTEGER NOT NULL REFERENCES user(id) ON DELETE CASCADE,"
    "  expires INTEGER NOT NULL,"
    "  " TOKEN_ORIGIN ") WITHOUT ROWID;"
    "CREATE INDEX token_by_user ON token(user);"
    "CREATE TABLE waiting("
    "  link INTEGER NOT NULL,"
    "  message TEXT NOT NULL,"
    "  chat INTEGER NOT NULL,"
    "  arrived INTEGER NOT NULL,"
    "  tried INTEGER NOT NULL,"
    "  PRIMARY KEY (link, message)) WITHOUT ROWID;"
    "CREATE INDEX waiting_by_chat ON waiting(chat);"
    "CREATE TABLE state("
    "  name TEXT NOT NULL PRIMARY KEY,"
    "  value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE change("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  at INTEGER NOT NULL,"
    "  actor TEXT NOT NULL,"
    "  account TEXT NOT NULL COLLATE NOCASE,"
    "  action TEXT NOT NULL,"
    "  subject TEXT NOT NULL,"
    "  detail TEXT NOT NULL);"
    "CREATE INDEX change_by_account ON change(account, id);" NOTICE("notice")
	NOTICE_WAITING SECRET ACCOUNT_FORMER FAREWELL LINK_REQUEST;

const char sql_tables[] = "category,category_key,account,user,subscription,"
			  "link,token,waiting,state,change,notice,"
			  "secret,account_former,farewell,link_request";

/*
 * A released step never changes. SQLite does not enforce foreign keys during
 * the steps, and checks them after the last one: change a table by creating
 * another, copying the rows (and the row in sqlite_sequence, if there is one:
 * no id may be used twice), dropping the old table and renaming the new one.
 * PostgreSQL alters it in place.
 *
 * 1 to 2 is not released yet: what 0.2.0 changes in the schema joins it.
 *
 * PostgreSQL: who may do what a program of 0.1.0 may do, may at once do what
 * that program of 0.2.0 does with the new tables and columns: else it would
 * lack the right from here until somebody runs fleet-grants.sql. A row has two
 * rights that only that program has, and what it is granted.
 */
#define MAY(one, may, other, also, what)                                       \
	"(''" one "'', ''" may "'', ''" other "'', ''" also "'', ''" what "'')"
#define CTL(what) ", " MAY("account", "DELETE", "link", "DELETE", what)
#define BOT(what) ", " MAY("token", "DELETE", "link", "INSERT", what)
/* clang-format off */
#define MILTER_GRANTS                                                          \
	MAY("category_key", "SELECT", "link", "SELECT", "SELECT ON secret")    \
	", " MAY("account", "SELECT", "category_key", "SELECT",                \
	    "SELECT ON account_former")
#define AGENT_GRANTS                                                           \
	", " MAY("notice", "INSERT", "link", "DELETE",                         \
	    "UPDATE (sent_at) ON notice")
#define CTL_GRANTS                                                             \
	CTL("INSERT, DELETE ON account_former")                                \
	CTL("INSERT ON farewell")                                              \
	CTL("SELECT, DELETE ON link_request")                                  \
	CTL("UPDATE (title, description, subscriber, telegram), DELETE"        \
	    " ON category")                                                    \
	CTL("UPDATE (name, key, title) ON account")                            \
	CTL("UPDATE (address, key, language) ON \"user\"")                     \
	CTL("UPDATE (actor, account, subject, detail), DELETE ON change")      \
	CTL("UPDATE (actor, detail), DELETE ON notice")
#define BOT_GRANTS                                                             \
	BOT("SELECT, INSERT, DELETE ON farewell")                              \
	BOT("SELECT, INSERT, DELETE ON link_request")                          \
	BOT("UPDATE (chat) ON link")                                           \
	BOT("SELECT (chat), UPDATE (chat) ON waiting")                         \
	BOT("INSERT ON notice")
#define GRANTS                                                                 \
	"DO 'DECLARE r record; BEGIN FOR r IN SELECT DISTINCT g.grantee,"      \
	" n.what FROM (VALUES "                                                \
	MILTER_GRANTS AGENT_GRANTS CTL_GRANTS BOT_GRANTS                       \
	" ) AS n(one, may, other, also, what)"                                 \
	" JOIN pg_class c ON c.oid = n.one::regclass"                          \
	" CROSS JOIN LATERAL aclexplode(c.relacl) g"                           \
	" WHERE g.privilege_type = n.may AND g.grantee <> c.relowner"          \
	" AND EXISTS (SELECT 1"                                                \
	"  FROM pg_class d, aclexplode(d.relacl) h"                            \
	"  WHERE d.oid = n.other::regclass"                                    \
	"  AND h.privilege_type = n.also AND h.grantee = g.grantee)"           \
	" LOOP EXECUTE format(''GRANT %s TO %s'', r.what,"                     \
	" CASE r.grantee WHEN 0 THEN ''PUBLIC''"                               \
	" ELSE quote_ident(pg_get_userbyid(r.grantee)) END);"                  \
	" END LOOP; END';"
/* clang-format on */

#define DESCRIBE(slug, text)                                                   \
	"UPDATE category SET description = '" text "' WHERE slug = '" slug "';"
#define TO_2                                                                   \
	SECRET ACCOUNT_FORMER FAREWELL LINK_REQUEST                            \
	    "DROP INDEX subscription_by_user;" SUBSCRIPTION_BY_USER            \
	    "ALTER TABLE category ADD COLUMN " CATEGORY_DESCRIPTION ";"        \
	    "ALTER TABLE user ADD COLUMN " USER_LANGUAGE ";"                   \
	    "ALTER TABLE link ADD COLUMN " LINK_TOPIC ";"                      \
	    "ALTER TABLE token ADD COLUMN " TOKEN_ORIGIN                       \
	    ";" DESCRIBE("account-and-agreement",                              \
		"profile data changed; agreement changed; partner "            \
		"program terms changed; terms of service provision "           \
		"changed; account deleted") DESCRIBE("accounting-documents",   \
		"invoices for payment; reporting documents; payment "          \
		"data changed; electronic document interchange; "              \
		"payment processing changed") DESCRIBE("balance-and-payments", \
		"debts; refunds; blocking or deletion of a resource "          \
		"for non-payment postponed; account debited; top-up "          \
		"problems") DESCRIBE("scheduled-maintenance",                  \
		"technical work that affects the account''s "                  \
		"infrastructure; crashes and outages") DESCRIBE("services",    \
		"status of services in use; new infrastructure "               \
		"ordered; product updates")
#define NOTICES_SENT "UPDATE notice SET sent_at = at WHERE state = 'sent';"
#define TO_2_SQLITE                                                             \
	NOTICE("notice_2")                                                      \
	"INSERT INTO sqlite_sequence(name, seq) SELECT 'notice_2', seq"         \
	"  FROM sqlite_sequence WHERE name = 'notice';"                         \
	"INSERT INTO notice_2(id, at, account, address, kind, detail, actor,"   \
	"  state, tries, error) SELECT id, at, account, address, kind, detail," \
	"  actor, state, tries, error FROM notice;"                             \
	"DROP TABLE notice;"                                                    \
	"ALTER TABLE notice_2 RENAME TO notice;" NOTICE_WAITING NOTICES_SENT
#define TO_2_POSTGRESQL                                                                  \
	"ALTER TABLE notice DROP CONSTRAINT IF EXISTS notice_kind_check;"                \
	"ALTER TABLE notice ADD COLUMN language TEXT NOT NULL DEFAULT '';"               \
	"ALTER TABLE notice ADD COLUMN sent_at INTEGER NOT NULL DEFAULT 0;" NOTICES_SENT \
	    GRANTS

const struct sql_step sql_upgrades[] = {
    {{TO_2 TO_2_SQLITE, TO_2 TO_2_POSTGRESQL}}, {{NULL}}};
