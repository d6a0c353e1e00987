/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mimescan - the parts of a mail, one after the other
 *
 * Walks through the multiparts of a mail and reports where the content of each
 * part is. Keeps one line and the headers of one part in memory, however large
 * the mail is, and does not recurse.
 *
 * Threads: one at a time per scan. Reads with pread(2): the file offset is
 * neither used nor changed.
 */
#ifndef MIMESCAN_H
#define MIMESCAN_H

#include <stddef.h>
#include <stdint.h>

#include <gmime/gmime.h>

#include "base/compiler.h"

struct failure;
struct mimescan;

enum mimescan_event {
	MIMESCAN_ENTER, /* a multipart begins */
	MIMESCAN_LEAF,	/* a part with content; also a multipart that cannot be
			   parsed */
	MIMESCAN_LEAVE, /* the innermost multipart ends */
	MIMESCAN_END,	/* of the mail; every multipart has ended */
	MIMESCAN_ERROR, /* read error; the failure is set */
};

struct mimescan_part {
	GMimeObject *head; /* headers only; borrowed until the next event */
	int64_t start;	   /* of the content, still encoded, in the file */
	int64_t end;
};

/* mimescan_new(fd): a scan of the mail that is the file ${fd}. */
struct mimescan *mimescan_new(int fd) WARN_UNUSED;

void mimescan_free(struct mimescan *);

/* mimescan_next(scan, part, failure): the next event. ENTER and LEAF set
 * ${part}; the first of them has the headers of the mail. */
enum mimescan_event mimescan_next(
    struct mimescan *, struct mimescan_part *, struct failure *) WARN_UNUSED;

/*
 * mimescan_content(scan, part, max, content, size, failure):
 * Decode the transfer encoding of ${part}'s content: at most ${max} bytes of it
 * into ${content}; if ${content} is NULL only its length into ${size}. 1 if
 * there is more than ${max}, 0 if that is all, -1 for a read error.
 */
int mimescan_content(struct mimescan *, const struct mimescan_part *,
    size_t max, GByteArray *content, int64_t *size,
    struct failure *) WARN_UNUSED;

/* mimescan_head(scan, text, len): parse headers. */
GMimeObject *mimescan_head(
    struct mimescan *, const char *text, size_t len) WARN_UNUSED;

/*
 * mimescan_header(scan, head, name): a header, unfolded and decoded, or NULL.
 * Non-ASCII bytes without a declared charset are UTF-8, or else in the charset
 * of the first text part so far. Free it with g_free().
 */
char *mimescan_header(
    struct mimescan *, GMimeObject *head, const char *name) WARN_UNUSED;

#endif
