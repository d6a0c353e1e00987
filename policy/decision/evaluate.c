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
#include "terms/stamp.h"

/* A message to look up. */
struct asking {
	const struct settings *settings;
	struct pool *pool;
	const struct message *message;
	bool everybody;
	struct arena *arena;
	const char *chat; /* a recipient in the Telegram domain, or NULL */
};

static void refuse_recipient(
    const struct asking *, const char *, struct decision *);
static bool may_be_mirror(const struct asking *, const struct address *);
static int reserved(struct asking *, struct decision *);
static const char *wrong_mirror(const struct asking *, const struct facts *);
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

static void
refuse_recipient(
    const struct asking *q, const char *recipient, struct decision *decision)
{
	decide_leave(decision, q->message, VERDICT_REJECT,
	    arena_printf(q->arena, "%.320s lies in the reserved domain %s",
		recipient, q->settings->telegram_domain));
	decision->reserved = true;
}

/* Is it written as the milter writes a mirror? */
static bool
may_be_mirror(const struct asking *q, const struct address *address)
{
	const char *check;
	char local[64];
	int64_t link;
	size_t len = address_local_length(address->key);

	if (strcmp(address->domain, q->settings->telegram_domain) != 0 ||
	    len >= sizeof(local))
		return (false);
	memcpy(local, address->key, len);
	local[len] = '\0';
	return (stamp_chat(local, &link, &check) && check != NULL);
}

/*
 * Rule 7: rejects a message to the milter's own domain, unless it may be one to
 * which the milter has added a mirror: then q->chat. 1 rejected, 0, -1 out of
 * memory.
 */
static int
reserved(struct asking *q, struct decision *decision)
{
	const struct message *message = q->message;
	bool trusted = message->trusted && tag_present(message);
	struct address address;
	size_t i;
	int found;

	for (i = 0; i < message->nrecipients; i++) {
		found = address_in_domain(q->arena, message->recipients[i],
		    q->settings->telegram_domain);
		if (found == 0)
			continue;
		if (found == 1)
			found = address_read(
			    q->arena, message->recipients[i], &address);
		if (found == -1)
			return (-1);
		if (found == 0 || !trusted || !may_be_mirror(q, &address)) {
			refuse_recipient(q, message->recipients[i], decision);
			return (1);
		}
		q->chat = message->recipients[i];
	}
	return (0);
}

/* A recipient in the Telegram domain whose check is not right for this message;
 * NULL if there is none. */
static const char *
wrong_mirror(const struct asking *q, const struct facts *facts)
{
	const struct message *message = q->message;
	const struct fact_recipient *r;
	bool nameless;
	size_t i;

	if (facts->key == NULL || facts->category.id == 0)
		return (q->chat);
	for (i = 0; i < message->nrecipients; i++) {
		r = &facts->recipients[i];
		if (r->link == 0)
			continue;
		if (message->id == NULL ||
		    !stamp_is_mirror(facts->key, r->link, facts->category.slug,
			message->id, r->check, &nameless))
			return (message->recipients[i]);
	}
	return (NULL);
}

/* Rule 2. To remove many headers from a long message would take the MTA too
 * long. */
static void
refuse_tag(
    struct decision *decision, const struct message *message, struct arena *a)
{
	if (message->no_client)
		decide_leave(decision, message, VERDICT_REJECT,
		    "the MTA knows no address of the client (sendmail -bs "
		    "without submit.cf?), so its X-Notify headers cannot be "
		    "honoured");
	else if (message->nheaders > MESSAGE_REMOVED_HEADERS)
		decide_leave(decision, message, VERDICT_REJECT,
		    arena_printf(a,
			"client %s is not in trusted_clients, and there are "
			"more than %d X-Notify headers",
			message->client, MESSAGE_REMOVED_HEADERS));
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
	const char *wrong;
	int rc;

	rc = -1;
	facts = arena_alloc(q->arena, sizeof(*facts));
	if (facts != NULL)
		rc = ask_either(q, facts, &failure, standby);
	wrong = rc == 0 && q->chat != NULL ? wrong_mirror(q, facts) : NULL;
	if (wrong != NULL)
		refuse_recipient(q, wrong, decision);
	else if (rc == 0)
		rc = decide(q->settings, q->message, facts, q->arena, decision);
	if (rc != 0) {
		decide_fail(decision, q->message,
		    failure.kind == FAILURE_NONE
			? NULL
			: arena_strdup(q->arena, failure_text(&failure)));
		decision->reserved = q->chat != NULL;
	}
	failure_clear(&failure);
}

void
evaluate(const struct settings *settings, struct pool *pool,
    const struct message *message, bool everybody, struct arena *a,
    struct decision *decision, struct evaluate_standby *standby)
{
	struct asking q = {settings, pool, message, everybody, a, NULL};
	struct evaluate_standby unread;

	if (standby == NULL)
		standby = &unread;
	memset(decision, 0, sizeof(*decision));
	memset(standby, 0, sizeof(*standby));

	switch (reserved(&q, decision)) {
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
