/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trust - is this client trusted to tag?
 *
 * policy/README.md, What happens to a message, 2.
 */
#ifndef TRUST_H
#define TRUST_H

#include <stdbool.h>

struct settings;
struct sockaddr;

/*
 * trust_client(settings, sa, authenticated): ${sa} is the client's address, or
 * NULL if unknown; ${authenticated}: by SASL.
 */
bool trust_client(
    const struct settings *, const struct sockaddr *, bool authenticated);

#endif
