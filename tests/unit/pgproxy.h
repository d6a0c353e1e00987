/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pgproxy - stands between a store and a PostgreSQL server
 *
 * It lets a number of octets through and no more, and counts how often an
 * answer is waited for. It speaks no PostgreSQL, and serves one at a time.
 */
#ifndef PGPROXY_H
#define PGPROXY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define PGPROXY_ALL (1L << 40)

struct pgproxy {
	pthread_t thread;
	int listening, ending[2];
	int port;
	char path[108];	     /* of the server */
	atomic_long allowed; /* octets of the server's */
	atomic_long asked;   /* and of the client's */
	atomic_bool cut;     /* then: cut the connection, or be silent */
	atomic_bool deaf;    /* does not read what the client says */
	atomic_bool counting;
	atomic_int waits; /* for an answer: the client sends nothing before */
};

/* pgproxy_open(p, of, url, size): ${url} leads to the roster at ${of}. */
void pgproxy_open(struct pgproxy *, const char *of, char *url, size_t size);
void pgproxy_close(struct pgproxy *);

#endif
