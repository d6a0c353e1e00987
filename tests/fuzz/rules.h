/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules - policy/README.md, What happens to a message, written a second time
 *
 * Over the table of people instead of a database, for the fuzz target of the
 * milter: checks what became of a message.
 */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>

#include "mta/mta.h"

struct arena;
struct settings;

/*
 * rules_check(mta, settings, trusted, nowhere, lost, status, a):
 * The milter has answered the end of the message in ${mta} with ${status};
 * ${lost}: the database was missing. Aborts the program if that breaks a rule.
 */
void rules_check(const struct smfi_str *, const struct settings *, bool trusted,
    bool nowhere, bool lost, sfsistat, struct arena *);

#endif
