/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_address - one person has one key, however the address is spelled
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "terms/address.h"
#include "unit/suites.h"

static struct arena *arena;

static void
setup(void)
{
	arena = arena_new(1 << 20);
	ck_assert_ptr_nonnull(arena);
}

static void
teardown(void)
{
	arena_free(arena);
}

/* Addresses from MTAs, with key, base and wire form. */
static const struct {
	const char *text, *key, *base, *wire;
} readable[] = {
    {"<ann@example.com>", "ann@example.com", NULL, "ann@example.com"},
    {"ann@example.com", "ann@example.com", NULL, "ann@example.com"},
    {" <Ann@Example.COM> ", "ann@example.com", NULL, "Ann@example.com"},
    {"<ann@example.com.>", "ann@example.com", NULL, "ann@example.com"},
    {"<@a.example,@b.example:ann@example.com>", "ann@example.com", NULL,
	"ann@example.com"},
    {"<\"ann\"@example.com>", "ann@example.com", NULL, "ann@example.com"},
    {"<\"John Doe\"@example.com>", "john doe@example.com", NULL,
	"\"John Doe\"@example.com"},
    {"<\"john\\ doe\"@example.com>", "john doe@example.com", NULL,
	"\"john doe\"@example.com"},
    {"<ann@[127.0.0.1]>", "ann@[127.0.0.1]", NULL, "ann@[127.0.0.1]"},
    {"<ann@[IPv6:::1]>", "ann@[ipv6:::1]", NULL, "ann@[ipv6:::1]"},
    {"<\"a@b\"@example.com>", "a@b@example.com", NULL, "\"a@b\"@example.com"},
    {"<\"a\\\"b\"@example.com>", "a\"b@example.com", NULL,
	"\"a\\\"b\"@example.com"},
    {"<.a@example.com>", ".a@example.com", NULL, "\".a\"@example.com"},
    {"<ann+bill@example.com>", "ann+bill@example.com", "ann@example.com",
	"ann+bill@example.com"},
    {"<+ann@example.com>", "+ann@example.com", NULL, "+ann@example.com"},
    {"<J\u00d6RG@example.com>", "j\u00f6rg@example.com", NULL,
	"J\u00d6RG@example.com"},
    /* o and a combining diaeresis are one letter. */
    {"<jo\u0308rg@example.com>", "j\u00f6rg@example.com", NULL,
	"jo\u0308rg@example.com"},
    {"<info@B\u00dcCHER.example>", "info@xn--bcher-kva.example", NULL,
	"info@xn--bcher-kva.example"},
    {"<info@XN--BCHER-KVA.example>", "info@xn--bcher-kva.example", NULL,
	"info@xn--bcher-kva.example"},
    {"postmaster", "postmaster", NULL, "postmaster"},
    /* The Kelvin sign is no k, the Greek question mark no semicolon, a long s
     * no s: each is another mailbox. */
    {"<MAR\u212a@example.com>", "mar\u212a@example.com", NULL,
	"MAR\u212a@example.com"},
    {"<\u212aJO\u0308\u037e\u1fefX@example.com>",
	"\u212aj\u00f6\u037e\u1fefx@example.com", NULL,
	"\u212aJO\u0308\u037e\u1fefX@example.com"},
    {"<ma\u017f@example.com>", "ma\u017f@example.com", NULL,
	"ma\u017f@example.com"},
};

START_TEST(an_address_has_one_key_in_every_spelling)
{
	struct address a;

	ck_assert_int_eq(address_read(arena, readable[_i].text, &a), 1);
	ck_assert_str_eq(a.key, readable[_i].key);
	ck_assert_str_eq(a.wire, readable[_i].wire);
	ck_assert_pstr_eq(a.base, readable[_i].base);
}
END_TEST

/* The next of all texts of these letters, the longest last; false after it. */
static bool
next_text(char *text, size_t longest)
{
	static const char letters[] = "aA.+@<>\"";
	const char *letter;
	size_t i;

	for (i = 0; i < longest; i++) {
		letter =
		    text[i] == '\0' ? letters : strchr(letters, text[i]) + 1;
		text[i] = *letter == '\0' ? letters[0] : *letter;
		if (*letter != '\0')
			return (true);
	}
	return (false);
}

/* What is written as its key is has a way of its own, which a blank bars. */
START_TEST(a_plain_address_is_read_as_any_other)
{
	char text[16] = " ";
	struct address a, b;
	int found;

	while (next_text(text + 1, 6)) {
		arena_reset(arena);
		found = address_read(arena, text, &b);
		ck_assert_int_eq(address_read(arena, text + 1, &a), found);
		if (found != 1)
			continue;
		ck_assert_str_eq(a.key, b.key);
		ck_assert_pstr_eq(a.base, b.base);
		ck_assert_str_eq(a.domain, b.domain);
		ck_assert_str_eq(a.wire, b.wire);
		ck_assert_str_eq(a.exact, b.exact);
	}
}
END_TEST

static const char *const unreadable[] = {"", "<>", "<ann@example.com",
    "ann b@example.com", "<\"ann@example.com>", "<@example.com>",
    "<a\xff@example.com>", "<a@\xff.example>",
    /* Else it would be the key of "x@y"@z.example. */
    "<x@y\"@z.example\">", "ann@example.com\\", "<ann@example.com\\>",
    "<a@b\\\"c.example>", "<a@\"b@c.example\">", "<a@b\uff20c.example>",
    "a\\@b.example", "\"a@b.example\"",
    /* An MTA takes these for ann@example.com. */
    "<ann@example.com>>", "<ann@example.com,>", "<x:ann@example.com;>",
    "<ann@example.com ()>", "<ann@example.com(c)>", "<a\\nn@example.com>",
    "<ann@exam\\ple.com>", "< ann@example.com >", "<ann@bill@example.com>",
    /* Written out, this would not read as the same. */
    "<ann@\"exam\x1dple.com\">", "<ann@\"exam,ple.com\">"};

START_TEST(a_malformed_address_is_refused)
{
	struct address a;

	ck_assert_int_eq(address_read(arena, unreadable[_i], &a), 0);
}
END_TEST

static const struct {
	const char *text, *fault;
} strict[] = {
    {"ann", "no @"},
    {"ann@", "no domain"},
    {"@example.com", "local-part@domain"},
    {"ann@b@example.com", "more than one @"},
    {"ann@exa mple.com", "local-part@domain"},
    {"ann@-example.com", "not a domain name"},
    {"ann@example..com", "not a domain name"},
    {"ann@[192.0.2.1]", "not a domain name"},
    {"ann\n@example.com", "control character"},
    {"ann\xc2\x85@example.com", "control character"},
    {"\"\\\xc2\\\x85\"@example.com", "control character"},
    {"\"\xc2\"\"\x85\"@example.com", "control character"},
    {"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff12345"
     "@example.com",
	"longer than 64"},
};

START_TEST(a_typed_address_that_mail_cannot_reach_is_refused_and_says_why)
{
	struct address a;
	const char *why = NULL;

	ck_assert_int_eq(
	    address_read_strict(arena, strict[_i].text, &a, &why), 0);
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, strict[_i].fault) != NULL,
	    "%s: got \"%s\", want it to contain \"%s\"", strict[_i].text, why,
	    strict[_i].fault);
}
END_TEST

static const struct {
	const char *text, *hazard;
} hazards[] = {
    {"ann@example.com", NULL},
    {"ann-x@example.com", NULL},
    {"\"john doe\"@example.com", NULL},
    {"\"@a:b\"@example.com", "\"@\""},
    {"\"a@b\"@example.com", "\"@\""},
    {"ann%b.example@example.com", "\"%\""},
    {"\"b.example!ann\"@example.com", "\"!\""},
    {"ann+x%y@example.com", "\"%\""},
    {"-ann@example.com", "begins with"},
    {"\"-ann\"@example.com", "begins with"},
};

START_TEST(an_address_that_an_mta_reads_as_another_is_a_hazard)
{
	struct address a;
	const char *got;

	ck_assert_int_eq(address_read(arena, hazards[_i].text, &a), 1);
	got = address_hazard(a.key);
	ck_assert_int_eq(got == NULL, hazards[_i].hazard == NULL);
	ck_assert(got == NULL || strstr(got, hazards[_i].hazard) != NULL);
}
END_TEST

static const struct {
	const char *text;
	int in;
} domains[] = {
    {"<7@telegram.invalid>", 1},
    {"7@TELEGRAM.INVALID", 1},
    {"<7@telegram.invalid.>", 1},
    {"<7 @ telegram . invalid>", 1},
    {"<7@\"telegram.invalid\">", 1},
    {"<7@telegram.invalid (a chat)>", 1},
    {"<7%telegram.invalid@example.com>", 1},
    {"<7@telegram(x).invalid>", 1},
    {"<7@(x)telegram.invalid>", 1},
    {"<7@telegram.(x)invalid>", 1},
    {"<7@telegram(a(b)c).invalid>", 1},
    {"<7@telegram(\\().invalid>", 1},
    {"<7@telegram(\").invalid>", 1},
    {"<\"(\"@telegram(@a:b).invalid>", 1},
    {"<7%telegram(x).invalid>", 1},
    {"<telegram(x).invalid!7>", 1},
    {"<7@\uff54elegram(x).invalid>", 1},
    {"<7@telegram(x.invalid>", 0},
    {"<7%telegram.invalid>", 1},
    {"<telegram.invalid!7>", 1},
    {"<example.com!telegram.invalid!7>", 1},
    {"<@telegram.invalid:7@example.com>", 1},
    /* Letters of full width, which IDNA maps to plain ones. */
    {"<7@\uff54elegram.invalid>", 1},
    {"<7@telegram.invalid.example>", 0},
    {"<7@my-telegram.invalid>", 0},
    {"<7@sub.telegram.invalid>", 0},
    {"<telegram.invalid@example.com>", 0},
    {"<telegram.invalid>", 0},
    {"<ann@example.com>", 0},
};

START_TEST(every_spelling_of_the_reserved_domain_is_seen_and_no_other_domain)
{
	ck_assert_int_eq(
	    address_in_domain(arena, domains[_i].text, "telegram.invalid"),
	    domains[_i].in);
}
END_TEST

/* The same for a domain with letters outside ASCII. */
static const struct {
	const char *text;
	int in;
} wide_domains[] = {
    {"<7@b\u00fccher.example>", 1},
    {"<7@B\u00dcCHER.example.>", 1},
    {"<7@b\u00fccher.example..>", 1},
    {"<7@xn--bcher-kva.example>", 1},
    {"<b\u00fccher.example!7>", 1},
    {"<7%b\u00fccher.example@else.example>", 1},
    {"<7%\"b\u00fccher\".example (a chat)@else.example>", 1},
    {"<@b\u00fccher.example:7@else.example>", 1},
    {"<@else.example:7@b\u00fccher.example>", 1},
    {"<7%xn--bcher-kva.example@\u00e9.example>", 1},
    {"<b\u00fccher.example@else.example>", 0},
    {"<7@x.b\u00fccher.example>", 0},
    {"<b\u00fccher.example>", 0},
    {"<\u00fc@else.example>", 0},
    {"<7@b\xfc", 0},
};

START_TEST(every_spelling_of_an_internationalised_domain_is_seen)
{
	ck_assert_int_eq(address_in_domain(arena, wide_domains[_i].text,
			     "xn--bcher-kva.example"),
	    wide_domains[_i].in);
}
END_TEST

START_TEST(a_domain_that_postfix_folds_to_the_reserved_one_is_seen)
{
	static const char *const texts[] = {"<7@b\u00fcsine\u00df.example>",
	    "<7@chats.busine\u00df.example>", "<7@chats.BUSINE\u00df.example.>",
	    "<chats.busine\u017fs.example!7>",
	    "<@chats.busine\u00df.example:7@else.example>"};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_int_eq(address_in_domain(
				     arena, texts[i], "chats.business.example"),
		    i > 0);
}
END_TEST

/* If the time grew as the square of the length, this would take an hour. */
START_TEST(a_long_address_takes_a_time_that_is_proportional_to_it)
{
	static const char noise[] = " \t\"\\()<>";
	const size_t len = 200000;
	char *text;
	size_t i;

	for (i = 0; noise[i] != '\0'; i++) {
		arena_reset(arena);
		text = arena_alloc(arena, len + 64);
		memset(text, noise[i], len);
		strcpy(text + len, "@x.example");
		ck_assert_int_eq(
		    address_in_domain(arena, text, "telegram.invalid"), 0);
		strcpy(text + len, "@telegram.invalid");
		ck_assert_int_eq(
		    address_in_domain(arena, text, "telegram.invalid"), 1);
	}
}
END_TEST

Suite *
test_address(void)
{
	Suite *s = suite_create("address");
	TCase *t = tcase_create("address");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_plain_address_is_read_as_any_other);
	tcase_add_loop_test(t, an_address_has_one_key_in_every_spelling, 0,
	    sizeof(readable) / sizeof(readable[0]));
	tcase_add_loop_test(t, a_malformed_address_is_refused, 0,
	    sizeof(unreadable) / sizeof(unreadable[0]));
	tcase_add_loop_test(t,
	    a_typed_address_that_mail_cannot_reach_is_refused_and_says_why, 0,
	    sizeof(strict) / sizeof(strict[0]));
	tcase_add_loop_test(t,
	    an_address_that_an_mta_reads_as_another_is_a_hazard, 0,
	    sizeof(hazards) / sizeof(hazards[0]));
	tcase_add_loop_test(t,
	    every_spelling_of_the_reserved_domain_is_seen_and_no_other_domain,
	    0, sizeof(domains) / sizeof(domains[0]));
	tcase_add_loop_test(t,
	    every_spelling_of_an_internationalised_domain_is_seen, 0,
	    sizeof(wide_domains) / sizeof(wide_domains[0]));
	tcase_add_test(
	    t, a_domain_that_postfix_folds_to_the_reserved_one_is_seen);
	tcase_add_test(
	    t, a_long_address_takes_a_time_that_is_proportional_to_it);
	suite_add_tcase(s, t);
	return (s);
}
