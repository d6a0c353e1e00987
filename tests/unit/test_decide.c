/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_decide - who gets a message: the rules, one by one
 *
 * Through evaluate(), on a small roster, as the milter asks; what must not
 * depend on a roster is decided on facts made by hand.
 */
#include <stdlib.h>
#include <string.h>

#include "decision/decide.h"
#include "decision/evaluate.h"
#include "decision/facts.h"
#include "decision/message.h"
#include "decision/pool.h"
#include "store/store_link.h"
#include "unit/fixture.h"
#include "unit/suites.h"

static struct fixture f;
static struct pool *pool;

static void
setup(void)
{
	fixture_open(&f);
	pool = fixture_pool(f.url, 100);
}

static void
teardown(void)
{
	pool_free(pool);
	fixture_close(&f);
}

/* One message and the decision about it. Settings: expand, unknown, bad_tag. */
struct rule {
	const char *category, *account;
	const char *to[4];
	enum expand expand;
	enum unknown unknown;
	enum verdict verdict;
	size_t kept, added, dropped;
};

#define OLGA "<olga@acme.example>"
#define ANN "<ann@acme.example>"
#define BILL "<bill@acme.example>"
#define ACME "<acme@accounts.example>"
#define BETA "<beta@accounts.example>"
#define NOBODY "<nobody@else.example>"
#define B "Balance & Payments"

static const struct rule rules[] = {
    /* 1: no tag */
    {NULL, "acme", {ANN}, EXPAND_ADDRESSED, UNKNOWN_DROP, VERDICT_UNTOUCHED, 1,
	0, 0},
    /* 3: tags that cannot be understood */
    {"balances", "acme", {ANN}, 0, 0, VERDICT_HOLD, 1, 0, 0},
    {"", "acme", {ANN}, 0, 0, VERDICT_HOLD, 1, 0, 0},
    {B, "nosuch", {ANN}, 0, 0, VERDICT_HOLD, 1, 0, 0},
    {B, NULL, {"<nosuch@accounts.example>"}, 0, 0, VERDICT_HOLD, 1, 0, 0},
    {B, "acme", {BETA}, 0, 0, VERDICT_HOLD, 1, 0, 0},
    {"=?x-nosuch?Q?services?=", "acme", {ANN}, 0, 0, VERDICT_HOLD, 1, 0, 0},
    {"services", "=?x-nosuch?Q?acme?=", {ANN}, 0, 0, VERDICT_HOLD, 1, 0, 0},
    /* words in base64 that are padded */
    {"=?utf-8?B?YmFsYW5jZS0=?= =?utf-8?B?YW5kLXBheW1lbnRz?=",
	"=?us-ascii?b?YWM=?=\n\t=?us-ascii?b?bWU=?=", {ANN}, 0, 0,
	VERDICT_DELIVER, 1, 2, 0},
    /* 4: expansion and filtering */
    {B, "acme", {ANN}, 0, 0, VERDICT_DELIVER, 1, 2, 0},
    {B, NULL, {ACME}, 0, 0, VERDICT_DELIVER, 0, 3, 0},
    {B, NULL, {"<ACME+x@Accounts.Example>"}, 0, 0, VERDICT_DELIVER, 0, 3, 0},
    {B, NULL, {ANN, BILL}, 0, 0, VERDICT_DELIVER, 1, 0, 1},
    {B, "acme", {ANN, BILL}, EXPAND_NEVER, 0, VERDICT_DELIVER, 1, 0, 1},
    {B, NULL, {ANN, BILL}, EXPAND_ALWAYS, 0, VERDICT_DELIVER, 1, 3, 1},
    /* a header beats always: beta's owner must not read it */
    {B, "acme", {ANN}, EXPAND_ALWAYS, 0, VERDICT_DELIVER, 1, 2, 0},
    {B, NULL, {ACME, BETA}, 0, 0, VERDICT_DELIVER, 0, 4, 0},
    {"services", "acme", {ANN}, 0, 0, VERDICT_DELIVER, 0, 1, 1},
    /* of another account than the header's */
    {B, "beta", {OLGA, "<otto@beta.example>"}, 0, UNKNOWN_KEEP, VERDICT_DELIVER,
	1, 0, 1},
    /* 5: strangers */
    {B, NULL, {ANN, NOBODY}, 0, UNKNOWN_DROP, VERDICT_DELIVER, 1, 0, 1},
    {B, NULL, {ANN, NOBODY}, 0, UNKNOWN_KEEP, VERDICT_DELIVER, 2, 0, 0},
    /* 6: nobody is left */
    {B, NULL, {NOBODY}, 0, 0, VERDICT_HOLD, 1, 0, 0},
    {B, NULL, {BILL}, 0, 0, VERDICT_DISCARD, 0, 0, 1},
    {B, NULL, {ACME}, EXPAND_NEVER, 0, VERDICT_DISCARD, 0, 0, 0},
    /* 7: the reserved domain, tagged or not */
    {B, NULL, {ANN, "<7@telegram.invalid>"}, 0, 0, VERDICT_REJECT, 2, 0, 0},
    {NULL, NULL, {"7@TELEGRAM.INVALID"}, 0, 0, VERDICT_REJECT, 1, 0, 0},
    /* one person, one copy */
    {B, NULL, {ANN, "<Ann@acme.example>", "<ann+x@acme.example>"}, 0, 0,
	VERDICT_DELIVER, 1, 0, 2},
    {B, NULL, {ANN, ANN}, 0, 0, VERDICT_DELIVER, 2, 0, 0},
    {B, NULL, {"<ann+x@acme.example>", ACME}, 0, 0, VERDICT_DELIVER, 1, 2, 0},
};

static void
ask(const struct rule *r, bool trusted, struct decision *d)
{
	struct header headers[2];
	struct message m = {
	    .headers = headers, .trusted = trusted, .client = "192.0.2.1"};

	m.recipients = (const char **)(uintptr_t)r->to;
	while (m.nrecipients < 4 && r->to[m.nrecipients] != NULL)
		m.nrecipients++;
	if (r->category != NULL)
		headers[m.nheaders++] =
		    (struct header){"x-notify-CATEGORY", r->category, 1};
	if (r->account != NULL)
		headers[m.nheaders++] =
		    (struct header){"X-Notify-Account", r->account, 1};
	f.settings.expand = r->expand;
	f.settings.unknown_recipients = r->unknown;
	evaluate(&f.settings, pool, &m, false, f.arena, d, NULL);
}

START_TEST(a_message_gets_the_verdict_and_the_people_of_the_rules)
{
	struct decision d;

	ask(&rules[_i], true, &d);
	ck_assert_str_eq(decide_verdict_name(d.verdict),
	    decide_verdict_name(rules[_i].verdict));
	ck_assert_uint_eq(d.kept, rules[_i].kept);
	ck_assert_uint_eq(d.nadded, rules[_i].added);
	ck_assert_uint_eq(d.dropped, rules[_i].dropped);
	ck_assert(d.verdict == VERDICT_DELIVER || d.reason != NULL);
}
END_TEST

START_TEST(a_tag_of_an_untrusted_client_is_not_honoured)
{
	struct rule r = {B, "acme", {BILL}, 0, 0, 0, 0, 0, 0};
	struct decision d;

	ask(&r, false, &d);
	ck_assert_int_eq(d.verdict, VERDICT_UNTRUSTED);
	ck_assert_uint_eq(d.kept, 1);
	ck_assert_uint_eq(d.nadded, 0);
}
END_TEST

START_TEST(a_bad_tag_has_the_verdict_of_the_setting)
{
	static const enum verdict verdicts[] = {[BAD_TAG_HOLD] = VERDICT_HOLD,
	    [BAD_TAG_REJECT] = VERDICT_REJECT,
	    [BAD_TAG_TEMPFAIL] = VERDICT_TEMPFAIL};
	struct rule r = {"lunch", NULL, {ANN}, 0, 0, 0, 0, 0, 0};
	struct decision d;

	f.settings.bad_tag = (enum bad_tag)_i;
	ask(&r, true, &d);
	ck_assert_int_eq(d.verdict, verdicts[_i]);
}
END_TEST

START_TEST(an_unknown_account_is_not_listed_among_the_accounts)
{
	struct rule r = {
	    B, NULL, {ACME, "<\"a b\"@accounts.example>"}, 0, 0, 0, 0, 0, 0};
	struct decision d;

	ask(&r, true, &d);
	ck_assert_int_eq(d.verdict, VERDICT_HOLD);
	ck_assert_str_eq(d.accounts, "acme");
	ck_assert_ptr_nonnull(strstr(d.reason, "a b"));
}
END_TEST

START_TEST(a_lookup_that_fails_is_a_temporary_failure_with_its_reason)
{
	struct rule r = {B, "acme", {ANN}, 0, 0, 0, 0, 0, 0};
	struct decision d;
	struct pool *gone = fixture_pool("/tmp/nm-unit-nowhere.db", 50);

	pool_free(pool);
	pool = gone;
	ask(&r, true, &d);
	ck_assert_int_eq(d.verdict, VERDICT_TEMPFAIL);
	ck_assert_ptr_nonnull(strstr(d.reason, "nowhere"));
}
END_TEST

START_TEST(slug_and_title_agree_and_two_categories_do_not)
{
	struct header headers[] = {{"X-Notify-Category", "services", 1},
	    {"X-Notify-Category", "Services and services", 2}};
	const char *to[] = {ACME};
	struct message m = {.recipients = to,
	    .nrecipients = 1,
	    .headers = headers,
	    .nheaders = 2,
	    .trusted = true};
	struct decision d;

	evaluate(&f.settings, pool, &m, false, f.arena, &d, NULL);
	ck_assert_int_eq(d.verdict, VERDICT_DELIVER);
	headers[1].value = "scheduled-maintenance";
	evaluate(&f.settings, pool, &m, false, f.arena, &d, NULL);
	ck_assert_int_eq(d.verdict, VERDICT_HOLD);
}
END_TEST

START_TEST(each_chat_of_the_recipients_gets_one_mirror)
{
	struct rule all = {B, NULL, {ACME}, 0, 0, 0, 0, 0, 0};
	struct rule filtered = {B, NULL, {BILL, ANN}, 0, 0, 0, 0, 0, 0};
	struct rule plain = {"services", NULL, {ACME}, 0, 0, 0, 0, 0, 0};
	struct decision d;

	/* olga and ann share a chat, bill is not subscribed, sue is a
	 * Subscriber: users 1, 3, 4 and 6. */
	fixture_begin(&f);
	ck_assert_int_eq(store_link_add(f.store, 1, 1, 500), 1);
	ck_assert_int_eq(
	    store_link_add(f.store, 9223372036854775807, 3, 500), 1);
	ck_assert_int_eq(store_link_add(f.store, 3, 4, 501), 1);
	ck_assert_int_eq(store_link_add(f.store, 4, 6, 502), 1);
	fixture_commit(&f);
	ask(&all, true, &d);
	ck_assert_uint_eq(d.nmirrored, 1);
	ask(&filtered, true, &d);
	ck_assert_uint_eq(d.nmirrored, 1);
	ck_assert_str_eq(
	    d.mirrored[0].address, "9223372036854775807@telegram.invalid");
	ask(&plain, true, &d);
	ck_assert_uint_eq(d.nmirrored, 0);
}
END_TEST

START_TEST(an_entitled_user_in_a_reserved_domain_holds_the_message)
{
	struct rule r = {B, NULL, {ACME}, 0, 0, 0, 0, 0, 0};
	struct decision d;

	f.settings.account_domain = "accounts.example";
	f.settings.telegram_domain = "acme.example";
	ask(&r, true, &d);
	ck_assert_int_eq(d.verdict, VERDICT_HOLD);
	ck_assert_uint_eq(d.nadded, 0);
}
END_TEST

START_TEST(a_person_added_through_another_account_is_not_passed_over)
{
	struct member people[] = {
	    {1, "acme", "a@x.example", "a@x.example", ROLE_MEMBER, false, 0, 0},
	    {2, "beta", "a@x.example", "a@x.example", ROLE_MEMBER, true, 0, 0},
	};
	struct fact_account acme = {"acme", 1, "acme"},
			    beta = {"beta", 2, "beta"};
	struct fact_account *accounts[] = {&acme, &beta};
	struct fact_recipient to = {.readable = true, .account = &acme};
	struct facts facts = {.category = {.id = 1},
	    .accounts = accounts,
	    .naccounts = 2,
	    .recipients = &to,
	    .people = people,
	    .npeople = 2};
	const char *text[] = {ACME};
	struct message m = {.recipients = text, .nrecipients = 1};
	struct decision d;

	f.settings.expand = EXPAND_ADDRESSED;
	ck_assert_int_eq(decide(&f.settings, &m, &facts, f.arena, &d), 0);
	ck_assert_uint_eq(d.nadded, 1);
	ck_assert_str_eq(d.added[0].member->account_name, "beta");
	ck_assert_uint_eq(d.npassed, 0);
}
END_TEST

START_TEST(a_decision_needs_nothing_but_its_facts)
{
	struct member people[] = {
	    {1, "acme", "a@x.example", "a@x.example", ROLE_SUBSCRIBER, true, 0,
		0},
	    {1, "acme", "b@x.example", "b@x.example", ROLE_MEMBER, true, 0, 0},
	    {1, "acme", "c@x.example", "c@x.example", ROLE_MEMBER, false, 0, 0},
	};
	struct fact_account acme = {"acme", 1, "acme"};
	struct fact_account *accounts[] = {&acme};
	struct fact_recipient to = {.readable = true, .account = &acme};
	struct facts facts = {.category = {.id = 1},
	    .accounts = accounts,
	    .naccounts = 1,
	    .recipients = &to,
	    .people = people,
	    .npeople = 3};
	const char *text[] = {ACME};
	struct message m = {.recipients = text, .nrecipients = 1};
	struct decision d;

	ck_assert_int_eq(decide(&f.settings, &m, &facts, f.arena, &d), 0);
	ck_assert_uint_eq(d.nadded, 1);
	ck_assert_str_eq(d.added[0].member->key, "b@x.example");
	ck_assert_uint_eq(d.npassed, 2);
	ck_assert_int_eq(d.passed[0].why, WHY_NOT_OPEN);
	ck_assert_int_eq(d.passed[1].why, WHY_NOT_SUBSCRIBED);
	facts.category.open = true;
	ck_assert_int_eq(decide(&f.settings, &m, &facts, f.arena, &d), 0);
	ck_assert_uint_eq(d.nadded, 2);
}
END_TEST

Suite *
test_decide(void)
{
	Suite *s = suite_create("decide");
	TCase *t = tcase_create("decide");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t,
	    a_message_gets_the_verdict_and_the_people_of_the_rules, 0,
	    sizeof(rules) / sizeof(rules[0]));
	tcase_add_test(t, a_tag_of_an_untrusted_client_is_not_honoured);
	tcase_add_loop_test(t, a_bad_tag_has_the_verdict_of_the_setting, 0, 3);
	tcase_add_test(t, an_unknown_account_is_not_listed_among_the_accounts);
	tcase_add_test(
	    t, a_lookup_that_fails_is_a_temporary_failure_with_its_reason);
	tcase_add_test(t, slug_and_title_agree_and_two_categories_do_not);
	tcase_add_test(t, each_chat_of_the_recipients_gets_one_mirror);
	tcase_add_test(
	    t, an_entitled_user_in_a_reserved_domain_holds_the_message);
	tcase_add_test(
	    t, a_person_added_through_another_account_is_not_passed_over);
	tcase_add_test(t, a_decision_needs_nothing_but_its_facts);
	suite_add_tcase(s, t);
	return (s);
}
