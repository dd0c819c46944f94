# Fuzzing (README.md here). Takes B, GEN, CC, CPPFLAGS, CFLAGS, LDFLAGS, LIBCRIT, Q and say
# from the Makefile. Gives REPLAYS: the targets as programs that read files, which
# tests need and which need no fuzzer.

FUZZ_TARGETS := archive document dump edit image json
REPLAYS      := $(patsubst %,$(B)/tests/replay-%,$(FUZZ_TARGETS) fails)
FUZZERS      := $(FUZZ_TARGETS:%=$(B)/tests/fuzz-%)
FUZZ_OBJS    := $(patsubst %.c,$(B)/%.o,$(wildcard tests/fuzz/*.c))

FUZZ      ?= $(FUZZ_TARGETS)
FUZZ_TIME ?= 60
FUZZ_SANITIZE := -fsanitize=fuzzer-no-link,address,undefined	\
	-fno-sanitize-recover=undefined -fno-omit-frame-pointer

.PHONY: fuzz fuzzers fuzz-afl fuzz-coverage deps-fuzz replays

deps-fuzz:
	$(Q)contrib/deps build fuzz

$(FUZZ_OBJS): $(B)/tests/fuzz/%.o: tests/fuzz/%.c | $(PROTO_HEADERS)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(REPLAYS): $(B)/tests/replay-%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/replay.o $(B)/libcrit.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBCRIT)

replays: $(REPLAYS)

# Those whose inputs have a structure know how to change one.
$(patsubst %,$(B)/tests/fuzz-%,document dump image): $(B)/tests/fuzz/mutate.o
$(B)/tests/fuzz-archive: $(B)/tests/fuzz/mutate-tar.o

# Each with a main() of the compiler's: libFuzzer's, or AFL++'s.
$(FUZZERS): $(B)/tests/fuzz-%: $(B)/tests/fuzz/%.o $(B)/libcrit.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(B)/libcrit.a $(LIBCRIT)

fuzzers: $(FUZZERS)

# `make fuzz FUZZ='image json' FUZZ_TIME=600`: two at a time, that many seconds each.
fuzz: deps-fuzz
	@$(MAKE) --no-print-directory B=build/fuzz CC=clang OPT='-O2 -g'	\
		SANITIZE='$(FUZZ_SANITIZE)' fuzzers
	$(Q)tests/fuzz/fuzz.py run --build build/fuzz --seconds $(FUZZ_TIME) $(FUZZ)

# The same with AFL++, of the index and texts of images.
fuzz-afl: deps-fuzz
	@$(MAKE) --no-print-directory B=build/afl CC=afl-clang-fast OPT='-O1 -g'	\
		build/afl/tests/fuzz-image
	$(Q)tests/fuzz/fuzz.py afl --build build/afl --seconds $(FUZZ_TIME) image

# Which lines and branches of decoder/ the inputs that were found reach.
fuzz-coverage: deps-fuzz
	@$(MAKE) --no-print-directory B=build/coverage CC=clang OPT='-O1 -g'	\
		SANITIZE='-fprofile-instr-generate -fcoverage-mapping' replays
	$(Q)tests/fuzz/fuzz.py coverage --build build/coverage $(FUZZ)

-include $(FUZZ_OBJS:.o=.d)
