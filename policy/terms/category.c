/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * category - the kinds of messages that users subscribe to
 */
#include <ctype.h>
#include <string.h>

#include <unicase.h>
#include <unistr.h>

#include "terms/category.h"

const struct category category_builtin[] = {
    {0, "account-and-agreement", "Account and agreement", false, false,
	"profile data changed; agreement changed; partner "
	"program terms changed; terms of service provision "
	"changed; account deleted"},
    {0, "accounting-documents", "Accounting documents", true, false,
	"invoices for payment; reporting documents; payment "
	"data changed; electronic document interchange; "
	"payment processing changed"},
    {0, "balance-and-payments", "Balance and payments", true, true,
	"debts; refunds; blocking or deletion of a resource "
	"for non-payment postponed; account debited; top-up "
	"problems"},
    {0, "scheduled-maintenance", "Scheduled maintenance", false, false,
	"technical work that affects the account's "
	"infrastructure; crashes and outages"},
    {0, "services", "Services and services", false, false,
	"status of services in use; new infrastructure "
	"ordered; product updates"},
    {0, "", "", false, false, ""},
};

/* A key that is being written. */
struct key {
	char *text;
	size_t len;
	bool gap; /* a separator is due before the next character */
	bool full;
};

static void put(struct key *, const char *, size_t);

static void
put(struct key *k, const char *s, size_t len)
{
	bool hyphen;

	hyphen = k->gap && k->len > 0;
	k->gap = false;
	if (k->len + len + hyphen >= CATEGORY_KEY_SIZE) {
		k->full = true;
		return;
	}
	if (hyphen)
		k->text[k->len++] = '-';
	memcpy(k->text + k->len, s, len);
	k->len += len;
}

int
category_key(const char *name, char text[CATEGORY_KEY_SIZE])
{
	struct key k = {text, 0, false, false};
	const uint8_t *s;
	uint8_t out[6];
	ucs4_t c;
	int n;

	for (s = (const uint8_t *)name; *s != '\0' && !k.full; s += n) {
		n = u8_strmbtouc(&c, s);
		if (n <= 0)
			return (0);
		if (c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0 ||
		    c == '-' || c == '_') {
			k.gap = true;
		} else if (c == '&') {
			k.gap = true;
			put(&k, "and", 3);
			k.gap = true;
		} else {
			c = uc_tolower(c);
			put(&k, (const char *)out,
			    (size_t)u8_uctomb(out, c, sizeof(out)));
		}
	}
	text[k.len] = '\0';
	return (k.len > 0 && !k.full);
}

bool
category_slug_ok(const char *slug)
{
	const char *s;

	if (strlen(slug) >= CATEGORY_SLUG_SIZE)
		return (false);
	for (s = slug; *s != '\0'; s++) {
		if (*s == '-') {
			if (s == slug || s[-1] == '-' || s[1] == '\0')
				return (false);
		} else if (!islower((unsigned char)*s) &&
		    !isdigit((unsigned char)*s)) {
			return (false);
		}
	}
	return (s != slug);
}
