/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_htmltext - HTML mail reads like plain text
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

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
	want("<a href='mailto:a@example.com'>us</a>", "us (a@example.com)");
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
	want("a<img src=pixel alt=''>b, 12<img src=x>50", "ab, 12 50");
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
	want("Ann <ann@a.example>, <https://a.example/1> <x y='://'>b",
	    "Ann <ann@a.example>, <https://a.example/1> b");
}
END_TEST

/* The text has this part. */
static void
want_part(const char *html, const char *part)
{
	struct richtext *got;
	struct marking shown;

	got = htmltext_read(html, ENOUGH, &lack);
	marking_show(&shown, got, ENOUGH, 0, "", false);
	ck_assert_msg(strstr(shown.text->str, part) != NULL,
	    "%s: got %s, want %s", html, shown.text->str, part);
	marking_clear(&shown);
	richtext_free(got);
}

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

START_TEST(text_is_not_lost_where_the_body_is_not_marked)
{
	want("<style>p{color:red}</style>\n<section><p>a</p></section>", "a");
	want("<html><head><title>x</title><my-body><p>a</p></my-body>", "a");
	want("<meta charset=utf-8><link rel=x><article>a</article>", "a");
	want("<script>x</script><tr><td>a<td>12.50</tr>", "a\n\n12.50");
	want("<title>x</title><td>a</td><td>12.50</td>", "a\n\n12.50");
	/* Heads that are not closed. */
	want("<style>p{color:red}<p>a<p>b", "a\n\nb");
	want("<style type='text/css'>p{color:red}</head><body>a", "a");
	want("<title>a<p>b", "a\n\nb");
	want("<script>x<p>a<script>b<p>c", "a");
}
END_TEST

START_TEST(references_mean_what_browsers_take_them_for)
{
	want("&#128; 5, don&#146;t, &#x96; &#159;", "€ 5, don’t, – Ÿ");
	want("&nbsp5 &copy2024 &pound5 &AMP;", "5 ©2024 £5 &");
	want("&rarr; &hellip; &check; &NotEqualTilde;", "→ … ✓ ≂̸");
}
END_TEST

START_TEST(what_browsers_take_for_a_comment_is_none_of_the_text)
{
	want("<?xml version='1.0'?>a</ 5>b<!x>c<![if !mso]>d<!---->e", "abcde");
	/* One that is not closed hides no text. */
	want("a<!-- b <i>c<!--d><p>e", "ac\n\ne");
}
END_TEST

START_TEST(items_of_an_ordered_list_have_their_numbers)
{
	want("<ol><li>a<li>b</ol>", "1. a\n2. b");
	want("<ol start=3><li>a<li value=7>b<li>c</ol>", "3. a\n7. b\n8. c");
	want("<ol reversed><li>a<li>b</ol>", "2. a\n1. b");
	want("<ol type=a><li>a<li>b</ol>", "a. a\nb. b");
	want("<ol type=I start=8><li>a<li>b</ol>", "VIII. a\nIX. b");
	want("<ol><li>a<li><ul><li>b</ul><li>c</ol>", "1. a\n2. • b\n\n3. c");
	want("<ol start=x><li>a</ol>", "1. a");
	want("<ol start=99999999999><li>a<li>b</ol>",
	    "2147483647. a\n2147483648. b");
	want("<ol style='list-style-type:lower-alpha'><li>a<li>b</ol>"
	     "<ul style='list-style: decimal inside'><li>c</ul>",
	    "a. a\nb. b\n\n1. c");
	want("<ol style='list-style:none'><li>a</ol><ol>"
	     "<li style='list-style:none'>b<li>c</ol>",
	    "a\n\nb\n2. c");
}
END_TEST

START_TEST(an_empty_cell_keeps_its_column)
{
	want("<table><tr><th>Item<th>Qty<th>Price<tr><td>Setup<td><td>5.00"
	     "<tr><td colspan=2>Total<td>5.00<tr><td><td>2<td>3</table>",
	    "Item | Qty | Price\nSetup | | 5.00\nTotal | | 5.00\n| 2 | 3");
	want("<table><tr><td rowspan=2>a<td>b<td>c<tr><td>d<td>e"
	     "<tr><td>&nbsp;<td><img alt=f><td>g</table>",
	    "a | b | c\n| d | e\n| f | g");
	/* Beside lines, beside hidden words, and below a cell that spans. */
	want("<table><tr><td>a<br>b<td><td>c<tr><td>d<td>e<td>f</table>",
	    "a\nb\n| c\nd | e | f");
	want("<table><tr><td>a<td><i style='display:none'>b</i><td>c</table>",
	    "a | | c");
	want("<table><tr><td rowspan=0>a<td>b<tr><td>c</table>", "a | b\n| c");
}
END_TEST

START_TEST(an_address_is_apart_from_what_follows)
{
	want("<a href='https://a.example/7'>https://a.example/7</a>2 days",
	    "https://a.example/7 2 days");
	want("<a href='https://a.example/7'>a.example/7</a>/2.",
	    "a.example/7 /2.");
	want("<a href='https://a.example/7'>a.example/7</a>.", "a.example/7.");
	want("a<a href='https://a.example/7'><img src=x></a>2",
	    "a https://a.example/7 2");
	want("5<a href='https://a.example/7'>https://a.example/7</a>",
	    "5 https://a.example/7");
	want("<a href='https://a.example/7'><img alt='&euro;5'></a>5",
	    "€5 (https://a.example/7) 5");
	want("<a href='mailto:a@b.example'>a@b.example</a>com "
	     "<a href='tel:12'>call</a>4 5<a href='sms:12'>12</a>",
	    "a@b.example com call (12) 4 5 12");
}
END_TEST

START_TEST(blanks_in_an_address_are_escaped)
{
	want("<a href=' https://a.example/b c.pdf '>d</a>",
	    "d (https://a.example/b%20c.pdf)");
	want("<a href='https://a.example/b?\n  c=d'>e</a>",
	    "e (https://a.example/b?c=d)");
	want("<a href='//a.example/b'>c</a>", "c (https://a.example/b)");
}
END_TEST

START_TEST(an_address_is_completed_as_browsers_do)
{
	want("<a href='http:a.example/b'>c</a>", "c (http://a.example/b)");
	want("<a href='https:\\\\a.example\\b?\\'>c</a>",
	    "c (https://a.example/b?\\)");
	want("<a href='www.a.example/b'>c</a>", "c (http://www.a.example/b)");
	want("<base href='https://a.example/b/'><a href=c>d</a>, "
	     "<a href='/e?f#g'>h</a>, <a href='#i'>j</a>, <a href=''>k</a>",
	    "d (https://a.example/b/c), h (https://a.example/e?f#g), j, k");
	want("<base href='javascript:'><a href=b>c</a>", "c");
}
END_TEST

START_TEST(a_button_keeps_its_address)
{
	static const char url[] = "https://a.example/7";
	static const struct {
		const char *inside, *words;
	} buttons[] = {
	    {"><table><tr><td>Pay</table>", "Pay"},
	    {"><div><p>Pay</div>", "Pay"},
	    {"><button>Pay</button>", "Pay"},
	    {"><img src=x alt=Pay>", "Pay"},
	    {"><img src=x title=Pay>", "Pay"},
	    {"><img src=x aria-label=Pay>", "Pay"},
	    {" title=Pay><img src=x>", "Pay"},
	    {" aria-label=Pay><img src=x alt=''>", "Pay"},
	    {" title=Pay>", "Pay"},
	    {" title=Pay><svg></svg>", "Pay"},
	    {"><svg aria-label=Pay></svg>", "Pay"},
	};
	char html[200], text[100];
	size_t i;

	for (i = 0; i < sizeof(buttons) / sizeof(buttons[0]); i++) {
		snprintf(html, sizeof(html), "a <a href='%s'%s</a> b", url,
		    buttons[i].inside);
		snprintf(text, sizeof(text), "%s (%s)", buttons[i].words, url);
		want_part(html, text);
	}
	want("<a href='https://a.example/7'><img src=x></a>", url);
	want("<a href='https://a.example/7'><svg><path></svg></a>", url);
	want("<a href='https://a.example/7' style='background:url(x)'></a>",
	    url);
	want("<a href='https://a.example/7'><i style='background:url(x)'></a>",
	    url);
	want("<table><tr><td background=x><a href='https://a.example/7'></a>",
	    url);
	want("<table><tr><a href='https://a.example/7'><td>Pay</a></table>",
	    "https://a.example/7\nPay");
	want("<v:roundrect href='https://a.example/7'><p>Pay</v:roundrect>",
	    "Pay (https://a.example/7)");
	want("<map><area href='https://a.example/7' alt=Pay>"
	     "<area href='https://a.example/8' title=Help>"
	     "<area href='https://a.example/9'></map>",
	    "Pay (https://a.example/7)\nHelp (https://a.example/8)\n"
	    "https://a.example/9");
}
END_TEST

START_TEST(a_long_address_without_words_is_shown_by_its_host)
{
	struct richtext *got;
	GString *html;

	html = g_string_new("<a href='https://a.example/");
	while (html->len < 4000)
		g_string_append(html, "0123456789");
	g_string_append(html, "'><img src=x></a>");
	got = htmltext_read(html->str, ENOUGH, &lack);
	ck_assert_str_eq(got->text->str, "https://a.example/…");
	ck_assert_uint_eq(got->marks->len, 1);
	ck_assert_uint_gt(
	    strlen(g_array_index(got->marks, struct richtext_mark, 0).url),
	    3900);
	richtext_free(got);
	g_string_free(html, TRUE);
}
END_TEST

START_TEST(neighbours_that_are_set_apart_stay_apart)
{
	want("<span style='display:block'>a</span>"
	     "<span style='display:block'>b</span>",
	    "a\nb");
	want("<style>.b{display:block}</style><i class=b>a</i><i class='c b'>b",
	    "a\nb");
	want("<a style='display:block' href='https://a.example'>a.example</a>"
	     "<a style='display:block' href='https://b.example'>b.example</a>",
	    "a.example\nb.example");
	want("<i style='display:inline-block'>a</i>b<button>c</button>d",
	    "a b c d");
	want("<div style='display:flex'><i>a</i><i>b</i></div>", "a b");
	want("<i style='float:left'>a</i><i style='float:right'>b</i>", "a b");
	want("a<i style='position:absolute'>b</i>c", "a b c");
	want("a<i style='margin:1px 9px'>b</i>, c<i style='padding-left:1em'>d",
	    "a b, c d");
	want("a<i style='margin:9px 0'>b</i>c<i style='padding:1px'>d", "abcd");
	want("<img alt=a><img alt=b>c", "a b c");
	want("<a href='https://a.example'>a.example</a>"
	     "<a href='https://b.example'>b.example</a>",
	    "a.example b.example");
}
END_TEST

START_TEST(an_amount_stays_apart_from_what_stands_at_some_distance)
{
	static const char *const labels[] = {
	    "VAT 19%", "Total:", "Net (EUR)", "\"Cloud\"", "Invoice 4711"};
	static const char *const amounts[] = {"4.75", "-4.75", "-EUR 4.75",
	    "- 4.75", "+4.75", "$4.75", "(4.75)", ".75", "#4", "\"4\""};
	static const char *const gaps[] = {"<i style='float:right'>",
	    "<i style='position:absolute;right:0'>",
	    "<i style='padding-left:40px'>", "<i style='margin-left:4em'>",
	    "<small style='float:right'>", "<sup style='float:right'>",
	    "<a href='https://a.example' style='float:right'>",
	    "<img src=s width=40 height=1>",
	    "<img src=s width='50%' height=1>"};
	struct richtext *got;
	char html[256], text[64];
	size_t i, j, k;

	for (i = 0; i < G_N_ELEMENTS(labels); i++) {
		for (j = 0; j < G_N_ELEMENTS(amounts); j++) {
			snprintf(
			    text, sizeof(text), "%s %s", labels[i], amounts[j]);
			for (k = 0; k < G_N_ELEMENTS(gaps); k++) {
				snprintf(html, sizeof(html), "<p>%s%s%s",
				    labels[i], gaps[k], amounts[j]);
				got = htmltext_read(html, ENOUGH, &lack);
				ck_assert_str_eq(got->text->str, text);
				richtext_free(got);
			}
		}
	}
	want(
	    "See (<b style='padding:4px'>a</b>), <b style='padding:4px'>b</b>.",
	    "See (a), b.");
	want("1<img src=s width=1 height=1>2<img src=s height=1>3", "123");
	want("<a href='https://a.example/p'><img src=x></a>"
	     "<i style='padding-left:9px'>/month</i>",
	    "https://a.example/p /month");
	want("<a href='https://a.example/p'><img src=x></a><s>/month</s>",
	    "https://a.example/p ~/month~");
}
END_TEST

START_TEST(raised_digits_are_no_part_of_the_number)
{
	want("$12<sup>50</sup> 1", "$12^50 1");
	want("<sup>$</sup>12<sup>50</sup>, m<sup>2</sup>, 1<sup>st</sup>",
	    "$12^50, m^2, 1st");
	want("12<small>50</small>, 12<sub>50</sub>3, H<sub>2</sub>O",
	    "12 50, 12 50 3, H2O");
	want("12<i style='vertical-align:super'>50</i>", "12^50");
	want("12<i style='font-size:50%;vertical-align:top'>50</i>", "12^50");
	want("12<i style='font-size:60%'>50</i>", "12 50");
	want("1<i style='font-size:110%'>2</i>", "12");
	want("<b style='font-size:24px'>12</b><i style='font-size:12px'>50</i>",
	    "12 50");
	want("<b style='font:700 9pt/1 Arial'>12</b><font size=6>50</font>",
	    "12 50");
	want("<b style='font-size:12px'>12</b><i style='font-size:9pt'>50</i>",
	    "1250");
}
END_TEST

START_TEST(struck_words_are_marked_and_apart)
{
	want("<s>99</s>49", "~99~ 49");
	want("a<del>99</del><ins>49</ins>", "a ~99~ 49");
	want("<s>$99</s><b>$49</b>", "~$99~ $49");
	want("<b>-49</b>%<s>-99</s>-9 (<s>9</s>)", "-49% ~-99~ -9 (~9~)");
	want("$<s>99</s>/month, <s>a</s>-b <s>9</s>%",
	    "$~99~/month, ~a~-b ~9~%");
	want("<strike>9 <b>9</b></strike> 49", "~9 9~ 49");
	want("<i style='text-decoration: line-through'>99</i>49", "~99~ 49");
	want("<a href='https://a.example'><s>99</s></a>49",
	    "~99~ (https://a.example) 49");
	want("<a style='text-decoration:line-through' href='https://a.example'>"
	     "99</a>49",
	    "~99~ (https://a.example) 49");
}
END_TEST

START_TEST(lines_are_kept_where_the_style_keeps_them)
{
	want("<p style='white-space:pre-line'>a  b\nc<p>d\ne", "a b\nc\n\nd e");
	want("<p style='white-space:pre-wrap'>a  b\n  c", "a  b\n  c");
	want("<pre style='white-space:normal'>a\nb</pre>", "a b");
}
END_TEST

static const char *const unseen[] = {
    "font-size:0",
    "font-size: 1px; color: #fff",
    "opacity:0",
    "height:0;overflow:hidden",
    "width:0px; overflow : HIDDEN",
    "position:absolute;left:-9999px",
    "text-indent:-9999px",
    "display:block;display:none",
    "display:none!important;display:block",
    "visibility:hidden",
    "background:url(a;b);display:none",
    "font:0/0 a",
    "font: bold 0px Arial",
    "max-height:1px;overflow:auto",
    "height:0;overflow:clip",
    "margin-left:-9999px",
    "position:absolute;right:-9999px",
    "clip:rect(0,0,0,0)",
    "clip:rect(1px 1px 1px 1px)",
    "clip-path:inset(50%)",
    "transform: scale(0, 1)",
    "filter:opacity(0)",
    "color:transparent",
    "color:rgba(255, 255, 255, 0)",
};

START_TEST(a_style_that_hides_text_is_heeded)
{
	char html[200];

	snprintf(html, sizeof(html), "<p style='%s'>a</p>b", unseen[_i]);
	want(html, "b");
	snprintf(html, sizeof(html),
	    "<style>/* c */ .x, p.y { %s }</style><p class='z y'>a</p>b",
	    unseen[_i]);
	want(html, "b");
}
END_TEST

START_TEST(what_shows_text_again_is_heeded)
{
	want("<div style='font-size:0'><p style='font-size:14px'>a</p>b</div>",
	    "a");
	want("<div style='font-size:0'><img alt=a></div>", "a");
	want("<div style='visibility:hidden'><p style='visibility:visible'>a"
	     "</p>b</div>",
	    "a");
	want("<p style='display:none;display:block'>a</p>", "a");
	want("<p style='height:0;height:auto;overflow:hidden'>a</p>", "a");
	want("<p style='opacity:0.9'>a</p>", "a");
	want("<p style='font:italic 700 12px/0 Arial'>a</p>", "a");
	want("<p style='height:0;overflow:visible'>a</p>", "a");
	want("<p style='clip:rect(auto,auto,auto,auto)'>a</p>", "a");
	want("<p style='clip-path:inset(60px)'>a</p>", "a");
	want("<p style='clip:rect(0,9px,9px,0);transform:scale(0.9)'>a</p>",
	    "a");
	want("<p style='color:transparent'>a<b style='color:rgba(0,0,0,1)'>b",
	    "b");
	want("<p style='background-clip:text;color:transparent'>a</p>", "a");
}
END_TEST

START_TEST(rules_for_other_media_and_elements_do_not_count)
{
	want("<style>@media (max-width:480px){.a{display:none}}"
	     "@media print{.a{display:none}} .b .a,.a:hover{display:none}"
	     "</style><p class=a>a</p>",
	    "a");
	want("<style>.a{display:none}@media screen and (min-width:480px)"
	     "{.a{display:block}}</style><p class=a>a</p>",
	    "a");
	want("<style>p{display:none}</style><p>a</p>", "a");
	want("<style media=print>p{display:none}</style>"
	     "<style media='only screen and (max-width:480px)'>"
	     ".a{display:none}</style><style media=screen>.b{display:none}"
	     "</style><p class=a>a<p class=b>b",
	    "a");
}
END_TEST

START_TEST(pictures_without_words_are_noticed)
{
	want("<img src=x>", "");
	ck_assert(lack.pictures);
	want("<img src=x alt=a>", "a");
	ck_assert(lack.pictures);
	want("<img src=x alt=a>b", "a b");
	ck_assert(!lack.pictures);
	want("<iframe src=x></iframe>", "");
	ck_assert(lack.pictures);
	want("<frameset><frame src=x></frameset>", "");
	ck_assert(lack.pictures);
	want("<img src=x width=1 height=1>", "");
	ck_assert(!lack.pictures);
}
END_TEST

/* Repeated until it is 1 MB, with a number for each "#". */
static const char *const floods[] = {"<b>", "<div>", "<table><tr><td>",
    "<font color=#>", "<p title=1>", "<p><font color=#>x",
    "<a href=http://a.example/#>x</a>", "<i a# b#>", " a#", "<table>x",
    "<style>.a#{x:y}</style>", "<li>", "<!--", "<p class='a b c d e f'>",
    "</p>", "<svg><a>", "<select><option>", "<s>1</s>2"};

START_TEST(html_of_any_kind_is_read_in_limited_time)
{
	struct richtext *got;
	GString *html;
	const char *at;
	clock_t start;

	html = g_string_new("first <x ");
	g_string_append(html, _i == 8 ? "" : ">");
	while (html->len < (1 << 20)) {
		for (at = floods[_i]; *at != '\0'; at++) {
			if (*at == '#')
				g_string_append_printf(html, "%zu", html->len);
			else
				g_string_append_c(html, *at);
		}
	}
	start = clock();
	got = htmltext_read(html->str, ENOUGH, &lack);
	ck_assert_int_lt(clock() - start, 5 * CLOCKS_PER_SEC);
	ck_assert(g_str_has_prefix(got->text->str, "first"));
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
	c = tcase_create("browsers");
	tcase_set_timeout(c, 60);
	tcase_add_test(c, text_is_not_lost_where_the_body_is_not_marked);
	tcase_add_test(c, references_mean_what_browsers_take_them_for);
	tcase_add_test(c, what_browsers_take_for_a_comment_is_none_of_the_text);
	tcase_add_test(c, items_of_an_ordered_list_have_their_numbers);
	tcase_add_test(c, an_empty_cell_keeps_its_column);
	tcase_add_test(c, an_address_is_apart_from_what_follows);
	tcase_add_test(c, blanks_in_an_address_are_escaped);
	tcase_add_test(c, an_address_is_completed_as_browsers_do);
	tcase_add_test(c, a_button_keeps_its_address);
	tcase_add_test(c, a_long_address_without_words_is_shown_by_its_host);
	tcase_add_test(c, neighbours_that_are_set_apart_stay_apart);
	tcase_add_test(
	    c, an_amount_stays_apart_from_what_stands_at_some_distance);
	tcase_add_test(c, raised_digits_are_no_part_of_the_number);
	tcase_add_test(c, struck_words_are_marked_and_apart);
	tcase_add_test(c, lines_are_kept_where_the_style_keeps_them);
	tcase_add_loop_test(c, a_style_that_hides_text_is_heeded, 0,
	    sizeof(unseen) / sizeof(unseen[0]));
	tcase_add_test(c, what_shows_text_again_is_heeded);
	tcase_add_test(c, rules_for_other_media_and_elements_do_not_count);
	tcase_add_test(c, pictures_without_words_are_noticed);
	tcase_add_loop_test(c, html_of_any_kind_is_read_in_limited_time, 0,
	    sizeof(floods) / sizeof(floods[0]));
	suite_add_tcase(suite, c);
	return (suite);
}
