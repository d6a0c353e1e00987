/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_upgrade - create the schema, or upgrade it from an older version
 *
 * All steps of an upgrade and the new version are one transaction: other
 * programs see the old roster meanwhile, and after a crash or an error.
 */
#include <errno.h>
#include <string.h>

#include "store/store_private.h"
#include "terms/stamp.h"

static int known(struct store *, enum db_content, int64_t);
static int version_of(struct store *, int64_t *);
static int make_schema(struct store *);
static int take_steps(struct store *, int64_t);
static int make_secrets(struct store *);
static int share(struct store *);
static int upgrade(struct store *);

/* 0 if the database is ours, of a version that this program knows; or -1. */
static int
known(struct store *s, enum db_content content, int64_t version)
{
	if (content == DB_FOREIGN || version < 0)
		return (failure_set(&s->failure, FAILURE_SETTINGS,
		    "database %s: belongs to another program; set [database] "
		    "url to one of notify-milter",
		    db_name(s->db)));
	if (version > s->schema)
		return (failure_set(&s->failure, FAILURE_SETTINGS,
		    "database %s: schema version %lld, newer than this "
		    "program's %lld; upgrade notify-milter",
		    db_name(s->db), (long long)version, (long long)s->schema));
	return (0);
}

int
store_fits(struct store *s, enum db_content content, int64_t version)
{
	if (known(s, content, version) != 0)
		return (-1);
	if (version == s->schema || (s->oldest != 0 && version >= s->oldest)) {
		s->version = version;
		return (0);
	}
	if (version == 0)
		return (failure_set(&s->failure, FAILURE_SCHEMA,
		    "database %s: has no roster (schema version 0); create "
		    "it with \"notifyctl init\"",
		    db_name(s->db)));
	return (failure_set(&s->failure, FAILURE_SCHEMA,
	    "database %s: schema version %lld, older than this program's "
	    "%lld; upgrade it with \"notifyctl init\"",
	    db_name(s->db), (long long)version, (long long)s->schema));
}

/* The version of the schema, 0 for an empty database. */
static int
version_of(struct store *s, int64_t *version)
{
	enum db_content content;

	if (db_schema(s->db, &content, version) != 0)
		return (store_note_failure(s));
	return (known(s, content, *version));
}

static int
make_schema(struct store *s)
{
	const struct category *c;
	char key[2][CATEGORY_KEY_SIZE];

	if (db_exec(s->db, sql_schema) != 0)
		return (store_note_failure(s));
	for (c = category_builtin; c->slug[0] != '\0'; c++) {
		if (category_key(c->slug, key[0]) != 1 ||
		    category_key(c->title, key[1]) != 1 ||
		    store_category_add(s, c, key[0], key[1]) == -1)
			return (-1);
	}
	return (0);
}

/* Upgrade from ${version} to the one that this program reads. */
static int
take_steps(struct store *s, int64_t version)
{
	enum db_dialect dialect = db_dialect(s->db);

	for (; version < s->schema; version++) {
		if (db_exec(s->db, s->steps[version - 1].sql[dialect]) == 0)
			continue;
		store_note_failure(s);
		return (failure_set(&s->failure, s->failure.kind,
		    "%s; the step from schema version %lld failed, and the "
		    "database is unchanged",
		    failure_text(&s->failure), (long long)version));
	}
	return (db_check_references(s->db, &s->failure));
}

/* Make the secrets that are missing: 1, or 0 if there is none; -1. */
static int
make_secrets(struct store *s)
{
	char secret[STORE_SECRET_SIZE], key[STAMP_KEY_SIZE];
	int rc;

	s->version = s->schema;
	rc = store_secret(s, STORE_STAMP, secret);
	if (rc != 0)
		return (rc == 1 ? 0 : -1);
	if (stamp_key(key) != 0)
		return (failure_set(&s->failure, FAILURE_IO,
		    "the system gave no random bytes: %s", strerror(errno)));
	return (store_run(
	    s, store_bound(s, SQL_SECRET_ADD, "tt", STORE_STAMP, key)));
}

/* First, so that lookups do not wait for the upgrade; a restored copy may have
 * lost it. Not for a database that is not ours. */
static int
share(struct store *s)
{
	int64_t version;
	int rc;

	if (db_begin(s->db, DB_READ) != 0)
		return (store_note_failure(s));
	rc = version_of(s, &version);
	if (db_rollback(s->db) != 0 && rc == 0)
		rc = store_note_failure(s);
	if (rc == 0 && db_share(s->db) != 0)
		rc = store_note_failure(s);
	return (rc);
}

static int
upgrade(struct store *s)
{
	int64_t from;
	int made;

	if (db_begin(s->db, DB_WRITE) != 0)
		return (store_note_failure(s));
	if (version_of(s, &from) != 0)
		goto fail;
	if (from != s->schema) {
		if (db_set_schema(s->db, s->schema) != 0) {
			store_note_failure(s);
			goto fail;
		}
		if ((from == 0 ? make_schema(s) : take_steps(s, from)) != 0)
			goto fail;
	}
	made = make_secrets(s);
	if (made == -1)
		goto fail;
	if (from == s->schema && made == 0) {
		store_end(s);
		return (0);
	}
	if (store_commit(s) != 0)
		goto fail;
	return (from == 0 ? 1 : 2);
fail:
	store_end(s);
	return (-1);
}

int
store_upgrade(struct store *s)
{
	int rc;

	if (share(s) != 0)
		return (-1);
	/* A step that replaces a table must not delete the rows that refer
	 * to it. */
	if (db_references(s->db, false) != 0)
		return (store_note_failure(s));
	rc = upgrade(s);
	if (db_references(s->db, true) != 0 && rc != -1)
		rc = store_note_failure(s);
	return (rc);
}
