/*
 * check - notifyctl check
 *
 * Looks at what the milter depends on, from the settings outwards, and says of
 * each thing that is not right what it is, why it matters, and what to do.
 * Looking changes nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "arena.h"
#include "check.h"
#include "ctl.h"
#include "output.h"
#include "settings.h"
#include "store.h"

extern char **environ;

static bool check_settings(struct ctl *ctl);

/* ${mend}: what to do, "" for what is right. */
void
check_finding(struct ctl *ctl, enum check_grade grade, const char *part,
    const char *what, const char *mend)
{
	static const char *const names[] = {"ok", "warning", "error"};

	output_row(ctl->out);
	output_cell(ctl->out, names[grade]);
	output_cell(ctl->out, part);
	output_cell(ctl->out, what);
	output_cell(ctl->out, mend);
	if (grade == CHECK_ERROR)
		ctl->status = EX_CONFIG;
}

const char *
check_text(struct ctl *ctl, const char *fmt, ...)
{
	va_list ap;
	char text[2048], *s;
	const char *copy;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* SQLite's findings have several lines. */
	for (s = text; *s != '\0'; s++) {
		if (*s == '\n')
			*s = ' ';
	}
	copy = arena_strdup(ctl->arena, text);
	return (copy == NULL ? "(no memory)" : copy);
}

/* What a program prints, without the last newline; NULL if it cannot be run or
 * fails. */
const char *
check_capture(struct ctl *ctl, const char *const *argv)
{
	posix_spawn_file_actions_t actions;
	char buf[8192];
	size_t len;
	ssize_t n;
	pid_t pid;
	int ends[2], rc, status;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return (NULL);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(
	    &actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	rc = posix_spawnp(&pid, argv[0], &actions, NULL,
	    (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	len = 0;
	while (rc == 0 && len + 1 < sizeof(buf) &&
	    (n = read(ends[0], buf + len, sizeof(buf) - 1 - len)) > 0)
		len += (size_t)n;
	close(ends[0]);
	if (rc != 0)
		return (NULL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return (NULL);
	while (len > 0 && buf[len - 1] == '\n')
		len--;
	return (arena_strndup(ctl->arena, buf, len));
}

static bool
check_settings(struct ctl *ctl)
{
	struct failure failure = FAILURE_INIT;

	ctl->settings = settings_read(ctl->file, &failure);
	if (ctl->settings == NULL)
		check_finding(ctl, CHECK_ERROR, "settings",
		    check_text(ctl, "%s", failure_text(&failure)),
		    "mend that line; the milter does not start before");
	else
		check_finding(ctl, CHECK_OK, "settings",
		    check_text(ctl, "%s can be read", ctl->file), "");
	failure_clear(&failure);
	return (ctl->settings != NULL);
}

/* Can users be told that they are unsubscribed? */
void
check_mailer(struct ctl *ctl)
{
	const char *path = ctl->settings->sendmail;
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    access(path, X_OK) == 0)
		return;
	check_finding(ctl, CHECK_WARNING, "mail",
	    check_text(ctl,
		"%s is no program that can be run, so users are not "
		"told when they are unsubscribed",
		path),
	    "name the MTA's sendmail program for sendmail in [mail]");
}

int
check_all(struct ctl *ctl, const struct arguments *args)
{
	static const char *const columns[] = {
	    "grade:GRADE", "part:PART", "what:WHAT", "mend:WHAT TO DO", NULL};

	(void)args;
	output_table(ctl->out, "findings", columns);
	if (!check_settings(ctl))
		return (0);
	check_database(ctl);
	check_socket(ctl);
	check_mailer(ctl);
	check_postfix(ctl);
	return (0);
}
