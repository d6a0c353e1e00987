/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queueid - Postfix's queue ids
 *
 * Pure. Threads: any.
 */
#ifndef QUEUEID_H
#define QUEUEID_H

#include <stddef.h>

#include "base/compiler.h"

struct failure;

#define QUEUEID_MAX 64

/* queueid_length(text): how many bytes at the beginning of ${text} may be a
 * queue id. */
size_t queueid_length(const char *text);

/* queueid_check(id, failure): 0 if ${id} can be a queue id, else -1. Only what
 * passes may be an argument of postcat(1) or postsuper(1). */
int queueid_check(const char *id, struct failure *) WARN_UNUSED;

#endif
