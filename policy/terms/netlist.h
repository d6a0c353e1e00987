/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netlist - a list of addresses and networks, to look up a client in
 *
 * IPv4 and IPv6 in CIDR notation (RFC 4632, RFC 4291 2.3). A client with an
 * IPv4-mapped IPv6 address counts by its IPv4 address. An empty list is zeroed.
 *
 * Pure. Threads: any, once it is filled.
 */
#ifndef NETLIST_H
#define NETLIST_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct sockaddr;

struct netlist {
	struct network {
		struct in6_addr address; /* IPv4 as ::ffff:a.b.c.d */
		unsigned bits;		 /* 0 to 128 */
	} * v;
	size_t n;
};

/*
 * netlist_add(list, text, expected):
 * Add the networks in ${text}, separated by blanks or commas, IPv6 with or
 * without brackets. 1; 0 with what is ${*expected} instead (constant text) if
 * one is malformed or there are too many; -1 out of memory.
 */
int netlist_add(
    struct netlist *, const char *text, const char **expected) WARN_UNUSED;

/* netlist_has(list, sa): is ${sa} in it? No for NULL, an unknown client. */
bool netlist_has(const struct netlist *, const struct sockaddr *);

/* netlist_clear(list): empty it, and free its memory. */
void netlist_clear(struct netlist *);

#endif
