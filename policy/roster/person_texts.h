/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * person_texts - the operator's own texts that name somebody: titles of
 * accounts, titles and descriptions of categories
 *
 * The caller has begun a transaction. Threads: as struct store.
 * Results: 0 done, -1 failed, with changes->failure.
 */
#ifndef PERSON_TEXTS_H
#define PERSON_TEXTS_H

#include "base/compiler.h"

struct person;

/* person_texts_find(p): fill in p->titles and p->categories. */
int person_texts_find(struct person *) WARN_UNUSED;

/*
 * person_texts_reword(p, alias): put ${alias} in place of the address in the
 * title of each account found. Old systems send the title of a category, so a
 * category keeps its texts, and a remark names it.
 */
int person_texts_reword(struct person *, const char *alias) WARN_UNUSED;

#endif
