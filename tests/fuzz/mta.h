/*
 * mta - a stand-in for libmilter and for the MTA behind it
 *
 * One message's envelope and X-Notify headers, which the milter's calls change
 * as Postfix would: a recipient is deleted by what the MTA keeps for it,
 * without quotes and brackets, which is not always what it shows; deleting what
 * is not there is a success; adding asks nothing. Any call can be made to fail.
 */
#ifndef MTA_H
#define MTA_H

#include <stdbool.h>
#include <stddef.h>

#include <libmilter/mfapi.h>

#define MTA_RECIPIENTS 64
#define MTA_HEADERS 64
#define MTA_TEXT 512

struct mta_recipient {
	char shown[MTA_TEXT]; /* to the milter; or, added, by the milter */
	char kept[MTA_TEXT];  /* by the MTA */
	bool added;
	bool quiet; /* added with NOTIFY=NEVER */
	bool gone;
};

struct mta_header {
	char name[MTA_TEXT];
	char value[MTA_TEXT];
	bool gone;
};

/* A connection and its message. */
struct smfi_str {
	void *private;
	bool authenticated;
	bool at_end;
	int fail_at; /* the call that is to fail, counted from 1; 0: none */
	int calls;   /* that change something */
	bool failed;
	int quarantined;
	char code[8]; /* of the reply set, or "" */
	struct mta_recipient recipients[MTA_RECIPIENTS];
	size_t nrecipients;
	struct mta_header headers[MTA_HEADERS];
	size_t nheaders;
};

/* The milter's callbacks, once it has registered. */
extern struct smfiDesc mta_milter;

/* mta_kept(text, out): what the MTA keeps of an address. */
void mta_kept(const char *text, char out[MTA_TEXT]);

/* mta_verdict(): of the last message that was logged, or "". Reading it
 * forgets it. */
const char *mta_verdict(void);

/* mta_forget(mta): a message has ended, or been given up. */
void mta_forget(struct smfi_str *);

#endif
