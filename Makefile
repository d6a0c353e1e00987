# SPDX-License-Identifier: BSD-2-Clause
# notify-milter
#
#   make                  the programs, in build/
#   make SAN=1            the same under AddressSanitizer and
#                         UndefinedBehaviorSanitizer, in build/san/
#   make tests            the programs and what their tests need
#   make demo             see it work
#   make check            the tests: within 3 minutes, TEST_JOBS=8 at a time
#   make check-deep       the same under sanitizers, valgrind and on PostgreSQL,
#                         the fuzz targets and the soak tests: 15 minutes
#   make check-debian     demo and check on a bare RELEASE=trixie: 10 minutes
#   make check-boot       RELEASE=bookworm or trixie: that Debian, booted in qemu
#                         with Postfix, then with Sendmail: 45 minutes
#   make layers           check each #include against the layers
#   make soak             the soak tests at length
#   make valgrind         tests of every program under memcheck: 15 minutes
#   make model            the model test at length: MODEL_CASES=20000 MODEL_SEED=
#   make fuzz             the fuzz targets, for FUZZ_TIME=600 seconds each
#   make bench            what a message costs, beside other milters: build/bench.md
#                         and .svg, 20 minutes
#   make bench-quick      the main figures of that, within a minute
#   make install          PREFIX=/usr/local SYSCONFDIR=/etc DESTDIR=
#   make uninstall        remove what install has installed, but not the settings
#   make deb              a Debian package, in build/
#   make POSTGRESQL=no    without PostgreSQL, even where libpq is installed
#   make clean            remove build/ with all that is in it
#   make deps             install the packages that the build needs (Debian)

PREFIX = /usr/local
SYSCONFDIR = /etc
DESTDIR =
# The list of changes has the version.
VERSION := $(shell sed -n '1s/^[^(]*(\([^)]*\)).*/\1/p' tools/package/changelog)

CC = gcc
PKG_CONFIG = pkg-config
# WERROR=-Werror: for the targets that check this tree, not for users, whose
# compiler and libraries may warn of more than those of today.
WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wformat=2 $(WERROR)
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
BEFORE_ASAN = -DBEFORE_ASAN
endif

ifeq ($(SAN),thread)
BUILD = build/tsan
SANITIZE = -fsanitize=thread -fno-omit-frame-pointer
CFLAGS = -O1 -g
HARDEN = -fPIE
endif

# The fuzz targets.
ifeq ($(SAN),fuzz)
BUILD = build/fuzz
CC = clang
SANITIZE = -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS = -O1 -g
HARDEN =
LDFLAGS =
endif

# The programs load libpq when they need it; they are not linked with it.
POSTGRESQL := $(shell $(PKG_CONFIG) --exists libpq 2>/dev/null && echo yes || echo no)
DRIVERS_yes = db_postgres db_postgres_ask db_postgres_claim libpq pgconn pgmany pgstmt
DRIVERS_no = db_nopostgres
POLICY = $(addprefix base/, arena clock counters escape failure regular sorter \
	strmap tempfile) \
	$(addprefix terms/, account address addrlist category hours language netlist \
	rfc2047 role stamp) \
	$(addprefix db/, db db_postgres_sql db_sqlite db_sqlite_check \
	db_sqlite_failure db_sqlite_files db_url $(DRIVERS_$(POSTGRESQL))) \
	$(addprefix settings/, settings value) \
	$(addprefix store/, sql sql_schema store store_account store_change \
	store_edit store_health store_link store_lookup store_notice store_person \
	store_upgrade store_user) \
	$(addprefix decision/, decide decide_ambiguous decide_found \
	decide_mirror decide_notify decide_words evaluate facts message pool standby tag) \
	$(addprefix roster/, import import_account import_record import_roster \
	link linkmail membership notice permission person person_texts problems \
	roster roster_category roster_find roster_names roster_subscribe tell)
MILTER = apply config main report session stats
NOTIFYCTL = $(addprefix lib/, child daemon identity logsocket mailer noticetext \
	shell textfile texts texttable token) \
	$(addprefix notifyctl/, cmdline ctl main output when wrap \
	$(addprefix commands/, accounts addressees categories explain headers \
	import_export init notices people record rostercsv stats subscriptions telegram users) \
	$(addprefix postfix/, holdqueue instances listeners milters postconf records \
	sendmail text) \
	$(addprefix check/, check check_access check_addresses check_cleanup check_clients \
	check_copies check_database check_domains check_filters check_headers check_held \
	check_milter_talk check_milters check_peers check_people check_postfix check_programs \
	check_redirect check_sendmail check_server check_services check_settings check_socket \
	check_tables check_tags check_telegram check_texts) \
	$(addprefix requeue/, content held queuefile requeue submit) \
	$(addprefix trace/, gather history passed received search sources \
	standing tally trace trace_chats trace_log trace_roster))
AGENT = $(addprefix lib/, child identity mailer noticetext textfile texts \
	texttable token) \
	$(addprefix telegram/, agents botapi $(CHATTEXT) delivery \
	lookup mailhead notify-telegram order outcome sending turn)
CHATTEXT = base64 charset chattext headword htmladdress htmlbound htmlcells \
	htmlkind htmllist htmlstyle htmltext htmlwriter mailtext marking \
	mimescan plaintext quoted richtext sevenbit spool wording
BOT = $(addprefix lib/, identity textfile texts texttable token) \
	$(addprefix telegram/, botapi conversation farewell menu notify-bot outcome \
	patience plaintext polling update)

DAEMON = $(BUILD)/tools/lib/daemon.o $(BUILD)/tools/lib/log.o \
	$(BUILD)/tools/lib/logsocket.o

PACKAGES = inih libidn2 nettle sqlite3
TOOL_PACKAGES = gmime-3.0 jansson libpng libqrencode libsystemd smartcols zlib
TELEGRAM_PACKAGES = gmime-3.0 gumbo jansson libcurl
LIBS = $(shell $(PKG_CONFIG) --libs $(PACKAGES)) -lunistring -lpthread
DAEMON_LIBS = $(shell $(PKG_CONFIG) --libs libsystemd)
TELEGRAM_LIBS = $(shell $(PKG_CONFIG) --libs $(TELEGRAM_PACKAGES))
TOOL_LIBS = $(shell $(PKG_CONFIG) --libs $(TOOL_PACKAGES))
INCLUDES = $(shell $(PKG_CONFIG) --cflags $(PACKAGES) $(TOOL_PACKAGES) \
	$(TELEGRAM_PACKAGES) libsystemd)

COMPILE = $(CC) -std=gnu11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) $(HARDEN) \
	$(SANITIZE) -DVERSION='"$(VERSION)"' \
	-DSETTINGS_FILE='"$(SYSCONFDIR)/notify-milter/notify-milter.conf"' \
	-DTEXTS_FOLDER='"$(SYSCONFDIR)/notify-milter/texts"' \
	-I. -Ipolicy -Itools $(INCLUDES) -MMD -MP

policy_o = $(POLICY:%=$(BUILD)/policy/%.o)
milter_o = $(MILTER:%=$(BUILD)/milter/%.o)

notifyctl_o = $(NOTIFYCTL:%=$(BUILD)/tools/%.o)
agent_o = $(AGENT:%=$(BUILD)/tools/%.o) $(DAEMON)
bot_o = $(BOT:%=$(BUILD)/tools/%.o) $(DAEMON)

# For targets that need several builds.
ALL_CORES = -s -j$(shell nproc)
check check-deep: export WERROR ?= -Werror

all: $(BUILD)/notify-milter $(BUILD)/notifyctl $(BUILD)/notify-telegram \
	$(BUILD)/notify-bot $(BUILD)/notifyctl.bash

$(BUILD)/notify-milter: $(milter_o) $(DAEMON) $(BUILD)/tools/lib/identity.o \
	$(BUILD)/libpolicy.a
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ -lmilter $(DAEMON_LIBS) $(LIBS)

$(BUILD)/notifyctl: $(notifyctl_o) $(BUILD)/libpolicy.a
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ -lcsv $(TOOL_LIBS) $(LIBS)

# The commands are those that `notifyctl --help` lists.
$(BUILD)/notifyctl.bash: tools/notifyctl/completion.bash $(BUILD)/notifyctl
	$(BUILD)/notifyctl --help | \
		sed -n -e 's/^  \([a-z][a-z ]*[a-z]\) \{0,1\}/\1|/p' | \
		sed -e '/@COMMANDS@/{r /dev/stdin' -e 'd}' $< >$@.new
	mv $@.new $@

$(BUILD)/notify-telegram: $(agent_o) $(BUILD)/libpolicy.a
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(TELEGRAM_LIBS) $(DAEMON_LIBS) $(LIBS)

$(BUILD)/notify-bot: $(bot_o) $(BUILD)/libpolicy.a
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(TELEGRAM_LIBS) $(DAEMON_LIBS) $(LIBS)

# Rebuild the library when POSTGRESQL changes.
$(BUILD)/postgresql-$(POSTGRESQL):
	@mkdir -p $(@D)
	rm -f $(BUILD)/postgresql-*
	touch $@

$(BUILD)/libpolicy.a: $(policy_o) $(BUILD)/postgresql-$(POSTGRESQL)
	rm -f $@
	$(AR) rcs $@ $(policy_o)

$(DRIVERS_yes:%=$(BUILD)/policy/db/%.o): \
	INCLUDES += $(shell $(PKG_CONFIG) --cflags libpq)

# What prints the version.
$(BUILD)/tools/lib/daemon.o $(notifyctl_o): tools/package/changelog

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

unit_c = $(wildcard tests/unit/*.c)
unit_o = $(unit_c:%.c=$(BUILD)/%.o) \
	$(patsubst %,$(BUILD)/tools/%.o,$(addprefix lib/, identity textfile texts \
	texttable token) notifyctl/requeue/content \
	$(addprefix telegram/, $(CHATTEXT) agents mailhead patience turn))
$(BUILD)/tests/unit/%.o: INCLUDES += $(shell $(PKG_CONFIG) --cflags check)

$(BUILD)/unit: $(unit_o) $(BUILD)/libpolicy.a
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs check) \
		$(TELEGRAM_LIBS) $(LIBS)

# The callbacks of the milter, and a stand-in for libmilter that calls them.
$(BUILD)/tests/%.o: INCLUDES += -Itests
callbacks_o = $(BUILD)/tests/mta/mta.o \
	$(filter-out $(BUILD)/milter/main.o,$(milter_o))

# The driver of the model test.
model_o = $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/model/*.c)) \
	$(callbacks_o)

$(BUILD)/model: $(model_o) $(BUILD)/libpolicy.a
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(shell $(PKG_CONFIG) --libs \
		glib-2.0 jansson) $(LIBS)

# Fuzzing: SAN=fuzz, with clang. FUZZED: objects of the targets beside policy/.
FUZZ = address botapi chattext import milter settings tag
FUZZED = $(addprefix tests/fuzz/, fuzz people rules) tests/mta/mta \
	$(addprefix milter/, apply config report session stats) \
	$(addprefix tools/lib/, identity textfile texts texttable token) \
	tools/notifyctl/commands/rostercsv \
	$(addprefix tools/telegram/, botapi $(CHATTEXT) conversation mailhead \
	outcome patience update)

$(BUILD)/libfuzzed.a: $(FUZZED:%=$(BUILD)/%.o)
	rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/libfuzzed.a \
		$(BUILD)/libpolicy.a
	$(CC) $(SANITIZE) -fsanitize=fuzzer $(LDFLAGS) -o $@ $^ -lcsv \
		$(TELEGRAM_LIBS) $(LIBS)

fuzz_programs: $(FUZZ:%=$(BUILD)/fuzz_%)

# The benchmarks: loadgen plays the MTA, rival a milter that decides nothing.
LOADGEN = dial histogram loadgen options script smtp
BENCH = $(BUILD)/loadgen $(BUILD)/rival $(BUILD)/logsink
$(BUILD)/loadgen: $(LOADGEN:%=$(BUILD)/tests/bench/%.o)
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ -lpthread

$(BUILD)/rival: $(BUILD)/tests/bench/rival.o
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ -lmilter -lpthread

$(BUILD)/logsink: $(BUILD)/tests/bench/logsink.o
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^

bench:
	@tests/packages bench
	@$(MAKE) $(ALL_CORES) all $(BENCH)
	@tests/bench/run

bench-quick:
	@tests/packages bench
	@$(MAKE) $(ALL_CORES) all $(BENCH)
	@tests/bench/run --quick

# Failing allocations and refused changes. The object that replaces malloc(3) is
# built without sanitizers.
faults_o = $(addprefix $(BUILD)/tests/faults/, arena.o memory.o faults.o) \
	$(addprefix $(BUILD)/tests/fuzz/, fuzz.o fuzz_milter.o people.o rules.o) \
	$(callbacks_o)
$(BUILD)/tests/faults/arena.o: policy/base/arena.c
	@mkdir -p $(@D)
	$(COMPILE) -DFIRST_BLOCK=0 -DLARGEST_BLOCK=0 -c -o $@ $<

$(BUILD)/tests/faults/memory.o: SANITIZE = $(BEFORE_ASAN)

$(BUILD)/faults: $(faults_o) $(BUILD)/libpolicy.a
	$(CC) $(SANITIZE) $(LDFLAGS) -o $@ $^ $(LIBS)

# Libraries that are preloaded into programs under test.
PRELOADED = $(addprefix $(BUILD)/, clock.so crash.so memory.so system.so)
$(BUILD)/system.so: SANITIZE =
$(BUILD)/%.so: INCLUDES += -Itests
$(BUILD)/%.so: tests/faults/%.c
	@mkdir -p $(@D)
	$(COMPILE) -fPIC -shared -o $@ $<

MODEL_CASES = 20000
model:
	@tests/packages check
	@$(MAKE) $(ALL_CORES) all build/model
	@MODEL_CASES=$(MODEL_CASES) MODEL_SEED=$(MODEL_SEED) tests/model/run

# The long forms: a million messages, which must leak nothing; many through
# Postfix while everything breaks; a message of 1 GB; a roster of millions; relays
# that lose their primary again and again; and 50 connections, signals and
# malformed packets for a milter under ThreadSanitizer.
soak:
	@tests/packages deep
	@$(MAKE) $(ALL_CORES) all build/loadgen
	@$(MAKE) $(ALL_CORES) SAN=thread all
	@tests/run -t 4000 NM_MESSAGES=1000000 \
		tests/soak/mail-leaves-nothing-in-the-milter.t \
		NM_MESSAGES=20000 tests/soak/conservation.t \
		NM_MEGABYTES=1024 tests/soak/messages-without-end.t \
		NM_ROWS=5000000 tests/soak/roster-of-millions.t \
		NM_FAILOVERS=20 tests/soak/a-fleet-outlives-its-primary.t \
		NM_MESSAGES=5000 NM_CLIENTS=50 NM_BUILD=$(CURDIR)/build/tsan \
		tests/soak/conservation.t tests/e2e/signals-lose-no-message.t \
		tests/e2e/mta-that-breaks-off-harms-nobody.t

# Finds uses of uninitialised memory, which the sanitizers here do not detect.
valgrind:
	@tests/packages deep
	@$(MAKE) $(ALL_CORES) all
	@tests/run -t 3600 NM_LONG=1 tests/valgrind/run

FUZZ_TIME = 600
fuzz:
	@tests/packages deep
	@$(MAKE) $(ALL_CORES) SAN=fuzz fuzz_programs
	@tests/fuzz/run -t $(FUZZ_TIME)

deps:
	@tests/packages build

demo:
	@tests/packages demo
	@echo "building the programs"
	@$(MAKE) $(ALL_CORES) all
	@tests/demo/demo

# A test states in its first comments what it needs, and in which forms it does
# not run: see tests/README.md. Most tests mostly wait, so more of them run than
# there are processors.
TEST_JOBS = 8
E2E = $(sort $(wildcard tests/e2e/*.t))
# These start a PostgreSQL server, or say that they take long: make check-deep
# runs them.
DEEP = $(shell grep -lE '^\# (needs:.* postgresql|deep: )' $(E2E))

tests: all $(BUILD)/unit $(BUILD)/model $(BUILD)/faults $(PRELOADED)

# The #include lines against the layers of policy/README.md.
layers:
	@tests/run tests/layers

check:
	@tests/packages check
	@echo "building the programs and their tests"
	@$(MAKE) $(ALL_CORES) tests
	@tests/run -j $(TEST_JOBS) tests/layers build/unit tests/model/run $(filter-out $(DEEP),$(E2E))

check-deep:
	@tests/packages deep
	@echo "building the programs three times: as they are installed, with"
	@echo "sanitizers, and as fuzz targets"
	@$(MAKE) $(ALL_CORES) tests build/loadgen
	@$(MAKE) $(ALL_CORES) SAN=1 all build/san/unit build/san/model \
		build/san/faults build/san/system.so
	@$(MAKE) $(ALL_CORES) SAN=fuzz fuzz_programs
	@tests/run -j $(TEST_JOBS) -t 900 tests/fuzz/run tests/valgrind/run \
		tests/soak/mail-leaves-nothing-in-the-milter.t \
		tests/soak/conservation.t tests/soak/messages-without-end.t \
		tests/soak/roster-of-millions.t \
		tests/soak/a-fleet-outlives-its-primary.t build/faults $(DEEP) \
		--form sanitizer build/san/unit build/san/faults \
		tests/model/run $(E2E) \
		--form postgresql build/unit build/san/unit tests/model/run \
		tests/soak/conservation.t tests/soak/roster-of-millions.t $(E2E)

# README's two commands on a Debian that has nothing else: trixie or bookworm.
RELEASE = trixie
check-debian:
	@tests/debian $(RELEASE)

# The same releases, booted. Not in CI: qemu emulates the processor.
check-boot:
	@tests/packages boot
	@tests/boot/machine $(RELEASE)

# The directories of Debian; the paths in units and samples follow PREFIX.
sbin = $(DESTDIR)$(PREFIX)/sbin
man = $(DESTDIR)$(PREFIX)/share/man
doc = $(DESTDIR)$(PREFIX)/share/doc/notify-milter
units = $(DESTDIR)$(PREFIX)/lib/systemd/system
completions = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
etc = $(DESTDIR)$(SYSCONFDIR)/notify-milter
PROGRAMS = notify-milter notifyctl notify-telegram notify-bot
MAN8 = milter/notify-milter.8 tools/notifyctl/notifyctl.8 \
	tools/telegram/notify-bot.8 tools/telegram/notify-telegram.8
MAN5 = policy/settings/notify-milter.conf.5
UNITS = notify-milter.service notify-bot.service notify-notices.service \
	notify-notices.timer
TEXTS = $(wildcard postfix-sample/texts/*.conf)
SAMPLES = $(filter-out $(UNITS:%=postfix-sample/%), \
	$(shell find postfix-sample -type f))
placed = sed -e 's,/usr/local/sbin,$(PREFIX)/sbin,g' \
	-e 's,/etc/notify-milter,$(SYSCONFDIR)/notify-milter,g'

install: all
	install -d $(sbin) $(man)/man5 $(man)/man8 $(doc)/postfix-sample \
		$(units) $(completions) $(etc)/texts
	install -m 755 $(PROGRAMS:%=$(BUILD)/%) $(sbin)
	install -m 644 $(MAN5) $(man)/man5
	install -m 644 $(MAN8) $(man)/man8
	install -m 644 $(BUILD)/notifyctl.bash $(completions)/notifyctl
	install -m 644 README.md $(doc)
	install -D -m 644 policy/README.md $(doc)/policy/README.md
	install -D -m 644 tools/package/README.md $(doc)/tools/package/README.md
	install -D -m 644 -t $(doc)/tools/package/monitoring \
		$(wildcard tools/package/monitoring/*)
	for file in $(SAMPLES); do \
		mkdir -p $(doc)/$${file%/*} && \
		$(placed) $$file >$(doc)/$$file && chmod 644 $(doc)/$$file || exit; \
	done
	for unit in $(UNITS); do \
		$(placed) postfix-sample/$$unit >$(units)/$$unit && \
		chmod 644 $(units)/$$unit || exit; \
	done
	test -e $(etc)/notify-milter.conf || \
		install -m 644 $(doc)/postfix-sample/notify-milter.conf $(etc)
	for file in $(TEXTS); do \
		test -e $(etc)/texts/$${file##*/} || \
		install -m 644 $$file $(etc)/texts || exit; \
	done

# Keeps settings and roster.
uninstall:
	rm -f $(PROGRAMS:%=$(sbin)/%) $(UNITS:%=$(units)/%) \
		$(UNITS:%=$(DESTDIR)/etc/systemd/system/*.wants/%) \
		$(patsubst %,$(man)/man8/%,$(notdir $(MAN8))) \
		$(patsubst %,$(man)/man5/%,$(notdir $(MAN5))) \
		$(completions)/notifyctl
	rm -rf $(doc)

deb:
	@tests/packages deb
	@$(MAKE) -s all
	@tools/package/build

clean:
	rm -rf build

.PHONY: all bench bench-quick check check-boot check-debian check-deep clean \
	deb demo deps fuzz fuzz_programs install layers model soak tests \
	uninstall valgrind

-include $(shell find build -path build/unpacked -prune -o -name '*.d' \
	-type f -print 2>/dev/null)
