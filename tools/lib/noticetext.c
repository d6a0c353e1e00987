/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * noticetext - what a notice says
 */
#include <string.h>
#include <time.h>

#include <glib.h>

#include "lib/noticetext.h"
#include "lib/texts.h"
#include "roster/tell.h"
#include "store/store.h"
#include "store/store_notice.h"

static const struct {
	const char *kind;
	enum text subject, many, body; /* ${many}: of several categories */
} kinds[] = {
    {"subscribed", TEXT_SUBSCRIBED_SUBJECT, TEXT_SUBSCRIBED_SUBJECT_MANY,
	TEXT_SUBSCRIBED},
    {NOTICE_UNSUBSCRIBED, TEXT_UNSUBSCRIBED_SUBJECT,
	TEXT_UNSUBSCRIBED_SUBJECT_MANY, TEXT_UNSUBSCRIBED},
    {"role", TEXT_ROLE_SUBJECT, TEXT_ROLE_SUBJECT, TEXT_ROLE},
    {"owner", TEXT_OWNER_SUBJECT, TEXT_OWNER_SUBJECT, TEXT_OWNER},
    {"handed-over", TEXT_HANDED_OVER_SUBJECT, TEXT_HANDED_OVER_SUBJECT,
	TEXT_HANDED_OVER},
    {"address", TEXT_ADDRESS_SUBJECT, TEXT_ADDRESS_SUBJECT, TEXT_ADDRESS},
    {"removed", TEXT_REMOVED_SUBJECT, TEXT_REMOVED_SUBJECT, TEXT_REMOVED},
    {"account-removed", TEXT_ACCOUNT_REMOVED_SUBJECT,
	TEXT_ACCOUNT_REMOVED_SUBJECT, TEXT_ACCOUNT_REMOVED},
    {"forgotten", TEXT_FORGOTTEN_SUBJECT, TEXT_FORGOTTEN_SUBJECT,
	TEXT_FORGOTTEN},
    {NOTICE_TELEGRAM_END, TEXT_TELEGRAM_END_SUBJECT, TEXT_TELEGRAM_END_SUBJECT,
	TEXT_TELEGRAM_END},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* What is in a notice. */
struct content {
	const struct store_notice *notice;
	size_t kind;
	GPtrArray *lost, *gained; /* titles */
	GPtrArray *ask;		  /* whom */
	char *was, *role, *other, *reason, *count;
	bool chat;
	char date[64];
	struct text_place places[12];
};

static char *role_text(const char *);
static void set(char **, char *);
static void take_people(struct content *, const char *);
static void take_line(struct content *, const char *, const char *);
static void read_detail(struct content *);
static void set_places(struct content *);
static void content_read(struct content *, const struct store_notice *);
static void content_clear(struct content *);
static void append(struct content *, GString *, enum text);
static void append_list(struct content *, GString *, enum text, GPtrArray *);

static char *
role_text(const char *name)
{
	static const struct {
		const char *name;
		enum text text;
	} roles[] = {
	    {"owner", TEXT_ROLE_OWNER},
	    {"user-admin", TEXT_ROLE_USER_ADMIN},
	    {"member", TEXT_ROLE_MEMBER},
	    {"subscriber", TEXT_ROLE_SUBSCRIBER},
	};
	static const struct text_place none = {NULL, NULL};
	size_t i;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strcmp(roles[i].name, name) == 0)
			return (texts_fill(roles[i].text, &none));
	}
	return (g_strdup(name));
}

static void
set(char **field, char *value)
{
	g_free(*field);
	*field = value;
}

static void
take_people(struct content *c, const char *list)
{
	char **people = g_strsplit(list, ", ", -1), **p;

	for (p = people; *p != NULL; p++) {
		if (**p != '\0')
			g_ptr_array_add(c->ask, g_strdup(*p));
	}
	g_strfreev(people);
}

static void
take_line(struct content *c, const char *key, const char *value)
{
	const char *title = strchr(value, ' ');

	title = title == NULL ? value : title + 1;
	if (strcmp(key, TELL_LOST) == 0)
		g_ptr_array_add(c->lost, g_strdup(title));
	else if (strcmp(key, TELL_GAINED) == 0)
		g_ptr_array_add(c->gained, g_strdup(title));
	else if (strcmp(key, TELL_CHAT) == 0)
		c->chat = true;
	else if (strcmp(key, TELL_WAS) == 0)
		set(&c->was, role_text(value));
	else if (strcmp(key, TELL_IS) == 0)
		set(&c->role, role_text(value));
	else if (strcmp(key, TELL_OTHER) == 0)
		set(&c->other, g_strdup(value));
	else if (strcmp(key, TELL_ASK) == 0)
		take_people(c, value);
}

/* The lines of tell.h, or a text: what the program of a chat has recorded, and
 * 0.1.0. */
static void
read_detail(struct content *c)
{
	const struct store_notice *n = c->notice;
	char **lines, **line, *value;

	if (strchr(n->detail, '\n') == NULL) {
		if (strcmp(n->kind, NOTICE_TELEGRAM_END) == 0)
			set(&c->reason, g_strdup(n->detail));
		else
			g_ptr_array_add(c->lost, g_strdup(n->detail));
		return;
	}
	lines = g_strsplit(n->detail, "\n", -1);
	for (line = lines; *line != NULL; line++) {
		value = strchr(*line, ' ');
		if (value == NULL)
			continue;
		*value = '\0';
		take_line(c, *line, value + 1);
	}
	g_strfreev(lines);
}

static void
set_places(struct content *c)
{
	const struct store_notice *n = c->notice;
	GPtrArray *titles = c->lost->len > 0 ? c->lost : c->gained;
	time_t at = (time_t)n->at;
	struct tm tm;

	if (gmtime_r(&at, &tm) == NULL ||
	    strftime(c->date, sizeof(c->date), "%Y-%m-%d %H:%M UTC", &tm) == 0)
		strcpy(c->date, "?");
	c->count = g_strdup_printf("%u", titles->len);
	memcpy(c->places,
	    (struct text_place[]){
		{"account", n->account},
		{"address", n->address},
		{"actor", n->actor},
		{"date", c->date},
		{"category",
		    titles->len > 0 ? titles->pdata[0] : (gpointer) ""},
		{"count", c->count},
		{"was", c->was},
		{"role", c->role},
		{"other", c->other},
		{"reason", c->reason},
		{NULL, NULL},
	    },
	    11 * sizeof(c->places[0]));
}

static void
content_read(struct content *c, const struct store_notice *n)
{
	memset(c, 0, sizeof(*c));
	c->notice = n;
	while (c->kind < KINDS && strcmp(kinds[c->kind].kind, n->kind) != 0)
		c->kind++;
	/* One that a later version has made: the change of a role says least.
	 */
	if (c->kind == KINDS)
		c->kind = 2;
	c->lost = g_ptr_array_new_with_free_func(g_free);
	c->gained = g_ptr_array_new_with_free_func(g_free);
	c->ask = g_ptr_array_new_with_free_func(g_free);
	c->was = g_strdup("?");
	c->role = g_strdup("?");
	c->other = g_strdup("?");
	c->reason = g_strdup("?");
	read_detail(c);
	set_places(c);
}

static void
content_clear(struct content *c)
{
	g_ptr_array_free(c->lost, TRUE);
	g_ptr_array_free(c->gained, TRUE);
	g_ptr_array_free(c->ask, TRUE);
	g_free(c->was);
	g_free(c->role);
	g_free(c->other);
	g_free(c->reason);
	g_free(c->count);
}

char *
noticetext_subject(const struct store_notice *n)
{
	struct content c;
	bool many;
	char *text;

	content_read(&c, n);
	many = c.lost->len + c.gained->len != 1;
	text = texts_fill(
	    many ? kinds[c.kind].many : kinds[c.kind].subject, c.places);
	content_clear(&c);
	return (text);
}

/* A paragraph. */
static void
append(struct content *c, GString *out, enum text text)
{
	char *filled = texts_fill(text, c->places);

	g_string_append_printf(out, "%s%s\n", out->len > 0 ? "\n" : "", filled);
	g_free(filled);
}

/* A list under ${text}, if there is anything in it. */
static void
append_list(struct content *c, GString *out, enum text text, GPtrArray *values)
{
	char *value;
	guint i;

	if (values->len == 0)
		return;
	append(c, out, text);
	for (i = 0; i < values->len; i++) {
		value = texts_value(values->pdata[i]);
		g_string_append_printf(out, "  - %s\n", value);
		g_free(value);
	}
}

char *
noticetext_body(const struct store_notice *n)
{
	GString *out = g_string_new(NULL);
	struct content c;

	content_read(&c, n);
	append(&c, out, TEXT_HELLO);
	append(&c, out, kinds[c.kind].body);
	append_list(&c, out, TEXT_LOST, c.lost);
	append_list(&c, out, TEXT_GAINED, c.gained);
	if (c.chat)
		append(&c, out, TEXT_CHAT);
	append(&c, out,
	    strchr(n->actor, '@') == NULL ? TEXT_BY_OPERATOR : TEXT_BY);
	append_list(&c, out, TEXT_ASK, c.ask);
	content_clear(&c);
	return (g_string_free(out, FALSE));
}
