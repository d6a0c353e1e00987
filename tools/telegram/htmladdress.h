/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmladdress - the address of a link, as browsers read it
 *
 * Threads: any. Free strings with g_free().
 */
#ifndef HTMLADDRESS_H
#define HTMLADDRESS_H

#include "base/compiler.h"

/* A longer address helps no reader; nor does a longer base, which each relative
 * address costs again. */
#define HTMLADDRESS_MAX 8192
#define HTMLADDRESS_BASE_MAX 300
/* An address without words is shown as it is up to this length. */
#define HTMLADDRESS_SHOWN_MAX 200

/*
 * htmladdress_of(href, base):
 * The whole address of a link to ${href}, with a scheme; NULL if a reader
 * cannot follow it. A relative one is completed with ${base}. Both may be NULL.
 */
char *htmladdress_of(const char *href, const char *base) WARN_UNUSED;

/* htmladdress_contact(url): the mail address, or number, of a link to one. */
char *htmladdress_contact(const char *url) WARN_UNUSED;

#endif
