/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loadgen - plays the MTA for a milter, on many connections at a time
 *
 * It offers what Postfix 3.7 offers, skips the steps and waits for the answers
 * that the milter has negotiated, and counts the answers. The latency of a
 * message is the time from its first step to its final answer. One thread
 * serves all connections, to leave the processor to the milter.
 *
 * Or it is a client of the MTA, with a thread for each session, to measure the
 * cost of a milter there.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <libmilter/mfdef.h>

#include "bench/dial.h"
#include "bench/histogram.h"
#include "bench/options.h"
#include "bench/script.h"
#include "bench/smtp.h"

#define PACKET_MAX ((size_t)1 << 20) /* that a milter may send */
#define SESSIONS_MAX 1000

/* Bytes received. */
struct buffer {
	char *data;
	size_t len, cap;
};

struct connection {
	int fd;
	unsigned long sent; /* messages over this connection */
	struct script out;
	struct buffer in;
	bool negotiating;
	bool aborting;
	bool idle;
	int64_t began;	 /* the message */
	uint32_t events; /* that epoll waits for */
	/* The message, to be recorded. */
	unsigned long number, variant;
	struct buffer changes;
};

enum answer { CONTINUE, ACCEPT, DISCARD, REJECT, TEMPFAIL, NANSWERS };
static const char *const answer_names[NANSWERS] = {
    [CONTINUE] = "continue",
    [ACCEPT] = "accept",
    [DISCARD] = "discard",
    [REJECT] = "reject",
    [TEMPFAIL] = "tempfail",
};

static struct options options;
static struct histogram latency;
static struct connection *connections;
static size_t ndialled, nopen, nidle;
static unsigned long started, finished, aborted, opened, lost;
static unsigned long answers[NANSWERS];
static unsigned long added, deleted, headers_changed, quarantined;
static int64_t deadline;
static int epoll_fd;
static volatile sig_atomic_t interrupted;
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER; /* SMTP */

static bool flush(struct connection *);

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec);
}

/* Connections */

static void
connection_open(struct connection *c)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};

	c->fd = dial(options.socket);
	if (c->fd == -1 && errno == EINVAL)
		errx(EX_USAGE, "%s: expected unix:PATH or inet:PORT@HOST",
		    options.socket);
	if (c->fd == -1)
		err(EX_UNAVAILABLE, "%s", options.socket);
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0)
		err(EX_OSERR, NULL);
	c->events = EPOLLIN;
	script_reset(&c->out);
	c->in.len = 0;
	c->sent = 0;
	c->idle = false;
	opened++;
	nopen++;
	c->negotiating = true;
	script_negotiate(&c->out);
}

static void
connection_close(struct connection *c, bool polite)
{
	static const char quit[] = "\0\0\0\1Q";

	if (polite)
		(void)!write(c->fd, quit, 5);
	close(c->fd);
	c->fd = -1;
	nopen--;
	nidle -= c->idle;
	c->idle = false;
}

/* Is there another message to send? */
static bool
go_on(void)
{
	return (!interrupted &&
	    (options.messages == 0 || started < options.messages) &&
	    (deadline == 0 || now() < deadline));
}

/* What "%" stands for in message ${number}: in turn, or at random (splitmix64,
 * reproducible by its seed). */
static unsigned long
choose(unsigned long number)
{
	uint64_t z;

	if (!options.by_chance)
		return (number % options.variants);
	z = options.seed + (number + 1) * 0x9e3779b97f4a7c15;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return ((z ^ (z >> 31)) % options.variants);
}

static void
next_message(struct connection *c)
{
	char id[32];
	unsigned long variant;

	script_reset(&c->out);
	if (c->sent == 0)
		script_connect(&c->out);
	c->number = started;
	c->variant = variant = choose(started);
	c->changes.len = 0;
	c->aborting =
	    options.abort > 0 && started % options.abort == options.abort - 1;
	started++;
	c->sent++;
	script_envelope(&c->out, options.sender, &options.recipients, variant);
	script_content(&c->out, &options.headers, variant);
	if (c->aborting) {
		script_abort(&c->out);
		return;
	}
	snprintf(id, sizeof(id), "L%lX", started);
	script_end(&c->out, id);
	c->began = now();
}

/* Open one more connection, if there are more to open. */
static void
start_another(void)
{
	struct connection *c;

	if (ndialled == options.connections)
		return;
	c = &connections[ndialled++];
	connection_open(c);
	if (!flush(c))
		errx(EX_UNAVAILABLE, "the milter hangs up");
}

/* Start the next message on connection ${c}, or close it. */
static void
advance(struct connection *c)
{
	if (options.stay && c->sent >= options.keep) {
		c->idle = true;
		nidle++;
		start_another();
	} else if (!go_on()) {
		connection_close(c, true);
	} else if (options.keep > 0 && c->sent >= options.keep) {
		connection_close(c, true);
		connection_open(c);
	} else {
		next_message(c);
	}
}

/* Send up to the next answer to wait for. False: connection lost. */
static bool
flush(struct connection *c)
{
	struct epoll_event event = {.data.ptr = c};
	size_t until;
	ssize_t n;

	for (;;) {
		until = script_until(&c->out);
		while (c->out.at < until) {
			n = send(c->fd, c->out.data + c->out.at,
			    until - c->out.at, MSG_NOSIGNAL);
			if (n == -1 && errno == EAGAIN)
				break;
			if (n == -1)
				return (false);
			c->out.at += (size_t)n;
		}
		if (c->out.at < until || !c->aborting ||
		    c->out.stop < c->out.nstops)
			break;
		/* An abort is not answered. */
		aborted++;
		advance(c);
		if (c->fd == -1)
			return (true);
	}
	event.events = EPOLLIN | (c->out.at < until ? EPOLLOUT : 0);
	if (event.events != c->events &&
	    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event) != 0)
		err(EX_OSERR, NULL);
	c->events = event.events;
	return (true);
}

/* The end of a message. */
static void
finish(struct connection *c, enum answer answer)
{
	histogram_add(&latency, (uint64_t)(now() - c->began));
	answers[answer]++;
	finished++;
	if (options.record != NULL)
		fprintf(options.record, "%lu %lu %s%.*s\n", c->number,
		    c->variant, answer_names[answer], (int)c->changes.len,
		    c->changes.data == NULL ? "" : c->changes.data);
	advance(c);
}

/* Make room for ${more}. */
static void
buffer_grow(struct buffer *b, size_t more)
{
	if (b->cap - b->len >= more)
		return;
	b->cap = (b->len + more) * 2;
	b->data = realloc(b->data, b->cap);
	if (b->data == NULL)
		errx(EX_OSERR, "out of memory");
}

/* Record a recipient that is added or deleted. */
static void
note_change(struct connection *c, char sign, const char *address, size_t len)
{
	struct buffer *b = &c->changes;

	if (options.record == NULL)
		return;
	len = strnlen(address, len);
	buffer_grow(b, len + 2);
	b->data[b->len++] = ' ';
	b->data[b->len++] = sign;
	memcpy(b->data + b->len, address, len);
	b->len += len;
}

/* An answer leads to the next step; one that refuses ends the message early. */
static void
answered(struct connection *c, enum answer answer)
{
	bool last = c->out.stop + 1 == c->out.nstops;

	c->out.stop++;
	if (answer != CONTINUE || (last && !c->aborting))
		finish(c, answer);
}

static void
negotiated(struct connection *c, const char *data, size_t len)
{
	uint32_t words[3];

	if (len < 1 + sizeof(words) || data[0] != SMFIC_OPTNEG)
		errx(EX_PROTOCOL, "the milter does not negotiate");
	memcpy(words, data + 1, sizeof(words));
	c->out.steps = ntohl(words[2]);
	c->negotiating = false;
	advance(c);
}

static void
packet(struct connection *c, const char *data, size_t len)
{
	if (c->negotiating) {
		negotiated(c, data, len);
		return;
	}
	switch (data[0]) {
	case SMFIR_ADDRCPT:
	case SMFIR_ADDRCPT_PAR:
		added++;
		note_change(c, '+', data + 1, len - 1);
		break;
	case SMFIR_DELRCPT:
		deleted++;
		note_change(c, '-', data + 1, len - 1);
		break;
	case SMFIR_QUARANTINE:
		quarantined++;
		break;
	case SMFIR_ADDHEADER:
	case SMFIR_CHGHEADER:
	case SMFIR_INSHEADER:
		headers_changed++;
		break;
	case SMFIR_PROGRESS:
	case SMFIR_REPLBODY:
	case SMFIR_CHGFROM:
		break;
	case SMFIR_CONTINUE:
		answered(c, CONTINUE);
		break;
	case SMFIR_ACCEPT:
		answered(c, ACCEPT);
		break;
	case SMFIR_DISCARD:
		answered(c, DISCARD);
		break;
	case SMFIR_REJECT:
		answered(c, REJECT);
		break;
	case SMFIR_TEMPFAIL:
		answered(c, TEMPFAIL);
		break;
	case SMFIR_REPLYCODE:
		answered(c, len > 1 && data[1] == '4' ? TEMPFAIL : REJECT);
		break;
	default:
		errx(EX_PROTOCOL, "the milter answers 0x%02x",
		    (unsigned char)data[0]);
	}
}

/* Read, and act on complete packets. False: connection lost. */
static bool
receive(struct connection *c)
{
	struct buffer *in = &c->in;
	size_t at;
	uint32_t len;
	ssize_t n;

	buffer_grow(in, 65536);
	n = read(c->fd, in->data + in->len, 65536);
	if (n == -1 && errno == EAGAIN)
		return (true);
	if (n <= 0)
		return (false);
	in->len += (size_t)n;
	for (at = 0; in->len - at >= 4; at += 4 + len) {
		memcpy(&len, in->data + at, 4);
		len = ntohl(len);
		if (len == 0 || len > PACKET_MAX)
			errx(EX_PROTOCOL, "a packet of %u bytes", len);
		if (in->len - at - 4 < len)
			break;
		packet(c, in->data + at + 4, len);
		if (c->fd == -1 || c->negotiating) /* closed, or another one */
			return (true);
	}
	memmove(in->data, in->data + at, in->len - at);
	in->len -= at;
	return (true);
}

static void
serve(struct connection *c, uint32_t events)
{
	bool good = true;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		good = receive(c);
	if (good && c->fd != -1)
		good = flush(c);
	if (good)
		return;
	lost++;
	connection_close(c, false);
	if (go_on()) {
		connection_open(c);
		if (!flush(c))
			errx(EX_UNAVAILABLE, "the milter hangs up");
	}
}

static void
run(void)
{
	struct epoll_event events[256];
	struct connection *c;
	int i, n;

	while (ndialled < (options.stay ? 1 : options.connections))
		start_another();
	while (nopen > nidle) {
		n = epoll_wait(epoll_fd, events, 256, 1000);
		if (n == -1 && errno != EINTR)
			err(EX_OSERR, NULL);
		for (i = 0; i < n; i++) {
			c = events[i].data.ptr;
			if (c->fd != -1)
				serve(c, events[i].events);
		}
	}
}

/* Begin a message of an SMTP session; false if there is none to send. */
static bool
smtp_begin(unsigned long *variant)
{
	bool more;

	pthread_mutex_lock(&counting);
	more = go_on();
	if (more)
		*variant = choose(started++);
	pthread_mutex_unlock(&counting);
	return (more);
}

/* One session with an MTA. */
static void *
smtp_session(void *unused)
{
	struct smtp *smtp;
	unsigned long variant;
	int64_t began;

	(void)unused;
	smtp = smtp_open(options.socket + 5);
	while (smtp_begin(&variant)) {
		began = now();
		smtp_send(smtp, options.sender, &options.recipients,
		    &options.headers, variant);
		pthread_mutex_lock(&counting);
		histogram_add(&latency, (uint64_t)(now() - began));
		answers[ACCEPT]++;
		finished++;
		pthread_mutex_unlock(&counting);
	}
	smtp_close(smtp);
	return (NULL);
}

static void
run_smtp(void)
{
	pthread_t threads[SESSIONS_MAX];
	size_t i, n = options.connections;

	if (n > SESSIONS_MAX)
		errx(EX_USAGE, "more than %d sessions", SESSIONS_MAX);
	for (i = 0; i < n; i++) {
		if (pthread_create(&threads[i], NULL, smtp_session, NULL) != 0)
			errx(EX_OSERR, "no thread for a session");
	}
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	opened = n;
}

static void
print_result(double seconds)
{
	static const double shares[] = {0.5, 0.9, 0.99, 0.999};
	static const char *const names[] = {"p50", "p90", "p99", "p999"};
	size_t i;

	printf("{\"messages\": %lu, \"seconds\": %.3f, \"per_second\": %.1f, "
	       "\"aborted\": %lu, \"answers\": {",
	    finished, seconds, (double)finished / seconds, aborted);
	for (i = 0; i < NANSWERS; i++)
		printf("%s\"%s\": %lu", i == 0 ? "" : ", ", answer_names[i],
		    answers[i]);
	printf("}, \"changes\": {\"added\": %lu, \"deleted\": %lu, "
	       "\"headers\": %lu, \"quarantined\": %lu}, "
	       "\"connections\": {\"opened\": %lu, \"lost\": %lu}, "
	       "\"latency_ms\": {",
	    added, deleted, headers_changed, quarantined, opened, lost);
	for (i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		printf("\"%s\": %.3f, ", names[i],
		    (double)histogram_quantile(&latency, shares[i]) / 1e6);
	printf("\"max\": %.3f}}\n", (double)latency.max / 1e6);
}

static void
interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

int
main(int argc, char **argv)
{
	struct rlimit limit;
	int64_t began;

	options_read(&options, argc, argv);
	signal(SIGTERM, interrupt);
	signal(SIGINT, interrupt);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	connections = calloc(options.connections, sizeof(*connections));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (connections == NULL || epoll_fd == -1)
		err(EX_OSERR, NULL);
	began = now();
	if (options.seconds > 0)
		deadline = began + (int64_t)(options.seconds * 1e9);
	if (strncmp(options.socket, "smtp:", 5) == 0)
		run_smtp();
	else
		run();
	print_result((double)(now() - began) / 1e9);
	if (options.record != NULL && fclose(options.record) != 0)
		err(EX_IOERR, "what was to be recorded");
	fflush(stdout);
	while (nopen > 0 && !interrupted)
		sleep(1);
	return (lost > 0 ? 1 : 0);
}
