/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mta - a stand-in for libmilter, and for the MTA behind it
 *
 * The milter registers its callbacks with it; tests call them, and the changes
 * they ask for are recorded; any such call can be made to fail. Log lines are
 * recorded instead of logged. mta_apply() changes an envelope and its X-Notify
 * headers as Postfix would: it deletes a recipient by the text that the MTA
 * keeps, without quotes and brackets, which is not always the text that it
 * shows; deleting a missing recipient succeeds; adding checks nothing.
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

enum mta_change { MTA_ADD, MTA_DELETE, MTA_REMOVE, MTA_HEADER, MTA_HOLD };

/* A change that the milter asked for. */
struct mta_call {
	enum mta_change change;
	char text[MTA_TEXT];  /* address, header, reason */
	char value[MTA_TEXT]; /* MTA_HEADER */
	bool quiet;	      /* MTA_ADD: with NOTIFY=NEVER */
	int index;	      /* MTA_REMOVE */
};

struct mta_recipient {
	char shown[MTA_TEXT]; /* to the milter, or added by it */
	char kept[MTA_TEXT];  /* by the MTA */
	bool added;
	bool quiet;
	bool gone;
};

struct mta_header {
	char name[MTA_TEXT];
	char value[MTA_TEXT];
	bool gone;
	bool added;
};

/* libmilter's context of a connection. */
struct smfi_str {
	void *private;
	bool authenticated;
	bool cleanup; /* its mail is that of non_smtpd_milters */
	/* The message. */
	bool at_end;
	int fail_at; /* the change that must fail, from 1; 0: none */
	bool failed;
	bool troubled; /* something has failed: the milter may defer */
	struct mta_call calls[MTA_CALLS];
	size_t ncalls;
	char reply[16]; /* the codes of the reply set, or "" */
	struct mta_recipient recipients[MTA_RECIPIENTS];
	size_t nrecipients;
	struct mta_header headers[MTA_HEADERS + 2]; /* two added */
	size_t nheaders;
	char id[MTA_TEXT]; /* the first Message-ID, or "": for rules.c */
	int held;	   /* how often: mta_apply() */
};

/* The callbacks that the milter has registered. */
extern struct smfiDesc mta_milter;

/* If set, called with each line that the milter logs. */
extern void (*mta_logged)(const char *line);

/* mta_open(mta): a connection begins. mta_forget(mta): a message has ended or
 * was aborted. */
void mta_open(struct smfi_str *);
void mta_forget(struct smfi_str *);

/* mta_kept(text, out): what the MTA keeps of an address. */
void mta_kept(const char *text, char out[MTA_TEXT]);

/* mta_apply(mta): make the changes that the milter asked for. */
void mta_apply(struct smfi_str *);

#endif
