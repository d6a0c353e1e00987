/*
 * notice - mail that tells a user of a change
 */
#include "arena.h"
#include "failure.h"
#include "notice.h"
#include "store.h"

static int store_failed(struct store *, struct failure *);
static int take(struct store *, struct arena *, int64_t, struct store_notice *,
    struct failure *);
static int note_outcome(struct store *, const struct store_notice *,
    const char *, struct failure *);

static int
store_failed(struct store *s, struct failure *failure)
{
	failure_set(failure, store_failure(s)->kind, "%s",
	    failure_text(store_failure(s)));
	store_end(s);
	return (-1);
}

static int
take(struct store *s, struct arena *a, int64_t after,
    struct store_notice *notice, struct failure *failure)
{
	int found;

	if (store_begin(s, DB_WRITE) != 0)
		return (store_failed(s, failure));
	found = store_notice_take(s, a, after, notice);
	if (found == 0) {
		store_end(s);
		return (0);
	}
	if (found == -1 || store_commit(s) != 0)
		return (store_failed(s, failure));
	return (1);
}

/* ${error} NULL: it was handed over. */
static int
note_outcome(struct store *s, const struct store_notice *notice,
    const char *error, struct failure *failure)
{
	int rc;

	if (store_begin(s, DB_WRITE) != 0)
		return (store_failed(s, failure));
	if (error == NULL)
		rc = store_notice_sent(s, notice->id);
	else
		rc = store_notice_failed(s, notice->id, error);
	if (rc == -1 || store_commit(s) != 0)
		return (store_failed(s, failure));
	return (0);
}

int
notice_flush(struct store *s, struct arena *a, notice_fn *fn, void *ctx,
    struct failure *failure)
{
	struct failure refused = FAILURE_INIT;
	struct store_notice notice = {0};
	int found, failures, no_mailer, rc;

	failures = 0;
	while ((found = take(s, a, notice.id, &notice, failure)) != 0) {
		if (found == -1)
			return (-1);
		if (fn(ctx, &notice, &refused) == 0) {
			if (note_outcome(s, &notice, NULL, failure) != 0)
				return (-1);
			continue;
		}
		failures++;
		no_mailer = refused.kind != FAILURE_DATA;
		rc = note_outcome(s, &notice, failure_text(&refused), failure);
		if (rc == 0)
			failure_set(failure, refused.kind, "%s",
			    failure_text(&refused));
		failure_clear(&refused);
		if (rc != 0)
			return (-1);
		/* The next one would fare no better. */
		if (no_mailer)
			break;
	}
	return (failures);
}
