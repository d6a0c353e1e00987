/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify-milter - decides who receives tagged mail
 *
 * Options, settings, the socket, privileges, signals; then libmilter runs.
 *
 * The order matters. The socket is made first, so that it can be in Postfix's
 * queue directory and belong to its group; as root only where nobody else can
 * change what its path leads to. Then root is given up for good, and
 * only then does the program go into the background, so that every error is
 * shown at the terminal. Threads start after that, and then the service manager
 * is told that the milter is ready.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

#include "base/failure.h"
#include "lib/daemon.h"
#include "lib/identity.h"
#include "lib/log.h"
#include "milter/config.h"
#include "milter/session.h"
#include "milter/stats.h"
#include "settings/settings.h"
#include "terms/rfc2047.h"

/* How long to wait at the end for connections to close, and for decisions. */
#define LEAVE_SECONDS 5
#define WAIT_SECONDS 10
#define BACKLOG 512

static pthread_t main_thread, server;
static int served; /* what smfi_main() has returned */

static const char usage_text[] =
    "usage: notify-milter [-fnvV] [-c FILE]\n"
    "\n"
    "  -c FILE  the settings (" SETTINGS_FILE ")\n"
    "  -f       stay in the foreground, log to standard error too\n"
    "  -n       check the settings and exit\n"
    "  -v       log the messages without a tag too\n"
    "  -V       print the version and exit\n"
    "\n"
    "SIGUSR1 reloads the settings; SIGTERM ends after the messages in "
    "flight.\n";

static void fatal(int, const char *, ...) PRINTF_LIKE(2, 3)
    __attribute__((noreturn));
static const char *socket_path(const char *);
static bool in_use(const char *);
static gid_t group_of(const char *, const struct passwd *);
static void give_socket(const char *, const struct passwd *);
static int take_socket(const char *, const struct passwd *);
static int listening_socket(void);
static bool on_every_address(int);
static void prepare_tcp(const char *);
static void fail_socket(const char *, const char *) __attribute__((noreturn));
static void make_socket(const struct settings *, const struct passwd *);
static void raise_descriptors(void);
static void reload(const char *);
static void hold_signals(sigset_t *);
static void *serve_thread(void *);
static void start_serving(void);
static void follow_signals(const sigset_t *, const char *);
static void leave(const sigset_t *);

/* Before serving: log why the program cannot run, and exit. */
static void
fatal(int status, const char *fmt, ...)
{
	struct failure failure = FAILURE_INIT;
	va_list ap;

	va_start(ap, fmt);
	failure_vset(&failure, FAILURE_IO, fmt, ap);
	va_end(ap);
	log_error("%s", failure_text(&failure));
	failure_clear(&failure);
	exit(status);
}

/* The path of a UNIX socket, or NULL for TCP. */
static const char *
socket_path(const char *socket_name)
{
	if (strncmp(socket_name, "inet", 4) == 0)
		return (NULL);
	return (strchr(socket_name, ':') + 1);
}

/* Does a program listen at ${path}? libmilter would replace its socket. */
static bool
in_use(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	bool answered;
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path))
		return (false);
	strcpy(sun.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return (false);
	answered = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0;
	close(fd);
	return (answered);
}

/* The group of the socket's directory, if that is ${pw}'s; else the user's. */
static gid_t
group_of(const char *path, const struct passwd *pw)
{
	struct stat st;
	char *dir, *slash;
	gid_t gid = pw->pw_gid;

	dir = strdup(path);
	if (dir == NULL)
		fatal(EX_OSERR, "out of memory");
	slash = strrchr(dir, '/');
	slash[slash == dir] = '\0';
	if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
	    st.st_uid == pw->pw_uid)
		gid = st.st_gid;
	free(dir);
	return (gid);
}

/*
 * Let the MTA connect: the socket gets the group of its directory, and our user
 * as the owner. In a directory that root alone can change: the path leads to
 * what was made there.
 */
static void
give_socket(const char *path, const struct passwd *pw)
{
	struct stat st;
	char *dir, *slash;
	int fd;

	dir = strdup(path);
	if (dir == NULL)
		fatal(EX_OSERR, "out of memory");
	slash = strrchr(dir, '/');
	slash[slash == dir] = '\0';
	fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || stat(dir, &st) != 0 ||
	    fchownat(fd, "", pw->pw_uid, st.st_gid, AT_EMPTY_PATH) != 0)
		fatal(EX_OSERR, "socket %s: %s", path, strerror(errno));
	close(fd);
	free(dir);
}

/*
 * Before the socket is made: if others than root can change its directory, root
 * is given up already here, until identity_drop(): the user could have put
 * anything in the place of the socket or its directory. 1 if it is.
 */
static int
take_socket(const char *path, const struct passwd *pw)
{
	struct failure failure = FAILURE_INIT;
	uid_t uid;
	gid_t gid;

	if (path == NULL || pw == NULL ||
	    identity_whose(path, &uid, &gid) == IDENTITY_ROOT)
		return (0);
	if (identity_become(
		pw->pw_name, pw->pw_uid, group_of(path, pw), &failure) != 0)
		fatal(EX_OSERR, "%s", failure_text(&failure));
	return (1);
}

/* The socket that libmilter listens on, whose descriptor it does not give; -1
 * if it is not found. */
static int
listening_socket(void)
{
	int fd, listening;
	socklen_t len;

	for (fd = STDERR_FILENO + 1; fd < 64; fd++) {
		len = sizeof(listening);
		if (getsockopt(
			fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 &&
		    listening)
			return (fd);
	}
	return (-1);
}

/* Does the socket accept connections to every address of this machine? */
static bool
on_every_address(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		return (false);
	if (ss.ss_family == AF_INET)
		return (((struct sockaddr_in *)&ss)->sin_addr.s_addr ==
		    htonl(INADDR_ANY));
	return (ss.ss_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&((struct sockaddr_in6 *)&ss)->sin6_addr));
}

/*
 * libmilter writes each change of a message in its own packet, and Nagle's
 * algorithm waits between them: 44 ms a message. Connections inherit
 * TCP_NODELAY from the listening socket.
 */
static void
prepare_tcp(const char *name)
{
	int fd, one = 1;

	fd = listening_socket();
	if (fd == -1)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (on_every_address(fd))
		log_warning("socket %s: every network of this machine reaches "
			    "it, and whoever connects can ask who is entitled "
			    "to what, or end this program; name the one "
			    "address that the MTA connects to",
		    name);
}

/* libmilter removes an old socket, but no other file, and its errno does not
 * tell that one is there. */
static void
fail_socket(const char *name, const char *path)
{
	const char *reason = errno != 0 ? strerror(errno) : "cannot be made";
	struct stat st;

	if (path != NULL && lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		fatal(EX_OSERR,
		    "socket %s: a file that is not a socket is there; remove "
		    "it, or correct socket in [milter]",
		    path);
	fatal(EX_OSERR,
	    "socket %s: %s; expected an existing directory that this program "
	    "may write to, or a free port",
	    name, reason);
}

static void
make_socket(const struct settings *s, const struct passwd *pw)
{
	const char *path = socket_path(s->socket);
	bool taken = take_socket(path, pw);
	mode_t mask;

	if (path != NULL && in_use(path))
		fatal(EX_UNAVAILABLE,
		    "socket %s: another program is serving it; stop that one "
		    "first",
		    path);
	if (session_register(path == NULL) != 0 ||
	    smfi_setconn(s->socket) != MI_SUCCESS ||
	    smfi_setbacklog(BACKLOG) != MI_SUCCESS)
		fatal(EX_SOFTWARE, "libmilter does not accept the settings");
	/* The umask alone determines the socket's mode. */
	mask = umask(0117);
	errno = 0;
	if (smfi_opensocket(1) != MI_SUCCESS)
		fail_socket(s->socket, path);
	umask(mask);
	if (path == NULL)
		prepare_tcp(s->socket);
	else if (pw != NULL && !taken)
		give_socket(path, pw);
	identity_drop();
}

/* Each connection needs a descriptor: allow as many as the system does. */
static void
raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void
reload(const char *file)
{
	struct failure failure = FAILURE_INIT;
	struct config *old, *new;
	const char *status = "serving";

	daemon_reloading();
	old = config_get();
	if (config_load(file, &failure) != 0) {
		log_error("reload: %s; the old settings stay",
		    failure_text(&failure));
		status = "serving with the old settings: the reload failed";
	} else {
		new = config_get();
		if (strcmp(old->settings->socket, new->settings->socket) != 0 ||
		    strcmp(old->settings->user, new->settings->user) != 0)
			log_warning("reload: socket and user change only at a "
				    "restart");
		log_info("reload: the settings in %s are in force", file);
		config_put(new);
	}
	config_put(old);
	failure_clear(&failure);
	stats_write();
	daemon_ready(status);
}

/* Block the signals until follow_signals() waits for them: one may come as soon
 * as the program is in the background. Every thread inherits the mask. */
static void
hold_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, set, NULL);
}

/* Run libmilter; when it ends by itself, end the program. */
static void *
serve_thread(void *arg)
{
	(void)arg;
	served = smfi_main();
	(void)pthread_kill(main_thread, SIGTERM);
	return (NULL);
}

/*
 * libmilter has a thread that waits for SIGTERM, SIGINT and SIGHUP, and calls
 * no callback after one of them: messages in flight would not be finished. But
 * a signal to the process goes to the main thread first if that waits for it.
 * So the main thread waits, and smfi_main() runs on another.
 */
static void
start_serving(void)
{
	main_thread = pthread_self();
	if (stats_start() != 0 ||
	    pthread_create(&server, NULL, serve_thread, NULL) != 0)
		fatal(EX_OSERR, "cannot start a thread");
}

/* Handle signals until one tells us to end. */
static void
follow_signals(const sigset_t *set, const char *file)
{
	int sig;

	for (;;) {
		if (sigwait(set, &sig) != 0)
			continue;
		if (sig != SIGUSR1)
			return;
		reload(file);
	}
}

/* Wait until the MTA has closed its connections, for some seconds and not after
 * a second signal. */
static void
leave(const sigset_t *set)
{
	const struct timespec tick = {.tv_nsec = 10000000};
	int i, sig;

	for (i = 0; i < LEAVE_SECONDS * 100 && session_connections() > 0; i++) {
		sig = sigtimedwait(set, NULL, &tick);
		if (sig > 0 && sig != SIGUSR1)
			return;
	}
}

int
main(int argc, char **argv)
{
	struct daemon_options options = {0};
	struct failure failure = FAILURE_INIT;
	const struct passwd *pw = NULL;
	struct config *config;
	sigset_t signals;
	bool quiet;
	int rc;

	rc = daemon_options(
	    &options, "notify-milter", usage_text, EX_USAGE, argc, argv);
	if (rc < argc) {
		fprintf(stderr, "notify-milter: unexpected \"%s\"\n%s",
		    argv[rc], usage_text);
		return (EX_USAGE);
	}
	log_open("notify-milter", true);
	log_verbose(options.verbose);
	if (config_load(options.file, &failure) != 0)
		fatal(EX_CONFIG, "%s", failure_text(&failure));
	config = config_get();
	if (daemon_user(&options, config->settings, &pw, &failure) == -1)
		fatal(EX_CONFIG, "%s", failure_text(&failure));
	if (options.check_only)
		return (daemon_says("notify-milter",
		    "%s: the settings are good", options.file));
	signal(SIGPIPE, SIG_IGN);
	hold_signals(&signals);
	raise_descriptors();
	make_socket(config->settings, pw);
	if (daemon_become(pw, &failure) != 0 ||
	    daemon_background(&options, &failure) != 0)
		fatal(EX_OSERR, "%s", failure_text(&failure));
	rfc2047_start();
	log_open("notify-milter", options.foreground);
	start_serving();
	log_info("ready on %s, database %s%s", config->settings->socket,
	    config->settings->database,
	    config->settings->monitor
		? ", monitor = yes: nothing will be changed"
		: "");
	config_put(config);
	daemon_ready("serving");
	follow_signals(&signals, options.file);
	daemon_ending();
	leave(&signals);
	/* This one reaches libmilter: the main thread no longer waits. */
	(void)kill(getpid(), SIGTERM);
	(void)pthread_join(server, NULL);
	quiet = session_end(WAIT_SECONDS);
	stats_end(quiet);
	log_info("ended%s", quiet ? "" : " while messages were in flight");
	/* Else a thread may still use it: leave that to the kernel. */
	if (quiet)
		config_close();
	return (served == MI_SUCCESS ? EX_OK : EX_SOFTWARE);
}
