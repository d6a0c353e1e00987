/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output - the output of a command, for people or as one JSON document
 *
 * A command adds lines, members and tables; --json decides which of them are
 * shown. Nothing is printed before output_print(), so a command that fails
 * midway prints only its error.
 *
 * Threads: one. Exits when out of memory: nothing is then half committed.
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
 * with "?" a flag (yes or no), with "+" a list joined by commas, with "@" a
 * time. A column without a title is in JSON only. On a terminal the table is as
 * wide as that at most: cells wrap, but for times.
 */
void output_table(
    struct output *, const char *name, const char *const *columns);
/*
 * output_row(out): the next row of the last table; then its cells, in order.
 * Text is copied; control characters are escaped for people. A time is Unix
 * seconds, and 0 an unknown one.
 */
void output_row(struct output *);
void output_cell(struct output *, const char *);
void output_cell_number(struct output *, int64_t);
void output_cell_flag(struct output *, bool);
void output_cell_when(struct output *, int64_t at);

/* output_changes(out, name): a table of changes to the roster; then its rows.
 */
void output_changes(struct output *, const char *name);
void output_changes_row(struct output *, const struct store_change *);

/*
 * output_change(out, change): a change that was made.
 * output_remark(out, text): something that needed no change.
 * ${out} is a struct output; the types are those of struct changes.
 */
void output_change(void *out, const struct store_change *);
void output_remark(void *out, const char *);

/* output_consequence(out, change): a change that is shown as a remark, where
 * there are too many changes to show. */
void output_consequence(struct output *, const struct store_change *);

/* output_stream(out, text): unescaped text, for export; "csv" in JSON. */
void output_stream(struct output *, const char *);

/* output_bytes(out, name, bytes, n): bytes as they are; for people they must be
 * all that is printed. In JSON a member in base64. */
void output_bytes(
    struct output *, const char *name, const void *bytes, size_t n);

/* output_begin(): from now on, who closes the pipe to this program does not end
 * it. Programs that are run do without: nothing is run any more. */
void output_begin(void);

/* output_print(out, what): print all of it. 0, or -1 with errno if ${*what}
 * failed: the output is then incomplete. EPIPE: nobody reads it any more. */
int output_print(struct output *, const char **what) WARN_UNUSED;

/* output_reason(error): why what was to be printed was not. */
const char *output_reason(int error);

/* output_error(json, code, text): one line on standard error, and with ${json}
 * a document on standard output. */
void output_error(bool json, int code, const char *text);

/* output_when(text, at): Unix seconds as UTC in ISO 8601, in ${text}, which has
 * OUTPUT_WHEN_SIZE bytes. Returns ${text}. */
#define OUTPUT_WHEN_SIZE 32
const char *output_when(char *text, int64_t at);

#endif
