# critfs: `make` builds, `make test` tests, `make demo` shows. No configuring:
# what is missing on a Debian machine is installed first, by contrib/deps.

B   ?= build
GEN := build/gen

VERSION := 0.1.0

CC      ?= gcc
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes	\
	-Wformat=2 -Wundef -Wvla -Wpointer-arith
WERROR  ?=
DEPS    ?= contrib/deps
OPT     ?= -O2 -g
SANITIZE ?=
CFLAGS  += -std=gnu11 $(OPT) $(WARN) $(WERROR) $(SANITIZE)
LDFLAGS += $(SANITIZE)

# Packages are looked up when something is built, not when make starts: deps may
# have to install pkg-config first.
PKG      = $(shell pkg-config $(1) $(or $(2),fuse3 libprotobuf-c json-c))
LIBCRIT  = $(call PKG,--libs,libprotobuf-c json-c)
CPPFLAGS += -I. -I$(GEN) -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64

ifeq ($(V),1)
Q   :=
say :=
else
Q   := @
say  = @printf '  %-7s %s\n' $(1) $(2)
endif

.PHONY: all test bench demo deps deps-test deps-bench deps-lint asan tsan programs clean check-unit
.DELETE_ON_ERROR:

all: deps
	@$(MAKE) --no-print-directory programs

DECODER_DIRS := decoder decoder/archive decoder/check decoder/core decoder/proc decoder/stats
DECODER_OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard $(DECODER_DIRS:%=%/*.c)))
CRITIC_OBJS  := $(patsubst %.c,$(B)/%.o,$(wildcard decoder/critic/*.c))
FS_OBJS      := $(patsubst %.c,$(B)/%.o,$(wildcard fs/*.c))
UNIT_TESTS   := $(patsubst tests/unit/%.c,$(B)/tests/%,$(wildcard tests/unit/unit-*.c))
TEST_TOOLS   := $(patsubst %,$(B)/tests/%,core-read dump-text proc-dump space-show text-check)
BENCH_TOOLS  := $(B)/tests/cost $(B)/tests/nullfs

programs: $(B)/critfs $(B)/critic

include proto/rules.mk

$(B)/libcrit.a: $(DECODER_OBJS) $(PROTO_OBJS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/critfs: $(FS_OBJS) $(B)/libcrit.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call PKG,--libs,fuse3 libprotobuf-c json-c libseccomp) -lpthread

$(B)/critic: $(CRITIC_OBJS) $(B)/libcrit.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBCRIT)

$(B)/decoder/%.o: decoder/%.c | $(PROTO_HEADERS)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -DCRITFS_VERSION='"$(VERSION)"' $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/fs/%.o: fs/%.c | $(PROTO_HEADERS)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -DCRITFS_VERSION='"$(VERSION)"' $(call PKG,--cflags) $(CFLAGS)	\
		-MMD -MP -c -o $@ $<

$(B)/tests/unit-%: tests/unit/unit-%.c $(B)/libcrit.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -MMD -MP -MF $@.d -o $@	\
		$(filter %.c %.o,$^) $(filter %.a,$^) $(call PKG,--libs)

# These are the file system's, but know nothing of FUSE.
$(B)/tests/unit-draft: $(B)/fs/draft.o
$(B)/tests/unit-slots: $(B)/fs/slots.o

$(B)/tests/schema-dump: tests/unit/schema-dump.c $(PROTO_OBJS) | $(PROTO_HEADERS)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(PROTO_OBJS) -lprotobuf-c

# What tests ask of the library, as texts.
$(TEST_TOOLS): $(B)/tests/%: tests/unit/%.c $(B)/libcrit.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -MMD -MP -MF $@.d -o $@	\
		$(filter %.c %.a,$^) $(LIBCRIT)

include tests/fuzz/rules.mk

-include $(DECODER_OBJS:.o=.d) $(CRITIC_OBJS:.o=.d) $(FS_OBJS:.o=.d) $(UNIT_TESTS:=.d) $(TEST_TOOLS:=.d)

# What tests run: the program, and the programs that test the library and measure.
.PHONY: tested
tested: programs $(UNIT_TESTS) $(B)/tests/schema-dump $(TEST_TOOLS) $(BENCH_TOOLS) $(REPLAYS)

deps:
	$(Q)$(DEPS) build

deps-test:
	$(Q)$(DEPS) build test

deps-bench:
	$(Q)$(DEPS) build bench

deps-lint:
	$(Q)$(DEPS) build lint

SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

asan: deps
	@$(MAKE) --no-print-directory B=build/asan OPT='-O1 -g' SANITIZE='$(SANITIZERS)' tested

# For what runs in several threads; of no use with ASan in one program.
tsan: deps
	@$(MAKE) --no-print-directory B=build/tsan OPT='-O1 -g' SANITIZE='-fsanitize=thread' tested

# As it is shipped, under AddressSanitizer and UBSan, and where threads meet, ThreadSanitizer.
test: deps-test
	@$(MAKE) --no-print-directory WERROR=-Werror tested
	@$(MAKE) --no-print-directory WERROR=-Werror asan
	@$(MAKE) --no-print-directory WERROR=-Werror tsan
	$(Q)tests/all $(B) build/asan build/tsan

.PHONY: valgrind soak lint analyze

# All unit tests; `make test` has those that take less than some seconds.
valgrind: deps-test
	@$(MAKE) --no-print-directory WERROR=-Werror tested
	$(Q)CRITFS_VALGRIND=all CRITFS_BUILD=$(B) tests/run tests/test_unit.py

# Everybody at work on one mount for SOAK seconds. CRITFS_UPPER=1: one with an upper directory.
SOAK ?= 3600
soak: deps-test
	@$(MAKE) --no-print-directory tested
	$(Q)CRITFS_BUILD=$(B) tests/soak/soak.py --seconds $(SOAK)

# Form and usual mistakes; and what follows the paths through functions, which takes minutes.
lint: deps-lint
	@$(MAKE) --no-print-directory programs
	$(Q)contrib/lint/run

analyze: deps-lint
	@$(MAKE) --no-print-directory programs
	$(Q)contrib/lint/run paths

$(B)/tests/cost: tests/bench/cost.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $<

$(B)/tests/nullfs: tests/bench/nullfs.c tests/bench/nulltree.c tests/bench/nulltree.h
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(call PKG,--cflags) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.c,$^)	\
		$(call PKG,--libs)

# Beside other tools; `make bench BENCH=--quick` to try, --help says what else.
BENCH ?=
bench: deps-bench
	@$(MAKE) --no-print-directory programs $(BENCH_TOOLS)
	$(Q)CRITFS_BUILD=$(B) tests/bench/bench.py $(BENCH)

demo: all
	$(Q)contrib/demo $(B)/critfs

# On 32 bits, and where numbers have their bytes in the other order.
.PHONY: ports
ports:
	$(Q)$(DEPS) build ports
	@$(MAKE) --no-print-directory B=build programs
	$(Q)tests/ports

include contrib/install.mk

# A release, and Debian's packages of it.
.PHONY: dist deb
dist:
	$(Q)contrib/dist $(VERSION) $(B)/critfs-$(VERSION).tar.xz

deb: dist
	$(Q)$(DEPS) build deb
	$(Q)rm -rf $(B)/deb && mkdir -p $(B)/deb && tar -C $(B)/deb -xf $(B)/critfs-$(VERSION).tar.xz
	cd $(B)/deb/critfs-$(VERSION) && dpkg-buildpackage -us -uc -b
	lintian --fail-on error,warning $(B)/deb/*.changes

clean:
	rm -rf build
