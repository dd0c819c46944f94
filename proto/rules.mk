# The schema: from the .proto files to objects of the program.
#
#   *.proto ─ protoc ──▶ *.pb-c.c, *.pb-c.h      structs and descriptors
#           └ protoc ──▶ schema.desc ─ gen-schema ──▶ schema.c, schema-messages.h
#
# Takes B, GEN, CC, CPPFLAGS, CFLAGS, Q and say from the Makefile. Gives PROTO_OBJS,
# to link with -lprotobuf-c, and PROTO_HEADERS, which must be there before any file
# is compiled that includes one of them (an order-only prerequisite).

PROTO_NAMES := bpf cgroup cpu-aarch64 cpu-arm cpu-loongarch64 cpu-mips cpu-ppc64	\
	cpu-riscv64 cpu-s390 cpu-x86 cpuinfo deleted-files file-owner files inet	\
	inventory ipc marks memory mounts namespaces network pipes processes security	\
	signals sockets special-files stats timers tty watches

PROTO_FILES   := $(PROTO_NAMES:%=proto/%.proto)
PROTO_SOURCES := $(PROTO_NAMES:%=$(GEN)/%.pb-c.c)
PROTO_HEADERS := $(PROTO_NAMES:%=$(GEN)/%.pb-c.h) $(GEN)/schema-messages.h
PROTO_OBJS    := $(B)/proto/schema.o $(B)/proto/names.o $(B)/proto/gen/schema.o

PROTOC   ?= protoc
PROTOC_C ?= protoc-c
# gen-schema runs while building: for this machine, whatever the program is built for.
HOSTCC   ?= $(CC)

PROTO_WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2	\
	-Wundef -Wvla -Wpointer-arith -Werror
PROTO_CPP  := -I. -I$(GEN) -MMD -MP

# All at once: an import makes the code of one file depend on others.
$(PROTO_SOURCES) $(PROTO_NAMES:%=$(GEN)/%.pb-c.h) &: $(PROTO_FILES) proto/rules.mk
	$(call say,GEN,$(GEN)/*.pb-c.c)
	@mkdir -p $(GEN)
	$(Q)$(PROTOC_C) --c_out=$(GEN) -Iproto $(PROTO_FILES)

$(GEN)/google/protobuf/descriptor.pb-c.c $(GEN)/google/protobuf/descriptor.pb-c.h &: proto/rules.mk
	$(call say,GEN,$@)
	@mkdir -p $(GEN)
	$(Q)$(PROTOC_C) --c_out=$(GEN) google/protobuf/descriptor.proto

$(GEN)/schema.desc: $(PROTO_FILES) proto/rules.mk
	$(call say,GEN,$@)
	@mkdir -p $(GEN)
	$(Q)$(PROTOC) --descriptor_set_out=$@ -Iproto $(PROTO_FILES)

PROTO_GEN_SCHEMA_SOURCES := proto/gen-schema.c $(GEN)/marks.pb-c.c	\
	$(GEN)/google/protobuf/descriptor.pb-c.c

$(GEN)/gen-schema: $(PROTO_GEN_SCHEMA_SOURCES) $(GEN)/marks.pb-c.h
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) -std=gnu11 -D_GNU_SOURCE -O1 -g $(PROTO_WARN) -I$(GEN) -o $@	\
		$(PROTO_GEN_SCHEMA_SOURCES) -lprotobuf-c

$(GEN)/schema.c $(GEN)/schema-messages.h &: $(GEN)/gen-schema $(GEN)/schema.desc
	$(call say,GEN,$(GEN)/schema.c)
	$(Q)$(GEN)/gen-schema $(GEN)/schema.desc $(GEN)/schema.c $(GEN)/schema-messages.h

# Includes the .pb-c.c files, see gen-schema.c.
$(B)/proto/gen/schema.o: $(GEN)/schema.c $(PROTO_SOURCES) $(PROTO_HEADERS)
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(PROTO_CPP) $(CFLAGS) $(PROTO_WARN) -c -o $@ $<

$(B)/proto/schema.o $(B)/proto/names.o: $(B)/proto/%.o: proto/%.c
	$(call say,CC,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(PROTO_CPP) $(CFLAGS) $(PROTO_WARN) -c -o $@ $<

-include $(PROTO_OBJS:.o=.d)
