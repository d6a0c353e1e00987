/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_sqlite_failure - what went wrong, and what to do about it
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failure.h"
#include "db/db_sqlite.h"

static int directory_errno(const struct sqlite *);
static int cannot_open(const struct sqlite *, struct failure *);

bool
db_sqlite_is_file(const struct sqlite *db)
{
	struct stat st;

	return (stat(db->db.name, &st) != 0 || S_ISREG(st.st_mode));
}

int
db_sqlite_note(struct sqlite *db, int code)
{
	db->code = code;
	db->doubt = false;
	db->code_errno =
	    db->handle == NULL ? 0 : sqlite3_system_errno(db->handle);
	snprintf(db->message, sizeof(db->message), "%s",
	    db->handle != NULL && sqlite3_extended_errcode(db->handle) == code
		? sqlite3_errmsg(db->handle)
		: sqlite3_errstr(code));
	return (-1);
}

int
db_sqlite_failure(const struct db *base, struct failure *failure)
{
	const struct sqlite *db = (const struct sqlite *)base;
	const char *name = db->db.name, *doubt;

	if (!db_sqlite_is_file(db))
		return (failure_set(failure, FAILURE_SETTINGS,
		    "database %s: not a regular file; expected the path of an "
		    "SQLite database",
		    name));
	switch (db->code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return (failure_set(failure, FAILURE_BUSY,
		    "database %s: locked by another program; try again", name));
	case SQLITE_NOTADB:
		return (failure_set(failure, FAILURE_IO,
		    "database %s: not an SQLite database; restore the last "
		    "backup, or correct [database] url",
		    name));
	case SQLITE_CORRUPT:
		return (failure_set(failure, FAILURE_IO,
		    "database %s: damaged: %s (SQLite code %d); restore the "
		    "last backup",
		    name, db->message, db->code));
	case SQLITE_NOMEM:
		return (failure_set(failure, FAILURE_MEMORY,
		    "database %s: out of memory", name));
	case SQLITE_CANTOPEN:
		return (cannot_open(db, failure));
	case SQLITE_READONLY:
		if (eaccess(name, W_OK) != 0 && errno == EROFS)
			return (failure_set(failure, FAILURE_IO,
			    "database %s: %s", name, strerror(EROFS)));
		return (failure_set(failure, FAILURE_IO,
		    "database %s: permission denied: SQLite must write it and "
		    "create files beside it; run as root or as the milter's "
		    "user",
		    name));
	}
	doubt = db->doubt
	    ? "; it is unknown whether the change was made: check "
	      "before you retry"
	    : "";
	/* SQLite 3.40 has no errno of a commit, 3.46 has. */
	if ((db->code & 0xff) == SQLITE_FULL || db->code_errno == ENOSPC)
		return (failure_set(failure, FAILURE_IO,
		    "database %s: the disk is full%s", name, doubt));
	if ((db->code & 0xff) == SQLITE_IOERR)
		return (failure_set(failure, FAILURE_IO,
		    "database %s: disk I/O error: %s (SQLite code %d)%s", name,
		    strerror(db->code_errno != 0 ? db->code_errno : EIO),
		    db->code, doubt));
	return (failure_set(failure, FAILURE_IO,
	    "database %s: %s (SQLite code %d)", name, db->message, db->code));
}

/* Why no file can be created beside the database. If there is no space for one,
 * SQLite's last error is that it does not exist. */
static int
directory_errno(const struct sqlite *db)
{
	char *dir, *slash;
	int reason;

	dir = strdup(db->db.name);
	slash = dir == NULL ? NULL : strrchr(dir, '/');
	reason = ENOENT;
	if (slash != NULL) {
		slash[slash == dir] = '\0';
		if (eaccess(dir, W_OK | X_OK) != 0)
			reason = errno;
		else if (db->code_errno != 0 && db->code_errno != ENOENT)
			reason = db->code_errno;
		else
			reason = ENOSPC;
	}
	free(dir);
	return (reason);
}

/* Say why the file cannot be opened, or created. */
static int
cannot_open(const struct sqlite *db, struct failure *failure)
{
	const char *name = db->db.name;
	int reason;

	if (eaccess(name, F_OK) != 0 && errno == ENOENT) {
		if (db->creating)
			return (failure_set(failure, FAILURE_IO,
			    "database %s: cannot create: %s; expected an "
			    "existing directory that this user can write",
			    name, strerror(directory_errno(db))));
		return (failure_set(failure, FAILURE_SCHEMA,
		    "database %s: not found; create it with \"notifyctl init\", "
		    "or restore the backup",
		    name));
	}
	if (eaccess(name, R_OK) != 0)
		return (failure_set(failure, FAILURE_IO,
		    "database %s: %s; run as root or as the milter's user",
		    name, strerror(errno)));
	reason = directory_errno(db);
	return (failure_set(failure, FAILURE_IO,
	    "database %s: cannot open it, or create the files beside it that "
	    "SQLite needs: %s%s",
	    name, strerror(reason),
	    reason == EACCES ? "; run as root or as the milter's user" : ""));
}
