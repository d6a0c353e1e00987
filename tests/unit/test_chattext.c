/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_chattext - a mail becomes one message that Telegram takes
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>
#include <unistr.h>

#include "base/failure.h"
#include "telegram/chattext.h"
#include "telegram/plaintext.h"
#include "telegram/spool.h"
#include "unit/mailfile.h"
#include "unit/suites.h"

#define FOOTER "Balance and payments · ACME"
#define NOTE "… (the mail has the rest)"
#define FAMILY "👨‍👩‍👧‍👦"
/* What reading a mail of any size may add to the memory in use, in kB. Under
 * AddressSanitizer, which keeps freed memory, it cannot be measured. */
#ifdef __SANITIZE_ADDRESS__
#define FLAT (1 << 20)
#else
#define FLAT 4096
#endif

static struct chattext ct;
static struct failure failure;

static void
teardown(void)
{
	chattext_clear(&ct);
	failure_clear(&failure);
}

/* The length in UTF-16, as libunistring counts it. */
static size_t
utf16(const char *s, size_t len)
{
	uint16_t *units;
	size_t n;

	ck_assert_ptr_null(u8_check((const uint8_t *)s, len));
	units = u8_to_u16((const uint8_t *)s, len, NULL, &n);
	ck_assert(units != NULL || n == 0);
	free(units);
	return (n);
}

/* What must hold for the text of any mail. */
static void
check_sound(void)
{
	const char *c;
	size_t i, len;

	len = strlen(ct.text);
	ck_assert_uint_eq(ct.units, utf16(ct.text, len));
	ck_assert_uint_eq(plaintext_units(ct.text), ct.units);
	ck_assert_uint_le(ct.units, CHATTEXT_UNITS_MAX);
	ck_assert_uint_le(ct.nentities, CHATTEXT_ENTITIES_MAX);
	for (i = 0; i < ct.nentities; i++)
		ck_assert_uint_le(
		    ct.entities[i].from + ct.entities[i].units, ct.units);
	ck_assert_uint_le(plaintext_units(ct.bare), CHATTEXT_UNITS_MAX);
	/* One assertion, as each sends a message to the parent process. */
	c = ct.text;
	while (*c == '\n' || (unsigned char)*c >= ' ')
		c++;
	ck_assert_msg(*c == '\0', "byte %zu is a control", c - ct.text);
	ck_assert(len > 0 && *ct.text != ' ' && *ct.text != '\n');
	ck_assert(ct.text[len - 1] != ' ' && ct.text[len - 1] != '\n');
}

/* The units of the subject, which is bold. */
static size_t
bold_units(void)
{
	if (ct.nentities == 0 || ct.entities[0].kind != CHATTEXT_BOLD)
		return (0);
	ck_assert_uint_eq(ct.entities[0].from, 0);
	return (ct.entities[0].units);
}

/* The built-in texts, and this footer. */
static const struct chattext_words *
words(const char *footer)
{
	static struct chattext_words w;

	w.footer = footer;
	return (&w);
}

static void
read_mail(const char *mail, size_t len, const char *footer)
{
	int fd;

	chattext_clear(&ct);
	fd = mailfile_open(mail, len);
	ck_assert_int_eq(chattext_read(fd, words(footer), &ct, &failure), 0);
	check_sound();
	close(fd);
}

static void
want(const char *mail, const char *text, const char *subject)
{
	read_mail(mail, strlen(mail), FOOTER);
	ck_assert_str_eq(ct.text, text);
	ck_assert_uint_eq(bold_units(), utf16(subject, strlen(subject)));
	ck_assert_int_eq(strncmp(ct.text, subject, strlen(subject)), 0);
}

/* A mail with a subject and ${n} times ${s} as text. */
static GString *
fill(const char *subject, const char *s, size_t n)
{
	GString *mail;

	mail = g_string_new("Content-Type: text/plain; charset=utf-8\n");
	g_string_append_printf(mail, "Subject: %s\n\n", subject);
	while (n-- > 0)
		g_string_append(mail, s);
	return (mail);
}

START_TEST(a_message_is_subject_text_attachments_and_footer)
{
	want("Subject: Invoice 5 😀\n"
	     "Content-Type: multipart/mixed; boundary=b\n\n"
	     "--b\nContent-Type: text/html; charset=utf-8\n\n"
	     "<h1>Dear Ann,</h1><table><tr><td>Disk<td>10 €</table>"
	     "<p><a href='https://example.com/pay'>Pay</a> &amp; relax\n"
	     "--b\nContent-Type: application/pdf; name=invoice.pdf\n"
	     "Content-Transfer-Encoding: base64\n\nAAAAAAAA\n"
	     "--b\nContent-Type: image/png\n\nx\n--b--\n",
	    "Invoice 5 😀\n\n"
	    "Dear Ann,\n\nDisk | 10 €\n\n"
	    "Pay & relax\n\n"
	    "[invoice.pdf, 6 B]\n[image/png, 1 B]\n\n" FOOTER,
	    "Invoice 5 😀");
	ck_assert_uint_eq(ct.nentities, 2);
	ck_assert_int_eq(ct.entities[1].kind, CHATTEXT_LINK);
	ck_assert_uint_eq(ct.entities[1].from, 38);
	ck_assert_uint_eq(ct.entities[1].units, 3);
	ck_assert_str_eq(ct.entities[1].url, "https://example.com/pay");
	ck_assert_ptr_nonnull(
	    strstr(ct.bare, "\n\nPay (https://example.com/pay) & relax\n"));
}
END_TEST

START_TEST(a_missing_part_leaves_no_gap)
{
	want("To: a\n\ntext", "text\n\n" FOOTER, "");
	want("Subject: s\n\n", "s\n\n" FOOTER, "s");
	want("Subject: s\nContent-Type: a/b\n\n", "s\n\n[a/b, 0 B]\n\n" FOOTER,
	    "s");
	want("Content-Type: a/b\n\n", "[a/b, 0 B]\n\n" FOOTER, "");
}
END_TEST

START_TEST(an_empty_mail_says_that_it_is_empty)
{
	want("", "(no subject, no text)\n\n" FOOTER, "");
	want("Subject: \n\n \n", "(no subject, no text)\n\n" FOOTER, "");
	read_mail("", 0, "");
	ck_assert_str_eq(ct.text, "(no subject, no text)");
}
END_TEST

START_TEST(a_mail_that_cannot_be_parsed_refers_to_the_mail)
{
	want("Subject: s\nContent-Type: multipart/mixed\n\n--b\n\ntext\n",
	    "s\n\n" NOTE "\n\n" FOOTER, "s");
	want("Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n"
	     "--b\nContent-Type: multipart/mixed\n\nlost\n",
	    "text\n" NOTE "\n\n" FOOTER, "");
}
END_TEST

START_TEST(markup_in_a_mail_is_text)
{
	want("Subject: <b>*a*</b> _b_ [c](http://d)\n\n`e` <i>&lt;</i> **f**\n",
	    "<b>*a*</b> _b_ [c](http://d)\n\n`e` <i>&lt;</i> **f**\n\n" FOOTER,
	    "<b>*a*</b> _b_ [c](http://d)");
}
END_TEST

START_TEST(bold_is_counted_in_utf16)
{
	want("Subject: =?utf-8?Q?=F0=9F=87=A9=F0=9F=87=AA?= e\u0301 Счёт\n\nx",
	    "🇩🇪 e\u0301 Счёт\n\nx\n\n" FOOTER, "🇩🇪 e\u0301 Счёт");
	ck_assert_uint_eq(bold_units(), 12);
}
END_TEST

START_TEST(right_to_left_text_does_not_turn_the_rest_around)
{
	want("Subject: \u202eשלום\n\n\u2067مرحبا 5\n",
	    "שלום\n\nمرحبا 5\n\n" FOOTER, "שלום");
}
END_TEST

START_TEST(ten_attachments_are_named_and_the_rest_counted)
{
	GString *mail;
	int i;

	mail = g_string_new("Content-Type: multipart/mixed; boundary=b\n\n");
	for (i = 0; i < 13; i++)
		g_string_append_printf(
		    mail, "--b\nContent-Type: a/b; name=f%d\n\n\n", i);
	read_mail(mail->str, mail->len, FOOTER);
	ck_assert(g_str_has_prefix(ct.text, "[f0, 0 B]\n[f1, 0 B]\n"));
	ck_assert(g_str_has_suffix(ct.text,
	    "[f8, 0 B]\n[f9, 0 B]\nand 3 more attachments\n\n" FOOTER));
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(a_text_is_cut_only_if_it_must_be)
{
	GString *mail;
	size_t room;

	room = CHATTEXT_UNITS_MAX - utf16("s" FOOTER, strlen("s" FOOTER)) - 4;
	mail = fill("s", "x", room);
	read_mail(mail->str, mail->len, FOOTER);
	ck_assert_ptr_null(strstr(ct.text, NOTE));
	ck_assert_uint_eq(ct.units, CHATTEXT_UNITS_MAX);
	g_string_append(mail, "x");
	read_mail(mail->str, mail->len, FOOTER);
	ck_assert_ptr_nonnull(strstr(ct.text, "x" NOTE "\n\n" FOOTER));
	g_string_free(mail, TRUE);
}
END_TEST

static const char *const fillings[] = {"x", "word ", "a line of words\n", "😀",
    "e\u0301", FAMILY, "🇩🇪🇫🇷", "請求書", "Счёт № 5\n\n", "שלום ", "\xff",
    "\u0301", "👩🏽‍💻 x"};

START_TEST(a_long_text_is_cut_below_the_limit)
{
	GString *mail;
	size_t pad;

	for (pad = 0; pad < 4; pad++) {
		mail = fill("0123456789abcdef" + pad, fillings[_i], 10000);
		read_mail(mail->str, mail->len, FOOTER);
		ck_assert(g_str_has_suffix(ct.text, NOTE "\n\n" FOOTER));
		ck_assert(g_str_has_prefix(ct.text, "0123456789abcdef" + pad));
		g_string_free(mail, TRUE);
	}
}
END_TEST

START_TEST(a_cut_never_splits_an_emoji)
{
	GString *mail;
	const char *cut;
	size_t pad, len;

	for (pad = 0; pad < 16; pad++) {
		mail = fill("0123456789abcdef" + pad, FAMILY, 2000);
		read_mail(mail->str, mail->len, FOOTER);
		cut = strstr(ct.text, NOTE);
		ck_assert_ptr_nonnull(cut);
		len = (size_t)(cut - strstr(ct.text, "\n\n")) - 2;
		ck_assert_uint_gt(len, 0);
		ck_assert_uint_eq(len % strlen(FAMILY), 0);
		ck_assert_uint_gt(ct.units, CHATTEXT_UNITS_MAX - 14);
		g_string_free(mail, TRUE);
	}
}
END_TEST

START_TEST(a_text_is_cut_at_the_end_of_a_line)
{
	GString *mail;

	mail = fill("s", "a line of words\n", 1000);
	read_mail(mail->str, mail->len, FOOTER);
	ck_assert_ptr_nonnull(
	    strstr(ct.text, "\na line of words\n" NOTE "\n\n" FOOTER));
	ck_assert_uint_gt(ct.units, CHATTEXT_UNITS_MAX - 20);
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(a_long_subject_leaves_room_for_the_text)
{
	GString *mail, *subject;

	subject = g_string_new(NULL);
	while (subject->len < 4000)
		g_string_append(subject, "word ");
	mail = fill(subject->str, "text", 1);
	read_mail(mail->str, mail->len, FOOTER);
	ck_assert_uint_le(bold_units(), 256);
	ck_assert_uint_gt(bold_units(), 245);
	ck_assert_ptr_nonnull(strstr(ct.text, "word …\n\ntext\n\n" FOOTER));
	g_string_free(mail, TRUE);
	g_string_free(subject, TRUE);
}
END_TEST

START_TEST(the_longest_of_everything_is_below_the_limit)
{
	GString *mail;
	char name[3001], footer[6001];
	int i;

	memset(footer, 'f', sizeof(footer) - 1);
	footer[sizeof(footer) - 1] = '\0';
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	mail = g_string_new("Subject: ");
	for (i = 0; i < 1000; i++)
		g_string_append(mail, FAMILY);
	g_string_append(
	    mail, "\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n");
	for (i = 0; i < 10000; i++)
		g_string_append(mail, "t");
	for (i = 0; i < 20; i++)
		g_string_append_printf(
		    mail, "\n--b\nContent-Type: a/b; name=%s\n\n", name);
	read_mail(mail->str, mail->len, footer);
	ck_assert_ptr_nonnull(strstr(ct.text, "\n\nttttt"));
	ck_assert_ptr_nonnull(strstr(ct.text, "tttt" NOTE "\n\n[nnnn"));
	ck_assert_ptr_nonnull(
	    strstr(ct.text, "\nand 10 more attachments\n\nffff"));
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(a_footer_is_never_cut)
{
	GString *mail;
	char footer[513];

	memset(footer, 'f', sizeof(footer) - 1);
	footer[sizeof(footer) - 1] = '\0';
	mail = fill("s", "word ", 5000);
	read_mail(mail->str, mail->len, footer);
	ck_assert(g_str_has_suffix(ct.text, footer));
	ck_assert_ptr_nonnull(strstr(ct.text, "word " NOTE "\n\nffff"));
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(a_mail_is_read_from_the_beginning_of_its_file)
{
	static const char mail[] = "Subject: yes\n\ntext\n";
	int fd;

	fd = mailfile_open(mail, sizeof(mail) - 1);
	ck_assert_int_ne(lseek(fd, 7, SEEK_SET), -1);
	ck_assert_int_eq(chattext_read(fd, words(FOOTER), &ct, &failure), 0);
	ck_assert_str_eq(ct.text, "yes\n\ntext\n\n" FOOTER);
	close(fd);
}
END_TEST

/* A mail with ${n} links, and something before. */
static GString *
link_mail(const char *before, int n)
{
	GString *mail;
	int i;

	mail = g_string_new("Subject: s\nContent-Type: text/html\n\n");
	g_string_append(mail, before);
	for (i = 0; i < n; i++)
		g_string_append_printf(mail,
		    "<p><a href='https://a.example/%d'>link %d</a>", i, i);
	return (mail);
}

START_TEST(the_first_hundred_are_entities_and_others_are_written_out)
{
	GString *mail;

	mail = link_mail("<s>9</s>", 110);
	/* One that an entity has, and one that is written out, again. */
	g_string_append(mail,
	    "<p><a href='https://a.example/0'>first</a>"
	    "<p><a href='https://a.example/109'>last</a>");
	read_mail(mail->str, mail->len, FOOTER);
	ck_assert_uint_eq(ct.nentities, CHATTEXT_ENTITIES_MAX);
	ck_assert_int_eq(ct.entities[0].kind, CHATTEXT_BOLD);
	ck_assert_int_eq(ct.entities[1].kind, CHATTEXT_STRUCK);
	ck_assert_str_eq(ct.entities[99].url, "https://a.example/97");
	ck_assert_ptr_nonnull(strstr(ct.text,
	    "\nlink 97\n\nlink 98 (https://a.example/98)\n\nlink 99 ("));
	ck_assert_ptr_nonnull(
	    strstr(ct.text, "109 (https://a.example/109)\n\nfirst\n\nlast\n"));
	ck_assert_ptr_null(strstr(ct.text, NOTE));
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(an_address_that_does_not_fit_is_noted)
{
	GString *mail;

	mail = link_mail("", 330);
	read_mail(mail->str, mail->len, FOOTER);
	ck_assert_ptr_nonnull(strstr(ct.text, "\nlink 329\n" NOTE "\n\n"));
	ck_assert_ptr_nonnull(strstr(ct.text, "\nlink 99 (https://"));
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(an_address_costs_no_room)
{
	GString *mail;
	int i;

	mail = g_string_new("Subject: s\nContent-Type: text/html\n\n");
	for (i = 0; i < 12; i++)
		g_string_append_printf(mail,
		    "<p>Item %d <a href='https://a.example/%0400d'>more</a>", i,
		    i);
	g_string_append(mail, "<p>THE END");
	read_mail(mail->str, mail->len, FOOTER);
	ck_assert_uint_eq(ct.nentities, 13);
	ck_assert_ptr_nonnull(strstr(ct.text, "Item 11 more\n\nTHE END\n"));
	ck_assert_ptr_null(strstr(ct.text, NOTE));
	/* What does not fit into the other form is noted there. */
	ck_assert_ptr_nonnull(strstr(ct.bare, NOTE));
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(an_address_stands_once)
{
	static const char mail[] =
	    "Subject: s\nContent-Type: text/html\n\n"
	    "<a href='https://a.example/i'><img alt=Shop></a>"
	    "<p><a href='https://a.example/i'>Invoice</a>"
	    "<p><a href='https://a.example/i'>https://a.example/i</a>"
	    "<p><a href='https://a.example/j'>a.example/j</a>";

	read_mail(mail, sizeof(mail) - 1, FOOTER);
	ck_assert_str_eq(ct.text,
	    "s\n\nShop\n\nInvoice\n\nhttps://a.example/i\n\na.example/j\n\n" FOOTER);
	ck_assert_str_eq(ct.bare, ct.text);
}
END_TEST

START_TEST(without_entities_the_words_leave_room_for_addresses)
{
	GString *mail;
	char *last;
	int i;

	mail = link_mail("", 5);
	for (i = 0; i < 1000; i++)
		g_string_append(mail, "<p>word word word");
	read_mail(mail->str, mail->len, FOOTER);
	last = strstr(ct.bare, "link 4 (https://a.example/4)");
	ck_assert_ptr_nonnull(last);
	ck_assert_ptr_nonnull(strstr(ct.bare, "word\n" NOTE "\n\n" FOOTER));
	ck_assert_uint_gt(plaintext_units(ct.bare), 4000);
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(what_telegram_takes_for_no_address_is_no_entity)
{
	static const char mail[] =
	    "Content-Type: text/html\n\n<a href='http://localhost/x'>a</a> "
	    "<a href='mailto:b@a.example?subject=x'>b</a> "
	    "<a href='tel:+49%2030'>c</a> <a href='https://?x.y'>d</a>";

	read_mail(mail, sizeof(mail) - 1, FOOTER);
	ck_assert_uint_eq(ct.nentities, 0);
	ck_assert_str_eq(ct.text,
	    "a (http://localhost/x) b (b@a.example) c (+49 30) "
	    "d (https://?x.y)\n\n" FOOTER);
}
END_TEST

/* Spool the mail from a pipe that a process writes to. */
static void
read_through_pipe(int mail)
{
	char buf[4096];
	ssize_t n;
	pid_t child;
	int fd, fds[2], status;

	ck_assert_int_eq(pipe(fds), 0);
	child = fork();
	ck_assert_int_ne(child, -1);
	if (child == 0) {
		close(fds[0]);
		while ((n = read(mail, buf, sizeof(buf))) > 0) {
			if (write(fds[1], buf, (size_t)n) != n)
				_exit(1);
		}
		_exit(0);
	}
	close(fds[1]);
	fd = spool(fds[0], &failure);
	close(fds[0]);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(chattext_read(fd, words(FOOTER), &ct, &failure), 0);
	close(fd);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	check_sound();
}

static long
memory(void)
{
	struct rusage usage;

	ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
	return (usage.ru_maxrss);
}

static const char big_head[] =
    "Subject: big\nContent-Type: multipart/mixed; boundary=b\n\n"
    "--b\n\ntext\n"
    "--b\nContent-Type: application/zip; name=a.zip\n"
    "Content-Transfer-Encoding: base64\n\n";

START_TEST(an_attachment_of_20_MB_does_not_use_more_memory)
{
	long before;
	int fd;

	fd = mailfile_open(big_head, sizeof(big_head) - 1);
	ck_assert_int_eq(chattext_read(fd, words(FOOTER), &ct, &failure), 0);
	mailfile_add_lines(fd, 350878);
	mailfile_add(fd, "--b\nContent-Type: a/b; name=last\n\nx\n--b--\n");
	chattext_clear(&ct);
	before = memory();
	ck_assert_int_eq(chattext_read(fd, words(FOOTER), &ct, &failure), 0);
	ck_assert_int_lt(memory() - before, FLAT);
	ck_assert_str_eq(ct.text,
	    "big\n\ntext\n\n[a.zip, 20.0 MB]\n"
	    "[last, 1 B]\n\n" FOOTER);
	chattext_clear(&ct);
	before = memory();
	read_through_pipe(fd);
	ck_assert_int_lt(memory() - before, FLAT);
	ck_assert_ptr_nonnull(strstr(ct.text, "[a.zip, 20.0 MB]"));
	close(fd);
}
END_TEST

/* ${repeated} follows ${head} 1,000,000 times. */
static const struct {
	const char *head, *repeated;
} floods[] = {
    /* Parts; text before the first one; and no boundary at all. */
    {"Content-Type: multipart/mixed; boundary=b\n\n", "--b\na:\n\n"},
    {"Content-Type: multipart/mixed; boundary=b\n\n", "--b\n\n"},
    {"Content-Type: multipart/mixed; boundary=b\n\n", "0123456789\n"},
    {"Content-Type: multipart/mixed\n\n", "0123456789\n"},
    /* Headers, and one long one. */
    {"", "Subject: s\n"},
    {"Subject: ", "0123456789"},
    {"Subject: s\n", " 0123456789\n"},
    /* Nested multiparts and messages. */
    {"", "Content-Type: multipart/mixed; boundary=b\n\n--b\n"},
    {"", "Content-Type: message/rfc822\n\n"},
    /* Text, HTML and its elements. */
    {"Subject: s\n\n", "0123456789\n"},
    {"Subject: s\n\n", "0123456789"},
    {"Content-Type: text/html\n\n", "<p title=1>"},
    {"Content-Type: text/html\n\n", "<a href=http:"},
    {"Content-Type: text/html\n\n", "<a href=http://a.example/>x</a>"},
    {"Content-Type: text/html\n\n", "<font size=1><p>x"},
    {"Content-Type: text/html\n\n", "<div>"},
    {"Content-Type: text/html\n\n", "<s>1</s>2"},
};

START_TEST(a_million_repetitions_do_not_use_more_memory)
{
	GString *block;
	long before;
	int fd, i;

	block = g_string_new(NULL);
	for (i = 0; i < 2000; i++)
		g_string_append(block, floods[_i].repeated);
	fd = mailfile_open(floods[_i].head, strlen(floods[_i].head));
	for (i = 0; i < 500; i++)
		mailfile_add(fd, block->str);
	before = memory();
	ck_assert_int_eq(chattext_read(fd, words(FOOTER), &ct, &failure), 0);
	ck_assert_int_lt(memory() - before, 4 * FLAT);
	check_sound();
	g_string_free(block, TRUE);
	close(fd);
}
END_TEST

START_TEST(a_pipe_leaves_no_file_behind)
{
	char dir[] = "/tmp/chattext.XXXXXX";
	int fd;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(setenv("TMPDIR", dir, 1), 0);
	fd = mailfile_open("Subject: s\n\ntext\n", 17);
	read_through_pipe(fd);
	ck_assert_str_eq(ct.text, "s\n\ntext\n\n" FOOTER);
	close(fd);
	ck_assert_int_eq(unsetenv("TMPDIR"), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

START_TEST(a_read_error_is_a_failure_and_not_an_empty_mail)
{
	int fd;

	fd = open("/", O_RDONLY | O_DIRECTORY);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(chattext_read(fd, words(FOOTER), &ct, &failure), -1);
	ck_assert_int_eq(failure.kind, FAILURE_IO);
	ck_assert_str_eq(failure_text(&failure),
	    "the message cannot be read: Is a directory");
	ck_assert_ptr_null(ct.text);
	close(fd);
}
END_TEST

static void
want_no_spool(int fd, const char *why)
{
	ck_assert_int_eq(spool(fd, &failure), -1);
	ck_assert_int_eq(failure.kind, FAILURE_IO);
	ck_assert_str_eq(failure_text(&failure), why);
	close(fd);
}

START_TEST(a_pipe_that_cannot_be_read_is_a_failure)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	close(fds[0]);
	want_no_spool(
	    fds[1], "the message cannot be read: Bad file descriptor");
}
END_TEST

START_TEST(a_full_disk_is_a_failure)
{
	static const char mail[4000];
	struct rlimit limit = {1000, 1000};
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], mail, sizeof(mail)), sizeof(mail));
	close(fds[1]);
	ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	want_no_spool(fds[0],
	    "cannot store the message in a temporary file: File too large");
}
END_TEST

START_TEST(a_missing_temporary_directory_is_a_failure)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	close(fds[1]);
	ck_assert_int_eq(setenv("TMPDIR", "/nonexistent", 1), 0);
	want_no_spool(fds[0],
	    "cannot store the message in a temporary file: "
	    "No such file or directory");
	ck_assert_int_eq(unsetenv("TMPDIR"), 0);
}
END_TEST

Suite *
test_chattext(void)
{
	Suite *suite;
	TCase *c;

	suite = suite_create("chattext");
	c = tcase_create("chattext");
	tcase_set_timeout(c, 60);
	tcase_add_unchecked_fixture(c, chattext_start, NULL);
	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_test(c, a_message_is_subject_text_attachments_and_footer);
	tcase_add_test(c, a_missing_part_leaves_no_gap);
	tcase_add_test(c, an_empty_mail_says_that_it_is_empty);
	tcase_add_test(c, a_mail_that_cannot_be_parsed_refers_to_the_mail);
	tcase_add_test(c, markup_in_a_mail_is_text);
	tcase_add_test(c, bold_is_counted_in_utf16);
	tcase_add_test(c, right_to_left_text_does_not_turn_the_rest_around);
	tcase_add_test(c, ten_attachments_are_named_and_the_rest_counted);
	tcase_add_test(c, a_text_is_cut_only_if_it_must_be);
	tcase_add_loop_test(c, a_long_text_is_cut_below_the_limit, 0,
	    sizeof(fillings) / sizeof(fillings[0]));
	tcase_add_test(c, a_cut_never_splits_an_emoji);
	tcase_add_test(c, a_text_is_cut_at_the_end_of_a_line);
	tcase_add_test(c, a_long_subject_leaves_room_for_the_text);
	tcase_add_test(c, the_longest_of_everything_is_below_the_limit);
	tcase_add_test(c, a_footer_is_never_cut);
	tcase_add_test(
	    c, the_first_hundred_are_entities_and_others_are_written_out);
	tcase_add_test(c, an_address_that_does_not_fit_is_noted);
	tcase_add_test(c, an_address_costs_no_room);
	tcase_add_test(c, an_address_stands_once);
	tcase_add_test(c, without_entities_the_words_leave_room_for_addresses);
	tcase_add_test(c, what_telegram_takes_for_no_address_is_no_entity);
	tcase_add_test(c, a_mail_is_read_from_the_beginning_of_its_file);
	tcase_add_test(c, an_attachment_of_20_MB_does_not_use_more_memory);
	tcase_add_loop_test(c, a_million_repetitions_do_not_use_more_memory, 0,
	    sizeof(floods) / sizeof(floods[0]));
	tcase_add_test(c, a_pipe_leaves_no_file_behind);
	tcase_add_test(c, a_read_error_is_a_failure_and_not_an_empty_mail);
	tcase_add_test(c, a_pipe_that_cannot_be_read_is_a_failure);
	tcase_add_test(c, a_full_disk_is_a_failure);
	tcase_add_test(c, a_missing_temporary_directory_is_a_failure);
	suite_add_tcase(suite, c);
	return (suite);
}
