# notify-milter
#
#   make                  the programs, in build/
#   make SAN=1            the same under AddressSanitizer and
#                         UndefinedBehaviorSanitizer, in build/san/
#   make demo             see it work
#   make check            all tests
#   make install          PREFIX=/usr/local DESTDIR=
#   make deps             install the packages that the build needs (Debian)

PREFIX = /usr/local
SYSCONFDIR = /etc
DESTDIR =
VERSION = 0.1.0

CC = gcc
PKG_CONFIG = pkg-config
WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 -Werror
CFLAGS = -O2 -g
HARDEN = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
LDFLAGS = -pie -Wl,-z,relro,-z,now
BUILD = build

ifeq ($(SAN),1)
BUILD = build/san
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
CFLAGS = -O1 -g
HARDEN = -fPIE
endif

POLICY = account address arena category db_sqlite decide evaluate facts \
	failure import keyset link membership netlist notice pool role roster \
	settings sql store store_link tag text
MILTER = apply config log main report session trust
NOTIFYCTL = mailer $(addprefix notifyctl/, accounts categories check command \
	explain files follow held history init main mta output requeue story \
	submit subscriptions telegram trace trace_log users)
AGENT = mailer $(addprefix telegram/, botapi $(CHATTEXT) mailhead \
	notify-telegram outcome)
CHATTEXT = chattext htmltext mailtext mimescan plaintext
BOT = $(addprefix telegram/, botapi commands notify-bot outcome)

PACKAGES = gmime-3.0 inih libidn2 sqlite3
TOOL_PACKAGES = jansson libpng libqrencode libsystemd smartcols zlib
TELEGRAM_PACKAGES = jansson libcurl libxml-2.0
LIBS = $(shell $(PKG_CONFIG) --libs $(PACKAGES)) -lunistring -lpthread
TELEGRAM_LIBS = $(shell $(PKG_CONFIG) --libs $(TELEGRAM_PACKAGES))
TOOL_LIBS = $(shell $(PKG_CONFIG) --libs $(TOOL_PACKAGES))
INCLUDES = $(shell $(PKG_CONFIG) --cflags $(PACKAGES) $(TOOL_PACKAGES) \
	$(TELEGRAM_PACKAGES))

COMPILE = $(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(HARDEN) \
	$(SANITIZE) -DVERSION='"$(VERSION)"' \
	-DSETTINGS_FILE='"$(SYSCONFDIR)/notify-milter/notify-milter.conf"' \
	-Ipolicy -Imilter -Itools $(INCLUDES) -MMD -MP

policy_o = $(POLICY:%=$(BUILD)/policy/%.o)
milter_o = $(MILTER:%=$(BUILD)/milter/%.o)

notifyctl_o = $(NOTIFYCTL:%=$(BUILD)/tools/%.o)
agent_o = $(AGENT:%=$(BUILD)/tools/%.o) $(BUILD)/milter/log.o
bot_o = $(BOT:%=$(BUILD)/tools/%.o) $(BUILD)/milter/log.o

all: $(BUILD)/notify-milter $(BUILD)/notifyctl $(BUILD)/notify-telegram \
	$(BUILD)/notify-bot

$(BUILD)/notify-milter: $(milter_o) $(BUILD)/libpolicy.a
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ -lmilter $(LIBS)

$(BUILD)/notifyctl: $(notifyctl_o) $(BUILD)/libpolicy.a
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ -lcsv $(TOOL_LIBS) $(LIBS)

$(BUILD)/notify-telegram: $(agent_o) $(BUILD)/libpolicy.a
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(TELEGRAM_LIBS) $(LIBS)

$(BUILD)/notify-bot: $(bot_o) $(BUILD)/libpolicy.a
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(TELEGRAM_LIBS) $(LIBS)

$(BUILD)/libpolicy.a: $(policy_o)
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

unit_c = $(wildcard tests/unit/*.c)
unit_o = $(unit_c:%.c=$(BUILD)/%.o) \
	$(CHATTEXT:%=$(BUILD)/tools/telegram/%.o)
$(BUILD)/tests/unit/%.o: INCLUDES += $(shell $(PKG_CONFIG) --cflags check) \
	-Itests/unit -Itools/telegram

$(BUILD)/unit: $(unit_o) $(BUILD)/libpolicy.a
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs check) \
		$(TELEGRAM_LIBS) $(LIBS)

deps:
	@tests/packages build

demo:
	@tests/packages demo
	@$(MAKE) -s all
	@tests/demo/demo

# Everything on the programs as they are installed, and everything once more on
# those that watch their own memory.
check:
	@tests/packages check
	@$(MAKE) -s -j2 all build/unit
	@$(MAKE) -s -j2 SAN=1 all build/san/unit
	@tests/run -j 2 build/unit build/san/unit $(wildcard tests/e2e/*.t) \
		NM_BUILD=$(CURDIR)/build/san $(wildcard tests/e2e/*.t)

install: all
	install -d $(DESTDIR)$(PREFIX)/sbin \
		$(DESTDIR)$(PREFIX)/share/doc/notify-milter/postfix-sample \
		$(DESTDIR)$(SYSCONFDIR)/notify-milter
	install -m 755 $(BUILD)/notify-milter $(BUILD)/notifyctl \
		$(BUILD)/notify-telegram $(BUILD)/notify-bot \
		$(DESTDIR)$(PREFIX)/sbin
	install -m 644 README.md $(DESTDIR)$(PREFIX)/share/doc/notify-milter
	install -m 644 postfix-sample/* \
		$(DESTDIR)$(PREFIX)/share/doc/notify-milter/postfix-sample
	test -e $(DESTDIR)$(SYSCONFDIR)/notify-milter/notify-milter.conf || \
		install -m 644 postfix-sample/notify-milter.conf \
			$(DESTDIR)$(SYSCONFDIR)/notify-milter/notify-milter.conf

clean:
	rm -rf build

.PHONY: all check clean demo deps install

-include $(shell find build -name '*.d' 2>/dev/null)
