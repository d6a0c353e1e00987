/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pgproxy - a proxy that fails, between a store and a PostgreSQL server
 */
#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit/pgproxy.h"

static bool pass_on(struct pgproxy *, int, int, atomic_long *);
static bool hold(struct pgproxy *, struct pollfd *);
static void serve(struct pgproxy *, int);
static void *thread(void *);

/* Forward what can be read; false at the end. */
static bool
pass_on(struct pgproxy *p, int from, int to, atomic_long *allowed)
{
	char buffer[4096];
	ssize_t n;
	long may;

	n = read(from, buffer, sizeof(buffer));
	if (n <= 0)
		return (false);
	may = atomic_load(allowed);
	if (n < may)
		may = n;
	atomic_fetch_sub(allowed, may);
	if (may > 0 && write(to, buffer, (size_t)may) != may)
		return (false);
	return (may == n || !atomic_load(&p->cut));
}

/* Keep an answer back while the client sends more? */
static bool
hold(struct pgproxy *p, struct pollfd *client)
{
	return (atomic_load(&p->counting) && poll(client, 1, 30) > 0);
}

static void
serve(struct pgproxy *p, int client)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct pollfd fds[3] = {
	    {.events = POLLIN}, {.events = POLLIN}, {.events = POLLIN}};
	bool going = true, waits = false;
	int server;

	strcpy(sun.sun_path, p->path);
	server = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(server, (struct sockaddr *)&sun, sizeof(sun)) != 0)
		going = false;
	fds[0].fd = client;
	fds[1].fd = server;
	fds[2].fd = p->ending[0];
	while (going && poll(fds, 3, -1) > 0 && fds[2].revents == 0) {
		if (fds[0].revents != 0 && atomic_load(&p->deaf)) {
			poll(&fds[2], 1, -1);
		} else if (fds[0].revents != 0) {
			going = pass_on(p, client, server, &p->asked);
			waits = true;
		} else if (!hold(p, &fds[0])) {
			atomic_fetch_add(&p->waits, waits);
			waits = false;
			going = pass_on(p, server, client, &p->allowed);
		}
	}
	close(server);
	close(client);
}

static void *
thread(void *arg)
{
	struct pgproxy *p = arg;
	struct pollfd fds[2] = {{.fd = p->listening, .events = POLLIN},
	    {.fd = p->ending[0], .events = POLLIN}};

	while (poll(fds, 2, -1) > 0 && fds[1].revents == 0)
		serve(p, accept(p->listening, NULL, NULL));
	return (NULL);
}

void
pgproxy_open(struct pgproxy *p, const char *of, char *url, size_t size)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	const int buffer = 4096;
	const char *host = strstr(of, "host="), *path = host + 5;
	const char *at = strchr(of, '@');

	snprintf(p->path, sizeof(p->path), "%.*s/.s.PGSQL.5432",
	    (int)strcspn(path, "&"), path);
	p->listening = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(
	    p->listening, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	ck_assert_int_eq(
	    bind(p->listening, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(listen(p->listening, 8), 0);
	ck_assert_int_eq(
	    getsockname(p->listening, (struct sockaddr *)&sin, &len), 0);
	ck_assert_int_eq(pipe(p->ending), 0);
	p->allowed = p->asked = PGPROXY_ALL;
	p->cut = true;
	ck_assert_int_eq(pthread_create(&p->thread, NULL, thread, p), 0);
	snprintf(url, size, "%.*s@127.0.0.1:%d%.*s%s", (int)(at - of), of,
	    ntohs(sin.sin_port), (int)(host - at - 1), at + 1,
	    path + strcspn(path, "&") + 1);
}

void
pgproxy_close(struct pgproxy *p)
{
	close(p->ending[1]);
	pthread_join(p->thread, NULL);
	close(p->ending[0]);
	close(p->listening);
}
