/*
 * test_chattext - what a mail looks like in a chat
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <unistr.h>

#include "chattext.h"
#include "failure.h"
#include "suites.h"

#define FOOTER "Balance and payments \u00b7 Acme Ltd (acme)"

static struct chattext ct;

static int
file_of(const char *mail, size_t len)
{
	int fd = memfd_create("mail", 0);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, mail, len), (ssize_t)len);
	lseek(fd, 0, SEEK_SET);
	return (fd);
}

/* Read the mail at ${fd}; what must hold of every text is checked here. */
static const char *
text_at(int fd)
{
	struct failure failure = FAILURE_INIT;
	size_t len;

	chattext_clear(&ct);
	memset(&ct, 0, sizeof(ct));
	ck_assert_int_eq(chattext_read(fd, FOOTER, &ct, &failure), 0);
	close(fd);
	len = strlen(ct.text);
	ck_assert_ptr_null(u8_check((const uint8_t *)ct.text, len));
	ck_assert_uint_eq(ct.units, chattext_units(ct.text));
	ck_assert_uint_le(ct.units, CHATTEXT_UNITS_MAX);
	ck_assert_uint_le(ct.bold_units, ct.units);
	ck_assert_msg(len >= strlen(FOOTER) &&
		strcmp(ct.text + len - strlen(FOOTER), FOOTER) == 0,
	    "no footer in \"%s\"", ct.text);
	return (ct.text);
}

static const char *
text_of(const char *mail)
{
	return (text_at(file_of(mail, strlen(mail))));
}

static void
start(void)
{
	chattext_start();
}

static void
end(void)
{
	chattext_clear(&ct);
}

#define HEAD "From: b@x.example\nSubject: Low\nMIME-Version: 1.0\n"

/* Mails as old systems write them, and what must be in the text. */
static const struct {
	const char *mail, *want, *never;
} mails[] = {
    {"From: b@x.example\nSubject: Low\n\nPlease top up.\n", "Please top up.",
	"From:"},
    {HEAD "Content-Type: text/plain; charset=utf-8\n"
	  "Content-Transfer-Encoding: 8bit\n\nБаланс: 5 €\n",
	"Баланс: 5 €", NULL},
    {HEAD "Content-Type: text/plain; charset=windows-1251\n"
	  "Content-Transfer-Encoding: 8bit\n\n\xc1\xe0\xeb\xe0\xed\xf1\n",
	"Баланс", NULL},
    {HEAD "Content-Type: text/plain; charset=koi8-r\n"
	  "Content-Transfer-Encoding: quoted-printable\n\n"
	  "=E2=C1=CC=C1=CE=D3\n",
	"Баланс", "=E2"},
    {HEAD "Content-Type: text/plain; charset=iso-2022-jp\n\n"
	  "\x1b$B;D9b\x1b(B\n",
	"残高", NULL},
    {HEAD "Content-Type: text/plain; charset=x-nowhere\n\nplain enough\n",
	"plain enough", NULL},
    {HEAD "Content-Type: text/plain; charset=utf-8\n"
	  "Content-Transfer-Encoding: quoted-printable\n\n"
	  "kept =ZZ soft=\nly =",
	"kept", NULL},
    {HEAD "Content-Type: text/plain; charset=utf-8\n"
	  "Content-Transfer-Encoding: base64\n\nUGxlYXNl!!IHRvcCB1cA\n",
	"Please", "UGxl"},
    {HEAD "Content-Type: multipart/alternative; boundary=b\n\n"
	  "--b\nContent-Type: text/html\n\n<p>rich</p>\n"
	  "--b\nContent-Type: text/plain\n\nplain\n--b--\n",
	"plain", "rich"},
    {HEAD "Content-Type: multipart/mixed; boundary=a\n\n"
	  "--a\nContent-Type: multipart/related; boundary=c\n\n"
	  "--c\nContent-Type: text/plain\n\ndeep down\n--c--\n"
	  "--a\nContent-Type: application/pdf; name=\"bill.pdf\"\n"
	  "Content-Disposition: attachment; filename=\"bill.pdf\"\n"
	  "Content-Transfer-Encoding: base64\n\nAAAA\n--a--\n",
	"deep down", "AAAA"},
    {HEAD "Content-Type: multipart/mixed; boundary=a\n\n"
	  "--a\nContent-Type: text/plain\n\nsee it\n"
	  "--a\nContent-Type: application/pdf\n"
	  "Content-Disposition: attachment; filename=\"bill.pdf\"\n\nx\n"
	  "--a--\n",
	"bill.pdf", NULL},
    {HEAD "Content-Type: text/html; charset=utf-8\n\n"
	  "<html><head><title>no</title><style>p{}</style></head><body>"
	  "<table><tr><td>Due</td><td>5 &euro;</td></tr></table>"
	  "<a href=\"https://x.example/pay\">pay</a><script>no()</script>\n",
	"https://x.example/pay", "no()"},
    {HEAD "Content-Type: text/html; charset=utf-8\n\n"
	  "<p>5 &euro; &lt;now&gt; &amp; then</p>\n",
	"5 € <now> & then", "&euro;"},
    {HEAD "Content-Type: text/plain; format=flowed\n\n"
	  "one line that goes \non here\n",
	"one line that goes on here", NULL},
    {HEAD "Content-Type: text/plain; charset=utf-8\n\nשלום עולם\n", "שלום עולם",
	NULL},
    {"From: b@x.example\nSubject: =?koi8-r?B?4sHMwc7T?=\n\nx\n", "Баланс",
	"=?"},
    {"From: b@x.example\nSubject: B\xc3\xbc"
     "cher\n\nx\n",
	"Bücher", NULL},
    {"From: b@x.example\nSubject: two\n lines\n\nx\n", "two lines", NULL},
    {HEAD "\n", "Low", NULL},
    {"From: b@x.example\n\nno subject here\n", "no subject here", NULL},
    {"", "Acme", NULL},
    {"\x00\xff garbage", "Acme", NULL},
    {HEAD "Content-Type: text/plain; charset=utf-8\n\n"
	  "a\x1b[2Jb\u202ec\n",
	"b", "\u202e"},
};

START_TEST(a_mail_becomes_the_text_that_a_reader_expects)
{
	const char *text = text_of(mails[_i].mail);

	ck_assert_msg(strstr(text, mails[_i].want) != NULL,
	    "got \"%s\", want it to contain \"%s\"", text, mails[_i].want);
	if (mails[_i].never != NULL)
		ck_assert_msg(strstr(text, mails[_i].never) == NULL,
		    "got \"%s\", want it without \"%s\"", text,
		    mails[_i].never);
}
END_TEST

START_TEST(bold_covers_the_subject_in_utf_16_units)
{
	const char *text =
	    text_of("Subject: =?utf-8?B?8J+SsA==?= Low\n\nText.\n");

	ck_assert_int_eq(strncmp(text, "\U0001f4b0 Low\n", 9), 0);
	/* A pair of surrogates, a blank and three letters. */
	ck_assert_uint_eq(ct.bold_units, 6);
}
END_TEST

/* What a long text is made of, and what must not stand before the cut. */
static const char *const repeated[] = {"word ", "line\n",
    "\U0001f469\u200d\U0001f467 ", "e\u0301", "\U0001f1e9\U0001f1ea",
    "nobreakatall"};

START_TEST(a_long_text_is_cut_between_characters_and_says_so)
{
	static char mail[200000];
	const char *text;
	size_t len;

	strcpy(mail,
	    "Subject: Long\nContent-Type: text/plain; "
	    "charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n");
	for (len = strlen(mail); len + 40 < sizeof(mail);
	     len += strlen(repeated[_i]))
		strcpy(mail + len, repeated[_i]);
	text = text_of(mail);
	ck_assert_uint_gt(ct.units, 3500);
	ck_assert_ptr_nonnull(strstr(text, "the mail has the rest"));
	/* Not between a letter and its accent, nor inside a pair of flags. */
	ck_assert_ptr_null(strstr(text, "\u200d\u2026"));
	ck_assert_ptr_null(strstr(text, "e\u2026"));
}
END_TEST

START_TEST(an_attachment_of_20_mb_takes_no_memory)
{
	char line[78];
	struct rusage before, after;
	int fd, i;

	text_of(HEAD "\nwarm\n");
	getrusage(RUSAGE_SELF, &before);
	fd = memfd_create("big", 0);
	dprintf(fd,
	    "%sContent-Type: multipart/mixed; boundary=a\n\n"
	    "--a\nContent-Type: text/plain\n\nsee it\n"
	    "--a\nContent-Type: application/pdf\n"
	    "Content-Disposition: attachment; filename=big.pdf\n"
	    "Content-Transfer-Encoding: base64\n\n",
	    HEAD);
	memset(line, 'A', 76);
	line[76] = '\n';
	for (i = 0; i < 20 * 1024 * 1024 / 57; i++)
		ck_assert_int_eq(write(fd, line, 77), 77);
	dprintf(fd, "--a--\n");
	lseek(fd, 0, SEEK_SET);
	ck_assert_ptr_nonnull(strstr(text_at(fd), "big.pdf"));
	getrusage(RUSAGE_SELF, &after);
#ifndef __SANITIZE_ADDRESS__
	ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 4096);
#endif
}
END_TEST

START_TEST(a_thousand_nested_parts_are_survived)
{
	static char mail[200000];
	char *out = mail;
	int i;

	out += sprintf(out, "Subject: Deep\nMIME-Version: 1.0\n");
	for (i = 0; i < 1000; i++)
		out += sprintf(out,
		    "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i,
		    i);
	sprintf(out, "Content-Type: text/plain\n\nat the bottom\n");
	ck_assert_int_eq(strncmp(text_of(mail), "Deep", 4), 0);
}
END_TEST

Suite *
test_chattext(void)
{
	Suite *s = suite_create("chattext");
	TCase *t = tcase_create("chattext");

	tcase_add_unchecked_fixture(t, start, end);
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, a_mail_becomes_the_text_that_a_reader_expects, 0,
	    sizeof(mails) / sizeof(mails[0]));
	tcase_add_test(t, bold_covers_the_subject_in_utf_16_units);
	tcase_add_loop_test(t,
	    a_long_text_is_cut_between_characters_and_says_so, 0,
	    sizeof(repeated) / sizeof(repeated[0]));
	tcase_add_test(t, an_attachment_of_20_mb_takes_no_memory);
	tcase_add_test(t, a_thousand_nested_parts_are_survived);
	suite_add_tcase(s, t);
	return (s);
}
