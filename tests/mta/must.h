/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * must - assertions of the fuzz targets and their like
 */
#ifndef MUST_H
#define MUST_H

#include <stdio.h>
#include <stdlib.h>

/* If ${what} does not hold, say so and abort, which is a finding. */
#define MUST(holds, ...)                                                       \
	do {                                                                   \
		if (!(holds)) {                                                \
			fprintf(stderr, "%s:%d: not so: %s: ", __FILE__,       \
			    __LINE__, #holds);                                 \
			fprintf(stderr, __VA_ARGS__);                          \
			fputc('\n', stderr);                                   \
			abort();                                               \
		}                                                              \
	} while (0)

#endif
