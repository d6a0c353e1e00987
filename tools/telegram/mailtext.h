/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailtext - what a reader wants of a mail: subject, text, names of attachments
 *
 * Memory does not grow with the mail. What is damaged is left out.
 *
 * Threads: any, after g_mime_init() and xmlInitParser().
 */
#ifndef MAILTEXT_H
#define MAILTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "base/compiler.h"

struct failure;

/* So many attachments are named, the rest are counted. */
#define MAILTEXT_NAMED 10

/* A subject and a name are cut at so many UTF-16 code units. */
#define MAILTEXT_SUBJECT_MAX 256
#define MAILTEXT_NAME_MAX 100

struct mailtext {
	char *subject; /* one line, maybe empty */
	GString *text; /* clean and tidy */
	bool more;     /* the mail has text that is not in ${text} */
	char *attachments[MAILTEXT_NAMED]; /* "name, 12.3 kB" */
	size_t nattachments;		   /* also those beyond */
};

/* mailtext_read(fd, start, mt, failure): read the mail that begins at ${start}
 * of the file ${fd}. 0, or -1 and ${failure}; mailtext_clear() after both. */
int mailtext_read(
    int fd, int64_t start, struct mailtext *, struct failure *) WARN_UNUSED;

void mailtext_clear(struct mailtext *);

#endif
