/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * faults - whatever fails, a message is decided by the rules or deferred
 *
 * Runs sessions of every kind through the milter's callbacks, as the fuzz
 * target of the milter does (tests/fuzz/fuzz_milter.c has their language,
 * rules.c what must become of each message).
 *
 * Out of memory: the first call of malloc(3) fails, then the second, and so on
 * to the last; then each with all that follow. Calls count while a callback
 * runs, those of SQLite, libidn2 and the C library too. After each failure the
 * next message is decided by the rules, and in the end nothing has leaked.
 *
 * Refused: the MTA refuses the first change, then the second, and so on.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decision/evaluate.h"
#include "decision/pool.h"
#include "faults/memory.h"
#include "fuzz/fuzz.h"
#include "milter/config.h"
#include "mta/mta.h"
#include "settings/settings.h"

#define ID "<1@acme.example>"
#define TAG "HX-Notify-Category: "
#define LOCAL "O\nI 127.0.0.1\nM\n"
#define BY_CLEANUP "O\nN\nI 127.0.0.1\nM\n"
#define OTHERS "HX-Notify-A: b\nHX-Notify-C: d\nHX-Notify-E: f\n"
#define NEXT LOCAL "R<acme@accounts.example>\n" TAG "services\nE\n"

static const struct {
	const char *name, *session;
} sessions[] = {
    {"mail without a tag", LOCAL "R<jörg@bücher.example>\nHSubject: x\nE\n"},
    {"the address of an account", NEXT},
    {"people, some of them entitled",
	LOCAL "R<ann@acme.example>\nR<bill@acme.example>\nR<x@y.example>\n" TAG
	      "services\nE\n"},
    {"people who bring in their accounts",
	"S ak\n" LOCAL "R<bill@acme.example>\nR<x@y.example>\n" TAG
	"accounting-documents\nE\n"},
    {"an account that a header names",
	LOCAL "R<bill@acme.example>\nHX-Notify-Account: BETA\n" TAG
	      "accounting documents\nE\n"},
    {"a category with chats",
	LOCAL "R<acme@accounts.example>\nR<beta@accounts.example>\n" TAG
	      "Balance & Payments\nE\n"},
    {"an unknown category", LOCAL "R<ann@acme.example>\n" TAG "lunch\nE\n"},
    {"an unknown account, which is refused",
	"S r\n" LOCAL "R<nobody@accounts.example>\n" TAG "services\nE\n"},
    {"two categories",
	LOCAL "R<ann@acme.example>\n" TAG "services\n" TAG
	      "account and agreement\nE\n"},
    {"headers that take more and more room",
	LOCAL "R<ann@acme.example>\n" OTHERS OTHERS OTHERS TAG "services\nE\n"},
    {"people who are in no account",
	LOCAL "R<x@y.example>\n" TAG "services\nE\n"},
    {"people who are not entitled",
	LOCAL "R<zoe@acme.example>\n" TAG "services\nE\n"},
    {"a client that is not trusted",
	"O\nI 192.0.2.1\nM\nR<ann@acme.example>\n" TAG
	"services\nHX-Notify-Account: acme\nE\n"},
    {"an encoded tag",
	LOCAL "R<ann@acme.example>\n" TAG
	      "=?utf-8?B?YmFsYW5jZSA=?= =?utf-8?Q?and_payments?=\nE\n"},
    {"a tag in another charset",
	LOCAL "R<ann@acme.example>\n" TAG "=?koi8-r?Q?services?=\nE\n"},
    {"a tag in a multibyte charset",
	LOCAL "R<ann@acme.example>\n" TAG "=?gb2312?Q?services?=\nE\n"},
    {"a tag in an unknown charset",
	LOCAL "R<ann@acme.example>\n" TAG "=?x-nosuch?Q?services?=\nE\n"},
    {"an internationalised address",
	LOCAL "R<JÖRG@bücher.example>\n" TAG "balance-and-payments\nE\n"},
    {"one person in two spellings",
	LOCAL "R<jörg@xn--bcher-kva.example>\nR<jörg@BÜCHER.example>\n" TAG
	      "balance-and-payments\nE\n"},
    {"detail parts",
	LOCAL "R<ann+x@acme.example>\nR<ann+news@acme.example>\n"
	      "R<acme+y@accounts.example>\n" TAG "services\nE\n"},
    {"quoted addresses and routes",
	LOCAL "R<\"John Doe\"@acme.example>\nR<@r.example:ann@acme.example>\n"
	      "R<@r.example:zoe@acme.example>\n" TAG "Balance & Payments\nE\n"},
    {"mail from sendmail(1)",
	BY_CLEANUP "R1ann@acme.example\nR3zoe@acme.example\n"
		   "Rolga@acme.example\n" TAG "services\nE\n"},
    {"mail from sendmail(1) to people who all stay",
	BY_CLEANUP "R1bill@acme.example\nR1olga@acme.example\n" TAG
		   "Balance & Payments\nE\n"},
    {"a chat as a recipient",
	LOCAL "R<ann@acme.example>\nR<7@ｔｅｌｅｇｒａｍ.invalid>\n" TAG
	      "services\nE\n"},
    {"a message that was decided before, and its chat",
	LOCAL "R<x@x.example>\nR<1-6ffa82f2904b1b1a11e209e8b70383a5"
	      "@telegram.invalid>\nHX-Notify-Account: BETA\n"
	      "HMessage-Id:\n " ID "\n" TAG "Balance & Payments\n"
	      "HX-Notify-Decided: 8d3842f22742e81d0ad5e2f5224de708\nE\n"},
    {"a stamp of another message, and a chat that is there already",
	LOCAL "R<bill@acme.example>\n"
	      "R<1-6ffa82f2904b1b1a11e209e8b70383a5@telegram.invalid>\n"
	      "HX-Notify-Decided: x\nHMessage-ID: " ID "\n" TAG
	      "balance-and-payments\n"
	      "HX-NOTIFY-decided : 8d3842f22742e81d0ad5e2f5224de708\nE\n"},
    {"a chat of another message",
	LOCAL "R<ann@acme.example>\n"
	      "R<1-6fe5696596abe70b4523b15166653caf@telegram.invalid>\n"
	      "HMessage-ID: " ID "\n" TAG "balance-and-payments\nE\n"},
    {"a wrong stamp on a message that is held",
	LOCAL "R<x@x.example>\nHX-Notify-Decided: x\nHMessage-ID: " ID "\n" TAG
	      "services\nHX-Notify-Decided: y\nE\n"},
    {"a decision that is only told",
	"S m\n" LOCAL "R<acme@accounts.example>\nR<zoe@acme.example>\n" TAG
	"services\nE\n"},
    {"a database that was replaced, and is reopened",
	LOCAL "L\nR<ann@acme.example>\n" TAG "services\nE\nM\n"
	      "R<acme@accounts.example>\n" TAG "services\nE\n"},
    {"several messages, some given up",
	LOCAL "R<ann@acme.example>\n" TAG "services\nA\nM\n"
	      "R<zoe@acme.example>\n" TAG "services\nE\nM\n"
	      "R<acme@accounts.example>\n" TAG "Balance & Payments\nE\nC\n"},
};
#define NSESSIONS (sizeof(sessions) / sizeof(sessions[0]))

static struct smfiDesc real;
static bool refused; /* the MTA refused a change */
static int told;     /* log lines that say so */

/* A callback of the milter, during which calls may fail. */
#define WATCHED(call)                                                          \
	sfsistat status;                                                       \
	int64_t failed = memory->failed;                                       \
                                                                               \
	memory->armed = 1;                                                     \
	status = real.call;                                                    \
	memory->armed = 0;                                                     \
	ctx->troubled = ctx->troubled || memory->failed > failed;              \
	return (status)

static sfsistat
negotiate(SMFICTX *ctx, unsigned long a, unsigned long s, unsigned long u,
    unsigned long v, unsigned long *wa, unsigned long *ws, unsigned long *wu,
    unsigned long *wv)
{
	WATCHED(xxfi_negotiate(ctx, a, s, u, v, wa, ws, wu, wv));
}

static sfsistat
connected(SMFICTX *ctx, char *name, _SOCK_ADDR *sa)
{
	WATCHED(xxfi_connect(ctx, name, sa));
}

static sfsistat
mail(SMFICTX *ctx, char **argv)
{
	WATCHED(xxfi_envfrom(ctx, argv));
}

static sfsistat
rcpt(SMFICTX *ctx, char **argv)
{
	WATCHED(xxfi_envrcpt(ctx, argv));
}

static sfsistat
header(SMFICTX *ctx, char *name, char *value)
{
	WATCHED(xxfi_header(ctx, name, value));
}

static sfsistat
decided(SMFICTX *ctx)
{
	WATCHED(xxfi_eom(ctx));
}

static sfsistat
end(SMFICTX *ctx)
{
	sfsistat status;

	status = decided(ctx);
	refused = ctx->failed;
	return (status);
}

static sfsistat
given_up(SMFICTX *ctx)
{
	WATCHED(xxfi_abort(ctx));
}

static sfsistat
closed(SMFICTX *ctx)
{
	WATCHED(xxfi_close(ctx));
}

/* Put our callbacks between the sessions and the milter. */
static void
watch(void)
{
	real = mta_milter;
	mta_milter.xxfi_negotiate = negotiate;
	mta_milter.xxfi_connect = connected;
	mta_milter.xxfi_envfrom = mail;
	mta_milter.xxfi_envrcpt = rcpt;
	mta_milter.xxfi_header = header;
	mta_milter.xxfi_eom = end;
	mta_milter.xxfi_abort = given_up;
	mta_milter.xxfi_close = closed;
}

/* Drop the connections: the database is opened again. */
static void
forget_database(void)
{
	struct config *config = config_get();

	pool_free(config->pool);
	config->pool = pool_new(config->settings, POOL_WAIT_MS);
	MUST(config->pool != NULL, "out of memory");
	config_put(config);
}

/* Run a session in which the calls ${first} to ${last} fail; returns how many
 * did. */
static int64_t
try(const char *session, int64_t first, int64_t last)
{
	memory->calls = memory->failed = 0;
	memory->first = first;
	memory->last = last;
	LLVMFuzzerTestOneInput((const uint8_t *)session, strlen(session));
	memory->first = 0;
	return (memory->failed);
}

/* Let each call fail in turn, alone or with all that follow; the next message
 * is decided by the rules. True if any call failed. AddressSanitizer is slow:
 * with it, every third call. */
static bool
try_each(const char *session, bool alone)
{
	int64_t n;

	for (n = 1; try(session, n, alone ? n : INT64_MAX) > 0;
	     n += memory_counts() ? 1 : 3)
		try(NEXT, 0, 0);
	return (n > 1);
}

/* What is allocated once and kept, like a counter, exists when the second round
 * begins. */
static void
try_all(const char *session)
{
	int64_t live;

	MUST(try_each(session, true), "nothing has failed");
	forget_database();
	live = memory->live;
	MUST(try_each(session, false), "nothing has failed");
	forget_database();
	MUST(!memory_counts() || memory->live == live, "%ld pieces are left",
	    (long)(memory->live - live));
}

/* One complete line tells what became of a message. */
static void
logged(const char *line)
{
	MUST(strstr(line, " verdict=") == NULL ||
		strstr(line, ": category=") != NULL,
	    "%s", line);
	told += strstr(line, " reason=\"the MTA refused to ") != NULL;
}

/* Run the session with the ${n}th change of its first message refused. True if
 * there was one. */
static bool
try_refused(const char *session, int n)
{
	const char *mail = strstr(session, "M\n");
	char text[4096];

	snprintf(text, sizeof(text), "%.*sF %d\n%s", (int)(mail - session),
	    session, n, mail);
	refused = false;
	told = 0;
	try(text, 0, 0);
	MUST(told == refused, "%d lines on a change that was refused", told);
	return (refused);
}

int
main(int argc, char **argv)
{
	size_t i;
	int n;

	LLVMFuzzerInitialize(&argc, &argv);
	watch();
	mta_logged = logged;
	printf("1..%zu\n", 2 * NSESSIONS);
	for (i = 0; i < NSESSIONS; i++) {
		fflush(stdout);
		try_all(sessions[i].session);
		printf("ok %zu - without memory: %s\n", 2 * i + 1,
		    sessions[i].name);
		fflush(stdout);
		for (n = 1; try_refused(sessions[i].session, n); n++)
			try(NEXT, 0, 0);
		printf("ok %zu - refused at each of %d changes: %s\n",
		    2 * i + 2, n - 1, sessions[i].name);
	}
	return (0);
}
