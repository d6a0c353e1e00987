/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailtext - subject, text and names of attachments of a mail
 *
 * Memory does not grow with the mail. Damaged parts are left out.
 *
 * Threads: any, after g_mime_init().
 */
#ifndef MAILTEXT_H
#define MAILTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "base/compiler.h"

struct failure;
struct richtext;

/* The text names at most this many attachments, and counts the others. */
#define MAILTEXT_NAMED 10

/* The longest subject and name, in UTF-16 code units. */
#define MAILTEXT_SUBJECT_MAX 256
#define MAILTEXT_NAME_MAX 100

struct mailtext {
	char *subject;	       /* one line, maybe empty */
	struct richtext *body; /* clean and tidy */
	bool more; /* the mail has text, or pictures instead of it, that the
		      body has not */
	char *attachments[MAILTEXT_NAMED]; /* "name, 12.3 kB" */
	size_t nattachments;		   /* all of them */
};

/* mailtext_read(fd, mt, failure): read the mail that is the file ${fd}. 0, or
 * -1 and ${failure}; mailtext_clear() after both. */
int mailtext_read(int fd, struct mailtext *, struct failure *) WARN_UNUSED;

void mailtext_clear(struct mailtext *);

#endif
