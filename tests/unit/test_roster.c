/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_roster - who may change what, and what a change ends
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "roster/link.h"
#include "roster/linkmail.h"
#include "store/store_link.h"
#include "store/store_person.h"
#include "unit/fixture.h"
#include "unit/suites.h"

static struct fixture f;

static void
setup(void)
{
	fixture_open(&f);
	fixture_begin(&f);
	f.changes.n = 0;
}

static void
teardown(void)
{
	store_end(f.store);
	fixture_close(&f);
}

/* Account 1 is acme, category 3 balance-and-payments, 5 services. */
static void
find(const char *key, struct store_user *user)
{
	ck_assert_int_eq(store_user(f.store, f.arena, 1, key, 3, user), 1);
}

static const struct {
	const char *as;
	enum failure_kind kind;
} managers[] = {
    {"olga@acme.example", FAILURE_NONE},
    {"ADAM@acme.example", FAILURE_NONE},
    {"ann@acme.example", FAILURE_DENIED},
    {"sue@acme.example", FAILURE_DENIED},
    {"otto@beta.example", FAILURE_DENIED},
    {"nobody@else.example", FAILURE_DENIED},
    {NULL, FAILURE_USAGE},
    {"", FAILURE_USAGE},
    {"olga", FAILURE_DATA},
};

START_TEST(only_owner_and_user_admin_of_the_account_subscribe)
{
	char *bill[] = {"bill@acme.example"};
	int rc = roster_subscribe(
	    &f.changes, "acme", "services", bill, 1, managers[_i].as);

	ck_assert_int_eq(rc, managers[_i].kind == FAILURE_NONE ? 0 : -1);
	ck_assert_int_eq(f.failure.kind, managers[_i].kind);
	ck_assert_uint_eq(f.changes.n, rc == 0 ? 1 : 0);
}
END_TEST

START_TEST(subscribing_names_every_wrong_address_and_adds_nobody)
{
	char *all[] = {"bill@acme.example", "nix@acme.example", "broken",
	    "sue@acme.example"};
	const char *text;

	ck_assert_int_eq(roster_subscribe(&f.changes, "acme", "services", all,
			     4, "olga@acme.example"),
	    -1);
	text = failure_text(&f.failure);
	ck_assert_ptr_nonnull(strstr(text, "nix@acme.example"));
	ck_assert_ptr_nonnull(strstr(text, "broken"));
	ck_assert_ptr_nonnull(strstr(text, "sue@acme.example"));
	ck_assert_ptr_null(strstr(text, "bill"));
	ck_assert_int_eq(f.failure.kind, FAILURE_DATA);
	ck_assert_uint_eq(f.changes.n, 0);
}
END_TEST

START_TEST(the_owner_keeps_its_role_and_its_categories)
{
	ck_assert_int_eq(
	    roster_user_role(&f.changes, "acme", "olga@acme.example", "member"),
	    -1);
	ck_assert_int_eq(f.failure.kind, FAILURE_DENIED);
	ck_assert_int_eq(
	    roster_user_remove(&f.changes, "acme", "olga@acme.example"), -1);
	ck_assert_int_eq(f.failure.kind, FAILURE_DENIED);
	ck_assert_int_eq(
	    roster_user_role(&f.changes, "acme", "ann@acme.example", "owner"),
	    -1);
	ck_assert_int_eq(f.failure.kind, FAILURE_DENIED);
	ck_assert_int_eq(
	    roster_unsubscribe(&f.changes, "acme", "services",
		"olga@acme.example", "adam@acme.example", "olga@acme.example"),
	    -1);
	ck_assert_int_eq(f.failure.kind, FAILURE_DENIED);
	ck_assert_uint_eq(f.changes.n, 0);
}
END_TEST

START_TEST(unsubscribing_takes_the_address_typed_again)
{
	struct store_user ann;

	ck_assert_int_eq(
	    roster_unsubscribe(&f.changes, "acme", "balance-and-payments",
		"ann@acme.example", "olga@acme.example", "anna@acme.example"),
	    -1);
	ck_assert_int_eq(f.failure.kind, FAILURE_DATA);
	find("ann@acme.example", &ann);
	ck_assert(ann.subscribed);
	ck_assert_int_eq(
	    roster_unsubscribe(&f.changes, "acme", "balance-and-payments",
		"ann@acme.example", "olga@acme.example", "ANN@acme.example"),
	    0);
	find("ann@acme.example", &ann);
	ck_assert(!ann.subscribed);
}
END_TEST

START_TEST(losing_the_mirrored_category_ends_the_chat)
{
	struct store_user ann;

	find("ann@acme.example", &ann);
	ck_assert_int_eq(store_link_add(f.store, 1, ann.id, 9, 0), 1);
	ck_assert_int_eq(
	    roster_unsubscribe(&f.changes, "acme", "balance-and-payments",
		"ann@acme.example", "olga@acme.example", "ann@acme.example"),
	    0);
	find("ann@acme.example", &ann);
	ck_assert_int_eq(ann.link, 0);
	/* unsubscribe and telegram-end */
	ck_assert_uint_eq(f.changes.n, 2);
}
END_TEST

START_TEST(becoming_a_subscriber_ends_closed_subscriptions_and_the_chat)
{
	char *ann_only[] = {"ann@acme.example"};
	struct store_user ann;

	find("ann@acme.example", &ann);
	ck_assert_int_eq(store_link_add(f.store, 1, ann.id, 9, 0), 1);
	ck_assert_int_eq(roster_subscribe(&f.changes, "acme", "services",
			     ann_only, 1, "olga@acme.example"),
	    0);
	ck_assert_int_eq(roster_user_role(&f.changes, "acme",
			     "ann@acme.example", "subscriber"),
	    0);
	find("ann@acme.example", &ann);
	ck_assert_int_eq(ann.role, ROLE_SUBSCRIBER);
	ck_assert(ann.subscribed);
	ck_assert_int_eq(ann.link, 0);
	ck_assert_int_eq(
	    store_user(f.store, f.arena, 1, "ann@acme.example", 5, &ann), 1);
	ck_assert(!ann.subscribed);
}
END_TEST

START_TEST(a_transfer_leaves_the_old_owner_a_user_admin_with_everything)
{
	struct store_user old, new;

	ck_assert_int_eq(
	    roster_account_transfer(&f.changes, "acme", "ann@acme.example"), 0);
	find("olga@acme.example", &old);
	find("ann@acme.example", &new);
	ck_assert_int_eq(old.role, ROLE_USER_ADMIN);
	ck_assert(old.subscribed);
	ck_assert_int_eq(new.role, ROLE_OWNER);
	ck_assert(!new.subscribed);
}
END_TEST

/* The next random numbers, before the system's own. */
static uint64_t planted[4];
static size_t nplanted;

/* In the place of libc's. */
ssize_t
getrandom(void *octets, size_t n, unsigned int flags)
{
	if (nplanted == 0 || n != sizeof(planted[0]))
		return (syscall(SYS_getrandom, octets, n, flags));
	memcpy(octets, &planted[--nplanted], n);
	return ((ssize_t)n);
}

/* Link ${user} to a chat, by a token; the number of the link. */
static int64_t
link_by_token(const char *address, int64_t chat)
{
	struct store_user user;
	char token[LINK_TOKEN_SIZE];

	find(address, &user);
	ck_assert_int_eq(
	    link_token(&f.changes, &user, STORE_BY_CONNECT, token), 1);
	ck_assert_int_eq(link_redeem(&f.changes, token, chat, 0, &user), 1);
	find(address, &user);
	ck_assert_int_eq(user.chat, chat);
	return (user.link);
}

START_TEST(the_number_of_a_link_that_a_restored_database_lacks_is_not_reused)
{
	int64_t lost, other;

	fixture_commit(&f);
	fixture_begin(&f);
	lost = link_by_token("ann@acme.example", 5);
	store_end(f.store);
	fixture_begin(&f);
	other = link_by_token("olga@acme.example", 6);
	ck_assert_int_ne(lost, other);
	/* Nobody guesses one; each of these fails once in 2^31. */
	ck_assert_int_gt(lost, UINT32_MAX);
	ck_assert_int_gt(other, UINT32_MAX);
}
END_TEST

START_TEST(a_link_gets_a_number_that_no_other_has)
{
	static const uint64_t numbers[] = {UINT64_MAX, 14, 15, 1};

	ck_assert_int_eq(store_link_add(f.store, 7, 1, 70, 0), 1);
	memcpy(planted, numbers, sizeof(planted));
	nplanted = 4;
	/* 1 would be link 0, 14 and 15 link 7. */
	ck_assert_int_eq(link_by_token("ann@acme.example", 5), INT64_MAX);
}
END_TEST

START_TEST(a_token_links_once_and_not_after_its_time)
{
	struct store_user ann, linked;
	char token[LINK_TOKEN_SIZE], late[LINK_TOKEN_SIZE];

	find("ann@acme.example", &ann);
	ck_assert_int_eq(
	    link_token(&f.changes, &ann, STORE_BY_CONNECT, token), 1);
	ck_assert_uint_eq(strlen(token), LINK_TOKEN_SIZE - 1);
	ck_assert_int_eq(link_redeem(&f.changes, "wrong", 5, 0, &linked), 0);
	ck_assert_int_eq(link_redeem(&f.changes, token, 5, 0, &linked), 1);
	ck_assert_int_eq(linked.id, ann.id);
	ck_assert_int_eq(link_redeem(&f.changes, token, 6, 0, &linked), 0);
	ck_assert_int_eq(
	    link_token(&f.changes, &ann, STORE_BY_CONNECT, late), 1);
	f.changes.now += LINK_TOKEN_SECONDS;
	ck_assert_int_eq(link_redeem(&f.changes, late, 7, 0, &linked), 0);
	find("ann@acme.example", &ann);
	ck_assert_int_eq(ann.chat, 5);
}
END_TEST

/* Whoever asks in ${chat} for a link for ${key}: 1 if a mail is recorded. */
static int
ask(int64_t chat, const char *key)
{
	struct linkmail_request r = {.chat = chat, .asker = 9, .key = key};
	int rc;

	rc = linkmail_ask(&f.changes, &r);
	ck_assert_int_ne(rc, -1);
	if (rc == 0)
		return (-r.wait);
	return (strcmp(r.done, "links go out by mail") == 0);
}

START_TEST(links_by_mail_are_limited_to_the_second)
{
	static const char key[] = "ann@acme.example";
	int i;

	/* An address: a mail in 15 minutes, five in a day. */
	ck_assert_int_eq(ask(1, key), 1);
	f.changes.now += LINKMAIL_SECONDS - 1;
	ck_assert_int_eq(ask(2, key), 0);
	f.changes.now++;
	for (i = 0; i < 4; i++) {
		ck_assert_int_eq(ask(2, key), 1);
		f.changes.now += LINKMAIL_SECONDS;
	}
	ck_assert_int_eq(ask(3, key), 0);
	f.changes.now += LINKMAIL_DAY - 5 * LINKMAIL_SECONDS - 1;
	ck_assert_int_eq(ask(3, key), 0);
	f.changes.now++;
	ck_assert_int_eq(ask(3, key), 1);
	/* A chat: ten in an hour, whatever they are for. */
	for (i = 0; i < LINKMAIL_HOUR_MAX; i++)
		ck_assert_int_eq(ask(4, "x@else.example"), 0);
	f.changes.now += 10;
	ck_assert_int_eq(ask(4, "olga@acme.example"), 10 - LINKMAIL_HOUR);
	ck_assert_int_eq(ask(5, "olga@acme.example"), 1);
	f.changes.now += LINKMAIL_HOUR - 11;
	ck_assert_int_eq(ask(4, "x@else.example"), -1);
	f.changes.now++;
	ck_assert_int_eq(ask(4, "x@else.example"), 0);
}
END_TEST

static const struct {
	const char *name;
	bool may;
} chatters[] = {{"olga@acme.example", true}, {"ann@acme.example", true},
    {"bill@acme.example", false}, {"sue@acme.example", false}};

START_TEST(a_chat_needs_the_role_and_a_mirrored_category)
{
	struct store_user user;
	const char *why = NULL;

	find(chatters[_i].name, &user);
	ck_assert_int_eq(link_may(&f.changes, &user, &why), chatters[_i].may);
	ck_assert(chatters[_i].may || why != NULL);
}
END_TEST

START_TEST(a_user_whose_domain_was_reserved_later_can_be_removed)
{
	struct changes *c = &f.changes;

	f.settings.account_domain = "acme.example";
	ck_assert_int_eq(roster_user_remove(c, "acme", "bill@acme.example"), 0);
	ck_assert_int_eq(
	    roster_user_role(c, "acme", "ann@acme.example", "subscriber"), 0);
	ck_assert_int_eq(
	    roster_user_remove(c, "acme", "bill@acme.example"), -1);
	ck_assert_int_eq(f.failure.kind, FAILURE_DATA);
	ck_assert_int_eq(
	    roster_account_transfer(c, "acme", "ann@acme.example"), -1);
	ck_assert_int_eq(f.failure.kind, FAILURE_DATA);
	f.settings.account_domain = "beta.example";
	ck_assert_int_eq(
	    roster_account_transfer(c, "beta", "ann@acme.example"), 0);
}
END_TEST

Suite *
test_roster(void)
{
	Suite *s = suite_create("roster");
	TCase *t = tcase_create("roster");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t,
	    only_owner_and_user_admin_of_the_account_subscribe, 0,
	    sizeof(managers) / sizeof(managers[0]));
	tcase_add_test(
	    t, subscribing_names_every_wrong_address_and_adds_nobody);
	tcase_add_test(t, the_owner_keeps_its_role_and_its_categories);
	tcase_add_test(t, unsubscribing_takes_the_address_typed_again);
	tcase_add_test(t, losing_the_mirrored_category_ends_the_chat);
	tcase_add_test(
	    t, becoming_a_subscriber_ends_closed_subscriptions_and_the_chat);
	tcase_add_test(
	    t, a_transfer_leaves_the_old_owner_a_user_admin_with_everything);
	tcase_add_test(t,
	    the_number_of_a_link_that_a_restored_database_lacks_is_not_reused);
	tcase_add_test(t, a_link_gets_a_number_that_no_other_has);
	tcase_add_test(t, a_token_links_once_and_not_after_its_time);
	tcase_add_test(t, links_by_mail_are_limited_to_the_second);
	tcase_add_loop_test(
	    t, a_chat_needs_the_role_and_a_mirrored_category, 0, 4);
	tcase_add_test(
	    t, a_user_whose_domain_was_reserved_later_can_be_removed);
	suite_add_tcase(s, t);
	return (s);
}
