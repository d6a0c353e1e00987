/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_htmltext - HTML mail reads like plain text
 */
#include <string.h>

#include <glib.h>

#include "telegram/htmltext.h"
#include "telegram/marking.h"
#include "telegram/richtext.h"
#include "unit/suites.h"

#define ENOUGH 65536

static struct htmltext_lack lack;

/* As it is shown without entities: addresses and "~" are written out. */
static void
want(const char *html, const char *text)
{
	struct richtext *got;
	struct marking shown;

	got = htmltext_read(html, ENOUGH, &lack);
	marking_show(&shown, got, ENOUGH, 0, "", false);
	ck_assert_str_eq(shown.text->str, text);
	ck_assert(!lack.cut);
	marking_clear(&shown);
	richtext_free(got);
}

START_TEST(white_space_is_one_blank)
{
	want("<p> a\n  b\t<b> c </b> d&nbsp;&nbsp;e </p>", "a b c d e");
	want("a<b>b</b>c", "abc");
}
END_TEST

START_TEST(entities_are_characters)
{
	want("&lt;b&gt; &amp;amp; &euro; &#8470; &#x1F600; &copy;",
	    "<b> &amp; € № 😀 ©");
	want("AT&T &unknown; 1 < 2", "AT&T &unknown; 1 < 2");
}
END_TEST

START_TEST(lines_and_paragraphs_are_lines)
{
	want("a<br>b<br/><br>c", "a\nb\n\nc");
	want("<p>a</p><p>b</p>", "a\n\nb");
	want("<p>a<p>b", "a\n\nb");
	want("<div>a</div><div>b</div>c", "a\nb\nc");
	want("<div>a</div><div><br></div><div>b</div>", "a\n\nb");
	want("<div>a<br></div><div>b</div>", "a\nb");
	want("<h1>a</h1>b<hr>c", "a\n\nb\n\nc");
	want("<p>a</p><p>&nbsp;</p><p></p><p>b</p>", "a\n\nb");
}
END_TEST

START_TEST(list_items_have_bullets)
{
	want("a<ul><li>b</li><li> <p>c</p></li><li></li></ul>d",
	    "a\n\n• b\n• c\n\nd");
	want("<ul><li>a<li>b</ul>", "• a\n• b");
}
END_TEST

START_TEST(each_row_is_a_line_of_cells)
{
	want("<table><tr><th>Item</th><th>Price</th></tr>"
	     "<tr><td>Disk</td><td>12&nbsp;&euro;</td></tr></table>end",
	    "Item | Price\nDisk | 12 €\nend");
}
END_TEST

START_TEST(paragraphs_in_cells_do_not_break_the_row)
{
	want("<table><tr><td><p>a</p></td><td> <p>b</p> </td></tr>"
	     "<tr><td><p>c</p></td><td><p>d</p></td></tr></table>",
	    "a | b\nc | d");
}
END_TEST

START_TEST(empty_cells_leave_no_bars)
{
	want("<table><tr><td>&nbsp;</td><td>a</td><td></td><td>b</td>"
	     "<td><img src=x></td></tr></table>",
	    "a | b");
}
END_TEST

START_TEST(layout_tables_become_paragraphs)
{
	want("<table><tr><td><table><tr><td><p>Dear Ann,</p><p>pay.</p></td>"
	     "</tr><tr><td>Bye</td></tr></table></td><td>ad</td></tr></table>",
	    "Dear Ann,\n\npay.\n\nBye\nad");
}
END_TEST

START_TEST(the_address_of_a_link_follows_its_text)
{
	want("<a href=\"https://pay.example.com/?a=1&amp;b=2\">Pay</a> now",
	    "Pay (https://pay.example.com/?a=1&b=2) now");
	want("<a href=\" HTTP://x.example/\n\"><div>Pay</div></a>",
	    "Pay (HTTP://x.example/)");
	want("<a href='mailto:a@example.com'>us</a>",
	    "us (a@example.com)");
	want("<table><tr><td>a</td><td><a href=http://b.example>b</a></td></tr>"
	     "</table><ul><li><a href=http://c.example>c</a></ul>",
	    "a | b (http://b.example)\n\n• c (http://c.example)");
}
END_TEST

START_TEST(an_address_that_is_the_text_is_not_repeated)
{
	want("<a href='https://example.com/'>https://example.com</a>",
	    "https://example.com");
	want("<a href='https://example.com/'>Example.com</a>", "Example.com");
	want("<a href='mailto:a@example.com'>a@example.com</a>",
	    "a@example.com");
	want("<ul><li><a href=http://c.example>c.example</a></ul>",
	    "• c.example");
	want("<a href='https://evil.example/'>https://example.com</a>",
	    "https://example.com (https://evil.example/)");
}
END_TEST

START_TEST(an_address_that_no_reader_can_follow_is_left_out)
{
	want("<a href='javascript:alert(1)'>a</a><a href='#top'>b</a>"
	     "<a name=x>c</a><a href='cid:1'>d</a><a href>e</a>",
	    "abcde");
	want("a <a href='https://example.com'></a> b", "a b");
	want("a <a href='https://example.com'><img height=1></a> b", "a b");
}
END_TEST

START_TEST(a_picture_becomes_its_alt_text)
{
	want("<a href='https://example.com/p'><img alt='Pay now'></a>",
	    "Pay now (https://example.com/p)");
	want("a<img src=pixel alt=''>b", "ab");
}
END_TEST

START_TEST(hidden_elements_are_left_out)
{
	want("<html><head><title>t</title><style>p{}</style></head><body>"
	     "<script>if (a < b) x('<p>y</p>')</script><style>q{}</style>a"
	     "<!-- c --><template>d</template></body></html>",
	    "a");
	want("<div style='color:red; DISPLAY : none'>a<p>b</div>c", "c");
	want("<div style='max-height:0px;overflow:hidden'>a</div>c", "c");
	want("<span style='visibility:hidden'>a</span><p hidden>b</p>c", "c");
}
END_TEST

START_TEST(visible_elements_are_not_taken_for_hidden)
{
	want("<p style='max-height:0.5em;overflow:hidden'>a</p>", "a");
	want("<p style='max-height:0'>a</p>", "a");
	want("<p style='x-display:none;display:block'>a</p>", "a");
}
END_TEST

START_TEST(conditional_comments_for_outlook_are_left_out)
{
	want("<!--[if mso]><p>a</p><![endif]-->"
	     "<![if !mso]><p>b</p><![endif]>",
	    "b");
	want("<!--[if !mso]><!--><p>b</p><!--<![endif]-->c", "b\n\nc");
}
END_TEST

START_TEST(preformatted_text_keeps_its_lines)
{
	want("<pre>a  b\n  c\n\nd</pre>e", "a  b\n  c\n\nd\n\ne");
}
END_TEST

START_TEST(damaged_html_is_read_as_far_as_possible)
{
	want("<p>a</b></div><td>b<a href='http://x", "a\n\nb");
	want("a<b", "a");
	want("", "");
	want("<", "<");
	want("plain & simple", "plain & simple");
}
END_TEST

static const struct {
	const char *html, *charset;
} charsets[] = {
    {"<meta charset=windows-1251><p>\xd1\xf7", "windows-1251"},
    {"<META http-equiv=Content-Type content='text/html; CHARSET = koi8-r'>",
	"koi8-r"},
    {"<meta charset=\"utf-8\"/>", "utf-8"},
    {"<style>@charset</style><meta charset = 'a' />", "a"},
    {"<p>no charset", NULL},
    {"charset=", ""},
    {"", NULL},
};

START_TEST(html_may_declare_its_charset)
{
	char *got;

	got = htmltext_charset(charsets[_i].html, strlen(charsets[_i].html));
	ck_assert_pstr_eq(got, charsets[_i].charset);
	g_free(got);
}
END_TEST

START_TEST(converted_html_is_not_converted_again)
{
	want("<meta charset=windows-1251><p>Счёт", "Счёт");
	want("<meta http-equiv=Content-Type "
	     "content='text/html; charset=koi8-r'><p>Счёт",
	    "Счёт");
	want("<?xml version='1.0' encoding='koi8-r'?><p>Счёт", "Счёт");
}
END_TEST

START_TEST(parsing_ends_when_there_is_enough_text)
{
	struct richtext *got;
	GString *html;

	html = g_string_new(NULL);
	while (html->len < (1 << 20))
		g_string_append(html, "<p>word ");
	got = htmltext_read(html->str, 1000, &lack);
	ck_assert(lack.cut);
	ck_assert_uint_le(got->text->len, 1000);
	ck_assert_uint_gt(got->text->len, 900);
	richtext_free(got);
	g_string_free(html, TRUE);
}
END_TEST

START_TEST(endless_nesting_is_not_followed)
{
	struct richtext *got;
	GString *html;

	html = g_string_new("first");
	while (html->len < (1 << 19))
		g_string_append(html, "<b>");
	while (html->len < (1 << 20))
		g_string_append(html, "</i>");
	got = htmltext_read(html->str, ENOUGH, &lack);
	ck_assert(lack.cut);
	ck_assert_str_eq(got->text->str, "first");
	richtext_free(got);
	g_string_free(html, TRUE);
}
END_TEST

Suite *
test_htmltext(void)
{
	Suite *suite;
	TCase *c;

	suite = suite_create("htmltext");
	c = tcase_create("htmltext");
	tcase_add_test(c, white_space_is_one_blank);
	tcase_add_test(c, entities_are_characters);
	tcase_add_test(c, lines_and_paragraphs_are_lines);
	tcase_add_test(c, list_items_have_bullets);
	tcase_add_test(c, each_row_is_a_line_of_cells);
	tcase_add_test(c, paragraphs_in_cells_do_not_break_the_row);
	tcase_add_test(c, empty_cells_leave_no_bars);
	tcase_add_test(c, layout_tables_become_paragraphs);
	tcase_add_test(c, the_address_of_a_link_follows_its_text);
	tcase_add_test(c, an_address_that_is_the_text_is_not_repeated);
	tcase_add_test(c, an_address_that_no_reader_can_follow_is_left_out);
	tcase_add_test(c, a_picture_becomes_its_alt_text);
	tcase_add_test(c, hidden_elements_are_left_out);
	tcase_add_test(c, visible_elements_are_not_taken_for_hidden);
	tcase_add_test(c, conditional_comments_for_outlook_are_left_out);
	tcase_add_test(c, preformatted_text_keeps_its_lines);
	tcase_add_test(c, damaged_html_is_read_as_far_as_possible);
	tcase_add_loop_test(c, html_may_declare_its_charset, 0,
	    sizeof(charsets) / sizeof(charsets[0]));
	tcase_add_test(c, converted_html_is_not_converted_again);
	tcase_add_test(c, parsing_ends_when_there_is_enough_text);
	tcase_add_test(c, endless_nesting_is_not_followed);
	suite_add_tcase(suite, c);
	return (suite);
}
