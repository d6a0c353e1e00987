/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trust - is this client trusted to tag?
 */
#include <stddef.h>

#include "milter/trust.h"
#include "settings/settings.h"
#include "terms/netlist.h"

bool
trust_client(const struct settings *settings, const struct sockaddr *sa,
    bool authenticated)
{
	if (authenticated && settings->trust_authenticated)
		return (true);
	return (netlist_has(&settings->trusted_clients, sa));
}
