/*
 * settings - notify-milter.conf, read and checked
 *
 * inih takes the file apart. It neither counts lines for its handler nor says
 * when a line is too long for it, and both matter to somebody who looks for a
 * typing error: our reader, which it calls once for each line, does that.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <ini.h>

#include "address.h"
#include "arena.h"
#include "db.h"
#include "db_url.h"
#include "failure.h"
#include "settings.h"
#include "text.h"

#define AT(field) offsetof(struct settings, field)
#define COUNT (sizeof(settings_table) / sizeof(settings_table[0]) - 1)
#define SECONDS_MAX (366L * 24 * 3600)

static const char *const expand_choices[] = {
    [EXPAND_ADDRESSED] = "addressed",
    [EXPAND_ALWAYS] = "always",
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

const struct setting settings_table[] = {
    {"database", "url", SETTING_DATABASE, AT(url),
	"/var/lib/notify-milter/roster.db", NULL,
	"the roster: the path of an SQLite database, or the postgresql:// URL "
	"of a PostgreSQL one",
	false},
    {"database", "read_url", SETTING_DATABASE, AT(read_url), "", NULL,
	"the postgresql:// URL of a standby that the milter asks; empty: url",
	true},
    {"database", "max_lag", SETTING_SECONDS, AT(max_lag), "10s", NULL,
	"how far a standby may be behind; beyond that the primary is asked",
	false},
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
    {"milter", "expand", SETTING_CHOICE, AT(expand), "addressed",
	expand_choices,
	"whose entitled users join: of accounts addressed; always: also of the "
	"accounts of the people addressed; never: nobody's",
	false},
    {"milter", "unknown_recipients", SETTING_CHOICE, AT(unknown_recipients),
	"drop", unknown_choices,
	"what becomes of a recipient who is no user of any account", false},
    {"milter", "bad_tag", SETTING_CHOICE, AT(bad_tag), "hold", bad_tag_choices,
	"what becomes of a message whose tag cannot be understood", false},
    {"milter", "monitor", SETTING_BOOLEAN, AT(monitor), "no", NULL,
	"decide and log, but change nothing", false},
    {"milter", "stats_file", SETTING_PATH, AT(stats_file),
	"/var/lib/notify-milter/notify-milter.prom", NULL,
	"where the milter's counters go, for Prometheus; empty: nowhere", true},
    {"telegram", "domain", SETTING_DOMAIN, AT(telegram_domain),
	"telegram.invalid", NULL, "the domain that stands for Telegram chats",
	false},
    {"telegram", "bot", SETTING_TEXT, AT(bot), "", NULL,
	"the bot's user name, without the @", true},
    {"telegram", "token_file", SETTING_PATH, AT(token_file), "", NULL,
	"the file that holds the bot's token", true},
    {"telegram", "api", SETTING_TEXT, AT(api), "https://api.telegram.org", NULL,
	"the base URL of the Bot API", false},
    {"telegram", "max_age", SETTING_SECONDS, AT(max_age), "1d", NULL,
	"how old a message may be and still go to a chat: a number with s, m, "
	"h or d",
	false},
    {"telegram", "allow_groups", SETTING_BOOLEAN, AT(allow_groups), "no", NULL,
	"let group chats be linked: everybody in the group reads the messages",
	false},
    {"telegram", "stats_file", SETTING_PATH, AT(telegram_stats_file),
	"/var/lib/notify-milter/notify-telegram.prom", NULL,
	"where notify-telegram's counters go, for Prometheus; empty: nowhere",
	true},
    {"mail", "sendmail", SETTING_PATH, AT(sendmail), "/usr/sbin/sendmail", NULL,
	"the program that takes the mail that notify-milter writes", false},
    {"mail", "from", SETTING_ADDRESS, AT(from), "", NULL,
	"the sender of that mail; empty: the MTA's default", true},
    {NULL, NULL, SETTING_TEXT, 0, NULL, NULL, NULL, false},
};

/* What the inih callbacks share. */
struct reading {
	FILE *stream;
	struct settings *settings;
	struct failure *failure;
	struct arena *arena;
	unsigned line;
	bool open;	      /* an indented line goes on with a list */
	unsigned seen[COUNT]; /* line of the first value; 0 for none */
};

static int fault(struct reading *, const char *, ...) PRINTF_LIKE(2, 3);
static char *next_line(char *, int, void *);
static void check_section(struct reading *, const char *);
static int take(void *, const char *, const char *, const char *);
static const struct setting *look_up(const char *, const char *);
static int known_section(const char *);
static int bad_value(
    struct reading *, const struct setting *, const char *, const char *);
static const char *store_value(
    struct reading *, const struct setting *, const char *, unsigned);
static const char *store_text(void *, const char *);
static const char *store_database(const struct setting *, void *, const char *);
static const char *store_domain(struct reading *, void *, const char *);
static const char *store_address(struct reading *, void *, const char *);
static const char *store_choice(const struct setting *, void *, const char *);
static const char *store_boolean(void *, const char *);
static const char *store_seconds(void *, const char *);
static const char *socket_fault(const char *);
static int set_defaults(struct reading *);
static int read_stream(struct reading *);

/* Note the first fault, with file and line; returns 0, inih's "no". */
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
	/* It is shown at a terminal, and what stands in the file may be any
	 * octets. */
	clean = text == NULL ? NULL : text_clean(r->arena, text);
	failure_set(r->failure, FAILURE_SETTINGS, "%s:%u: %s",
	    r->settings->file, r->line, clean == NULL ? "no memory" : clean);
	free(text);
	return (0);
}

static char *
next_line(char *buf, int size, void *arg)
{
	struct reading *r = arg;
	char *line;
	size_t len;

	line = fgets(buf, size, r->stream);
	if (line == NULL)
		return (NULL);
	r->line++;
	len = strlen(line);
	if (len + 1 == (size_t)size && line[len - 1] != '\n') {
		fault(r,
		    "the line is too long; expected at most %d characters (a "
		    "list may go on in the next line, indented)",
		    size - 3);
		return (NULL);
	}
	check_section(r, line);
	return (r->failure->kind == FAILURE_NONE ? line : NULL);
}

/* inih says nothing of a section without keys. */
static void
check_section(struct reading *r, const char *line)
{
	char name[64];
	size_t len;

	/* "[::1]" in a list is none. */
	if (r->open && (*line == ' ' || *line == '\t'))
		return;
	line += strspn(line, " \t");
	if (*line != '[')
		return;
	r->open = false;
	if ((len = strcspn(line, "]")) >= sizeof(name))
		return;
	snprintf(name, sizeof(name), "%.*s", (int)len - 1, line + 1);
	if (line[len] == ']' && !known_section(name))
		fault(r,
		    "unknown section [%s]; expected [database], [milter], "
		    "[telegram] or [mail]",
		    name);
}

static const struct setting *
look_up(const char *section, const char *name)
{
	const struct setting *d;

	for (d = settings_table; d->section != NULL; d++) {
		if (strcmp(d->section, section) == 0 &&
		    strcmp(d->name, name) == 0)
			return (d);
	}
	return (NULL);
}

static int
known_section(const char *section)
{
	const struct setting *d;

	for (d = settings_table; d->section != NULL; d++) {
		if (strcmp(d->section, section) == 0)
			return (1);
	}
	return (0);
}

/* The names that could have been meant, for a message. */
static void
list_names(char *out, size_t size, const char *section)
{
	const struct setting *d;
	size_t len;

	out[0] = '\0';
	len = 0;
	for (d = settings_table; d->section != NULL; d++) {
		if (strcmp(d->section, section) != 0 || len >= size)
			continue;
		len += (size_t)snprintf(out + len, size - len, "%s%s",
		    len == 0 ? "" : ", ", d->name);
	}
}

/* inih's handler: one "name = value". */
static int
take(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *r = arg;
	const struct setting *d;
	const char *expected;
	char names[512];
	size_t i;

	if (r->failure->kind != FAILURE_NONE)
		return (0);
	r->open = true;
	d = look_up(section, name);
	if (d == NULL && *section == '\0')
		return (fault(r,
		    "\"%s\" stands before the first section; expected "
		    "[database], [milter], [telegram] or [mail] above it",
		    name));
	if (d == NULL && !known_section(section))
		return (fault(r,
		    "unknown section [%s]; expected [database], [milter], "
		    "[telegram] or [mail]",
		    section));
	if (d == NULL) {
		list_names(names, sizeof(names), section);
		return (fault(r, "unknown key \"%s\" in [%s]; expected %s",
		    name, section, names));
	}
	i = (size_t)(d - settings_table);
	if (r->seen[i] != 0 && d->type != SETTING_NETWORKS)
		return (fault(r, "\"%s\" is set twice; first in line %u", name,
		    r->seen[i]));
	expected = NULL;
	if (*value == '\0' && !d->optional)
		expected = "a value";
	if (expected == NULL)
		expected = store_value(r, d, value, r->seen[i]);
	r->seen[i] = r->line;
	if (expected != NULL)
		return (bad_value(r, d, value, expected));
	return (1);
}

/* Say so, but for a password. */
static int
bad_value(struct reading *r, const struct setting *d, const char *value,
    const char *expected)
{
	char *shown;

	shown =
	    d->type == SETTING_DATABASE ? db_url_shown(value) : strdup(value);
	fault(r, "bad value \"%s\" for %s; expected %s",
	    shown == NULL ? "" : shown, d->name, expected);
	free(shown);
	return (0);
}

/* Store ${value}; NULL, or what was expected instead. */
static const char *
store_value(struct reading *r, const struct setting *d, const char *value,
    unsigned seen)
{
	void *field = (char *)r->settings + d->offset;
	struct netlist *list;
	const char *why;

	switch (d->type) {
	case SETTING_PATH:
		if (*value != '\0' && *value != '/')
			return ("a path that begins with /");
		return (store_text(field, value));
	case SETTING_DATABASE:
		return (store_database(d, field, value));
	case SETTING_SOCKET:
		why = socket_fault(value);
		return (why != NULL ? why : store_text(field, value));
	case SETTING_TEXT:
		return (store_text(field, value));
	case SETTING_DOMAIN:
		return (store_domain(r, field, value));
	case SETTING_ADDRESS:
		return (store_address(r, field, value));
	case SETTING_NETWORKS:
		list = field;
		/* The first value replaces the default; more lines add. */
		if (seen == 0)
			netlist_clear(list);
		if (netlist_add(list, value, &why) == 1)
			return (NULL);
		return (strncmp(why, "expected ", 9) == 0 ? why + 9 : why);
	case SETTING_BOOLEAN:
		return (store_boolean(field, value));
	case SETTING_CHOICE:
		return (store_choice(d, field, value));
	case SETTING_SECONDS:
		return (store_seconds(field, value));
	}
	return ("nothing of the kind");
}

static const char *
store_text(void *field, const char *value)
{
	char **text = field;

	free(*text);
	*text = strdup(value);
	return (*text == NULL ? "memory to be there" : NULL);
}

static const char *
store_database(const struct setting *d, void *field, const char *value)
{
	const char *why = NULL;

	if (*value != '\0' && d->optional && !db_url_remote(value))
		return ("postgresql://..., or nothing");
	if (*value != '\0')
		why = db_expected(value);
	return (why != NULL ? why : store_text(field, value));
}

static const char *
store_domain(struct reading *r, void *field, const char *value)
{
	struct address address;
	const char *why;
	char *mailbox;

	if (*value == '\0')
		return (store_text(field, value));
	mailbox = arena_printf(r->arena, "x@%s", value);
	if (mailbox == NULL)
		return ("memory to be there");
	if (strchr(value, '@') != NULL ||
	    address_read_strict(r->arena, mailbox, &address, &why) != 1)
		return ("a domain name");
	return (store_text(field, address.domain));
}

static const char *
store_address(struct reading *r, void *field, const char *value)
{
	struct address address;
	const char *why;

	if (*value == '\0')
		return (store_text(field, value));
	if (address_read_strict(r->arena, value, &address, &why) != 1)
		return ("a mail address");
	return (store_text(field, address.wire));
}

static const char *
store_boolean(void *field, const char *value)
{
	bool *flag = field;

	if (strcasecmp(value, "yes") == 0)
		*flag = true;
	else if (strcasecmp(value, "no") == 0)
		*flag = false;
	else
		return ("yes or no");
	return (NULL);
}

static const char *
store_choice(const struct setting *d, void *field, const char *value)
{
	unsigned *choice = field;
	unsigned i;

	for (i = 0; d->choices[i] != NULL; i++) {
		if (strcasecmp(value, d->choices[i]) == 0) {
			*choice = i;
			return (NULL);
		}
	}
	if (d->choices == expand_choices)
		return ("addressed, always or never");
	if (d->choices == unknown_choices)
		return ("drop or keep");
	return ("hold, reject or tempfail");
}

static const char *
store_seconds(void *field, const char *value)
{
	static const struct {
		char unit;
		long seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	long *seconds = field, n, factor;
	size_t i;
	char *end;

	errno = 0;
	n = strtol(value, &end, 10);
	factor = *end == '\0' ? 1 : 0;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (*end == units[i].unit && end[1] == '\0')
			factor = units[i].seconds;
	}
	if (end == value || factor == 0 || errno != 0 || n < 1 ||
	    n > SECONDS_MAX / factor)
		return ("a time from 1s to 366d, like 90s, 15m, 12h or 1d");
	*seconds = n * factor;
	return (NULL);
}

/* What was expected if ${value} is no address of a socket, or NULL. */
static const char *
socket_fault(const char *value)
{
	const char *path, *at;
	long port;
	char *end;

	if (strncmp(value, "unix:", 5) == 0 ||
	    strncmp(value, "local:", 6) == 0) {
		path = strchr(value, ':') + 1;
		if (*path != '/')
			return ("unix: and a path that begins with /");
		if (strlen(path) > 107)
			return ("a path of at most 107 characters");
		return (NULL);
	}
	if (strncmp(value, "inet:", 5) != 0 && strncmp(value, "inet6:", 6) != 0)
		return ("unix:PATH, inet:PORT@HOST or inet6:PORT@HOST");
	port = strtol(strchr(value, ':') + 1, &end, 10);
	at = strchr(value, '@');
	if (port < 1 || port > 65535 || end != at || at[1] == '\0')
		return ("inet:PORT@HOST with a port from 1 to 65535");
	return (NULL);
}

/* Through the same door as values from the file, so that none can be bad. */
static int
set_defaults(struct reading *r)
{
	const struct setting *d;
	const char *expected;

	for (d = settings_table; d->section != NULL; d++) {
		expected = store_value(r, d, d->value, 0);
		if (expected != NULL)
			return (failure_set(r->failure, FAILURE_SETTINGS,
			    "the default of %s is bad: expected %s", d->name,
			    expected));
	}
	return (0);
}

static int
read_stream(struct reading *r)
{
	int line;

	line = ini_parse_stream(next_line, r, take, r);
	if (r->failure->kind != FAILURE_NONE)
		return (-1);
	if (ferror(r->stream))
		return (failure_set(r->failure, FAILURE_SETTINGS, "%s: %s",
		    r->settings->file, strerror(errno)));
	if (line != 0)
		return (failure_set(r->failure, FAILURE_SETTINGS,
		    "%s:%d: not a setting; expected \"key = value\", "
		    "\"[section]\", or a comment after #",
		    r->settings->file, line));
	return (0);
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
		failure_set(failure, FAILURE_MEMORY, "no memory");
		goto out;
	}
	if (set_defaults(&r) != 0)
		goto out;
	r.stream = fopen(file, "re");
	if (r.stream == NULL) {
		failure_set(failure, FAILURE_SETTINGS,
		    "%s: %s; expected the settings file (-c FILE)", file,
		    strerror(errno));
		goto out;
	}
	rc = read_stream(&r);
	if (rc == 0 && *r.settings->read_url != '\0' &&
	    !db_url_remote(r.settings->url))
		rc = failure_set(failure, FAILURE_SETTINGS,
		    "%s: read_url names a standby, and url a file; expected "
		    "url to name the standby's primary",
		    file);
	r.settings->database = db_url_shown(r.settings->url);
	if (rc == 0 && r.settings->database == NULL)
		rc = failure_set(failure, FAILURE_MEMORY, "no memory");
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
	void *field;

	if (s == NULL)
		return;
	for (d = settings_table; d->section != NULL; d++) {
		field = (char *)s + d->offset;
		switch (d->type) {
		case SETTING_PATH:
		case SETTING_DATABASE:
		case SETTING_SOCKET:
		case SETTING_TEXT:
		case SETTING_DOMAIN:
		case SETTING_ADDRESS:
			free(*(char **)field);
			break;
		case SETTING_NETWORKS:
			netlist_clear(field);
			break;
		case SETTING_BOOLEAN:
		case SETTING_CHOICE:
		case SETTING_SECONDS:
			break;
		}
	}
	free(s->database);
	free(s->file);
	free(s);
}
