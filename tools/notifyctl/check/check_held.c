/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_held - does tagged mail wait in Postfix's hold queue?
 *
 * Failing closed means that mail waits, and nobody hears of it.
 */
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/failure.h"
#include "decision/message.h"
#include "notifyctl/check/check.h"
#include "notifyctl/postfix/holdqueue.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

#define LONG_SECONDS 3600

struct waiting {
	int64_t before; /* those that arrived before are counted */
	int64_t n, oldest;
};

static int count(void *, struct holdqueue_message *, struct failure *);

static int
count(void *ctx, struct holdqueue_message *m, struct failure *failure)
{
	struct waiting *w = ctx;

	(void)failure;
	if (m->arrived >= w->before ||
	    (m->text != NULL && strcasestr(m->text, "\n" TAG_HEADER) == NULL))
		return (0);
	if (w->n++ == 0 || m->arrived < w->oldest)
		w->oldest = m->arrived;
	return (0);
}

void
check_held(struct check *c)
{
	struct waiting w = {.before = time(NULL) - LONG_SECONDS};
	struct failure why = FAILURE_INIT;
	int64_t n, oldest;

	/* Postfix does not run, for instance: what is not looked at is not
	 * named among what was. */
	if (holdqueue_count(c->postfix, &n, &oldest, &why) != 0)
		goto out;
	check_looked(c, "hold queue");
	if (n > 0 && oldest < w.before && geteuid() != 0) {
		check_unseen(c,
		    check_text(c, "%lld messages are on hold", (long long)n),
		    "only root can read which of them have a tag");
	} else if (n > 0 && oldest < w.before &&
	    holdqueue_each(c->postfix, count, &w, &why) == 0 && w.n > 0) {
		check_found(c, CHECK_WARNING, CHECK_RUN,
		    check_text(c,
			"%lld tagged messages have been held for more than an "
			"hour, one for %lld hours",
			(long long)w.n,
			(long long)(w.before + LONG_SECONDS - w.oldest) / 3600),
		    "nobody gets them until somebody acts; the command says "
		    "why each is held, and how to submit it again",
		    check_notifyctl(c, "held"));
	}
out:
	failure_clear(&why);
}
