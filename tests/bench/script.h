/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * script - what an MTA sends over one milter connection
 *
 * Offers what Postfix 3.7 offers, and skips the steps that the milter has
 * negotiated away. Collects what to send, and the places where to wait for an
 * answer. Exits if out of memory.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <stddef.h>
#include <stdint.h>

#define TEXTS_MAX 100000

struct texts {
	const char *list[TEXTS_MAX];
	size_t n;
};

struct script {
	uint32_t steps; /* as negotiated */
	char *data;
	size_t len, cap;
	size_t at; /* sent so far */
	size_t *stops, nstops, stops_cap;
	size_t stop; /* the next answer to wait for */
};

/* A "%" in a text stands for the variant. Texts of headers: "Name: value". */
void script_negotiate(struct script *);
void script_connect(struct script *);
void script_envelope(struct script *, const char *sender,
    const struct texts *recipients, unsigned long variant);
void script_content(
    struct script *, const struct texts *headers, unsigned long variant);
/* ${id}: the queue id. */
void script_end(struct script *, const char *id);
void script_abort(struct script *);

/* Drop what was collected. */
void script_reset(struct script *);

/* The end of what may be sent before the next answer. */
size_t script_until(const struct script *);

#endif
