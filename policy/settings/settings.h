/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settings - notify-milter.conf, read and checked
 *
 * One table has every setting with its type, default, limits and help: the
 * reader uses it, and a test compares the manual and the sample file with it.
 * policy/README.md, Programs and settings.
 *
 * Threads: a struct settings does not change after settings_read(); any thread.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "terms/addrlist.h"
#include "terms/hours.h"
#include "terms/netlist.h"

struct failure;

#ifndef SETTINGS_FILE
#define SETTINGS_FILE "/etc/notify-milter/notify-milter.conf"
#endif

/* Beside the settings. */
#ifndef TEXTS_FOLDER
#define TEXTS_FOLDER "/etc/notify-milter/texts"
#endif

enum expand { EXPAND_OWNER, EXPAND_ALWAYS, EXPAND_ADDRESSED, EXPAND_NEVER };
enum unknown { UNKNOWN_DROP, UNKNOWN_KEEP };
/* Who is told by mail of changes to the roster: nobody, who loses something,
 * also who gets something. */
enum tell { TELL_NOTHING, TELL_LOSSES, TELL_ALL };
enum bad_tag { BAD_TAG_HOLD, BAD_TAG_REJECT, BAD_TAG_TEMPFAIL };

/* Strings are never NULL. Domains are as from address_domain_key(). */
struct settings {
	char *file;	    /* that was read */
	unsigned user_line; /* that sets user; 0 for none */
	/* [database] */
	char *url;
	char *database; /* url for messages: without a password */
	char *read_url;
	long max_lag; /* seconds */
	/* [milter] */
	char *socket;
	char *user;
	struct netlist trusted_clients;
	bool trust_authenticated;
	char *account_domain;
	enum expand expand;
	enum unknown unknown_recipients;
	struct addrlist always_keep;
	enum bad_tag bad_tag;
	long max_removed; /* recipients of one message; 0 for no limit */
	bool monitor;
	char *stats_file;
	/* [telegram] */
	char *telegram_domain;
	char *bot;
	char *token_file;
	char *api;
	long max_age; /* seconds */
	struct hours quiet_hours;
	char *proxy; /* "" for none; may have a password: never shown */
	bool allow_groups;
	bool link_by_mail;
	char *telegram_stats_file;
	/* [mail] */
	char *sendmail;
	char *from;
	enum tell tell;
	/* [texts] */
	char *texts_folder;
	char *texts_language;
};

enum setting_type {
	SETTING_TEXT,
	SETTING_PATH,	  /* begins with "/" */
	SETTING_DATABASE, /* as db.h takes it */
	SETTING_DOMAIN,
	SETTING_ADDRESS,
	SETTING_SOCKET, /* as libmilter takes it */
	SETTING_BOT,	/* a user name at Telegram */
	SETTING_HTTP,	/* a URL */
	SETTING_PROXY,	/* as libcurl takes it */
	SETTING_LANGUAGE,
	SETTING_NETWORKS,
	SETTING_ADDRESSES, /* and "@domain"s */
	SETTING_BOOLEAN,
	SETTING_CHOICE,
	SETTING_SECONDS,
	SETTING_COUNT,
	SETTING_HOURS, /* of the day */
};

/* A row of the table. */
struct setting {
	const char *section;
	const char *name;
	enum setting_type type;
	size_t offset;		    /* in struct settings */
	const char *value;	    /* the default, as in the file */
	const char *const *choices; /* SETTING_CHOICE: ends with NULL */
	const char *help;	    /* one line */
	bool optional;		    /* may be empty */
};

/* The table; ends with a NULL section. */
extern const struct setting settings_table[];

/*
 * settings_read(file, failure):
 * The settings in ${file}, with defaults for those it does not set, for the
 * caller to settings_free(). NULL and ${failure}: FAILURE_SETTINGS with
 * "file:line: what is wrong; expected ..." for the first fault, or another
 * kind.
 */
struct settings *settings_read(const char *file, struct failure *) WARN_UNUSED;

/* settings_free(s): NULL is fine. */
void settings_free(struct settings *);

#endif
