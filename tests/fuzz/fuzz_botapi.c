/*
 * fuzz_botapi - any octets as an answer of the Bot API, and as updates
 */
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "botapi.h"
#include "commands.h"
#include "failure.h"
#include "fuzz.h"
#include "membership.h"
#include "outcome.h"
#include "settings.h"
#include "store.h"
#include "text.h"
#include "update.h"

int LLVMFuzzerInitialize(int *, char ***);
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct settings settings;
static struct store *store;

static void end(void);
static void answer_update(const json_t *);

static void
end(void)
{
	store_close(store);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct failure failure = FAILURE_INIT;

	(void)argc;
	(void)argv;
	fuzz_roster(&settings);
	store = store_open(settings.url, DB_WRITE, 1000, &failure);
	MUST(store != NULL);
	atexit(end);
	return (0);
}

static void
answer_update(const json_t *update)
{
	struct failure failure = FAILURE_INIT;
	struct changes c = {.store = store,
	    .settings = &settings,
	    .failure = &failure,
	    .actor = "telegram chat",
	    .now = 2000};
	const char *text = NULL;
	struct update u;

	if (update_read(update, &u) != 1)
		return;
	MUST(u.id >= 0 && u.id < INT64_MAX);
	c.arena = arena_new((size_t)8 << 20);
	MUST(c.arena != NULL && store_begin(store, DB_WRITE) == 0);
	MUST(commands_answer(&c, &u.said, &text) != -1);
	MUST(text == NULL || *text != '\0');
	/* Nobody gets a link without a token, and there is none here. */
	MUST(c.n == 0);
	store_end(store);
	arena_free(c.arena);
	failure_clear(&failure);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const long statuses[] = {200, 400, 401, 403, 404, 409, 429, 502};
	struct botapi_answer answer = {0};
	enum outcome outcome;
	size_t i;

	answer.status = size == 0 ? 0 : statuses[data[0] % 8];
	data += size > 0;
	size -= size > 0;
	botapi_understand(&answer, (const char *)data, size);
	MUST(memchr(answer.text, '\0', sizeof(answer.text)) != NULL);
	MUST(text_is_line(answer.text));
	outcome = outcome_of(&answer);
	/* What was not said to be sent is not; what nobody understood ends no
	 * link. */
	if (outcome == OUTCOME_SENT)
		MUST(answer.status == 200 && answer.understood && answer.ok);
	if (!answer.understood)
		MUST(outcome == OUTCOME_AGAIN || outcome == OUTCOME_TOKEN);
	if (outcome == OUTCOME_MOVED)
		MUST(answer.migrate_to != 0);
	MUST(outcome_name(outcome) != NULL);
	for (i = 0; i < json_array_size(answer.result); i++)
		answer_update(json_array_get(answer.result, i));
	botapi_answer_clear(&answer);
	return (0);
}
