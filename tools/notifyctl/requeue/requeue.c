/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * requeue - notifyctl requeue
 *
 * Submits a held message anew, so that it is decided anew, and drops the held
 * one. Releasing it (postsuper -H) sends it to whomever it was addressed, and
 * postsuper -r runs no milter.
 *
 * By SMTP to a listener of the same Postfix, not through sendmail(1), because:
 * - the milter sees each recipient as it was given, and what it removes is
 *   removed; from sendmail(1) it sees rewritten ones, and where a canonical map
 *   is at work its removal does nothing;
 * - each recipient keeps its NOTIFY and ORCPT, and SMTPUTF8 is kept;
 * - the answer comes after the milter has decided, so that a milter which is
 *   away or a database which is busy leaves the held message where it is, and
 *   the answer names the new queue id.
 * The listener must surely show the message to the milter, or it would go out
 * undecided: that is looked up in Postfix's settings, and without it nothing is
 * submitted. Postfix completes the headers of what comes from its own machine
 * (local_header_rewrite_clients): a message without Date or Message-ID, or with
 * bare addresses in its headers, gets what is missing; nothing else changes.
 *
 * Postfix cannot take the one and drop the other at once. So the attempt is
 * noted at the held message before the end of the submission and after the
 * answer: whoever is killed in between leaves a message that is not submitted
 * twice.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#include "base/arena.h"
#include "lib/child.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "notifyctl/postfix/mta.h"
#include "notifyctl/requeue/queuefile.h"
#include "notifyctl/requeue/submit.h"
#include "settings/settings.h"
#include "terms/netlist.h"

/* One message on its way. */
struct passage {
	struct ctl *ctl;
	struct mta *mta;
	const struct mta_listener *listeners;
	size_t nlisteners;
	struct queuefile held;
	bool again;
	sigset_t signals; /* as they were, if they are held */
	bool held_signals;
	const char *new_id; /* or NULL */
	const char *result; /* a line for people */
};

static int ready(struct passage *);
static const char *drop_command(const struct passage *);
static int look_back(struct passage *);
static int look_at(struct passage *);
static int trusted(
    struct passage *, const struct mta_listener *, const struct submit *);
static struct submit *begin(struct passage *);
static int in_doubt(struct passage *, const char *);
static int hand_over(struct passage *, struct submit *);
static void record(const struct passage *);
static int drop(struct passage *);
static void say(struct passage *, bool);
static int requeue_one(struct passage *, const char *);
static void hold_signals(struct passage *);
static bool interrupted(struct passage *);
static void tell(struct passage *, const char *, int);
static int requeue(struct ctl *, const struct arguments *);

static const struct ctl_option options[] = {{.name = "again"}, {.name = NULL}};

const struct ctl_command requeue_commands[] = {
    {"requeue", "QUEUEID...",
	"submit a held message anew, so that it is decided anew, and drop the "
	"held one",
	1, CTL_MANY, CTL_SETTINGS, .run = requeue, .options = options},
    {.name = NULL},
};

/* Is everything there without which nothing must be submitted? */
static int
ready(struct passage *p)
{
	struct ctl *ctl = p->ctl;
	struct mta_listener *v;

	if (geteuid() != 0)
		return (failure_set(&ctl->failure, FAILURE_DENIED,
		    "requeue reads and removes files of Postfix's queue; run "
		    "it as root"));
	p->mta = mta_open(ctl->arena, &ctl->failure);
	if (p->mta == NULL && ctl->failure.kind == FAILURE_UNKNOWN)
		return (failure_set(&ctl->failure, FAILURE_SETTINGS,
		    "there is no postconf(1): requeue works with Postfix only. "
		    "With Sendmail, \"mailq -qQ\" lists what is quarantined; "
		    "submit it yourself to have it decided anew"));
	if (p->mta == NULL)
		return (-1);
	if (ctl->settings->monitor)
		return (failure_set(&ctl->failure, FAILURE_SETTINGS,
		    "with monitor = yes the milter changes nothing, so the "
		    "message would go to whomever it was addressed; expected "
		    "monitor = no in %s",
		    ctl->settings->file));
	if (mta_listeners(
		p->mta, ctl->settings, &v, &p->nlisteners, &ctl->failure) != 0)
		return (-1);
	p->listeners = v;
	return (0);
}

/* What an operator must type to drop the held message. */
static const char *
drop_command(const struct passage *p)
{
	const char *config = getenv("MAIL_CONFIG"), *command;

	command = arena_printf(p->ctl->arena, "postsuper%s%s -d %s hold",
	    config == NULL ? "" : " -c ", config == NULL ? "" : config,
	    p->held.id);
	return (command == NULL ? "postsuper -d" : command);
}

/* What did an earlier attempt come to? 1: it has submitted the message. */
static int
look_back(struct passage *p)
{
	const struct queuefile *h = &p->held;

	switch (h->attempt) {
	case QUEUEFILE_NONE:
		return (0);
	case QUEUEFILE_SUBMITTED:
		p->new_id = h->attempt_id;
		return (1);
	case QUEUEFILE_BEGUN:
		if (p->again)
			return (0);
		return (failure_set(&p->ctl->failure, FAILURE_DATA,
		    "an earlier requeue of %s ended before it learnt whether "
		    "Postfix took the message; look for message-id=%s in the "
		    "mail log: if it came a second time, \"%s\"; if not, "
		    "\"notifyctl requeue --again %s\"",
		    h->id, h->msg_id, drop_command(p), h->id));
	}
	return (-1);
}

static int
look_at(struct passage *p)
{
	const struct queuefile *h = &p->held;
	struct failure *failure = &p->ctl->failure;

	if (h->tag == NULL)
		return (failure_set(failure, FAILURE_DATA,
		    "%s has no X-Notify-Category, so there is nothing to "
		    "decide about it; \"postsuper -H %s\" releases it",
		    h->id, h->id));
	if (h->done > 0)
		return (failure_set(failure, FAILURE_DATA,
		    "%s has been delivered to some already (%zu), who could "
		    "get it twice; \"postsuper -H %s\" lets it go on to the "
		    "others as decided",
		    h->id, h->done, h->id));
	if (h->message.nrecipients == 0)
		return (failure_set(failure, FAILURE_DATA,
		    "%s has no recipient who was given with it", h->id));
	return (0);
}

/* Would the tag be honoured, and the milter be asked, over this connection? */
static int
trusted(struct passage *p, const struct mta_listener *l, const struct submit *s)
{
	const struct settings *settings = p->ctl->settings;
	struct failure *failure = &p->ctl->failure;
	int exempt;

	if (!netlist_has(&settings->trusted_clients, submit_source(s)))
		return (failure_set(failure, FAILURE_SETTINGS,
		    "trusted_clients in %s lacks %s, from where the message "
		    "would be submitted, so its tag would not be honoured; "
		    "add it",
		    settings->file, submit_source_text(s)));
	exempt = mta_exempt(p->mta, l, submit_source_text(s), failure);
	if (exempt == 1)
		return (failure_set(failure, FAILURE_SETTINGS,
		    "smtpd_milter_maps has a rule for %s, from where the "
		    "message would be submitted, so it might go out "
		    "undecided; expected none",
		    submit_source_text(s)));
	return (exempt);
}

/* At the first listener that takes all but the end of it. */
static struct submit *
begin(struct passage *p)
{
	struct failure later = FAILURE_INIT;
	struct failure *failure = &p->ctl->failure;
	const struct mta_listener *l;
	struct submit *s;
	size_t i;

	for (i = 0; i < p->nlisteners; i++) {
		l = &p->listeners[i];
		/* What the first one says is what is told. */
		s = submit_open(
		    p->ctl->arena, l->host, l->port, i == 0 ? failure : &later);
		if (s == NULL)
			continue;
		if (trusted(p, l, s) != 0) {
			submit_close(s);
			break;
		}
		if (submit_begin(
			s, &p->held.message, i == 0 ? failure : &later) == 0) {
			failure_clear(&later);
			failure_clear(failure);
			return (s);
		}
		submit_close(s);
	}
	failure_clear(&later);
	return (NULL);
}

static int
in_doubt(struct passage *p, const char *why)
{
	const struct queuefile *h = &p->held;

	return (failure_set(&p->ctl->failure, FAILURE_IO,
	    "%s, so it is not known whether it took %s; the held one is kept. "
	    "Look for message-id=%s in the mail log: if it came a second "
	    "time, \"%s\"; if not, \"notifyctl requeue --again %s\"",
	    why, h->id, h->msg_id, drop_command(p), h->id));
}

/* End the submission. 0 if Postfix has taken the message. */
static int
hand_over(struct passage *p, struct submit *s)
{
	struct ctl *ctl = p->ctl;
	struct failure why = FAILURE_INIT;
	int rc = -1;

	/* A file system without notes does without them. */
	queuefile_note(&p->held, QUEUEFILE_BEGUN, NULL);
	switch (submit_end(s, &p->new_id, &why)) {
	case SUBMIT_TAKEN:
		queuefile_note(&p->held, QUEUEFILE_SUBMITTED, p->new_id);
		rc = 0;
		break;
	case SUBMIT_REFUSED:
		queuefile_note(&p->held, QUEUEFILE_NONE, NULL);
		failure_set(&ctl->failure, why.kind, "%s; %s is still held",
		    failure_text(&why), p->held.id);
		break;
	case SUBMIT_UNKNOWN:
		in_doubt(p, failure_text(&why));
		break;
	}
	failure_clear(&why);
	return (rc);
}

/* Into the mail log, wherever Postfix has it, so that both can be found. */
static void
record(const struct passage *p)
{
	struct arena *a = p->ctl->arena;
	struct failure failure = FAILURE_INIT;
	struct child_result r;
	const char *text,
	    *argv[] = {mta_tool(p->mta, "postlog"), "-t", "notifyctl", "-p",
		"info", NULL, NULL};
	struct child c = CHILD_INIT(argv);

	text = arena_printf(a, "%s: requeued as %s", p->held.id,
	    p->new_id == NULL ? "-" : p->new_id);
	argv[5] = text;
	if (text == NULL || argv[0] == NULL)
		return;
	if (child_run(a, &c, &r, &failure) != 0 || r.status != 0) {
		openlog("notifyctl", LOG_PID, LOG_MAIL);
		syslog(LOG_INFO, "%s", text);
		closelog();
	}
	failure_clear(&failure);
}

static int
drop(struct passage *p)
{
	struct ctl *ctl = p->ctl;
	struct failure why = FAILURE_INIT;
	const char *id = p->held.id;
	const char *as = p->new_id == NULL ? "a new message" : p->new_id;
	int dropped;

	dropped = queuefile_drop(ctl->arena, p->mta, &p->held, &why);
	if (dropped == -1)
		failure_set(&ctl->failure, FAILURE_IO,
		    "%s was submitted anew as %s, but the held one could not "
		    "be dropped (%s); do not release it, drop it: %s",
		    id, as, failure_text(&why), drop_command(p));
	else if (dropped == 0)
		failure_set(&ctl->failure, FAILURE_IO,
		    "%s was submitted anew as %s, but somebody has released "
		    "the held one meanwhile, so some may get it twice; see "
		    "\"notifyctl trace %s\"",
		    id, as, id);
	failure_clear(&why);
	return (dropped == 1 ? 0 : -1);
}

/* What can be said of the new message at once. */
static void
say(struct passage *p, bool earlier)
{
	struct arena *a = p->ctl->arena;
	bool held;

	held = p->new_id != NULL && queuefile_now(a, p->mta, p->new_id);
	p->result = arena_printf(a, "%s%s%s%s",
	    earlier ? "submitted anew by an earlier requeue" : "submitted anew",
	    p->new_id == NULL ? ", under an id that Postfix did not tell"
			      : " as ",
	    p->new_id == NULL ? "" : p->new_id,
	    held ? ", which is held again; the first one is dropped"
		 : "; the held one is dropped");
}

/*
 * A key pressed at the wrong moment shall not leave it half done, and what was
 * done shall be said: signals wait from the end of a submission on, until the
 * next message is taken up.
 */
static void
hold_signals(struct passage *p)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &p->signals);
	p->held_signals = true;
}

/* Has one come? If not, they end the program again. */
static bool
interrupted(struct passage *p)
{
	sigset_t set;

	if (!p->held_signals)
		return (false);
	sigpending(&set);
	if (sigismember(&set, SIGINT) || sigismember(&set, SIGTERM) ||
	    sigismember(&set, SIGHUP))
		return (true);
	sigprocmask(SIG_SETMASK, &p->signals, NULL);
	p->held_signals = false;
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
		return (failure_set(&ctl->failure, FAILURE_BUSY,
		    "interrupted before %s was looked at", id));
	if (mta_queue_id(id, &ctl->failure) != 0)
		return (-1);
	if (queuefile_open(ctl->arena, p->mta, id, &p->held, &ctl->failure) !=
	    0)
		goto out;
	earlier = look_back(p);
	if (earlier == -1 || (earlier == 0 && look_at(p) != 0))
		goto out;
	if (earlier == 0 && (s = begin(p)) == NULL)
		goto out;
	hold_signals(p);
	rc = earlier == 1 ? 0 : hand_over(p, s);
	if (rc == 0) {
		record(p);
		rc = drop(p);
	}
	if (rc == 0)
		say(p, earlier == 1);
out:
	submit_close(s);
	queuefile_close(&p->held);
	return (rc);
}

/* For people a line on the output that it belongs to. */
static void
tell(struct passage *p, const char *id, int rc)
{
	struct ctl *ctl = p->ctl;
	const char *text = rc == 0 ? p->result : failure_text(&ctl->failure);
	const char *line;

	line = arena_printf(ctl->arena, "%s", text == NULL ? "" : text);
	if (rc != 0)
		output_error(false, 0, line == NULL ? id : line);
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
	output_cell(ctl->out, line == NULL ? "" : line);
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
		tell(&p, args->v[i], rc);
		if (rc != 0 && ctl->status == 0)
			ctl->status = ctl_exit_code(ctl->failure.kind);
		failure_clear(&ctl->failure);
	}
	return (0);
}
