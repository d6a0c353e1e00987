/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * requeue - notifyctl requeue
 *
 * Submits a held message again for a new decision, then deletes the held one.
 * "postsuper -H" would deliver it to its original recipients, and "postsuper
 * -r" runs no milter.
 *
 * It is submitted by SMTP to a listener of the same Postfix, not with
 * sendmail(1):
 * - the milter sees each recipient as submitted and can remove it; those of
 *   sendmail(1) are rewritten before, and with a canonical map removing one
 * does nothing;
 * - each recipient keeps NOTIFY and ORCPT, and the message SMTPUTF8;
 * - Postfix answers after the milter has decided. If the milter is down or the
 *   database busy, the message stays on hold. The answer has the new queue id.
 * Postfix's settings must show that the listener asks the milter; otherwise
 * nothing is submitted. Postfix completes the headers of mail from its own
 * machine (local_header_rewrite_clients): it adds a missing Date or Message-ID
 * and completes bare addresses; nothing else changes.
 *
 * The tag counts only if it would have counted before: the queue file says
 * which client submitted the message. Otherwise the X-Notify headers are left
 * out, as the milter would have done.
 *
 * Submitting the new message and deleting the held one is not atomic. So the
 * attempt is noted at the held message before the end of the submission and
 * after the answer: if notifyctl is killed in between, a later requeue does not
 * submit the message twice.
 */
#include <limits.h>
#include <signal.h>
#include <syslog.h>
#include <unistd.h>

#include "base/arena.h"
#include "lib/child.h"
#include "lib/logsocket.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "notifyctl/postfix/holdqueue.h"
#include "notifyctl/postfix/listeners.h"
#include "notifyctl/postfix/postconf.h"
#include "notifyctl/postfix/sendmail.h"
#include "notifyctl/postfix/text.h"
#include "notifyctl/requeue/queuefile.h"
#include "notifyctl/requeue/submit.h"
#include "settings/settings.h"
#include "terms/netlist.h"

/* One message on its way. */
struct passage {
	struct ctl *ctl;
	struct postconf *mta;
	const struct listener *listeners;
	size_t nlisteners;
	struct queuefile queued;
	bool again;
	sigset_t signals; /* those before, if they are blocked now */
	bool blocked;
	bool untagged;	    /* the client's tag does not count */
	const char *new_id; /* or NULL */
	const char *result; /* a line for people */
};

static int ready(struct passage *);
static const char *drop_command(const struct passage *);
static int in_doubt(struct passage *, enum failure_kind, const char *);
static int look_back(struct passage *);
static int look_at(struct passage *);
static int trusted(
    struct passage *, const struct listener *, const struct submit *);
static struct submit *begin(struct passage *);
static int hand_over(struct passage *, struct submit *);
static void record(const struct passage *);
static int drop(struct passage *);
static void describe(struct passage *, bool);
static int requeue_one(struct passage *, const char *);
static void block_signals(struct passage *);
static bool interrupted(struct passage *);
static void show(struct passage *, const char *, int);
static int requeue(struct ctl *, const struct arguments *);

static const struct ctl_option options[] = {{.name = "again"}, {.name = NULL}};

const struct ctl_command requeue_commands[] = {
    {"requeue", "QUEUEID...",
	"submit a held message again for a new decision, and delete the held "
	"one",
	1, CTL_MANY, CTL_SETTINGS, .run = requeue, .options = options},
    {.name = NULL},
};

/* May anything be submitted here? */
static int
ready(struct passage *p)
{
	struct ctl *ctl = p->ctl;
	struct listener *v;

	if (geteuid() != 0)
		return (failure_set(&ctl->failure, FAILURE_DENIED,
		    "requeue reads and deletes files of Postfix's queue; run "
		    "it as root"));
	if (sendmail_is(ctl->settings->sendmail))
		return (failure_set(&ctl->failure, FAILURE_SETTINGS,
		    "requeue works with Postfix only, and %s is Sendmail's; "
		    "\"mailq -qQ\" lists quarantined mail; submit it again "
		    "yourself, since \"sendmail -Q -qQ\" would release it "
		    "undecided",
		    ctl->settings->sendmail));
	p->mta = postconf_read(ctl->arena, &ctl->failure);
	if (p->mta == NULL && ctl->failure.kind == FAILURE_UNKNOWN)
		return (failure_set(&ctl->failure, FAILURE_SETTINGS,
		    "postconf(1) not found: requeue works with Postfix only. "
		    "With Sendmail, \"mailq -qQ\" lists quarantined mail; "
		    "submit it again yourself for a new decision"));
	if (p->mta == NULL)
		return (-1);
	if (ctl->settings->monitor)
		return (failure_set(&ctl->failure, FAILURE_SETTINGS,
		    "with monitor = yes the milter changes nothing, so the "
		    "message would go to its original recipients; expected "
		    "monitor = no in %s",
		    ctl->settings->file));
	if (listeners_find(p->mta, ctl->settings->socket, &v, &p->nlisteners,
		&ctl->failure) != 0)
		return (-1);
	p->listeners = v;
	return (0);
}

/* The command that deletes the held message. */
static const char *
drop_command(const struct passage *p)
{
	return (arena_printf(p->ctl->arena, "postsuper%s -d %s hold",
	    p->mta->option, p->queued.id));
}

/* Postfix may or may not have accepted the message. */
static int
in_doubt(struct passage *p, enum failure_kind kind, const char *why)
{
	const struct queuefile *q = &p->queued;

	return (failure_set(&p->ctl->failure, kind,
	    "%s, so Postfix may or may not have accepted %s, which stays on "
	    "hold. "
	    "Look for message-id=%s in the mail log: if it arrived a second "
	    "time, \"%s\"; if not, \"notifyctl requeue --again %s\"",
	    why, q->id, q->msg_id, drop_command(p), q->id));
}

/* The result of an earlier attempt. 1: it has submitted the message. */
static int
look_back(struct passage *p)
{
	const struct queuefile *q = &p->queued;

	switch (q->attempt) {
	case QUEUEFILE_NONE:
		return (0);
	case QUEUEFILE_SUBMITTED:
		p->new_id = q->attempt_id;
		return (1);
	case QUEUEFILE_BEGUN:
		if (p->again)
			return (0);
		return (in_doubt(p, FAILURE_DATA,
		    "an earlier requeue ended before Postfix answered"));
	}
	return (-1);
}

static int
look_at(struct passage *p)
{
	const struct queuefile *q = &p->queued;
	struct failure *failure = &p->ctl->failure;

	if (q->tag == NULL)
		return (failure_set(failure, FAILURE_DATA,
		    "%s has no X-Notify-Category, so the milter would decide "
		    "nothing; \"postsuper -H %s\" releases it",
		    q->id, q->id));
	if (q->done > 0)
		return (failure_set(failure, FAILURE_DATA,
		    "%s was already delivered to some recipients (%zu), who could "
		    "get it twice; \"postsuper -H %s\" delivers it to the "
		    "others as decided",
		    q->id, q->done, q->id));
	if (q->message.nrecipients == 0)
		return (failure_set(failure, FAILURE_DATA,
		    "%s was submitted with no recipient", q->id));
	return (0);
}

/* Is the tag honoured, and the milter asked, on this connection? */
static int
trusted(struct passage *p, const struct listener *l, const struct submit *s)
{
	const struct settings *settings = p->ctl->settings;
	struct failure *failure = &p->ctl->failure;
	int exempt;

	if (!netlist_has(&settings->trusted_clients, submit_source(s)))
		return (failure_set(failure, FAILURE_SETTINGS,
		    "trusted_clients in %s lacks %s, the address that requeue "
		    "submits from, so the tag would not be honoured; add it",
		    settings->file, submit_source_text(s)));
	exempt = listeners_exempt(p->mta, l, submit_source_text(s), failure);
	if (exempt == 1)
		return (failure_set(failure, FAILURE_SETTINGS,
		    "smtpd_milter_maps has a rule for %s, the address that "
		    "requeue submits from, so the message might go out "
		    "undecided; expected none",
		    submit_source_text(s)));
	return (exempt);
}

/* Submit all but the end to the first listener that takes it. The error is that
 * of the first listener. */
static struct submit *
begin(struct passage *p)
{
	struct failure later = FAILURE_INIT;
	struct failure *failure = &p->ctl->failure;
	const struct listener *l;
	struct submit *s;
	size_t i;

	for (i = 0; i < p->nlisteners; i++) {
		l = &p->listeners[i];
		s = submit_open(
		    p->ctl->arena, l->host, l->port, i == 0 ? failure : &later);
		if (s == NULL)
			continue;
		if (trusted(p, l, s) != 0) {
			submit_close(s);
			break;
		}
		if (submit_begin(s, &p->queued.message,
			i == 0 ? failure : &later) == 0) {
			failure_clear(&later);
			failure_clear(failure);
			return (s);
		}
		submit_close(s);
	}
	failure_clear(&later);
	if (i == p->nlisteners && p->nlisteners > 0)
		failure_set(failure, failure->kind, "%s; %s is still held%s",
		    arena_strdup(p->ctl->arena, failure_text(failure)),
		    p->queued.id,
		    failure->kind == FAILURE_BUSY
			? ": see \"notifyctl check\", then retry"
			: "");
	return (NULL);
}

/* End the submission. 0 if Postfix has taken the message. */
static int
hand_over(struct passage *p, struct submit *s)
{
	struct ctl *ctl = p->ctl;
	struct failure why = FAILURE_INIT;
	int rc = -1;

	queuefile_note(&p->queued, QUEUEFILE_BEGUN, NULL);
	switch (submit_end(s, &p->new_id, &why)) {
	case SUBMIT_TAKEN:
		queuefile_note(&p->queued, QUEUEFILE_SUBMITTED, p->new_id);
		rc = 0;
		break;
	case SUBMIT_REFUSED:
		queuefile_note(&p->queued, QUEUEFILE_NONE, NULL);
		failure_set(&ctl->failure, why.kind, "%s; %s is still held",
		    failure_text(&why), p->queued.id);
		break;
	case SUBMIT_UNKNOWN:
		in_doubt(p, FAILURE_IO, failure_text(&why));
		break;
	}
	failure_clear(&why);
	return (rc);
}

/* Log the new queue id with the old one, where Postfix logs. */
static void
record(const struct passage *p)
{
	struct arena *a = p->ctl->arena;
	struct failure failure = FAILURE_INIT;
	struct child_result r;
	const char *text,
	    *argv[] = {postconf_tool(p->mta, "postlog"), "-t", "notifyctl",
		"-p", "info", NULL, NULL};
	struct child c = CHILD_INIT(argv);

	text = arena_printf(a, "%s: requeued as %s", p->queued.id,
	    p->new_id == NULL ? "-" : p->new_id);
	argv[5] = text;
	if (child_run(a, &c, &r, &failure) != 0 || r.status != 0) {
		logsocket_open("notifyctl");
		logsocket_send(LOG_INFO, text);
	}
	failure_clear(&failure);
}

static int
drop(struct passage *p)
{
	struct ctl *ctl = p->ctl;
	struct failure why = FAILURE_INIT;
	const char *id = p->queued.id;
	const char *as = p->new_id == NULL ? "a new message" : p->new_id;
	int dropped;

	dropped = queuefile_drop(ctl->arena, p->mta, &p->queued, &why);
	if (dropped == -1)
		failure_set(&ctl->failure, FAILURE_IO,
		    "%s was submitted again as %s, but could not be deleted "
		    "from hold (%s); do not release it, delete it: %s",
		    id, as, failure_text(&why), drop_command(p));
	else if (dropped == 0)
		failure_set(&ctl->failure, FAILURE_IO,
		    "%s was submitted again as %s, but was released from hold "
		    "meanwhile, so some recipients may get it twice; see "
		    "\"notifyctl trace %s\"",
		    id, as, id);
	failure_clear(&why);
	return (dropped == 1 ? 0 : -1);
}

/* The result for people. */
static void
describe(struct passage *p, bool earlier)
{
	struct arena *a = p->ctl->arena;
	char path[PATH_MAX];
	int held = 0;

	if (p->new_id != NULL)
		held = holdqueue_file(p->mta, p->new_id, path);
	p->result = arena_printf(a, "%s%s%s%s",
	    earlier ? "submitted again by an earlier requeue"
		: p->untagged
		? "submitted again without its X-Notify headers, as a "
		  "client that is not trusted had sent it,"
		: "submitted again",
	    p->new_id == NULL ? ", with a queue id that Postfix did not tell"
			      : " as ",
	    p->new_id == NULL ? "" : p->new_id,
	    held == 1 ? ", which is on hold again; the first one is deleted"
		: held == 0
		? "; the held one is deleted"
		: ", which may be on hold again; the first one is deleted");
}

/* From the end of a submission until the next message signals are blocked: a
 * message is requeued whole, and its result is shown. */
static void
block_signals(struct passage *p)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &p->signals);
	p->blocked = true;
}

/* Is a signal pending? If not, unblock them. */
static bool
interrupted(struct passage *p)
{
	sigset_t set;

	if (!p->blocked)
		return (false);
	sigpending(&set);
	if (sigismember(&set, SIGINT) || sigismember(&set, SIGTERM) ||
	    sigismember(&set, SIGHUP))
		return (true);
	sigprocmask(SIG_SETMASK, &p->signals, NULL);
	p->blocked = false;
	return (false);
}

static int
requeue_one(struct passage *p, const char *id)
{
	struct ctl *ctl = p->ctl;
	struct submit *s = NULL;
	int earlier, rc = -1;

	p->new_id = p->result = NULL;
	if (interrupted(p))
		return (failure_set(
		    &ctl->failure, FAILURE_BUSY, "interrupted before %s", id));
	if (text_is_queueid(id, &ctl->failure) != 0)
		return (-1);
	if (queuefile_open(ctl->arena, p->mta, id, &p->queued, &ctl->failure) !=
	    0)
		goto out;
	earlier = look_back(p);
	if (earlier == -1 || (earlier == 0 && look_at(p) != 0))
		goto out;
	p->untagged = earlier == 0 &&
	    !queuefile_trusted(
		ctl->settings, p->queued.client, p->queued.login);
	if (p->untagged && queuefile_untag(&p->queued, &ctl->failure) != 0)
		goto out;
	if (earlier == 0 && (s = begin(p)) == NULL)
		goto out;
	block_signals(p);
	rc = earlier == 1 ? 0 : hand_over(p, s);
	if (rc == 0) {
		record(p);
		rc = drop(p);
	}
	if (rc == 0)
		describe(p, earlier == 1);
out:
	submit_close(s);
	queuefile_close(&p->queued);
	return (rc);
}

/* For people, results go to standard output and errors to standard error. */
static void
show(struct passage *p, const char *id, int rc)
{
	struct ctl *ctl = p->ctl;
	const char *text = rc == 0 ? p->result : failure_text(&ctl->failure);

	if (rc != 0)
		output_error(false, 0, text);
	if (!ctl->json) {
		if (rc == 0)
			output_line(ctl->out, "%s: %s", id, text);
		return;
	}
	output_row(ctl->out);
	output_cell(ctl->out, id);
	output_cell(ctl->out, p->new_id == NULL ? "" : p->new_id);
	output_cell_number(
	    ctl->out, rc == 0 ? 0 : ctl_exit_code(ctl->failure.kind));
	output_cell(ctl->out, text);
}

static int
requeue(struct ctl *ctl, const struct arguments *args)
{
	static const char *const columns[] = {
	    "queue_id", "new_id", "code", "message", NULL};
	struct passage p = {.ctl = ctl, .again = ctl_flag(args, "again")};
	size_t i;
	int rc;

	if (ready(&p) != 0)
		return (-1);
	if (ctl->json)
		output_table(ctl->out, "messages", columns);
	for (i = 0; i < args->n; i++) {
		rc = requeue_one(&p, args->v[i]);
		if (rc != 0 && args->n == 1)
			return (-1);
		show(&p, args->v[i], rc);
		if (rc != 0 && ctl->status == 0)
			ctl->status = ctl_exit_code(ctl->failure.kind);
		failure_clear(&ctl->failure);
	}
	return (0);
}
