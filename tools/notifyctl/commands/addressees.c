/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * addressees - the recipients that the headers of a message name
 */
#include <string.h>
#include <strings.h>

#include <gmime/gmime.h>

#include "base/arena.h"
#include "notifyctl/commands/addressees.h"

#define RESENT "Resent-"

/* What a list of addresses seems to have. */
struct signs {
	size_t addresses, domains;
	size_t groups; /* that have not ended */
	size_t at;     /* in this item */
	bool item;     /* there is something in it */
	bool angle;    /* within "<" and ">" */
	bool odd;      /* it may be read in more than one way */
};

static void add(struct addressees *, const char *);
static void add_list(struct addressees *, InternetAddressList *);
static const char *skip(const char *, char, bool *);
static void end_item(struct signs *);
static void sign(struct signs *, char);
static void count(const char *, struct signs *);
static bool clear(const struct addressees *, size_t, const char *);

static void
add(struct addressees *who, const char *text)
{
	who->v =
	    arena_grow(who->arena, who->v, who->n, &who->cap, sizeof(*who->v));
	who->v[who->n++] = arena_strdup(who->arena, text);
}

static void
add_list(struct addressees *who, InternetAddressList *list)
{
	InternetAddress *address;
	int i, n;

	n = list == NULL ? 0 : internet_address_list_length(list);
	for (i = 0; i < n; i++) {
		address = internet_address_list_get_address(list, i);
		if (INTERNET_ADDRESS_IS_GROUP(address))
			add_list(who,
			    internet_address_group_get_members(
				INTERNET_ADDRESS_GROUP(address)));
		else
			add(who,
			    internet_address_mailbox_get_addr(
				INTERNET_ADDRESS_MAILBOX(address)));
	}
}

/* The end of the quote or comment that begins at ${s}. */
static const char *
skip(const char *s, char end, bool *odd)
{
	char begin = *s;
	size_t depth = 1;

	for (s++; *s != '\0'; s++) {
		if (*s == '\\' && s[1] != '\0')
			s++;
		else if (*s == end && --depth == 0)
			return (s);
		else if (*s == begin)
			depth++;
	}
	*odd = true;
	return (s - 1);
}

/* A "," or ";", or the end of all. */
static void
end_item(struct signs *n)
{
	n->addresses += n->item;
	n->domains += n->at > 0;
	n->odd = n->odd || n->angle || n->at > 1;
	n->item = false;
	n->at = 0;
}

static void
sign(struct signs *n, char c)
{
	switch (c) {
	case '@':
		n->at++;
		break;
	case '<':
		/* What stands before it is a name, whatever it says. */
		n->odd = n->odd || n->angle;
		n->angle = true;
		n->at = 0;
		break;
	case '>':
		n->odd = n->odd || !n->angle;
		n->angle = false;
		break;
	case ':':
		n->odd = n->odd || n->angle || n->at > 0;
		n->groups++;
		n->item = false;
		return;
	case ',':
		end_item(n);
		return;
	case ';':
		n->odd = n->odd || n->groups == 0;
		n->groups -= n->groups > 0;
		end_item(n);
		return;
	default:
		n->odd = n->odd || c == '\\' ||
		    ((unsigned char)c < ' ' && strchr("\t\r\n", c) == NULL);
	}
	n->item = n->item || strchr(" \t\r\n", c) == NULL;
}

static void
count(const char *s, struct signs *n)
{
	for (; *s != '\0'; s++) {
		if (*s == '"')
			n->item = true;
		if (*s == '"')
			s = skip(s, '"', &n->odd);
		else if (*s == '(')
			s = skip(s, ')', &n->odd);
		else
			sign(n, *s);
	}
	end_item(n);
	n->odd = n->odd || n->groups > 0;
}

/* Was each address of ${value} found, from number ${first} on, and has each a
 * domain? To a name alone Postfix appends $myorigin. */
static bool
clear(const struct addressees *who, size_t first, const char *value)
{
	struct signs n = {.addresses = 0};
	size_t i, domains = 0;

	count(value, &n);
	for (i = first; i < who->n; i++)
		domains += strchr(who->v[i], '@') != NULL;
	return (!n.odd && n.addresses == who->n - first &&
	    n.domains == n.addresses && domains == n.addresses);
}

void
addressees_take(struct addressees *who, const char *name, const char *value)
{
	static const char *const names[] = {"To", "Cc", "Bcc"};
	bool resent = strncasecmp(name, RESENT, strlen(RESENT)) == 0;
	InternetAddressList *list;
	size_t i, first;

	if (resent && !who->resent) {
		who->resent = true;
		who->n = 0;
		who->unclear = NULL;
	}
	if (resent != who->resent)
		return;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(
			name + (resent ? strlen(RESENT) : 0), names[i]) != 0)
			continue;
		first = who->n;
		list = internet_address_list_parse(NULL, value);
		add_list(who, list);
		if (list != NULL)
			g_object_unref(list);
		if (!clear(who, first, value))
			who->unclear = arena_strdup(who->arena, name);
	}
}
