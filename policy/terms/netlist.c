/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netlist - a list of addresses and networks, to look up a client in
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "terms/netlist.h"

#define NETWORKS_MAX 65536

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

static int read_bits(const char *, unsigned, unsigned *);
static int read_network(char *, struct network *, const char **);
static bool host_bits_set(const struct network *);
static bool inside(const struct network *, const struct in6_addr *);

static int
read_bits(const char *text, unsigned max, unsigned *bits)
{
	char *end;
	unsigned long n;

	if (*text < '0' || *text > '9')
		return (0);
	n = strtoul(text, &end, 10);
	if (*end != '\0' || n > max)
		return (0);
	*bits = (unsigned)n;
	return (1);
}

static bool
host_bits_set(const struct network *net)
{
	unsigned i;

	for (i = net->bits; i < 128; i++) {
		if (net->address.s6_addr[i / 8] & (0x80 >> i % 8))
			return (true);
	}
	return (false);
}

/* Read "address" or "address/bits"; changes ${word}. */
static int
read_network(char *word, struct network *net, const char **expected)
{
	char *slash, *close;
	unsigned max;

	*expected = "an IPv4 or IPv6 address or network, like 192.0.2.0/24";
	slash = strchr(word, '/');
	if (slash != NULL)
		*slash++ = '\0';
	if (*word == '[') {
		close = strchr(word, ']');
		if (close == NULL || close[1] != '\0')
			return (0);
		*close = '\0';
		word++;
	}
	if (inet_pton(AF_INET, word, net->address.s6_addr + 12) == 1) {
		memcpy(net->address.s6_addr, mapped, sizeof(mapped));
		max = 32;
	} else if (inet_pton(AF_INET6, word, &net->address) == 1) {
		max = 128;
	} else {
		return (0);
	}
	net->bits = max;
	if (slash != NULL && !read_bits(slash, max, &net->bits)) {
		*expected = "a prefix length of 0 to 32 (IPv4) or 128 (IPv6) "
			    "after the slash";
		return (0);
	}
	net->bits += 128 - max;
	if (host_bits_set(net)) {
		*expected = "a network without bits beyond its prefix length, "
			    "like 192.0.2.0/24";
		return (0);
	}
	return (1);
}

int
netlist_add(struct netlist *list, const char *text, const char **expected)
{
	struct network *grown;
	char *copy, *word, *rest;
	int rc;

	copy = strdup(text);
	if (copy == NULL)
		return (-1);
	rc = 1;
	for (word = strtok_r(copy, " \t,", &rest); word != NULL && rc == 1;
	     word = strtok_r(NULL, " \t,", &rest)) {
		if (list->n == NETWORKS_MAX) {
			*expected = "at most 65536 networks";
			rc = 0;
			break;
		}
		/* Room for twice as many, whenever it is full. */
		if ((list->n & (list->n - 1)) == 0) {
			grown = reallocarray(list->v,
			    list->n == 0 ? 1 : 2 * list->n, sizeof(*grown));
			if (grown == NULL) {
				rc = -1;
				break;
			}
			list->v = grown;
		}
		rc = read_network(word, &list->v[list->n], expected);
		list->n += rc == 1;
	}
	free(copy);
	return (rc);
}

static bool
inside(const struct network *net, const struct in6_addr *client)
{
	unsigned whole, rest;

	/* A wide IPv6 network like ::/0 does not include IPv4 clients. */
	if (net->bits < 8 * sizeof(mapped) &&
	    memcmp(client, mapped, sizeof(mapped)) == 0)
		return (false);
	whole = net->bits / 8;
	rest = net->bits % 8;
	if (memcmp(&net->address, client, whole) != 0)
		return (false);
	return (rest == 0 ||
	    ((net->address.s6_addr[whole] ^ client->s6_addr[whole]) &
		(0xff00 >> rest) & 0xff) == 0);
}

bool
netlist_has(const struct netlist *list, const struct sockaddr *sa)
{
	struct in6_addr client;
	size_t i;

	if (sa == NULL)
		return (false);
	if (sa->sa_family == AF_INET) {
		memcpy(client.s6_addr, mapped, sizeof(mapped));
		memcpy(client.s6_addr + 12,
		    &((const struct sockaddr_in *)(const void *)sa)->sin_addr,
		    4);
	} else if (sa->sa_family == AF_INET6) {
		client =
		    ((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
	} else {
		return (false);
	}
	for (i = 0; i < list->n; i++) {
		if (inside(&list->v[i], &client))
			return (true);
	}
	return (false);
}

void
netlist_clear(struct netlist *list)
{
	free(list->v);
	list->v = NULL;
	list->n = 0;
}
