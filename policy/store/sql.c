/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql - every statement
 */
#include <stddef.h>

#include "store/sql.h"

/* Language and topic: version 1 has none. */
#define USER_COLUMNS_WITH(language, topic)                                     \
	"u.id, u.account, a.name, u.address, u.key, u.role,"                   \
	" EXISTS (SELECT 1 FROM subscription s WHERE s.account = u.account"    \
	"  AND s.category = ?2 AND s.user = u.id),"                            \
	" coalesce(l.id, 0), coalesce(l.chat, 0), " language ", " topic
#define USER_COLUMNS USER_COLUMNS_WITH("u.language", "coalesce(l.topic, 0)")
#define USER_COLUMNS_1 USER_COLUMNS_WITH("''", "0")
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
/* From the users to their accounts. An account that is not there is NULL: a
 * user of several must not look like a user of one. */
#define LOOKUP_COLUMNS_BY_USER                                                 \
	"a.id, a.name, u.address, u.key, u.role, l.id, l.chat"
#define LOOKUP_ACCOUNT_OF_USER " LEFT JOIN account a ON a.id = u.account"
#define LOOKUP_LINK " LEFT JOIN link l ON " LOOKUP_LINK_OF_USER
#define LOOKUP_LINK_OF_USER                                                    \
	"l.user = u.id AND u.id = (SELECT m.user FROM link m WHERE m.id = l.id)"
#define LOOKUP_CATEGORY "(SELECT category FROM category_key WHERE key = ?1)"
/* Not EXISTS: PostgreSQL would read all subscriptions to the category, once for
 * each message, rather than look for one of each person. */
#define LOOKUP_SUBSCRIBED                                                      \
	"(SELECT 1 FROM subscription s WHERE s.account = u.account"            \
	" AND s.category = " LOOKUP_CATEGORY " AND s.user = u.id) IS NOT NULL"
/* For thousands of people: chats only if the category is mirrored. */
#define LOOKUP_LINK_IF_MIRRORED                                                \
	" LEFT JOIN link l ON (SELECT c.telegram FROM category c"              \
	"  WHERE c.id = " LOOKUP_CATEGORY ") = 1 AND " LOOKUP_LINK_OF_USER
/* The name of the account is in another answer, and the reader compares the
 * account of each row. A subscription without its user is a row of NULL. */
#define LOOKUP_PERSON "u.account, '', u.address, u.key, u.role, l.id, l.chat"
#define LOOKUP_NO_CHAT "u.account, '', u.address, u.key, u.role, 0, 0"
/* The owner, then the subscribed; the parameters: ids, the columns of a person,
 * and how the chats of both are found. */
#define LOOKUP_ENTITLED_IN(account, category, person, of_owner, of_others)     \
	"SELECT " person " FROM user o CROSS JOIN user u" of_owner             \
	" WHERE o.account = " account " AND o.role = 'owner' AND u.id = o.id"  \
	" UNION ALL SELECT " person " FROM subscription s"                     \
	" LEFT JOIN user u ON u.id = s.user" of_others                         \
	" WHERE s.account = " account " AND s.category = " category
#define LOOKUP_ENTITLED(account)                                               \
	LOOKUP_ENTITLED_IN(account, LOOKUP_CATEGORY, LOOKUP_PERSON,            \
	    LOOKUP_LINK, LOOKUP_LINK_IF_MIRRORED)
#define LOOKUP_EVERYBODY(of)                                                   \
	"SELECT " LOOKUP_COLUMNS ", " LOOKUP_SUBSCRIBED                        \
	" FROM account a CROSS JOIN user u" LOOKUP_LINK " WHERE " of           \
	" AND u.account = a.id ORDER BY u.role <> 'owner', u.key"
/* The keys of the owners, the subscribed and all users of the accounts that the
 * users with the keys ?2 belong to; and all rows of those keys. */
#define LOOKUP_OWNERS                                                          \
	"SELECT DISTINCT o.key FROM json_each(?2) j CROSS JOIN user m"         \
	" CROSS JOIN user o WHERE m.key = j.key AND o.account = m.account"     \
	" AND o.role = 'owner'"
/* The owner of one account, by its id. */
#define LOOKUP_OWNER                                                           \
	"SELECT o.key FROM user o WHERE o.account = ?2 AND o.role = 'owner'"
#define LOOKUP_SUBSCRIBERS                                                     \
	"SELECT o.key FROM json_each(?2) j CROSS JOIN user m"                  \
	" CROSS JOIN subscription s CROSS JOIN user o WHERE m.key = j.key"     \
	" AND s.account = m.account AND s.category = " LOOKUP_CATEGORY         \
	" AND o.id = s.user AND +o.account = m.account"
#define LOOKUP_FELLOWS                                                         \
	"SELECT DISTINCT o.key FROM json_each(?2) j CROSS JOIN user m"         \
	" CROSS JOIN user o WHERE m.key = j.key AND o.account = m.account"
#define LOOKUP_ROWS_OF(keys)                                                   \
	"SELECT " LOOKUP_COLUMNS_BY_USER ", " LOOKUP_SUBSCRIBED " FROM (" keys \
	") w CROSS JOIN user u" LOOKUP_ACCOUNT_OF_USER LOOKUP_LINK             \
	" WHERE u.key = w.key"
#define CATEGORY_COLUMNS_1 "c.id, c.slug, c.title, c.subscriber, c.telegram, ''"
#define CATEGORY_COLUMNS                                                       \
	"c.id, c.slug, c.title, c.subscriber, c.telegram, c.description"
#define CATEGORY_OF_KEY(columns)                                               \
	"SELECT " columns                                                      \
	" FROM category_key k JOIN category c ON c.id = k.category"            \
	" WHERE k.key = ?1"
/* An account by a name that it had; version 1 has none. The number is compared
 * with the index, as above. */
#define FORMER_ROW                                                             \
	"EXISTS (SELECT 1 FROM account_former g WHERE g.account = f.account"   \
	" AND g.key || '' = f.key)"
#define FORMER(key)                                                            \
	"(SELECT f.account FROM account_former f WHERE f.key = " key           \
	" AND " FORMER_ROW ")"
#define ACCOUNT_NAMED(key)                                                     \
	"coalesce((SELECT n.id FROM account n WHERE n.key = " key              \
	"), " FORMER(key) ")"
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

/* membership_may_link() */
#define MAY_LINK                                                               \
	"(u.role = 'owner' OR (u.role <> 'subscriber' AND"                     \
	" EXISTS (SELECT 1 FROM subscription s JOIN category c"                \
	"  ON c.id = s.category WHERE s.user = u.id AND c.telegram = 1)))"

/* Only the timer sends links: one counts as waiting if it is older than ?3. */
#define WAITS "state = 'pending' AND (kind <> 'link' OR at <= ?3)"

#define NOTICE_TAKE(language)                                                  \
	"UPDATE notice SET state = 'handing', tries = tries + 1"               \
	" WHERE id = (SELECT min(id) FROM notice"                              \
	"  WHERE state = 'pending' AND id > ?1"                                \
	"  AND CASE WHEN kind = 'link' THEN 1 ELSE 0 END = ?2)"                \
	" RETURNING id, at, account, address, kind, detail, actor, " language
#define CHANGE_ADD                                                             \
	"INSERT INTO change(at, actor, account, action, subject, detail)"      \
	" VALUES "

#define NOTICES                                                                \
	"SELECT id, at, account, address, kind, detail, actor, language,"      \
	" state, tries, error FROM notice"

const char *const sql_statements[SQL_COUNT] = {
    [SQL_CATEGORY] = CATEGORY_OF_KEY(CATEGORY_COLUMNS),
    [SQL_CATEGORIES] =
	"SELECT " CATEGORY_COLUMNS " FROM category c ORDER BY c.id",
    [SQL_CATEGORY_ADD] =
	"INSERT INTO category(slug, title, subscriber, telegram, description)"
	" VALUES (?1, ?2, ?3, ?4, ?5) RETURNING id",
    [SQL_CATEGORY_KEY_ADD] =
	"INSERT INTO category_key(key, category) VALUES (?1, ?2)",
    [SQL_CATEGORY_SET] =
	"UPDATE category SET title = ?2, description = ?3, subscriber = ?4,"
	" telegram = ?5 WHERE id = ?1",
    [SQL_CATEGORY_REMOVE] = "DELETE FROM category WHERE id = ?1",
    [SQL_CATEGORY_USERS] =
	"SELECT count(*) FROM subscription s JOIN user u ON u.id = s.user"
	" WHERE s.category = ?1 AND (?2 = 0 OR u.role = 'subscriber')",
    [SQL_CATEGORY_CHATS] =
	"SELECT count(*), count(DISTINCT l.chat)"
	" FROM link l JOIN user u ON u.id = l.user"
	" WHERE u.role = 'owner' OR (u.role <> 'subscriber'"
	" AND EXISTS (SELECT 1 FROM subscription s WHERE s.user = u.id"
	"  AND s.account = u.account AND s.category = ?1))",
    [SQL_CATEGORY_PEOPLE] =
	"SELECT " USER_COLUMNS USER_TABLES "WHERE u.id > ?1 AND (EXISTS"
	" (SELECT 1 FROM subscription t WHERE t.account = u.account"
	"  AND t.category = ?2 AND t.user = u.id)"
	" OR (u.role = 'owner' AND l.id IS NOT NULL)) ORDER BY u.id LIMIT ?3",
    [SQL_ACCOUNT] = "SELECT " ACCOUNT_COLUMNS " FROM account a"
		    " WHERE a.id = " ACCOUNT_NAMED("?1"),
    [SQL_ACCOUNTS] = "SELECT " ACCOUNT_COLUMNS " FROM account a ORDER BY a.key",
    [SQL_ACCOUNTS_FROM] =
	"SELECT a.id, a.name, a.title, coalesce((SELECT u.key FROM user u"
	"  WHERE u.account = a.id AND u.role = 'owner'), ''),"
	" (SELECT count(*) FROM (SELECT 1 FROM user u WHERE u.account = a.id"
	"  LIMIT ?3) t)"
	" FROM account a WHERE a.key >= ?1 ORDER BY a.key LIMIT ?2",
    [SQL_ACCOUNT_ADD] = "INSERT INTO account(name, key, title)"
			" VALUES (?1, ?2, ?3) RETURNING id",
    [SQL_ACCOUNT_RENAME] =
	"UPDATE account SET name = ?2, key = ?3 WHERE id = ?1",
    [SQL_ACCOUNT_TITLE] = "UPDATE account SET title = ?2 WHERE id = ?1",
    [SQL_FORMER_ADD] = "INSERT INTO account_former(key, account, name, at)"
		       " VALUES (?1, ?2, ?3, ?4)",
    [SQL_FORMER_REMOVE] =
	"DELETE FROM account_former WHERE account = ?1 AND key = ?2",
    [SQL_FORMERS] = "SELECT f.key, f.name, a.name FROM account_former f"
		    " JOIN account a ON a.id = f.account"
		    " WHERE ?1 = 0 OR f.account = ?1 ORDER BY f.at, f.key",
    [SQL_ACCOUNT_REMOVE] = "DELETE FROM account WHERE id = ?1",
    [SQL_LOOKUP_ACCOUNT] =
	"SELECT a.id, a.name, a.name FROM account a WHERE a.key = ?1"
	" UNION ALL SELECT a.id, a.name, f.name FROM account_former f"
	" CROSS JOIN account a WHERE f.key = ?1 AND " FORMER_ROW
	" AND a.id = f.account"
	" AND NOT EXISTS (SELECT 1 FROM account n WHERE n.key = ?1)",
    [SQL_LOOKUP_USERS] =
	"SELECT " LOOKUP_COLUMNS_BY_USER ", " LOOKUP_SUBSCRIBED
	" FROM json_each(?2) j CROSS JOIN user u" LOOKUP_ACCOUNT_OF_USER
	    LOOKUP_LINK " WHERE u.key = j.key",
    [SQL_LOOKUP_ENTITLED] = LOOKUP_ENTITLED(ACCOUNT_NAMED("?2")),
    /* The same where the ids of the category, ?1, and of the account, ?2, are
     * known, and whether the category is mirrored to chats. */
    [SQL_LOOKUP_ENTITLED_BY_ID] =
	LOOKUP_ENTITLED_IN("?2", "?1", LOOKUP_NO_CHAT, "", ""),
    [SQL_LOOKUP_MIRRORED_BY_ID] =
	LOOKUP_ENTITLED_IN("?2", "?1", LOOKUP_PERSON, LOOKUP_LINK, LOOKUP_LINK),
    [SQL_LOOKUP_EVERYBODY] = LOOKUP_EVERYBODY("a.id = " ACCOUNT_NAMED("?2")),
    [SQL_LOOKUP_OWNER_OF] = LOOKUP_ROWS_OF(LOOKUP_OWNER),
    [SQL_LOOKUP_OWNERS_OF] = LOOKUP_ROWS_OF(LOOKUP_OWNERS),
    [SQL_LOOKUP_ENTITLED_OF] =
	LOOKUP_ROWS_OF(LOOKUP_OWNERS " UNION " LOOKUP_SUBSCRIBERS),
    [SQL_LOOKUP_EVERYBODY_OF] = LOOKUP_ROWS_OF(LOOKUP_FELLOWS),
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
    [SQL_USERS_OF_ACCOUNTS] =
	"SELECT u.id, u.account, '', u.address, u.key, u.role, 0,"
	" coalesce(l.id, 0), coalesce(l.chat, 0), u.language,"
	" coalesce(l.topic, 0) FROM json_each(?1) j CROSS JOIN user u"
	" LEFT JOIN link l ON l.user = u.id"
	" WHERE u.account = CAST(j.key AS INTEGER)"
	" ORDER BY u.account, u.key",
    [SQL_SUBSCRIPTIONS_OF_ACCOUNTS] =
	"SELECT s.account, s.user, s.category"
	" FROM json_each(?1) j CROSS JOIN subscription s"
	" WHERE s.account = CAST(j.key AS INTEGER)"
	" ORDER BY s.account, s.category",
    [SQL_OWNER] = "SELECT " USER_COLUMNS USER_TABLES
		  "WHERE u.account = ?1 AND u.role = 'owner'",
    [SQL_MANAGERS] =
	"SELECT " USER_COLUMNS USER_TABLES
	"WHERE u.account = ?1 AND u.role IN ('owner', 'user-admin')"
	" ORDER BY u.role <> 'owner', u.key LIMIT ?3",
    [SQL_USER] = "SELECT " USER_COLUMNS USER_TABLES
		 "WHERE u.account = ?1 AND u.key = ?3",
    [SQL_USER_ADD] =
	"INSERT INTO user(account, address, key, role, language)"
	" VALUES (" ACCOUNT_OR(1, 5) ", ?2, ?3, ?4, ?6) RETURNING id",
    [SQL_LANGUAGES] =
	"SELECT count(*) FROM (SELECT 1 FROM user WHERE language <> ''"
	" AND (?1 = 0 OR account = ?1) LIMIT 1) t",
    [SQL_USER_SET_ROLE] = "UPDATE user SET role = ?2 WHERE id = ?1",
    [SQL_USER_SET_ADDRESS] =
	"UPDATE user SET address = ?2, key = ?3 WHERE id = ?1",
    [SQL_USER_SET_LANGUAGE] = "UPDATE user SET language = ?2 WHERE id = ?1",
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
    [SQL_FAREWELL_ADD] =
	"INSERT INTO farewell(at, chat, topic, language, account, reason)"
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_FAREWELL_NEXT] =
	"SELECT id, at, chat, topic, language, account, reason FROM farewell"
	" WHERE id > ?1 ORDER BY id LIMIT 1",
    [SQL_FAREWELL_REMOVE] = "DELETE FROM farewell WHERE id = ?1",
    [SQL_FAREWELL_EXPIRE] = "DELETE FROM farewell WHERE at < ?1",
    [SQL_COUNTS] = "SELECT (SELECT count(*) FROM account),"
		   " (SELECT count(*) FROM user),"
		   " (SELECT count(*) FROM subscription)",
    [SQL_CHANGES_ALL] = "SELECT at, actor, account, action, subject, detail, id"
			" FROM change ORDER BY id",
    [SQL_CHANGE_NEXT] = "SELECT coalesce(max(id), 0) + 1 FROM change",
    [SQL_CHANGE_REWORD] = "UPDATE change SET actor = ?2, subject = ?3,"
			  " detail = ?4 WHERE id = ?1",
    [SQL_CHANGES_RENAME] =
	"UPDATE change SET account = ?2 WHERE lower(account) = lower(?1)"
	/* What is older was another account's, of that name. */
	" AND id >= (SELECT coalesce(max(CASE action"
	"  WHEN 'account-remove' THEN c.id + 1 ELSE c.id END), 0)"
	"  FROM change c WHERE lower(c.account) = lower(?1)"
	"  AND c.action IN ('account-add', 'account-remove'))",
    [SQL_CHANGES_PRUNE] = "DELETE FROM change WHERE at < ?2"
			  " AND coalesce(lower(account) = lower(?1), 1 = 1)",
    [SQL_EXPORT] = "SELECT a.name, u.address, u.role, coalesce(c.slug, ''),"
		   " u.language"
		   " FROM account a JOIN user u ON u.account = a.id"
		   " LEFT JOIN subscription s ON s.user = u.id"
		   " AND (u.role <> 'subscriber' OR EXISTS (SELECT 1"
		   "  FROM category o WHERE o.id = s.category"
		   "  AND o.subscriber = 1))"
		   " LEFT JOIN category c ON c.id = s.category"
		   " WHERE ?1 = 0 OR a.id = ?1"
		   " ORDER BY a.key, u.role <> 'owner', u.key, c.id",
    [SQL_NOTICES] = NOTICES " WHERE state <> 'sent' ORDER BY id",
    [SQL_NOTICE_ADD] = "INSERT INTO notice(at, account, address, kind,"
		       " detail, actor, language)"
		       " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    /* The same work whether or not there is one to add. */
    [SQL_NOTICE_ADD_IF] = "INSERT INTO notice(at, account, address, kind,"
			  " detail, actor, language)"
			  " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE ?8 = 1",
    [SQL_NOTICE_TAKE] = NOTICE_TAKE("language"),
    [SQL_NOTICE_SENT] = "UPDATE notice SET state = 'sent', error = '',"
			" sent_at = ?2 WHERE id = ?1",
    [SQL_NOTICE_EXPIRE] =
	"DELETE FROM notice WHERE state = 'sent' AND sent_at < ?1",
    [SQL_NOTICE_FAILED] =
	"UPDATE notice SET state = 'pending', error = ?2 WHERE id = ?1",
    [SQL_NOTICES_ALL] = NOTICES " ORDER BY id",
    [SQL_NOTICE_REWORD] =
	"UPDATE notice SET detail = ?2, actor = ?3 WHERE id = ?1",
    [SQL_NOTICE_REMOVE] = "DELETE FROM notice WHERE id = ?1",
    [SQL_NOTICE_LATER] = "SELECT count(*) FROM notice WHERE state <> 'sent'"
			 " AND id > ?1 AND kind = ?2 AND address = ?3",
    [SQL_PERSON_USERS] =
	"SELECT " USER_COLUMNS USER_TABLES "WHERE u.key = ?1 ORDER BY a.key",
    [SQL_PERSON_TOKENS] =
	"SELECT t.origin, t.expires, a.name FROM token t"
	" JOIN user u ON u.id = t.user JOIN account a ON a.id = u.account"
	" WHERE u.key = ?1 ORDER BY t.expires, a.key",
    [SQL_PERSON_REQUESTS] = "SELECT at, chat, sent FROM link_request"
			    " WHERE address_key = ?1 ORDER BY at, id",
    [SQL_PERSON_REQUESTS_REMOVE] =
	"DELETE FROM link_request WHERE address_key = ?1",
    [SQL_PERSON_TITLES] = "SELECT id, name, title FROM account"
			  " WHERE title LIKE '%@%' ORDER BY key",
    [SQL_SECRET] = "SELECT value FROM secret WHERE name = ?1",
    [SQL_SECRET_ADD] = "INSERT INTO secret(name, value) VALUES (?1, ?2)",
    [SQL_HEALTH] =
	"SELECT (SELECT count(*) FROM account a WHERE NOT EXISTS"
	"  (SELECT 1 FROM user u WHERE u.account = a.id AND u.role = 'owner')),"
	" (SELECT count(*) FROM notice WHERE " WAITS "),"
	" (SELECT count(*) FROM notice WHERE state = 'handing'),"
	" (SELECT count(*) FROM account), (SELECT count(*) FROM user),"
	" (SELECT count(*) FROM subscription),"
	" (SELECT count(*) FROM user WHERE"
	"  substr(key, length(key) - length(?1)) = '@' || ?1 OR (?2 <> '' AND"
	"   substr(key, length(key) - length(?2)) = '@' || ?2)),"
	" (SELECT count(*) FROM link),"
	" (SELECT min(at) FROM notice WHERE " WAITS ")",
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
    [SQL_LINK_ADD] = "INSERT INTO link(id, user, chat, topic)"
		     " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO NOTHING",
    [SQL_LINK_MOVE] = "UPDATE link SET chat = ?2 WHERE chat = ?1",
    [SQL_LINK_STRIKE] = "UPDATE link SET strikes ="
			" CASE WHEN ?2 = 0 THEN 0 ELSE strikes + 1 END"
			" WHERE id = ?1 RETURNING strikes",
    [SQL_LINKS_OF_CHAT] = "SELECT " USER_COLUMNS USER_TABLES
			  "WHERE l.chat = ?1 ORDER BY a.key, u.key",
    [SQL_LINKABLE] = "SELECT " USER_COLUMNS USER_TABLES
		     "WHERE u.key = ?1 AND " MAY_LINK " ORDER BY a.key",
    [SQL_LINKABLE_ANY] = "SELECT count(*) FROM (SELECT 1 FROM user u"
			 " WHERE u.key = ?1 AND " MAY_LINK " LIMIT 1) t",
    [SQL_TOKEN_ADD] = "INSERT INTO token(hash, user, expires, origin)"
		      " VALUES (?1, ?2, ?3, ?4)",
    [SQL_TOKEN_FIND] =
	"SELECT " USER_COLUMNS " FROM token t JOIN user u ON u.id = t.user"
	" JOIN account a ON a.id = u.account"
	" LEFT JOIN link l ON l.user = u.id"
	" WHERE t.hash = ?1 AND t.expires > ?3 AND t.expires <= ?4",
    [SQL_TOKEN_REMOVE] = "DELETE FROM token WHERE hash = ?1",
    [SQL_TOKENS_REMOVE] = "DELETE FROM token WHERE user = ?1",
    [SQL_TOKEN_EXPIRE] = "DELETE FROM token WHERE expires <= ?1 OR expires > ?2"
			 " OR (user = ?3 AND origin = ?4)",
    [SQL_REQUESTS] =
	"SELECT (SELECT count(*) FROM link_request"
	"  WHERE chat = ?1 AND at > ?3 AND at <= ?6),"
	" (SELECT coalesce(min(at), 0) FROM link_request"
	"  WHERE chat = ?1 AND at > ?3 AND at <= ?6),"
	" (SELECT count(*) FROM link_request"
	"  WHERE address_key = ?2 AND sent = 1 AND at > ?4 AND at <= ?6),"
	" (SELECT count(*) FROM link_request"
	"  WHERE address_key = ?2 AND sent = 1 AND at > ?5 AND at <= ?6)",
    [SQL_REQUEST_ADD] = "INSERT INTO link_request(at, chat, address_key, sent)"
			" VALUES (?1, ?2, ?3, ?4)",
    /* The oldest of them, few at a time: whoever asks does not wait. */
    [SQL_REQUEST_EXPIRE] =
	"DELETE FROM link_request WHERE id IN"
	" (SELECT r.id FROM link_request r ORDER BY r.id LIMIT 20)"
	" AND (at <= ?1 OR at > ?2)",
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
	"SELECT count(*) FROM waiting w WHERE w.chat = ?1 AND w.message <> ?2"
	" AND (w.arrived < ?3 OR (w.arrived = ?3 AND w.message < ?2))"
	" AND w.tried > ?4 AND w.tried <= ?5"
	" AND EXISTS (SELECT 1 FROM link l WHERE l.id = w.link)",
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

/* Only notify-milter and notify-telegram read a roster of version 1. */
const char *const sql_statements_1[SQL_COUNT] = {
    [SQL_CATEGORY] = CATEGORY_OF_KEY(CATEGORY_COLUMNS_1),
    [SQL_ACCOUNT] =
	"SELECT " ACCOUNT_COLUMNS " FROM account a WHERE a.key = ?1",
    [SQL_LOOKUP_ACCOUNT] = "SELECT id, name, name FROM account WHERE key = ?1",
    [SQL_LOOKUP_ENTITLED] =
	LOOKUP_ENTITLED("(SELECT n.id FROM account n WHERE n.key = ?2)"),
    [SQL_LOOKUP_EVERYBODY] = LOOKUP_EVERYBODY("a.key = ?2"),
    [SQL_LINK] = "SELECT " USER_COLUMNS_1 USER_TABLES "WHERE l.id = ?1",
    [SQL_NOTICE_ADD] = "INSERT INTO notice(at, account, address, kind,"
		       " detail, actor) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_NOTICE_TAKE] = NOTICE_TAKE("''"),
    [SQL_NOTICE_SENT] =
	"UPDATE notice SET state = 'sent', error = '' WHERE id = ?1",
};
