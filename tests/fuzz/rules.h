/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules - policy/README.md, What happens to a message, once more
 *
 * Written down a second time, over the table of people instead of a database,
 * for the fuzz target of the milter: what must have become of a message.
 */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>

#include "mta/mta.h"

struct arena;
struct settings;

/*
 * rules_check(mta, settings, trusted, lost, status, a):
 * The milter has answered the end of the message in ${mta} with ${status};
 * ${lost}: the database was not there. Ends the program where that breaks a
 * rule.
 */
void rules_check(const struct smfi_str *, const struct settings *, bool trusted,
    bool lost, sfsistat, struct arena *);

#endif
