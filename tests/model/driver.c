/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * driver - runs the cases of the model test through the programs' code
 *
 *   driver DIRECTORY  reads one case per line from standard input, as JSON;
 *                     writes the results of its steps, one line per case
 *
 * A case is {"settings": TEXT, "steps": [{"do": NAME, ...}, ...]}. Its changes
 * use roster.h, import.h and link.h as notifyctl does, each in one transaction;
 * its messages go through the callbacks of the milter. Every case begins with
 * an empty roster in the database in DIRECTORY.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/arena.h"
#include "base/failure.h"
#include "decision/decide.h"
#include "decision/evaluate.h"
#include "decision/facts.h"
#include "decision/message.h"
#include "decision/pool.h"
#include "milter/config.h"
#include "model/exchange.h"
#include "roster/import.h"
#include "roster/link.h"
#include "roster/permission.h"
#include "roster/roster.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_link.h"
#include "terms/address.h"
#include "terms/netlist.h"
#include "terms/rfc2047.h"

#define WORDS 256 /* in a step */
#define QUERIES 8 /* of this file */

/* As stamps.py knows it. */
#define KEY "00112233445566778899aabbccddeeff"
#define PLANT_KEY "UPDATE secret SET value = '" KEY KEY "'"

struct driver {
	char settings[4096], url[4096];
	struct db *db; /* a second connection, to read the tables */
	struct {
		const char *sql;
		struct db_stmt *stmt;
	} queries[QUERIES];
	struct store *store;
	struct arena *arena;
	struct failure failure;
	struct changes changes;
	const json_t *step;
	json_t *told; /* what the current change has reported */
	char *words[WORDS];
	size_t nwords;
};

typedef int change_fn(struct driver *);

static void die(const struct driver *, const char *) __attribute__((noreturn));
static char *word(struct driver *, const char *);
static char **list(struct driver *, const char *, size_t *);
static void forget_words(struct driver *);
static void on_change(void *, const struct store_change *);
static void on_remark(void *, const char *);
static struct db_stmt *query(struct driver *, const char *);
static json_t *rows(struct driver *, const char *, int, int64_t);
static int64_t number(struct driver *, const char *);
static json_t *change(struct driver *, change_fn *);
static json_t *force(struct driver *);
static json_t *message(struct driver *);
static json_t *step(struct driver *, const json_t *);
static void take_settings(struct driver *, const char *);
static json_t *run(struct driver *, const json_t *);

static void
die(const struct driver *d, const char *what)
{
	fprintf(stderr, "driver: %s: %s\n", what, failure_text(&d->failure));
	exit(1);
}

/* A member of the step that is a string or null; valid until the step ends. */
static char *
word(struct driver *d, const char *name)
{
	if (d->nwords == WORDS)
		die(d, "a step of too many words");
	return (d->words[d->nwords++] =
		    exchange_bytes(json_object_get(d->step, name)));
}

static char **
list(struct driver *d, const char *name, size_t *n)
{
	const json_t *json = json_object_get(d->step, name), *item;
	size_t i, first = d->nwords;

	json_array_foreach(json, i, item)
	{
		if (d->nwords == WORDS)
			die(d, "a step of too many words");
		d->words[d->nwords++] = exchange_bytes(item);
	}
	*n = d->nwords - first;
	return (&d->words[first]);
}

static void
forget_words(struct driver *d)
{
	while (d->nwords > 0)
		free(d->words[--d->nwords]);
}

static void
on_change(void *ctx, const struct store_change *c)
{
	struct driver *d = ctx;
	json_t *row = json_array();

	json_array_append_new(row, exchange_text(c->actor));
	json_array_append_new(row, exchange_text(c->account));
	json_array_append_new(row, exchange_text(c->action));
	json_array_append_new(row, exchange_text(c->subject));
	json_array_append_new(row, exchange_text(c->detail));
	json_array_append_new(json_object_get(d->told, "changes"), row);
}

static void
on_remark(void *ctx, const char *text)
{
	struct driver *d = ctx;

	json_array_append_new(
	    json_object_get(d->told, "remarks"), exchange_text(text));
}

/* A statement lives as long as the database: one for each query. */
static struct db_stmt *
query(struct driver *d, const char *sql)
{
	size_t i;

	for (i = 0; i < QUERIES && d->queries[i].sql != NULL; i++) {
		if (d->queries[i].sql == sql)
			return (d->queries[i].stmt);
	}
	if (i == QUERIES)
		die(d, "too many queries");
	d->queries[i].sql = sql;
	d->queries[i].stmt = db_prepare(d->db, sql);
	if (d->queries[i].stmt == NULL)
		die(d, sql);
	return (d->queries[i].stmt);
}

/* The rows of a query, as text; ${above} is its one parameter. */
static json_t *
rows(struct driver *d, const char *sql, int columns, int64_t above)
{
	struct db_stmt *stmt = query(d, sql);
	json_t *all = json_array(), *row;
	int i, rc;

	db_bind_int(stmt, 1, above);
	while ((rc = db_step(stmt)) == 1) {
		row = json_array();
		for (i = 0; i < columns; i++)
			json_array_append_new(
			    row, exchange_text(db_text(stmt, i)));
		json_array_append_new(all, row);
	}
	if (rc != 0)
		die(d, sql);
	db_reset(stmt);
	return (all);
}

static int64_t
number(struct driver *d, const char *sql)
{
	json_t *all = rows(d, sql, 1, 0);
	int64_t n;

	n = atoll(json_string_value(json_array_get(json_array_get(all, 0), 0)));
	json_decref(all);
	return (n);
}

/* Changes */

static int
account_add(struct driver *d)
{
	char *title = word(d, "title");

	return (roster_account_add(&d->changes, word(d, "account"),
	    title == NULL ? "" : title, word(d, "owner")));
}

static int
account_transfer(struct driver *d)
{
	return (roster_account_transfer(
	    &d->changes, word(d, "account"), word(d, "address")));
}

static int
account_remove(struct driver *d)
{
	return (roster_account_remove(&d->changes, word(d, "account")));
}

static int
user_add(struct driver *d)
{
	char *account = word(d, "account"), *role = word(d, "role"), **v;
	size_t n;

	v = list(d, "addresses", &n);
	return (roster_user_add(&d->changes, account, v, n, role));
}

static int
user_role(struct driver *d)
{
	return (roster_user_role(&d->changes, word(d, "account"),
	    word(d, "address"), word(d, "role")));
}

static int
user_remove(struct driver *d)
{
	return (roster_user_remove(
	    &d->changes, word(d, "account"), word(d, "address")));
}

static int
category_add(struct driver *d)
{
	return (
	    roster_category_add(&d->changes, word(d, "slug"), word(d, "title"),
		"", json_is_true(json_object_get(d->step, "open")),
		json_is_true(json_object_get(d->step, "mirrored"))));
}

static int
subscribe(struct driver *d)
{
	char *account = word(d, "account"), *category = word(d, "category");
	char *as = word(d, "as"), **v;
	size_t n;

	v = list(d, "addresses", &n);
	return (roster_subscribe(&d->changes, account, category, v, n, as));
}

static int
unsubscribe(struct driver *d)
{
	return (roster_unsubscribe(&d->changes, word(d, "account"),
	    word(d, "category"), word(d, "address"), word(d, "as"),
	    word(d, "confirm")));
}

static int
import(struct driver *d)
{
	const json_t *item;
	struct import *i;
	char *v[4];
	size_t n, k;
	int rc = 0;

	i = import_new(&d->changes, "case");
	json_array_foreach(json_object_get(d->step, "rows"), n, item)
	{
		for (k = 0; k < 4; k++)
			v[k] = exchange_bytes(json_array_get(item, k));
		rc = import_row(i, n + 1,
		    &(struct import_cells){v[0], v[1], v[2], v[3], NULL});
		for (k = 0; k < 4; k++)
			free(v[k]);
		if (rc != 0)
			break;
	}
	if (rc == 0)
		rc = import_apply(i,
		    json_is_true(json_object_get(d->step, "sync"))
			? IMPORT_REMOVE_MANY
			: IMPORT_REMOVE_NOTHING);
	import_free(i);
	return (rc);
}

/* As `notifyctl telegram connect` and then /start in the chat. */
static int
connect_chat(struct driver *d)
{
	struct changes *c = &d->changes;
	struct store_account account;
	struct store_user user;
	char token[LINK_TOKEN_SIZE];
	const char *why;
	int rc;

	if (roster_account(c, word(d, "account"), &account) != 0 ||
	    roster_user(c, &account, word(d, "address"), 0, &user) != 0)
		return (-1);
	rc = link_may(c, &user, &why);
	if (rc == 0)
		return (failure_set(&d->failure, FAILURE_DENIED, "%s", why));
	if (rc == -1 || link_token(c, &user, STORE_BY_CONNECT, token) != 1)
		return (-1);
	rc = link_redeem(c, token,
	    json_integer_value(json_object_get(d->step, "chat")), 0, &user);
	if (rc == 0)
		return (failure_set(&d->failure, FAILURE_IO, "not redeemed"));
	return (rc == 1 ? 0 : -1);
}

static const struct {
	const char *name;
	change_fn *fn;
} changes[] = {
    {"account-add", account_add},
    {"account-transfer", account_transfer},
    {"account-remove", account_remove},
    {"user-add", user_add},
    {"user-role", user_role},
    {"user-remove", user_remove},
    {"category-add", category_add},
    {"subscribe", subscribe},
    {"unsubscribe", unsubscribe},
    {"import", import},
    {"connect", connect_chat},
};

/* One change, in a transaction of its own, with the actor of the step. */
/* As notifyctl, whose commands have the names of the steps. */
static int
permit(struct driver *d, const char *as)
{
	char *command, *s;
	const char *account = word(d, "account"), *oneself;
	int rc;

	command = strdup(json_string_value(json_object_get(d->step, "do")));
	if (command == NULL)
		die(d, "permit");
	for (s = command; *s != '\0'; s++)
		*s = *s == '-' ? ' ' : *s;
	rc = permission_check(&d->changes, permission_find(command), &account,
	    account != NULL, as, &oneself);
	free(command);
	return (rc);
}

static int
perform(struct driver *d, change_fn *fn)
{
	struct config *config = config_get();
	struct changes *c = &d->changes;
	struct address as;
	const char *text;
	int rc = 0;

	c->settings = config->settings;
	c->actor = "operator";
	c->n = 0;
	c->tell.who =
	    strcmp(word(d, "do"), "import") == 0 ? TELL_NOTHING : TELL_LOSSES;
	text = word(d, "as");
	if (text != NULL && *text != '\0') {
		rc = roster_address(c, text, &as);
		c->actor = as.wire;
	}
	if (rc == 0 && store_begin(d->store, DB_WRITE) != 0)
		die(d, "begin");
	if (rc == 0) {
		rc = permit(d, text);
		if (rc == 0)
			rc = fn(d);
		if (rc == 0)
			rc = tell_finish(c);
		if (rc != 0)
			store_end(d->store);
		else if (store_commit(d->store) != 0)
			die(d, "commit");
	}
	config_put(config);
	return (rc);
}

static json_t *
change(struct driver *d, change_fn *fn)
{
	static const char *const kinds[] = {"none", "usage", "data", "unknown",
	    "busy", "stale", "denied", "settings", "io", "memory"};
	int64_t log, notice;
	char users[400];
	int rc;

	log =
	    number(d, "SELECT coalesce(max(id), 0) FROM change WHERE id > ?1");
	notice =
	    number(d, "SELECT coalesce(max(id), 0) FROM notice WHERE id > ?1");
	d->told = json_pack("{s:[],s:[]}", "changes", "remarks");
	rc = perform(d, fn);
	json_object_set_new(d->told, "outcome",
	    json_string(rc == 0 ? "done" : kinds[d->failure.kind]));
	json_object_set_new(
	    d->told, "text", exchange_text(failure_text(&d->failure)));
	json_object_set_new(
	    d->told, "count", json_integer((json_int_t)d->changes.n));
	failure_clear(&d->failure);
	json_object_set_new(d->told, "log",
	    rows(d,
		"SELECT actor, account, action, subject, detail FROM change"
		" WHERE id > ?1 AND action <> 'tell' ORDER BY id",
		5, log));
	json_object_set_new(d->told, "notices",
	    rows(d,
		"SELECT account, address, kind, state FROM notice"
		" WHERE id > ?1 ORDER BY id",
		4, notice));
	snprintf(users, sizeof(users),
	    "SELECT a.name, u.address, u.role, l.id, l.chat,"
	    " (SELECT %s(c.slug, ';') FROM subscription s"
	    "  JOIN category c ON c.id = s.category WHERE s.user = u.id)"
	    " FROM account a LEFT JOIN user u ON a.id = u.account"
	    " LEFT JOIN link l ON l.user = u.id WHERE ?1 >= 0",
	    db_dialect(d->db) == DB_SQLITE ? "group_concat" : "string_agg");
	json_object_set_new(d->told, "users", rows(d, users, 6, 0));
	return (d->told);
}

/* A statement that no command would make: rows that the roster must not hold
 * must not count at delivery either. */
static json_t *
force(struct driver *d)
{
	if (db_exec(d->db, word(d, "sql")) != 0)
		die(d, "force");
	return (json_object());
}

/* Messages */

static const char *const whys[] = {[WHY_OWNER] = "owner",
    [WHY_SUBSCRIBED] = "subscribed",
    [WHY_UNKNOWN_KEPT] = "unknown-kept",
    [WHY_ALWAYS_KEPT] = "always-kept",
    [WHY_AS_ADDRESSED] = "as-addressed",
    [WHY_ACCOUNT_ADDRESS] = "account-address",
    [WHY_MIRROR] = "mirror",
    [WHY_DECIDED] = "decided",
    [WHY_UNKNOWN] = "unknown",
    [WHY_OTHER_ACCOUNT] = "other-account",
    [WHY_NOT_SUBSCRIBED] = "not-subscribed",
    [WHY_NOT_OPEN] = "not-open",
    [WHY_DUPLICATE] = "duplicate",
    [WHY_NOT_EXPANDED] = "not-expanded",
    [WHY_RESERVED] = "reserved"};
static const char *const fates[] = {[FATE_KEPT] = "kept",
    [FATE_DROPPED] = "dropped",
    [FATE_REPLACED] = "replaced"};

static json_t *
people(const struct decided_person *v, size_t n)
{
	json_t *all = json_array(), *one;
	size_t i;

	for (i = 0; i < n; i++) {
		one = json_array();
		json_array_append_new(
		    one, exchange_text(v[i].member->account_name));
		json_array_append_new(one, exchange_text(v[i].member->address));
		json_array_append_new(one, json_string(whys[v[i].why]));
		json_array_append_new(all, one);
	}
	return (all);
}

/* The decision, as `notifyctl explain` asks for it. */
static json_t *
explain(struct driver *d, const struct message *m)
{
	struct config *config = config_get();
	struct decision decision;
	json_t *told, *all;
	size_t i;

	evaluate(
	    config->settings, config->pool, m, true, d->arena, &decision, NULL);
	config_put(config);
	told = json_object();
	json_object_set_new(told, "verdict",
	    json_string(decide_verdict_name(decision.verdict)));
	json_object_set_new(told, "reason", exchange_text(decision.reason));
	json_object_set_new(told, "category", exchange_text(decision.category));
	json_object_set_new(told, "accounts", exchange_text(decision.accounts));
	json_object_set_new(
	    told, "kept", json_integer((json_int_t)decision.kept));
	json_object_set_new(
	    told, "dropped", json_integer((json_int_t)decision.dropped));
	all = json_array();
	for (i = 0; decision.recipients != NULL && i < m->nrecipients; i++)
		json_array_append_new(all,
		    json_pack("[s,s]", fates[decision.recipients[i].fate],
			whys[decision.recipients[i].why]));
	json_object_set_new(told, "recipients",
	    decision.recipients == NULL ? (json_decref(all), json_null())
					: all);
	json_object_set_new(
	    told, "added", people(decision.added, decision.nadded));
	json_object_set_new(
	    told, "passed", people(decision.passed, decision.npassed));
	all = json_array();
	for (i = 0; i < decision.nmirrored; i++)
		json_array_append_new(
		    all, exchange_text(decision.mirrored[i].address));
	json_object_set_new(told, "mirrored", all);
	json_object_set_new(told, "stamp", exchange_text(decision.stamp));
	json_object_set_new(told, "decided", json_boolean(decision.decided));
	return (told);
}

static json_t *
message(struct driver *d)
{
	struct message m = {.trusted = true, .client = "explain"};
	const json_t *item;
	json_t *told;
	char *name, *value;
	size_t i;

	told = exchange(d->step);
	m.recipients = (const char **)list(d, "recipients", &m.nrecipients);
	json_array_foreach(json_object_get(d->step, "headers"), i, item)
	{
		name = exchange_bytes(json_array_get(item, 0));
		value = exchange_bytes(json_array_get(item, 1));
		if (message_header(&m, d->arena, name, value) != 0)
			die(d, name);
		free(name);
		free(value);
	}
	json_object_set_new(told, "decision", explain(d, &m));
	json_object_set_new(told, "links",
	    rows(d, "SELECT id, chat FROM link WHERE ?1 >= 0", 2, 0));
	return (told);
}

static json_t *
step(struct driver *d, const json_t *what)
{
	const char *name = json_string_value(json_object_get(what, "do"));
	json_t *told = NULL;
	size_t i;

	d->step = what;
	if (strcmp(name, "message") == 0) {
		told = message(d);
	} else if (strcmp(name, "force") == 0) {
		told = force(d);
	} else if (strcmp(name, "settings") == 0) {
		take_settings(d, word(d, "text"));
		told = json_object();
	}
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		if (strcmp(name, changes[i].name) == 0)
			told = change(d, changes[i].fn);
	}
	if (told == NULL)
		die(d, name);
	forget_words(d);
	arena_reset(d->arena);
	return (told);
}

static void
take_settings(struct driver *d, const char *text)
{
	FILE *out = fopen(d->settings, "we");

	if (out == NULL || fputs(text, out) == EOF || fclose(out) != 0)
		die(d, d->settings);
	if (config_load(d->settings, &d->failure) != 0)
		die(d, "settings");
}

static json_t *
run(struct driver *d, const json_t *what)
{
	json_t *told = json_array();
	const json_t *one;
	char *text;
	size_t i;

	if (db_exec(d->db,
		"DELETE FROM account; DELETE FROM user;"
		"DELETE FROM subscription; DELETE FROM link;"
		"DELETE FROM token; DELETE FROM change; DELETE FROM notice;"
		"DELETE FROM category WHERE id > 5;") != 0 ||
	    db_exec(d->db, PLANT_KEY) != 0)
		die(d, "cannot empty the roster");
	text = exchange_bytes(json_object_get(what, "settings"));
	take_settings(d, text);
	free(text);
	json_array_foreach(json_object_get(what, "steps"), i, one)
	    json_array_append_new(told, step(d, one));
	return (told);
}

int
main(int argc, char **argv)
{
	struct driver d = {.failure = FAILURE_INIT};
	json_t *what, *told;
	json_error_t error;
	char *line = NULL;
	size_t size = 0;

	if (argc != 3)
		die(&d, "usage: driver FOLDER URL");
	snprintf(d.settings, sizeof(d.settings), "%s/settings", argv[1]);
	snprintf(d.url, sizeof(d.url), "%s", argv[2]);
	rfc2047_start();
	exchange_start();
	d.arena = arena_new((size_t)64 << 20);
	d.store = store_open(d.url, DB_CREATE, 3000, &d.failure);
	if (d.store == NULL || store_upgrade(d.store) == -1)
		die(&d, d.url);
	d.db = db_open(d.url, DB_WRITE, 3000, &d.failure);
	if (d.db == NULL)
		die(&d, d.url);
	d.changes = (struct changes){.store = d.store,
	    .arena = d.arena,
	    .failure = &d.failure,
	    .now = 1000,
	    .changed = on_change,
	    .remark = on_remark,
	    .ctx = &d};
	while (getline(&line, &size, stdin) > 0) {
		what = json_loads(line, 0, &error);
		if (what == NULL)
			die(&d, error.text);
		told = run(&d, what);
		json_dumpf(told, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
		json_decref(told);
		json_decref(what);
	}
	free(line);
	config_close();
	db_close(d.db);
	store_close(d.store);
	arena_free(d.arena);
	return (0);
}
