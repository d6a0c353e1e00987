/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check - what the parts of `notifyctl check` share
 *
 * A part checks one subject and adds findings. A finding says what is wrong,
 * why it matters, and the exact command to run or line to add. A check that was
 * not possible adds a note. Checks change nothing, and every wait for a program
 * or a socket has a time limit.
 *
 * Threads: one. Strings live as long as the command.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct addrinfo;
struct arena;
struct check_alias_map;
struct check_asked;
struct check_filter;
struct check_tag;
struct ctl;
struct milter;
struct passwd;
struct postconf;
struct postconf_service;
struct settings;
struct store;

enum check_severity {
	CHECK_NOTE,    /* good to know */
	CHECK_WARNING, /* some mail, or some day, goes wrong */
	CHECK_ERROR,   /* tagged mail is not decided, or decided wrongly; or a
			  text cannot be used */
};

enum check_fix {
	CHECK_RUN,	/* a command */
	CHECK_POSTCONF, /* a command that changes Postfix's settings */
	CHECK_SETTING,	/* a line of our settings */
	CHECK_RESTART,	/* the same; a reload does not put it in force */
	CHECK_PUT,	/* a line of another file */
	CHECK_DO,	/* advice */
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
	const struct settings *settings; /* NULL: cannot be read */
	struct store *store;		 /* NULL: cannot be read */
	struct postconf *postfix;	 /* NULL: cannot be read */
	const struct passwd *user;	 /* the milter's, or NULL */
	bool setup;			 /* for notifyctl postfix */
	bool stopped;			 /* Postfix, as far as root can tell */
	bool joins;			 /* the milter, main.cf's smtpd_milters:
					    by a fix that was found */
	bool links;			 /* some user has linked a chat */
	bool wide;	   /* some user who is entitled has a local
			      part outside ASCII */
	const char *final; /* a user's domain that Postfix delivers itself */
	size_t failed_lookups;
	struct check_map {
		struct check_map *next;
		const char *map;
	} * failed;		      /* maps in which a lookup has failed */
	struct check_tag *tags;	      /* that Postfix adds (check_tags_read) */
	struct check_filter *filters; /* (check_filters_read) */
	struct check_alias_map *alias_maps; /* (check_copies_read) */
	struct check_asked *asked;	    /* (check_peers_ask) */
	const char *part; /* of the findings that are added now */
	struct check_finding *first, **last;
	const char *looked_at;
};

/* check_found(c, severity, how, what, why, fix): add a finding, unless it is
 * there already. */
void check_found(struct check *, enum check_severity, enum check_fix,
    const char *what, const char *why, const char *fix);

/* check_edit(c, severity, what, why, service, name, value): the fix is to set
 * ${name} in Postfix for ${service}, or in main.cf if that is NULL. */
void check_edit(struct check *, enum check_severity, const char *what,
    const char *why, const struct postconf_service *, const char *name,
    const char *value);

/* check_setter(c, service, name): the service in master.cf whose -o sets
 * ${name}, for check_edit(); NULL: main.cf has it. check_label(c, service,
 * name): ${name}, with that service. */
const struct postconf_service *check_setter(
    struct check *, const struct postconf_service *, const char *name);
const char *check_label(
    struct check *, const struct postconf_service *, const char *name);

/* check_setting(c, severity, what, why, section, line): the fix is ${line} in
 * our settings. */
void check_setting(struct check *, enum check_severity, const char *what,
    const char *why, const char *section, const char *line);

/* check_unseen(c, what, why): only root could have checked this. */
void check_unseen(struct check *, const char *what, const char *why);

/* check_looked(c, text): this was checked. */
void check_looked(struct check *, const char *);

/* check_text(c, fmt, ...): one line. */
const char *check_text(struct check *, const char *, ...) PRINTF_LIKE(2, 3);

/*
 * check_name(c, names, n, fmt, ...): add a name to the list ${*names}, which
 * was given ${n} before. A list shows the first three alone, so it stays short
 * however many there are.
 */
void check_name(struct check *, const char **names, size_t n, const char *, ...)
    PRINTF_LIKE(4, 5);

/* check_quote(c, text): as one word of a shell command. */
const char *check_quote(struct check *, const char *);

/* check_notifyctl(c, arguments): a command of notifyctl. */
const char *check_notifyctl(struct check *, const char *);

/*
 * check_access(user, path, mode): may ${user} use ${path} (access(2)'s mode)?
 * 0 if so; else the length of the first part of ${path} that denies it; -1 if
 * only root, or ${user}, can tell.
 */
int check_access(const struct passwd *, const char *path, int mode);

/* check_shared(c, path): is the directory of ${path} for the files of others,
 * too? Then no command may change its owner or its mode. */
bool check_shared(struct check *, const char *path);

/* check_search(c, path, len): the command that lets everyone pass the directory
 * that is the first ${len} bytes of ${path}. */
const char *check_search(struct check *, const char *path, int len);

/* check_inside(domain, other): are they equal, or is ${domain} a subdomain? */
bool check_inside(const char *domain, const char *other);

/* check_passwd(c, name): the user, or NULL. */
const struct passwd *check_passwd(struct check *, const char *);

/* check_group(c): the group of the milter's user, as one word of a shell
 * command. */
const char *check_group(struct check *);

/* check_directory(c, path): the directory of a file. */
const char *check_directory(struct check *, const char *);

/* check_home(c): the directory of this program. */
const char *check_home(struct check *);

/* check_lookup(c, maps, key): the value of ${key} in the first of Postfix's
 * ${maps} that has it, or NULL. A lookup that fails adds a finding, and 1 to
 * c->failed_lookups; the map is not asked again. */
const char *check_lookup(struct check *, const char *maps, const char *key);

/* check_listed(c, list, domain, parents): does a list of domains, maps and
 * files have ${domain}? ${parents}: or a parent of it? */
bool check_listed(
    struct check *, const char *list, const char *domain, bool parents);

/* check_relays(c, domain): is ${domain} in relay_domains? */
bool check_relays(struct check *, const char *domain);

enum check_answer {
	CHECK_OURS,
	CHECK_OTHER,	 /* another milter */
	CHECK_NO_MILTER, /* another program */
	CHECK_SILENT,	 /* not one byte, for some seconds */
};

/* check_connect_path(path, user), check_connect_host(addresses): a connected
 * socket, or -1 with errno, after some seconds at most. Root connects to a path
 * as whoever can change where it leads; if those are many, as ${user}. */
int check_connect_path(const char *path, const char *user);
int check_connect_host(const struct addrinfo *);

/* check_milter_talk(fd): negotiate as an MTA does. */
enum check_answer check_milter_talk(int fd);

/* check_front(c, service): is it an smtpd(8) that receives new mail, and so
 * must ask the milter? */
bool check_front(struct check *, const struct postconf_service *);

/* check_filter(pc, service): the content_filter of mail that ${service} takes;
 * "" without one, and if it is the way to check_sendmail_listener(). */
const char *check_filter(
    const struct postconf *, const struct postconf_service *);

/* check_sendmail_listener(pc): the smtpd(8) to which pickup's content_filter
 * hands mail from sendmail(1); NULL if it is not one on loopback. */
const struct postconf_service *check_sendmail_listener(const struct postconf *);

/* check_milters_away(c, reader, m): "defers all mail ...", what Postfix does
 * while ${m} does not answer. */
const char *check_milters_away(
    struct check *, const struct postconf_service *, const struct milter *);

/* What becomes of mail with a milter_protocol that Postfix does not support. */
extern const char check_unsupported[];

/* The parts; check.c has the table. */
void check_settings(struct check *);
void check_clients(struct check *);
void check_database(struct check *);
void check_people(struct check *);
void check_running(struct check *);
void check_tags_read(struct check *);
void check_filters_read(struct check *);
void check_tags(struct check *);
void check_addresses(struct check *);
void check_server(struct check *);
void check_socket(struct check *);
void check_held(struct check *);
void check_postfix(struct check *);
void check_services(struct check *);
void check_sendmail(struct check *);
void check_milters(struct check *);
void check_domains(struct check *);
void check_cleanup(struct check *);
void check_copies(struct check *);
void check_copies_read(struct check *);
void check_copies_aliases(struct check *);
void check_headers(struct check *);
void check_redirect(struct check *);
void check_telegram(struct check *);
void check_texts(struct check *);
void check_texts_categories(struct check *);

#endif
