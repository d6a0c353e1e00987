/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_mailtext - a reader gets the words of a mail, whatever its structure
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <gmime/gmime.h>

#include "base/failure.h"
#include "telegram/mailtext.h"
#include "telegram/richtext.h"
#include "unit/mailfile.h"
#include "unit/suites.h"

#define ALTERNATIVE "Content-Type: multipart/alternative; boundary=alt\n\n"
#define MIXED "Content-Type: multipart/mixed; boundary=mix\n\n"
#define RELATED "Content-Type: multipart/related; boundary=rel\n\n"

static struct mailtext mt;
static struct failure failure;

static void
start(void)
{
	g_mime_init();
}

static void
teardown(void)
{
	mailtext_clear(&mt);
	failure_clear(&failure);
}

static void
read_bytes(const char *mail, size_t len)
{
	int fd;

	mailtext_clear(&mt);
	fd = mailfile_open(mail, len);
	ck_assert_int_eq(mailtext_read(fd, &mt, &failure), 0);
	ck_assert(g_utf8_validate(
	    mt.body->text->str, (gssize)mt.body->text->len, NULL));
	ck_assert(g_utf8_validate(mt.subject, -1, NULL));
	close(fd);
}

static void
want_subject(const char *mail, const char *want)
{
	read_bytes(mail, strlen(mail));
	ck_assert_str_eq(mt.subject, want);
}

static void
want_text(const char *mail, const char *want)
{
	read_bytes(mail, strlen(mail));
	ck_assert_str_eq(mt.body->text->str, want);
	ck_assert(!mt.more);
}

/* Attachments, one a line. */
static void
want_attachments(const char *want)
{
	GString *got;
	size_t i;

	got = g_string_new(NULL);
	for (i = 0; i < mt.nattachments && i < MAILTEXT_NAMED; i++)
		g_string_append_printf(got, "%s\n", mt.attachments[i]);
	ck_assert_str_eq(got->str, want);
	g_string_free(got, TRUE);
}

static const struct {
	const char *type, *encoding, *body, *want;
} bodies[] = {
    {"text/plain; charset=us-ascii", "7bit", "Hello\n", "Hello"},
    {"text/plain; charset=utf-8", "8bit", "Счёт № 5 — 10 €\n",
	"Счёт № 5 — 10 €"},
    {"text/plain; charset=\"UTF-8\"", "quoted-printable",
	"=D0=A1=D1=87=\n=D1=91=D1=82 =3D 5\n", "Счёт = 5"},
    {"text/plain; charset=utf-8", "base64", "0KHRh9GR\n0YI=\n", "Счёт"},
    {"text/plain; charset=windows-1251", "8bit", "\xd1\xf7\xb8\xf2 \xb9 5",
	"Счёт № 5"},
    {"text/plain; charset=cp1251", "quoted-printable", "=D1=F7=B8=F2", "Счёт"},
    {"text/plain; charset=koi8-r", "8bit", "\xf3\xde\xa3\xd4", "Счёт"},
    {"text/plain; charset=iso-2022-jp", "7bit",
	"\x1b$B@A5a=q\x1b(B No.5\n\x1b$B;YJ'\x1b(B", "請求書 No.5\n支払"},
    {"text/plain; charset=shift_jis", "base64", "kL+LgY+R", "請求書"},
    {"text/plain; charset=gb2312", "base64", "1cu1pQ==", "账单"},
    {"text/plain; charset=iso-8859-15", "quoted-printable", "10 =A4", "10 €"},
    /* What the labels mean to every program that reads mail. */
    {"text/plain; charset=gb2312", "base64", "6Ua7+Q==", "镕基"},
    {"text/plain; charset=shift_jis", "base64",
	"ipSOronvjtCHQIeKkL+LgQ==", "株式会社①㈱請求"},
    {"text/plain; charset=x-sjis", "base64", "h0A=", "①"},
    {"text/plain; charset=iso-2022-jp", "7bit", "\x1b$B-!-j\x1b(Bx", "①㈱x"},
    {"text/plain; charset=euc-jp", "8bit", "\xad\xa1", "①"},
    {"text/plain; charset=ks_c_5601-1987", "8bit", "\x8c\x63", "똠"},
    {"text/plain; charset=tis-620", "8bit", "\xa1\x80", "ก€"},
    {"text/plain; charset=iso-8859-9", "8bit", "\x80 \xfd", "€ ı"},
    {"text/plain; charset=big5", "8bit", "\xa4\xa4\xf9\xd6", "中碁"},
    {"text/plain; charset=l1", "quoted-printable", "5 =80", "5 €"},
    {"text/plain; charset=iso8859-1", "quoted-printable", "5 =80", "5 €"},
    {"text/plain; charset=iso_8859-1:1987", "quoted-printable", "=80", "€"},
    {"text/plain; charset=cp-1251", "8bit", "\xd1\xf7", "Сч"},
    {"text/plain; charset=windows1251", "8bit", "\xd1\xf7", "Сч"},
    {"text/plain; charset=win1251", "8bit", "\xd1\xf7", "Сч"},
    {"text/plain; charset=x-cp1251", "8bit", "\xd1\xf7", "Сч"},
    {"text/plain; charset=dos-866", "8bit", "\x91\xe7", "Сч"},
    {"text/plain; charset=cswindows1251", "8bit", "\xd1\xf7", "Сч"},
    {"text/plain; charset=windows-cp1251", "8bit", "\xd1\xf7", "Сч"},
    {"text/plain; charset=x-ms-cp932", "base64", "h0A=", "①"},
    {"text/plain; charset=dos-850", "8bit", "\x82", "é"},
    {"text/plain; charset=unicode-1-1-utf-8", "8bit", "Счёт", "Счёт"},
    {"text/html; charset=iso8859-15", "8bit", "\xa4", "€"},
    {"text/html", "8bit", "<meta charset=x-cp1251>\xd1\xf7", "Сч"},
    {"text/plain; charset=unicode-1-1-utf-7", "7bit", "10 +IKw-", "10 €"},
    {"text/plain; charset=utf-16", "base64", "rCA1AA==", "€5"},
    {"text/plain; charset=utf-16", "base64", "/v8grAA1", "€5"},
    {"text/plain; charset=koi8-r", "base64", "77u/4oKs", "€"},
    {"text/plain; charset=hz-gb-2312", "base64",
	"fntVSzUlfn0gfn41IH4Kfns=", "账单 ~5"},
    {"text/plain; charset=iso-2022-jp-1", "base64",
	"GyQoRDAhGyhCIBsoSTEbKEI=", "丂 ｱ"},
    {"text/plain; charset=iso-2022-jp-2", "base64", "GyQoQzAhGyhCIBskQTAhGyhC",
	"가 啊"},
    {"text/plain; charset=iso-2022-jp-2004", "base64",
	"GyQoUTAhLSEbKEI=", "亜①"},
    {"text/plain; charset=iso-2022-kr", "base64", "GyQpQw5AXD5XDw==", "잔액"},
    {"text/plain; charset=utf-16", "base64",
	"BCEERwRRBEIAICEWACAANQ==", "Счёт № 5"},
    {"text/plain; charset=iso-10646-ucs-2", "base64",
	"BCEERwRRBEIAICEWACAANQ==", "Счёт № 5"},
    {"text/plain; charset=utf-32", "base64",
	"AAAEIQAABEcAAARRAAAEQgAAACAAACEWAAAAIAAAADU=", "Счёт № 5"},
    {"text/plain; charset=utf-32", "base64",
	"IQQAAEcEAABRBAAAQgQAACAAAAAWIQAAIAAAADUAAAA=", "Счёт № 5"},
    {"text/plain; charset=utf-8", "base64",
	"//4AACEEAABHBAAAUQQAAEIEAAAgAAAAAPYBAA==", "Счёт 😀"},
    {"text/plain; charset=csUTF8", "base64", "0KHRh9GR0YI=", "Счёт"},
    {"text/plain; charset=ibm00858", "base64", "NSDV", "5 €"},
    {"text/plain; charset=csKZ1048", "base64", "0rTr5ew=", "Төлем"},
    {"text/plain; charset=ptcp154", "base64", "0rXr5ew=", "Төлем"},
    {"text/plain; charset=x-mac-ce", "base64", "ULhhjQ==", "Płać"},
    {"text/plain; charset=gb18030-2022", "base64", "xPq1xA==", "您的"},
    {"text/plain; charset=x-johab", "base64", "uGW0gg==", "잔액"},
    {"text/plain; charset=8859-1", "base64", "NSCA", "5 €"},
    /* One damaged character spoils no other. */
    {"text/plain; charset=iso-2022-jp", "base64",
	"GyRCQEE1YT1xKSEwIRsoQg==", "請求書\ufffd亜"},
    {"text/plain; charset=iso-2022-jp", "base64", "GyRCQEE1YT0=", "請求\ufffd"},
    {"text/plain; charset=iso-2022-jp", "base64",
	"GyRCQEFBGyhCIHgKGyRCNWEbKEI=", "請\ufffd x\n求"},
    {"text/plain; charset=euc-jp", "base64", "wMGpobXhvfE=", "請\ufffd求書"},
    {"text/plain; charset=shift_jis", "base64", "kL+GoYuBj5E=", "請\ufffd求書"},
    {"text/plain; charset=gb2312", "base64", "gTzE+g==", "\ufffd<您"},
    {"text/plain; charset=utf-16le", "base64", "y4oA3EJs+GY=", "請\ufffd求書"},
    {"text/plain; charset=iso-2022-kr", "base64",
	"GyQpQw5AXD5XD/8=", "잔액\ufffd"},
    {"text/plain; charset=utf-7", "base64",
	"QysrIGFuZCAxKzE9Mg==", "C++ and 1+1=2"},
    {"text/html; charset=us-ascii", "8bit", "<meta charset=cp1251>\xd1", "С"},
    {"text/html", "8bit", "<meta charset=utf-16>caf\xe9s", "cafés"},
    /* Labelled as something else, but UTF-8. */
    {"text/plain; charset=gb2312", "8bit", "5 € – é", "5 € – é"},
    /* Declared as Latin 1, but windows-1252. */
    {"text/plain; charset=iso-8859-1", "quoted-printable", "10 =80 =96 caf=E9",
	"10 € – café"},
    /* No charset, or a wrong one. */
    {NULL, NULL, "Счёт", "Счёт"},
    {NULL, NULL, "caf\xe9", "café"},
    {"text/plain; charset=us-ascii", "8bit", "Счёт", "Счёт"},
    {"text/html", "8bit", "<meta charset=''>caf\xe9s", "cafés"},
    {"text/plain; charset=iso-8859-1", "8bit", "Счёт", "Счёт"},
    {"text/plain; charset=us-ascii", "8bit", "na\xefve", "naïve"},
    {"text/plain; charset=x-unknown", "8bit", "Счёт", "Счёт"},
    {"text/plain; charset=utf-8", "8bit", "a \xff b", "a \ufffd b"},
    {"text", "7bit", "Hello", "Hello"},
    {"text/plain; charset=", "7bit", "Hello", "Hello"},
    {"text/x-log", "7bit", "Hello", "Hello"},
    {"text/plain", "x-unknown", "Hello", "Hello"},
    /* Broken encodings. */
    {"text/plain; charset=utf-8", "quoted-printable",
	"50=% =zz a=3Db =\nc =D0=A1=D1", "50=% =zz a=b c С\ufffd"},
    {"text/plain; charset=utf-8", "base64", "SGVs*bG8g\n\n-- d29y\nbGQ",
	"Hello world"},
    {"text/plain; charset=utf-8", "base64", "!", ""},
    {"text/plain", "base64", "RGVidDogMTI1MA\n", "Debt: 1250"},
    {"text/plain", "base64", "RGVidDo=\nIDEyNQ==\nMA==\n", "Debt: 1250"},
    {"text/plain", "base64;", "RGVidA==\n", "Debt"},
    {"text/plain", "base64", "RGVidA==\n\n____\nMailing list\n", "Debt"},
    {"text/plain", "\"Base64\"", "RGVidA==\n", "Debt"},
    {"text/plain", "quoted-printable; x=y", "=44ebt\n", "Debt"},
    {"text/plain", "Quoted-Printable (text)", "=44ebt\n", "Debt"},
    {"text/plain", "quoted-printable", "12= \t\n50 =\r\n3=2C", "1250 3,"},
    {"text/plain", "quoted-printable", "==3D=ZZ= x=4", "===ZZ= x=4"},
    /* Not what the type says. */
    {"text/plain; charset=utf-16", "7bit", "Due: 1", "Due: 1"},
    {"text/plain", "7bit", "<?xml version='1.0'?>\n<!-- a -->\n<html>\nDue",
	"Due"},
    {"text/plain", "7bit", "p{x:y}\n<body>Due<br>1", "Due\n1"},
    {"text/plain", "7bit", "<b>Due</b> 1<br />", "Due 1"},
    {"text/plain", "7bit", "<b>Due</b> 1", "<b>Due</b> 1"},
    {"\"text/html\"; charset=koi8-r", "8bit", "<p>\xf3", "С"},
    {"html", "7bit", "<p>a", "a"},
    {"", "7bit", "a", "a"},
    {"application/xhtml+xml", "7bit", "<p>a</p>", "a"},
    {"text/plain", "7bit",
	"<!DOCTYPE html>\n<html><body><p>Due: <b>1</b>&nbsp;EUR</body></html>",
	"Due: 1 EUR"},
    {"text/plain", "7bit", "<p> is a tag\n", "<p> is a tag"},
    {"text/plain", "7bit",
	"@media screen{.a{x:y}}\nbody{margin:0}\n.b, p { x: y }\nDue: 1",
	"Due: 1"},
    {"text/plain", "7bit", "Use {x: y} here.", "Use {x: y} here."},
    {"text/plain", "7bit", "[{\"a\": 1}]", "[{\"a\": 1}]"},
    {"text/plain", "7bit", "<style>\np { x: y }\n</style>\nDue: 1", "Due: 1"},
    {"text/plain", "7bit", "<HTML><p>a</p></HTML>\n-- \nlist", "a\n\n-- list"},
    {"text/plain; charset=utf-8", "8bit",
	"a\n\u034f \u200c \u034f \u2007\u2800\u3164\u00ad \ufeff\n\nb",
	"a\n\n\nb"},
    {"text/plain; charset=utf-8", "8bit", "a\u2003\u3000\u2002\u2003b\u2009c",
	"a b c"},
    {"text/plain; charset=utf-8", "8bit", "می\u200cخواهم", "می\u200cخواهم"},
    /* HTML. */
    {"text/html; charset=koi8-r", "8bit",
	"<meta charset=utf-8><p>\xf3\xde\xa3\xd4&nbsp;<b>5</b>", "Счёт 5"},
    {"text/html", "8bit", "<meta charset=windows-1251>\xd1\xf7\xb8\xf2",
	"Счёт"},
    {"text/html", "8bit", "Счёт &amp; 5", "Счёт & 5"},
    {"text/html; charset=iso-8859-1", "8bit", "10 \x80", "10 €"},
    {"text/html; charset=x-unknown", "8bit", "<p>a<p>b", "a\n\nb"},
    {"text/html", "8bit", "a\x01<p>&#1;b&#x202e;c", "a\n\nbc"},
    /* Flowed. */
    {"text/plain; format=flowed", "7bit", "one \ntwo\n> a \n> b\n",
	"one two\n> a b"},
    {"text/plain; format=Flowed; delsp=Yes", "7bit", "wo \nrd", "word"},
    {"text/plain; format=fixed", "7bit", "one \ntwo", "one\ntwo"},
    {"text/html; format=flowed", "7bit", "<pre>one \ntwo</pre>", "one\ntwo"},
    /* Right to left, and an override. */
    {"text/plain; charset=windows-1255", "8bit", "\xf9\xec\xe5\xed", "שלום"},
    {"text/plain; charset=utf-8", "8bit", "a\u202egpj\u202c", "agpj"},
};

START_TEST(a_text_is_decoded)
{
	char mail[512], type[128], encoding[128];

	*type = *encoding = '\0';
	if (bodies[_i].type != NULL)
		snprintf(
		    type, sizeof(type), "Content-Type: %s\n", bodies[_i].type);
	if (bodies[_i].encoding != NULL)
		snprintf(encoding, sizeof(encoding),
		    "Content-Transfer-Encoding: %s\n", bodies[_i].encoding);
	snprintf(mail, sizeof(mail), "Subject: s\n%s%s\n%s", type, encoding,
	    bodies[_i].body);
	want_text(mail, bodies[_i].want);
	ck_assert_str_eq(mt.subject, "s");
	ck_assert_uint_eq(mt.nattachments, 0);
}
END_TEST

START_TEST(a_text_in_an_unknown_charset_refers_to_the_mail)
{
	static const char mail[] =
	    "Content-Type: text/plain; charset=x-unknown\n\ncaf\xe9s\n";

	read_bytes(mail, sizeof(mail) - 1);
	ck_assert_str_eq(mt.body->text->str, "cafés");
	ck_assert(mt.more);
}
END_TEST

START_TEST(a_nul_does_not_end_the_text)
{
	static const char plain[] = "Subject: s\n\na\0b\n";
	static const char html[] =
	    "Subject: s\nContent-Type: text/html\n\na\0b<p>c\n";

	read_bytes(plain, sizeof(plain) - 1);
	ck_assert_str_eq(mt.body->text->str, "ab");
	read_bytes(html, sizeof(html) - 1);
	ck_assert_str_eq(mt.body->text->str, "ab\n\nc");
}
END_TEST

static const struct {
	const char *header, *want;
} subjects[] = {
    {"Subject: Invoice 5\n", "Invoice 5"},
    {"SUBJECT:  a \n\t b\n  c\n", "a b c"},
    {"Subject: =?utf-8?B?0KHRh9GR0YI=?= 5\n", "Счёт 5"},
    {"Subject: =?koi8-r?Q?=F3=DE=A3=D4?=\n =?koi8-r?Q?_5?=\n", "Счёт 5"},
    {"Subject: =?iso-2022-jp?B?GyRCQEE1YT1xGyhC?=\n", "請求書"},
    /* A character split over two words. */
    {"Subject: =?utf-8?Q?=E2=82?= =?utf-8?Q?=AC?=\n", "€"},
    {"Subject: Счёт\n", "Счёт"},
    /* As many programs write them, and read them. */
    {"Subject: =?iso-8859-1?Q?=80_5_due=2C_don=92t?=\n", "€ 5 due, don’t"},
    {"Subject: =?gb2312?B?6Ua7+Q==?= =?gb2312?B?t6LGsc7l1MI=?=\n",
	"镕基发票五月"},
    {"Subject: =?iso-2022-jp?B?GyRCLSEtahsoQg==?=\n", "①㈱"},
    {"Subject: =?win1251?Q?=D1=F7?= =?dos-866?Q?=91?= =?l1?Q?=80?=\n", "СчС€"},
    {"Subject: =?utf-8?B?RGVidDogMTI1MA?=\n", "Debt: 1250"},
    {"Subject: f=?UTF-8?B?w7w?=r Mai\n", "für Mai"},
    {"Subject: =?utf-8?B?RGVidDogMTI=NTA=?=\n", "Debt: 1250"},
    {"Subject: =?utf-8?B?0KHRh9GR0YI=?= =?utf-8?B?0KHRh9\n", "СчётСч"},
    {"Subject: =?utf-8?Q?a_=3?= =?utf-8?Q?b?=\n", "a =3b"},
    {"Subject: =?x-unknown?Q?a?= =?utf-8?Q?=?=\n", "a="},
    {"Subject: =?utf-8?X?a?= =?utf-8\n", "=?utf-8?X?a?= =?utf-8"},
    {"Subject: =?utf-8?Q?a=0Abc=E2=80=AEd?=\n", "a bcd"},
    {"Subject: caf\xe9s\n", "cafés"},
    {"Subject: \xd1\xf7\xb8\xf2\n"
     "Content-Type: text/plain; charset=windows-1251\n",
	"Счёт"},
    {"Subject: \xf3\xde\xa3\xd4\n" MIXED
     "--mix\nContent-Type: text/plain; charset=koi8-r\n\nx\n--mix--\n",
	"Счёт"},
    {"Subject:\n", ""},
    {"Subject: =?utf-8?Q?=20?=\n", ""},
    {"X-Subject: a\n", ""},
    {"From a@b Mon Jan  1 10:00:00 2024\nSubject: a\n", "a"},
    {"Subject: a\r\nTo: b\r\n", "a"},
    {"Subject: a\nThis is no header\nTo: b\n", "a"},
};

START_TEST(a_subject_is_decoded)
{
	char mail[512];

	snprintf(mail, sizeof(mail), "%s\nbody\n", subjects[_i].header);
	want_subject(mail, subjects[_i].want);
}
END_TEST

START_TEST(headers_end_at_the_empty_line_or_with_the_mail)
{
	want_subject("", "");
	ck_assert_str_eq(mt.body->text->str, "");
	want_subject("Subject: a", "a");
	want_subject("Subject: a\n", "a");
	want_text("\nSubject: a\n", "Subject: a");
	ck_assert_str_eq(mt.subject, "");
	want_text("Subject: a\r\n\r\nb\r\nc\r\n", "b\nc");
}
END_TEST

START_TEST(a_part_whose_headers_do_not_end_is_read)
{
	want_text(MIXED "--mix\nDue 1 EUR\nby May: pay\n\nBye\n--mix--\n",
	    "Due 1 EUR\nby May: pay\n\nBye");
	want_text(MIXED "--mix\nContent-Type: text/html;\ncharset=utf-8\n"
			"<p>Due:&nbsp;1 EUR\n--mix--\n",
	    "Due: 1 EUR");
	want_text(MIXED "--mix\r\nContent-Transfer-Encoding: base64\r\n"
			"RHVlIDEg\r\nRVVS\r\n--mix\r\n\r\nb\r\n",
	    "Due 1 EUR\n\nb");
	want_text(MIXED "--mix\nContent-Type: a/b; name=c\nxyz", "");
	want_attachments("c, 3 B\n");
	/* No header, but others follow. */
	want_text(MIXED "--mix\ndamaged\nContent-Type: text/html\n more\n\n"
			"<p>a\n--mix\nContent-Type: text/html\n--mix--\n",
	    "a");
	want_text(MIXED
	    "--mix\nContent-Type: text/html\ndamaged\n"
	    "Content-Transfer-Encoding: base64\n\nPHA+YQ==\n--mix--\n",
	    "a");
	want_text(MIXED
	    "--mix\nContent-Transfer-Encoding: base64\n"
	    "Content-Description: a\nlong one\n\nRHVlIDEgRVVS\n--mix--\n",
	    "Due 1 EUR");
	want_text(MIXED "--mix\nContent-Type: text/plain; charset=utf-8;\n"
			"Due 1 EUR\n--mix--\n",
	    "Due 1 EUR");
}
END_TEST

START_TEST(plain_text_is_preferred_among_alternatives)
{
	want_text(ALTERNATIVE
	    "--alt\nContent-Type: text/plain\n\nplain!\n"
	    "--alt\nContent-Type: text/html\n\n<p>plain\n"
	    "--alt\nContent-Type: text/calendar\n\nBEGIN\n--alt--\n",
	    "plain!");
	want_attachments("");
	want_text(ALTERNATIVE "--alt\nContent-Type: text/html\n\n<p>plain\n"
			      "--alt\n\nplain!\n--alt--\n",
	    "plain!");
}
END_TEST

START_TEST(html_is_taken_if_the_plain_text_is_empty)
{
	want_text(ALTERNATIVE
	    "--alt\nContent-Type: text/plain\n\n \n\n"
	    "--alt\nContent-Type: text/html\n\n<p>html\n--alt--\n",
	    "html");
}
END_TEST

#define LETTER                                                                 \
	"Dear customer, thank you for using our servers; below you find what " \
	"was used during this month, and what is due "

static const struct {
	const char *plain, *html, *want;
} pairs[] = {
    /* Stubs. */
    {"Your mail program does not show HTML.", "<p>Due: 12.50 EUR by 1 May",
	"Due: 12.50 EUR by 1 May"},
    {"To view this mail in your browser, go to https://view.example/abc/def",
	"<p>Due: 12 EUR. <a href='https://pay.example'>pay.example</a>",
	"Due: 12 EUR. pay.example"},
    {"Please use another program.", "<p>12.50", "12.50"},
    {"We wrote to you, but not in a way that can be read here.", "<p>12.50",
	"12.50"},
    /* The HTML is one. */
    {"See you at noon, and bring the papers!", "<p>Ann",
	"See you at noon, "
	"and bring the papers!"},
    /* The address is lost. */
    {"Pay 12 EUR here.", "<p>Pay 12 EUR <a href='https://p.example'>here</a>",
	"Pay 12 EUR here"},
    {"Pay 12 EUR here: https://p.example",
	"<p>Pay 12 EUR <a href='https://p.example'>here</a>",
	"Pay 12 EUR here: https://p.example"},
    /* The amount is lost, though most words are there. */
    {LETTER "in {{ amount }} EUR!", "<p>" LETTER "in 12.50 EUR",
	LETTER "in 12.50 EUR"},
    {LETTER "in EUR by 1 Dec!", "<p>" LETTER "in EUR by Dec. 01",
	LETTER "in EUR by 1 Dec!"},
    {LETTER "no. 7 in 12.50 EUR!", "<p>" LETTER "no. in 12.50 EUR",
	LETTER "no. 7 in 12.50 EUR!"},
    /* Source, and style rules. */
    {"<html><p>Due:&nbsp;<b>1</b></html>", "<p>Due: 1", "Due: 1"},
    {"p{margin:0} .x { color: red; }\nDue: 12.50 EUR by 1 May!",
	"<p>Due: 12.50 EUR by 1 May", "Due: 12.50 EUR by 1 May!"},
    {"Due <b>1</b>&nbsp;EUR<br>Bye!", "<p>Due 1 EUR<br>Bye", "Due 1 EUR\nBye"},
    {"Due\n\np { margin: 0 }\n\n1 EUR!", "<p>Due<p>1 EUR", "Due\n\n1 EUR"},
    {"Write &nbsp; here!", "<p>Write &amp;nbsp; here", "Write &nbsp; here!"},
    {"Due 12 EUR, and each item that the HTML does not have!", "<p>See text",
	"Due 12 EUR, and each item that the HTML does not have!"},
    /* The same words, in another order. */
    {"EUR 12: due!", "<p>due 12 EUR", "EUR 12: due!"},
    {"请付款！", "<p>请付款", "请付款！"},
    {"Due 5 (a b c d e f g h).", "", "Due 5 (a b c d e f g h)."},
};

START_TEST(the_alternative_that_says_more_is_taken)
{
	char mail[1000];

	snprintf(mail, sizeof(mail),
	    ALTERNATIVE "--alt\nContent-Type: text/plain; charset=utf-8\n\n%s\n"
			"--alt\nContent-Type: text/html; charset=utf-8\n\n%s\n"
			"--alt--\n",
	    pairs[_i].plain, pairs[_i].html);
	want_text(mail, pairs[_i].want);
	snprintf(mail, sizeof(mail),
	    ALTERNATIVE "--alt\nContent-Type: text/html; charset=utf-8\n\n%s\n"
			"--alt\nContent-Type: text/plain; charset=utf-8\n\n%s\n"
			"--alt--\n",
	    pairs[_i].html, pairs[_i].plain);
	want_text(mail, pairs[_i].want);
}
END_TEST

START_TEST(a_plain_text_that_addresses_fill_is_not_taken)
{
	GString *mail;
	int i;

	mail = g_string_new(ALTERNATIVE "--alt\n\n");
	for (i = 0; i < 20; i++)
		g_string_append_printf(
		    mail, "Item %d https://track.example/%0200d\n", i, i);
	g_string_append(mail, "--alt\nContent-Type: text/html\n\n");
	for (i = 0; i < 20; i++)
		g_string_append_printf(mail,
		    "Item %d <a href='https://track.example/%0200d'>more</a>;",
		    i, i);
	read_bytes(mail->str, mail->len);
	ck_assert(g_str_has_prefix(mt.body->text->str, "Item 0 more;Item 1"));
	ck_assert_uint_eq(mt.body->marks->len, 20);
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(a_file_in_a_text_is_an_attachment)
{
	want_text("\nHello\n\nbegin 644 a b.pdf\n#0V%T\n`\nend\n\nBye\n",
	    "Hello\n\n\nBye");
	want_attachments("a b.pdf, 3 B\n");
	want_text("Content-Transfer-Encoding: x-uuencode\n\n"
		  "begin 644 a.txt\n#0V%T\n`\nend\n",
	    "");
	want_attachments("a.txt, 3 B\n");
	want_text("Content-Type: a/b; name=f\n"
		  "Content-Transfer-Encoding: uuencode\n\n"
		  "begin 644 a.txt\n#0V%T\n`\nend\n",
	    "");
	want_attachments("f, 3 B\n");
	want_text("\nHello\n=ybegin line=128 size=3 name=a b.pdf\nx\x01\n"
		  "=yend size=3\nBye\nbegin-base64 644 c.txt\nQUFB\n====\n",
	    "Hello\nBye");
	want_attachments("a b.pdf, 3 B\nc.txt, 3 B\n");
	/* Without a name, and without its end: no word of ours. */
	want_text("\nHello\nbegin 644  \n#0V%T\n", "Hello");
	want_attachments("application/octet-stream\n");
	want_text("\nbegin 1 at the beginning\n", "begin 1 at the beginning");
	want_attachments("");
}
END_TEST

START_TEST(rtf_is_an_attachment)
{
	want_text("Content-Type: text/rtf; name=a.rtf\n\n{\\rtf1 x}", "");
	want_attachments("a.rtf, 9 B\n");
	want_text("Content-Type: text/plain\n\n{\\rtf1 x}", "");
	want_attachments("text/rtf, 9 B\n");
	want_text(ALTERNATIVE "--alt\n\nplain\n--alt\n"
			      "Content-Type: text/rtf\n\n{\\rtf1}\n--alt--\n",
	    "plain");
	want_attachments("");
}
END_TEST

START_TEST(the_size_of_base64_in_pieces_is_that_of_all)
{
	want_text("Content-Type: a/b; name=f\n"
		  "Content-Transfer-Encoding: base64\n\nQQ==\nQUE=\nQUEK\nQQ\n",
	    "");
	want_attachments("f, 7 B\n");
}
END_TEST

START_TEST(a_mail_of_pictures_has_more)
{
	static const char mail[] = RELATED
	    "--rel\nContent-Type: text/html\n\n<a href='https://a.example'>"
	    "<img src=cid:1></a>\n--rel\nContent-Type: image/png\n\nx\n"
	    "--rel--\n";

	read_bytes(mail, sizeof(mail) - 1);
	ck_assert_str_eq(mt.body->text->str, "https://a.example");
	ck_assert(mt.more);
}
END_TEST

START_TEST(a_mail_whose_text_is_empty_has_more)
{
	static const char *const mails[] = {
	    RELATED
	    "--rel\nContent-Type: image/png; name=a.png\n\nx\n--rel--\n",
	    RELATED "--rel\nContent-Type: text/html\n\n<p>\n--rel\n"
		    "Content-Type: image/png; name=a.png\n\nx\n--rel--\n",
	    ALTERNATIVE
	    "--alt\n\n\n--alt\nContent-Type: text/calendar\n\nBEGIN\n--alt--\n",
	    ALTERNATIVE
	    "--alt\nContent-Type: text/x-amp-html\n\n<p>a\n--alt--\n",
	};
	size_t i;

	for (i = 0; i < G_N_ELEMENTS(mails); i++) {
		read_bytes(mails[i], strlen(mails[i]));
		ck_assert_str_eq(mt.body->text->str, "");
		ck_assert(mt.more);
	}
	want_text(RELATED "--rel\n\ntext\n--rel\n"
			  "Content-Type: image/png; name=a.png\n\nx\n--rel--\n",
	    "text");
	ck_assert(!mt.more);
}
END_TEST

START_TEST(alternatives_may_be_nested)
{
	/* related[alternative[plain, html], picture] */
	want_text(RELATED "--rel\n" ALTERNATIVE "--alt\n\nplain!\n"
			  "--alt\nContent-Type: text/html\n\nplain\n--alt--\n"
			  "--rel\nContent-Type: image/png; name=a.png\n\nx\n"
			  "--rel--\n",
	    "plain!");
	want_attachments("");
	/* alternative[plain, mixed[html, pdf, html]] */
	want_text(ALTERNATIVE
	    "--alt\n\nplain!\n--alt\n" MIXED
	    "--mix\nContent-Type: text/html\n\nplain\n"
	    "--mix\nContent-Type: application/pdf; name=a.pdf\n\nx\n"
	    "--mix\nContent-Type: text/html\n\n<p>\n--mix--\n--alt--\n",
	    "plain!");
	want_attachments("a.pdf, 1 B\n");
	/* alternative[related[alternative[plain, html]], html] */
	want_text("Content-Type: multipart/alternative; boundary=out\n\n"
		  "--out\n" RELATED "--rel\n" ALTERNATIVE "--alt\n\nplain!\n"
		  "--alt\nContent-Type: text/html\n\nplain\n--alt--\n--rel--\n"
		  "--out\nContent-Type: text/html\n\nplain\n--out--\n",
	    "plain!");
}
END_TEST

START_TEST(texts_of_a_mixed_mail_follow_each_other)
{
	want_text(MIXED "preamble\n--mix\n" ALTERNATIVE
			"--alt\n\nplain!\n--alt\nContent-Type: text/html\n\n"
			"plain\n--alt--\n--mix\nContent-Type: text/html\n\n"
			"<p>second\n--mix\n\nfooter\n--mix--\nepilogue\n",
	    "plain!\n\nsecond\n\nfooter");
}
END_TEST

START_TEST(a_signature_is_not_an_attachment)
{
	want_text("Content-Type: multipart/signed; boundary=s\n\n"
		  "--s\n\ntext\n"
		  "--s\nContent-Type: application/pgp-signature; name=a.asc\n"
		  "Content-Disposition: attachment; filename=a.asc\n\nx\n"
		  "--s--\n",
	    "text");
	want_attachments("");
}
END_TEST

START_TEST(a_file_beside_a_text_is_no_alternative_to_it)
{
	want_text(ALTERNATIVE "--alt\n\ntext\n--alt\n"
			      "Content-Type: application/pdf; name=a.pdf\n\nx\n"
			      "--alt\nContent-Type: application/ics\n\nx\n"
			      "--alt--\n",
	    "text");
	want_attachments("a.pdf, 1 B\n");
}
END_TEST

START_TEST(an_attachment_is_not_text)
{
	want_text(MIXED
	    "--mix\n\ntext\n"
	    "--mix\nContent-Disposition: attachment; filename=a.txt\n\nfile\n"
	    "--mix\nContent-Type: text/plain; name=b.log\n\nfile\n"
	    "--mix\nContent-Type: text/csv\n\na,b\n"
	    "--mix\nContent-Type: IMAGE/PNG\n\n\n--mix--\n",
	    "text");
	want_attachments("a.txt, 4 B\nb.log, 4 B\ntext/csv, 3 B\n"
			 "IMAGE/PNG, 0 B\n");
	want_text("Content-Type: application/pdf\n\nx", "");
	want_attachments("application/pdf, 1 B\n");
	want_text("Content-Disposition: attachment\n\nx", "");
	want_attachments("text/plain, 1 B\n");
}
END_TEST

START_TEST(an_inline_text_with_a_name_is_text)
{
	want_text(MIXED "--mix\nContent-Type: text/plain; name=a.txt\n"
			"Content-Disposition: inline\n\ntext\n--mix--\n",
	    "text");
	want_attachments("");
}
END_TEST

static const struct {
	const char *headers, *want;
} names[] = {
    {"Content-Type: image/png; name=\"a b.png\"\n", "a b.png"},
    {"Content-Type: image/png; name=a\n"
     "Content-Disposition: inline; filename=b\n",
	"b"},
    {"Content-Type: image/png; name=\"=?koi8-r?B?89ejVA==?=.png\"\n",
	"СвёT.png"},
    {"Content-Type: image/png\nContent-Disposition: attachment;\n"
     " filename*0*=utf-8''%D0%A1%D1%87;\n filename*1*=%D1%91%D1%82;\n"
     " filename*2=.png\n",
	"Счёт.png"},
    {"Content-Type: image/png; name=Счёт.png\n", "Счёт.png"},
    {"Content-Type: image/png; name=\"\xf3\xde\xa3\xd4\"\n", "Счёт"},
    {"Content-Type: image/png\n"
     "Content-Disposition: attachment; filename*=utf-8''a%0D%0A%E2%80%AEb\n",
	"a b"},
    {"Content-Type: image/png; name=\"\"\n", "image/png"},
    {"Content-Type: a/b; name=\"=?gb2312?B?6Ua7+Q==?= =?gb2312?B?t6I=?=.c\"\n",
	"镕基发.c"},
    {"Content-Type: a/b; name=\"=?iso-8859-1?Q?=80_5?=.c\"\n", "€ 5.c"},
    {"Content-Type: a/b; name=\"=?utf-8?B?w7w?=.c\"\n", "ü.c"},
    {"Content-Type: a/b\nContent-Disposition: attachment;\n"
     " filename*=iso-8859-1''%80.c\n",
	"€.c"},
    {"Content-Type: a/b\nContent-Disposition: attachment;\n"
     " filename*0*=x-sjis''%87%40; filename*1*=%8a%94.c\n",
	"①株.c"},
    {"Content-Type: message/rfc822\n\nSubject: =?utf-8?Q?=E2=82=AC?= 5\n",
	"€ 5"},
    {"Content-Type: message/rfc822\n\nTo: a\n\nSubject: b\n", "message/rfc822"},
    {"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
     "U3ViamVjdDogaW5uZXINCg0KYm9keQ==",
	"inner"},
    {"Content-Type: message/rfc822\n", "message/rfc822"},
    {"Content-Type: message/delivery-status\n", "message/delivery-status"},
};

START_TEST(an_attachment_is_listed_by_its_name)
{
	char mail[512];

	snprintf(mail, sizeof(mail),
	    MIXED "--mix\nContent-Type: text/plain; charset=koi8-r\n\nt\n"
		  "--mix\n%s\n--mix--\n",
	    names[_i].headers);
	want_text(mail, "t");
	ck_assert_uint_eq(mt.nattachments, 1);
	*strrchr(mt.attachments[0], ',') = '\0';
	ck_assert_str_eq(mt.attachments[0], names[_i].want);
}
END_TEST

START_TEST(a_long_name_is_cut)
{
	char name[1001], mail[1200];

	memset(name, 'x', 1000);
	name[1000] = '\0';
	snprintf(mail, sizeof(mail), "Content-Type: image/png; name=%s.png\n\n",
	    name);
	want_text(mail, "");
	ck_assert_uint_le(
	    strlen(mt.attachments[0]), MAILTEXT_NAME_MAX + strlen("…, 0 B"));
}
END_TEST

static const struct {
	size_t lines;
	const char *want;
} sizes[] = {{0, "f, 0 B"}, {1, "f, 57 B"}, {17, "f, 969 B"}, {18, "f, 1.0 kB"},
    {216, "f, 12.3 kB"}, {17543, "f, 1.0 MB"}, {17542, "f, 999.9 kB"},
    {350878, "f, 20.0 MB"}};

START_TEST(the_size_is_that_of_the_decoded_file)
{
	static const char head[] = "Content-Type: application/zip; name=f\n"
				   "Content-Transfer-Encoding: base64\n\n";
	int fd;

	fd = mailfile_open(head, sizeof(head) - 1);
	mailfile_add_lines(fd, sizes[_i].lines);
	ck_assert_int_eq(mailtext_read(fd, &mt, &failure), 0);
	ck_assert_str_eq(mt.attachments[0], sizes[_i].want);
	close(fd);
}
END_TEST

START_TEST(the_newline_before_a_boundary_is_not_content)
{
	want_text("Content-Type: multipart/mixed; boundary=mix\r\n\r\n--mix\r\n"
		  "Content-Type: a/b\r\n\r\nab\r\n\r\n--mix\r\n"
		  "Content-Type: a/b\r\n\r\n--mix--\r\n",
	    "");
	want_attachments("a/b, 4 B\na/b, 0 B\n");
}
END_TEST

START_TEST(more_attachments_than_can_be_named_are_counted)
{
	GString *mail;
	int i;

	mail = g_string_new(MIXED);
	for (i = 0; i < 500; i++)
		g_string_append_printf(
		    mail, "--mix\nContent-Type: a/b; name=%d\n\nx\n", i);
	want_text(mail->str, "");
	ck_assert_uint_eq(mt.nattachments, 500);
	ck_assert_str_eq(mt.attachments[9], "9, 1 B");
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(a_digest_is_made_of_messages)
{
	want_text("Content-Type: multipart/digest; boundary=d\n\n"
		  "--d\n\nSubject: one\n\nx\n"
		  "--d\nContent-Type: text/plain\n\ntwo\n--d--\n",
	    "two");
	want_attachments("one, 15 B\n");
}
END_TEST

START_TEST(a_boundary_is_a_whole_line)
{
	want_text("Content-Type: multipart/mixed; boundary=\"a b\"\n\n"
		  "--a b \t\n\none\n--a bc\n--a\n --a b\n--a b---\n-- \n"
		  "--a b--\n--a b\n\ntwo\n",
	    "one\n--a bc\n--a\n --a b\n--a b---\n--");
}
END_TEST

START_TEST(an_unclosed_part_ends_with_the_enclosing_one)
{
	want_text(MIXED "--mix\n" ALTERNATIVE "--alt\n\nplain\n"
			"--mix\nContent-Type: a/b; name=f\n\nx\n",
	    "plain");
	want_attachments("f, 2 B\n");
	/* A part that ends in its headers. */
	want_text(MIXED "--mix\nContent-Type: a/b; name=f\n--mix\n\ntext\n"
			"--mix\nContent-Type: a/b; name=g",
	    "text");
	want_attachments("f, 0 B\ng, 0 B\n");
}
END_TEST

static const char *const opaque[] = {
    "Content-Type: multipart/mixed\n\n--mix\n\ntext\n",
    "Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\ntext\n",
    "Content-Type: multipart/mixed; boundary=other\n\n--mix\n\ntext\n",
    "Content-Type: multipart/mixed; boundary=mix\n\n",
    "Content-Type: multipart/mixed; boundary=mix\n",
};

START_TEST(a_mail_that_cannot_be_parsed_has_more)
{
	read_bytes(opaque[_i], strlen(opaque[_i]));
	ck_assert_str_eq(mt.body->text->str, "");
	ck_assert(mt.more);
}
END_TEST

/* Nested multiparts, not closed, with a text in the innermost. */
static GString *
nest(int depth)
{
	GString *mail;
	int i;

	mail = g_string_new("Subject: deep\n");
	for (i = 0; i < depth; i++)
		g_string_append_printf(mail,
		    "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i,
		    i);
	g_string_append(mail, "\ninnermost\n");
	return (mail);
}

START_TEST(a_thousand_nested_parts_are_read_to_the_innermost)
{
	GString *mail;
	int i;

	mail = nest(1000);
	want_text(mail->str, "innermost");
	ck_assert_str_eq(mt.subject, "deep");
	for (i = 999; i >= 0; i--)
		g_string_append_printf(mail, "--b%d--\n", i);
	want_text(mail->str, "innermost");
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(endless_nesting_is_not_followed)
{
	GString *mail;

	mail = nest(100000);
	want_subject(mail->str, "deep");
	ck_assert_str_eq(mt.body->text->str, "");
	ck_assert(mt.more);
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(a_long_text_is_not_read_to_its_end)
{
	GString *mail;

	mail = g_string_new("Subject: s\n\n");
	while (mail->len < (1 << 20))
		g_string_append(mail, "Счёт ");
	read_bytes(mail->str, mail->len);
	ck_assert(mt.more);
	ck_assert_uint_le(mt.body->text->len, 1 << 17);
	ck_assert(g_str_has_prefix(mt.body->text->str, "Счёт Счёт"));
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(a_cut_in_an_unused_alternative_does_not_count)
{
	GString *mail;

	mail = g_string_new(ALTERNATIVE "--alt\n\nword!\n--alt\n"
					"Content-Type: text/html\n\n");
	while (mail->len < (1 << 21))
		g_string_append(mail, "<p>word");
	want_text(mail->str, "word!");
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(a_very_long_line_is_read)
{
	GString *mail;

	mail = g_string_new("X: ");
	while (mail->len < 300000)
		g_string_append(mail, "--mix--mix");
	g_string_append(mail, "\nSubject: s\n" MIXED);
	while (mail->len < 600000)
		g_string_append(mail, "--mix--mix");
	g_string_append(mail, "\n--mix\n\ntext\n--mix--\n");
	want_text(mail->str, "text");
	ck_assert_str_eq(mt.subject, "s");
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(a_boundary_at_the_end_of_a_long_line_does_not_count)
{
	GString *mail;
	size_t n;

	/* Long enough to be read in pieces that end there. */
	mail = g_string_new(MIXED "--mix\nContent-Type: a/b; name=f\n\n");
	for (n = 0; n < (64 << 10); n++)
		g_string_append_c(mail, 'x');
	g_string_append(mail, "--mix\n");
	for (n = 0; n < 1000; n++)
		g_string_append_c(mail, 'y');
	g_string_append(mail, "\n--mix\n\ntext\n--mix--\n");
	want_text(mail->str, "text");
	want_attachments("f, 66.5 kB\n");
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(endless_parts_are_not_all_read)
{
	GString *mail;
	int i;

	mail = g_string_new(MIXED "--mix\n\ntext\n");
	for (i = 0; i < 20000; i++)
		g_string_append(mail, "--mix\nContent-Type: a/b\n\n");
	read_bytes(mail->str, mail->len);
	ck_assert_str_eq(mt.body->text->str, "text");
	ck_assert(mt.more);
	g_string_free(mail, TRUE);
}
END_TEST

START_TEST(a_read_error_is_a_failure)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	close(fds[0]);
	close(fds[1]);
	ck_assert_int_eq(mailtext_read(fds[0], &mt, &failure), -1);
	ck_assert_int_eq(failure.kind, FAILURE_IO);
	ck_assert_str_eq(failure_text(&failure),
	    "the message cannot be read: Bad file descriptor");
}
END_TEST

static void
add_parts(TCase *c)
{
	tcase_add_test(c, plain_text_is_preferred_among_alternatives);
	tcase_add_test(c, html_is_taken_if_the_plain_text_is_empty);
	tcase_add_loop_test(c, the_alternative_that_says_more_is_taken, 0,
	    sizeof(pairs) / sizeof(pairs[0]));
	tcase_add_test(c, a_plain_text_that_addresses_fill_is_not_taken);
	tcase_add_test(c, a_file_in_a_text_is_an_attachment);
	tcase_add_test(c, rtf_is_an_attachment);
	tcase_add_test(c, the_size_of_base64_in_pieces_is_that_of_all);
	tcase_add_test(c, a_mail_of_pictures_has_more);
	tcase_add_test(c, a_mail_whose_text_is_empty_has_more);
	tcase_add_test(c, alternatives_may_be_nested);
	tcase_add_test(c, texts_of_a_mixed_mail_follow_each_other);
	tcase_add_test(c, a_signature_is_not_an_attachment);
	tcase_add_test(c, a_file_beside_a_text_is_no_alternative_to_it);
	tcase_add_test(c, an_attachment_is_not_text);
	tcase_add_test(c, an_inline_text_with_a_name_is_text);
	tcase_add_loop_test(c, an_attachment_is_listed_by_its_name, 0,
	    sizeof(names) / sizeof(names[0]));
	tcase_add_test(c, a_long_name_is_cut);
	tcase_add_loop_test(c, the_size_is_that_of_the_decoded_file, 0,
	    sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_test(c, the_newline_before_a_boundary_is_not_content);
	tcase_add_test(c, more_attachments_than_can_be_named_are_counted);
	tcase_add_test(c, a_digest_is_made_of_messages);
	tcase_add_test(c, a_boundary_is_a_whole_line);
	tcase_add_test(c, an_unclosed_part_ends_with_the_enclosing_one);
	tcase_add_loop_test(c, a_mail_that_cannot_be_parsed_has_more, 0,
	    sizeof(opaque) / sizeof(opaque[0]));
}

Suite *
test_mailtext(void)
{
	Suite *suite;
	TCase *c;

	suite = suite_create("mailtext");
	c = tcase_create("mailtext");
	tcase_add_unchecked_fixture(c, start, NULL);
	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_loop_test(
	    c, a_text_is_decoded, 0, sizeof(bodies) / sizeof(bodies[0]));
	tcase_add_test(c, a_text_in_an_unknown_charset_refers_to_the_mail);
	tcase_add_test(c, a_nul_does_not_end_the_text);
	tcase_add_loop_test(
	    c, a_subject_is_decoded, 0, sizeof(subjects) / sizeof(subjects[0]));
	tcase_add_test(c, headers_end_at_the_empty_line_or_with_the_mail);
	tcase_add_test(c, a_part_whose_headers_do_not_end_is_read);
	add_parts(c);
	tcase_add_test(c, a_thousand_nested_parts_are_read_to_the_innermost);
	tcase_add_test(c, endless_nesting_is_not_followed);
	tcase_add_test(c, a_long_text_is_not_read_to_its_end);
	tcase_add_test(c, a_cut_in_an_unused_alternative_does_not_count);
	tcase_add_test(c, a_very_long_line_is_read);
	tcase_add_test(c, a_boundary_at_the_end_of_a_long_line_does_not_count);
	tcase_add_test(c, endless_parts_are_not_all_read);
	tcase_add_test(c, a_read_error_is_a_failure);
	suite_add_tcase(suite, c);
	return (suite);
}
