/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session - libmilter's callbacks
 *
 * Two contexts: the connection lives from negotiation to close, the message
 * from MAIL to its end, to abort or to close; one reset serves all three.
 *
 * All steps that are not needed are negotiated away, and so are most answers:
 * the MTA sends a message's envelope and headers without waiting, never its
 * body, and waits once, at the end. A callback that runs out of memory
 * therefore cannot answer; it marks the message, whose end is a temporary
 * failure.
 *
 * Over TCP the MTA also waits at DATA. Postfix sends the envelope from one
 * process and the rest from another, in a packet each, and Nagle's algorithm
 * holds the second packet until the first is acknowledged: 40 ms, unless an
 * answer carries the acknowledgement.
 *
 * Sendmail and Postfix offer the same in negotiation, and differ in what they
 * do with recipients (apply.c). A macro tells them apart: is_sendmail().
 *
 * libmilter calls one connection's callbacks one at a time, but on changing
 * threads. If an MTA never negotiated, or goes on after it closed the
 * connection, there is no context: the answer is a temporary failure.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include <libmilter/mfapi.h>

#include "base/arena.h"
#include "base/clock.h"
#include "decision/evaluate.h"
#include "decision/message.h"
#include "lib/log.h"
#include "milter/apply.h"
#include "milter/config.h"
#include "milter/report.h"
#include "milter/session.h"
#include "milter/stats.h"
#include "settings/settings.h"
#include "terms/netlist.h"

#define QUEUE_ID_SIZE 64
/* Enough for some hundred thousand recipients with their facts. */
#define MESSAGE_MAX ((size_t)512 << 20)

#define WANTED_ACTIONS                                                         \
	(SMFIF_ADDRCPT | SMFIF_ADDRCPT_PAR | SMFIF_DELRCPT | SMFIF_ADDHDRS |   \
	    SMFIF_CHGHDRS | SMFIF_QUARANTINE)
#define UNNEEDED_STEPS                                                         \
	(SMFIP_NOHELO | SMFIP_NODATA | SMFIP_NOEOH | SMFIP_NOBODY |            \
	    SMFIP_NOUNKNOWN)
#define UNNEEDED_REPLIES                                                       \
	(SMFIP_NR_CONN | SMFIP_NR_MAIL | SMFIP_NR_RCPT | SMFIP_NR_HDR)

/* See came_by_smtp(); without "j". */
#define CONNECT_MACROS "v {client_resolve} {daemon_flags} {daemon_name}"

/* The actions that the MTA must offer. */
static const struct action {
	unsigned long flag;
	const char *name;
} actions_wanted[] = {
    {SMFIF_ADDRCPT, "add recipients"},
    {SMFIF_ADDRCPT_PAR, "add recipients with parameters"},
    {SMFIF_DELRCPT, "delete recipients"},
    {SMFIF_ADDHDRS, "add headers"},
    {SMFIF_CHGHDRS, "remove headers"},
    {SMFIF_QUARANTINE, "put messages on hold"},
};

struct connection {
	unsigned long steps;		 /* as negotiated */
	struct sockaddr_storage address; /* AF_UNSPEC: not known */
	char client[INET6_ADDRSTRLEN];
	bool sendmail; /* the MTA is Sendmail */
	bool by_smtp;  /* as far as can be told: see came_by_smtp() */
	/* The message. */
	struct arena *arena;
	struct message message;
	size_t recipients_cap, notify_cap;
	bool authenticated;
	bool broken; /* collection failed: the message is incomplete */
	char id[QUEUE_ID_SIZE]; /* at the first recipient, or "" */
	bool mixed; /* with recipients of another message: see note_id() */
};

static atomic_int connections;
static bool tcp;
static atomic_int deciding;
static atomic_bool ended; /* no decision begins any more */

static sfsistat on_negotiate(SMFICTX *, unsigned long, unsigned long,
    unsigned long, unsigned long, unsigned long *, unsigned long *,
    unsigned long *, unsigned long *);
static sfsistat on_connect(SMFICTX *, char *, _SOCK_ADDR *);
static sfsistat on_mail(SMFICTX *, char **);
static sfsistat on_rcpt(SMFICTX *, char **);
static sfsistat on_data(SMFICTX *);
static sfsistat on_header(SMFICTX *, char *, char *);
static sfsistat on_end(SMFICTX *);
static sfsistat on_abort(SMFICTX *);
static sfsistat on_close(SMFICTX *);
static void report_lacking(unsigned long);
static struct connection *begin(SMFICTX *, unsigned long);
static void reset(struct connection *);
static sfsistat no_reply(const struct connection *, unsigned long);
static void note_address(struct connection *, const struct sockaddr *);
static bool came_by_smtp(SMFICTX *);
static bool given(SMFICTX *, char *);
static bool is_sendmail(SMFICTX *);
static bool trusted(const struct settings *, const struct connection *);
static int add_recipient(struct connection *, char **);
static int note_notify(struct connection *, unsigned char);
static void note_id(struct connection *, const char *);
static sfsistat finish(SMFICTX *, struct connection *, struct config *);

/* Begin a connection; NULL if out of memory. */
static struct connection *
begin(SMFICTX *ctx, unsigned long steps)
{
	struct connection *c;

	c = calloc(1, sizeof(*c));
	if (c == NULL || (c->arena = arena_new(MESSAGE_MAX)) == NULL ||
	    smfi_setpriv(ctx, c) != MI_SUCCESS) {
		log_error("out of memory for a connection");
		if (c != NULL)
			arena_free(c->arena);
		free(c);
		return (NULL);
	}
	c->steps = steps;
	atomic_fetch_add(&connections, 1);
	return (c);
}

/* End one message and be ready for the next. */
static void
reset(struct connection *c)
{
	arena_reset(c->arena);
	memset(&c->message, 0, sizeof(c->message));
	c->recipients_cap = c->notify_cap = 0;
	c->authenticated = false;
	c->broken = false;
	c->id[0] = '\0';
	c->mixed = false;
}

/* The answer to a step, unless it was negotiated away. */
static sfsistat
no_reply(const struct connection *c, unsigned long step)
{
	return (c->steps & step ? SMFIS_NOREPLY : SMFIS_CONTINUE);
}

/* Log the required actions that the MTA does not offer. */
static void
report_lacking(unsigned long actions)
{
	char text[256] = "";
	size_t i, len = 0;

	for (i = 0; i < sizeof(actions_wanted) / sizeof(actions_wanted[0]);
	     i++) {
		if ((actions & actions_wanted[i].flag) == 0)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
			    "%s%s", len == 0 ? "" : ", ",
			    actions_wanted[i].name);
	}
	log_error("MTA does not offer required milter actions: %s (it offers "
		  "0x%lx)",
	    text, actions);
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
    unsigned long unused1, unsigned long unused2, unsigned long *want_actions,
    unsigned long *want_steps, unsigned long *want1, unsigned long *want2)
{
	(void)unused1;
	(void)unused2;
	if ((actions & WANTED_ACTIONS) != WANTED_ACTIONS) {
		report_lacking(actions);
		return (SMFIS_REJECT);
	}
	*want_steps = steps & (UNNEEDED_STEPS | UNNEEDED_REPLIES);
	if (tcp)
		*want_steps &= ~(unsigned long)SMFIP_NODATA;
	if (begin(ctx, *want_steps) == NULL)
		return (SMFIS_REJECT);
	*want_actions = WANTED_ACTIONS;
	if (actions & SMFIF_SETSYMLIST) {
		*want_actions |= SMFIF_SETSYMLIST;
		(void)smfi_setsymlist(ctx, SMFIM_CONNECT, CONNECT_MACROS);
		(void)smfi_setsymlist(
		    ctx, SMFIM_ENVFROM, "i {auth_type} {auth_authen}");
		(void)smfi_setsymlist(ctx, SMFIM_ENVRCPT, "i");
		(void)smfi_setsymlist(ctx, SMFIM_EOM, "i j");
	}
	*want1 = *want2 = 0;
	return (SMFIS_CONTINUE);
}

static void
note_address(struct connection *c, const struct sockaddr *sa)
{
	const void *address = NULL;
	size_t len = 0;

	memset(&c->address, 0, sizeof(c->address));
	if (sa != NULL && sa->sa_family == AF_INET) {
		len = sizeof(struct sockaddr_in);
		address =
		    &((const struct sockaddr_in *)(const void *)sa)->sin_addr;
	} else if (sa != NULL && sa->sa_family == AF_INET6) {
		len = sizeof(struct sockaddr_in6);
		address =
		    &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
	}
	if (address != NULL)
		memcpy(&c->address, sa, len);
	if (address == NULL ||
	    inet_ntop(sa->sa_family, address, c->client, sizeof(c->client)) ==
		NULL)
		snprintf(c->client, sizeof(c->client), "unknown");
}

/* Sendmail always sends {daemon_flags} when asked, if only as ""; Postfix has
 * no such macro, unless milter_macro_defaults gives it one. */
static bool
is_sendmail(SMFICTX *ctx)
{
	const char *version;

	version = smfi_getsymval(ctx, "v");
	return (smfi_getsymval(ctx, "{daemon_flags}") != NULL &&
	    (version == NULL || strncmp(version, "Postfix", 7) != 0));
}

/*
 * Does the mail of this connection come by SMTP, rather than from Postfix's
 * cleanup(8) by non_smtpd_milters? smtpd(8) always has {client_resolve},
 * cleanup(8) never. Its absence tells only if the MTA has heeded our list: then
 * it sends {daemon_name}, and not "j", which every MTA sends by default.
 * {daemon_flags} is Sendmail's. When in doubt, it is SMTP.
 */
static bool
came_by_smtp(SMFICTX *ctx)
{
	return (smfi_getsymval(ctx, "{client_resolve}") != NULL ||
	    smfi_getsymval(ctx, "{daemon_flags}") != NULL ||
	    smfi_getsymval(ctx, "{daemon_name}") == NULL ||
	    smfi_getsymval(ctx, "j") != NULL);
}

static sfsistat
on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *sa)
{
	struct connection *c = smfi_getpriv(ctx);

	(void)name;
	/* The MTA may begin a connection on the same socket without negotiating
	 * again. libmilter itself suppresses the unneeded replies. */
	if (c == NULL && (c = begin(ctx, UNNEEDED_REPLIES)) == NULL)
		return (SMFIS_TEMPFAIL);
	note_address(c, sa);
	c->sendmail = is_sendmail(ctx);
	c->by_smtp = came_by_smtp(ctx);
	return (no_reply(c, SMFIP_NR_CONN));
}

/* Has the MTA set the macro, and not to ""? */
static bool
given(SMFICTX *ctx, char *macro)
{
	const char *value;

	value = smfi_getsymval(ctx, macro);
	return (value != NULL && *value != '\0');
}

static sfsistat
on_mail(SMFICTX *ctx, char **argv)
{
	struct connection *c = smfi_getpriv(ctx);

	(void)argv;
	if (c == NULL)
		return (SMFIS_TEMPFAIL);
	reset(c);
	c->authenticated =
	    given(ctx, "{auth_type}") || given(ctx, "{auth_authen}");
	return (no_reply(c, SMFIP_NR_MAIL));
}

/* Note the NOTIFY of the last recipient; most messages have none. */
static int
note_notify(struct connection *c, unsigned char notify)
{
	struct message *m = &c->message;

	if (m->notify == NULL && notify == 0)
		return (0);
	while (c->notify_cap < m->nrecipients) {
		m->notify = arena_grow(c->arena, m->notify, c->notify_cap,
		    &c->notify_cap, sizeof(*m->notify));
		if (m->notify == NULL)
			return (-1);
	}
	m->notify[m->nrecipients - 1] = notify;
	return (0);
}

/* ${argv}: the address, and the parameters of RCPT. */
static int
add_recipient(struct connection *c, char **argv)
{
	struct message *m = &c->message;

	m->recipients = arena_grow(c->arena, m->recipients, m->nrecipients,
	    &c->recipients_cap, sizeof(*m->recipients));
	if (m->recipients == NULL)
		return (-1);
	m->recipients[m->nrecipients] = arena_strdup(c->arena, argv[0]);
	if (m->recipients[m->nrecipients] == NULL)
		return (-1);
	m->nrecipients++;
	return (note_notify(c, message_notify(argv + 1)));
}

/*
 * Note whether all recipients are those of one message. If
 * smtpd_end_of_data_restrictions refuse a message, smtpd(8) up to Postfix
 * 3.10.12 does not abort it: RCPT may begin the next message, without MAIL, and
 * the recipients of the first are still here. The queue id of the next one is
 * another. ${id}: NULL if not known yet.
 */
static void
note_id(struct connection *c, const char *id)
{
	if (id == NULL || *id == '\0')
		return;
	if (c->id[0] == '\0')
		snprintf(c->id, sizeof(c->id), "%s", id);
	else if (strncmp(c->id, id, sizeof(c->id) - 1) != 0)
		c->mixed = true;
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **argv)
{
	struct connection *c = smfi_getpriv(ctx);

	if (c == NULL)
		return (SMFIS_TEMPFAIL);
	note_id(c, smfi_getsymval(ctx, "i"));
	if (!c->broken && add_recipient(c, argv) != 0)
		c->broken = true;
	return (no_reply(c, SMFIP_NR_RCPT));
}

static sfsistat
on_data(SMFICTX *ctx)
{
	(void)ctx;
	return (SMFIS_CONTINUE);
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	struct connection *c = smfi_getpriv(ctx);

	if (c == NULL)
		return (SMFIS_TEMPFAIL);
	if (!c->broken &&
	    message_header(&c->message, c->arena, name, value) != 0)
		c->broken = true;
	return (no_reply(c, SMFIP_NR_HDR));
}

/* May this client tag? */
static bool
trusted(const struct settings *settings, const struct connection *c)
{
	if (c->authenticated && settings->trust_authenticated)
		return (true);
	return (netlist_has(
	    &settings->trusted_clients, (const struct sockaddr *)&c->address));
}

/* Decide, apply and log. */
static sfsistat
finish(SMFICTX *ctx, struct connection *c, struct config *config)
{
	const struct settings *settings = config->settings;
	struct message *m = &c->message;
	struct evaluate_standby standby = {0};
	struct decision decision;
	int64_t began = clock_us();
	const char *queue_id;
	sfsistat status;
	double seconds;
	bool monitor;

	queue_id = smfi_getsymval(ctx, "i");
	note_id(c, queue_id);
	if (queue_id == NULL)
		queue_id = "NOQUEUE";
	m->client = c->client;
	m->no_client = c->address.ss_family == AF_UNSPEC;
	m->trusted = trusted(settings, c);
	m->fused = c->sendmail;
	if (m->nheaders > 0 && m->id == NULL &&
	    message_give_id(m, c->arena, queue_id, smfi_getsymval(ctx, "j"),
		time(NULL)) != 0)
		c->broken = true;
	/* An incomplete message must not be evaluated. */
	if (c->broken)
		decide_fail(
		    &decision, m, "too many recipients, or out of memory");
	else if (c->mixed && m->nheaders > 0)
		decide_fail(&decision, m,
		    "the MTA took it without MAIL, after a message that it had "
		    "refused at its end");
	else
		evaluate(settings, config->pool, m, false, c->arena, &decision,
		    &standby);
	apply_check(m, &decision, c->by_smtp);
	if (decision.verdict == VERDICT_UNTOUCHED) {
		stats_untagged();
		log_debug("%s: untagged, passed unchanged", queue_id);
		return (SMFIS_CONTINUE);
	}
	seconds = (double)(clock_us() - began) / 1e6;
	monitor = settings->monitor && !decision.reserved;
	status = monitor ? SMFIS_CONTINUE : apply(ctx, m, &decision, c->arena);
	/* Log before answering: then whatever the MTA does has been logged. */
	report_standby(queue_id, &standby, c->arena);
	report(queue_id, m, &decision, monitor, c->arena);
	stats_count(&decision, seconds);
	log_debug("%s: decided in %.6f s", queue_id, seconds);
	return (status);
}

static sfsistat
on_end(SMFICTX *ctx)
{
	struct connection *c = smfi_getpriv(ctx);
	struct config *config;
	sfsistat status = SMFIS_TEMPFAIL;

	if (c == NULL)
		return (SMFIS_TEMPFAIL);
	/* session_end() reads these two in the opposite order. */
	atomic_fetch_add(&deciding, 1);
	if (!atomic_load(&ended)) {
		config = config_get();
		status = finish(ctx, c, config);
		config_put(config);
	}
	reset(c);
	atomic_fetch_sub(&deciding, 1);
	return (status);
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	struct connection *c = smfi_getpriv(ctx);

	if (c != NULL)
		reset(c);
	return (SMFIS_CONTINUE);
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct connection *c = smfi_getpriv(ctx);

	if (c == NULL)
		return (SMFIS_CONTINUE);
	(void)smfi_setpriv(ctx, NULL);
	atomic_fetch_sub(&connections, 1);
	arena_free(c->arena);
	free(c);
	return (SMFIS_CONTINUE);
}

int
session_register(bool over_tcp)
{
	struct smfiDesc desc = {
	    .xxfi_name = "notify-milter",
	    .xxfi_version = SMFI_VERSION,
	    .xxfi_flags = WANTED_ACTIONS | SMFIF_SETSYMLIST,
	    .xxfi_negotiate = on_negotiate,
	    .xxfi_connect = on_connect,
	    .xxfi_envfrom = on_mail,
	    .xxfi_envrcpt = on_rcpt,
	    .xxfi_data = on_data,
	    .xxfi_header = on_header,
	    .xxfi_eom = on_end,
	    .xxfi_abort = on_abort,
	    .xxfi_close = on_close,
	};

	tcp = over_tcp;
	return (smfi_register(desc) == MI_SUCCESS ? 0 : -1);
}

int
session_connections(void)
{
	return (atomic_load(&connections));
}

bool
session_end(int seconds)
{
	const struct timespec tick = {.tv_nsec = 10000000};
	int i;

	atomic_store(&ended, true);
	for (i = 0; i < seconds * 100 && atomic_load(&deciding) > 0; i++)
		nanosleep(&tick, NULL);
	return (atomic_load(&deciding) == 0);
}
