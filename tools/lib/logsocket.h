/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * logsocket - lines for the syslog daemon, sent without waiting for it for long
 *
 * syslog(3) waits for ever while nobody reads /dev/log, and mail with it. Here
 * a line waits for a second at most, and all lines together for a tenth of the
 * time; what cannot be sent by then is lost and counted, and the first line
 * that is sent again says how many were.
 *
 * libmilter's calls of syslog(3) in the same program come here too.
 *
 * Threads: any, after logsocket_open().
 */
#ifndef LOGSOCKET_H
#define LOGSOCKET_H

/* logsocket_open(name): the lines are those of ${name}, which must stay valid,
 * and of facility mail. */
void logsocket_open(const char *name);

/* logsocket_send(priority, text): one line; a priority of syslog(3). */
void logsocket_send(int priority, const char *text);

#endif
