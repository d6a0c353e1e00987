/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz - what the fuzz targets share
 *
 * A target reads its input as text, so that a seed or a finding can be read and
 * written by people; what must be true of every input is a MUST. Nothing stays
 * from one input to the next.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "mta/must.h"

/* libFuzzer's. */
int LLVMFuzzerInitialize(int *, char ***);
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* fuzz_string(data, size): a copy that ends with a NUL, and at the first one.
 * To be given to free(), which finds who reads behind it. */
char *fuzz_string(const uint8_t *, size_t);

/* fuzz_line(text): the next line of ${*text}, without its newline; moves
 * ${*text} behind it. NULL at the end. Writes into the text. */
char *fuzz_line(char **text);

/* fuzz_file(data, size): a file without a name, open at its beginning, and
 * fuzz_file_name(fd, name): a path to it. */
int fuzz_file(const void *, size_t);
#define FUZZ_NAME_SIZE 64
void fuzz_file_name(int, char name[FUZZ_NAME_SIZE]);

/* fuzz_folder(): a new folder, in memory where that can be, that is removed at
 * the end. */
const char *fuzz_folder(void);

#endif
