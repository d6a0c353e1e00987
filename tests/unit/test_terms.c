/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_terms - categories, roles, networks, accounts, texts, maps, arenas
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/strmap.h"
#include "terms/account.h"
#include "terms/category.h"
#include "terms/netlist.h"
#include "terms/rfc2047.h"
#include "terms/role.h"
#include "unit/suites.h"

static const struct {
	const char *text, *key;
} categories[] = {
    {"Balance & Payments", "balance-and-payments"},
    {"BALANCE_AND_PAYMENTS", "balance-and-payments"},
    {"balance-and-payments", "balance-and-payments"},
    {"  Balance -_- and\tpayments ", "balance-and-payments"},
    {"Balance&Payments", "balance-and-payments"},
    {"Gro\u00dfe \u00c4nderung", "gro\u00dfe-\u00e4nderung"},
    {"", NULL},
    {" - _ ", NULL},
    {"\xff", NULL},
};

START_TEST(a_category_has_one_key_in_every_spelling)
{
	char key[CATEGORY_KEY_SIZE];
	int found = category_key(categories[_i].text, key);

	ck_assert_int_eq(found, categories[_i].key != NULL);
	if (found)
		ck_assert_str_eq(key, categories[_i].key);
}
END_TEST

static const struct {
	const char *slug;
	bool ok;
} slugs[] = {{"services", true}, {"a-1", true}, {"", false}, {"-a", false},
    {"a-", false}, {"a--b", false}, {"A", false}, {"a_b", false},
    {"a b", false}};

START_TEST(a_slug_is_words_joined_by_single_hyphens)
{
	ck_assert_int_eq(category_slug_ok(slugs[_i].slug), slugs[_i].ok);
}
END_TEST

/* The table of roles: subscribed, open to Subscribers, receives. */
static const struct {
	enum role role;
	bool subscribed, open, gets;
} roles[] = {
    {ROLE_OWNER, false, false, true},
    {ROLE_OWNER, true, true, true},
    {ROLE_USER_ADMIN, false, true, false},
    {ROLE_USER_ADMIN, true, false, true},
    {ROLE_MEMBER, false, true, false},
    {ROLE_MEMBER, true, false, true},
    {ROLE_SUBSCRIBER, false, true, false},
    {ROLE_SUBSCRIBER, true, true, true},
    {ROLE_SUBSCRIBER, true, false, false},
};

START_TEST(a_role_receives_what_the_table_of_roles_says)
{
	ck_assert_int_eq(
	    role_entitled(roles[_i].role, roles[_i].subscribed, roles[_i].open),
	    roles[_i].gets);
}
END_TEST

START_TEST(owner_and_user_admin_manage_and_a_subscriber_has_no_chat)
{
	ck_assert(role_may_manage(ROLE_OWNER));
	ck_assert(role_may_manage(ROLE_USER_ADMIN));
	ck_assert(!role_may_manage(ROLE_MEMBER));
	ck_assert(!role_may_manage(ROLE_SUBSCRIBER));
	ck_assert(role_may_link(ROLE_MEMBER));
	ck_assert(!role_may_link(ROLE_SUBSCRIBER));
}
END_TEST

START_TEST(a_chat_receives_what_is_mirrored_and_its_user_entitled_to)
{
	const struct category mirrored = {.open = true, .mirrored = true},
			      mailed = {.open = true};

	ck_assert(role_mirrored(ROLE_OWNER, false, &mirrored));
	ck_assert(!role_mirrored(ROLE_OWNER, false, &mailed));
	ck_assert(role_mirrored(ROLE_MEMBER, true, &mirrored));
	ck_assert(!role_mirrored(ROLE_MEMBER, false, &mirrored));
	ck_assert(!role_mirrored(ROLE_MEMBER, true, &mailed));
	ck_assert(!role_mirrored(ROLE_SUBSCRIBER, true, &mirrored));
}
END_TEST

static const struct {
	const char *networks, *client;
	bool in;
} clients[] = {
    {"127.0.0.0/8", "127.3.2.1", true},
    {"127.0.0.0/8", "128.0.0.1", false},
    {"192.0.2.128/25", "192.0.2.127", false},
    {"192.0.2.128/25", "192.0.2.128", true},
    {"192.0.2.7", "192.0.2.7", true},
    {"192.0.2.7", "192.0.2.6", false},
    {"192.0.2.7", "::ffff:192.0.2.7", true},
    {"[::1]/128, 10.0.0.0/8", "::1", true},
    {"[::1]/128, 10.0.0.0/8", "10.255.0.1", true},
    {"2001:db8::/33", "2001:db8:7fff::1", true},
    {"2001:db8::/33", "2001:db8:8000::1", false},
    {"::/0", "192.0.2.7", false},
    {"::/0", "2001:db8::1", true},
    {"0.0.0.0/0", "2001:db8::1", false},
    {"0.0.0.0/0", "203.0.113.9", true},
    {"", "127.0.0.1", false},
};

START_TEST(a_client_is_trusted_exactly_inside_the_networks)
{
	struct netlist list = {0};
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	struct sockaddr_in four = {.sin_family = AF_INET};
	const struct sockaddr *sa = (const struct sockaddr *)&four;
	const char *why;

	ck_assert_int_eq(netlist_add(&list, clients[_i].networks, &why), 1);
	if (inet_pton(AF_INET, clients[_i].client, &four.sin_addr) != 1) {
		ck_assert_int_eq(
		    inet_pton(AF_INET6, clients[_i].client, &six.sin6_addr), 1);
		sa = (const struct sockaddr *)&six;
	}
	ck_assert_int_eq(netlist_has(&list, sa), clients[_i].in);
	ck_assert(!netlist_has(&list, NULL));
	netlist_clear(&list);
}
END_TEST

static const char *const bad_networks[] = {"localhost", "10.0.0.0/33",
    "10.0.0.1/8", "::1/129", "10.0.0.0/", "10.0.0", "[::1", "10.0.0.0/-1"};

START_TEST(a_malformed_network_is_refused)
{
	struct netlist list = {0};
	const char *why = NULL;

	ck_assert_int_eq(netlist_add(&list, bad_networks[_i], &why), 0);
	ck_assert_ptr_nonnull(why);
	netlist_clear(&list);
}
END_TEST

START_TEST(a_list_has_at_most_65536_networks)
{
	struct netlist list = {0};
	const char *expected;
	char *text;
	int i;

	text = malloc((size_t)4 * 65537 + 1);
	ck_assert_ptr_nonnull(text);
	for (i = 0; i < 65537; i++)
		strcpy(text + (size_t)4 * i, "::1 ");
	ck_assert_int_eq(netlist_add(&list, text + 4, &expected), 1);
	ck_assert_int_eq(netlist_add(&list, "::1", &expected), 0);
	ck_assert_str_eq(expected, "at most 65536 networks");
	netlist_clear(&list);
	ck_assert_int_eq(netlist_add(&list, text, &expected), 0);
	netlist_clear(&list);
	free(text);
}
END_TEST

START_TEST(account_names_need_no_quoting_and_ignore_case)
{
	char key[ACCOUNT_KEY_SIZE];

	ck_assert_int_eq(account_key("ACME-1.b_c", key), 1);
	ck_assert_str_eq(key, "acme-1.b_c");
	ck_assert_int_eq(account_key("", key), 0);
	ck_assert_int_eq(account_key("a+b", key), 0);
	ck_assert_int_eq(account_key("a b", key), 0);
	ck_assert_int_eq(account_key(".a", key), 0);
	ck_assert_int_eq(account_key("a..b", key), 0);
	ck_assert_int_eq(account_key("\u00e4", key), 0);
}
END_TEST

static const struct {
	const char *text, *shown;
} texts[] = {
    {"plain", "plain"},
    {"a\nb\r\t\x1b[2J", "a\\x0ab\\x0d\\x09\\x1b[2J"},
    {"\"q\" \\ <x>", "\\x22q\\x22 \\x5c \\x3cx\\x3e"},
    {"\xff\u00e4", "\\xff\u00e4"},
    {"\u202eabc", "\\xe2\\x80\\xaeabc"},
};

START_TEST(text_from_outside_stays_on_its_line)
{
	struct arena *a = arena_new(1 << 16);

	ck_assert_str_eq(escape_text(a, texts[_i].text), texts[_i].shown);
	ck_assert_str_eq(
	    escape_text(a, escape_undo(a, "\\x22\\x5cx3c\\x3e\\x2")),
	    "\\x22\\x5cx3c\\x3e\\x5cx2");
	arena_free(a);
}
END_TEST

static const struct {
	const char *value, *text; /* NULL: cannot be decoded */
} encoded[] = {
    {"plain =? text", "plain =? text"},
    {"=?utf-8?B?YQ==?= =?utf-8?B?Yg==?=\n =?utf-8?b?Yw==?=", "abc"},
    {"=?us-ascii?B?YQ==?= =?us-ascii?Q?=62_?= =?iso-8859-1?B?5A==?=",
	"ab \u00e4"},
    {"=?utf-8?B?YQ==?= and =?utf-8?B?Yg==?=", "a and b"},
    {"a=?utf-8?Q?b?=c", "abc"},
    /* A character cut in two by words. */
    {"=?utf-8?Q?a=C3?= =?UTF-8?B?pGI=?=", "a\u00e4b"},
    {"=?utf-8?Q?a=C3?= =?us-ascii?Q?=A4b?=", NULL},
    {"=?utf-8?B?YQ==?=", "a"},
    {"=?utf-8?B?YQ==?= ", "a "},
    {"=?utf-8*en?Q?a?= =?windows-1251?B?4A==?=", "a\u0430"},
    {"=?iso-2022-jp?B?GyRCQEE1YT1xGyhC?=", "\u8acb\u6c42\u66f8"},
    {"=?gb2312?B?1cu1pQ==?=", "\u8d26\u5355"},
    {"=?utf-7?Q?+AOQ-b?=", "\u00e4b"},
    /* Kept back by the converter until the next byte, or the end. */
    {"=?tcvn?Q?a?=", "a"},
    {"=?utf-8?Q?a & b?=", "a & b"},
    {"=?utf-8?B?YW Jj?=", "abc"},
    {"=?utf-8?Q?"
     "?=",
	""},
    /* No words. */
    {"=?utf-8?Q?a", "=?utf-8?Q?a"},
    {"=?utf-8?X?a?=", "=?utf-8?X?a?="},
    {"=?utf-8?Q", "=?utf-8?Q"},
    {"=??Q?a?=", "=??Q?a?="},
    {"=?utf-8//ignore?Q?a=FF?=", "=?utf-8//ignore?Q?a=FF?="},
    /* Words that say nothing. */
    {"=?utf-8?Q?a?= =?x-nosuch?Q?b?=", NULL},
    {"=?x*en?B?YQ==?=", NULL},
    {"=?utf-8?Q?a=0?=", NULL},
    {"=?utf-8?Q?a=zz?=", NULL},
    {"=?utf-8?Q?=FF=FE?=", NULL},
    {"=?us-ascii?Q?=E4?=", NULL},
    {"=?utf-8?Q?a=00b?=", NULL},
    {"=?utf-7?Q?services+AAA-x?=", NULL},
    {"=?utf-8?B?YQ?=", NULL},
    {"=?utf-8?B?YQ=?=", NULL},
    {"=?utf-8?B?Y===?=", NULL},
    {"=?utf-8?B?YQ==YQ==?=", NULL},
    {"=?utf-8?B?!!!!?=", NULL},
};

START_TEST(every_encoded_word_is_decoded_or_the_value_is_refused)
{
	struct arena *a = arena_new(1 << 16);
	char *text = NULL;
	int rc;

	rc = rfc2047_decode(a, encoded[_i].value, &text);
	ck_assert_int_eq(rc, encoded[_i].text != NULL);
	if (rc == 1)
		ck_assert_str_eq(text, encoded[_i].text);
	arena_free(a);
}
END_TEST

START_TEST(a_map_finds_what_was_added_and_nothing_else)
{
	struct arena *a = arena_new(1 << 22);
	struct strmap set = {.arena = a};
	const void *value;
	char name[32];
	int i;

	for (i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		ck_assert_int_eq(
		    strmap_add(&set, arena_strdup(a, name), NULL), 1);
		ck_assert_int_eq(strmap_add(&set, name, NULL), 0);
	}
	ck_assert_int_eq(strmap_find(&set, "user4999", &value), 1);
	ck_assert_int_eq(strmap_find(&set, "user5000", &value), 0);
	arena_free(a);
}
END_TEST

START_TEST(an_arena_allocates_no_more_than_its_maximum)
{
	struct arena *a = arena_new(10000);
	char *p;

	ck_assert_ptr_nonnull(arena_alloc(a, 9000));
	ck_assert_ptr_null(arena_alloc(a, 2000));
	arena_reset(a);
	p = arena_alloc(a, 9000);
	ck_assert_ptr_nonnull(p);
	memset(p, 'x', 9000);
	arena_reset(a);
	p = arena_alloc(a, 64);
	ck_assert_int_eq(p[63], 0);
	ck_assert_ptr_null(arena_array(a, SIZE_MAX / 2, 16));
	arena_free(a);
}
END_TEST

#define LOOP(t, test, rows)                                                    \
	tcase_add_loop_test(t, test, 0, (int)(sizeof(rows) / sizeof(rows[0])))

Suite *
test_terms(void)
{
	Suite *s = suite_create("terms");
	TCase *t = tcase_create("terms");

	LOOP(t, a_category_has_one_key_in_every_spelling, categories);
	LOOP(t, a_slug_is_words_joined_by_single_hyphens, slugs);
	LOOP(t, a_role_receives_what_the_table_of_roles_says, roles);
	tcase_add_test(
	    t, owner_and_user_admin_manage_and_a_subscriber_has_no_chat);
	tcase_add_test(
	    t, a_chat_receives_what_is_mirrored_and_its_user_entitled_to);
	LOOP(t, a_client_is_trusted_exactly_inside_the_networks, clients);
	LOOP(t, a_malformed_network_is_refused, bad_networks);
	tcase_add_test(t, a_list_has_at_most_65536_networks);
	tcase_add_test(t, account_names_need_no_quoting_and_ignore_case);
	LOOP(t, every_encoded_word_is_decoded_or_the_value_is_refused, encoded);
	LOOP(t, text_from_outside_stays_on_its_line, texts);
	tcase_add_test(t, a_map_finds_what_was_added_and_nothing_else);
	tcase_add_test(t, an_arena_allocates_no_more_than_its_maximum);
	suite_add_tcase(s, t);
	return (s);
}
