/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * noticetext - what a notice says
 */
#include <string.h>
#include <time.h>

#include <glib.h>

#include "lib/noticetext.h"
#include "lib/texts.h"
#include "roster/linkmail.h"
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
    {NOTICE_MIRRORED, TEXT_MIRRORED_SUBJECT, TEXT_MIRRORED_SUBJECT,
	TEXT_MIRRORED},
    {NOTICE_UNMIRRORED, TEXT_UNMIRRORED_SUBJECT, TEXT_UNMIRRORED_SUBJECT,
	TEXT_UNMIRRORED},
    {NOTICE_LINK, TEXT_LINK_SUBJECT, TEXT_LINK_SUBJECT, TEXT_LINK},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* Why a link has ended: of what is recorded, words, and ours for them. */
static const struct {
	const char *words;
	enum text text;
} reasons[] = {
    {"blocked", TEXT_REASON_BLOCKED},
    {"deactivated", TEXT_REASON_DEACTIVATED},
    {"does not find", TEXT_REASON_NOT_FOUND},
    {"not found", TEXT_REASON_NOT_FOUND},
};

/* A category, as the user's language has it. */
struct named {
	char *title;
	char *slug; /* NULL: not known */
	char *description;
};

/* What is in a notice. */
struct content {
	const struct texts *texts;
	const struct store_notice *notice;
	size_t kind;
	GPtrArray *lost, *gained; /* struct named */
	struct named *last;	  /* the one that was read last, or NULL */
	GPtrArray *ask;		  /* whom */
	GPtrArray *links;	  /* "ACCOUNT URL" */
	char *was, *role, *other, *reason, *count;
	bool chat;
	char date[64];
	struct text_place places[12];
};

static char *text_of(const struct content *, enum text);
static char *role_text(const struct content *, const char *);
static char *reason_text(const struct content *, const char *);
static void free_named(gpointer);
static void add_named(struct content *, GPtrArray *, const char *);
static void set(char **, char *);
static void take_people(struct content *, const char *);
static void take_line(struct content *, const char *, const char *);
static void add_title(struct content *, const char *);
static void read_detail(struct content *);
static void set_places(struct content *);
static void content_read(
    struct content *, const struct texts *, const struct store_notice *);
static void content_clear(struct content *);
static void append(struct content *, GString *, enum text);
static void append_item(GString *, const char *, const char *, bool);
static void append_list(struct content *, GString *, enum text, GPtrArray *);
static void append_people(struct content *, GString *);
static void append_links(struct content *, GString *);
static void append_author(struct content *, GString *);

/* A text without places. */
static char *
text_of(const struct content *c, enum text text)
{
	static const struct text_place none = {NULL, NULL};

	return (texts_fill(c->texts, c->notice->language, text, &none));
}

static char *
role_text(const struct content *c, const char *name)
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
	size_t i;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strcmp(roles[i].name, name) == 0)
			return (text_of(c, roles[i].text));
	}
	return (g_strdup(name));
}

static char *
reason_text(const struct content *c, const char *why)
{
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strstr(why, reasons[i].words) != NULL)
			return (text_of(c, reasons[i].text));
	}
	/* Telegram's own words are English. */
	return (text_of(c, TEXT_REASON_OTHER));
}

static void
free_named(gpointer data)
{
	struct named *n = data;

	g_free(n->title);
	g_free(n->slug);
	g_free(n->description);
	g_free(n);
}

/* Add a category: "SLUG TITLE". Its description may follow. */
static void
add_named(struct content *c, GPtrArray *list, const char *value)
{
	const char *title = strchr(value, ' '), *language, *words;
	struct named *n = g_new0(struct named, 1);

	language = c->notice->language;
	if (title == NULL) {
		n->title = g_strdup(value);
	} else {
		n->slug = g_strndup(value, (gsize)(title - value));
		n->title = g_strdup(
		    texts_title(c->texts, language, n->slug, title + 1));
		words = texts_description(c->texts, language, n->slug, NULL);
		n->description = g_strdup(words);
	}
	g_ptr_array_add(list, n);
	c->last = n;
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
	if (strcmp(key, TELL_LOST) == 0)
		add_named(c, c->lost, value);
	else if (strcmp(key, TELL_GAINED) == 0)
		add_named(c, c->gained, value);
	else if (strcmp(key, TELL_ABOUT) == 0 && c->last != NULL &&
	    c->last->description == NULL)
		c->last->description = g_strdup(value);
	else if (strcmp(key, TELL_CHAT) == 0)
		c->chat = true;
	/* An owner may become an administrator on the way: the first counts. */
	else if (strcmp(key, TELL_WAS) == 0 && strcmp(c->was, "?") == 0)
		set(&c->was, role_text(c, value));
	else if (strcmp(key, TELL_IS) == 0)
		set(&c->role, role_text(c, value));
	else if (strcmp(key, TELL_OTHER) == 0)
		set(&c->other, g_strdup(value));
	else if (strcmp(key, TELL_ASK) == 0)
		take_people(c, value);
	else if (strcmp(key, LINKMAIL_LINE) == 0)
		g_ptr_array_add(c->links, g_strdup(value));
}

/* A category by its title alone, as 0.1.0 has it. */
static void
add_title(struct content *c, const char *title)
{
	struct named *n = g_new0(struct named, 1);

	n->title = g_strdup(title);
	g_ptr_array_add(c->lost, n);
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
			set(&c->reason, reason_text(c, n->detail));
		else
			add_title(c, n->detail);
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
	const char *title =
	    titles->len > 0 ? ((struct named *)titles->pdata[0])->title : "";
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
		{"category", title},
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
content_read(
    struct content *c, const struct texts *texts, const struct store_notice *n)
{
	memset(c, 0, sizeof(*c));
	c->texts = texts;
	c->notice = n;
	while (c->kind < KINDS && strcmp(kinds[c->kind].kind, n->kind) != 0)
		c->kind++;
	/* One that a later version has made: the change of a role says least.
	 */
	if (c->kind == KINDS)
		c->kind = 2;
	c->lost = g_ptr_array_new_with_free_func(free_named);
	c->gained = g_ptr_array_new_with_free_func(free_named);
	c->ask = g_ptr_array_new_with_free_func(g_free);
	c->links = g_ptr_array_new_with_free_func(g_free);
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
	g_ptr_array_free(c->links, TRUE);
	g_free(c->was);
	g_free(c->role);
	g_free(c->other);
	g_free(c->reason);
	g_free(c->count);
}

char *
noticetext_subject(const struct texts *texts, const struct store_notice *n)
{
	struct content c;
	bool many;
	char *text;

	content_read(&c, texts, n);
	many = c.lost->len + c.gained->len != 1;
	text = texts_fill(texts, n->language,
	    many ? kinds[c.kind].many : kinds[c.kind].subject, c.places);
	content_clear(&c);
	return (text);
}

/* A paragraph. */
static void
append(struct content *c, GString *out, enum text text)
{
	char *filled =
	    texts_fill(c->texts, c->notice->language, text, c->places);

	g_string_append_printf(out, "%s%s\n", out->len > 0 ? "\n" : "", filled);
	g_free(filled);
}

static void
append_item(GString *out, const char *bullet, const char *value, bool name)
{
	char *shown = texts_line(value, name);

	g_string_append_printf(out, "  %s %s\n", bullet, shown);
	g_free(shown);
}

/* A list of categories under ${text}, if there is anything in it. */
static void
append_list(struct content *c, GString *out, enum text text, GPtrArray *list)
{
	const struct named *n;
	guint i;

	if (list->len == 0)
		return;
	append(c, out, text);
	for (i = 0; i < list->len; i++) {
		n = list->pdata[i];
		append_item(out, "-", n->title, false);
		if (n->description != NULL && *n->description != '\0')
			append_item(out, " ", n->description, false);
	}
}

/* Whom to ask. */
static void
append_people(struct content *c, GString *out)
{
	guint i;

	if (c->ask->len == 0)
		return;
	append(c, out, TEXT_ASK);
	for (i = 0; i < c->ask->len; i++)
		append_item(out, "-", c->ask->pdata[i], true);
}

static void
append_links(struct content *c, GString *out)
{
	struct text_place places[] = {{"account", NULL},
	    {"address", c->notice->address}, {"link", NULL}, {NULL, NULL}};
	char **words, *filled;
	guint i;

	for (i = 0; i < c->links->len; i++) {
		words = g_strsplit(c->links->pdata[i], " ", 2);
		places[0].value = words[0];
		places[2].value = words[1] == NULL ? "" : words[1];
		filled = texts_fill(
		    c->texts, c->notice->language, TEXT_LINK_ACCOUNT, places);
		g_string_append_printf(out, "\n%s\n", filled);
		g_free(filled);
		g_strfreev(words);
	}
	append(c, out, TEXT_LINK_IGNORE);
}

/* Who did it, and whom to ask. */
static void
append_author(struct content *c, GString *out)
{
	append(c, out,
	    strchr(c->notice->actor, '@') == NULL ? TEXT_BY_OPERATOR : TEXT_BY);
	append_people(c, out);
}

char *
noticetext_body(const struct texts *texts, const struct store_notice *n)
{
	GString *out = g_string_new(NULL);
	struct content c;
	bool chat; /* it is about the chat alone */

	content_read(&c, texts, n);
	chat = strcmp(n->kind, NOTICE_MIRRORED) == 0 ||
	    strcmp(n->kind, NOTICE_UNMIRRORED) == 0;
	append(&c, out, TEXT_HELLO);
	append(&c, out, kinds[c.kind].body);
	append_list(&c, out, chat ? TEXT_LOST_CHAT : TEXT_LOST, c.lost);
	append_list(&c, out, chat ? TEXT_GAINED_CHAT : TEXT_GAINED, c.gained);
	if (c.chat)
		append(&c, out, TEXT_CHAT);
	/* Nothing shows who asked for a link. */
	if (strcmp(n->kind, NOTICE_LINK) == 0)
		append_links(&c, out);
	else
		append_author(&c, out);
	content_clear(&c);
	return (g_string_free(out, FALSE));
}
