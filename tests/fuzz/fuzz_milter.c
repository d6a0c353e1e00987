/*
 * fuzz_milter - the milter's callbacks, driven by a session that the input says
 *
 * The smfi_ functions are stand-ins that keep an envelope as Postfix does:
 * deletion by the exact octets, which always succeeds, addition without looking
 * for who is there. One of them can be made to fail. After each message it must
 * hold that nobody has got what is not theirs.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

#include "address.h"
#include "arena.h"
#include "config.h"
#include "failure.h"
#include "fuzz.h"
#include "log.h"
#include "session.h"
#include "settings.h"
#include "tag.h"

#define RCPTS_MAX 24

int LLVMFuzzerInitialize(int *, char ***);
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What clients send; the input picks by number. */
static const char *const recipients[] = {"<ann@acme.example>",
    "ann@acme.example", "<Ann@ACME.example>", "<\"ann\"@acme.example>",
    "<ann+x@acme.example>", "<bill@acme.example>", "bill@acme.example",
    "<sue@acme.example>", "<olga@acme.example>", "<otto@beta.example>",
    "<bill@beta.example>", "<acme@accounts.example>", "beta@accounts.example",
    "<nobody@accounts.example>", "<stranger@else.example>", "<>",
    "<@relay:ann@acme.example>", "<7@telegram.invalid>"};
#define NRECIPIENTS (sizeof(recipients) / sizeof(recipients[0]))

static const struct value {
	const char *text;
	const char *category; /* NULL: none that is known */
} values[] = {
    {"balance-and-payments", "balance-and-payments"},
    {"Balance & Payments", "balance-and-payments"},
    {"=?utf-8?Q?Balance_and_payments?=", "balance-and-payments"},
    {"services", "services"},
    {"SERVICES and services", "services"},
    {"lunch", NULL},
    {"", NULL},
    {"balance-and-payments\n services", NULL},
};
#define NVALUES (sizeof(values) / sizeof(values[0]))
static const char *const accounts[] = {"acme", "Acme", "beta", "nobody", "a b"};
#define NACCOUNTS (sizeof(accounts) / sizeof(accounts[0]))

/* Who is entitled to what, in which account: the roster of fuzz.c. */
static const struct right {
	const char *key, *account, *category; /* NULL: every one */
} rights[] = {
    {"olga@acme.example", "acme", NULL},
    {"otto@beta.example", "beta", NULL},
    {"ann@acme.example", "acme", "balance-and-payments"},
    {"sue@acme.example", "acme", "balance-and-payments"},
};
#define NRIGHTS (sizeof(rights) / sizeof(rights[0]))

/* The MTA's side. */
static struct mta {
	struct smfiDesc desc;
	void *priv;
	char *rcpts[RCPTS_MAX * 8];
	size_t nrcpts;
	unsigned calls, fail_at; /* which call fails; 0: none */
	bool failed, quarantined, stripped;
} mta;

/* What the message was, for what must hold. */
static struct sent {
	char *rcpts[RCPTS_MAX];
	size_t nrcpts;
	size_t tags, accounts, known;
	const char *category, *account;
	bool trusted;
} sent;

static char conf[] = "/tmp/nm-fuzz-milter-XXXXXX";
static struct settings settings;

static int call(void);
static void end(void);
static void forget(void);
static bool entitled(const char *);
static void check(sfsistat, const struct sent *);
static void check_delivered(struct arena *);
static void step(struct cursor *, SMFICTX *, bool *);

static int
call(void)
{
	if (++mta.calls != mta.fail_at)
		return (MI_SUCCESS);
	mta.failed = true;
	return (MI_FAILURE);
}

int
smfi_register(struct smfiDesc desc)
{
	mta.desc = desc;
	return (MI_SUCCESS);
}

int
smfi_setpriv(SMFICTX *ctx, void *priv)
{
	(void)ctx;
	mta.priv = priv;
	return (MI_SUCCESS);
}

void *
smfi_getpriv(SMFICTX *ctx)
{
	(void)ctx;
	return (mta.priv);
}

char *
smfi_getsymval(SMFICTX *ctx, char *name)
{
	static char id[] = "4FuzzQueueId";

	(void)ctx;
	return (strcmp(name, "i") == 0 ? id : NULL);
}

int
smfi_setsymlist(SMFICTX *ctx, int where, char *macros)
{
	(void)ctx;
	(void)where;
	(void)macros;
	return (MI_SUCCESS);
}

int
smfi_setreply(SMFICTX *ctx, char *code, char *xcode, char *text)
{
	(void)ctx;
	MUST(strlen(code) == 3 && strlen(xcode) >= 5);
	/* libmilter takes no line end, and "%" for itself. */
	MUST(strpbrk(text, "\r\n%") == NULL && strlen(text) < 512);
	return (MI_SUCCESS);
}

int
smfi_delrcpt(SMFICTX *ctx, char *text)
{
	size_t i;

	(void)ctx;
	if (call() != MI_SUCCESS)
		return (MI_FAILURE);
	for (i = 0; i < mta.nrcpts; i++) {
		if (mta.rcpts[i] == NULL || strcmp(mta.rcpts[i], text) != 0)
			continue;
		free(mta.rcpts[i]);
		mta.rcpts[i] = NULL;
	}
	return (MI_SUCCESS);
}

int
smfi_addrcpt(SMFICTX *ctx, char *text)
{
	(void)ctx;
	if (call() != MI_SUCCESS)
		return (MI_FAILURE);
	MUST(mta.nrcpts < RCPTS_MAX * 8);
	mta.rcpts[mta.nrcpts++] = strdup(text);
	return (MI_SUCCESS);
}

int
smfi_addrcpt_par(SMFICTX *ctx, char *text, char *parameters)
{
	MUST(strcmp(parameters, "NOTIFY=NEVER") == 0);
	return (smfi_addrcpt(ctx, text));
}

int
smfi_chgheader(SMFICTX *ctx, char *name, int index, char *value)
{
	(void)ctx;
	MUST(value == NULL && index >= 1);
	MUST(strncasecmp(name, "X-Notify-", 9) == 0);
	mta.stripped = true;
	return (call());
}

int
smfi_quarantine(SMFICTX *ctx, char *reason)
{
	(void)ctx;
	MUST(*reason != '\0' && strpbrk(reason, "\r\n") == NULL);
	if (call() != MI_SUCCESS)
		return (MI_FAILURE);
	mta.quarantined = true;
	return (MI_SUCCESS);
}

static void
end(void)
{
	config_close();
	unlink(conf);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct failure failure = FAILURE_INIT;
	FILE *file;
	int fd;

	(void)argc;
	(void)argv;
	tag_start();
	log_open("fuzz_milter", false);
	fuzz_roster(&settings);
	fd = mkstemp(conf);
	MUST(fd != -1 && (file = fdopen(fd, "w")) != NULL);
	fprintf(file,
	    "[database]\nurl = %s\n[milter]\naccount_domain = "
	    "accounts.example\nstats_file =\n[telegram]\nstats_file =\n",
	    settings.url);
	MUST(fclose(file) == 0);
	MUST(config_load(conf, &failure) == 0);
	atexit(end);
	MUST(session_register() == 0);
	return (0);
}

/* The message is over. */
static void
forget(void)
{
	size_t i;

	for (i = 0; i < mta.nrcpts; i++)
		free(mta.rcpts[i]);
	for (i = 0; i < sent.nrcpts; i++)
		free(sent.rcpts[i]);
	memset(&sent, 0, sizeof(sent));
	mta.nrcpts = 0;
	mta.calls = mta.fail_at = 0;
	mta.failed = mta.quarantined = mta.stripped = false;
}

static bool
entitled(const char *key)
{
	size_t i;

	for (i = 0; i < NRIGHTS; i++) {
		if (strcmp(rights[i].key, key) != 0)
			continue;
		if (sent.account != NULL &&
		    strcasecmp(rights[i].account, sent.account) != 0)
			continue;
		if (rights[i].category == NULL ||
		    strcmp(rights[i].category, sent.category) == 0)
			return (true);
	}
	return (false);
}

/* Everybody who gets it is entitled to it, and nobody gets two. */
static void
check_delivered(struct arena *a)
{
	struct address address;
	const char *keys[RCPTS_MAX * 8], *exact[RCPTS_MAX * 8];
	size_t i, j;

	for (i = 0; i < mta.nrcpts; i++) {
		keys[i] = NULL;
		if (mta.rcpts[i] == NULL)
			continue;
		MUST(address_read(a, mta.rcpts[i], &address) == 1);
		keys[i] = address.base != NULL && !entitled(address.key)
		    ? address.base
		    : address.key;
		exact[i] = address.exact;
		MUST(entitled(keys[i]));
		/* Of those that differ in quoting alone the MTA makes one. */
		for (j = 0; j < i; j++)
			MUST(keys[j] == NULL || strcmp(keys[j], keys[i]) != 0 ||
			    strcmp(exact[j], exact[i]) == 0);
	}
}

static void
check(sfsistat status, const struct sent *s)
{
	struct arena *a;
	size_t i;
	bool changed;

	changed = mta.nrcpts != s->nrcpts;
	for (i = 0; !changed && i < s->nrcpts; i++)
		changed = mta.rcpts[i] == NULL ||
		    strcmp(mta.rcpts[i], s->rcpts[i]) != 0;
	if (mta.failed) {
		MUST(status == SMFIS_TEMPFAIL);
		return;
	}
	MUST(!mta.stripped || (!s->trusted && s->tags > 0));
	if (status != SMFIS_CONTINUE || mta.quarantined || s->tags == 0 ||
	    !s->trusted) {
		/* Refused, held, discarded, or not to be decided. */
		MUST(!changed);
		if (s->tags == 0)
			MUST(
			    status == SMFIS_CONTINUE || status == SMFIS_REJECT);
		if (s->tags > 0 && !s->trusted)
			MUST(status == SMFIS_REJECT || mta.stripped);
		return;
	}
	/* Delivered, as a decision: the tag was one that is known. */
	MUST(s->known == s->tags);
	a = arena_new((size_t)8 << 20);
	MUST(a != NULL);
	check_delivered(a);
	arena_free(a);
}

/* One step of the session; ${*open}: a message is under way. */
static void
step(struct cursor *c, SMFICTX *ctx, bool *open)
{
	char sender[] = "<billing@example.org>", *argv[] = {NULL, NULL};
	char *name, *text;
	const struct value *v;
	unsigned n;

	switch (fuzz_byte(c) % 8) {
	case 0:
		if (*open)
			mta.desc.xxfi_abort(ctx);
		forget();
		*open = false;
		break;
	case 1:
	case 2:
	case 3:
		n = fuzz_byte(c);
		if (sent.nrcpts == RCPTS_MAX)
			break;
		text = n < 250 ? strdup(recipients[n % NRECIPIENTS])
			       : fuzz_text(c);
		if (!*open) {
			argv[0] = sender;
			mta.desc.xxfi_envfrom(ctx, argv);
			*open = true;
		}
		argv[0] = text;
		mta.desc.xxfi_envrcpt(ctx, argv);
		mta.rcpts[mta.nrcpts++] = strdup(text);
		sent.rcpts[sent.nrcpts++] = text;
		break;
	case 4:
		if (!*open)
			break;
		v = &values[fuzz_byte(c) % NVALUES];
		name = strdup(fuzz_byte(c) % 2 ? "x-NOTIFY-category"
					       : "X-Notify-Category");
		text = strdup(v->text);
		mta.desc.xxfi_header(ctx, name, text);
		sent.tags++;
		if (v->category != NULL &&
		    (sent.category == NULL ||
			strcmp(sent.category, v->category) == 0)) {
			sent.known++;
			sent.category = v->category;
		}
		free(name);
		free(text);
		break;
	case 5:
		if (!*open)
			break;
		name = strdup("X-Notify-Account");
		sent.account = accounts[fuzz_byte(c) % NACCOUNTS];
		text = strdup(sent.account);
		mta.desc.xxfi_header(ctx, name, text);
		sent.accounts++;
		free(name);
		free(text);
		break;
	case 6: /* one change of this message fails */
		mta.fail_at = 1 + fuzz_byte(c) % 16;
		break;
	case 7:
		if (!*open)
			break;
		check(mta.desc.xxfi_eom(ctx), &sent);
		forget();
		*open = false;
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = {data, size};
	struct sockaddr_in client = {.sin_family = AF_INET};
	unsigned long actions = 0xffffffff, steps = 0xffffffff, out[4];
	char host[] = "client.example";
	SMFICTX *ctx = NULL;
	bool open = false, trusted;

	trusted = fuzz_byte(&c) % 4 != 0;
	inet_pton(
	    AF_INET, trusted ? "127.0.0.1" : "192.0.2.1", &client.sin_addr);
	forget();
	MUST(mta.desc.xxfi_negotiate(ctx, actions, steps, 0, 0, &out[0],
		 &out[1], &out[2], &out[3]) == SMFIS_CONTINUE);
	mta.desc.xxfi_connect(ctx, host, (_SOCK_ADDR *)&client);
	while (c.left > 0) {
		sent.trusted = trusted;
		step(&c, ctx, &open);
	}
	if (open && size % 2)
		mta.desc.xxfi_abort(ctx);
	mta.desc.xxfi_close(ctx);
	mta.priv = NULL;
	forget();
	return (0);
}
