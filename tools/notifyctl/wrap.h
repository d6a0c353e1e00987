/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wrap - a table that fits a terminal
 *
 * Threads: one. Exits when out of memory, as output does.
 */
#ifndef WRAP_H
#define WRAP_H

#include <stddef.h>

struct libscols_table;

/*
 * wrap_table(table, width, fixed):
 * If the table is wider than ${width} columns, break the cells of its widest
 * columns into lines: at spaces, where there are any, as an address has none.
 * Columns whose numbers have a bit in ${fixed} stay whole.
 */
void wrap_table(struct libscols_table *, size_t width, unsigned fixed);

#endif
