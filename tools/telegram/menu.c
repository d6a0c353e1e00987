/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * menu - the commands that a phone offers in a chat with the bot
 */
#include <string.h>

#include <glib.h>
#include <jansson.h>

#include "base/clock.h"
#include "lib/log.h"
#include "lib/texts.h"
#include "telegram/botapi.h"
#include "telegram/conversation.h"
#include "telegram/menu.h"
#include "telegram/outcome.h"
#include "telegram/polling.h"

/* Short, as whoever writes to the bot waits meanwhile. */
#define CALL_SECONDS 10
#define PAUSE_SECONDS 600
/* The longest pause that Telegram may ask for. */
#define PAUSE_MAX 3600

/* What it takes to offer them in one language after the other. */
struct offering {
	struct polling *polling;
	struct botapi_answer answer; /* of the last call */
	bool called, failed;
	GHashTable *files; /* languages that have one */
};

static json_t *commands(
    const struct settings *, const struct texts *, const char *, const char *);
static void offer(struct offering *, const char *, const char *);
static void note(void *, const char *, const struct textfile *);
static void offer_in(void *, const char *, const struct textfile *);
static void offer_all(struct offering *);

/* As setMyCommands takes them: without the slash. ${code} is Telegram's for the
 * language; NULL: for whoever has none of the others. */
static json_t *
commands(const struct settings *settings, const struct texts *texts,
    const char *language, const char *code)
{
	static const struct {
		const char *name;
		enum text text;
	} table[] = {
	    {"status", TEXT_BOT_MENU_STATUS},
	    {"link", TEXT_BOT_MENU_LINK},
	    {"stop", TEXT_BOT_MENU_STOP},
	};
	static const struct text_place none = {NULL, NULL};
	json_t *list = json_array(), *arguments;
	char *description;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].text == TEXT_BOT_MENU_LINK &&
		    !conversation_mails(settings))
			continue;
		description = texts_fill(texts, language, table[i].text, &none);
		json_array_append_new(list,
		    json_pack("{s:s, s:s}", "command", table[i].name,
			"description", description));
		g_free(description);
	}
	arguments = json_pack("{s:o}", "commands", list);
	if (code != NULL)
		json_object_set_new(
		    arguments, "language_code", json_string(code));
	return (arguments);
}

static void
offer(struct offering *o, const char *language, const char *code)
{
	struct polling *p = o->polling;

	if (o->failed)
		return;
	if (o->called)
		botapi_answer_clear(&o->answer);
	botapi_call(p->api, "setMyCommands",
	    commands(p->settings, p->texts, language, code), CALL_SECONDS,
	    p->interrupted, &o->answer);
	o->called = true;
	o->failed = outcome_of(&o->answer) != OUTCOME_SENT;
}

static void
note(void *ctx, const char *language, const struct textfile *file)
{
	struct offering *o = ctx;

	(void)file;
	g_hash_table_add(o->files, g_strdup(language));
}

/* Telegram knows languages of two letters. One like pt-br stands for them if it
 * is alone. */
static void
offer_in(void *ctx, const char *language, const struct textfile *file)
{
	struct offering *o = ctx;
	size_t len = strcspn(language, "-");
	char code[3] = {0};

	(void)file;
	if (len != 2)
		return;
	memcpy(code, language, len);
	if (language[len] == '\0' || g_hash_table_add(o->files, g_strdup(code)))
		offer(o, language, code);
}

/* English needs no file. */
static void
offer_all(struct offering *o)
{
	const struct texts *texts = o->polling->texts;

	o->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	offer(o, NULL, NULL);
	texts_each(texts, note, o);
	if (g_hash_table_add(o->files, g_strdup("en")))
		offer(o, "en", "en");
	texts_each(texts, offer_in, o);
	g_hash_table_destroy(o->files);
}

void
menu_offer(struct polling *p)
{
	struct menu *m = &p->menu;
	struct offering o = {.polling = p};
	int64_t pause;

	if (m->set || (m->tried && !p->reachable) || clock_boot_ms() < m->next)
		return;
	offer_all(&o);
	m->tried = true;
	m->set = !o.failed;
	if (m->set) {
		p->reachable = true;
	} else if (p->reachable && !p->interrupted()) {
		pause = o.answer.retry_after;
		if (pause < PAUSE_SECONDS)
			pause = PAUSE_SECONDS;
		if (pause > PAUSE_MAX)
			pause = PAUSE_MAX;
		m->next = clock_boot_ms() + pause * 1000;
		if (!m->warned)
			log_warning("Telegram did not take the list of the "
				    "bot's commands: %s; retrying later",
			    o.answer.text);
		m->warned = true;
	}
	botapi_answer_clear(&o.answer);
}
