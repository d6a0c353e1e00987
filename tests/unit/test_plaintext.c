/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_plaintext - a chat gets whole characters, and only those fit to be shown
 */
#include <string.h>

#include "telegram/plaintext.h"
#include "unit/suites.h"

#define FAMILY "👨‍👩‍👧‍👦"
#define WOMAN "👩🏽‍💻"

#define WANT_CLEAN(in, want) want_clean(in, sizeof(in) - 1, want)

static void
want_clean(const char *in, size_t len, const char *want)
{
	GString *got;

	got = plaintext_clean(in, len);
	ck_assert_uint_eq(got->len, strlen(got->str));
	ck_assert_str_eq(got->str, want);
	g_string_free(got, TRUE);
}

static void
want_tidy(const char *in, const char *want)
{
	GString *got;

	got = g_string_new(in);
	plaintext_tidy(got);
	ck_assert_str_eq(got->str, want);
	g_string_free(got, TRUE);
}

static void
want_unflowed(const char *in, bool delsp, const char *want)
{
	GString *got;

	got = g_string_new(in);
	plaintext_unflow(got, delsp);
	ck_assert_str_eq(got->str, want);
	g_string_free(got, TRUE);
}

static void
want_cut(const char *in, size_t max, const char *want)
{
	GString *got;

	got = g_string_new(in);
	plaintext_cut(got, max, "…", false);
	ck_assert_str_eq(got->str, want);
	ck_assert_uint_le(plaintext_units(got->str), max);
	g_string_free(got, TRUE);
}

static const struct {
	const char *text;
	size_t units;
} lengths[] = {{"", 0}, {"abc", 3}, {"жук", 3}, {"日本", 2}, {"😀", 2},
    {"e\u0301", 2}, {FAMILY, 11}, {"🇩🇪", 4}, {"\U0010fffd\uffff", 3}};

START_TEST(lengths_are_counted_in_utf16)
{
	ck_assert_uint_eq(plaintext_units(lengths[_i].text), lengths[_i].units);
}
END_TEST

START_TEST(controls_and_overrides_of_direction_are_left_out)
{
	WANT_CLEAN("a\0b\x01\x1b[31mc\x7f\xc2\x80", "ab[31mc");
	WANT_CLEAN(
	    "a\u202egpj.exe\u202c\u2066b\u2069\u200b\ufeff", "agpj.exeb");
}
END_TEST

START_TEST(necessary_joiners_and_marks_stay)
{
	WANT_CLEAN(FAMILY, FAMILY);
	WANT_CLEAN("می\u200cخواهم", "می\u200cخواهم");
	WANT_CLEAN("שלום\u200f!", "שלום\u200f!");
}
END_TEST

START_TEST(each_octet_of_invalid_utf8_is_replaced)
{
	WANT_CLEAN("a\xff"
		   "b",
	    "a\ufffd"
	    "b");
	WANT_CLEAN("caf\xc3", "caf\ufffd");
	/* A surrogate, and a slash in disguise. */
	WANT_CLEAN("\xed\xa0\x80", "\ufffd\ufffd\ufffd");
	WANT_CLEAN("\xc0\xaf", "\ufffd\ufffd");
	/* Cut off, before another character and at the end; too large. */
	WANT_CLEAN("\xe2\x82z", "\ufffd\ufffdz");
	WANT_CLEAN("\xf0\x9f\x98\xc3\xa4", "\ufffd\ufffd\ufffd\u00e4");
	WANT_CLEAN("\xf0\x9f\x98", "\ufffd\ufffd\ufffd");
	WANT_CLEAN("\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd");
}
END_TEST

START_TEST(every_line_ending_becomes_a_newline_and_every_space_a_blank)
{
	WANT_CLEAN("a\r\nb\rc\nd\u2028e\xc2\x85"
		   "f",
	    "a\nb\nc\nd\ne\nf");
	WANT_CLEAN("a\tb\u00a0c", "a b c");
}
END_TEST

START_TEST(a_line_has_no_newline_and_single_blanks)
{
	char *got;

	got = plaintext_line("  a\r\n\t b  c \n", 100);
	ck_assert_str_eq(got, "a b c");
	g_free(got);
}
END_TEST

START_TEST(trailing_blanks_and_surplus_empty_lines_are_removed)
{
	want_tidy("a  \nb\n", "a\nb");
	want_tidy("\n \n  a\n\n\n", "  a");
	want_tidy("a\n\n\nb", "a\n\n\nb");
	want_tidy("a\n\n \n\nb\n \n\n\n\nc", "a\n\nb\n\nc");
	want_tidy(" \n \n", "");
	want_tidy("", "");
}
END_TEST

START_TEST(flowed_lines_are_joined)
{
	want_unflowed("one \ntwo\nthree", false, "one two\nthree");
	want_unflowed("wo \nrd", true, "word");
	want_unflowed("one \n\ntwo", false, "one \n\ntwo");
	want_unflowed("a \n  b", false, "a  b");
}
END_TEST

START_TEST(flowed_quotes_stay_quotes)
{
	want_unflowed("> one \n> two\nmine", false, "> one two\nmine");
	want_unflowed("> one \n>> two \nmine", false, "> one \n>> two \nmine");
	want_unflowed(">>one \n>> two", false, ">> one two");
}
END_TEST

START_TEST(a_stuffed_line_loses_its_blank)
{
	want_unflowed(" From me\n >no quote", false, "From me\n>no quote");
}
END_TEST

START_TEST(a_signature_is_not_flowed)
{
	want_unflowed("text \n-- \nann", false, "text \n-- \nann");
}
END_TEST

START_TEST(a_text_that_fits_is_not_cut)
{
	want_cut("abcdefghij", 10, "abcdefghij");
	want_cut("", 10, "");
	want_cut("😀😀😀😀😀", 10, "😀😀😀😀😀");
}
END_TEST

START_TEST(a_cut_is_at_the_end_of_a_line)
{
	want_cut("one\ntwo three four", 12, "one\ntwo …");
	want_cut("one two\nthree four", 12, "one two\n…");
	want_cut("one two\n\nthree four", 12, "one two\n…");
	/* The line ends exactly where there is no more room. */
	want_cut("0123456789\nabc", 12, "0123456789\n…");
}
END_TEST

START_TEST(a_cut_is_at_the_end_of_a_word_if_the_line_is_long)
{
	want_cut("one two three four", 12, "one two …");
	want_cut("0123456789 abc", 12, "0123456789 …");
}
END_TEST

START_TEST(a_very_long_word_is_cut_at_a_character)
{
	want_cut("0123456789abcdef", 12, "0123456789…");
	want_cut("請求書請求書請求書", 6, "請求書請…");
}
END_TEST

static const struct {
	const char *text;
	size_t max;
	const char *want;
} clusters[] = {
    /* A surrogate pair. */
    {"abc😀def", 6, "abc…"},
    {"abc😀def", 7, "abc😀…"},
    /* A letter with a combining accent. */
    {"abce\u0301fgh", 6, "abc…"},
    {"abce\u0301fgh", 7, "abce\u0301…"},
    /* Joiners, skin tones and variation selectors. */
    {"abc" FAMILY "def", 15, "abc…"},
    {"abc" FAMILY "def", 16, "abc" FAMILY "…"},
    {"abc" WOMAN "def", 11, "abc…"},
    {"abc" WOMAN "def", 12, "abc" WOMAN "…"},
    {"abc❤️def", 6, "abc…"},
    {"abc1️⃣def", 7, "abc…"},
    /* Flags are pairs, counted from the first. */
    {"🇩🇪🇫🇷🇮🇹", 10, "🇩🇪🇫🇷…"},
    {"🇩🇪🇫🇷🇮🇹", 9, "🇩🇪…"},
    /* Hangul of its parts. */
    {"abc\u1100\u1161\u11a8def", 7, "abc…"},
};

START_TEST(a_cut_is_never_inside_a_grapheme)
{
	want_cut(clusters[_i].text, clusters[_i].max, clusters[_i].want);
}
END_TEST

START_TEST(endless_marks_are_cut_at_the_limit)
{
	GString *text;

	text = g_string_new("e");
	while (text->len < 20000)
		g_string_append(text, "\u0301");
	plaintext_cut(text, 100, "…", false);
	ck_assert_uint_le(plaintext_units(text->str), 100);
	ck_assert_uint_gt(plaintext_units(text->str), 90);
	g_string_free(text, TRUE);
}
END_TEST

START_TEST(a_note_follows_the_text_that_fits)
{
	GString *text;

	text = g_string_new("one");
	plaintext_cut(text, 10, "…", true);
	ck_assert_str_eq(text->str, "one\n…");
	g_string_assign(text, "");
	plaintext_cut(text, 10, "…", true);
	ck_assert_str_eq(text->str, "…");
	g_string_assign(text, "012345 789");
	plaintext_cut(text, 10, "…", true);
	ck_assert_str_eq(text->str, "012345 …");
	g_string_free(text, TRUE);
}
END_TEST

Suite *
test_plaintext(void)
{
	Suite *suite;
	TCase *c;

	suite = suite_create("plaintext");
	c = tcase_create("plaintext");
	tcase_add_loop_test(c, lengths_are_counted_in_utf16, 0,
	    sizeof(lengths) / sizeof(lengths[0]));
	tcase_add_test(c, controls_and_overrides_of_direction_are_left_out);
	tcase_add_test(c, necessary_joiners_and_marks_stay);
	tcase_add_test(c, each_octet_of_invalid_utf8_is_replaced);
	tcase_add_test(
	    c, every_line_ending_becomes_a_newline_and_every_space_a_blank);
	tcase_add_test(c, a_line_has_no_newline_and_single_blanks);
	tcase_add_test(c, trailing_blanks_and_surplus_empty_lines_are_removed);
	tcase_add_test(c, flowed_lines_are_joined);
	tcase_add_test(c, flowed_quotes_stay_quotes);
	tcase_add_test(c, a_stuffed_line_loses_its_blank);
	tcase_add_test(c, a_signature_is_not_flowed);
	tcase_add_test(c, a_text_that_fits_is_not_cut);
	tcase_add_test(c, a_cut_is_at_the_end_of_a_line);
	tcase_add_test(c, a_cut_is_at_the_end_of_a_word_if_the_line_is_long);
	tcase_add_test(c, a_very_long_word_is_cut_at_a_character);
	tcase_add_loop_test(c, a_cut_is_never_inside_a_grapheme, 0,
	    sizeof(clusters) / sizeof(clusters[0]));
	tcase_add_test(c, endless_marks_are_cut_at_the_limit);
	tcase_add_test(c, a_note_follows_the_text_that_fits);
	suite_add_tcase(suite, c);
	return (suite);
}
