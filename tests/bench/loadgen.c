/*
 * loadgen - plays the MTA for a milter, on many connections at a time
 *
 * It offers what Postfix 3.7 offers, leaves out the steps and waits for the
 * answers that the milter has negotiated, and counts what is answered. The
 * latency of a message is the time from the last octet that it sends to the
 * answer that ends it. One thread serves all connections, so that the machine's
 * time is the milter's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <libmilter/mfdef.h>

#include "histogram.h"
#include "script.h"

#define PACKET_MAX ((size_t)1 << 20) /* that a milter may send */
#define CONNECTIONS_MAX 10000

/* Octets that have come. */
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
	int64_t waiting_since;
	uint32_t events; /* that epoll looks for */
};

struct options {
	const char *socket;
	const char *sender;
	struct texts recipients, headers;
	unsigned long messages, keep, abort, variants;
	size_t connections;
	double seconds;
};

enum answer { CONTINUE, ACCEPT, DISCARD, REJECT, TEMPFAIL, NANSWERS };
static const char *const answer_names[NANSWERS] = {
    [CONTINUE] = "continue",
    [ACCEPT] = "accept",
    [DISCARD] = "discard",
    [REJECT] = "reject",
    [TEMPFAIL] = "tempfail",
};

static struct options options = {
    .sender = "<sender@example.org>", .connections = 8, .variants = 1};
static struct histogram latency;
static unsigned long started, finished, aborted, opened, lost;
static unsigned long answers[NANSWERS];
static unsigned long added, deleted, headers_changed, quarantined;
static int64_t deadline;
static int epoll_fd;
static volatile sig_atomic_t interrupted;

static const char usage_text[] =
    "usage: loadgen -s SOCKET [-n MESSAGES] [-t SECONDS] [options]\n"
    "\n"
    "  -s SOCKET    unix:PATH or inet:PORT@HOST, where the milter listens\n"
    "  -n MESSAGES  end after as many (without -t: 1000)\n"
    "  -t SECONDS   end after that time\n"
    "  -c N         connections at a time (8)\n"
    "  -k N         a new connection after every N messages (0: never)\n"
    "  -a N         every Nth message is given up before its end (0: none)\n"
    "  -f ADDRESS   the sender\n"
    "  -r ADDRESS   a recipient; may be given many times\n"
    "  -H HEADER    a header, as \"Name: value\"; may be given many times\n"
    "  -v N         \"%\" in recipients and headers stands for 0 to N-1,\n"
    "               another one in each message\n"
    "\n"
    "Prints one line of JSON: messages, seconds, per_second, answers, changes,\n"
    "connections opened and lost, latency_ms. The exit status is 1 if a\n"
    "connection was lost.\n";

static int64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec);
}

static void __attribute__((noreturn, format(printf, 2, 3)))
fatal(int status, const char *fmt, ...)
{
	va_list ap;

	fputs("loadgen: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(status);
}

/* Connections */

static int
unix_connect(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path))
		fatal(EX_USAGE, "%s: too long", path);
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0)
		fatal(EX_UNAVAILABLE, "%s: %s", path, strerror(errno));
	return (fd);
}

static int
tcp_connect(const char *text)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	char port[16];
	const char *at = strchr(text, '@');
	int fd, one = 1;

	if (at == NULL || (size_t)(at - text) >= sizeof(port))
		fatal(EX_USAGE, "%s: expected PORT@HOST", text);
	snprintf(port, sizeof(port), "%.*s", (int)(at - text), text);
	if (getaddrinfo(at + 1, port, &hints, &found) != 0)
		fatal(EX_UNAVAILABLE, "%s: no such host or port", text);
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || connect(fd, found->ai_addr, found->ai_addrlen) != 0)
		fatal(EX_UNAVAILABLE, "%s: %s", text, strerror(errno));
	freeaddrinfo(found);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return (fd);
}

static void
connection_open(struct connection *c)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
	const char *colon = strchr(options.socket, ':');

	if (colon == NULL)
		fatal(EX_USAGE, "%s: expected unix:PATH or inet:PORT@HOST",
		    options.socket);
	c->fd = strncmp(options.socket, "inet", 4) == 0
	    ? tcp_connect(colon + 1)
	    : unix_connect(colon + 1);
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0 ||
	    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0)
		fatal(EX_OSERR, "%s", strerror(errno));
	c->events = EPOLLIN;
	script_reset(&c->out);
	c->in.len = 0;
	c->sent = 0;
	opened++;
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
}

/* Is there another message to be sent? */
static bool
go_on(void)
{
	return (!interrupted &&
	    (options.messages == 0 || started < options.messages) &&
	    (deadline == 0 || now() < deadline));
}

static void
next_message(struct connection *c)
{
	char id[32];
	unsigned long variant;

	script_reset(&c->out);
	if (c->sent == 0)
		script_connect(&c->out);
	variant = started % options.variants;
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
}

/* Give connection ${c} something to do, or end it. */
static void
advance(struct connection *c)
{
	if (!go_on()) {
		connection_close(c, true);
	} else if (options.keep > 0 && c->sent >= options.keep) {
		connection_close(c, true);
		connection_open(c);
	} else {
		next_message(c);
	}
}

/* Send up to the next answer that is to be waited for. False: lost. */
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
			c->waiting_since = now();
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
		fatal(EX_OSERR, "%s", strerror(errno));
	c->events = event.events;
	return (true);
}

/* The end of a message. */
static void
finish(struct connection *c, enum answer answer)
{
	histogram_add(&latency, (uint64_t)(now() - c->waiting_since));
	answers[answer]++;
	finished++;
	advance(c);
}

/* An answer that is no end of a message goes on to the next step; one that
 * refuses ends it early. */
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
		fatal(EX_PROTOCOL, "the milter does not negotiate");
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
		break;
	case SMFIR_DELRCPT:
		deleted++;
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
		fatal(EX_PROTOCOL, "the milter answers 0x%02x",
		    (unsigned char)data[0]);
	}
}

/* Read what has come, and act on the packets that are complete. False: lost. */
static bool
receive(struct connection *c)
{
	struct buffer *in = &c->in;
	size_t at;
	uint32_t len;
	ssize_t n;

	if (in->cap - in->len < 65536) {
		in->cap = (in->len + 65536) * 2;
		in->data = realloc(in->data, in->cap);
		if (in->data == NULL)
			fatal(EX_OSERR, "no memory");
	}
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
			fatal(EX_PROTOCOL, "a packet of %u octets", len);
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
			fatal(EX_UNAVAILABLE, "the milter hangs up");
	}
}

static void
run(struct connection *connections)
{
	struct epoll_event events[256];
	struct connection *c;
	size_t i, open;
	int n;

	for (i = 0; i < options.connections; i++) {
		connection_open(&connections[i]);
		if (!flush(&connections[i]))
			fatal(EX_UNAVAILABLE, "the milter hangs up");
	}
	do {
		n = epoll_wait(epoll_fd, events, 256, 1000);
		if (n == -1 && errno != EINTR)
			fatal(EX_OSERR, "%s", strerror(errno));
		for (i = 0; n > 0 && i < (size_t)n; i++) {
			c = events[i].data.ptr;
			if (c->fd != -1)
				serve(c, events[i].events);
		}
		open = 0;
		for (i = 0; i < options.connections; i++)
			open += connections[i].fd != -1;
	} while (open > 0);
}

/* Options and result */

static unsigned long
number(const char *text, unsigned long max)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 ||
	    value > max)
		fatal(EX_USAGE, "%s: expected a number up to %lu", text, max);
	return (value);
}

static void
add(struct texts *texts, const char *text)
{
	if (texts->n == TEXTS_MAX)
		fatal(EX_USAGE, "more than %d of one kind", TEXTS_MAX);
	texts->list[texts->n++] = text;
}

static void
read_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "s:n:t:c:k:a:f:r:H:v:")) != -1) {
		switch (option) {
		case 's':
			options.socket = optarg;
			break;
		case 'n':
			options.messages = number(optarg, 1000000000);
			break;
		case 't':
			options.seconds = (double)number(optarg, 1000000);
			break;
		case 'c':
			options.connections = number(optarg, CONNECTIONS_MAX);
			break;
		case 'k':
			options.keep = number(optarg, 1000000000);
			break;
		case 'a':
			options.abort = number(optarg, 1000000000);
			break;
		case 'f':
			options.sender = optarg;
			break;
		case 'r':
			add(&options.recipients, optarg);
			break;
		case 'H':
			if (strchr(optarg, ':') == NULL)
				fatal(EX_USAGE, "%s: expected \"Name: value\"",
				    optarg);
			add(&options.headers, optarg);
			break;
		case 'v':
			options.variants = number(optarg, 1000000000);
			break;
		default:
			fputs(usage_text, stderr);
			exit(EX_USAGE);
		}
	}
	if (options.socket == NULL || optind != argc ||
	    options.connections == 0 || options.variants == 0) {
		fputs(usage_text, stderr);
		exit(EX_USAGE);
	}
	if (options.messages == 0 && options.seconds <= 0)
		options.messages = 1000;
	if (options.recipients.n == 0)
		add(&options.recipients, "user@example.net");
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
	struct connection *connections;
	struct rlimit limit;
	int64_t began;

	read_options(argc, argv);
	signal(SIGTERM, interrupt);
	signal(SIGINT, interrupt);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	connections = calloc(options.connections, sizeof(*connections));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (connections == NULL || epoll_fd == -1)
		fatal(EX_OSERR, "%s", strerror(errno));
	began = now();
	if (options.seconds > 0)
		deadline = began + (int64_t)(options.seconds * 1e9);
	run(connections);
	print_result((double)(now() - began) / 1e9);
	return (lost > 0 ? 1 : 0);
}
