/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_sendmail - does mail from sendmail(1) reach the milter whole, with the
 * envelope that is delivered?
 *
 * pickup(8) must hand it by a transport of its own to an smtpd(8) on loopback,
 * which shows it to the milter. Both must change nothing, refuse nothing and
 * split nothing, whatever main.cf has for other mail. non_smtpd_milters is no
 * substitute: there a removal cannot be relied on.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/check/check_filters.h"
#include "notifyctl/check/check_peers.h"
#include "notifyctl/postfix/instances.h"
#include "notifyctl/postfix/milters.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

/* The first port for the listener; that of another instance is not taken. */
#define PORT 10028
#define TRANSPORT "notify-in"
#define RECIPIENTS_MIN 100000

/* How a setting is right. */
enum want {
	WANT_EQUAL,  /* equal to the value */
	WANT_TLS,    /* nothing that requires TLS */
	WANT_LIMIT,  /* 0 or RECIPIENTS_MIN at least */
	WANT_LARGE,  /* RECIPIENTS_MIN at least */
	WANT_PERMIT, /* empty, or permit_mynetworks first */
	WANT_LOCAL,  /* 127.0.0.0/8 among others */
};

struct wanted {
	const char *name;
	enum want want;
	const char *value; /* that is right */
	const char *why;
};

static const char rewritten[] =
    "mail from sendmail(1) is changed before the milter sees it";
static const char refused[] =
    "mail from sendmail(1) is deferred or returned to its sender";
static const char dsn[] =
    "mail from sendmail(1) loses its DSN options, or 8-bit text";
static const char elsewhere[] =
    "while the listener is down, mail from sendmail(1) goes elsewhere, "
    "undecided";
static const char split[] =
    "a message from sendmail(1) is split, and each part is decided for "
    "itself: who joins its recipients gets it several times";
static const char slow[] = "mail from sendmail(1) waits";

static const char in_non_smtpd[] =
    "Postfix shows it mail from sendmail(1) after rewriting, where a removal "
    "cannot be relied on: such mail is held if anybody would have to be "
    "removed. Send it by a listener";

/* Of the transport. */
static const struct wanted of_transport[] = {
    {"smtp_generic_maps", WANT_EQUAL, "", rewritten},
    {"smtp_header_checks", WANT_EQUAL, "", rewritten},
    {"smtp_mime_header_checks", WANT_EQUAL, "", rewritten},
    {"smtp_nested_header_checks", WANT_EQUAL, "", rewritten},
    {"smtp_body_checks", WANT_EQUAL, "", rewritten},
    {"smtp_line_length_limit", WANT_EQUAL, "0", rewritten},
    {"smtp_tls_security_level", WANT_TLS, "none", refused},
    {"smtp_tls_wrappermode", WANT_EQUAL, "no", refused},
    {"smtp_tls_policy_maps", WANT_EQUAL, "", refused},
    {"smtp_reply_filter", WANT_EQUAL, "", refused},
    {"smtp_fallback_relay", WANT_EQUAL, "", elsewhere},
    {"smtp_discard_ehlo_keywords", WANT_EQUAL, "", dsn},
    {"smtp_discard_ehlo_keyword_address_maps", WANT_EQUAL, "", dsn},
    {"smtp_never_send_ehlo", WANT_EQUAL, "no", dsn},
};

/* Of the listener. */
static const struct wanted of_listener[] = {
    {"mynetworks", WANT_LOCAL, "127.0.0.0/8", refused},
    {"smtpd_client_restrictions", WANT_PERMIT, "permit_mynetworks,reject",
	refused},
    {"smtpd_helo_restrictions", WANT_PERMIT, "", refused},
    {"smtpd_sender_restrictions", WANT_PERMIT, "", refused},
    {"smtpd_relay_restrictions", WANT_PERMIT, "permit_mynetworks,reject",
	refused},
    {"smtpd_recipient_restrictions", WANT_PERMIT, "permit_mynetworks,reject",
	refused},
    {"smtpd_data_restrictions", WANT_PERMIT, "", refused},
    {"smtpd_end_of_data_restrictions", WANT_PERMIT, "", refused},
    {"smtpd_reject_unlisted_recipient", WANT_EQUAL, "no", refused},
    {"smtpd_tls_security_level", WANT_TLS, "none", refused},
    {"smtpd_tls_wrappermode", WANT_EQUAL, "no", refused},
    {"smtpd_proxy_filter", WANT_EQUAL, "", refused},
    {"smtpd_command_filter", WANT_EQUAL, "", rewritten},
    {"smtpd_recipient_limit", WANT_LARGE, "200000", split},
    {"smtpd_discard_ehlo_keywords", WANT_EQUAL, "", dsn},
    {"smtpd_discard_ehlo_keyword_address_maps", WANT_EQUAL, "", dsn},
    {"smtpd_milter_maps", WANT_EQUAL, "",
	"they may exempt this machine, and mail from sendmail(1) goes to its "
	"original recipients"},
};

/* Of the transport, in main.cf: what follows its name. */
static const struct wanted of_queue[] = {
    {"_destination_recipient_limit", WANT_LIMIT, "0", split},
    {"_destination_rate_delay", WANT_EQUAL, "0s", slow},
    {"_transport_rate_delay", WANT_EQUAL, "0s", slow},
};

/* receive_override_options. */
static const struct option {
	const char *name;
	bool pickup; /* pickup's; else the listener's */
	bool given;  /* must be there; else must not */
	const char *why;
} options[] = {
    {"no_milters", true, true,
	"non_smtpd_milters see mail from sendmail(1) as well as the listener's "
	"milters"},
    {"no_address_mappings", true, true,
	"canonical and virtual aliases are applied before the milter sees a "
	"message from sendmail(1), and always_bcc is added twice"},
    {"no_milters", false, false,
	"mail from sendmail(1) goes to its original recipients"},
    {"no_address_mappings", false, false,
	"recipients that the milter adds do not pass virtual aliases"},
    {"no_header_body_checks", false, true,
	"header_checks and body_checks change mail from sendmail(1) twice"},
    {"no_unknown_recipient_checks", false, true, refused},
};

/* How mail from sendmail(1) goes. */
struct way {
	const struct postconf_service *pickup, *transport, *listener;
	const char *name; /* of the transport */
};

static bool find_way(const struct postconf *, struct way *);
static bool is_number(const char *, long);
static bool right(const struct wanted *, const char *);
static const char *free_port(struct check *);
static const char *own_milter(struct check *, const char *, char);
static const char *new_way(struct check *);
static bool check_port(struct check *, const struct way *);
static void check_setting_of(struct check *, const struct wanted *,
    const struct postconf_service *, const char *);
static const char *corrected(struct check *, const char *, bool);
static void check_options(struct check *, const struct way *);
static void check_bind(struct check *, const struct way *);
static void check_loop(struct check *, const struct way *);
static void check_follower(struct check *, const struct postconf_service *);
static const char *without_ours(
    struct check *, const struct postconf_service *, const struct milters *);
static bool check_non_smtpd(
    struct check *, const struct postconf_service *, const struct way *, bool);
static void check_no_way(struct check *, const struct way *, bool);
static void check_others(struct check *, const struct way *);

/* pickup's content_filter, "transport:[address]:port", as services; false if it
 * does not lead to a listener of this Postfix on loopback. */
static bool
find_way(const struct postconf *pc, struct way *w)
{
	const char *filter, *colon, *bare;
	const struct postconf_service *s;
	size_t i;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < pc->nservices && w->pickup == NULL; i++) {
		if (postconf_runs(&pc->services[i], "pickup"))
			w->pickup = &pc->services[i];
	}
	if (w->pickup == NULL)
		return (false);
	filter = postconf_for(pc, w->pickup, "content_filter");
	colon = strchr(filter, ':');
	if (colon == NULL)
		return (false);
	w->name = arena_strndup(pc->arena, filter, (size_t)(colon - filter));
	filter = colon + 1;
	bare = filter;
	colon = strchr(filter, ']');
	if (strncmp(filter, "[127.", 5) == 0 && colon != NULL)
		bare = arena_concat(pc->arena,
		    arena_strndup(
			pc->arena, filter + 1, (size_t)(colon - filter) - 1),
		    colon + 1, NULL);
	w->transport = postconf_service(pc, w->name, "unix");
	if (w->transport == NULL || !postconf_runs(w->transport, "smtp") ||
	    (strncmp(bare, "127.", 4) != 0 && strncmp(bare, "[::1]", 5) != 0))
		return (false);
	s = postconf_service(pc, bare, "inet");
	if (s == NULL)
		s = postconf_service(pc, filter, "inet");
	w->listener = s != NULL && postconf_runs(s, "smtpd") ? s : NULL;
	return (w->listener != NULL);
}

const struct postconf_service *
check_sendmail_listener(const struct postconf *pc)
{
	struct way w;

	return (find_way(pc, &w) ? w.listener : NULL);
}

static bool
is_number(const char *value, long least)
{
	char *end;
	long n;

	n = strtol(value, &end, 10);
	return (end != value && *end == '\0' && n >= least);
}

static bool
right(const struct wanted *s, const char *value)
{
	switch (s->want) {
	case WANT_EQUAL:
		return (strcasecmp(value, s->value) == 0 ||
		    (strcmp(s->value, "0s") == 0 && strcmp(value, "0") == 0));
	case WANT_TLS:
		return (*value == '\0' || strcasecmp(value, "none") == 0 ||
		    strcasecmp(value, "may") == 0);
	case WANT_LIMIT:
		return (strcmp(value, "0") == 0 ||
		    is_number(value, RECIPIENTS_MIN));
	case WANT_LARGE:
		return (is_number(value, RECIPIENTS_MIN));
	case WANT_PERMIT:
		return (*value == '\0' ||
		    strncmp(value, "permit_mynetworks", 17) == 0);
	case WANT_LOCAL:
		return (strstr(value, "127.0.0.0/8") != NULL);
	}
	return (false);
}

/* ${service} NULL: a setting of main.cf, whose name begins with ${prefix}. */
static void
check_setting_of(struct check *c, const struct wanted *s,
    const struct postconf_service *service, const char *prefix)
{
	const char *name = check_text(c, "%s%s", prefix, s->name), *value;

	value = service == NULL ? postconf_value(c->postfix, name)
				: postconf_for(c->postfix, service, name);
	if (right(s, value))
		return;
	check_edit(c, CHECK_ERROR,
	    check_text(c, "%s = %s%s%s", name, value,
		service == NULL ? "" : " for ",
		service == NULL ? "" : service->key),
	    s->why, service, name, s->value);
}

/* The options of pickup, or of the listener, as they are right. */
static const char *
corrected(struct check *c, const char *value, bool pickup)
{
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (options[i].pickup != pickup)
			continue;
		value = postconf_without(c->postfix, value, options[i].name);
		if (options[i].given)
			value = check_text(c, "%s%s%s", value,
			    *value == '\0' ? "" : ",", options[i].name);
	}
	return (value);
}

static void
check_options(struct check *c, const struct way *w)
{
	static const char name[] = "receive_override_options";
	const struct postconf *pc = c->postfix;
	const struct postconf_service *s;
	const struct option *o;
	const char *value;
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		o = &options[i];
		s = o->pickup ? w->pickup : w->listener;
		value = postconf_for(pc, s, name);
		if ((strstr(value, o->name) != NULL) == o->given)
			continue;
		check_edit(c, CHECK_ERROR,
		    check_text(c, "%s of %s %s %s", name, s->key,
			o->given ? "lacks" : "has", o->name),
		    o->why, s, name, corrected(c, value, o->pickup));
	}
}

/* With one address in inet_interfaces, smtp(8) connects from that one, unless
 * another is set. */
static void
check_bind(struct check *c, const struct way *w)
{
	bool six = *w->listener->name == '[';
	const char *name = six ? "smtp_bind_address6" : "smtp_bind_address";
	const char *want = six ? "::1" : "127.0.0.1";
	const char *value = postconf_for(c->postfix, w->transport, name);

	if (strcmp(value, want) != 0)
		check_edit(c, CHECK_ERROR,
		    check_text(
			c, "%s = %s for %s", name, value, w->transport->key),
		    "with one address in inet_interfaces, mail from "
		    "sendmail(1) comes from that address, and is refused or "
		    "not trusted",
		    w->transport, name, want);
}

static void
check_loop(struct check *c, const struct way *w)
{
	static const char name[] = "content_filter";
	const char *value = postconf_for(c->postfix, w->listener, name);
	size_t len = strlen(w->name);

	if (strncmp(value, w->name, len) == 0 && value[len] == ':')
		check_edit(c, CHECK_ERROR,
		    check_text(
			c, "%s = %s for %s", name, value, w->listener->key),
		    "the listener hands mail from sendmail(1) to itself, "
		    "without end",
		    w->listener, name,
		    postconf_override(c->postfix, w->listener, name) == NULL
			? ""
			: postconf_value(c->postfix, name));
}

/* A port that no other instance of Postfix listens on. */
static const char *
free_port(struct check *c)
{
	const char *port;
	int n = PORT;

	do
		port = check_text(c, "%d", n++);
	while (instances_listening(c->postfix, port) != NULL);
	return (port);
}

/* The option by which a new listener asks the milter, if smtpd_milters of
 * main.cf will not name it: each smtpd(8) has a list of its own there. */
static const char *
own_milter(struct check *c, const char *at, char chroot)
{
	static const char list[] = "smtpd_milters";
	const struct postconf *pc = c->postfix;
	const char *socket = c->settings->socket, *address;
	struct postconf_service s = {.key = check_text(c, "%s/inet", at),
	    .name = at,
	    .type = "inet",
	    .command = "smtpd",
	    .chroot = chroot == 'y'};
	struct milters m;

	address = milters_address(pc, socket, &s);
	if (c->joins || address == NULL ||
	    milters_read(pc, socket, &s, postconf_value(pc, list), &m) !=
		MILTERS_OTHER)
		return ("");
	return (check_text(c, " -o %s=%s", list, address));
}

/* The commands that make the way, as the sample has it. */
static const char *
new_way(struct check *c)
{
	static const char more_transport[] =
	    " -o smtp_sasl_auth_enable=no -o smtp_send_xforward_command=yes"
	    " -o smtp_always_send_ehlo=yes -o disable_mime_output_conversion=yes";
	static const char more_listener[] =
	    " -o syslog_name=postfix/notify-in"
	    " -o receive_override_options="
	    "no_header_body_checks,no_unknown_recipient_checks"
	    " -o smtpd_authorized_xforward_hosts=127.0.0.0/8,[::1]"
	    " -o smtpd_reject_unlisted_sender=no -o smtpd_helo_required=no"
	    " -o strict_rfc821_envelopes=no"
	    " -o smtpd_recipient_overshoot_limit=200000"
	    " -o smtpd_hard_error_limit=200000"
	    " -o smtpd_soft_error_limit=200000 -o smtpd_error_sleep_time=0"
	    " -o smtpd_client_connection_count_limit=0"
	    " -o smtpd_client_connection_rate_limit=0"
	    " -o smtpd_client_message_rate_limit=0"
	    " -o smtpd_client_recipient_rate_limit=0"
	    " -o smtpd_peername_lookup=no -o smtpd_sasl_auth_enable=no"
	    " -o smtpd_upstream_proxy_protocol=";
	const struct postconf *pc = c->postfix;
	const char *protocols = postconf_value(pc, "inet_protocols");
	bool six = strstr(protocols, "ipv4") == NULL &&
	    strstr(protocols, "all") == NULL;
	const char *port = free_port(c);
	const char *at =
	    check_text(c, "%s:%s", six ? "[::1]" : "127.0.0.1", port);
	const char *transport, *listener, *text;
	struct postconf_service pickup = {.key = "pickup/unix"};
	const char *chroot = "n";
	size_t i;

	/* The path of the milter's socket is right for smtpd(8) as it is. */
	for (i = 0; i < pc->nservices; i++) {
		if (postconf_runs(&pc->services[i], "smtpd") &&
		    pc->services[i].chroot)
			chroot = "y";
	}
	transport =
	    check_text(c, TRANSPORT " unix - - %s - 10 smtp -o %s%s", chroot,
		six ? "smtp_bind_address6=::1" : "smtp_bind_address=127.0.0.1",
		more_transport);
	for (i = 0; i < sizeof(of_transport) / sizeof(of_transport[0]); i++)
		transport = check_text(c, "%s -o %s=%s", transport,
		    of_transport[i].name, of_transport[i].value);
	listener = check_text(
	    c, "%s inet n - %s - 20 smtpd%s", at, chroot, more_listener);
	for (i = 0; i < sizeof(of_listener) / sizeof(of_listener[0]); i++)
		listener = check_text(c, "%s -o %s=%s%s", listener,
		    of_listener[i].name, of_listener[i].value,
		    of_listener[i].want == WANT_LOCAL && six ? ",[::1]" : "");
	listener = check_text(c, "%s%s", listener, own_milter(c, at, *chroot));
	text = check_text(c, "postconf%s -M %s && postconf%s -M %s", pc->option,
	    check_quote(c, check_text(c, TRANSPORT "/unix=%s", transport)),
	    pc->option,
	    check_quote(c, check_text(c, "%s/inet=%s", at, listener)));
	for (i = 0; i < sizeof(of_queue) / sizeof(of_queue[0]); i++)
		text = check_text(c, "%s && %s", text,
		    postconf_edit(pc, NULL,
			check_text(c, TRANSPORT "%s", of_queue[i].name),
			of_queue[i].value));
	text = check_text(c, "%s && %s", text,
	    postconf_edit(pc, &pickup, "content_filter",
		check_text(
		    c, TRANSPORT ":[%s]:%s", six ? "::1" : "127.0.0.1", port)));
	return (check_text(c, "%s && %s", text,
	    postconf_edit(pc, &pickup, "receive_override_options",
		"no_milters,no_address_mappings")));
}

/* A list that refers to smtpd_milters names the milter as soon as that does. */
static void
check_follower(struct check *c, const struct postconf_service *s)
{
	static const char name[] = "non_smtpd_milters";
	const struct postconf *pc = c->postfix;

	if (postconf_override(pc, s, name) == NULL &&
	    strstr(postconf_given(pc, name), "smtpd_milters") != NULL)
		check_edit(c, CHECK_ERROR,
		    check_text(c, "%s = %s will name the milter", name,
			postconf_given(pc, name)),
		    in_non_smtpd, NULL, name, postconf_value(pc, name));
}

/* The list without what is ours, or was; NULL if there is none in it. */
static const char *
without_ours(
    struct check *c, const struct postconf_service *s, const struct milters *m)
{
	const char *list = "";
	bool found = false, tcp;
	size_t i;

	for (i = 0; i < m->n; i++) {
		/* The port alone is ours, perhaps, on another host. */
		tcp = strncmp(m->v[i].address, "inet:", 5) == 0;
		if (i == m->ours || check_peers_former(c, s, &m->v[i]) ||
		    (m->v[i].match != MILTERS_OTHER && !tcp))
			found = true;
		else
			list = check_text(c, "%s%s%s", list,
			    *list == '\0' ? "" : ", ", m->v[i].text);
	}
	return (found ? list : NULL);
}

/* ${s}: a cleanup(8). Do its non_smtpd_milters name ours, or a former socket of
 * it? */
static bool
check_non_smtpd(struct check *c, const struct postconf_service *s,
    const struct way *w, bool found)
{
	static const char name[] = "non_smtpd_milters";
	const struct postconf *pc = c->postfix;
	struct milters m;
	const char *fix;

	milters_read(pc, c->settings->socket, s, postconf_for(pc, s, name), &m);
	fix = without_ours(c, s, &m);
	if (fix == NULL) {
		check_follower(c, s);
		return (false);
	}
	fix = postconf_edit(pc, check_setter(c, s, name), name, fix);
	check_found(c, CHECK_ERROR, CHECK_POSTCONF,
	    check_text(c, "%s names the milter", check_label(c, s, name)),
	    in_non_smtpd,
	    found || w->pickup == NULL
		? fix
		: check_text(c, "%s && %s", new_way(c), fix));
	return (true);
}

static void
check_no_way(struct check *c, const struct way *w, bool found)
{
	const struct postconf *pc = c->postfix;
	bool named = false;
	size_t i;

	for (i = 0; i < pc->nservices; i++) {
		if (postconf_runs(&pc->services[i], "cleanup") &&
		    check_non_smtpd(c, &pc->services[i], w, found))
			named = true;
	}
	if (!named && w->pickup != NULL && !found)
		check_found(c, CHECK_ERROR, CHECK_POSTCONF,
		    "mail from sendmail(1) does not pass a listener "
		    "that asks the milter",
		    "tagged mail goes to its original recipients", new_way(c));
}

/* Do other services that take mail without smtpd(8), a second pickup(8) or
 * qmqpd(8), hand it to the listener too? */
static void
check_others(struct check *c, const struct way *w)
{
	static const char filter[] = "content_filter";
	static const char options_name[] = "receive_override_options";
	const struct postconf *pc = c->postfix;
	const struct postconf_service *s;
	const char *want = postconf_for(pc, w->pickup, filter), *value;
	size_t i;

	for (i = 0; i < pc->nservices; i++) {
		s = &pc->services[i];
		if (s == w->pickup ||
		    (!postconf_runs(s, "pickup") && !postconf_runs(s, "qmqpd")))
			continue;
		value = postconf_for(pc, s, options_name);
		if (strcmp(postconf_for(pc, s, filter), want) == 0 &&
		    strstr(value, "no_address_mappings") != NULL)
			continue;
		check_found(c, CHECK_ERROR, CHECK_POSTCONF,
		    check_text(c,
			"mail that %s takes does not pass the listener that "
			"asks the milter",
			s->key),
		    "tagged mail goes to its original recipients",
		    check_text(c, "%s && %s",
			postconf_edit(pc, s, filter, want),
			postconf_edit(
			    pc, s, options_name, corrected(c, value, true))));
	}
}

/* Does another instance of Postfix listen on the listener's port? */
static bool
check_port(struct check *c, const struct way *w)
{
	const struct postconf *pc = c->postfix;
	const char *colon = strrchr(w->listener->name, ':'), *other;

	other = instances_listening(
	    pc, colon == NULL ? w->listener->name : colon + 1);
	if (other == NULL)
		return (false);
	check_found(c, CHECK_ERROR, CHECK_POSTCONF,
	    check_text(c, "the Postfix in %s listens on the port of %s, too",
		other, w->listener->key),
	    "mail from sendmail(1) goes to either of them, and is perhaps not "
	    "decided",
	    check_text(c, "%s && postconf%s -MX %s", new_way(c), pc->option,
		check_quote(c, w->listener->key)));
	return (true);
}

void
check_sendmail(struct check *c)
{
	struct way w;
	bool found;
	size_t i;

	found = find_way(c->postfix, &w);
	check_no_way(c, &w, found);
	if (!found || check_port(c, &w))
		return;
	if (check_filters_shared(c, w.name) == 1) {
		check_found(c, CHECK_ERROR, CHECK_POSTCONF,
		    check_text(c,
			"mail from sendmail(1) goes to its listener by %s, "
			"which other mail takes too",
			w.name),
		    "its transport must change and split nothing, and other "
		    "mail needs what is set for it",
		    new_way(c));
		return;
	}
	for (i = 0; i < sizeof(of_transport) / sizeof(of_transport[0]); i++)
		check_setting_of(c, &of_transport[i], w.transport, "");
	for (i = 0; i < sizeof(of_listener) / sizeof(of_listener[0]); i++)
		check_setting_of(c, &of_listener[i], w.listener, "");
	for (i = 0; i < sizeof(of_queue) / sizeof(of_queue[0]); i++)
		check_setting_of(c, &of_queue[i], NULL, w.name);
	check_options(c, &w);
	check_bind(c, &w);
	check_loop(c, &w);
	check_others(c, &w);
}
