/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * menu - the commands that a phone offers in a chat with the bot
 */
#include <jansson.h>

#include "base/clock.h"
#include "lib/log.h"
#include "telegram/botapi.h"
#include "telegram/menu.h"
#include "telegram/outcome.h"
#include "telegram/polling.h"

/* Short, as whoever writes to the bot waits meanwhile. */
#define CALL_SECONDS 10
#define PAUSE_SECONDS 600

static json_t *commands(void);

/* As setMyCommands takes them: without the slash. */
static json_t *
commands(void)
{
	static const struct {
		const char *name, *description;
	} table[] = {
	    {"status", "what this chat is linked to"},
	    {"stop", "end the links of this chat"},
	};
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		json_array_append_new(list,
		    json_pack("{s:s, s:s}", "command", table[i].name,
			"description", table[i].description));
	return (json_pack("{s:o}", "commands", list));
}

void
menu_offer(struct polling *p)
{
	struct menu *m = &p->menu;
	struct botapi_answer answer;

	if (m->set || (m->tried && !p->reachable) || clock_boot_ms() < m->next)
		return;
	botapi_call(p->api, "setMyCommands", commands(), CALL_SECONDS,
	    p->interrupted, &answer);
	m->tried = true;
	m->set = outcome_of(&answer) == OUTCOME_SENT;
	if (m->set) {
		p->reachable = true;
	} else if (p->reachable && !p->interrupted()) {
		m->next = clock_boot_ms() +
		    (answer.retry_after > PAUSE_SECONDS ? answer.retry_after
							: PAUSE_SECONDS) *
			1000;
		if (!m->warned)
			log_warning("Telegram did not take the list of the "
				    "bot's commands: %s; retrying later",
			    answer.text);
		m->warned = true;
	}
	botapi_answer_clear(&answer);
}
