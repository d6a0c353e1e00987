/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_copies - who gets the message because of what Postfix does after the
 * milter?
 *
 * always_bcc, recipient_bcc_maps and sender_bcc_maps are cleanup(8)'s, and
 * there may be several of that. Postfix makes one recipient of a copy and of an
 * equal address that a client gave: if the milter removes the one, the copy is
 * gone. always_keep names those for whom that must not be.
 *
 * Canonical maps and virtual aliases are applied to the recipients that the
 * milter leaves. An alias is no user: with unknown_recipients = keep, whoever
 * it leads to gets the message.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/failure.h"
#include "notifyctl/check/check.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_person.h"
#include "terms/address.h"
#include "terms/addrlist.h"

#define ADDRESSES_MAX 50
#define ALIASES_MAX 5000

/* An address to which an alias leads. */
struct check_alias {
	struct check_alias *next;
	const char *key; /* NULL: a pattern */
	const char *address;
};

/* The aliases of one setting of one service, to be compared with the roster
 * when that is open. */
struct check_alias_map {
	struct check_alias_map *next;
	const struct postconf_service *service;
	const char *name; /* of the setting */
	struct check_alias *aliases;
	const char *unknown;
};

/* What one setting of one service adds, or leads to. */
struct copies {
	struct check *check;
	void (*take)(struct copies *, const char *);
	const char *key; /* of the entry; NULL: not known */
	struct check_alias *aliases;
	size_t naliases;
	/* Not in always_keep: as entries of it, and by name. */
	const char *missing[ADDRESSES_MAX];
	size_t nmissing;
	const char *names;
	/* Some cannot be known, or cannot be in always_keep. */
	const char *unknown;
};

static void add(struct copies *, const char *);
static int found_user(void *, const struct store_user *);
static int is_user(struct check *, const char *);
static void take_alias(struct copies *, const char *);
static void add_value(struct copies *, char *);
static void add_pattern(struct copies *, const char *);
static void add_file(struct copies *, const char *);
static void add_entries(struct copies *, const char *);
static void add_map(struct copies *, const char *);
static bool in_domain(const char *, const char *);
static const char *entry(struct check *, const char *);
static void report(
    struct copies *, const struct postconf_service *, const char *);
static void check_name_of(
    struct check *, const struct postconf_service *, const char *);
static void read_alias_map(
    struct check *, const struct postconf_service *, const char *);
static size_t users_behind(struct check *, const struct check_alias_map *,
    const char **, const char **);
static void report_aliases(struct check *, const struct check_alias_map *);

static bool
in_domain(const char *domain, const char *other)
{
	return (*other != '\0' && strcmp(domain, other) == 0);
}

/* Take an address that Postfix adds. */
static void
add(struct copies *p, const char *text)
{
	struct check *c = p->check;
	const struct settings *s = c->settings;
	struct address address;
	const char *why;
	size_t i;

	if (strchr(text, '@') == NULL)
		text =
		    check_text(c, "%s@%s", text, postconf_origin(c->postfix));
	if (address_read_strict(c->arena, text, &address, &why) != 1 ||
	    address_hazard(address.key) != NULL ||
	    in_domain(address.domain, s->account_domain) ||
	    in_domain(address.domain, s->telegram_domain)) {
		p->unknown = check_text(c, "%s", text);
		return;
	}
	if (addrlist_has(&s->always_keep, &address))
		return;
	for (i = 0; i < p->nmissing; i++) {
		if (strcmp(p->missing[i], address.wire) == 0)
			return;
	}
	if (i == ADDRESSES_MAX)
		return;
	check_name(c, &p->names, i, "%s", address.wire);
	p->missing[p->nmissing++] = address.wire;
}

static int
found_user(void *found, const struct store_user *u)
{
	(void)u;
	*(bool *)found = true;
	return (0);
}

/* Is it the address of a user? 1, 0, or -1 if the lookup failed. */
static int
is_user(struct check *c, const char *text)
{
	struct address address;
	bool found = false;

	if (strchr(text, '@') == NULL)
		text =
		    check_text(c, "%s@%s", text, postconf_origin(c->postfix));
	if (address_read(c->arena, text, &address) != 1)
		return (0);
	if (store_person_users(c->store, address.key, found_user, &found) ==
		-1 ||
	    (!found && address.base != NULL &&
		store_person_users(
		    c->store, address.base, found_user, &found) == -1))
		return (-1);
	return (found);
}

/* Keep an address to which an alias leads. */
static void
take_alias(struct copies *p, const char *text)
{
	struct check_alias *alias;

	if (p->naliases++ == ALIASES_MAX) {
		p->unknown =
		    check_text(p->check, "more than %d addresses", ALIASES_MAX);
		return;
	}
	if (p->naliases > ALIASES_MAX)
		return;
	alias = arena_alloc(p->check->arena, sizeof(*alias));
	alias->key = p->key;
	alias->address = text;
	alias->next = p->aliases;
	p->aliases = alias;
}

/* A value of a map may have several addresses. */
static void
add_value(struct copies *p, char *value)
{
	char *word;

	while ((word = postconf_word(&value)) != NULL)
		p->take(p, word);
}

/* "/pattern/ address" */
static void
add_pattern(struct copies *p, const char *line)
{
	const char *value;

	value = strrchr(line, '/');
	if (value != NULL)
		value = strpbrk(value, " \t");
	if (value == NULL || strchr(value, '$') != NULL)
		p->unknown = "a pattern's";
	else
		add_value(p, arena_strdup(p->check->arena, value));
}

static void
add_file(struct copies *p, const char *path)
{
	char line[4096];
	FILE *in;

	in = fopen(path, "re");
	if (in == NULL) {
		p->unknown = path;
		return;
	}
	while (fgets(line, sizeof(line), in) != NULL) {
		line[strcspn(line, "\r\n")] = '\0';
		if (*line == '/' || *line == '!')
			add_pattern(p, line);
		else if (strchr(" \t", *line) != NULL && *line != '\0' &&
		    line[strspn(line, " \t")] != '\0')
			p->unknown = "a pattern's";
	}
	fclose(in);
}

/* A table that postmap(1) can list. */
static void
add_entries(struct copies *p, const char *map)
{
	struct failure failure = FAILURE_INIT;
	char *out, *line, *rest, *value;

	if (postconf_entries(p->check->postfix, map, &out, &failure) != 0) {
		p->unknown = map;
		failure_clear(&failure);
		return;
	}
	for (line = strtok_r(out, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		value = strpbrk(line, " \t");
		if (value == NULL)
			continue;
		*value++ = '\0';
		p->key = line;
		add_value(p, value);
	}
	p->key = NULL;
}

static void
add_map(struct copies *p, const char *map)
{
	if (strncmp(map, "proxy:", 6) == 0)
		map += 6;
	if (strncmp(map, "static:", 7) == 0)
		add_value(p, arena_strdup(p->check->arena, map + 7));
	else if (strncmp(map, "regexp:/", 8) == 0 ||
	    strncmp(map, "pcre:/", 6) == 0)
		add_file(p, strchr(map, ':') + 1);
	else
		add_entries(p, map);
}

/* A key in always_keep, as it is written there. */
static const char *
entry(struct check *c, const char *key)
{
	size_t length = address_local_length(key);
	struct address address;

	if (length == 0 ||
	    address_read(c->arena,
		check_text(c, "\"%.*s\"%s", (int)length, key, key + length),
		&address) != 1)
		return (key);
	return (address.wire);
}

static void
report(struct copies *p, const struct postconf_service *s, const char *name)
{
	static const char why[] =
	    "Postfix adds them after the milter: they get tagged mail, entitled "
	    "or not. If a client names one too, the milter removes it as an "
	    "unknown recipient, and Postfix then drops the copy as well. If they "
	    "are an archive that may have all mail, name them in always_keep; "
	    "if not, remove them from the setting";
	struct check *c = p->check;
	const struct addrlist *keep = &c->settings->always_keep;
	const char *value = postconf_for(c->postfix, s, name), *line = "";
	const char *label = check_label(c, s, name);
	size_t i;

	if (p->nmissing > 0) {
		for (i = 0; i < keep->n; i++)
			line =
			    check_text(c, "%s%s, ", line, entry(c, keep->v[i]));
		for (i = 0; i < p->nmissing; i++)
			line = check_text(c, "%s%s%s", line, i == 0 ? "" : ", ",
			    p->missing[i]);
		check_setting(c, CHECK_WARNING,
		    check_text(c,
			"%s = %s adds %s, and always_keep does not name it",
			label, value, p->names),
		    why, "milter", check_text(c, "always_keep = %s", line));
	} else if (p->unknown != NULL) {
		check_edit(c, keep->n == 0 ? CHECK_WARNING : CHECK_NOTE,
		    check_text(c, "%s = %s adds recipients: %s", label, value,
			p->unknown),
		    "Postfix adds them after the milter, and whether always_keep "
		    "names them was not checked. If they are an archive that may "
		    "have all mail and is named there, keep the setting",
		    check_setter(c, s, name), name, "");
	}
}

static void
check_name_of(
    struct check *c, const struct postconf_service *s, const char *name)
{
	struct copies p = {.check = c, .take = add};
	char *rest, *word;

	rest = arena_strdup(c->arena, postconf_for(c->postfix, s, name));
	while ((word = postconf_word(&rest)) != NULL) {
		if (strcmp(name, "always_bcc") == 0)
			add(&p, word);
		else
			add_map(&p, word);
	}
	report(&p, s, name);
}

void
check_copies(struct check *c)
{
	static const char *const names[] = {
	    "always_bcc", "recipient_bcc_maps", "sender_bcc_maps"};
	const struct postconf_service *s;
	size_t i, k;

	for (i = 0; i < c->postfix->nservices; i++) {
		s = &c->postfix->services[i];
		if (!postconf_runs(s, "cleanup"))
			continue;
		for (k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			check_name_of(c, s, names[k]);
	}
}

static void
read_alias_map(
    struct check *c, const struct postconf_service *s, const char *name)
{
	struct copies p = {.check = c, .take = take_alias};
	struct check_alias_map *map;
	char *rest, *word;

	rest = arena_strdup(c->arena, postconf_for(c->postfix, s, name));
	while ((word = postconf_word(&rest)) != NULL)
		add_map(&p, word);
	map = arena_alloc(c->arena, sizeof(*map));
	map->service = s;
	map->name = name;
	map->aliases = p.aliases;
	map->unknown = p.unknown;
	map->next = c->alias_maps;
	c->alias_maps = map;
}

void
check_copies_read(struct check *c)
{
	static const char *const names[] = {
	    "canonical_maps", "recipient_canonical_maps", "virtual_alias_maps"};
	const struct postconf_service *s;
	size_t i, k;

	if (c->settings->unknown_recipients != UNKNOWN_KEEP)
		return;
	for (i = 0; i < c->postfix->nservices; i++) {
		s = &c->postfix->services[i];
		for (k = 0; postconf_runs(s, "cleanup") &&
		     k < sizeof(names) / sizeof(names[0]);
		     k++)
			read_alias_map(c, s, names[k]);
		if (postconf_runs(s, "local"))
			read_alias_map(c, s, "alias_maps");
	}
}

/* How many of those to whom the aliases lead are users, and their ${*names};
 * ${*unknown}: why there may be more, or NULL. */
static size_t
users_behind(struct check *c, const struct check_alias_map *map,
    const char **names, const char **unknown)
{
	const struct check_alias *a;
	size_t n = 0;
	int user, own;

	*names = NULL;
	*unknown = map->unknown;
	for (a = map->aliases; a != NULL; a = a->next) {
		user = is_user(c, a->address);
		/* A user's own alias goes where that user is entitled. */
		own = user == 1 && a->key != NULL ? is_user(c, a->key) : 0;
		if (user == -1 || own == -1)
			*unknown = "the roster cannot be read";
		else if (user == 1 && own == 0)
			check_name(c, names, n++, "%s", a->address);
	}
	return (n);
}

static void
report_aliases(struct check *c, const struct check_alias_map *map)
{
	const struct postconf_service *s = map->service;
	const char *names, *unknown, *what;
	size_t n;

	n = users_behind(c, map, &names, &unknown);
	what = check_text(c, "unknown_recipients = keep, and %s = %s",
	    check_label(c, s, map->name),
	    postconf_for(c->postfix, s, map->name));
	/* The default of local(8)'s alias_maps names NIS, which few machines
	 * have, so that it cannot be read is no finding. */
	if (n > 0)
		check_setting(c, CHECK_WARNING,
		    check_text(c, "%s leads to users: %s", what, names),
		    "the milter keeps an alias, which is no user; Postfix then "
		    "delivers to the user behind it, entitled or not. Name in "
		    "always_keep who must stay",
		    "milter", "unknown_recipients = drop");
	else if (unknown != NULL && !postconf_runs(s, "local"))
		check_setting(c, CHECK_NOTE,
		    check_text(c, "%s may lead to users", what),
		    check_text(c,
			"Postfix applies it after the milter, which keeps an "
			"alias; whom it leads to was not checked: %s",
			unknown),
		    "milter", "unknown_recipients = drop");
}

void
check_copies_aliases(struct check *c)
{
	const struct check_alias_map *map;

	for (map = c->alias_maps; map != NULL; map = map->next)
		report_aliases(c, map);
}
