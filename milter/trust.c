/*
 * trust - may this client tag?
 */
#include <stddef.h>

#include "netlist.h"
#include "settings.h"
#include "trust.h"

bool
trust_client(const struct settings *settings, const struct sockaddr *sa,
    bool authenticated)
{
	if (authenticated && settings->trust_authenticated)
		return (true);
	return (netlist_has(&settings->trusted_clients, sa));
}
