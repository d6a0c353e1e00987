/*
 * check - what the parts of notifyctl check share
 *
 * Each part adds findings; it changes nothing.
 */
#ifndef CHECK_H
#define CHECK_H

#include "compiler.h"

struct ctl;

enum check_grade { CHECK_OK, CHECK_WARNING, CHECK_ERROR };

/* check_finding(ctl, grade, part, what, mend): ${mend}: what to do, "" for what
 * is right. */
void check_finding(struct ctl *, enum check_grade, const char *part,
    const char *what, const char *mend);

/* check_text(ctl, fmt, ...): one line, as long as the command. */
const char *check_text(struct ctl *, const char *, ...) PRINTF_LIKE(2, 3);

/* check_capture(ctl, argv): what a program prints, or NULL if it fails. */
const char *check_capture(struct ctl *, const char *const *argv);

/* check_postconf(ctl, name): a setting of Postfix, or NULL. */
const char *check_postconf(struct ctl *, const char *);

void check_database(struct ctl *);
void check_socket(struct ctl *);
void check_mailer(struct ctl *);
void check_postfix(struct ctl *);

#endif
