/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * script - what an MTA says over one milter connection
 *
 * Offers what Postfix 3.7 offers, and leaves out the steps that the milter has
 * negotiated away. What is to be sent is collected, and with it the places
 * where an answer is to be waited for. Without memory it ends the program.
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
	size_t stop; /* the answer that is awaited */
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

/* Forget what was collected. */
void script_reset(struct script *);

/* How far may be sent before the next answer. */
size_t script_until(const struct script *);

#endif
