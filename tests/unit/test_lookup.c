/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_lookup - the answers of the roster to the question of a message
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "store/sql.h"
#include "store/store_lookup.h"
#include "terms/address.h"
#include "unit/fixture.h"
#include "unit/suites.h"

#define ANSWER_SIZE 2048

/* A question, and its answer as a line. */
struct asked {
	const char *categories[2], *accounts[2], *users[4];
	enum store_people people;
	enum store_people others;
	const char *want;
};

static struct fixture f;
static char got[ANSWER_SIZE];

static void
setup(void)
{
	fixture_open(&f);
}

static void
teardown(void)
{
	fixture_close(&f);
}

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	size_t len = strlen(got);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(got + len, sizeof(got) - len, fmt, ap);
	va_end(ap);
}

static void
say_members(const char *what, const struct store_members *members)
{
	const struct member *m;

	for (m = members->v; m < members->v + members->n; m++)
		say("%s %s %s %s%s%s, ", what, m->address, m->account_name,
		    role_name(m->role), m->subscribed ? " subscribed" : "",
		    m->link != 0 ? " linked" : "");
}

static struct store_keys
keys_of(const char *const *v, size_t max)
{
	struct store_keys keys = {
	    arena_array(f.arena, max, sizeof(*keys.v)), 0};

	for (; keys.n < max && v[keys.n] != NULL; keys.n++)
		keys.v[keys.n] = v[keys.n];
	return (keys);
}

static int
ask(struct store *store, const struct asked *asked)
{
	struct store_question q = {
	    .categories = keys_of(asked->categories, 2),
	    .accounts = keys_of(asked->accounts, 2),
	    .users = keys_of(asked->users, 4),
	    .people = asked->people,
	    .others = asked->others,
	};
	struct store_answer answer;
	size_t i;

	got[0] = '\0';
	if (store_lookup(store, f.arena, &q, &answer) != 0)
		return (-1);
	for (i = 0; i < q.categories.n; i++) {
		if (answer.categories[i].id != 0)
			say("category %zu %s, ", i, answer.categories[i].slug);
	}
	for (i = 0; i < q.accounts.n; i++) {
		if (answer.accounts[i].id != 0)
			say("account %zu %d %s, ", i,
			    (int)answer.accounts[i].id,
			    answer.accounts[i].name);
	}
	say_members("user", &answer.users);
	say_members("person", &answer.people);
	say_members("other", &answer.others);
	return (0);
}

#define BALANCE "balance-and-payments"

static const struct asked questions[] = {
    {{NULL}, {NULL}, {NULL}, STORE_NOBODY, STORE_NOBODY, ""},
    {{BALANCE, "balance"}, {NULL}, {NULL}, STORE_ENTITLED, STORE_NOBODY,
	"category 0 balance-and-payments, "},
    {{"balance", BALANCE}, {NULL}, {NULL}, STORE_ENTITLED, STORE_NOBODY,
	"category 1 balance-and-payments, "},
    {{BALANCE}, {"gamma", "beta"}, {NULL}, STORE_NOBODY, STORE_NOBODY,
	"category 0 balance-and-payments, account 1 2 beta, "},
    {{BALANCE}, {"acme"}, {NULL}, STORE_ENTITLED, STORE_NOBODY,
	"category 0 balance-and-payments, account 0 1 acme, "
	"person olga@acme.example acme owner subscribed, "
	"person ann@acme.example acme member subscribed, "
	"person sue@acme.example acme subscriber subscribed, "},
    {{"services"}, {"beta", "acme"}, {NULL}, STORE_ENTITLED, STORE_NOBODY,
	"category 0 services, account 0 2 beta, account 1 1 acme, "
	"person otto@beta.example beta owner subscribed, "
	"person olga@acme.example acme owner subscribed, "},
    {{BALANCE}, {"beta", "acme"}, {NULL}, STORE_EVERYBODY, STORE_NOBODY,
	"category 0 balance-and-payments, account 0 2 beta, account 1 1 acme, "
	"person olga@acme.example acme owner, "
	"person adam@acme.example acme user-admin, "
	"person ann@acme.example acme member subscribed, "
	"person bill@acme.example acme member, "
	"person sue@acme.example acme subscriber subscribed, "
	"person otto@beta.example beta owner, "
	"person ann@acme.example beta member, "},
    {{BALANCE}, {NULL}, {"ann@acme.example", "nobody@acme.example"},
	STORE_ENTITLED, STORE_NOBODY,
	"category 0 balance-and-payments, "
	"user ann@acme.example acme member subscribed, "
	"user ann@acme.example beta member, "},
    {{"nonsense"}, {NULL}, {"ann@acme.example"}, STORE_ENTITLED, STORE_NOBODY,
	"user ann@acme.example acme member, "
	"user ann@acme.example beta member, "},
    {{"services"}, {"beta"}, {"bill@acme.example"}, STORE_ENTITLED,
	STORE_ENTITLED,
	"category 0 services, account 0 2 beta, "
	"user bill@acme.example acme member, "
	"person otto@beta.example beta owner subscribed, "
	"other olga@acme.example acme owner, "},
    /* with all that the others are users of, once */
    {{BALANCE}, {NULL}, {"bill@acme.example", "adam@acme.example"},
	STORE_ENTITLED, STORE_ENTITLED,
	"category 0 balance-and-payments, "
	"user bill@acme.example acme member, "
	"user adam@acme.example acme user-admin, "
	"other olga@acme.example acme owner, "
	"other ann@acme.example acme member subscribed, "
	"other ann@acme.example beta member, "
	"other sue@acme.example acme subscriber subscribed, "},
    {{BALANCE}, {NULL}, {"ann@acme.example"}, STORE_NOBODY, STORE_OWNERS,
	"category 0 balance-and-payments, "
	"user ann@acme.example acme member subscribed, "
	"user ann@acme.example beta member, "
	"other olga@acme.example acme owner, "
	"other otto@beta.example beta owner, "},
    /* An owner may be one of the users, */
    {{BALANCE}, {NULL}, {"bill@acme.example", "olga@acme.example"},
	STORE_NOBODY, STORE_OWNERS,
	"category 0 balance-and-payments, "
	"user bill@acme.example acme member, "
	"user olga@acme.example acme owner, "
	"other olga@acme.example acme owner, "},
    /* and that of another account not. */
    {{BALANCE}, {NULL}, {"ann@acme.example", "olga@acme.example"}, STORE_NOBODY,
	STORE_OWNERS,
	"category 0 balance-and-payments, "
	"user ann@acme.example acme member subscribed, "
	"user ann@acme.example beta member, "
	"user olga@acme.example acme owner, "
	"other olga@acme.example acme owner, "
	"other otto@beta.example beta owner, "},
    {{"services"}, {NULL}, {"otto@beta.example"}, STORE_EVERYBODY,
	STORE_EVERYBODY,
	"category 0 services, user otto@beta.example beta owner, "
	"other otto@beta.example beta owner, "
	"other ann@acme.example acme member, "
	"other ann@acme.example beta member, "},
    {{"services"}, {"beta"}, {"bill@acme.example"}, STORE_NOBODY, STORE_NOBODY,
	"category 0 services, account 0 2 beta, "
	"user bill@acme.example acme member, "},
};

static int
compare_texts(const void *a, const void *b)
{
	return (strcmp(*(char *const *)a, *(char *const *)b));
}

/* ${text} as a line with its parts sorted. */
static const char *
in_order(const char *text, char line[ANSWER_SIZE])
{
	char copy[ANSWER_SIZE], *parts[64], *part, *rest;
	size_t n = 0, i;

	snprintf(copy, sizeof(copy), "%s", text);
	for (part = strtok_r(copy, ",", &rest); part != NULL;
	     part = strtok_r(NULL, ",", &rest))
		parts[n++] = part + strspn(part, " ");
	qsort(parts, n, sizeof(parts[0]), compare_texts);
	*line = '\0';
	for (i = 0; i < n; i++)
		strcat(strcat(line, parts[i]), ",");
	return (line);
}

START_TEST(each_question_has_its_answer)
{
	char line[ANSWER_SIZE], want[ANSWER_SIZE];

	ck_assert_int_eq(ask(f.store, &questions[_i]), 0);
	ck_assert_str_eq(
	    in_order(got, line), in_order(questions[_i].want, want));
}
END_TEST

START_TEST(an_owner_is_known_with_all_of_his_accounts)
{
	static const struct asked asked = {
	    .users = {"otto@beta.example", "ann@acme.example"},
	    .others = STORE_OWNERS};
	char line[ANSWER_SIZE], want[ANSWER_SIZE];

	fixture_sql(&f,
	    "INSERT INTO user(account, address, key, role) VALUES"
	    " (1, 'otto@beta.example', 'otto@beta.example', 'member')");
	ck_assert_int_eq(ask(f.store, &asked), 0);
	ck_assert_str_eq(in_order(got, line),
	    in_order("user otto@beta.example beta owner, "
		     "user otto@beta.example acme member, "
		     "user ann@acme.example acme member, "
		     "user ann@acme.example beta member, "
		     "other otto@beta.example beta owner, "
		     "other otto@beta.example acme member, "
		     "other olga@acme.example acme owner, ",
		want));
}
END_TEST

/* Characters that JSON must escape, or SQL must not read. */
static const char *const strange[] = {"\"@x.example", "\\@x.example",
    "\\\"\\@x.example", "\001\037@x.example", "\177@x.example",
    "\\u0041@x.example", "'@x.example", "{}[],:@x.example",
    "m\303\274ller@x.example", "\360\237\216\211@x.example"};
#define NSTRANGE (sizeof(strange) / sizeof(strange[0]))

/* ${key} as an address, with its local part quoted. */
static const char *
quoted(const char *key)
{
	char *text = arena_alloc(f.arena, 2 * strlen(key) + 3), *out = text;
	const char *s, *at = strrchr(key, '@');

	*out++ = '"';
	for (s = key; s < at; s++) {
		if (*s == '"' || *s == '\\')
			*out++ = '\\';
		*out++ = *s;
	}
	sprintf(out, "\"%s", at);
	return (text);
}

/* Also if it was not notifyctl that wrote the row. */
START_TEST(a_strange_key_finds_its_row_and_no_other)
{
	struct address address;
	struct asked asked = {.categories = {"services"},
	    .users = {
		"A@x.example", strange[_i], strange[(_i + 1) % NSTRANGE]}};
	char want[ANSWER_SIZE];
	int64_t id;

	fixture_begin(&f);
	ck_assert_int_eq(
	    store_user_add(f.store, &(struct store_account){.id = 2},
		quoted(strange[_i]), strange[_i], ROLE_MEMBER, "", &id),
	    1);
	fixture_commit(&f);
	ck_assert_int_eq(
	    address_read(f.arena, quoted(strange[_i]), &address), 1);
	snprintf(want, sizeof(want),
	    "category 0 services, user %s beta member, ", address.wire);
	if (strpbrk(strange[_i], "\001\177") != NULL) {
		ck_assert_int_eq(ask(f.store, &asked), -1);
		return;
	}
	ck_assert_int_eq(ask(f.store, &asked), 0);
	ck_assert_str_eq(got, want);
}
END_TEST

/* What SQL wrote into both columns, and how it goes out; NULL: not at all. */
static const struct {
	const char *text, *wire;
} written[] = {
    {"o'neil@x.example", "o'neil@x.example"},
    {"two words@x.example", NULL},
    {"a@x.example,b@y.example", NULL},
    {"<a@x.example>", NULL},
    {"Ann@x.example", NULL},
    {"Ann <a@x.example>", NULL},
    {"a@x.example (Ann)", NULL},
    {"a@x.example\r\nRCPT TO:<b@y.example>", NULL},
    {"@x.example:a@y.example", NULL},
    {"\"a\"@x.example", NULL},
    {"a@X.example", NULL},
};

START_TEST(an_address_is_read_whoever_wrote_it)
{
	struct asked asked = {.categories = {"services"},
	    .accounts = {"beta"},
	    .people = STORE_ENTITLED};
	char want[ANSWER_SIZE];
	int64_t id;

	fixture_begin(&f);
	ck_assert_int_eq(
	    store_user_add(f.store, &(struct store_account){.id = 2},
		written[_i].text, written[_i].text, ROLE_MEMBER, "", &id),
	    1);
	ck_assert_int_eq(
	    store_subscribe(f.store, &(struct store_account){.id = 2}, 5,
		&(struct store_user){.id = id}),
	    1);
	fixture_commit(&f);
	if (written[_i].wire == NULL) {
		ck_assert_int_eq(ask(f.store, &asked), -1);
		ck_assert_ptr_nonnull(strstr(
		    failure_text(store_failure(f.store)), "do not agree"));
		return;
	}
	ck_assert_int_eq(ask(f.store, &asked), 0);
	snprintf(want, sizeof(want), " %s beta member", written[_i].wire);
	ck_assert_msg(strstr(got, want) != NULL, "got %s, want %s", got, want);
}
END_TEST

START_TEST(a_user_with_a_chat_is_linked)
{
	struct asked asked = {.categories = {BALANCE},
	    .accounts = {"acme"},
	    .users = {"ann@acme.example"},
	    .people = STORE_ENTITLED};

	fixture_sql(&f,
	    "INSERT INTO link(user, chat) SELECT id, 7 FROM user"
	    " WHERE key = 'ann@acme.example' AND account = 1");
	ck_assert_int_eq(ask(f.store, &asked), 0);
	ck_assert_ptr_nonnull(
	    strstr(got, "user ann@acme.example acme member subscribed linked"));
	ck_assert_ptr_nonnull(
	    strstr(got, "user ann@acme.example beta member,"));
	ck_assert_ptr_nonnull(strstr(
	    got, "person ann@acme.example acme member subscribed linked"));
	ck_assert_ptr_null(strstr(got, "owner subscribed linked"));
}
END_TEST

/* As a disk that changes bytes can leave it. */
START_TEST(a_subscription_to_another_account_lets_nobody_in)
{
	static const struct asked each[] = {
	    {.categories = {BALANCE},
		.accounts = {"beta"},
		.people = STORE_ENTITLED},
	    {.categories = {BALANCE},
		.users = {"otto@beta.example"},
		.people = STORE_ENTITLED,
		.others = STORE_ENTITLED},
	};
	size_t i;

	if (fixture_postgresql() != NULL)
		return; /* it lets no such row in */
	fixture_sql(&f,
	    "PRAGMA foreign_keys=OFF;"
	    "INSERT INTO subscription(account, category, user) SELECT 2, c.id,"
	    " u.id FROM user u, category c WHERE u.account = 1"
	    " AND u.role <> 'owner' AND c.slug = '" BALANCE "'");
	for (i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		/* The account's own people are compared with it. */
		ck_assert_int_eq(ask(f.store, &each[i]),
		    each[i].accounts[0] == NULL ? 0 : -1);
		ck_assert_ptr_null(strstr(got, "@acme.example"));
	}
}
END_TEST

/* Change the roster from beside when the first row of an answer is read. */
static const char *meanwhile;

static int
on_row(unsigned event, void *ctx, void *stmt, void *unused)
{
	const char *change = meanwhile;

	(void)event;
	(void)ctx;
	(void)unused;
	if (change != NULL &&
	    strstr(sqlite3_sql(stmt), "category_key") != NULL) {
		meanwhile = NULL;
		fixture_sql(&f, change);
	}
	return (0);
}

static int
watch_rows(sqlite3 *db)
{
	return (sqlite3_trace_v2(db, SQLITE_TRACE_ROW, on_row, NULL));
}

START_TEST(one_state_of_the_roster_gives_the_whole_answer)
{
	struct asked asked = {.categories = {"services"},
	    .accounts = {"acme"},
	    .users = {"bill@acme.example"},
	    .people = STORE_ENTITLED};
	struct store *s;

	sqlite3_auto_extension((void (*)(void))watch_rows);
	s = store_open(f.url, DB_LOOKUP, 100, &f.failure);
	sqlite3_reset_auto_extension();
	ck_assert_ptr_nonnull(s);
	meanwhile = "DELETE FROM account; DELETE FROM user;"
		    "DELETE FROM category_key";
	ck_assert_int_eq(ask(s, &asked), 0);
	ck_assert_ptr_null(meanwhile);
	ck_assert_str_eq(got,
	    "category 0 services, account 0 1 acme, "
	    "user bill@acme.example acme member, "
	    "person olga@acme.example acme owner subscribed, ");
	ck_assert_int_eq(ask(s, &asked), 0);
	ck_assert_str_eq(got, "");
	store_close(s);
}
END_TEST

START_TEST(an_account_without_an_owner_is_a_failure)
{
	static const struct asked each[] = {
	    {.categories = {BALANCE},
		.accounts = {"acme"},
		.people = STORE_ENTITLED},
	    {.categories = {BALANCE},
		.users = {"ann@acme.example"},
		.others = STORE_OWNERS},
	    {.categories = {BALANCE},
		.users = {"ann@acme.example"},
		.others = STORE_EVERYBODY},
	};
	size_t i;

	fixture_sql(&f, "UPDATE user SET role = 'member' WHERE account = 1");
	for (i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		ck_assert_int_eq(ask(f.store, &each[i]), -1);
		ck_assert_ptr_nonnull(
		    strstr(failure_text(store_failure(f.store)), "no owner"));
	}
}
END_TEST

/* Else a user of several accounts would be a user of one to the rules. */
START_TEST(a_user_whose_account_is_not_there_is_a_failure)
{
	static const struct asked each[] = {
	    {.categories = {BALANCE}, .users = {"ann@acme.example"}},
	    {.categories = {BALANCE},
		.users = {"ann@acme.example"},
		.others = STORE_OWNERS},
	    {.categories = {BALANCE},
		.users = {"ann@acme.example"},
		.others = STORE_EVERYBODY},
	};
	size_t i;

	if (fixture_postgresql() != NULL)
		return; /* it does not let the row go */
	fixture_sql(&f,
	    "PRAGMA foreign_keys=OFF; DELETE FROM account WHERE id = 1;"
	    "PRAGMA foreign_keys=ON");
	for (i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		ck_assert_int_eq(ask(f.store, &each[i]), -1);
		ck_assert_ptr_nonnull(
		    strstr(failure_text(store_failure(f.store)),
			"the account of a user is not there"));
	}
}
END_TEST

static const struct {
	const char *break_it, *on_postgresql;
	enum failure_kind kind;
} broken[] = {
    {"DROP TABLE category_key", "DROP TABLE category_key", FAILURE_IO},
    {"DROP TABLE category", "DROP TABLE category CASCADE", FAILURE_IO},
    {"DROP TABLE account", "DROP TABLE account CASCADE", FAILURE_IO},
    {"DROP TABLE user", "DROP TABLE user CASCADE", FAILURE_IO},
    {"DROP TABLE subscription", "DROP TABLE subscription", FAILURE_IO},
    {"DROP TABLE link", "DROP TABLE link", FAILURE_IO},
    {"PRAGMA ignore_check_constraints=ON;"
     "UPDATE user SET role = 'king' WHERE role = 'owner'",
	"ALTER TABLE user DROP CONSTRAINT user_role_check;"
	"UPDATE user SET role = 'king' WHERE role = 'owner'",
	FAILURE_IO},
    {"PRAGMA user_version = 99", "UPDATE notify_milter SET version = 99",
	FAILURE_SETTINGS},
    {"PRAGMA application_id = 7", "UPDATE notify_milter SET version = -7",
	FAILURE_SETTINGS},
};

START_TEST(a_question_without_an_answer_is_a_failure)
{
	static const struct asked each[] = {
	    {.categories = {BALANCE},
		.accounts = {"acme"},
		.people = STORE_ENTITLED},
	    {.categories = {BALANCE}, .users = {"olga@acme.example"}},
	    {.categories = {BALANCE},
		.users = {"olga@acme.example"},
		.people = STORE_ENTITLED,
		.others = STORE_ENTITLED},
	    {.categories = {BALANCE},
		.accounts = {"acme"},
		.people = STORE_EVERYBODY},
	};
	size_t i;

	fixture_sql(&f,
	    fixture_postgresql() == NULL ? broken[_i].break_it
					 : broken[_i].on_postgresql);
	for (i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		failure_clear((struct failure *)store_failure(f.store));
		ck_assert_int_eq(ask(f.store, &each[i]), -1);
		ck_assert_int_eq(store_failure(f.store)->kind, broken[_i].kind);
	}
}
END_TEST

/* What a statement reads from one end to the other: the keys it was given, and
 * what it has made itself. */
static bool
scan_is_harmless(const char *detail)
{
	return (strncmp(detail, "SCAN", 4) != 0 ||
	    strncmp(detail, "SCAN j VIRTUAL TABLE", 20) == 0 ||
	    strcmp(detail, "SCAN w") == 0);
}

START_TEST(no_lookup_reads_a_whole_table)
{
	static const enum sql lookups[] = {SQL_CATEGORY, SQL_LOOKUP_ACCOUNT,
	    SQL_LOOKUP_USERS, SQL_LOOKUP_ENTITLED, SQL_LOOKUP_ENTITLED_BY_ID,
	    SQL_LOOKUP_MIRRORED_BY_ID, SQL_LOOKUP_EVERYBODY,
	    SQL_LOOKUP_OWNER_OF, SQL_LOOKUP_OWNERS_OF, SQL_LOOKUP_ENTITLED_OF,
	    SQL_LOOKUP_EVERYBODY_OF};
	char explain[4096];
	sqlite3_stmt *stmt;
	sqlite3 *db;
	int rows = 0;

	snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s",
	    sql_statements[lookups[_i]]);
	ck_assert_int_eq(sqlite3_open(f.url, &db), SQLITE_OK);
	ck_assert_int_eq(
	    sqlite3_prepare_v2(db, explain, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *detail = (const char *)sqlite3_column_text(stmt, 3);

		rows++;
		ck_assert_msg(
		    scan_is_harmless(detail), "%s: %s", explain, detail);
	}
	ck_assert_int_gt(rows, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}
END_TEST

Suite *
test_lookup(void)
{
	Suite *s = suite_create("lookup");
	TCase *t = tcase_create("lookup");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, each_question_has_its_answer, 0,
	    sizeof(questions) / sizeof(questions[0]));
	tcase_add_loop_test(
	    t, a_strange_key_finds_its_row_and_no_other, 0, NSTRANGE);
	tcase_add_loop_test(t, an_address_is_read_whoever_wrote_it, 0,
	    sizeof(written) / sizeof(written[0]));
	tcase_add_test(t, a_user_with_a_chat_is_linked);
	tcase_add_test(t, a_subscription_to_another_account_lets_nobody_in);
	tcase_add_test(t, an_owner_is_known_with_all_of_his_accounts);
	tcase_add_test(t, an_account_without_an_owner_is_a_failure);
	tcase_add_test(t, a_user_whose_account_is_not_there_is_a_failure);
	tcase_add_loop_test(t, a_question_without_an_answer_is_a_failure, 0,
	    sizeof(broken) / sizeof(broken[0]));
	/* What PostgreSQL does depends on how many rows there are. */
	if (fixture_postgresql() == NULL) {
		tcase_add_test(
		    t, one_state_of_the_roster_gives_the_whole_answer);
		tcase_add_loop_test(t, no_lookup_reads_a_whole_table, 0, 11);
	}
	suite_add_tcase(s, t);
	return (s);
}
