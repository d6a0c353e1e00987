/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_clients - are those trusted to tag who should be?
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"
#include "terms/netlist.h"

static const unsigned char mapped[12] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_ipv4(const struct network *);
static const char *written(struct check *, const struct network *);
static bool within(const struct network *, const struct network *);
static bool covered(const struct netlist *, const struct network *);
static bool read_mynetworks(struct check *, struct netlist *);
static const char *without(struct check *, const struct network *);
static void check_maps(struct check *, const struct network *);

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

/* False if there is more in it than addresses. */
static bool
read_mynetworks(struct check *c, struct netlist *list)
{
	const char *text, *why;

	text = postconf_value(c->postfix, "mynetworks");
	return (netlist_add(list, text, &why) == 1);
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
	return (check_setting(c, "milter",
	    check_text(c, "trusted_clients = %s",
		line == NULL ? "127.0.0.0/8, ::1" : line)));
}

/* Postfix can have other milters, or none, for some clients. */
static void
check_maps(struct check *c, const struct network *net)
{
	static const struct in6_addr local = IN6ADDR_LOOPBACK_INIT;
	const char *maps, *found, *address, *ours;
	struct network host = *net;

	maps = postconf_value(c->postfix, "smtpd_milter_maps");
	if (*maps == '\0')
		return;
	/* A host of the network: the first, or 127.0.0.1 and ::1. */
	if (net->bits < 128)
		host.address.s6_addr[15] |= 1;
	if (net->bits < 128 && !is_ipv4(net) &&
	    memcmp(&net->address, &in6addr_any, sizeof(in6addr_any)) == 0)
		host.address = local;
	host.bits = 128;
	address = written(c, &host);
	address = check_text(c, "%.*s", (int)strcspn(address, "/"), address);
	found = postconf_lookup(c->postfix, maps, address);
	/* The last of its path, or the port. */
	ours = strrchr(c->settings->socket, '/');
	if (ours == NULL) {
		ours = strchr(c->settings->socket, ':') + 1;
		ours = check_text(c, ":%.*s", (int)strcspn(ours, "@"), ours);
	}
	if (found == NULL || strstr(found, ours) != NULL)
		return;
	c->part = "postfix";
	check_found(c, CHECK_WARNING, CHECK_PUT,
	    check_text(c,
		"smtpd_milter_maps has \"%s\" for %s, whose tags are "
		"honoured",
		found, address),
	    "mail of that client is not shown to the milter, so tagged mail "
	    "goes to whomever it was addressed",
	    check_text(c, "%s %s", address,
		postconf_value(c->postfix, "smtpd_milters")));
	c->part = "settings";
}

void
check_clients(struct check *c)
{
	const struct netlist *list = &c->settings->trusted_clients;
	struct netlist own = {0}, local = {0};
	const struct network *net;
	const char *why;
	bool known;
	size_t i;

	c->part = "settings";
	if (list->n == 0 && !c->settings->trust_authenticated)
		check_found(c, CHECK_WARNING, CHECK_PUT,
		    "trusted_clients is empty", "nobody's tag is honoured",
		    check_setting(
			c, "milter", "trusted_clients = 127.0.0.0/8, ::1"));
	known = read_mynetworks(c, &own);
	if (netlist_add(&local, "127.0.0.0/8 ::1", &why) != 1)
		known = false;
	for (i = 0; i < list->n; i++) {
		net = &list->v[i];
		check_maps(c, net);
		if (net->bits == (is_ipv4(net) ? 96 : 0))
			check_found(c, CHECK_ERROR, CHECK_PUT,
			    check_text(
				c, "trusted_clients has %s", written(c, net)),
			    "everybody in the world who may send mail to this "
			    "Postfix may tag it, and so reach every customer",
			    without(c, net));
		else if (known && !covered(&own, net) && !covered(&local, net))
			check_found(c, CHECK_WARNING, CHECK_PUT,
			    check_text(c,
				"trusted_clients has %s, which is not within "
				"Postfix's mynetworks",
				written(c, net)),
			    "Postfix takes these clients for outsiders, and "
			    "their tags are honoured all the same",
			    without(c, net));
	}
	netlist_clear(&own);
	netlist_clear(&local);
}
