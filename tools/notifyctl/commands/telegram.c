/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * telegram - notifyctl telegram connect, disable, status
 *
 * Only for the user that --as names: who opens the link gets the messages.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <png.h>
#include <qrencode.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/regular.h"
#include "lib/identity.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "roster/link.h"
#include "roster/roster.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_link.h"
#include "terms/account.h"

/* Light modules around the code; pixels of a module in a PNG. */
#define MARGIN 4
#define PIXELS 8

/* Who may change subscriptions. */
struct managers {
	struct arena *arena;
	const char *names;
};

static int find_self(struct ctl *, const struct arguments *,
    struct store_account *, struct store_user *);
static int take_manager(void *, const struct store_user *);
static int refuse(struct ctl *, const struct store_account *,
    const struct store_user *, const char *);
static bool dark(const QRcode *, int, int);
static void print_code(struct ctl *, const QRcode *);
static unsigned char *draw(struct ctl *, const QRcode *, png_image *);
static int print_png(struct ctl *, const QRcode *);
static FILE *create(struct ctl *, const char *, int *);
static int write_png(struct ctl *, const QRcode *, const char *);
static int make_link(struct ctl *, const struct arguments *);
static int disable(struct ctl *, const struct arguments *);
static int status(struct ctl *, const struct arguments *);

static const struct ctl_option connect_options[] = {
    {.name = "png", .value = "FILE|-"}, {.name = NULL}};

const struct ctl_command telegram_commands[] = {
    {"telegram connect", "ACCOUNT",
	"a link and QR code to link a chat; needs --as the user concerned", 1,
	1, CTL_CHANGE, .run = make_link, .options = connect_options},
    {"telegram disable", "ACCOUNT", "end the link to the chat", 1, 1,
	CTL_CHANGE, .run = disable},
    {"telegram status", "ACCOUNT", "whether a chat is linked", 1, 1, CTL_READ,
	.run = status},
    {.name = NULL},
};

/* Look up the account, and its user that --as names. */
static int
find_self(struct ctl *ctl, const struct arguments *args,
    struct store_account *account, struct store_user *user)
{
	if (roster_account(&ctl->changes, args->v[0], account) != 0)
		return (-1);
	return (roster_user(&ctl->changes, account, ctl->as, 0, user));
}

static int
take_manager(void *ctx, const struct store_user *u)
{
	struct managers *m = ctx;

	if (!role_may_manage(u->role))
		return (0);
	m->names = arena_printf(m->arena, "%s%s%s", m->names,
	    *m->names == '\0' ? "" : ", ", u->address);
	return (0);
}

/* The error: why no chat may be linked, and who can change that. */
static int
refuse(struct ctl *ctl, const struct store_account *account,
    const struct store_user *user, const char *why)
{
	struct managers m = {.arena = ctl->arena, .names = ""};

	if (store_users(ctl->store, account->id, 0, take_manager, &m) == -1)
		return (store_failed(ctl->store, &ctl->failure));
	return (failure_set(&ctl->failure, FAILURE_DENIED,
	    "%s %s; the owner and administrators of account %s can change "
	    "that: %s",
	    user->address, why, account->name, m.names));
}

static bool
dark(const QRcode *code, int x, int y)
{
	return (x >= 0 && y >= 0 && x < code->width && y < code->width &&
	    (code->data[y * code->width + x] & 1));
}

/* Two modules a character, light on a dark terminal; phones read either way. */
static void
print_code(struct ctl *ctl, const QRcode *code)
{
	/* Indexed by upper and lower module; light ones are drawn. */
	static const char *const cells[] = {"\u2588", "\u2580", "\u2584", " "};
	char line[1024];
	size_t len;
	int x, y;

	for (y = -MARGIN; y < code->width + MARGIN; y += 2) {
		len = 0;
		for (x = -MARGIN; x < code->width + MARGIN; x++)
			len += (size_t)snprintf(line + len, sizeof(line) - len,
			    "%s",
			    cells[2 * dark(code, x, y) + dark(code, x, y + 1)]);
		output_line(ctl->out, "%s", line);
	}
}

static unsigned char *
draw(struct ctl *ctl, const QRcode *code, png_image *image)
{
	unsigned side = (unsigned)(code->width + 2 * MARGIN) * PIXELS;
	unsigned char *pixels;
	unsigned x, y;

	memset(image, 0, sizeof(*image));
	image->version = PNG_IMAGE_VERSION;
	image->format = PNG_FORMAT_GRAY;
	image->width = image->height = side;
	pixels = arena_array(ctl->arena, side, side);
	for (y = 0; y < side; y++) {
		for (x = 0; x < side; x++)
			pixels[y * side + x] =
			    dark(code, (int)(x / PIXELS) - MARGIN,
				(int)(y / PIXELS) - MARGIN)
			    ? 0
			    : 255;
	}
	return (pixels);
}

/* For a program that shows it: no file, and no path that anybody names. */
static int
print_png(struct ctl *ctl, const QRcode *code)
{
	png_image image;
	png_alloc_size_t size;
	unsigned char *pixels, *bytes;

	pixels = draw(ctl, code, &image);
	size = PNG_IMAGE_PNG_SIZE_MAX(image);
	bytes = arena_alloc(ctl->arena, size);
	if (png_image_write_to_memory(&image, bytes, &size, 0, pixels,
		(png_int_32)image.width, NULL) == 0)
		return (failure_set(&ctl->failure, FAILURE_IO,
		    "the QR code as a picture: %s", image.message));
	output_bytes(ctl->out, "png", bytes, size);
	return (0);
}

/*
 * Root writes with the rights of whoever can change where ${path} leads, and
 * follows no link there. Whoever reads the code can link a chat of their own:
 * a new file is for its owner alone. NULL and ${*reason}, an errno, or
 * ctl->failure.
 */
static FILE *
create(struct ctl *ctl, const char *path, int *reason)
{
	uid_t uid;
	gid_t gid;
	FILE *out = NULL;
	mode_t mask;
	int fd = -1;

	identity_drop();
	*reason = 0;
	mask = umask(077);
	if (identity_whose(path, &uid, &gid) == IDENTITY_ROOT ||
	    getuid() != 0) {
		out = fopen(path, "we");
		*reason = errno;
	} else if (identity_take(path, ctl->settings->user, &ctl->failure) ==
	    0) {
		fd = regular_open(
		    path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0666);
		*reason = errno;
		out = fd == -1 ? NULL : fdopen(fd, "we");
		identity_drop();
	}
	umask(mask);
	if (ctl_take_roster(ctl) == 0)
		return (out);
	if (out != NULL)
		fclose(out);
	*reason = 0;
	return (NULL);
}

/* Given a name, libpng would remove a file that it fails to write, even a
 * device. */
static int
write_png(struct ctl *ctl, const QRcode *code, const char *path)
{
	png_image image;
	unsigned char *pixels;
	FILE *out;
	int reason, rc;

	pixels = draw(ctl, code, &image);
	out = create(ctl, path, &reason);
	if (out == NULL && ctl->failure.kind != FAILURE_NONE)
		return (-1);
	errno = reason;
	if (out != NULL)
		errno = 0;
	rc = out != NULL &&
	    png_image_write_to_stdio(
		&image, out, 0, pixels, (png_int_32)image.width, NULL) != 0;
	if (out != NULL && fclose(out) != 0)
		rc = 0;
	if (rc != 0)
		return (0);
	return (failure_set(&ctl->failure, FAILURE_IO,
	    "%s: %s; expected a file that this user may write to",
	    escape_name(path), errno != 0 ? strerror(errno) : image.message));
}

static int
make_link(struct ctl *ctl, const struct arguments *args)
{
	struct store_account account;
	struct store_user user;
	char token[LINK_TOKEN_SIZE];
	char expires[OUTPUT_WHEN_SIZE];
	const char *why, *url, *path;
	QRcode *code;
	bool printed;
	int rc;

	if (find_self(ctl, args, &account, &user) != 0)
		return (-1);
	if (*ctl->settings->bot == '\0')
		return (failure_set(&ctl->failure, FAILURE_SETTINGS,
		    "%s: bot is not set; expected the bot's user name in "
		    "[telegram]",
		    ctl->settings->file));
	rc = link_may(&ctl->changes, &user, &why);
	if (rc == 0)
		return (refuse(ctl, &account, &user, why));
	if (rc == -1 ||
	    link_token(&ctl->changes, &user, STORE_BY_CONNECT, token) == -1)
		return (-1);
	url = arena_printf(
	    ctl->arena, "https://t.me/%s?start=%s", ctl->settings->bot, token);
	code = QRcode_encodeString8bit(url, 0, QR_ECLEVEL_M);
	if (code == NULL)
		return (failure_memory(&ctl->failure));
	path = ctl_option(args, "png");
	printed = path != NULL && strcmp(path, "-") == 0;
	output_when(expires, ctl->changes.now + LINK_TOKEN_SECONDS);
	if (!printed) {
		output_line(ctl->out,
		    "Open this link on the phone, or scan the code, until %s "
		    "(UTC):",
		    expires);
		output_line(ctl->out, "%s", url);
		print_code(ctl, code);
	}
	output_text(ctl->out, "account", account.name);
	output_text(ctl->out, "address", user.address);
	output_text(ctl->out, "link", url);
	output_text(ctl->out, "expires", expires);
	if (printed)
		rc = print_png(ctl, code);
	else
		rc = path == NULL ? 0 : write_png(ctl, code, path);
	QRcode_free(code);
	return (rc);
}

static int
disable(struct ctl *ctl, const struct arguments *args)
{
	struct store_account account;
	struct store_user user;
	int rc;

	if (find_self(ctl, args, &account, &user) != 0)
		return (-1);
	rc = membership_end_link(
	    &ctl->changes, &user, "by notifyctl telegram disable");
	if (rc == 0)
		output_remark(ctl->out, "no chat is linked");
	return (rc == -1 ? -1 : 0);
}

static int
status(struct ctl *ctl, const struct arguments *args)
{
	struct store_account account;
	struct store_user user;
	const char *why = "";
	int may;

	if (find_self(ctl, args, &account, &user) != 0)
		return (-1);
	may = link_may(&ctl->changes, &user, &why);
	if (may == -1)
		return (-1);
	if (user.link != 0)
		output_line(ctl->out, "%s: a chat is linked for account %s",
		    user.address, account.name);
	else if (may == 1)
		output_line(ctl->out,
		    "%s: no chat is linked for account %s; \"notifyctl "
		    "telegram connect %s%s\" links one",
		    user.address, account.name, account_dashes(account.name),
		    account.name);
	else
		output_line(ctl->out, "%s: no chat is linked: it %s",
		    user.address, why);
	output_text(ctl->out, "account", account.name);
	output_text(ctl->out, "address", user.address);
	output_flag(ctl->out, "linked", user.link != 0);
	output_flag(ctl->out, "possible", may == 1);
	output_text(ctl->out, "reason", may == 1 ? "" : why);
	return (0);
}
