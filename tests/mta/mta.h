/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mta - a stand-in for libmilter, and for the MTA behind it
 *
 * The milter registers with it, its callbacks are called, and what they ask for
 * in return is noted; any such call can be made to fail. What it logs is noted
 * too, instead of being logged. mta_apply() does to an envelope and its
 * X-Notify headers what Postfix would: a recipient is deleted by what the MTA
 * keeps for it, without quotes and brackets, which is not always what it shows;
 * deleting what is not there is a success; adding asks nothing.
 *
 * Nothing here allocates memory. Threads: one.
 */
#ifndef MTA_H
#define MTA_H

#include <stdbool.h>
#include <stddef.h>

#include <libmilter/mfapi.h>

#include "base/compiler.h"

#define MTA_CALLS 1024
#define MTA_RECIPIENTS 64
#define MTA_HEADERS 64
#define MTA_TEXT 512
#define MTA_LINE 8192

enum mta_change { MTA_ADD, MTA_DELETE, MTA_REMOVE, MTA_HOLD };

/* A change that the milter has asked for. */
struct mta_call {
	enum mta_change change;
	char text[MTA_TEXT]; /* address, header, reason */
	bool quiet;	     /* MTA_ADD: with NOTIFY=NEVER */
	int index;	     /* MTA_REMOVE */
};

struct mta_recipient {
	char shown[MTA_TEXT]; /* to the milter; or, added, by the milter */
	char kept[MTA_TEXT];  /* by the MTA */
	bool added;
	bool quiet;
	bool gone;
};

struct mta_header {
	char name[MTA_TEXT];
	char value[MTA_TEXT];
	bool gone;
};

/* libmilter's context of a connection: here it is ours. */
struct smfi_str {
	void *private;
	bool authenticated;
	/* The message. */
	bool at_end;
	int fail_at; /* the change that is to fail, counted from 1; 0: none */
	bool failed;
	bool troubled; /* what the milter needs has failed: it may defer */
	struct mta_call calls[MTA_CALLS];
	size_t ncalls;
	char reply[16]; /* the codes of the reply set, or "" */
	struct mta_recipient recipients[MTA_RECIPIENTS];
	size_t nrecipients;
	struct mta_header headers[MTA_HEADERS];
	size_t nheaders;
	int held; /* how often, by mta_apply() */
};

/* The milter's callbacks, once it has registered. */
extern struct smfiDesc mta_milter;

/* Is told each line that the milter logs, if it is set. */
extern void (*mta_logged)(const char *line);

/* mta_open(mta), mta_forget(mta): a connection begins; a message has ended, or
 * been given up. */
void mta_open(struct smfi_str *);
void mta_forget(struct smfi_str *);

/* mta_kept(text, out): what the MTA keeps of an address. */
void mta_kept(const char *text, char out[MTA_TEXT]);

/* mta_apply(mta): make the changes that were asked for. */
void mta_apply(struct smfi_str *);

#endif
