/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evaluate - one message is decided by the rules and the roster
 */
#include <string.h>

#include "base/arena.h"
#include "base/failure.h"
#include "decision/evaluate.h"
#include "decision/facts.h"
#include "decision/message.h"
#include "decision/pool.h"
#include "decision/tag.h"
#include "settings/settings.h"
#include "terms/address.h"

/* A message to look up. */
struct asking {
	const struct settings *settings;
	struct pool *pool;
	const struct message *message;
	bool everybody;
	struct arena *arena;
};

static int reserved(const struct settings *, const struct message *,
    struct arena *, struct decision *);
static void refuse_tag(
    struct decision *, const struct message *, struct arena *);
static int ask(const struct asking *, enum pool_side, struct facts *,
    struct failure *, struct evaluate_standby *);
static const char *detour_text(
    const struct asking *, const struct failure *, enum standby_news);
static int ask_either(const struct asking *, struct facts *, struct failure *,
    struct evaluate_standby *);
static void ask_roster(
    const struct asking *, struct decision *, struct evaluate_standby *);

/* Rule 7: rejects a message to the milter's own domain. 1 rejected, 0 no such
 * recipient, -1 out of memory. */
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
			decide_leave(decision, message, VERDICT_REJECT,
			    arena_printf(a,
				"%.320s lies in the reserved domain %s",
				message->recipients[i],
				settings->telegram_domain));
		return (found);
	}
	return (0);
}

/* Rule 2. Headers beyond MESSAGE_HEADERS were not kept and cannot be removed,
 * so the message is rejected. */
static void
refuse_tag(
    struct decision *decision, const struct message *message, struct arena *a)
{
	if (message->more)
		decide_leave(decision, message, VERDICT_REJECT,
		    arena_printf(a,
			"client %s is not in trusted_clients, and there are "
			"more than %d X-Notify headers",
			message->client, MESSAGE_HEADERS));
	else
		decide_leave(decision, message, VERDICT_UNTRUSTED,
		    arena_printf(a,
			"client %s is not in trusted_clients; its X-Notify "
			"headers are removed",
			message->client));
}

/* Asks one server. */
static int
ask(const struct asking *q, enum pool_side side, struct facts *facts,
    struct failure *failure, struct evaluate_standby *standby)
{
	enum standby_news news;
	struct store *store;
	int rc;

	store = pool_take(q->pool, side, failure);
	if (store == NULL)
		return (-1);
	rc = facts_gather(q->settings, store, q->message, q->everybody,
	    q->arena, facts, failure);
	news = pool_put(q->pool, side, store);
	if (news != STANDBY_NONE)
		standby->news = news;
	return (rc);
}

/* Why the primary was asked instead, if an operator should know; else NULL. Lag
 * alone is no reason: on an idle primary it only grows. A standby that stays
 * late is reported once, not with each message. */
static const char *
detour_text(const struct asking *q, const struct failure *failure,
    enum standby_news news)
{
	if (failure->kind != FAILURE_STALE)
		return (arena_strdup(q->arena, failure_text(failure)));
	if (news != STANDBY_LATE)
		return (NULL);
	return (arena_printf(
	    q->arena, "%s, and does not catch up", failure_text(failure)));
}

/* Asks the standby, if there is one, and the primary when that fails. Notes any
 * standby warning in ${standby}. */
static int
ask_either(const struct asking *q, struct facts *facts, struct failure *failure,
    struct evaluate_standby *standby)
{
	enum pool_side side = pool_side(q->pool);
	struct failure other = FAILURE_INIT;
	int rc;

	rc = ask(q, side, facts, failure, standby);
	if (rc == 0 || side == POOL_PRIMARY ||
	    !pool_turn(q->pool, failure->kind))
		return (rc);
	rc = ask(q, POOL_PRIMARY, facts, &other, standby);
	if (rc != 0)
		failure_set(failure, other.kind, "%s; %s",
		    failure_text(failure), failure_text(&other));
	else
		standby->detour = detour_text(q, failure, standby->news);
	failure_clear(&other);
	return (rc);
}

static void
ask_roster(const struct asking *q, struct decision *decision,
    struct evaluate_standby *standby)
{
	struct failure failure = FAILURE_INIT;
	struct facts *facts;
	int rc;

	rc = -1;
	facts = arena_alloc(q->arena, sizeof(*facts));
	if (facts != NULL)
		rc = ask_either(q, facts, &failure, standby);
	if (rc == 0)
		rc = decide(q->settings, q->message, facts, q->arena, decision);
	if (rc != 0)
		decide_fail(decision, q->message,
		    failure.kind == FAILURE_NONE
			? NULL
			: arena_strdup(q->arena, failure_text(&failure)));
	failure_clear(&failure);
}

void
evaluate(const struct settings *settings, struct pool *pool,
    const struct message *message, bool everybody, struct arena *a,
    struct decision *decision, struct evaluate_standby *standby)
{
	const struct asking q = {settings, pool, message, everybody, a};
	struct evaluate_standby unread;

	if (standby == NULL)
		standby = &unread;
	memset(decision, 0, sizeof(*decision));
	memset(standby, 0, sizeof(*standby));

	switch (reserved(settings, message, a, decision)) {
	case 1:
		return;
	case -1:
		decide_fail(decision, message, NULL);
		return;
	}
	if (!tag_present(message)) {
		decide_leave(decision, message, VERDICT_UNTOUCHED, "no tag");
		return;
	}
	if (!message->trusted) {
		refuse_tag(decision, message, a);
		return;
	}
	ask_roster(&q, decision, standby);
}
