/*
 * evaluate - one message put to the rules and the roster
 */
#include <string.h>

#include "address.h"
#include "arena.h"
#include "evaluate.h"
#include "facts.h"
#include "failure.h"
#include "message.h"
#include "pool.h"
#include "settings.h"
#include "tag.h"

static void as_it_came(
    struct decision *, const struct message *, enum verdict, const char *);
static int reserved(const struct settings *, const struct message *,
    struct arena *, struct decision *);
static void refuse_tag(
    struct decision *, const struct message *, struct arena *);
static void ask_roster(const struct settings *, struct pool *,
    const struct message *, bool, struct arena *, struct decision *);

/* A decision without a word of the roster; ${reason} NULL: no memory for it. */
static void
as_it_came(struct decision *decision, const struct message *message,
    enum verdict verdict, const char *reason)
{
	memset(decision, 0, sizeof(*decision));
	decision->verdict = verdict;
	decision->reason = reason == NULL ? "no memory" : reason;
	decision->kept = message->nrecipients;
	decision->undecided = verdict == VERDICT_TEMPFAIL;
}

/* Rule 7: a recipient in the milter's own domain. 1 decided, 0 there is none,
 * -1 no memory. */
static int
reserved(const struct settings *settings, const struct message *message,
    struct arena *a, struct decision *decision)
{
	size_t i;
	int found;

	for (i = 0; i < message->nrecipients; i++) {
		found = address_in_domain(
		    a, message->recipients[i], settings->telegram_domain);
		if (found == 0)
			continue;
		if (found == 1)
			as_it_came(decision, message, VERDICT_REJECT,
			    arena_printf(a,
				"%.320s lies in the reserved domain %s",
				message->recipients[i],
				settings->telegram_domain));
		return (found);
	}
	return (0);
}

/* Rule 2. There is no end to the headers that somebody may send: many are not
 * removed, and the message will not get better. */
static void
refuse_tag(
    struct decision *decision, const struct message *message, struct arena *a)
{
	if (message->more)
		as_it_came(decision, message, VERDICT_REJECT,
		    arena_printf(a,
			"client %s is not in trusted_clients, and there are "
			"more than %d X-Notify headers",
			message->client, MESSAGE_HEADERS));
	else
		as_it_came(decision, message, VERDICT_UNTRUSTED,
		    arena_printf(a,
			"client %s is not in trusted_clients; its X-Notify "
			"headers are removed",
			message->client));
}

static void
ask_roster(const struct settings *settings, struct pool *pool,
    const struct message *message, bool everybody, struct arena *a,
    struct decision *decision)
{
	struct failure failure = FAILURE_INIT;
	struct facts *facts;
	struct store *store;
	int rc;

	rc = -1;
	store = NULL;
	facts = arena_alloc(a, sizeof(*facts));
	if (facts == NULL)
		goto out;
	store = pool_take(pool, &failure);
	if (store == NULL)
		goto out;
	rc = facts_gather(
	    settings, store, message, everybody, a, facts, &failure);
	pool_put(pool, store);
	if (rc == 0)
		rc = decide(settings, message, facts, a, decision);
out:
	if (rc != 0)
		as_it_came(decision, message, VERDICT_TEMPFAIL,
		    failure.kind == FAILURE_NONE
			? NULL
			: arena_strdup(a, failure_text(&failure)));
	failure_clear(&failure);
}

void
evaluate(const struct settings *settings, struct pool *pool,
    const struct message *message, bool everybody, struct arena *a,
    struct decision *decision)
{
	switch (reserved(settings, message, a, decision)) {
	case 1:
		return;
	case -1:
		as_it_came(decision, message, VERDICT_TEMPFAIL, NULL);
		return;
	}
	if (!tag_present(message->headers, message->nheaders) &&
	    !message->more_tagged) {
		as_it_came(decision, message, VERDICT_UNTOUCHED, "no tag");
		return;
	}
	if (!message->trusted) {
		refuse_tag(decision, message, a);
		return;
	}
	ask_roster(settings, pool, message, everybody, a, decision);
}
