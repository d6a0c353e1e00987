/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * charset - text in the charsets that mail names
 */
#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <string.h>

#include <unistr.h>

#include "telegram/charset.h"

/* For text in an unknown charset, and for Latin 1. */
#define WINDOWS "CP1252"
/* The one that iconv(3) reads by another. */
#define JAPANESE "ISO-2022-JP"
#define JAPANESE_8BIT "EUC-JP-MS"
/* U+FFFD in UTF-8. */
#define DAMAGE "\xef\xbf\xbd"
/* A text with more than one damaged character in so many is not readable. */
#define READABLE 20

/* What iconv(3) calls a charset, and its labels: lower case, letters and digits
 * alone, without a leading "x". */
static const struct {
	const char *name, *labels;
} table[] = {
    {"UTF-8",
	" al32utf8 cp65001 unicode11utf8 unicode20utf8 utf8 utf8mb4 "
	"utf8n "},
    {"IBM866", " 866 csibm866 "},
    {"ISO-8859-2",
	" csisolatin2 iso88592 iso885921987 isoir101 isolatin2 l2 "
	"latin2 "},
    {"ISO-8859-3", " csisolatin3 iso88593 iso885931988 isoir109 l3 latin3 "},
    {"ISO-8859-4", " csisolatin4 iso88594 iso885941988 isoir110 l4 latin4 "},
    {"ISO-8859-5",
	" csisolatincyrillic cyrillic iso88595 iso885951988 isoir144 "},
    {"ISO-8859-6",
	" arabic asmo708 csiso88596e csiso88596i csisolatinarabic "
	"ecma114 iso88596 iso885961987 iso88596e iso88596i isoir127 "},
    {"ISO-8859-7",
	" csisolatingreek ecma118 elot928 greek greek8 iso88597 "
	"iso885971987 isoir126 suneugreek "},
    {"ISO-8859-8",
	" csiso88598e csiso88598i csisolatinhebrew hebrew iso88598 "
	"iso885981988 iso88598e iso88598i isoir138 logical visual "},
    {"ISO-8859-10", " csisolatin6 iso885910 isoir157 l6 latin6 "},
    {"ISO-8859-13", " iso885913 "},
    {"ISO-8859-14", " iso885914 "},
    {"ISO-8859-15", " csisolatin9 iso885915 isolatin9 l0 l9 latin0 latin9 "},
    {"ISO-8859-16", " iso885916 "},
    {"KOI8-R", " cskoi8r koi koi8 koi8r koi8rru "},
    {"KOI8-U", " koi8ru koi8u "},
    {"MACINTOSH", " applemacroman csmacintosh mac macintosh macroman "},
    {"CP874", " 874 iso885911 thai tis620 tis6202533 "},
    {"CP1252",
	" 646 7bit 8bit ansi ansix341968 ansix341986 ascii cp367 "
	"cp819 csascii csisolatin1 default ibm367 ibm819 iso1 "
	"iso646us iso8859 iso88591 iso885911987 isoir100 isolatin1 "
	"l1 latin1 us usascii "},
    {"CP1254",
	" csisolatin5 iso88599 iso885991989 isoir148 isolatin5 l5 "
	"latin5 "},
    {"MAC-CYRILLIC", " maccyrillic macukraine macukrainian "},
    {"GB18030",
	" chinese cngb cngb2312 cngbisoir165 cp54936 936 csgb2312 "
	"csiso58gb231280 euccn gb gb18030 gb2312 gb231280 gbk "
	"gbk2312 isoir58 "},
    {"BIG5-HKSCS", " big5 big5eten big5hkscs bigfive cnbig5 950 csbig5 "},
    {"EUC-JP-MS",
	" cp51932 cseucpkdfmtjapanese euc eucjp eucjpms eucjpwin "
	"ujis "},
    {"ISO-2022-JP",
	" cp50220 cp50221 cp50222 csiso2022jp iso2022jp iso2022jp1 "
	"iso2022jp2 iso2022jpms jis "},
    {"CP932",
	" 932 cp943 csshiftjis ibm943 mskanji shiftjis sjis sjiswin "
	"windows31j "},
    {"CP949",
	" 949 cseuckr csksc56011987 euckr isoir149 korean ksc5601 "
	"ksc56011987 ksc56011989 ksc56011992 ksx1001 uhc "},
    {"UTF-7", " csutf7 unicode11utf7 utf7 "},
    {"UTF-16BE", " unicodefffe utf16be "},
    {"UTF-16LE",
	" csunicode iso10646ucs2 ucs2 unicode unicodefeff utf16 "
	"utf16le "},
};

static void squeeze(const char *, char *);
static bool in_list(const char *, const char *);
static const char *code_page(const char *, char *);
static const char *marked(const char *, size_t);
static bool is_utf8(const char *, size_t, bool);
static bool is_ascii(const char *, size_t);
static bool is_printable(const char *, size_t);
static bool is_much(size_t, size_t);
static GString *from_utf8(const char *, size_t, bool, bool *);
static GString *to_8bit(const char *, size_t);
static size_t run(iconv_t, const char *, size_t, GString *);
static GString *from(const char *, size_t, const char *, size_t *);

/* ${label} as the table has it. */
static void
squeeze(const char *label, char *out)
{
	size_t n = 0;

	for (; *label != '\0' && n < CHARSET_LABEL_MAX; label++) {
		if (!g_ascii_isalnum(*label))
			continue;
		out[n] = g_ascii_tolower(*label);
		if (n > 0 || out[n] != 'x')
			n++;
	}
	out[n] = '\0';
}

static bool
in_list(const char *list, const char *word)
{
	const char *at;
	size_t len;

	len = strlen(word);
	for (at = list; len > 0 && (at = strstr(at, word)) != NULL; at++) {
		if (at[-1] == ' ' && at[len] == ' ')
			return (true);
	}
	return (false);
}

/* The code page behind the names that it goes by, or NULL. */
static const char *
code_page(const char *label, char *buf)
{
	static const char *const names[] = {"cs", "microsoft", "windows", "win",
	    "cp", "ms", "ibm", "dos", "codepage", "ansi"};
	const char *number = label;
	size_t i, digits;

	for (i = 0; i < sizeof(names) / sizeof(names[0]);) {
		if (g_str_has_prefix(number, names[i])) {
			number += strlen(names[i]);
			i = 0;
		} else {
			i++;
		}
	}
	digits = strspn(number, "0123456789");
	if (digits < 3 || number[digits] != '\0')
		return (NULL);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (in_list(table[i].labels, number))
			return (table[i].name);
	}
	if (number == label && !g_str_has_prefix(number, "125"))
		return (NULL);
	g_snprintf(buf, CHARSET_LABEL_MAX + 1, "CP%s", number);
	return (buf);
}

const char *
charset_name(const char *label, char *buf)
{
	char word[CHARSET_LABEL_MAX + 1];
	const char *page;
	size_t i;

	squeeze(label, word);
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (in_list(table[i].labels, word))
			return (table[i].name);
	}
	page = code_page(word, buf);
	if (page != NULL)
		return (page);
	/* iconv(3) takes what follows a "/" for an option. */
	g_strlcpy(buf, label, CHARSET_LABEL_MAX + 1);
	buf[strcspn(buf, "/ \t\r\n")] = '\0';
	return (buf);
}

/* The charset that a byte order mark at the beginning tells, or NULL. */
static const char *
marked(const char *bytes, size_t len)
{
	if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
		return ("UTF-8");
	if (len >= 2 && memcmp(bytes, "\xfe\xff", 2) == 0)
		return ("UTF-16BE");
	if (len >= 2 && memcmp(bytes, "\xff\xfe", 2) == 0)
		return ("UTF-16LE");
	return (NULL);
}

/* Is it UTF-8? The last character may be ${cut}. */
static bool
is_utf8(const char *bytes, size_t len, bool cut)
{
	const uint8_t *bad;
	ucs4_t c;
	size_t left;

	bad = u8_check((const uint8_t *)bytes, len);
	if (bad == NULL)
		return (true);
	left = (size_t)((const uint8_t *)bytes + len - bad);
	return (cut && u8_mbtoucr(&c, bad, left) == -2);
}

static bool
is_ascii(const char *bytes, size_t len)
{
	for (; len > 0; bytes++, len--) {
		if ((unsigned char)*bytes >= 0x80)
			return (false);
	}
	return (true);
}

/* Is it a text in ASCII, which is hardly ever UTF-16? */
static bool
is_printable(const char *bytes, size_t len)
{
	bool blank = false;

	for (; len > 0; bytes++, len--) {
		if (!g_ascii_isprint(*bytes) && !g_ascii_isspace(*bytes))
			return (false);
		blank = blank || g_ascii_isspace(*bytes);
	}
	return (blank);
}

/* Is a text with so many damaged characters no longer readable? */
static bool
is_much(size_t damaged, size_t all)
{
	return (damaged > 1 && damaged > all / READABLE);
}

/* The text, with what is not UTF-8 replaced; a character that is ${cut} is
 * left out. */
static GString *
from_utf8(const char *bytes, size_t len, bool cut, bool *lossy)
{
	const uint8_t *in = (const uint8_t *)bytes;
	GString *text;
	ucs4_t c;
	size_t bad = 0, all = 0;
	int n;

	text = g_string_sized_new(len);
	for (; len > 0; in += n, len -= (size_t)n, all++) {
		n = u8_mbtoucr(&c, in, len);
		if (n == -2 && cut)
			break;
		if (n > 0) {
			g_string_append_len(text, (const char *)in, n);
			continue;
		}
		n = 1;
		g_string_append(text, DAMAGE);
		bad++;
	}
	*lossy = *lossy || is_much(bad, all);
	return (text);
}

/*
 * ISO-2022-JP in eight bits. The C library's converter for the former refuses
 * the characters of NEC and IBM that every program writes, the one for the
 * latter has them.
 */
static GString *
to_8bit(const char *bytes, size_t len)
{
	GString *out;
	const char *end = bytes + len;
	char set = 'B';

	out = g_string_sized_new(len);
	while (bytes < end) {
		if (end - bytes > 2 && *bytes == '\x1b' &&
		    (bytes[1] == '(' || bytes[1] == '$')) {
			set = bytes[1] == '$' ? '$' : bytes[2];
			bytes += 3;
			/* ESC $ ( D */
			if (bytes[-2] == '$' && bytes[-1] == '(' && bytes < end)
				bytes++;
		} else if (*bytes == '\n' || *bytes == '\r') {
			set = 'B';
			g_string_append_c(out, *bytes++);
		} else if (set == '$' && end - bytes > 1 && *bytes > ' ') {
			g_string_append_c(out, (char)(*bytes++ | 0x80));
			g_string_append_c(out, (char)(*bytes++ | 0x80));
		} else if (set == 'I' && *bytes > ' ') {
			g_string_append_c(out, '\x8e');
			g_string_append_c(out, (char)(*bytes++ | 0x80));
		} else {
			g_string_append_c(out, *bytes++);
		}
	}
	return (out);
}

/* Append what ${handle} makes of the text; what it refuses is replaced, one
 * byte at a time. Returns the number of replacements. */
static size_t
run(iconv_t handle, const char *bytes, size_t len, GString *text)
{
	char buf[4096], *in = (char *)(uintptr_t)bytes, *out;
	size_t done, room, damage = 0;
	bool flushed;

	for (flushed = false; !flushed;) {
		/* At the end, what it has kept back. */
		flushed = len == 0;
		out = buf;
		room = sizeof(buf);
		done = iconv(handle, flushed ? NULL : &in, &len, &out, &room);
		g_string_append_len(text, buf, out - buf);
		if (done == (size_t)-1 && errno != E2BIG && len > 0) {
			g_string_append(text, DAMAGE);
			damage++;
			in++;
			len--;
		}
	}
	return (damage);
}

/* Text in the charset that iconv(3) calls ${name}, or NULL if it has none;
 * ${*damage}: what was replaced. */
static GString *
from(const char *bytes, size_t len, const char *name, size_t *damage)
{
	GString *octets = NULL, *text;
	iconv_t handle;

	*damage = 0;
	if (strcmp(name, JAPANESE) == 0) {
		octets = to_8bit(bytes, len);
		name = JAPANESE_8BIT;
		bytes = octets->str;
		len = octets->len;
	}
	text = NULL;
	handle = iconv_open("UTF-8", name);
	if (handle != (iconv_t)-1) {
		text = g_string_sized_new(len);
		*damage = run(handle, bytes, len, text);
		iconv_close(handle);
	}
	if (octets != NULL)
		g_string_free(octets, TRUE);
	return (text);
}

GString *
charset_convert(
    const char *bytes, size_t len, const char *label, bool cut, bool *lossy)
{
	char buf[CHARSET_LABEL_MAX + 1];
	const char *name;
	GString *text;
	size_t damage;

	/* A byte order mark says more than the label. */
	name = marked(bytes, len);
	if (name == NULL && label != NULL && *label != '\0')
		name = charset_name(label, buf);
	if (name != NULL && strcmp(name, "UTF-8") == 0)
		return (from_utf8(bytes, len, cut, lossy));
	/* Programs that do not know the charset name ASCII or Latin 1. */
	if ((name == NULL || strcmp(name, WINDOWS) == 0) &&
	    is_utf8(bytes, len, cut))
		return (from_utf8(bytes, len, cut, lossy));
	if (name == NULL)
		return (NULL);
	if (g_str_has_prefix(name, "UTF-16") && is_printable(bytes, len))
		return (from_utf8(bytes, len, cut, lossy));
	text = from(bytes, len, name, &damage);
	/* Text is hardly ever valid UTF-8 by chance. */
	if (text != NULL && damage > 0 && is_utf8(bytes, len, cut)) {
		g_string_free(text, TRUE);
		return (from_utf8(bytes, len, cut, lossy));
	}
	*lossy = *lossy || is_much(damage, len);
	return (text);
}

GString *
charset_convert_any(
    const char *bytes, size_t len, const char *label, bool cut, bool *lossy)
{
	GString *text;
	size_t damage;

	text = charset_convert(bytes, len, label, cut, lossy);
	if (text != NULL)
		return (text);
	if (is_utf8(bytes, len, cut))
		return (from_utf8(bytes, len, cut, lossy));
	/* A charset that nobody knows, and that is not ASCII by chance. */
	if (label != NULL && *label != '\0' && !is_ascii(bytes, len))
		*lossy = true;
	text = from(bytes, len, WINDOWS, &damage);
	return (text == NULL ? g_string_new(NULL) : text);
}
