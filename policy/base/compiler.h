/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compiler - attributes of declarations
 */
#ifndef COMPILER_H
#define COMPILER_H

/* The result matters: a caller that ignores it does not build. */
#define WARN_UNUSED __attribute__((warn_unused_result))

/* Arguments are checked like printf(3)'s; ${f} and ${a} count from 1. */
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* The last argument must be NULL. */
#define NULL_LAST __attribute__((sentinel))

#endif
