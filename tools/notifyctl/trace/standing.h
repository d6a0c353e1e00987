/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * standing - how users stand in the roster as of now, and what was changed
 * since a decision
 *
 * No log says why somebody gets a message, so that is looked up afterwards. It
 * is what it was at the decision, unless something that bears on it was changed
 * meanwhile: the record of changes says so. The settings have no record.
 *
 * Threads: one at a time. Everything is cut from the arena of the struct ctl.
 */
#ifndef STANDING_H
#define STANDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "terms/role.h"

struct category;
struct ctl;
struct history;
struct member;
struct standing;
struct trace_people;

/* One person, as a line of the output. */
struct standing_person {
	const char *account; /* or "" */
	const char *address;
	const char *role; /* or "" */
	bool entitled;	  /* as of now */
	const char *why;  /* as of now */
	const char *changed;
};

/* The roster is opened at the first need, and closed by standing_end(). */
struct standing *standing_new(struct ctl *) WARN_UNUSED;
void standing_end(struct standing *);

/* standing_people(s, m, people): as trace_roster_people(); -1 also if the
 * roster cannot be read. standing_trouble(s): why it could not tell; or NULL.
 */
int standing_people(struct standing *, const struct history *,
    struct trace_people *) WARN_UNUSED;
const char *standing_trouble(const struct standing *);

/*
 * standing_changed(s, account, key, role, category, decided):
 * The first change since ${decided} that bears on whether the user of
 * ${account} whose address has ${key}, by now with ${role}, is entitled to
 * ${category}, with the number of further ones; "" if none is recorded; or why
 * it is not known.
 */
const char *standing_changed(struct standing *, const char *account,
    const char *key, enum role, const char *category, int64_t decided);

/*
 * standing_person(s, m, category, decided):
 * The user ${m}, with the reason for being entitled to ${category}, or not.
 */
struct standing_person standing_person(struct standing *, const struct member *,
    const struct category *, int64_t decided);

#endif
