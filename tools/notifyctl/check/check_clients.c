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
static bool asks_us(struct check *, const char *);
static void check_maps(struct check *, const char *, const struct network *);

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

/* Does a list of milters have ours, for each smtpd(8) that new mail comes to?
 */
static bool
asks_us(struct check *c, const char *list)
{
	const struct postconf *pc = c->postfix;
	struct milters m;
	size_t i;

	for (i = 0; i < pc->nservices; i++) {
		if (check_front(c, &pc->services[i]) &&
		    milters_read(pc, c->settings->socket, &pc->services[i],
			list, &m) != MILTERS_OURS)
			return (false);
	}
	return (true);
}

static void
check_maps(struct check *c, const char *maps, const struct network *net)
{
	const char *address = some_host(c, net), *found;

	found = check_lookup(c, maps, address);
	if (found == NULL || asks_us(c, found))
		return;
	check_found(c, CHECK_WARNING, CHECK_PUT,
	    check_text(c,
		"smtpd_milter_maps has \"%s\" for %s, whose tags are honoured",
		found, address),
	    "Postfix does not show the mail of that client to the milter, so "
	    "tagged mail goes to its original recipients",
	    check_text(c, "%s %s", address,
		postconf_value(c->postfix, "smtpd_milters")));
}

void
check_clients(struct check *c)
{
	const struct netlist *list = &c->settings->trusted_clients;
	const char *maps = postconf_value(c->postfix, "smtpd_milter_maps");
	size_t i;

	if (list->n == 0 && !c->settings->trust_authenticated)
		check_setting(c, CHECK_WARNING, "trusted_clients is empty",
		    "no client's tags are honoured", "milter",
		    "trusted_clients = 127.0.0.0/8, ::1");
	check_networks(c);
	c->part = "postfix";
	for (i = 0; *maps != '\0' && i < list->n; i++)
		check_maps(c, maps, &list->v[i]);
}
