/*
 * fuzz - what the fuzz targets share
 *
 * A target reads its input through a cursor and states what must hold with
 * MUST(), which aborts: to libFuzzer that is a finding like any crash.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

struct settings;

#define MUST(condition)                                                        \
	((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__))

void fuzz_fail(const char *, const char *, int) __attribute__((noreturn));

/* The input, as far as it is used up. */
struct cursor {
	const uint8_t *p;
	size_t left;
};

/* fuzz_byte(c): the next octet, 0 at the end. */
unsigned fuzz_byte(struct cursor *);

/* fuzz_text(c): octets up to the next newline or NUL, as a string to be freed.
 */
char *fuzz_text(struct cursor *) WARN_UNUSED;

/*
 * fuzz_roster(settings): a database in a folder of its own that goes with the
 * program, with accounts acme (owner olga; members ann, bill; Subscriber sue)
 * and beta (owner otto; member ann), all at acme.example and beta.example.
 * balance-and-payments goes to ann of acme and sue; ann of acme is linked to
 * chat 7. The rest of ${settings} are defaults.
 */
void fuzz_roster(struct settings *);

#endif
