/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz - what the fuzz targets share
 *
 * A target reads its input as text, so that people can read and write seeds and
 * findings; what must hold for every input is a MUST. No state is kept from one
 * input to the next.
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

/* fuzz_string(data, size): a copy up to the first NUL, for free(3). It is
 * allocated, so that AddressSanitizer finds reads beyond it. */
char *fuzz_string(const uint8_t *, size_t);

/* fuzz_line(text): the next line of ${*text}, without its newline; advances
 * ${*text}. NULL at the end. Writes into the text. */
char *fuzz_line(char **text);

/* fuzz_file(data, size): an unnamed file, open at its beginning.
 * fuzz_file_name(fd, name): a path to it. */
int fuzz_file(const void *, size_t);
#define FUZZ_NAME_SIZE 64
void fuzz_file_name(int, char name[FUZZ_NAME_SIZE]);

/* fuzz_folder(): a new directory, in memory if possible, that is removed at the
 * end. */
const char *fuzz_folder(void);

#endif
