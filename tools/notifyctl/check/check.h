/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check - what the parts of `notifyctl check` share
 *
 * A part looks at one subject and adds what it finds. A finding is what is
 * wrong, why that matters, and the exact command to run or line to put. What
 * could not be looked at is a finding too, a note. Looking changes nothing, and
 * whatever is asked of another program or of a socket has a limit in time.
 *
 * Threads: one. Strings live as long as the command.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct arena;
struct ctl;
struct passwd;
struct postconf;
struct postconf_service;
struct settings;
struct store;

enum check_severity {
	CHECK_NOTE,    /* good to know */
	CHECK_WARNING, /* some mail, or some day, goes wrong */
	CHECK_ERROR,   /* tagged mail is not decided, or not as it should be */
};

enum check_fix {
	CHECK_RUN, /* a command */
	CHECK_PUT, /* a line, or what else is to be done */
};

struct check_finding {
	struct check_finding *next;
	enum check_severity severity;
	const char *part;
	const char *what;
	const char *why;
	enum check_fix how;
	const char *fix;
};

struct check {
	struct ctl *ctl;
	struct arena *arena;
	const struct settings *settings;
	struct store *store;	   /* NULL: cannot be read */
	struct postconf *postfix;  /* NULL: cannot be asked */
	const struct passwd *user; /* the milter's, or NULL */
	bool links;		   /* somebody has linked a chat */
	const char *part;	   /* what findings are about now */
	struct check_finding *first, **last;
	const char *looked_at;
};

/* check_found(c, severity, how, what, why, fix): add a finding, once. */
void check_found(struct check *, enum check_severity, enum check_fix,
    const char *what, const char *why, const char *fix);

/* check_unseen(c, what, why): what only root could have looked at. */
void check_unseen(struct check *, const char *what, const char *why);

/* check_known(c, what): was it found already? */
bool check_known(const struct check *, const char *what);

/* check_looked(c, text): this was looked at. */
void check_looked(struct check *, const char *);

/* check_text(c, fmt, ...): one line. */
const char *check_text(struct check *, const char *, ...) PRINTF_LIKE(2, 3);

/* check_quote(c, text): as one word for a shell. */
const char *check_quote(struct check *, const char *);

/* check_setting(c, section, line): the fix that is a line of our settings. */
const char *check_setting(struct check *, const char *section, const char *);

/* check_notifyctl(c, arguments): the fix that is a command of ours. */
const char *check_notifyctl(struct check *, const char *);

/* check_capture(c, argv): what a program prints, without the newlines at its
 * end; NULL if it fails, or does not end in time. */
const char *check_capture(struct check *, const char *const *argv);

/*
 * check_access(user, path, mode): may ${user} use ${path} (access(2)'s mode)?
 * 0, or how many octets of ${path} name what is in the way, or -1 for one that
 * only root, or ${user}, can tell.
 */
int check_access(const struct passwd *, const char *path, int mode);

/* check_passwd(c, name): the user, or NULL. */
const struct passwd *check_passwd(struct check *, const char *);

/* check_directory(c, path): the directory that it lies in. */
const char *check_directory(struct check *, const char *);

/* check_milter_talk(fd): speak to a milter. 1 it is ours, 0 it is another, -1
 * it is none. */
int check_milter_talk(int fd);

/*
 * services_front(c, service): is it a smtpd(8) that mail comes to at first, and
 * that is to ask milters?
 */
bool services_front(struct check *, const struct postconf_service *);

/* The parts. */
bool check_settings(struct check *);
void check_clients(struct check *);
void check_database(struct check *);
void check_people(struct check *);
void check_server(struct check *);
void check_socket(struct check *);
void check_postfix(struct check *);
void check_services(struct check *);
void check_domains(struct check *);
void check_rewriting(struct check *);
void check_telegram(struct check *);

#endif
