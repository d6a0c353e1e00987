/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_clients - are the clients that may tag mail the right ones, and does
 * Postfix show their mail to the milter?
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "notifyctl/check/check.h"
#include "notifyctl/postfix/milters.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"
#include "terms/netlist.h"

static const unsigned char mapped[12] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_ipv4(const struct network *);
static const char *written(struct check *, const struct network *);
static bool within(const struct network *, const struct network *);
static bool covered(const struct netlist *, const struct network *);
static const char *without(struct check *, const struct network *);
static void check_networks(struct check *);
static const char *some_host(struct check *, const struct network *);
static bool asks_us(
    struct check *, const struct postconf_service *, const char *);
static void check_maps(
    struct check *, const struct postconf_service *, const struct network *);
static void check_xclient(struct check *, const struct postconf_service *);

static bool
is_ipv4(const struct network *net)
{
	return (net->bits >= 96 &&
	    memcmp(&net->address, mapped, sizeof(mapped)) == 0);
}

static const char *
written(struct check *c, const struct network *net)
{
	char text[INET6_ADDRSTRLEN];
	bool v4 = is_ipv4(net);

	if (inet_ntop(v4 ? AF_INET : AF_INET6,
		net->address.s6_addr + (v4 ? 12 : 0), text,
		sizeof(text)) == NULL)
		return ("?");
	return (check_text(c, "%s/%u", text, v4 ? net->bits - 96 : net->bits));
}

static bool
within(const struct network *net, const struct network *wide)
{
	unsigned i;

	if (net->bits < wide->bits || is_ipv4(net) != is_ipv4(wide))
		return (false);
	for (i = 0; i < wide->bits; i++) {
		if ((net->address.s6_addr[i / 8] ^
			wide->address.s6_addr[i / 8]) &
		    (0x80 >> i % 8))
			return (false);
	}
	return (true);
}

static bool
covered(const struct netlist *list, const struct network *net)
{
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (within(net, &list->v[i]))
			return (true);
	}
	return (false);
}

/* The line of trusted_clients without one of its networks. */
static const char *
without(struct check *c, const struct network *net)
{
	const struct netlist *list = &c->settings->trusted_clients;
	const char *line = NULL;
	size_t i;

	for (i = 0; i < list->n; i++) {
		if (&list->v[i] == net)
			continue;
		line = line == NULL
		    ? written(c, &list->v[i])
		    : check_text(c, "%s, %s", line, written(c, &list->v[i]));
	}
	return (check_text(c, "trusted_clients = %s",
	    line == NULL ? "127.0.0.0/8, ::1" : line));
}

static void
check_networks(struct check *c)
{
	const struct netlist *list = &c->settings->trusted_clients;
	const struct network *net;
	struct netlist own = {0};
	const char *why;
	bool known;
	size_t i;

	/* mynetworks may have tables, which are not read. */
	known = netlist_add(&own, postconf_value(c->postfix, "mynetworks"),
		    &why) == 1 &&
	    netlist_add(&own, "127.0.0.0/8 ::1", &why) == 1;
	for (i = 0; i < list->n; i++) {
		net = &list->v[i];
		if (net->bits == (is_ipv4(net) ? 96 : 0))
			check_setting(c, CHECK_ERROR,
			    check_text(
				c, "trusted_clients has %s", written(c, net)),
			    "every client that may send mail to this Postfix "
			    "may tag it, and so reach every customer",
			    "milter", without(c, net));
		else if (known && !covered(&own, net))
			check_setting(c, CHECK_WARNING,
			    check_text(c,
				"trusted_clients has %s, which is not within "
				"Postfix's mynetworks",
				written(c, net)),
			    "Postfix does not trust these clients, but the "
			    "milter honours their tags",
			    "milter", without(c, net));
	}
	netlist_clear(&own);
}

/* The address of a host in the network: the first, or ::1. */
static const char *
some_host(struct check *c, const struct network *net)
{
	struct network host = *net;
	const char *address;

	if (net->bits < 128)
		host.address.s6_addr[15] |= 1;
	host.bits = 128;
	address = written(c, &host);
	return (check_text(c, "%.*s", (int)strcspn(address, "/"), address));
}

static bool
asks_us(struct check *c, const struct postconf_service *s, const char *list)
{
	struct milters m;

	return (milters_read(c->postfix, c->settings->socket, s, list, &m) ==
	    MILTERS_OURS);
}

/* For an smtpd(8) that new mail comes to. */
static void
check_maps(struct check *c, const struct postconf_service *s,
    const struct network *net)
{
	static const char name[] = "smtpd_milter_maps";
	const struct postconf *pc = c->postfix;
	const char *address = some_host(c, net), *found;

	found = check_lookup(c, postconf_for(pc, s, name), address);
	if (found == NULL || asks_us(c, s, found))
		return;
	check_found(c, CHECK_WARNING, CHECK_PUT,
	    check_text(c, "%s has \"%s\" for %s, whose tags are honoured",
		check_label(c, s, name), found, address),
	    "Postfix does not show the mail of that client to the milter, so "
	    "tagged mail goes to its original recipients",
	    check_text(
		c, "%s %s", address, postconf_for(pc, s, "smtpd_milters")));
}

/* Who may use XCLIENT may pass for any client, and any login. */
static void
check_xclient(struct check *c, const struct postconf_service *s)
{
	static const char name[] = "smtpd_authorized_xclient_hosts";
	const char *value = postconf_for(c->postfix, s, name), *why;
	struct netlist hosts = {0};
	bool ours;
	size_t i;

	if (*value == '\0')
		return;
	ours = netlist_add(&hosts, value, &why) == 1;
	for (i = 0; ours && i < hosts.n; i++)
		ours = covered(&c->settings->trusted_clients, &hosts.v[i]);
	netlist_clear(&hosts);
	if (!ours)
		check_edit(c, CHECK_ERROR,
		    check_text(c, "%s = %s has more than trusted_clients",
			check_label(c, s, name), value),
		    "these hosts may say that they are any other client "
		    "(XCLIENT), and so tag mail and reach every customer",
		    check_setter(c, s, name), name, "");
}

void
check_clients(struct check *c)
{
	const struct netlist *list = &c->settings->trusted_clients;
	const struct postconf_service *s;
	size_t i, k;

	if (list->n == 0 && !c->settings->trust_authenticated)
		check_setting(c, CHECK_WARNING, "trusted_clients is empty",
		    "no client's tags are honoured", "milter",
		    "trusted_clients = 127.0.0.0/8, ::1");
	check_networks(c);
	c->part = "postfix";
	for (i = 0; i < c->postfix->nservices; i++) {
		s = &c->postfix->services[i];
		if (!check_front(c, s))
			continue;
		check_xclient(c, s);
		for (k = 0; k < list->n; k++)
			check_maps(c, s, &list->v[k]);
	}
}
