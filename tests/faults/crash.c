/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crash - a milter that dies in the middle of its changes
 *
 * For LD_PRELOAD. The changes that the milter asks of the MTA are counted from
 * 1; instead of number $NM_CRASH_AT, it is killed (-9).
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

int smfi_addrcpt(void *, void *);
int smfi_addrcpt_par(void *, void *, void *);
int smfi_delrcpt(void *, void *);
int smfi_addheader(void *, void *, void *);
int smfi_chgheader(void *, void *, int, void *);
int smfi_quarantine(void *, void *);

static atomic_long count;

static void
one_more(void)
{
	const char *at = getenv("NM_CRASH_AT");

	if (at != NULL && atomic_fetch_add(&count, 1) + 1 == atol(at))
		(void)kill(getpid(), SIGKILL);
}

#define CHANGE(name, parameters, arguments)                                    \
	int name parameters                                                    \
	{                                                                      \
		__typeof__(&name) real;                                        \
                                                                               \
		one_more();                                                    \
		real = (__typeof__(&name))dlsym(RTLD_NEXT, #name);             \
		return (real arguments);                                       \
	}

CHANGE(smfi_addrcpt, (void *ctx, void *a), (ctx, a))
CHANGE(smfi_addrcpt_par, (void *ctx, void *a, void *b), (ctx, a, b))
CHANGE(smfi_delrcpt, (void *ctx, void *a), (ctx, a))
CHANGE(smfi_addheader, (void *ctx, void *a, void *b), (ctx, a, b))
CHANGE(smfi_chgheader, (void *ctx, void *a, int n, void *b), (ctx, a, n, b))
CHANGE(smfi_quarantine, (void *ctx, void *a), (ctx, a))
