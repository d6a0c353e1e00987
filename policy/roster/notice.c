/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notice - mail that tells a user of a change
 */
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/failure.h"
#include "roster/notice.h"
#include "store/store.h"
#include "store/store_notice.h"
#include "store/store_person.h"

/* What became of a notice. */
struct outcome {
	const struct notice_sender *sender;
	bool dropped;
	const char *error; /* NULL: it was handed over, or dropped */
};

/* Those that are handed over. */
struct flush {
	struct store *store;
	struct arena *arena;
	const struct notice_sender *sender;
	bool links;
	struct store_notice notice; /* the last one */
	size_t sent;
	int failures;
};

static void hold_signals(sigset_t *);
static int give_up(struct store *, struct failure *);
static int take(struct store *, struct arena *, int64_t, bool,
    struct store_notice *, struct failure *);
static int note(struct store *, const struct store_notice *,
    const struct outcome *, struct failure *);
static int note_outcome(struct store *, const struct store_notice *,
    const struct outcome *, struct failure *);
static void waits(struct failure *, const struct failure *, bool, bool);
static int hand_over(struct flush *, struct failure *);

/* Nobody but this process learns what becomes of a notice that it hands over:
 * a signal that would end it meanwhile, as of ^C, waits until that is noted. */
static void
hold_signals(sigset_t *before)
{
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGHUP);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &held, before);
}

static int
give_up(struct store *s, struct failure *failure)
{
	store_failed(s, failure);
	store_end(s);
	return (-1);
}

static int
take(struct store *s, struct arena *a, int64_t after, bool links,
    struct store_notice *notice, struct failure *failure)
{
	int found;

	if (store_begin(s, DB_WRITE) != 0)
		return (give_up(s, failure));
	found = store_notice_take(s, a, after, links, notice);
	if (found == 0) {
		store_end(s);
		return (0);
	}
	if (found == -1 || store_commit(s) != 0)
		return (give_up(s, failure));
	return (1);
}

static int
note(struct store *s, const struct store_notice *notice,
    const struct outcome *o, struct failure *failure)
{
	const struct notice_sender *sender = o->sender;
	bool handed = o->error == NULL && !o->dropped;
	int rc;

	if (store_begin(s, DB_WRITE) != 0)
		return (give_up(s, failure));
	if (handed && sender->handed != NULL &&
	    sender->handed(sender->ctx, notice, failure) != 0) {
		store_end(s);
		return (-1);
	}
	if (o->error != NULL)
		rc = store_notice_failed(s, notice->id, o->error);
	else if (o->dropped || strcmp(notice->kind, NOTICE_FORGOTTEN) == 0)
		rc = store_notice_remove(s, notice->id);
	else
		rc = store_notice_sent(s, notice->id, (int64_t)time(NULL));
	if (rc == -1 || store_commit(s) != 0)
		return (give_up(s, failure));
	return (0);
}

/* Only this process knows the outcome: retry storing it for some time. */
static int
note_outcome(struct store *s, const struct store_notice *notice,
    const struct outcome *o, struct failure *failure)
{
	const char *error = o->error;
	struct failure why = FAILURE_INIT;
	int64_t until = clock_ms() + NOTICE_NOTE_SECONDS * 1000;
	int rc;

	while (
	    (rc = note(s, notice, o, &why)) != 0 && clock_ms() + 1000 < until)
		sleep(1);
	if (rc != 0)
		failure_set(failure, why.kind,
		    "a notice to %s was %s%s%s, but that could not be stored "
		    "(%s); \"notifyctl check\" shows whether it is pending",
		    notice->address,
		    error == NULL ? "handed over to sendmail"
				  : "not handed over to sendmail (",
		    error == NULL ? "" : error, error == NULL ? "" : ")",
		    failure_text(&why));
	failure_clear(&why);
	return (rc);
}

/* Report ${why} a notice waits, and that it is not lost. If none was ${found},
 * the lookup failed. No change sends a notice with ${links}. */
static void
waits(
    struct failure *failure, const struct failure *why, bool found, bool links)
{
	failure_set(failure, why->kind,
	    "%s (%s); %s kept, and retried by \"notifyctl notices send\"%s",
	    found ? "a notice could not be handed over to sendmail"
		  : "notices could not be looked up",
	    failure_text(why), found ? "it is" : "those that wait are",
	    links ? "" : " and the next change");
}

/* Hand over the next notice. 1: go on; 0: none waits, or none can be handed
 * over now; -1: the database failed. */
static int
hand_over(struct flush *f, struct failure *failure)
{
	struct outcome outcome = {.sender = f->sender};
	struct failure refused = FAILURE_INIT;
	int rc;

	rc = take(
	    f->store, f->arena, f->notice.id, f->links, &f->notice, failure);
	if (rc == -1)
		waits(failure, failure, false, f->links);
	if (rc != 1)
		return (rc);
	rc = f->sender->send(f->sender->ctx, &f->notice, &refused);
	outcome.dropped = rc == 1;
	if (rc != -1) {
		if (note_outcome(f->store, &f->notice, &outcome, failure) != 0)
			return (-1);
		f->sent += rc == 0;
		return (1);
	}
	f->failures++;
	outcome.error = failure_text(&refused);
	rc = note_outcome(f->store, &f->notice, &outcome, failure);
	if (rc == 0) {
		waits(failure, &refused, true, f->links);
		/* Go on only if the fault is this notice's. */
		rc = refused.kind == FAILURE_DATA;
	}
	failure_clear(&refused);
	return (rc);
}

int
notice_flush(struct store *s, struct arena *a, bool links, size_t limit,
    const struct notice_sender *sender, size_t *sent, struct failure *failure)
{
	struct flush f = {
	    .store = s, .arena = a, .sender = sender, .links = links};
	sigset_t before;
	size_t tried;
	int rc = 1;

	for (tried = 0; rc == 1 && (limit == 0 || tried < limit); tried++) {
		hold_signals(&before);
		rc = hand_over(&f, failure);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	if (sent != NULL)
		*sent += f.sent;
	return (rc == -1 ? -1 : f.failures);
}
