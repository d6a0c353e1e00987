/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_sqlite_files - does a connection still read what lies at the path?
 *
 * SQLite never looks at a name again. If the database is replaced, a connection
 * goes on reading the old one. If -wal or -shm is removed while it is open,
 * other programs make new ones: the connection sees no change any more, and
 * its pages stay what they were. If the file is overwritten in place, it mixes
 * the pages that it has in memory with new ones. So compare the files.
 *
 * All connections of a process to one database share what the first of them
 * has opened as -shm.
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/regular.h"
#include "db/db_sqlite.h"

#define WAL "-wal"
#define SHM "-shm"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sqlite *all; /* that are open */
/* What this thread opens now belongs to this connection. */
static _Thread_local struct sqlite *opening;

static struct sqlite_file file_of(const struct stat *);
static bool same(const struct sqlite_file *, const struct sqlite_file *);
static bool ends_with(const char *, const char *);
static bool note_state(struct sqlite *, const struct stat *);
static int at_path(const struct sqlite *, const char *, struct sqlite_file *);
static bool is_beside(
    const struct sqlite *, const char *, const struct sqlite_file *, bool);

static struct sqlite_file
file_of(const struct stat *st)
{
	return ((struct sqlite_file){true, st->st_dev, st->st_ino});
}

static bool
same(const struct sqlite_file *a, const struct sqlite_file *b)
{
	return (a->dev == b->dev && a->ino == b->ino);
}

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return (len >= n && strcmp(text + len - n, end) == 0);
}

int
db_sqlite_files_open(const char *path, int flags, int mode)
{
	struct sqlite *db = opening;
	struct stat st;
	int fd;

	fd = regular_open(path, flags, (mode_t)mode);
	if (fd == -1 || db == NULL || fstat(fd, &st) != 0)
		return (fd);
	pthread_mutex_lock(&lock);
	if (ends_with(path, WAL))
		db->wal = file_of(&st);
	else if (ends_with(path, SHM))
		db->shm = file_of(&st);
	pthread_mutex_unlock(&lock);
	return (fd);
}

/* Note what the file is like: was it something else before? */
static bool
note_state(struct sqlite *db, const struct stat *st)
{
	bool other = st->st_size != db->size ||
	    st->st_ctim.tv_sec != db->changed.tv_sec ||
	    st->st_ctim.tv_nsec != db->changed.tv_nsec;

	db->size = st->st_size;
	db->changed = st->st_ctim;
	return (other);
}

int
db_sqlite_files_identify(struct sqlite *db)
{
	struct stat st;

	if (stat(db->db.name, &st) != 0)
		return (db_sqlite_note(db, SQLITE_CANTOPEN));
	db->file = file_of(&st);
	(void)note_state(db, &st);
	return (0);
}

void
db_sqlite_files_begin(struct sqlite *db)
{
	pthread_mutex_lock(&lock);
	db->next = all;
	all = db;
	pthread_mutex_unlock(&lock);
	opening = db;
}

void
db_sqlite_files_end(struct sqlite *db)
{
	const struct sqlite *other;

	opening = NULL;
	pthread_mutex_lock(&lock);
	for (other = all; other != NULL && !db->shm.open; other = other->next) {
		if (other->shm.open && db->file.open &&
		    same(&other->file, &db->file))
			db->shm = other->shm;
	}
	pthread_mutex_unlock(&lock);
}

void
db_sqlite_files_close(struct sqlite *db)
{
	struct sqlite **at;

	pthread_mutex_lock(&lock);
	for (at = &all; *at != NULL && *at != db; at = &(*at)->next)
		;
	if (*at != NULL)
		*at = db->next;
	pthread_mutex_unlock(&lock);
}

/* The file beside the database now: 1, 0 if there is none. */
static int
at_path(const struct sqlite *db, const char *end, struct sqlite_file *file)
{
	/* SQLite follows a symbolic link first. */
	const char *name = sqlite3_db_filename(db->handle, "main");
	char path[PATH_MAX + sizeof(SHM)];
	struct stat st;

	if (name == NULL ||
	    (size_t)snprintf(path, sizeof(path), "%s%s", name, end) >=
		sizeof(path) ||
	    stat(path, &st) != 0)
		return (0);
	*file = file_of(&st);
	return (1);
}

/* Is ${file} the one beside the database? ${unknown}: the answer if there is
 * one, and the connection has opened none as far as is known. */
static bool
is_beside(const struct sqlite *db, const char *end,
    const struct sqlite_file *file, bool unknown)
{
	struct sqlite_file now;

	if (at_path(db, end, &now) == 0)
		return (!file->open);
	return (file->open ? same(file, &now) : unknown);
}

bool
db_sqlite_files_same(struct sqlite *db, bool unknown)
{
	struct sqlite_file now;
	struct stat st;

	if (stat(db->db.name, &st) != 0)
		return (false);
	now = file_of(&st);
	if (!same(&db->file, &now) || !is_beside(db, WAL, &db->wal, unknown) ||
	    !is_beside(db, SHM, &db->shm, unknown))
		return (false);
	/* Changes by SQLite make it forget these pages anyway. */
	if (note_state(db, &st))
		(void)sqlite3_db_release_memory(db->handle);
	return (true);
}
