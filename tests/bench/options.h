/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options - the command line of loadgen
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/script.h"

struct options {
	const char *socket;
	const char *sender;
	struct texts recipients, headers;
	unsigned long messages, keep, abort, variants;
	uint64_t seed;
	bool by_chance, stay;
	FILE *record;
	size_t connections;
	double seconds;
};

/* Fill ${options} from the command line; ends the program if it is wrong. */
void options_read(struct options *, int argc, char **argv);

#endif
