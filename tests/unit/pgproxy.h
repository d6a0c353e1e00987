/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pgproxy - a proxy that fails, between a store and a PostgreSQL server
 *
 * It forwards a number of bytes and no more, and counts how often the client
 * waits for an answer. It does not know the protocol, and serves one connection
 * at a time.
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
	char path[108];	     /* of the server */
	atomic_long allowed; /* bytes from the server */
	atomic_long asked;   /* bytes from the client */
	atomic_bool cut;     /* after those: cut the connection, or be silent */
	atomic_bool deaf;    /* does not read from the client */
	atomic_bool counting;
	atomic_int waits; /* how often the client waited for an answer */
};

/* pgproxy_open(p, of, url, size): write a ${url} that reaches the roster at
 * ${of} through the proxy. */
void pgproxy_open(struct pgproxy *, const char *of, char *url, size_t size);
void pgproxy_close(struct pgproxy *);

#endif
