/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * noticetext - what a notice says
 *
 * A notice of 0.1.0 has a text as its detail; a later one has lines
 * (roster/tell.h). Threads: any.
 */
#ifndef NOTICETEXT_H
#define NOTICETEXT_H

#include "base/compiler.h"

struct store_notice;
struct texts;

/* noticetext_subject(texts, notice), noticetext_body(texts, notice): in the
 * user's language, UTF-8, to be freed with g_free(). The subject is one line;
 * the body ends with a newline. */
char *noticetext_subject(
    const struct texts *, const struct store_notice *) WARN_UNUSED;
char *noticetext_body(
    const struct texts *, const struct store_notice *) WARN_UNUSED;

#endif
