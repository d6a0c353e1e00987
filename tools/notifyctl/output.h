/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output - what a command has to say, for people or as one JSON document
 *
 * A command names what it says once; --json decides how it looks. Nothing is
 * printed before output_print(), so that a command that fails half-way prints
 * nothing but its error.
 *
 * Threads: one. Without memory the program ends: it has changed nothing that
 * was not committed.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct output;
struct store_change;

struct output *output_new(bool json) WARN_UNUSED;
void output_free(struct output *);

/* output_line(out, fmt, ...): a line for people; nothing in JSON. */
void output_line(struct output *, const char *, ...) PRINTF_LIKE(2, 3);

/* A member of the JSON document; nothing for people. */
void output_text(struct output *, const char *name, const char *);
void output_number(struct output *, const char *name, int64_t);
void output_flag(struct output *, const char *name, bool);

/*
 * A table for people, an array of objects named ${name} in JSON. ${columns}:
 * "name:TITLE" each, ended by NULL; a title that begins with "#" is a number,
 * with "?" a flag (yes or no), with "+" a list joined by commas. A column
 * without a title is in JSON only.
 */
void output_table(
    struct output *, const char *name, const char *const *columns);
/* output_row(out): the next row of the last table; then its cells, in order.
 * Text is copied; untrusted characters are escaped for people. */
void output_row(struct output *);
void output_cell(struct output *, const char *);
void output_cell_number(struct output *, int64_t);
void output_cell_flag(struct output *, bool);

/*
 * output_change(out, change): a change to the roster.
 * output_remark(out, text): what needed no change.
 * ${out} is a struct output: they fit into struct changes.
 */
void output_change(void *out, const struct store_change *);
void output_remark(void *out, const char *);

/* output_consequence(out, change): a remark on one of very many changes, which
 * are not shown. */
void output_consequence(struct output *, const struct store_change *);

/* output_stream(out, text): text as it is, for export; "csv" in JSON. */
void output_stream(struct output *, const char *);

/* output_print(out, what): to standard output. 0, or -1 with errno, and
 * ${*what} has failed: then it is not complete. */
int output_print(struct output *, const char **what) WARN_UNUSED;

/* output_error(json, code, text): on standard error in one line, and with
 * ${json} as a document on standard output. */
void output_error(bool json, int code, const char *text);

/* output_when(at): Unix seconds as UTC in ISO 8601, in a static buffer. */
const char *output_when(int64_t);

#endif
