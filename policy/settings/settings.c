/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settings - notify-milter.conf, read and checked
 *
 * inih parses the file. It neither counts lines for its handler nor reports a
 * line that is too long, and whoever looks for a typing error needs both: our
 * reader, which it calls for each line, does that.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/failure.h"
#include "db/db_url.h"
#include "settings/settings.h"
#include "settings/value.h"

#define AT(field) offsetof(struct settings, field)
#define SECTIONS "[database], [milter], [telegram], [mail] or [texts]"
/* Of the secret of a bot's token, which has 35. */
#define TOKEN_LEAST 16
#define TOKEN_CHARACTERS                                                       \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
#define COUNT (sizeof(settings_table) / sizeof(settings_table[0]) - 1)

static const char *const expand_choices[] = {
    [EXPAND_OWNER] = "owner",
    [EXPAND_ALWAYS] = "always",
    [EXPAND_ADDRESSED] = "addressed",
    [EXPAND_NEVER] = "never",
    NULL,
};
static const char *const unknown_choices[] = {
    [UNKNOWN_DROP] = "drop",
    [UNKNOWN_KEEP] = "keep",
    NULL,
};
static const char *const bad_tag_choices[] = {
    [BAD_TAG_HOLD] = "hold",
    [BAD_TAG_REJECT] = "reject",
    [BAD_TAG_TEMPFAIL] = "tempfail",
    NULL,
};

static const char *const tell_choices[] = {
    [TELL_NOTHING] = "nothing",
    [TELL_LOSSES] = "losses",
    [TELL_ALL] = "all",
    NULL,
};

const struct setting settings_table[] = {
    {"database", "url", SETTING_DATABASE, AT(url),
	"/var/lib/notify-milter/roster.db", NULL,
	"the roster: the path of an SQLite database, or the postgresql:// URL "
	"of a PostgreSQL database",
	false},
    {"database", "read_url", SETTING_DATABASE, AT(read_url), "", NULL,
	"the postgresql:// URL of a standby that the milter asks; empty: url",
	true},
    {"database", "max_lag", SETTING_SECONDS, AT(max_lag), "10s", NULL,
	"how far a standby may lag before the primary is asked", false},
    {"milter", "socket", SETTING_SOCKET, AT(socket),
	"unix:/var/spool/postfix/notify-milter/notify-milter.sock", NULL,
	"where the MTA reaches the milter: unix:PATH, inet:PORT@HOST or "
	"inet6:PORT@HOST",
	false},
    {"milter", "user", SETTING_TEXT, AT(user), "", NULL,
	"the user to run as when started as root", true},
    {"milter", "trusted_clients", SETTING_NETWORKS, AT(trusted_clients),
	"127.0.0.0/8, ::1", NULL,
	"addresses and networks of the clients whose tags are honoured", true},
    {"milter", "trust_authenticated", SETTING_BOOLEAN, AT(trust_authenticated),
	"no", NULL, "honour the tags of SASL-authenticated clients too", false},
    {"milter", "account_domain", SETTING_DOMAIN, AT(account_domain), "", NULL,
	"the domain in which <account>@ addresses an account; empty: none",
	true},
    {"milter", "expand", SETTING_CHOICE, AT(expand), "owner", expand_choices,
	"who joins beside the people of accounts named: owner: the owners of "
	"the recipients' accounts; always: all who are entitled there; "
	"addressed: nobody; never: not even those people",
	false},
    {"milter", "unknown_recipients", SETTING_CHOICE, AT(unknown_recipients),
	"drop", unknown_choices,
	"what happens to a recipient who is not a user of any account", false},
    {"milter", "always_keep", SETTING_ADDRESSES, AT(always_keep), "", NULL,
	"addresses and @domains of recipients who always stay", true},
    {"milter", "bad_tag", SETTING_CHOICE, AT(bad_tag), "hold", bad_tag_choices,
	"what happens to a message whose tag cannot be understood", false},
    {"milter", "max_removed", SETTING_COUNT, AT(max_removed), "2000", NULL,
	"a message from which more recipients would have to be removed is held; "
	"0: no limit",
	false},
    {"milter", "monitor", SETTING_BOOLEAN, AT(monitor), "no", NULL,
	"decide and log, but change no message", false},
    {"milter", "stats_file", SETTING_PATH, AT(stats_file),
	"/var/lib/notify-milter/notify-milter.prom", NULL,
	"the file of the milter's counters, for Prometheus; empty: none", true},
    {"telegram", "domain", SETTING_DOMAIN, AT(telegram_domain),
	"telegram.invalid", NULL,
	"the domain of addresses that mean Telegram chats", false},
    {"telegram", "bot", SETTING_BOT, AT(bot), "", NULL,
	"the bot's user name, without the @", true},
    {"telegram", "token_file", SETTING_PATH, AT(token_file), "", NULL,
	"the file that holds the bot's token", true},
    {"telegram", "api", SETTING_HTTP, AT(api), "https://api.telegram.org", NULL,
	"the base URL of the Bot API", false},
    {"telegram", "proxy", SETTING_PROXY, AT(proxy), "", NULL,
	"the proxy by which the Bot API is reached: "
	"[SCHEME://][USER:PASSWORD@]HOST[:PORT]; empty: none",
	true},
    {"telegram", "max_age", SETTING_SECONDS, AT(max_age), "1d", NULL,
	"how old a message may be when it goes to a chat: a number with s, m, "
	"h or d",
	false},
    {"telegram", "quiet_hours", SETTING_HOURS, AT(quiet_hours), "", NULL,
	"when messages come to chats without a sound, like 22:00-07:00 in the "
	"time zone of the system; empty: never",
	true},
    {"telegram", "allow_groups", SETTING_BOOLEAN, AT(allow_groups), "no", NULL,
	"allow links to group chats: everybody in the group reads the messages",
	false},
    {"telegram", "link_by_mail", SETTING_BOOLEAN, AT(link_by_mail), "no", NULL,
	"the bot answers /link ADDRESS: whoever may link a chat gets links",
	false},
    {"telegram", "stats_file", SETTING_PATH, AT(telegram_stats_file),
	"/var/lib/notify-milter/notify-telegram.prom", NULL,
	"the file of notify-telegram's counters, for Prometheus; empty: none",
	true},
    {"mail", "sendmail", SETTING_PATH, AT(sendmail), "/usr/sbin/sendmail", NULL,
	"the program that takes mail from notify-milter", false},
    {"mail", "from", SETTING_ADDRESS, AT(from), "", NULL,
	"the sender of that mail; empty: the MTA's default", true},
    {"mail", "tell", SETTING_CHOICE, AT(tell), "losses", tell_choices,
	"which users are told by mail of changes: losses: who loses something; "
	"all: also who is subscribed; nothing: none",
	false},
    {"texts", "folder", SETTING_PATH, AT(texts_folder), TEXTS_FOLDER, NULL,
	"the directory with the texts that users read, a file for each "
	"language; empty: the built-in texts",
	true},
    {"texts", "language", SETTING_LANGUAGE, AT(texts_language), "en", NULL,
	"the language of those who have none, or one that has no file", false},
    {NULL, NULL, SETTING_TEXT, 0, NULL, NULL, NULL, false},
};

/* State of the inih callbacks. */
struct reading {
	FILE *stream;
	struct settings *settings;
	struct failure *failure;
	struct arena *arena;
	unsigned line;
	bool list;	      /* an indented line may continue it */
	bool continues;	      /* this line does */
	unsigned seen[COUNT]; /* line of the first value; 0 for none */
};

static int fault(struct reading *, const char *, ...) PRINTF_LIKE(2, 3);
static char *next_line(char *, int, void *);
static size_t read_line(struct reading *, char *, size_t);
static void check_section(struct reading *, const char *);
static int unknown_section(struct reading *, const char *);
static unsigned line_of(const struct reading *, size_t);
static int take(void *, const char *, const char *, const char *);
static const struct setting *look_up(const char *, const char *);
static bool is_list(const struct setting *);
static const char *bot_secret(const struct setting *, const char *);
static char *without_secrets(const struct setting *, const char *);
static int bad_value(
    struct reading *, const struct setting *, const char *, const char *);
static int set_defaults(struct reading *);
static int not_read(const char *, struct failure *);
static int read_stream(struct reading *);
static int check_kept(struct reading *);

/* Note the first fault, with file and line; returns 0, which stops inih. */
static int
fault(struct reading *r, const char *fmt, ...)
{
	va_list ap;
	const char *clean;
	char *text;

	if (r->failure->kind != FAILURE_NONE)
		return (0);
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	/* The file may have any bytes, and a terminal shows this. */
	clean = text == NULL ? NULL : escape_controls(r->arena, text);
	failure_set(r->failure, FAILURE_SETTINGS, "%s:%u: %s",
	    r->settings->file, r->line,
	    clean == NULL ? "out of memory" : clean);
	free(text);
	return (0);
}

/* As fgets(3), but a NUL does not hide the rest of the line. */
static size_t
read_line(struct reading *r, char *buf, size_t size)
{
	size_t len = 0;
	int c;

	while (len + 1 < size && (c = getc_unlocked(r->stream)) != EOF) {
		if (c == '\0')
			fault(r, "NUL byte in the line; expected text");
		buf[len++] = (char)c;
		if (c == '\n')
			break;
	}
	buf[len] = '\0';
	return (len);
}

/* A setting may be indented; an indented line without "=" continues a list. */
static char *
next_line(char *buf, int size, void *arg)
{
	struct reading *r = arg;
	size_t len, indent;

	r->line++;
	len = read_line(r, buf, (size_t)size);
	if (len == 0)
		return (NULL);
	if (len + 1 == (size_t)size && buf[len - 1] != '\n')
		fault(r,
		    "the line is too long; expected at most %d characters (an "
		    "indented line continues a list)",
		    size - 3);
	/* Skip the byte order mark that some programs write. */
	indent = r->line == 1 && strncmp(buf, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	indent += strspn(buf + indent, " \t");
	r->continues = indent > 0 && r->list && buf[strcspn(buf, "=;#")] != '=';
	if (!r->continues) {
		memmove(buf, buf + indent, len - indent + 1);
		check_section(r, buf);
	} else {
		/* inih would keep a comment here. */
		buf[indent + strcspn(buf + indent, ";")] = '\0';
	}
	return (r->failure->kind == FAILURE_NONE ? buf : NULL);
}

/* inih does not report a section without keys. */
static void
check_section(struct reading *r, const char *line)
{
	char name[64];
	size_t len;

	if (*line != '[')
		return;
	r->list = false;
	len = strcspn(line, "]\r\n");
	snprintf(name, sizeof(name), "%.*s", (int)len - 1, line + 1);
	if (line[len] != ']')
		fault(r, "no ] after the section; expected " SECTIONS);
	else if (len > sizeof(name) || look_up(name, NULL) == NULL)
		unknown_section(r, name);
}

static int
unknown_section(struct reading *r, const char *name)
{
	char *shown;

	shown = without_secrets(NULL, name);
	fault(r, "unknown section [%s]; expected " SECTIONS,
	    shown == NULL ? "" : shown);
	free(shown);
	return (0);
}

/* The setting, or with ${name} NULL the first one of the section. */
static const struct setting *
look_up(const char *section, const char *name)
{
	const struct setting *d;

	for (d = settings_table; d->section != NULL; d++) {
		if (strcmp(d->section, section) == 0 &&
		    (name == NULL || strcmp(d->name, name) == 0))
			return (d);
	}
	return (NULL);
}

/* May it continue in the next line? */
static bool
is_list(const struct setting *d)
{
	return (d->type == SETTING_NETWORKS || d->type == SETTING_ADDRESSES);
}

/* The names of the settings in a section, for a message; NULL if out of
 * memory. */
static const char *
list_names(struct arena *a, const char *section)
{
	const struct setting *d;
	const char *names = "";

	for (d = settings_table; d->section != NULL && names != NULL; d++) {
		if (strcmp(d->section, section) == 0)
			names = arena_concat(a, names,
			    *names == '\0' ? "" : ", ", d->name, NULL);
	}
	return (names);
}

/* inih's handler: one "name = value". */
static int
take(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *r = arg;
	const struct setting *d;
	const char *expected, *names;
	size_t i;
	int rc;

	if (r->failure->kind != FAILURE_NONE)
		return (0);
	d = look_up(section, name);
	r->list = d != NULL && is_list(d);
	if (d == NULL && *section == '\0')
		return (fault(r,
		    "\"%s\" is in no section; expected " SECTIONS " above it",
		    name));
	if (d == NULL && look_up(section, NULL) == NULL)
		return (unknown_section(r, section));
	if (d == NULL) {
		names = list_names(r->arena, section);
		return (fault(r, "unknown key \"%s\" in [%s]; expected %s",
		    name, section, names == NULL ? "another" : names));
	}
	i = (size_t)(d - settings_table);
	if (r->seen[i] != 0 && !r->continues)
		return (fault(r, "\"%s\" is set twice, first in line %u", name,
		    r->seen[i]));
	if (*value == '\0' && !d->optional)
		return (bad_value(r, d, value, "a value"));
	rc = value_store(d, (char *)r->settings + d->offset, value,
	    r->seen[i] == 0, r->arena, &expected);
	if (r->seen[i] == 0)
		r->seen[i] = r->line;
	if (rc == -1)
		failure_memory(r->failure);
	return (rc == 0 ? bad_value(r, d, value, expected) : rc == 1);
}

/* Where the secret of a bot's token, 123456:AAE..., begins in ${value}, or
 * NULL: somebody may put the token where its file is to be named. */
static const char *
bot_secret(const struct setting *d, const char *value)
{
	const char *colon;

	for (colon = strchr(value, ':'); colon != NULL;
	     colon = strchr(colon + 1, ':')) {
		if (d != NULL && d->offset == AT(token_file))
			return (colon + 1);
		if (colon > value && colon[-1] >= '0' && colon[-1] <= '9' &&
		    strspn(colon + 1, TOKEN_CHARACTERS) >= TOKEN_LEAST)
			return (colon + 1);
	}
	return (NULL);
}

/* ${value} of the setting ${d}, NULL for any text, without a password or a
 * token; yours to free, or NULL. */
static char *
without_secrets(const struct setting *d, const char *value)
{
	const char *secret;
	char *text;

	/* A url may stand behind the wrong key; inet:PORT@HOST is none. */
	if ((d != NULL &&
		(d->type == SETTING_DATABASE || d->type == SETTING_PROXY)) ||
	    strcasestr(value, "passw") != NULL ||
	    (strchr(value, '@') != NULL && strncmp(value, "inet", 4) != 0 &&
		value[strcspn(value, ":/")] != '\0'))
		return (db_url_shown(value));
	secret = bot_secret(d, value);
	if (secret == NULL)
		return (strdup(value));
	return (asprintf(&text, "%.*s...", (int)(secret - value), value) < 0
		? NULL
		: text);
}

static int
bad_value(struct reading *r, const struct setting *d, const char *value,
    const char *expected)
{
	char *shown;

	shown = without_secrets(d, value);
	fault(r, "bad value \"%s\" for %s; expected %s",
	    shown == NULL ? "" : shown, d->name, expected);
	free(shown);
	return (0);
}

/* Stored as values from the file are, so that none can be bad. */
static int
set_defaults(struct reading *r)
{
	const struct setting *d;
	const char *expected;
	int rc;

	for (d = settings_table; d->section != NULL; d++) {
		rc = value_store(d, (char *)r->settings + d->offset, d->value,
		    true, r->arena, &expected);
		if (rc == -1)
			return (failure_memory(r->failure));
		if (rc == 0)
			return (failure_set(r->failure, FAILURE_SETTINGS,
			    "the default of %s is bad: expected %s", d->name,
			    expected));
	}
	return (0);
}

/* The line that sets a field of struct settings; 0 for none. */
static unsigned
line_of(const struct reading *r, size_t offset)
{
	size_t i;

	for (i = 0; settings_table[i].offset != offset; i++)
		;
	return (r->seen[i]);
}

/* The file cannot be read, says errno: fill ${failure}, with what to do. */
static int
not_read(const char *file, struct failure *failure)
{
	const char *what = strerror(errno), *todo;

	switch (errno) {
	case ENOENT:
		todo = "expected the settings file (-c FILE), a copy of "
		       "postfix-sample/notify-milter.conf to begin with";
		break;
	case EACCES:
		todo = "expected to be run by root, or by a user who may read "
		       "it";
		break;
	default:
		todo = "expected the settings file (-c FILE)";
	}
	return (failure_set(failure, FAILURE_SETTINGS, "%s: %s; %s",
	    escape_name(file), what, todo));
}

static int
read_stream(struct reading *r)
{
	int line;

	line = ini_parse_stream(next_line, r, take, r);
	if (r->failure->kind != FAILURE_NONE)
		return (-1);
	if (ferror(r->stream))
		return (not_read(r->settings->file, r->failure));
	if (line != 0)
		return (failure_set(r->failure, FAILURE_SETTINGS,
		    "%s:%d: not a setting; expected \"key = value\", "
		    "\"[section]\", or a comment after #",
		    r->settings->file, line));
	return (0);
}

/* The milter removes account addresses, and refuses those of chats. */
static int
check_kept(struct reading *r)
{
	const struct settings *s = r->settings;
	const char *entry, *domain = s->account_domain;

	entry = addrlist_inside(&s->always_keep, domain);
	if (entry == NULL) {
		domain = s->telegram_domain;
		entry = addrlist_inside(&s->always_keep, domain);
	}
	if (entry == NULL)
		return (0);
	return (failure_set(r->failure, FAILURE_SETTINGS,
	    "%s:%u: bad value \"%s\" for always_keep; expected addresses and "
	    "@domains outside the domain of %s, %s",
	    s->file, line_of(r, AT(always_keep)), entry,
	    domain == s->account_domain ? "accounts" : "chats", domain));
}

struct settings *
settings_read(const char *file, struct failure *failure)
{
	struct reading r = {.failure = failure};
	int rc;

	rc = -1;
	failure_clear(failure);
	r.settings = calloc(1, sizeof(*r.settings));
	r.arena = arena_new(1 << 20);
	if (r.settings == NULL || r.arena == NULL ||
	    (r.settings->file = strdup(file)) == NULL) {
		failure_memory(failure);
		goto out;
	}
	if (set_defaults(&r) != 0)
		goto out;
	r.stream = fopen(file, "re");
	if (r.stream == NULL) {
		not_read(file, failure);
		goto out;
	}
	rc = read_stream(&r);
	if (rc == 0 && *r.settings->read_url != '\0' &&
	    !db_url_remote(r.settings->url))
		rc = failure_set(failure, FAILURE_SETTINGS,
		    "%s:%u: read_url needs a url that names the standby's "
		    "primary, not a file",
		    file, line_of(&r, AT(read_url)));
	if (rc == 0)
		rc = check_kept(&r);
	r.settings->user_line = line_of(&r, AT(user));
	r.settings->database = db_url_shown(r.settings->url);
	if (rc == 0 && r.settings->database == NULL)
		rc = failure_memory(failure);
out:
	if (r.stream != NULL)
		fclose(r.stream);
	arena_free(r.arena);
	if (rc != 0) {
		settings_free(r.settings);
		r.settings = NULL;
	}
	return (r.settings);
}

void
settings_free(struct settings *s)
{
	const struct setting *d;

	if (s == NULL)
		return;
	for (d = settings_table; d->section != NULL; d++)
		value_clear(d, (char *)s + d->offset);
	free(s->database);
	free(s->file);
	free(s);
}
