/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notices - notifyctl notices: the mail to users that waits
 *
 * A command that changes the roster sends the first of what it recorded. A
 * timer sends the rest, and retries.
 */
#include <time.h>

#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "roster/linkmail.h"
#include "store/store.h"
#include "store/store_notice.h"

/* How long one that was sent is kept. */
#define KEEP_SECONDS ((int64_t)30 * 24 * 60 * 60)

static int row(void *, const struct store_notice *);
static int list(struct ctl *, const struct arguments *);
static int expire(struct ctl *);
static int send_all(struct ctl *, const struct arguments *);

const struct ctl_command notices_commands[] = {
    {"notices list", "", "the mail to users that waits", 0, 0, CTL_READ,
	.run = list},
    {"notices send", "", "send the mail to users that waits", 0, 0, CTL_WRITE,
	.run = send_all},
    {.name = NULL},
};

static int
row(void *ctx, const struct store_notice *n)
{
	struct output *out = ctx;

	output_row(out);
	output_cell_number(out, n->id);
	output_cell_when(out, n->at);
	output_cell(out, n->account);
	output_cell(out, n->address);
	output_cell(out, n->kind);
	output_cell(out, n->state);
	output_cell_number(out, n->tries);
	output_cell(out, n->error);
	return (0);
}

static int
list(struct ctl *ctl, const struct arguments *args)
{
	static const char *const columns[] = {"id:", "at:@SINCE",
	    "account:ACCOUNT", "address:TO", "kind:ABOUT", "state:STATE",
	    "tries:#TRIES", "error:ERROR", NULL};

	(void)args;
	output_table(ctl->out, "notices", columns);
	if (store_notices(ctl->store, row, ctl->out) == -1)
		return (store_failed(ctl->store, &ctl->failure));
	return (0);
}

static int
expire(struct ctl *ctl)
{
	time_t now = time(NULL);
	int rc;

	if (ctl_begin(ctl, DB_WRITE) != 0)
		return (-1);
	rc = store_notice_expire(ctl->store, now - KEEP_SECONDS);
	/* Also where nobody asks any more: they name people. */
	if (rc != -1)
		rc = linkmail_expire(ctl->store, now);
	rc = ctl_finish(
	    ctl, rc == -1 ? store_failed(ctl->store, &ctl->failure) : 0);
	/* No change after which notices are sent: that is what follows. */
	ctl->committed = false;
	return (rc);
}

static int
send_all(struct ctl *ctl, const struct arguments *args)
{
	size_t sent = 0;
	int failed;

	(void)args;
	if (expire(ctl) != 0)
		return (-1);
	failed = ctl_send_notices(ctl, 0, &sent, &ctl->failure);
	if (failed == -1)
		return (-1);
	if (failed > 0)
		return (failure_set(&ctl->failure, FAILURE_BUSY,
		    "%zu notices sent; %s", sent, failure_text(&ctl->failure)));
	output_line(ctl->out, "%zu notices sent", sent);
	output_number(ctl->out, "sent", (int64_t)sent);
	return (0);
}
