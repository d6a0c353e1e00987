/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql - the schema and every statement
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

const char sql_schema[] =
    "CREATE TABLE category("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  slug TEXT NOT NULL UNIQUE,"
    "  title TEXT NOT NULL,"
    "  subscriber INTEGER NOT NULL CHECK (subscriber IN (0, 1)),"
    "  telegram INTEGER NOT NULL CHECK (telegram IN (0, 1)));"
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
    "    ON DELETE CASCADE) WITHOUT ROWID;"
    "CREATE INDEX subscription_by_user ON subscription(user);"
    "CREATE TABLE link("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  user INTEGER NOT NULL UNIQUE REFERENCES user(id) ON DELETE CASCADE,"
    "  chat INTEGER NOT NULL,"
    "  strikes INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX link_by_chat ON link(chat);"
    "CREATE TABLE token("
    "  hash TEXT NOT NULL PRIMARY KEY,"
    "  user INTEGER NOT NULL REFERENCES user(id) ON DELETE CASCADE,"
    "  expires INTEGER NOT NULL) WITHOUT ROWID;"
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
    "CREATE INDEX change_by_account ON change(account, id);"
    "CREATE TABLE notice("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  at INTEGER NOT NULL,"
    "  account TEXT NOT NULL,"
    "  address TEXT NOT NULL,"
    "  kind TEXT NOT NULL CHECK (kind IN ('unsubscribed', 'telegram-end')),"
    "  detail TEXT NOT NULL,"
    "  actor TEXT NOT NULL,"
    "  state TEXT NOT NULL DEFAULT 'pending'"
    "    CHECK (state IN ('pending', 'handing', 'sent')),"
    "  tries INTEGER NOT NULL DEFAULT 0,"
    "  error TEXT NOT NULL DEFAULT '');"
    "CREATE INDEX notice_waiting ON notice(id) WHERE state <> 'sent';" SECRET;

const char sql_tables[] = "category,category_key,account,user,subscription,"
			  "link,token,waiting,state,change,notice,"
			  "secret";

/*
 * A released step never changes. SQLite does not enforce foreign keys during
 * the steps, and checks them after the last one: change a table by creating
 * another, copying the rows (and the row in sqlite_sequence, if there is one:
 * no id may be used twice), dropping the old table and renaming the new one.
 * PostgreSQL alters it in place.
 *
 * 1 to 2 is not released yet: what 0.2.0 changes in the schema joins it.
 *
 * PostgreSQL: whoever may read a message's category and chats, may read the
 * secret at once: else the programs would lack the right from here until
 * somebody runs fleet-grants.sql.
 */
#define SECRET_GRANTS                                                          \
	"DO 'DECLARE r record; BEGIN FOR r IN SELECT DISTINCT g.grantee"       \
	" FROM pg_class c, aclexplode(c.relacl) g"                             \
	" WHERE c.oid = ''link''::regclass AND g.privilege_type = ''SELECT''"  \
	" AND g.grantee <> c.relowner AND EXISTS (SELECT 1"                    \
	"  FROM pg_class d, aclexplode(d.relacl) h"                            \
	"  WHERE d.oid = ''category_key''::regclass"                           \
	"  AND h.privilege_type = ''SELECT'' AND h.grantee = g.grantee)"       \
	" LOOP EXECUTE format(''GRANT SELECT ON secret TO %s'',"               \
	" CASE r.grantee WHEN 0 THEN ''PUBLIC''"                               \
	" ELSE quote_ident(pg_get_userbyid(r.grantee)) END);"                  \
	" END LOOP; END';"

const struct sql_step sql_upgrades[] = {
    {{SECRET, SECRET SECRET_GRANTS}}, {{NULL}}};

#define USER_COLUMNS                                                           \
	"u.id, u.account, a.name, u.address, u.key, u.role,"                   \
	" EXISTS (SELECT 1 FROM subscription s WHERE s.account = u.account"    \
	"  AND s.category = ?2 AND s.user = u.id),"                            \
	" coalesce(l.id, 0), coalesce(l.chat, 0)"
#define USER_TABLES                                                            \
	" FROM user u JOIN account a ON a.id = u.account"                      \
	" LEFT JOIN link l ON l.user = u.id "

/*
 * The lookups for one message (store_lookup.c). ?1 is the key of its category;
 * sets of keys are JSON objects. CROSS JOIN keeps SQLite to the order of the
 * tables: from the keys by indexes to the rows, however many there are. The
 * account of a user and the user of a chat are compared with the row, not only
 * with the index: a disk may have changed the one number that would send a
 * customer's mail to another.
 */
#define LOOKUP_COLUMNS                                                         \
	"u.account, a.name, u.address, u.key, u.role, l.id, l.chat"
#define LOOKUP_LINK                                                            \
	" LEFT JOIN link l ON l.user = u.id AND u.id ="                        \
	" (SELECT m.user FROM link m WHERE m.id = l.id)"
#define LOOKUP_CATEGORY "(SELECT category FROM category_key WHERE key = ?1)"
#define LOOKUP_SUBSCRIBED                                                      \
	"EXISTS (SELECT 1 FROM subscription s WHERE s.account = u.account"     \
	" AND s.category = " LOOKUP_CATEGORY " AND s.user = u.id)"
#define LOOKUP_ENTITLED(of)                                                    \
	"SELECT " LOOKUP_COLUMNS                                               \
	" FROM account a CROSS JOIN user u" LOOKUP_LINK " WHERE " of           \
	" AND u.account = a.id AND u.role = 'owner' AND a.id ="                \
	" (SELECT v.account FROM user v WHERE v.id = u.id) UNION ALL "         \
	"SELECT " LOOKUP_COLUMNS " FROM account a CROSS JOIN subscription s"   \
	" CROSS JOIN user u" LOOKUP_LINK " WHERE " of                          \
	" AND s.account = a.id AND s.category = " LOOKUP_CATEGORY              \
	" AND u.id = s.user AND +u.account = a.id"
#define LOOKUP_OF                                                              \
	"SELECT n.id FROM json_each(?2) j CROSS JOIN account n"                \
	" WHERE n.key = j.key UNION "                                          \
	"SELECT m.account FROM json_each(?3) j CROSS JOIN user m"              \
	" WHERE m.key = j.key"
#define CATEGORY_COLUMNS "c.id, c.slug, c.title, c.subscriber, c.telegram"
#define ACCOUNT_COLUMNS                                                        \
	"a.id, a.name, a.title, coalesce((SELECT u.address FROM user u"        \
	" WHERE u.account = a.id AND u.role = 'owner'), ''),"                  \
	" (SELECT count(*) FROM user u WHERE u.account = a.id)"

/* The id of an account, given by id, or by key if ${id} is 0. */
#define ACCOUNT_OR(id, key)                                                    \
	"CASE WHEN ?" #id " <> 0 THEN ?" #id                                   \
	" ELSE (SELECT id FROM account WHERE key = ?" #key ") END"
/* The id of a user of an account likewise. */
#define USER_OR(id, account, key)                                              \
	"CASE WHEN ?" #id " <> 0 THEN ?" #id                                   \
	" ELSE (SELECT u.id FROM user u JOIN account a ON a.id = u.account"    \
	" WHERE a.key = ?" #account " AND u.key = ?" #key ") END"

#define CHANGE_ADD                                                             \
	"INSERT INTO change(at, actor, account, action, subject, detail)"      \
	" VALUES "

const char *const sql_statements[SQL_COUNT] = {
    [SQL_CATEGORY] = "SELECT " CATEGORY_COLUMNS
		     " FROM category_key k JOIN category c ON c.id = k.category"
		     " WHERE k.key = ?1",
    [SQL_CATEGORIES] =
	"SELECT " CATEGORY_COLUMNS " FROM category c ORDER BY c.id",
    [SQL_CATEGORY_ADD] =
	"INSERT INTO category(slug, title, subscriber, telegram)"
	" VALUES (?1, ?2, ?3, ?4) RETURNING id",
    [SQL_CATEGORY_KEY_ADD] =
	"INSERT INTO category_key(key, category) VALUES (?1, ?2)",
    [SQL_ACCOUNT] =
	"SELECT " ACCOUNT_COLUMNS " FROM account a WHERE a.key = ?1",
    [SQL_ACCOUNTS] = "SELECT " ACCOUNT_COLUMNS " FROM account a ORDER BY a.key",
    [SQL_ACCOUNTS_FROM] =
	"SELECT a.id, a.name, a.title, coalesce((SELECT u.key FROM user u"
	"  WHERE u.account = a.id AND u.role = 'owner'), ''), 0"
	" FROM account a WHERE a.key >= ?1 ORDER BY a.key LIMIT ?2",
    [SQL_ACCOUNT_ADD] = "INSERT INTO account(name, key, title)"
			" VALUES (?1, ?2, ?3) RETURNING id",
    [SQL_ACCOUNT_REMOVE] = "DELETE FROM account WHERE id = ?1",
    [SQL_LOOKUP_ACCOUNT] = "SELECT id, name FROM account WHERE key = ?1",
    [SQL_LOOKUP_USERS] = "SELECT " LOOKUP_COLUMNS ", " LOOKUP_SUBSCRIBED
			 " FROM json_each(?2) j CROSS JOIN user u"
			 " CROSS JOIN account a" LOOKUP_LINK
			 " WHERE u.key = j.key AND a.id = u.account",
    [SQL_LOOKUP_ENTITLED] = LOOKUP_ENTITLED("a.key = ?2"),
    [SQL_LOOKUP_ENTITLED_OF] = LOOKUP_ENTITLED("a.id IN (" LOOKUP_OF ")"),
    [SQL_LOOKUP_EVERYBODY_OF] =
	"SELECT " LOOKUP_COLUMNS ", " LOOKUP_SUBSCRIBED
	" FROM account a CROSS JOIN user u" LOOKUP_LINK
	" WHERE a.id IN (" LOOKUP_OF ") AND u.account = a.id"
	" ORDER BY u.account, u.role <> 'owner', u.key",
    [SQL_USERS] = "SELECT " USER_COLUMNS USER_TABLES
		  "WHERE u.account = ?1 ORDER BY u.role <> 'owner', u.key",
    [SQL_MEMBERS] = "SELECT " USER_COLUMNS USER_TABLES
		    "WHERE u.account = ?1 AND u.key >= ?3"
		    " ORDER BY u.key LIMIT ?4",
    [SQL_MEMBERS_SUBSCRIPTIONS] =
	"SELECT " CATEGORY_COLUMNS ", u.id FROM user u"
	" CROSS JOIN subscription s CROSS JOIN category c"
	" WHERE u.account = ?1 AND u.key >= ?2 AND u.key <= ?3"
	" AND s.user = u.id AND c.id = s.category ORDER BY u.key, c.id",
    [SQL_OWNER] = "SELECT " USER_COLUMNS USER_TABLES
		  "WHERE u.account = ?1 AND u.role = 'owner'",
    [SQL_USER] = "SELECT " USER_COLUMNS USER_TABLES
		 "WHERE u.account = ?1 AND u.key = ?3",
    [SQL_USER_ADD] = "INSERT INTO user(account, address, key, role)"
		     " VALUES (" ACCOUNT_OR(1, 5) ", ?2, ?3, ?4) RETURNING id",
    [SQL_USER_SET_ROLE] = "UPDATE user SET role = ?2 WHERE id = ?1",
    [SQL_USER_REMOVE] = "DELETE FROM user WHERE id = ?1",
    [SQL_SUBSCRIPTIONS] =
	"SELECT " CATEGORY_COLUMNS
	" FROM subscription s JOIN category c ON c.id = s.category"
	" WHERE s.user = ?1 ORDER BY c.id",
    [SQL_SUBSCRIBE] =
	"INSERT INTO subscription(account, category, user)"
	" VALUES (" ACCOUNT_OR(1, 4) ", ?2, " USER_OR(3, 4, 5) ")",
    [SQL_UNSUBSCRIBE] = "DELETE FROM subscription"
			" WHERE account = ?1 AND category = ?2 AND user = ?3",
    [SQL_LINK_END] = "DELETE FROM link WHERE user = ?1",
    [SQL_RECORD] = CHANGE_ADD "(?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_RECORDS] = CHANGE_ADD
    "(?1, ?2, ?3, ?4, ?5, ?6), (?7, ?8, ?9, ?10, ?11, ?12),"
    "(?13, ?14, ?15, ?16, ?17, ?18), (?19, ?20, ?21, ?22, ?23, ?24),"
    "(?25, ?26, ?27, ?28, ?29, ?30), (?31, ?32, ?33, ?34, ?35, ?36),"
    "(?37, ?38, ?39, ?40, ?41, ?42), (?43, ?44, ?45, ?46, ?47, ?48),"
    "(?49, ?50, ?51, ?52, ?53, ?54), (?55, ?56, ?57, ?58, ?59, ?60),"
    "(?61, ?62, ?63, ?64, ?65, ?66), (?67, ?68, ?69, ?70, ?71, ?72),"
    "(?73, ?74, ?75, ?76, ?77, ?78), (?79, ?80, ?81, ?82, ?83, ?84),"
    "(?85, ?86, ?87, ?88, ?89, ?90), (?91, ?92, ?93, ?94, ?95, ?96)",
    [SQL_CHANGES] =
	"SELECT at, actor, account, action, subject, detail"
	" FROM change WHERE coalesce(lower(account) = lower(?1), 1 = 1)"
	" ORDER BY id",
    [SQL_COUNTS] = "SELECT (SELECT count(*) FROM account),"
		   " (SELECT count(*) FROM user),"
		   " (SELECT count(*) FROM subscription)",
    [SQL_EXPORT] = "SELECT a.name, u.address, u.role, coalesce(c.slug, '')"
		   " FROM account a JOIN user u ON u.account = a.id"
		   " LEFT JOIN subscription s ON s.user = u.id"
		   " LEFT JOIN category c ON c.id = s.category"
		   " WHERE ?1 = 0 OR a.id = ?1"
		   " ORDER BY a.key, u.role <> 'owner', u.key, c.id",
    [SQL_NOTICE_ADD] = "INSERT INTO notice(at, account, address, kind,"
		       " detail, actor) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_NOTICE_TAKE] =
	"UPDATE notice SET state = 'handing', tries = tries + 1"
	" WHERE id = (SELECT min(id) FROM notice"
	"  WHERE state = 'pending' AND id > ?1)"
	" RETURNING id, at, account, address, kind, detail, actor",
    [SQL_NOTICE_SENT] =
	"UPDATE notice SET state = 'sent', error = '' WHERE id = ?1",
    [SQL_NOTICE_FAILED] =
	"UPDATE notice SET state = 'pending', error = ?2 WHERE id = ?1",
    [SQL_SECRET] = "SELECT value FROM secret WHERE name = ?1",
    [SQL_SECRET_ADD] = "INSERT INTO secret(name, value) VALUES (?1, ?2)",
    [SQL_HEALTH] =
	"SELECT (SELECT count(*) FROM account a WHERE NOT EXISTS"
	"  (SELECT 1 FROM user u WHERE u.account = a.id AND u.role = 'owner')),"
	" (SELECT count(*) FROM notice WHERE state = 'pending'),"
	" (SELECT count(*) FROM notice WHERE state = 'handing'),"
	" (SELECT count(*) FROM account), (SELECT count(*) FROM user),"
	" (SELECT count(*) FROM subscription),"
	" (SELECT count(*) FROM user WHERE"
	"  substr(key, length(key) - length(?1)) = '@' || ?1 OR (?2 <> '' AND"
	"   substr(key, length(key) - length(?2)) = '@' || ?2)),"
	" (SELECT count(*) FROM link),"
	" (SELECT min(at) FROM notice WHERE state = 'pending')",
    [SQL_LINKS_STRAY] =
	"SELECT " USER_COLUMNS USER_TABLES
	"WHERE l.id > ?1 AND u.role <> 'owner' AND"
	" (u.role = 'subscriber' OR NOT EXISTS"
	"  (SELECT 1 FROM subscription s JOIN category c ON c.id = s.category"
	"   WHERE s.user = u.id AND c.telegram = 1)) ORDER BY a.key, u.key",
    [SQL_ADDRESSES] = "SELECT a.name, u.address, u.key"
		      " FROM account a JOIN user u ON u.account = a.id"
		      " ORDER BY a.key, u.key",
    [SQL_LINK] = "SELECT " USER_COLUMNS USER_TABLES "WHERE l.id = ?1",
    [SQL_LINK_ADD] = "INSERT INTO link(id, user, chat) VALUES (?1, ?2, ?3)"
		     " ON CONFLICT (id) DO NOTHING",
    [SQL_LINK_MOVE] = "UPDATE link SET chat = ?2 WHERE chat = ?1",
    [SQL_LINK_STRIKE] = "UPDATE link SET strikes ="
			" CASE WHEN ?2 = 0 THEN 0 ELSE strikes + 1 END"
			" WHERE id = ?1 RETURNING strikes",
    [SQL_LINKS_OF_CHAT] = "SELECT " USER_COLUMNS USER_TABLES
			  "WHERE l.chat = ?1 ORDER BY a.key, u.key",
    [SQL_TOKEN_ADD] =
	"INSERT INTO token(hash, user, expires) VALUES (?1, ?2, ?3)",
    [SQL_TOKEN_FIND] =
	"SELECT " USER_COLUMNS " FROM token t JOIN user u ON u.id = t.user"
	" JOIN account a ON a.id = u.account"
	" LEFT JOIN link l ON l.user = u.id"
	" WHERE t.hash = ?1 AND t.expires > ?3 AND t.expires <= ?4",
    [SQL_TOKEN_REMOVE] = "DELETE FROM token WHERE hash = ?1",
    [SQL_TOKEN_EXPIRE] =
	"DELETE FROM token WHERE expires <= ?1 OR expires > ?2 OR user = ?3",
    [SQL_WAITING_ADD] =
	"INSERT INTO waiting(link, chat, message, arrived, tried)"
	" VALUES (?1, ?2, ?3, ?4, ?5)"
	" ON CONFLICT (link, message) DO UPDATE"
	" SET chat = excluded.chat, tried = excluded.tried",
    [SQL_WAITING_REMOVE] =
	"DELETE FROM waiting WHERE link = ?1 AND message = ?2",
    [SQL_WAITING_MOVE] = "UPDATE waiting SET chat = ?2 WHERE chat = ?1",
    [SQL_WAITING_EXPIRE] =
	"DELETE FROM waiting WHERE tried <= ?1 OR tried > ?2",
    [SQL_WAITING_BEFORE] =
	"SELECT count(*) FROM waiting WHERE chat = ?1 AND message <> ?2"
	" AND (arrived < ?3 OR (arrived = ?3 AND message < ?2))"
	" AND tried > ?4 AND tried <= ?5",
    [SQL_STATE_GET] = "SELECT value FROM state WHERE name = ?1",
    [SQL_STATE_EACH] = "SELECT name, value FROM state"
		       " WHERE substr(name, 1, length(?1)) = ?1",
    [SQL_STATE_EXPIRE] =
	"DELETE FROM state"
	" WHERE substr(name, 1, length(?1)) = ?1 AND value < ?2",
    [SQL_STATE_SET] =
	"INSERT INTO state(name, value) VALUES (?1, ?2)"
	" ON CONFLICT (name) DO UPDATE SET value = excluded.value",
};
