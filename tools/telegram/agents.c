/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agents - the runs of notify-telegram on this machine, and Telegram's limits
 *
 * Locks are those of open file descriptions (fcntl(2)) on ranges of bytes: one
 * byte for each place, one for each chat, whatever its number, and one for the
 * moments. They need no room in the file, and the kernel frees them. What is
 * read may be stale or torn by a crash; a moment that makes no sense is now.
 *
 * Moments are milliseconds of clock_boot_ms(): setting the clock changes none.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/failure.h"
#include "db/db_url.h"
#include "settings/settings.h"
#include "telegram/agents.h"

#define FILE_NAME "notify-telegram.agents"
#define STATE_FOLDER "/var/lib/notify-milter"
#define MESSAGE_SIZE 40

/* In the file: the moments of all chats, the places, and when each chat may
 * have its next message. Chats that share a cell share its pace. */
#define PLACES_AT 4096
#define CELLS_AT (PLACES_AT + AGENTS_MAX * (off_t)sizeof(struct place))
#define CELLS 65536
/* What is locked. */
#define MOMENTS_LOCK 0
#define PLACES_LOCK 4096
#define CHATS_LOCK ((off_t)1 << 32)
#define CHATS_MASK (((uint64_t)1 << 61) - 1)

struct place {
	int64_t began;
	int64_t chat; /* 0: not known yet */
	int64_t arrived;
	char message[MESSAGE_SIZE];
};

struct moments {
	int64_t request;  /* the next, of any chat */
	int64_t pause;	  /* no request before */
	int64_t refused;  /* the last chat that got a 429, */
	int64_t refusals; /* and chats in a row */
};

struct agents {
	int fd;
	pid_t parent;
	size_t at; /* in the places */
	struct place place;
};

static int lock(int, int, short, off_t);
static int lock_moments(const struct agents *, short);
static off_t place_at(size_t);
static off_t chat_lock(int64_t);
static off_t cell_of(int64_t);
static bool put(int, const void *, size_t, off_t);
static bool get(int, void *, size_t, off_t);
static bool put_place(const struct agents *, struct place);
static void give(struct agents *, int64_t);
static int cannot(const char *, struct failure *);
static int open_file(const char *, bool, struct failure *);
static int take_place(struct agents *);
static bool lives(const struct agents *, size_t);
static bool goes_before(const struct place *, const struct place *);
static int64_t sane(int64_t, int64_t);
static int64_t interval(const struct agents *);
static void count_refusal(struct moments *, int64_t, int64_t, int64_t);

char *
agents_path(const struct settings *s)
{
	const char *beside = s->telegram_stats_file, *slash;
	char *path;

	if (!db_url_remote(s->url))
		beside = s->url;
	slash = strrchr(beside, '/');
	if (asprintf(&path, "%.*s/%s",
		slash == NULL ? (int)strlen(STATE_FOLDER)
			      : (int)(slash - beside),
		slash == NULL ? STATE_FOLDER : beside, FILE_NAME) < 0)
		return (NULL);
	return (path);
}

/* fcntl(2) on one byte. */
static int
lock(int fd, int command, short type, off_t at)
{
	struct flock range = {
	    .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
	int rc;

	do {
		rc = fcntl(fd, command, &range);
	} while (rc != 0 && errno == EINTR);
	if (rc == 0 && command == F_OFD_GETLK)
		return (range.l_type != F_UNLCK);
	return (rc);
}

/* Nobody has them for longer than a few reads and writes. */
static int
lock_moments(const struct agents *a, short type)
{
	return (lock(a->fd, F_OFD_SETLKW, type, MOMENTS_LOCK));
}

static off_t
place_at(size_t i)
{
	return (PLACES_AT + (off_t)(i * sizeof(struct place)));
}

static off_t
chat_lock(int64_t chat)
{
	/* Telegram's numbers have at most 52 bits: each chat has its own. */
	uint64_t key =
	    chat < 0 ? (0 - (uint64_t)chat) << 1 | 1 : (uint64_t)chat << 1;

	return (CHATS_LOCK + (off_t)(key & CHATS_MASK));
}

static off_t
cell_of(int64_t chat)
{
	uint64_t hash = (uint64_t)chat * 11400714819323198485u;

	return (CELLS_AT + (off_t)((hash >> 40) % CELLS * sizeof(int64_t)));
}

static bool
put(int fd, const void *data, size_t len, off_t at)
{
	return (pwrite(fd, data, len, at) == (ssize_t)len);
}

/* What was never written is 0. */
static bool
get(int fd, void *data, size_t len, off_t at)
{
	memset(data, 0, len);
	return (pread(fd, data, len, at) >= 0);
}

static bool
put_place(const struct agents *a, struct place place)
{
	return (put(a->fd, &place, sizeof(place), place_at(a->at)));
}

static void
give(struct agents *a, int64_t chat)
{
	int error = errno;

	(void)lock(a->fd, F_OFD_SETLK, F_UNLCK, chat_lock(chat));
	errno = error;
}

static int
cannot(const char *path, struct failure *failure)
{
	return (
	    failure_set(failure, FAILURE_IO, "%s: %s", path, strerror(errno)));
}

/* Root may run the program to try it, and leaves the file to whose directory it
 * is in. */
static int
open_file(const char *path, bool make, struct failure *failure)
{
	struct stat st;
	char *slash;
	int fd;

	fd = open(path,
	    O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | (make ? O_CREAT : 0),
	    0600);
	if (fd == -1 && errno == ENOENT && !make)
		return (-1);
	if (fd == -1)
		return (cannot(path, failure));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
		close(fd);
		return (failure_set(
		    failure, FAILURE_IO, "%s: expected a file", path));
	}
	if (geteuid() == 0 && (slash = strdup(path)) != NULL) {
		*strrchr(slash, '/') = '\0';
		if (stat(slash, &st) == 0)
			(void)!fchown(fd, st.st_uid, st.st_gid);
		free(slash);
	}
	return (fd);
}

/* 1 or 0 if all are taken, or -1. */
static int
take_place(struct agents *a)
{
	size_t first = (size_t)getpid(), i;

	for (i = 0; i < AGENTS_MAX; i++) {
		a->at = (first + i) % AGENTS_MAX;
		if (lock(a->fd, F_OFD_SETLK, F_WRLCK,
			PLACES_LOCK + (off_t)a->at) == 0)
			return (1);
		if (errno != EAGAIN && errno != EACCES)
			return (-1);
	}
	return (0);
}

struct agents *
agents_open(const char *path, bool make, struct failure *failure)
{
	struct agents *a;
	int rc;

	a = calloc(1, sizeof(*a));
	if (a == NULL) {
		failure_memory(failure);
		return (NULL);
	}
	a->fd = open_file(path, make, failure);
	if (a->fd == -1) {
		free(a);
		return (NULL);
	}
	a->parent = getppid();
	a->place.began = clock_boot_ms();
	rc = take_place(a);
	if (rc == 1 && !put_place(a, a->place))
		rc = -1;
	if (rc == 1)
		return (a);
	if (rc == 0)
		failure_set(failure, FAILURE_BUSY,
		    "%d notify-telegram run at once", AGENTS_MAX);
	else
		cannot(path, failure);
	close(a->fd);
	free(a);
	return (NULL);
}

void
agents_close(struct agents *a)
{
	if (a == NULL)
		return;
	/* Whoever looks next asks the kernel about fewer places. */
	(void)put_place(a, (struct place){0});
	close(a->fd);
	free(a);
}

int
agents_name(
    struct agents *a, int64_t chat, int64_t arrived, const char *message)
{
	int64_t former = a->place.chat;
	bool done;

	a->place.chat = chat;
	a->place.arrived = arrived;
	snprintf(a->place.message, sizeof(a->place.message), "%s", message);
	done = put_place(a, a->place);
	/* Whoever takes the former chat must see where this run has gone. */
	if (former != 0 && former != chat)
		give(a, former);
	return (done ? 0 : -1);
}

/* Does somebody have the place? */
static bool
lives(const struct agents *a, size_t i)
{
	return (i != a->at &&
	    lock(a->fd, F_OFD_GETLK, F_WRLCK, PLACES_LOCK + (off_t)i) == 1);
}

/* The order of store_waiting_before(). */
static bool
goes_before(const struct place *p, const struct place *own)
{
	if (p->arrived != own->arrived)
		return (p->arrived < own->arrived);
	return (strncmp(p->message, own->message, MESSAGE_SIZE) < 0);
}

bool
agents_left(const struct agents *a)
{
	return (getppid() != a->parent);
}

int64_t
agents_age(const struct agents *a)
{
	return (clock_boot_ms() - a->place.began);
}

size_t
agents_others(const struct agents *a)
{
	struct place places[AGENTS_MAX];
	size_t i, n = 0;

	if (!get(a->fd, places, sizeof(places), PLACES_AT))
		return (0);
	for (i = 0; i < AGENTS_MAX; i++)
		n += places[i].began != 0 && lives(a, i);
	return (n);
}

int
agents_ahead(const struct agents *a, struct agents_ahead *ahead)
{
	struct place places[AGENTS_MAX];
	int64_t recent = clock_boot_ms() - AGENTS_STARTING_MS;
	const struct place *p;
	size_t i;

	memset(ahead, 0, sizeof(*ahead));
	if (!get(a->fd, places, sizeof(places), PLACES_AT))
		return (-1);
	for (i = 0; i < AGENTS_MAX; i++) {
		p = &places[i];
		if (p->began == 0)
			continue;
		if (p->chat == 0 && p->began <= a->place.began &&
		    p->began > recent)
			ahead->starting += lives(a, i);
		else if (p->chat == a->place.chat && goes_before(p, &a->place))
			ahead->before += lives(a, i);
	}
	return (0);
}

int
agents_take(struct agents *a)
{
	if (lock(a->fd, F_OFD_SETLK, F_WRLCK, chat_lock(a->place.chat)) == 0)
		return (1);
	return (errno == EAGAIN || errno == EACCES ? 0 : -1);
}

void
agents_give(struct agents *a)
{
	give(a, a->place.chat);
}

static int64_t
sane(int64_t moment, int64_t now)
{
	return (
	    moment < now || moment - now > AGENTS_WAIT_MAX_MS ? now : moment);
}

static int64_t
interval(const struct agents *a)
{
	return (a->place.chat < 0 ? AGENTS_GROUP_MS : AGENTS_CHAT_MS);
}

int64_t
agents_chat_wait(const struct agents *a)
{
	int64_t now = clock_boot_ms(), chat, pause;
	struct moments m;

	if (!get(a->fd, &m, sizeof(m), 0) ||
	    !get(a->fd, &chat, sizeof(chat), cell_of(a->place.chat)))
		return (0);
	chat = sane(chat, now) - now;
	pause = sane(m.pause, now) - now;
	return (chat > pause ? chat : pause);
}

bool
agents_ask(struct agents *a, int64_t *wait)
{
	off_t cell = cell_of(a->place.chat);
	struct moments m;
	int64_t now, chat;

	*wait = interval(a);
	if (lock_moments(a, F_WRLCK) != 0)
		return (true);
	if (!get(a->fd, &m, sizeof(m), 0)) {
		lock_moments(a, F_UNLCK);
		return (true);
	}
	now = clock_boot_ms();
	*wait = agents_chat_wait(a);
	if (*wait > 0) {
		lock_moments(a, F_UNLCK);
		return (false);
	}
	*wait = sane(m.request, now) - now;
	m.request = now + *wait + AGENTS_REQUEST_MS;
	chat = now + *wait + interval(a);
	/* Without room on the disk the last request is not known. */
	if (!put(a->fd, &m, sizeof(m), 0) ||
	    !put(a->fd, &chat, sizeof(chat), cell))
		*wait = interval(a);
	lock_moments(a, F_UNLCK);
	return (true);
}

bool
agents_paused(const struct agents *a)
{
	int64_t now = clock_boot_ms();
	struct moments m;

	return (get(a->fd, &m, sizeof(m), 0) && sane(m.pause, now) > now);
}

/* Note an answer: ${retry_after} of a 429, or 0. Once enough chats in a row
 * were refused, all pause. */
static void
count_refusal(struct moments *m, int64_t chat, int64_t retry_after, int64_t now)
{
	if (retry_after == 0)
		m->refusals = 0;
	else if (m->refused != chat)
		m->refusals++;
	m->refused = retry_after == 0 ? 0 : chat;
	if (m->refusals < AGENTS_REFUSALS)
		return;
	m->pause = now +
	    (retry_after > AGENTS_PAUSE_MAX_MS / 1000 ? AGENTS_PAUSE_MAX_MS
						      : retry_after * 1000);
}

void
agents_answered(struct agents *a, bool sent, int64_t retry_after)
{
	int64_t now, chat;
	struct moments m;

	if (lock_moments(a, F_WRLCK) != 0)
		return;
	now = clock_boot_ms();
	/* The request counts when it arrives, which was before now. */
	chat = sent ? now + interval(a) : 0;
	(void)put(a->fd, &chat, sizeof(chat), cell_of(a->place.chat));
	if (get(a->fd, &m, sizeof(m), 0) &&
	    (retry_after != 0 || m.refusals != 0)) {
		count_refusal(&m, a->place.chat, retry_after, now);
		(void)put(a->fd, &m, sizeof(m), 0);
	}
	lock_moments(a, F_UNLCK);
}
