/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mimescan - the parts of a mail, one after the other
 *
 * Walks through the multiparts of a mail and tells where the content of each
 * part lies; holds one line and the headers of one part, however large the
 * mail is, and does not recurse.
 *
 * Threads: one at a time per scan. Reads with pread(2): the descriptor's
 * position is neither used nor moved.
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
			   taken apart */
	MIMESCAN_LEAVE, /* the innermost multipart ends */
	MIMESCAN_END,	/* of the mail; every multipart has been left */
	MIMESCAN_ERROR, /* could not read; the failure is set */
};

struct mimescan_part {
	GMimeObject *head; /* headers alone; the scan's, until the next event */
	int64_t start;	   /* of the content, encoded as it is in the mail */
	int64_t end;
};

/* mimescan_new(fd, start): a scan of the mail that begins at ${start}. */
struct mimescan *mimescan_new(int fd, int64_t start) WARN_UNUSED;

void mimescan_free(struct mimescan *);

/* mimescan_next(scan, part, failure): ${part} is set by ENTER and LEAF; the
 * first of them has the headers of the mail. */
enum mimescan_event mimescan_next(
    struct mimescan *, struct mimescan_part *, struct failure *) WARN_UNUSED;

/*
 * mimescan_content(scan, part, max, content, size, failure):
 * Decode the transfer encoding of ${part}'s content: at most ${max} octets of
 * it into ${content}; or, where ${content} is NULL, all of it, for its length
 * in ${size}. 1 if it goes on behind ${max}, 0 if that is all, -1 if it could
 * not be read.
 */
int mimescan_content(struct mimescan *, const struct mimescan_part *,
    size_t max, GByteArray *content, int64_t *size,
    struct failure *) WARN_UNUSED;

/* mimescan_head(scan, text, len): the object that these headers describe. */
GMimeObject *mimescan_head(
    struct mimescan *, const char *text, size_t len) WARN_UNUSED;

/*
 * mimescan_header(scan, head, name): a header, unfolded and decoded; NULL if
 * there is none. Where it has octets beyond ASCII in no declared charset, it is
 * UTF-8 or else in the charset of the first text part so far. To be given to
 * g_free().
 */
char *mimescan_header(
    struct mimescan *, GMimeObject *head, const char *name) WARN_UNUSED;

#endif
