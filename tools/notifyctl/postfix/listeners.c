/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listeners - where Postfix takes mail by SMTP and shows it to the milter
 *
 * A wrong "yes" would send a message undecided, so whatever is unclear is "no".
 */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/failure.h"
#include "notifyctl/postfix/listeners.h"
#include "notifyctl/postfix/milters.h"
#include "notifyctl/postfix/postconf.h"

static int judge_milters(const struct postconf *, const char *,
    const struct postconf_service *, struct failure *);
static int judge(const struct postconf *, const char *,
    const struct postconf_service *, struct failure *);
static const struct postconf_service *answers(
    const struct postconf *, const struct postconf_service *);
static const char *default_host(const struct postconf *);
static void split(const struct postconf *, const char *, struct listener *);

/* Does ${service} ask the milter, and refuse mail while it is away? */
static int
judge_milters(const struct postconf *pc, const char *socket,
    const struct postconf_service *service, struct failure *failure)
{
	static const char name[] = "smtpd_milters";
	const char *list = postconf_for(pc, service, name), *action;
	enum milters_match match;
	struct milters m;

	match = milters_read(pc, socket, service, list, &m);
	if (match != MILTERS_OURS) {
		if (milters_address(pc, socket, service) == NULL)
			return (failure_set(failure, FAILURE_SETTINGS,
			    "%s cannot reach %s from its chroot, so the "
			    "message would be sent undecided; put the socket "
			    "below %s",
			    service->key, socket, pc->queue));
		return (failure_set(failure, FAILURE_SETTINGS,
		    "%s of %s does not name the milter, so the message would "
		    "be sent undecided; \"notifyctl check\" has the command "
		    "that corrects it",
		    name, service->key));
	}
	action = m.v[m.ours].action;
	if (action != NULL && strncasecmp(action, "accept", 6) == 0)
		return (failure_set(failure, FAILURE_SETTINGS,
		    "%s of %s has default_action=accept for the milter, so the "
		    "message would be sent undecided if the milter is away; "
		    "put default_action=tempfail",
		    name, service->key));
	if (action == NULL &&
	    strncasecmp(postconf_for(pc, service, "milter_default_action"),
		"accept", 6) == 0)
		return (failure_set(failure, FAILURE_SETTINGS,
		    "milter_default_action = accept for %s, so the message "
		    "would be sent undecided if the milter is away; put "
		    "milter_default_action = tempfail",
		    service->key));
	return (0);
}

/* 0 if all mail that ${service} receives meets the milter. */
static int
judge(const struct postconf *pc, const char *socket,
    const struct postconf_service *service, struct failure *failure)
{
	if (milters_off(pc, service))
		return (failure_set(failure, FAILURE_SETTINGS,
		    "receive_override_options of %s has no_milters, so the "
		    "message would be sent undecided; remove it, or add a "
		    "listener without it",
		    service->key));
	if (*postconf_for(pc, service, "smtpd_proxy_filter") != '\0')
		return (failure_set(failure, FAILURE_SETTINGS,
		    "smtpd_proxy_filter of %s takes mail before the milter "
		    "sees its header, so the message would be sent undecided; "
		    "add a listener without it",
		    service->key));
	if (judge_milters(pc, socket, service, failure) != 0)
		return (-1);
	if (strcasecmp(postconf_for(pc, service, "smtpd_tls_wrappermode"),
		"yes") == 0 ||
	    strcasecmp(postconf_for(pc, service, "smtpd_tls_security_level"),
		"encrypt") == 0)
		return (failure_set(failure, FAILURE_SETTINGS,
		    "%s requires TLS; add a listener on loopback that does not",
		    service->key));
	return (0);
}

/* The smtpd(8) that answers at a listener, or NULL. */
static const struct postconf_service *
answers(const struct postconf *pc, const struct postconf_service *listener)
{
	if (strcmp(listener->type, "inet") != 0)
		return (NULL);
	if (postconf_runs(listener, "smtpd"))
		return (listener);
	return (postconf_runs(listener, "postscreen")
		? postconf_service(pc, "smtpd", "pass")
		: NULL);
}

/* Where a listener that names no address can be reached. */
static const char *
default_host(const struct postconf *pc)
{
	const char *interfaces = postconf_value(pc, "inet_interfaces");
	const char *protocols = postconf_value(pc, "inet_protocols");

	if (strcmp(interfaces, "all") == 0 ||
	    strcmp(interfaces, "loopback-only") == 0 ||
	    strstr(interfaces, "127.0.0.1") != NULL ||
	    strstr(interfaces, "localhost") != NULL)
		return (strstr(protocols, "ipv4") == NULL &&
			    strcmp(protocols, "all") != 0
			? "::1"
			: "127.0.0.1");
	interfaces += strspn(interfaces, ", \t[");
	return (
	    arena_strndup(pc->arena, interfaces, strcspn(interfaces, ", \t]")));
}

/* "host:port", "[::1]:port" or "port". */
static void
split(const struct postconf *pc, const char *name, struct listener *l)
{
	const char *colon = strrchr(name, ':');
	size_t len;

	if (colon == NULL) {
		l->port = name;
		l->host = default_host(pc);
		return;
	}
	l->port = colon + 1;
	len = (size_t)(colon - name);
	if (*name == '[' && colon[-1] == ']') {
		name++;
		len -= 2;
	}
	l->host = arena_strndup(pc->arena, name, len);
	if (*l->host == '\0' || strcmp(l->host, "0.0.0.0") == 0)
		l->host = "127.0.0.1";
	else if (strcmp(l->host, "::") == 0)
		l->host = "::1";
}

int
listeners_find(struct postconf *pc, const char *socket, struct listener **v,
    size_t *n, struct failure *failure)
{
	struct failure other = FAILURE_INIT, *why = failure;
	const struct postconf_service *service;
	size_t cap = 0, i;

	*v = NULL;
	*n = 0;
	if (pc->services == NULL && postconf_read_master(pc, failure) != 0)
		return (-1);
	failure_set(failure, FAILURE_SETTINGS,
	    "master.cf has no smtpd listener, and messages are submitted by "
	    "SMTP; add one on loopback");
	for (i = 0; i < pc->nservices; i++) {
		service = answers(pc, &pc->services[i]);
		if (service == NULL)
			continue;
		/* Report what is wrong with the first. */
		if (judge(pc, socket, service, why) != 0) {
			why = &other;
			continue;
		}
		*v = arena_grow(pc->arena, *v, *n, &cap, sizeof(**v));
		split(pc, pc->services[i].name, *v + *n);
		(*v)[(*n)++].milter_maps =
		    postconf_for(pc, service, "smtpd_milter_maps");
	}
	failure_clear(&other);
	if (*n == 0)
		return (-1);
	failure_clear(failure);
	return (0);
}

int
listeners_exempt(const struct postconf *pc, const struct listener *l,
    const char *address, struct failure *failure)
{
	struct failure why = FAILURE_INIT;
	char *map, *rest;
	const char *value;
	int rc = 0;

	rest = arena_strdup(pc->arena, l->milter_maps);
	while (rc == 0 && (map = postconf_word(&rest)) != NULL) {
		rc = postconf_lookup(pc, map, address, &value, &why);
		if (rc != 1 && why.kind != FAILURE_NONE)
			rc = failure_copy(failure, &why);
		failure_clear(&why);
	}
	return (rc);
}
