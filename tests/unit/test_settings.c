/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_settings - the settings file, and the defaults of the table
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/failure.h"
#include "settings/settings.h"
#include "terms/address.h"
#include "unit/suites.h"

static char path[] = "/tmp/nm-unit-conf-XXXXXX";
static struct failure failure;

static struct settings *
read_text(const char *text)
{
	struct settings *s;
	FILE *out;
	int fd;

	strcpy(path, "/tmp/nm-unit-conf-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ne(fd, -1);
	out = fdopen(fd, "w");
	fputs(text, out);
	fclose(out);
	s = settings_read(path, &failure);
	unlink(path);
	return (s);
}

/* Central Europe, where summer time begins on 29 March and ends on 25 October
 * 2026, both at 01:00 UTC. */
START_TEST(quiet_hours_follow_the_clock_on_the_wall)
{
	static const struct {
		const char *hours;
		time_t at;
		bool quiet;
	} table[] = {
	    {"", 1796000000, false},
	    {"22:00-07:00", 1767214799, false}, /* 21:59:59 */
	    {"22:00-07:00", 1767214800, true},	/* 22:00 */
	    {"22:00-07:00", 1767222000, true},	/* midnight */
	    {"22:00-07:00", 1767247199, true},	/* 06:59:59 */
	    {"22:00 - 7:00", 1767247200, false},
	    {"12:00-13:00", 1767264000, false}, /* 11:40 */
	    {"12:00-13:00", 1767265200, true},	/* 12:00 */
	    {"12:00-13:00", 1767268800, false}, /* 13:00 */
	    {"22:00-02:30", 1774745999, true},	/* 01:59:59, then 03:00 */
	    {"22:00-02:30", 1774746000, false},
	    {"22:00-02:30", 1792888199, true}, /* 02:29:59 in summer time */
	    {"22:00-02:30", 1792888200, false},
	    {"22:00-02:30", 1792890000, true}, /* 02:00 again */
	    {"22:00-02:30", 1792891800, false},
	};
	struct hours hours;
	size_t i;

	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		ck_assert_int_eq(hours_read(table[i].hours, &hours), 1);
		ck_assert_msg(hours_has(&hours, table[i].at) == table[i].quiet,
		    "%s at %lld", table[i].hours, (long long)table[i].at);
	}
	unsetenv("TZ");
	tzset();
}
END_TEST

START_TEST(an_empty_file_gives_the_defaults)
{
	struct settings *s = read_text("");

	ck_assert_ptr_nonnull(s);
	ck_assert_str_eq(s->telegram_domain, "telegram.invalid");
	ck_assert_int_eq(s->expand, EXPAND_OWNER);
	ck_assert_int_eq(s->unknown_recipients, UNKNOWN_DROP);
	ck_assert_int_eq(s->bad_tag, BAD_TAG_HOLD);
	ck_assert(!s->monitor && !s->trust_authenticated);
	ck_assert_uint_eq(s->trusted_clients.n, 2);
	ck_assert_int_eq(s->max_age, 86400);
	ck_assert_int_eq(s->max_lag, 10);
	ck_assert_int_eq(s->max_removed, 2000);
	ck_assert_str_eq(s->read_url, "");
	ck_assert_uint_eq(s->always_keep.n, 0);
	settings_free(s);
}
END_TEST

START_TEST(always_keep_is_a_list_of_addresses_and_domains)
{
	static const struct {
		const char *text;
		bool in;
	} addresses[] = {
	    {"archive@x.example", true},
	    {"<Archive+2026@X.example>", true},
	    {"\"j. doe\"@x.example", true},
	    {"anybody@B\u00dcCHER.example", true},
	    {"other@x.example", false},
	    {"archive@sub.x.example", false},
	    {"anybody@sub.xn--bcher-kva.example", false},
	    {"archive", false},
	};
	struct settings *s =
	    read_text("[milter]\nalways_keep = "
		      "Archive@x.example, \"J. Doe\"@x.example\n"
		      "  @b\u00fccher.example\n");
	struct arena *a = arena_new(1 << 16);
	struct address address;
	size_t i;

	ck_assert_ptr_nonnull(s);
	ck_assert_uint_eq(s->always_keep.n, 3);
	for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		ck_assert_int_eq(
		    address_read(a, addresses[i].text, &address), 1);
		ck_assert_int_eq(
		    addrlist_has(&s->always_keep, &address), addresses[i].in);
	}
	arena_free(a);
	settings_free(s);
}
END_TEST

static const struct {
	const char *text;
	int line;
	const char *says;
} bad[] = {
    {"[milter]\nexpnad = never\n", 2, "expnad"},
    {"[mitler]\n", 1, "mitler"},
    {"[milter]\n  [mitler]\n", 2, "mitler"},
    {"[milter]\nmonitor = yes\n[mitler]\n", 3, "mitler"},
    {"\xef\xbb\xbf[mitler]\n", 1, "mitler"},
    {"[database\nurl = /x\n", 1, "no ] after the section"},
    {"[milter\n", 1, "no ] after the section"},
    {"[a-very-long-name-of-a-section-that-there-is-not-and-never-was-nor-will-"
     "be]\n",
	1, "[database]"},
    {"url = /x\n", 1, "url"},
    {"[database]\nurl = x\n", 2, "begins with one /"},
    {"[database]\nurl = postgresql://me:my@s3cret@h/r\n", 2,
	"\"postgresql://...\" for url"},
    {"[database]\nread_url = /x\n", 2, "postgresql://"},
    {"[database]\nread_url = postgresql://me:my@s3cret@h/r\n", 2,
	"\"postgresql://...\" for read_url"},
    {"[database]\nmax_lag = 0\n", 2, "a time"},
    {"[milter]\nsocket = /x\n", 2, "unix:PATH"},
    {"[milter]\nsocket = inet:0@localhost\n", 2, "1 to 65535"},
    {"[milter]\nexpand = some\n", 2, "owner, always, addressed or never"},
    {"[milter]\nunknown_recipients = eat\n", 2, "drop or keep"},
    {"[milter]\nalways_keep = archive\n", 2, "@domains"},
    {"[milter]\nalways_keep = a@x.example\n @\n", 3, "@domains"},
    {"[milter]\nalways_keep = \"@a:b\"@x.example\n", 2, "@domains"},
    {"[milter]\nalways_keep = *@x.example\n", 2, "@domains"},
    {"[milter]\nalways_keep = @*.x.example\n", 2, "@domains"},
    {"[milter]\nalways_keep = @accounts.example\n"
     "account_domain = Accounts.Example\n",
	2, "the domain of accounts"},
    {"[milter]\nalways_keep = a@x.example, acme@accounts.example\n"
     "account_domain = accounts.example\n",
	2, "the domain of accounts"},
    {"[milter]\nalways_keep = 7@Telegram.Invalid.\n", 2, "the domain of chats"},
    {"[milter]\nalways_keep = @telegram.invalid\n", 2, "the domain of chats"},
    {"[milter]\nbad_tag = discard\n", 2, "hold, reject or tempfail"},
    {"[milter]\nmax_removed = -1\n", 2, "a whole number from 0"},
    {"[milter]\nmax_removed = 2,000\n", 2, "a whole number from 0"},
    {"[milter]\nmax_removed = 2k\n", 2, "a whole number from 0"},
    {"[milter]\nmax_removed = 1000001\n", 2, "from 0 to 1000000"},
    {"[milter]\nmax_removed = 99999999999999999999\n", 2, "to 1000000"},
    {"[milter]\nmax_removed =\n", 2, "a value"},
    {"[milter]\nmonitor = maybe\n", 2, "yes or no"},
    {"[milter]\nmonitor = yes\n\nmonitor = no\n", 4, "twice"},
    {"[milter]\ntrusted_clients = ::1\ntrusted_clients = 10.0.0.1\n", 3,
	"twice"},
    {"[milter]\ntrusted_clients = ::1\n  trusted_clients = 10.0.0.1\n", 3,
	"twice"},
    {"[milter]\ntrusted_clients = ::1\n  127.0.0.1\n[mail]\n[milter]\n"
     "trusted_clients = 10.0.0.1\n",
	6, "twice, first in line 2"},
    {"[milter]\nalways_keep =\nmonitor = no\nalways_keep = @x.example\n", 4,
	"twice"},
    {"[milter]\ntrusted_clients = 10.0.0.0/8,\n  example.com\n", 3,
	"example.com"},
    {"[milter]\ntrusted_clients = 10.0.0.1/8\n", 2,
	"expected a network without"},
    {"[milter]\naccount_domain = a b\n", 2, "domain name"},
    {"[milter]\n  user = a\n  monitor = perhaps\n", 3, "yes or no"},
    {"[milter]\n  monitor = yes\n  no\n", 3, "key = value"},
    {"[milter]\ntrusted_clients = ::1\n  monitor = perhaps\n", 3, "yes or no"},
    {"[telegram]\nbot = @TheBot\n", 2, "without @"},
    {"[telegram]\nbot = https://t.me/TheBot\n", 2, "without @"},
    {"[telegram]\nbot = A_Bot_With_More_Than_32_Characters\n", 2, "user name"},
    {"[telegram]\napi = api.telegram.org\n", 2, "https://HOST"},
    {"[telegram]\napi = ftp://api.telegram.org\n", 2, "https://HOST"},
    {"[telegram]\napi = https:///bot\n", 2, "https://HOST"},
    {"[database]\n\nread_url = postgresql://h/r\n", 3, "primary"},
    {"[telegram]\nmax_age = 0\n", 2, "a time"},
    {"[telegram]\nmax_age = 1w\n", 2, "a time"},
    {"[telegram]\nproxy = ftp://proxy:21\n", 2, "SCHEME"},
    {"[telegram]\nproxy = http://\n", 2, "SCHEME"},
    {"[telegram]\nproxy = http://proxy:0\n", 2, "SCHEME"},
    {"[telegram]\nproxy = proxy:65536\n", 2, "SCHEME"},
    {"[telegram]\nproxy = proxy:3128/path\n", 2, "SCHEME"},
    {"[telegram]\nproxy = two words\n", 2, "SCHEME"},
    {"[telegram]\nproxy = http://[::1:3128\n", 2, "SCHEME"},
    {"[telegram]\nproxy = inet:s3cret@proxy:x\n", 2, "\"...\""},
    {"[telegram]\nproxy = http://u:s3c@ret@proxy\n", 2, "http://...\""},
    {"[telegram]\nproxy = http://u:s3c/ret@proxy\n", 2, "http://...\""},
    {"[telegram]\nquiet_hours = 22-7\n", 2, "like 22:00-07:00"},
    {"[telegram]\nquiet_hours = 22:00-24:00\n", 2, "like 22:00-07:00"},
    {"[telegram]\nquiet_hours = 22:60-07:00\n", 2, "like 22:00-07:00"},
    {"[telegram]\nquiet_hours = 07:00-7:00\n", 2, "like 22:00-07:00"},
    {"[telegram]\nquiet_hours = 22:00-07:00, 12:00-13:00\n", 2,
	"like 22:00-07:00"},
    {"[telegram]\nquiet_hours = -07:00\n", 2, "like 22:00-07:00"},
    {"[mail]\nfrom = nobody\n", 2, "mail address"},
    {"[mail]\nsendmail =\n", 2, "a value"},
    {"[mail]\nhello\n", 2, "key = value"},
};

START_TEST(a_bad_setting_is_named_with_file_line_and_what_was_expected)
{
	char where[64];

	ck_assert_ptr_null(read_text(bad[_i].text));
	ck_assert_int_eq(failure.kind, FAILURE_SETTINGS);
	snprintf(where, sizeof(where), "%s:%d: ", path, bad[_i].line);
	ck_assert_msg(
	    strncmp(failure_text(&failure), where, strlen(where)) == 0,
	    "got \"%s\", want \"%s\"", failure_text(&failure), where);
	ck_assert_ptr_nonnull(strstr(failure_text(&failure), bad[_i].says));
	ck_assert_ptr_null(strstr(failure_text(&failure), "s3cret"));
	failure_clear(&failure);
}
END_TEST

START_TEST(a_file_with_a_NUL_is_refused_and_gives_no_defaults)
{
	static const char text[] = "[milter]\nmonitor = yes\n\0\0\0\0";
	struct settings *s;
	FILE *out;

	strcpy(path, "/tmp/nm-unit-conf-XXXXXX");
	out = fdopen(mkstemp(path), "w");
	fwrite(text, 1, sizeof(text), out);
	fclose(out);
	s = settings_read(path, &failure);
	unlink(path);
	ck_assert_ptr_null(s);
	ck_assert_ptr_nonnull(strstr(failure_text(&failure), ":3: "));
	ck_assert_ptr_nonnull(strstr(failure_text(&failure), "NUL"));
	failure_clear(&failure);
}
END_TEST

START_TEST(settings_may_be_indented_beside_a_continued_list)
{
	struct settings *s = read_text("  [milter]\n"
				       "    user = somebody\n"
				       "\tmonitor = yes\n"
				       "    trusted_clients = 10.0.0.0/8\n"
				       "       [2001:db8::]/32 ; = both\n"
				       "    expand = never\n"
				       "  [mail]\n"
				       "    from = a@b.example\n");

	ck_assert_msg(s != NULL, "%s", failure_text(&failure));
	ck_assert_str_eq(s->user, "somebody");
	ck_assert_uint_eq(s->user_line, 2);
	ck_assert(s->monitor);
	ck_assert_uint_eq(s->trusted_clients.n, 2);
	ck_assert_int_eq(s->expand, EXPAND_NEVER);
	ck_assert_str_eq(s->from, "a@b.example");
	settings_free(s);
}
END_TEST

START_TEST(a_list_continues_on_indented_lines_and_replaces_the_default)
{
	struct settings *s =
	    read_text("[milter]\ntrusted_clients = 10.0.0.0/8,\n"
		      "\t192.0.2.1, ::1\n"
		      "# with brackets too\n"
		      "  [2001:db8::]/32\n[mail]\n");

	ck_assert_ptr_nonnull(s);
	ck_assert_uint_eq(s->trusted_clients.n, 4);
	settings_free(s);
}
END_TEST

START_TEST(a_line_that_is_too_long_is_refused)
{
	char text[1200];

	strcpy(text, "[milter]\ntrusted_clients = ");
	memset(text + strlen(text), ' ', 1000);
	strcpy(text + 1027, "10.0.0.1\n");
	ck_assert_ptr_null(read_text(text));
	ck_assert_ptr_nonnull(strstr(failure_text(&failure), "too long"));
	failure_clear(&failure);
}
END_TEST

Suite *
test_settings(void)
{
	Suite *s = suite_create("settings");
	TCase *t = tcase_create("settings");

	tcase_add_test(t, an_empty_file_gives_the_defaults);
	tcase_add_test(t, quiet_hours_follow_the_clock_on_the_wall);
	tcase_add_test(t, always_keep_is_a_list_of_addresses_and_domains);
	tcase_add_loop_test(t,
	    a_bad_setting_is_named_with_file_line_and_what_was_expected, 0,
	    sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(t, a_file_with_a_NUL_is_refused_and_gives_no_defaults);
	tcase_add_test(t, settings_may_be_indented_beside_a_continued_list);
	tcase_add_test(
	    t, a_list_continues_on_indented_lines_and_replaces_the_default);
	tcase_add_test(t, a_line_that_is_too_long_is_refused);
	suite_add_tcase(s, t);
	return (s);
}
