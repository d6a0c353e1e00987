/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * logsink - receives syslog lines and discards them
 *
 * This costs a milter about as much as a syslog daemon; without one, syslog(3)
 * tries in vain to connect, at another cost. Prints the number of lines when it
 * is stopped.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

static void
stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static int
fail(const char *what)
{
	fprintf(stderr, "logsink: %s: %s\n", what, strerror(errno));
	return (EX_OSERR);
}

int
main(int argc, char **argv)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct sigaction action = {.sa_handler = stop};
	unsigned long lines = 0;
	char line[8192];
	int fd;

	if (argc != 2 || strlen(argv[1]) >= sizeof(sun.sun_path)) {
		fputs("usage: logsink PATH\n", stderr);
		return (EX_USAGE);
	}
	sigaction(SIGTERM, &action, NULL);
	strcpy(sun.sun_path, argv[1]);
	umask(0);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0)
		return (fail(argv[1]));
	while (!stopped) {
		if (recv(fd, line, sizeof(line), 0) >= 0)
			lines++;
		else if (errno != EINTR)
			return (fail("recv"));
	}
	printf("%lu\n", lines);
	return (EX_OK);
}
