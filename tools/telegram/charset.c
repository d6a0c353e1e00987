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
#include "telegram/sevenbit.h"

/* For text in an unknown charset, and for Latin 1. */
#define WINDOWS "CP1252"
/* Charsets that iconv(3) gets in eight bits: the C library's converter of the
 * first refuses the characters of NEC and IBM that every program writes, and
 * for the second it has no converter. */
#define JAPANESE "ISO-2022-JP"
#define JAPANESE_8BIT "EUC-JP-MS"
#define HZ "HZ-GB-2312"
#define HZ_8BIT "GB18030"
/* Their names do not tell the order of the bytes. */
#define UTF16 "UTF-16"
#define UTF32 "UTF-32"
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
	"utf8mac utf8mb3 utf8n "},
    {"IBM866", " 866 csibm866 "},
    {"ISO-8859-2",
	" 88592 csisolatin2 iso88592 iso885921987 isoir101 isolatin2 l2 "
	"latin2 "},
    {"ISO-8859-3", " csisolatin3 iso88593 iso885931988 isoir109 l3 latin3 "},
    {"ISO-8859-4", " csisolatin4 iso88594 iso885941988 isoir110 l4 latin4 "},
    {"ISO-8859-5",
	" 88595 csisolatincyrillic cyrillic iso88595 iso885951988 isoir144 "},
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
    {"ISO-8859-15",
	" 885915 csisolatin9 iso885915 isolatin9 l0 l9 latin0 latin9 "},
    {"ISO-8859-16", " iso885916 "},
    {"KOI8-R", " cskoi8r koi koi8 koi8r koi8rru "},
    {"KOI8-T", " koi8t "},
    {"KOI8-U", " koi8ru koi8u "},
    {"MACINTOSH", " applemacroman csmacintosh mac macintosh macroman "},
    {"CP874", " 874 iso885911 thai tis620 tis6202533 "},
    {"CP1252",
	" 646 7bit 88591 8bit ansi ansix341968 ansix341986 ascii cp367 "
	"cp819 csascii csisolatin1 default ibm367 ibm819 iso1 "
	"iso646us iso8859 iso88591 iso885911987 isoir100 isolatin1 "
	"l1 latin1 us usascii "},
    {"CP1254",
	" 88599 csisolatin5 iso88599 iso885991989 isoir148 isolatin5 l5 "
	"latin5 "},
    {"MAC-CENTRALEUROPE",
	" macce maccentraleurope maccentraleurroman maclatin2 "},
    {"MAC-CYRILLIC", " maccyrillic macukraine macukrainian "},
    {"MAC-IS", " macicelandic macis "},
    {"PT154", " 154 cyrillicasian pt154 ptcp154 "},
    {"RK1048", " kz1048 rk1048 strk1048 strk10482002 "},
    {"VISCII", " viscii viscii111 "},
    {"TCVN5712-1", " tcvn tcvn5712 tcvn57121 viettcvn5712 "},
    {"GB18030",
	" chinese cngb cngb2312 cngbisoir165 cp54936 936 csgb2312 "
	"csiso58gb231280 euccn gb gb18030 gb180302000 gb180302005 "
	"gb180302022 gb2312 gb231280 gbk gbk2312 isoir58 "},
    {HZ, " hz hzgb hzgb2312 "},
    {"BIG5-HKSCS",
	" 951 big5 big5eten big5hk big5hkscs big5hkscs1999 big5hkscs2001 "
	"big5hkscs2004 big5hkscs2008 bigfive cnbig5 950 csbig5 hkscs "
	"ms950hkscs "},
    {"EUC-TW", " cns11643 euctw "},
    {"JOHAB", " 1361 johab ksc5601johab "},
    {"EUC-JISX0213", " eucjis2004 eucjisx0213 eucjp2004 "},
    {"SHIFT_JISX0213", " shiftjis2004 shiftjisx0213 sjis2004 sjisx0213 "},
    {"EUC-JP-MS",
	" cp51932 cseucpkdfmtjapanese euc eucjp eucjpms eucjpwin "
	"ujis "},
    {"ISO-2022-JP",
	" cp50220 cp50221 cp50222 csiso2022jp csjisencoding iso2022jp "
	"iso2022jp1 iso2022jp2 iso2022jp2004 iso2022jp3 iso2022jpext "
	"iso2022jpms jis jis7 jisencoding "},
    {"CP932",
	" 932 cp943 csshiftjis ibm943 mskanji shiftjis sjis sjiswin "
	"windows31j "},
    {"CP949",
	" 949 cseuckr csksc56011987 euckr isoir149 korean ksc5601 "
	"ksc56011987 ksc56011989 ksc56011992 ksx1001 uhc "},
    {"UTF-7", " csutf7 unicode11utf7 utf7 "},
    {UTF16, " csunicode iso10646ucs2 ucs2 unicode utf16 "},
    {"UTF-16BE", " unicodefffe utf16be "},
    {"UTF-16LE", " unicodefeff utf16le "},
    {UTF32, " csucs4 iso10646ucs4 ucs4 utf32 "},
    {"UTF-32BE", " utf32be "},
    {"UTF-32LE", " utf32le "},
};

static void squeeze(const char *, char *);
static bool in_list(const char *, const char *);
static const char *listed(const char *);
static const char *code_page(const char *, char *);
static const char *marked(const char *, size_t);
static bool is_blank(const char *, size_t, bool);
static const char *ordered(const char *, const char *, size_t);
static bool is_utf8(const char *, size_t, bool);
static bool is_ascii(const char *, size_t);
static bool is_printable(const char *, size_t);
static bool is_much(size_t, size_t);
static GString *from_utf8(const char *, size_t, bool, bool *);
static bool is_plain(const char *, size_t, const GString *, size_t);
static size_t refused(iconv_t, const char *, size_t, size_t);
static size_t run(iconv_t, const char *, size_t, size_t, GString *);
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

/* The charset that has ${word} among its labels, or NULL. */
static const char *
listed(const char *word)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (in_list(table[i].labels, word))
			return (table[i].name);
	}
	return (NULL);
}

/* The code page behind the names that it goes by, or NULL. */
static const char *
code_page(const char *label, char *buf)
{
	static const char *const names[] = {"cs", "microsoft", "windows", "win",
	    "cp", "ms", "ibm", "dos", "codepage", "ansi", "ccsid"};
	const char *number = label, *name;
	size_t i, digits;

	for (i = 0; i < sizeof(names) / sizeof(names[0]);) {
		if (g_str_has_prefix(number, names[i])) {
			number += strlen(names[i]);
			i = 0;
		} else {
			i++;
		}
	}
	if (number != label)
		number += strspn(number, "0");
	digits = strspn(number, "0123456789");
	if (digits < 3 || number[digits] != '\0')
		return (NULL);
	name = listed(number);
	if (name != NULL)
		return (name);
	if (number == label && !g_str_has_prefix(number, "125"))
		return (NULL);
	g_snprintf(buf, CHARSET_LABEL_MAX + 1, "CP%s", number);
	return (buf);
}

const char *
charset_name(const char *label, char *buf)
{
	char word[CHARSET_LABEL_MAX + 1];
	const char *name;

	squeeze(label, word);
	name = listed(word);
	/* IANA has a label with "cs" for each charset. */
	if (name == NULL && g_str_has_prefix(word, "cs"))
		name = listed(word + strlen("cs"));
	if (name == NULL)
		name = code_page(word, buf);
	if (name != NULL)
		return (name);
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
	if (len >= 4 && memcmp(bytes, "\0\0\xfe\xff", 4) == 0)
		return ("UTF-32BE");
	if (len >= 4 && memcmp(bytes, "\xff\xfe\0", 4) == 0)
		return ("UTF-32LE");
	if (len >= 2 && memcmp(bytes, "\xfe\xff", 2) == 0)
		return ("UTF-16BE");
	if (len >= 2 && memcmp(bytes, "\xff\xfe", 2) == 0)
		return ("UTF-16LE");
	return (NULL);
}

/* Is this character of ${width} bytes a blank, ${big} end first or last? */
static bool
is_blank(const char *bytes, size_t width, bool big)
{
	const char c = bytes[big ? width - 1 : 0];

	return ((c == ' ' || c == '\n' || c == '\r') &&
	    memcmp(bytes + (big ? 0 : 1), "\0\0", width - 1) == 0);
}

/*
 * ${name} with the order of the bytes, if it does not tell that: the order in
 * which there are more blanks, since each text of several words or lines has
 * some. If both have as many, the little end is first, as the standard says.
 */
static const char *
ordered(const char *name, const char *bytes, size_t len)
{
	size_t width = strcmp(name, UTF32) == 0 ? 4 : 2, big = 0, little = 0;

	if (width == 2 && strcmp(name, UTF16) != 0)
		return (name);
	for (; len >= width; bytes += width, len -= width) {
		big += is_blank(bytes, width, true);
		little += is_blank(bytes, width, false);
	}
	if (width == 4)
		return (big > little ? "UTF-32BE" : "UTF-32LE");
	return (big > little ? "UTF-16BE" : "UTF-16LE");
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

/* Is it a text in ASCII, which is hardly ever UTF-16 or UTF-32? */
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
 * iconv(3) made ${text}, with so much ${damage}, of ${bytes}, which are ASCII.
 * Are they a text as they stand? Not if they have escape sequences, or if more
 * characters outside ASCII were read in them than were damaged.
 */
static bool
is_plain(const char *bytes, size_t len, const GString *text, size_t damage)
{
	size_t i, read = 0;

	if (memchr(bytes, '\x1b', len) != NULL ||
	    memchr(bytes, '\x0e', len) != NULL)
		return (false);
	for (i = 0; i < text->len; i++)
		read += (unsigned char)text->str[i] >= 0xc0;
	return (read <= 2 * damage);
}

/*
 * The length of what iconv(3) refuses at ${in}: a character of ${width} bytes,
 * or, if that is 1, of as many as iconv(3) asks for. A byte of ASCII after the
 * first does not belong to it, as the standard says, and must not be lost.
 */
static size_t
refused(iconv_t handle, const char *in, size_t len, size_t width)
{
	char buf[16], *first, *out;
	size_t n = 1, left, room;

	if (width > 1)
		return (width < len ? width : len);
	while (n < len && n < 4 && (unsigned char)in[n] >= 0x80) {
		first = (char *)(uintptr_t)in;
		left = n;
		out = buf;
		room = sizeof(buf);
		if (iconv(handle, &first, &left, &out, &room) != (size_t)-1 ||
		    errno != EINVAL)
			break;
		n++;
	}
	return (n);
}

/* Append what ${handle} makes of the text; each character that it refuses is
 * replaced. ${width}: the bytes of each, or 1. Returns the number of
 * replacements. */
static size_t
run(iconv_t handle, const char *bytes, size_t len, size_t width, GString *text)
{
	char buf[4096], *in = (char *)(uintptr_t)bytes, *out;
	size_t done, room, damage = 0, n;
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
			n = refused(handle, in, len, width);
			in += n;
			len -= n;
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
	const char *other = NULL;
	iconv_t handle;
	size_t width;

	*damage = 0;
	if (strcmp(name, JAPANESE) == 0) {
		octets = sevenbit_japanese(bytes, len, &other);
		name = other == NULL ? JAPANESE_8BIT : other;
	} else if (strcmp(name, HZ) == 0) {
		octets = sevenbit_hz(bytes, len);
		name = HZ_8BIT;
	}
	if (octets != NULL) {
		bytes = octets->str;
		len = octets->len;
	}
	width = g_str_has_prefix(name, UTF16) ? 2
	    : g_str_has_prefix(name, UTF32)   ? 4
					      : 1;
	text = NULL;
	handle = iconv_open("UTF-8", name);
	if (handle != (iconv_t)-1) {
		text = g_string_sized_new(len);
		*damage = run(handle, bytes, len, width, text);
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
	if ((g_str_has_prefix(name, UTF16) || g_str_has_prefix(name, UTF32)) &&
	    is_printable(bytes, len))
		return (from_utf8(bytes, len, cut, lossy));
	text = from(bytes, len, ordered(name, bytes, len), &damage);
	/* Text outside ASCII is hardly ever valid UTF-8 by chance. */
	if (text != NULL && damage > 0 && is_utf8(bytes, len, cut) &&
	    (!is_ascii(bytes, len) || is_plain(bytes, len, text, damage))) {
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
