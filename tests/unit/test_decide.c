/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_decide - who gets a message: the rules, one by one
 *
 * Through evaluate(), on a small roster, as the milter asks; what must not
 * depend on a roster is decided on facts made by hand.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "decision/decide.h"
#include "decision/evaluate.h"
#include "decision/facts.h"
#include "decision/message.h"
#include "decision/pool.h"
#include "store/store_link.h"
#include "terms/stamp.h"
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
    {B, NULL, {ANN, BILL}, 0, 0, VERDICT_DELIVER, 1, 1, 1},
    {B, NULL, {ANN, BILL}, EXPAND_ADDRESSED, 0, VERDICT_DELIVER, 1, 0, 1},
    {B, "acme", {ANN, BILL}, EXPAND_NEVER, 0, VERDICT_DELIVER, 1, 0, 1},
    /* ann is a user of two accounts: bill leads to one, she to none */
    {B, NULL, {ANN, BILL}, EXPAND_ALWAYS, 0, VERDICT_DELIVER, 1, 2, 1},
    {B, NULL, {ANN}, EXPAND_ALWAYS, 0, VERDICT_DELIVER, 1, 0, 0},
    {B, NULL, {ANN}, 0, 0, VERDICT_DELIVER, 1, 0, 0},
    /* in the account that is named she is not entitled */
    {B, NULL, {ANN, BETA}, 0, 0, VERDICT_DELIVER, 0, 1, 1},
    {B, NULL, {ANN, BETA, BILL}, EXPAND_ALWAYS, 0, VERDICT_DELIVER, 1, 3, 1},
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
    {B, NULL, {BILL}, 0, 0, VERDICT_DELIVER, 0, 1, 1},
    {B, NULL, {BILL}, EXPAND_ADDRESSED, 0, VERDICT_DISCARD, 0, 0, 1},
    {B, NULL, {BILL}, EXPAND_NEVER, 0, VERDICT_DISCARD, 0, 0, 1},
    {B, NULL, {ACME, BILL}, EXPAND_NEVER, 0, VERDICT_DISCARD, 0, 0, 1},
    {B, NULL, {ACME}, EXPAND_NEVER, 0, VERDICT_HOLD, 1, 0, 0},
    {B, NULL, {ACME, NOBODY}, EXPAND_NEVER, 0, VERDICT_HOLD, 2, 0, 0},
    {B, "acme", {NOBODY}, EXPAND_NEVER, 0, VERDICT_DISCARD, 0, 0, 1},
    {B, "acme", {ACME}, EXPAND_NEVER, 0, VERDICT_HOLD, 1, 0, 0},
    /* nothing says which of ann's accounts is meant */
    {"services", NULL, {ANN}, 0, 0, VERDICT_HOLD, 1, 0, 0},
    {"services", NULL, {ANN}, EXPAND_ALWAYS, 0, VERDICT_HOLD, 1, 0, 0},
    {"services", NULL, {ANN}, EXPAND_ADDRESSED, 0, VERDICT_DISCARD, 0, 0, 1},
    {"services", "acme", {ANN}, EXPAND_NEVER, 0, VERDICT_DISCARD, 0, 0, 1},
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

static const struct {
	const char *to[4];
	const char *always_keep;
	enum expand expand;
	enum unknown unknown;
	long most;
	enum verdict verdict;
	const char *reason;
} crowds[] = {
    {{ANN, BILL, NOBODY}, NULL, 0, 0, 2, VERDICT_DELIVER, NULL},
    {{ANN, BILL, NOBODY}, NULL, 0, 0, 1, VERDICT_HOLD,
	"2 of 3 recipients would have to be removed, more than max_removed = "
	"1; address the account instead"},
    {{ANN, BILL, NOBODY}, NULL, 0, 0, 0, VERDICT_DELIVER, NULL},
    /* who stays does not count, for whatever reason */
    {{ANN, BILL, NOBODY}, NULL, 0, UNKNOWN_KEEP, 1, VERDICT_DELIVER, NULL},
    {{ANN, BILL, NOBODY}, "@else.example", 0, 0, 1, VERDICT_DELIVER, NULL},
    {{ANN, ANN}, NULL, 0, 0, 1, VERDICT_DELIVER, NULL},
    /* another spelling does, and so does the address of an account */
    {{ANN, "<ann+x@acme.example>", BILL}, NULL, 0, 0, 1, VERDICT_HOLD,
	"2 of 3 recipients"},
    {{ACME, BETA}, NULL, 0, 0, 1, VERDICT_HOLD, "2 of 2 recipients"},
    /* a message that goes to nobody loses nobody */
    {{BILL, NOBODY}, NULL, EXPAND_NEVER, 0, 1, VERDICT_DISCARD, "nobody"},
    {{NOBODY, "<x@else.example>"}, NULL, 0, 0, 1, VERDICT_HOLD, "no account"},
};

START_TEST(a_message_of_which_too_many_would_be_removed_is_held)
{
	struct rule rule = {.category = B,
	    .expand = crowds[_i].expand,
	    .unknown = crowds[_i].unknown};
	const char *why;
	struct decision d;

	memcpy(rule.to, crowds[_i].to, sizeof(rule.to));
	f.settings.max_removed = crowds[_i].most;
	if (crowds[_i].always_keep != NULL)
		ck_assert_int_eq(addrlist_add(&f.settings.always_keep, f.arena,
				     crowds[_i].always_keep, &why),
		    1);
	ask(&rule, true, &d);
	addrlist_clear(&f.settings.always_keep);
	ck_assert_int_eq(d.verdict, crowds[_i].verdict);
	if (crowds[_i].reason == NULL)
		return;
	ck_assert_msg(strncmp(d.reason, crowds[_i].reason,
			  strlen(crowds[_i].reason)) == 0,
	    "%s", d.reason);
	ck_assert_uint_eq(d.nadded + d.nmirrored, 0);
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

/* The roster's key: always the same, so that stamps can be made here. */
#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void
plant_key(void)
{
	fixture_sql(&f, "UPDATE secret SET value = '" KEY "'");
}

/* The address of the chat of ${link} in a message; of a chat that is told no
 * account. */
static const char *
address_of(int64_t link, const char *id, const char *category, bool nameless)
{
	char check[STAMP_SIZE];

	stamp_mirror(KEY, link,
	    category == NULL ? "balance-and-payments" : category, id, nameless,
	    check);
	return (arena_printf(
	    f.arena, "%lld-%s@telegram.invalid", (long long)link, check));
}

static const char *
chat_address(int64_t link, const char *id, const char *category)
{
	return (address_of(link, id, category, false));
}

/* A message from a filter: ${decided} is its X-Notify-Decided, or NULL. */
struct again {
	const char *category, *account, *decided, *id;
	const char *to[4];
};

static void
ask_again(const struct again *again, bool trusted, struct decision *d)
{
	struct message m = {.trusted = trusted, .client = "192.0.2.1"};

	m.recipients = (const char **)(uintptr_t)again->to;
	while (m.nrecipients < 4 && again->to[m.nrecipients] != NULL)
		m.nrecipients++;
	if (again->category != NULL)
		ck_assert_int_eq(message_header(&m, f.arena,
				     "X-Notify-Category", again->category),
		    0);
	if (again->account != NULL)
		ck_assert_int_eq(message_header(&m, f.arena, "X-Notify-Account",
				     again->account),
		    0);
	if (again->decided != NULL)
		ck_assert_int_eq(message_header(&m, f.arena, "X-NOTIFY-decided",
				     again->decided),
		    0);
	if (again->id != NULL)
		ck_assert_int_eq(
		    message_header(&m, f.arena, "Message-Id", again->id), 0);
	evaluate(&f.settings, pool, &m, false, f.arena, d, NULL);
}

#define ID "<1@acme.example>"

/* Is the decision that of a message that was never decided? */
static void
decided_again(const struct decision *d, size_t added)
{
	ck_assert_int_eq(d->verdict, VERDICT_DELIVER);
	ck_assert(!d->decided);
	ck_assert_uint_eq(d->nadded, added);
}

START_TEST(a_message_is_decided_once)
{
	struct again first = {B, "acme", NULL, ID, {BILL, ANN}};
	struct again again = {
	    "BALANCE-and-payments", "ACME", NULL, "\r\n\t" ID, {BILL}};
	struct decision d;

	plant_key();
	ask_again(&first, true, &d);
	decided_again(&d, 2);
	ck_assert_ptr_nonnull(d.stamp);
	/* A piece of it, to somebody who would be dropped. */
	again.decided = d.stamp;
	ask_again(&again, true, &d);
	ck_assert_int_eq(d.verdict, VERDICT_DELIVER);
	ck_assert(d.decided && !d.misdecided);
	ck_assert_uint_eq(d.kept, 1);
	ck_assert_uint_eq(d.nadded + d.dropped + d.nmirrored, 0);
	ck_assert_ptr_null(d.stamp);
	ck_assert_str_eq(d.accounts, "acme");
}
END_TEST

START_TEST(a_stamp_of_another_message_does_not_count_and_goes)
{
	struct again first = {B, "acme", NULL, ID, {ANN}};
	struct again others[] = {
	    {"services", "acme", NULL, ID, {OLGA}},
	    {B, NULL, NULL, ID, {ACME}},
	    {B, "beta", NULL, ID, {OLGA}},
	    {B, "acme", NULL, "<2@acme.example>", {ANN}},
	    {B, "acme", NULL, NULL, {ANN}},
	    {B, "acme", NULL, " \r\n ", {ANN}},
	};
	static const size_t added[] = {0, 3, 1, 2, 2, 2};
	struct decision d;

	plant_key();
	ask_again(&first, true, &d);
	others[_i].decided = d.stamp;
	ask_again(&others[_i], true, &d);
	decided_again(&d, added[_i]);
	ck_assert(d.misdecided);
}
END_TEST

START_TEST(a_stamp_among_wrong_ones_counts)
{
	struct again first = {B, "acme", NULL, ID, {ANN}};
	struct message m = {.trusted = true, .client = "192.0.2.1"};
	const char *to[] = {BILL};
	struct decision d;

	plant_key();
	ask_again(&first, true, &d);
	m.recipients = to;
	m.nrecipients = 1;
	ck_assert_int_eq(message_header(&m, f.arena, TAG_HEADER, B), 0);
	ck_assert_int_eq(
	    message_header(&m, f.arena, ACCOUNT_HEADER, "acme"), 0);
	ck_assert_int_eq(message_header(&m, f.arena, DECIDED_HEADER, "x"), 0);
	ck_assert_int_eq(
	    message_header(&m, f.arena, DECIDED_HEADER, d.stamp), 0);
	/* The first Message-ID that is not blank counts. */
	ck_assert_int_eq(message_header(&m, f.arena, "Message-ID", " \t"), 0);
	ck_assert_int_eq(message_header(&m, f.arena, "message-id", ID), 0);
	ck_assert_int_eq(message_header(&m, f.arena, "Message-ID", "<x@y>"), 0);
	evaluate(&f.settings, pool, &m, false, f.arena, &d, NULL);
	ck_assert(d.decided);
}
END_TEST

START_TEST(a_message_id_is_given_as_postfix_makes_it)
{
	struct {
		const char *host, *id;
	} cases[] = {
	    {"relay.example", "<20010909014640.4jYB@relay.example>"},
	    {NULL, "<20010909014640.4jYB@localhost>"},
	    {"", "<20010909014640.4jYB@localhost>"},
	    {"a>\nb", "<20010909014640.4jYB@localhost>"},
	};
	struct message m;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&m, 0, sizeof(m));
		ck_assert_int_eq(message_give_id(&m, f.arena, "4jYB",
				     cases[i].host, 1000000000),
		    0);
		ck_assert_str_eq(m.id, cases[i].id);
		ck_assert(m.id_given);
	}
}
END_TEST

START_TEST(without_a_message_id_or_a_key_nothing_is_stamped)
{
	struct again r = {B, "acme", NULL, NULL, {ANN}};
	struct decision d;

	ask_again(&r, true, &d);
	decided_again(&d, 2);
	ck_assert_ptr_null(d.stamp);
	r.id = ID;
	fixture_sql(&f, "DELETE FROM secret");
	ask_again(&r, true, &d);
	decided_again(&d, 2);
	ck_assert_ptr_null(d.stamp);
}
END_TEST

START_TEST(a_held_message_is_not_stamped)
{
	struct again r = {B, NULL, "x", ID, {NOBODY}};
	struct decision d;

	ask_again(&r, true, &d);
	ck_assert_int_eq(d.verdict, VERDICT_HOLD);
	ck_assert_ptr_null(d.stamp);
	ck_assert(d.misdecided);
}
END_TEST

START_TEST(an_untrusted_stamp_is_worth_nothing)
{
	struct again r = {B, "acme", NULL, ID, {ANN}};
	struct decision d;

	plant_key();
	ask_again(&r, true, &d);
	r.decided = d.stamp;
	ask_again(&r, false, &d);
	ck_assert_int_eq(d.verdict, VERDICT_UNTRUSTED);
}
END_TEST

START_TEST(a_mirror_comes_again_with_its_own_message_only)
{
	const char *right, *others[8];
	struct again r = {B, NULL, NULL, ID, {ANN}};
	struct decision d;
	size_t i;

	plant_key();
	fixture_begin(&f);
	ck_assert_int_eq(store_link_add(f.store, 9, 3, 500, 0), 1);
	ck_assert_int_eq(store_link_add(f.store, 10, 1, 500, 0), 1);
	fixture_commit(&f);
	right = address_of(9, ID, NULL, true);
	ask_again(&r, true, &d);
	ck_assert_uint_eq(d.nmirrored, 1);
	ck_assert_str_eq(d.mirrored[0].address, right);
	/* Its stamp was lost: it is decided again, and the chat, which is that
	 * of two users, gets it once. */
	r.to[0] = ACME;
	r.to[1] = arena_concat(f.arena, "<", right, ">", NULL);
	ask_again(&r, true, &d);
	decided_again(&d, 3);
	ck_assert_uint_eq(d.kept, 1);
	ck_assert_uint_eq(d.nmirrored, 0);
	/* The piece for the chat alone. */
	r.to[0] = r.to[1];
	r.to[1] = NULL;
	ask_again(&r, true, &d);
	decided_again(&d, 0);
	ck_assert_uint_eq(d.kept, 1);
	/* Anything else is refused, also in monitor mode. */
	ask_again(&r, false, &d);
	ck_assert_int_eq(d.verdict, VERDICT_REJECT);
	ck_assert(d.reserved);
	others[0] = "9@telegram.invalid";
	others[1] = chat_address(10, ID, NULL);
	others[1] = arena_concat(f.arena, "9", others[1] + 2, NULL);
	others[2] = chat_address(9, "<2@acme.example>", NULL);
	others[3] = chat_address(9, NULL, NULL);
	others[4] = chat_address(9, ID, "services");
	others[5] = arena_concat(f.arena, "0", right, NULL);
	others[6] = arena_concat(f.arena, "@telegram.invalid:", right, NULL);
	others[7] = "9-@telegram.invalid";
	for (i = 0; i < 8; i++) {
		r.to[0] = ANN;
		r.to[1] = others[i];
		ask_again(&r, true, &d);
		if (i == 6 && d.verdict == VERDICT_DELIVER)
			continue; /* the same address, written differently */
		ck_assert_msg(
		    d.verdict == VERDICT_REJECT && d.reserved, "%s", others[i]);
	}
	/* A category that is not known has no right check. */
	r.category = "lunch";
	r.to[1] = right;
	ask_again(&r, true, &d);
	ck_assert_int_eq(d.verdict, VERDICT_REJECT);
	r.category = NULL;
	ask_again(&r, true, &d);
	ck_assert_int_eq(d.verdict, VERDICT_REJECT);
}
END_TEST

START_TEST(a_mirror_that_cannot_be_checked_is_a_temporary_failure)
{
	struct again r = {B, NULL, NULL, ID, {ANN}};
	struct decision d;

	r.to[1] = chat_address(9, ID, NULL);
	pool_free(pool);
	pool = fixture_pool("/tmp/nm-unit-nowhere.db", 50);
	ask_again(&r, true, &d);
	ck_assert_int_eq(d.verdict, VERDICT_TEMPFAIL);
	ck_assert(d.reserved);
}
END_TEST

START_TEST(each_chat_of_the_recipients_gets_one_mirror)
{
	struct rule all = {B, NULL, {ACME}, 0, 0, 0, 0, 0, 0};
	struct rule filtered = {B, NULL, {BILL, ANN}, 0, 0, 0, 0, 0, 0};
	struct rule plain = {"services", NULL, {ACME}, 0, 0, 0, 0, 0, 0};
	struct decision d;

	plant_key();
	/* olga and ann share a chat, bill is not subscribed, sue is a
	 * Subscriber: users 1, 3, 4 and 6. */
	fixture_begin(&f);
	ck_assert_int_eq(store_link_add(f.store, 1, 1, 500, 0), 1);
	ck_assert_int_eq(
	    store_link_add(f.store, 9223372036854775807, 3, 500, 0), 1);
	ck_assert_int_eq(store_link_add(f.store, 3, 4, 501, 0), 1);
	ck_assert_int_eq(store_link_add(f.store, 4, 6, 502, 0), 1);
	fixture_commit(&f);
	ask(&all, true, &d);
	ck_assert_uint_eq(d.nmirrored, 1);
	ask(&filtered, true, &d);
	ck_assert_uint_eq(d.nmirrored, 1);
	ck_assert_str_eq(d.mirrored[0].address,
	    address_of(9223372036854775807, NULL, NULL, true));
	ask(&plain, true, &d);
	ck_assert_uint_eq(d.nmirrored, 0);
}
END_TEST

/* ann is a user of acme, entitled there, and of beta, where she is not. */
START_TEST(a_group_of_one_account_reads_nothing_of_another)
{
	static const struct {
		struct rule rule;
		int64_t chat;
		int link; /* of ann's in acme; negative: told no account */
	} each[] = {
	    {{B, NULL, {ANN}, 0, 0, 0, 0, 0, 0}, -700, 0},
	    {{B, NULL, {ANN, BILL}, 0, 0, 0, 0, 0, 0}, -700, 0},
	    {{B, NULL, {BETA, ANN}, 0, 0, 0, 0, 0, 0}, -700, 0},
	    {{B, "beta", {ANN}, 0, 0, 0, 0, 0, 0}, -700, 0},
	    {{B, NULL, {ACME, BETA}, 0, 0, 0, 0, 0, 0}, -700, 8},
	    {{B, NULL, {ANN, ACME}, 0, 0, 0, 0, 0, 0}, -700, 8},
	    {{B, "acme", {ANN}, EXPAND_NEVER, 0, 0, 0, 0, 0}, -700, 8},
	    {{B, NULL, {ANN}, 0, 0, 0, 0, 0, 0}, 700, -8},
	    {{B, NULL, {BILL}, EXPAND_ALWAYS, 0, 0, 0, 0, 0}, 700, -8},
	    {{B, NULL, {BILL}, EXPAND_ALWAYS, 0, 0, 0, 0, 0}, -700, 0},
	    {{B, NULL, {ANN, ACME}, 0, 0, 0, 0, 0, 0}, 700, 8},
	    {{B, "acme", {ANN}, 0, 0, 0, 0, 0, 0}, 700, 8},
	};
	struct decision d;
	int link = each[_i].link;

	plant_key();
	fixture_begin(&f);
	ck_assert_int_eq(store_link_add(f.store, 8, 3, each[_i].chat, 0), 1);
	fixture_commit(&f);
	ask(&each[_i].rule, true, &d);
	ck_assert_uint_eq(d.nmirrored, link != 0);
	if (link != 0)
		ck_assert_str_eq(
		    d.mirrored[0].address, address_of(8, NULL, NULL, link < 0));
}
END_TEST

/* Here ann is entitled in beta, too, and has a chat there alone. */
START_TEST(a_chat_of_one_account_gets_nothing_for_another)
{
	static const struct {
		struct rule rule;
		size_t mirrored;
	} each[] = {
	    {{B, NULL, {ACME}, 0, 0, 0, 0, 0, 0}, 0},
	    {{B, NULL, {ANN, ACME}, 0, 0, 0, 0, 0, 0}, 0},
	    {{B, NULL, {ANN, ACME, BILL}, EXPAND_ALWAYS, 0, 0, 0, 0, 0}, 0},
	    {{B, "acme", {ANN}, 0, 0, 0, 0, 0, 0}, 0},
	    {{B, NULL, {BETA}, 0, 0, 0, 0, 0, 0}, 1},
	    {{B, NULL, {ACME, BETA}, 0, 0, 0, 0, 0, 0}, 1},
	};
	struct decision d;

	fixture_sql(&f,
	    "INSERT INTO subscription(account, category, user)"
	    " SELECT u.account, c.id, u.id FROM user u, category c"
	    " WHERE u.account = 2 AND u.role <> 'owner'"
	    " AND c.slug = 'balance-and-payments';"
	    "INSERT INTO link(user, chat) SELECT id, 700 FROM user"
	    " WHERE account = 2 AND role <> 'owner'");
	ask(&each[_i].rule, true, &d);
	ck_assert_int_eq(d.verdict, VERDICT_DELIVER);
	ck_assert_uint_eq(d.nmirrored, each[_i].mirrored);
}
END_TEST

START_TEST(who_joins_says_whose_being_addressed_was_the_reason)
{
	static const struct {
		struct rule rule;
		const char *first, *second;
	} each[] = {
	    {{B, NULL, {BILL}, 0, 0, 0, 0, 0, 0},
		"owner of acme, whose user bill@acme.example was addressed",
		NULL},
	    {{B, NULL, {BILL, ANN}, EXPAND_ALWAYS, 0, 0, 0, 0, 0},
		"owner of acme, whose user bill@acme.example was addressed",
		"subscriber of acme, whose user bill@acme.example was "
		"addressed, subscribed to balance-and-payments"},
	    {{"services", NULL, {ACME}, 0, 0, 0, 0, 0, 0}, "owner of acme",
		NULL},
	    {{"services", NULL, {ACME, BILL}, 0, 0, 0, 0, 0, 0},
		"owner of acme", NULL},
	};
	struct decision d;

	ask(&each[_i].rule, true, &d);
	ck_assert_uint_eq(d.nadded, each[_i].second == NULL ? 1 : 2);
	ck_assert_str_eq(
	    decide_why_added(f.arena, &d.added[0], d.category), each[_i].first);
	if (each[_i].second != NULL)
		ck_assert_str_eq(
		    decide_why_added(f.arena, &d.added[1], d.category),
		    each[_i].second);
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
	    {1, "acme", "a@x.example", "a@x.example", ROLE_MEMBER, false, true,
		0, 0},
	    {2, "beta", "a@x.example", "a@x.example", ROLE_MEMBER, true, true,
		0, 0},
	};
	struct fact_account acme = {"acme", 1, "acme", 0},
			    beta = {"beta", 2, "beta", 0};
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
	    {1, "acme", "a@x.example", "a@x.example", ROLE_SUBSCRIBER, true,
		true, 0, 0},
	    {1, "acme", "b@x.example", "b@x.example", ROLE_MEMBER, true, true,
		0, 0},
	    {1, "acme", "c@x.example", "c@x.example", ROLE_MEMBER, false, true,
		0, 0},
	};
	struct fact_account acme = {"acme", 1, "acme", 0};
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
	tcase_add_loop_test(t,
	    a_message_of_which_too_many_would_be_removed_is_held, 0,
	    sizeof(crowds) / sizeof(crowds[0]));
	tcase_add_test(t, an_unknown_account_is_not_listed_among_the_accounts);
	tcase_add_test(
	    t, a_lookup_that_fails_is_a_temporary_failure_with_its_reason);
	tcase_add_test(t, slug_and_title_agree_and_two_categories_do_not);
	tcase_add_test(t, a_message_is_decided_once);
	tcase_add_test(t, a_stamp_among_wrong_ones_counts);
	tcase_add_test(t, a_message_id_is_given_as_postfix_makes_it);
	tcase_add_test(t, without_a_message_id_or_a_key_nothing_is_stamped);
	tcase_add_test(t, a_held_message_is_not_stamped);
	tcase_add_test(t, an_untrusted_stamp_is_worth_nothing);
	tcase_add_test(t, a_mirror_comes_again_with_its_own_message_only);
	tcase_add_test(
	    t, a_mirror_that_cannot_be_checked_is_a_temporary_failure);
	tcase_add_loop_test(
	    t, a_stamp_of_another_message_does_not_count_and_goes, 0, 6);
	tcase_add_test(t, each_chat_of_the_recipients_gets_one_mirror);
	tcase_add_loop_test(
	    t, a_group_of_one_account_reads_nothing_of_another, 0, 12);
	tcase_add_loop_test(
	    t, a_chat_of_one_account_gets_nothing_for_another, 0, 6);
	tcase_add_loop_test(
	    t, who_joins_says_whose_being_addressed_was_the_reason, 0, 4);
	tcase_add_test(
	    t, an_entitled_user_in_a_reserved_domain_holds_the_message);
	tcase_add_test(
	    t, a_person_added_through_another_account_is_not_passed_over);
	tcase_add_test(t, a_decision_needs_nothing_but_its_facts);
	suite_add_tcase(s, t);
	return (s);
}
