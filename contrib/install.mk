# What is installed, and where: `make install`, `make uninstall`.
#
# Takes B, GEN, VERSION, OPT, Q, say and the compiler's variables from the Makefile.

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR    ?= $(PREFIX)/share
MANDIR     ?= $(DATADIR)/man
DOCDIR     ?= $(DATADIR)/doc/critfs
BASHDIR    ?= $(DATADIR)/bash-completion/completions
ZSHDIR     ?= $(DATADIR)/zsh/site-functions
# mount(8) looks for its helpers nowhere else.
MOUNTDIR   ?= $(if $(filter /usr /usr/local,$(PREFIX)),/sbin,$(PREFIX)/sbin)
DESTDIR    ?=

# ------------------------------------------------------------------- the library

SONAME := libcrit.so.$(firstword $(subst ., ,$(VERSION)))
SHARED := libcrit.so.$(VERSION)
PIC    := $(B)/pic

.PHONY: lib pic-objects
lib: $(B)/lib/$(SHARED) $(B)/lib/libcrit.a $(B)/lib/libcrit.pc

# Position independent, but as fast: nobody puts other functions in the place of these.
pic-objects:
	@$(MAKE) --no-print-directory B=$(PIC) OPT='$(OPT) -fPIC -fno-semantic-interposition'	\
		$(PIC)/libcrit.a

$(PIC)/libcrit.a: pic-objects

$(B)/lib/$(SHARED): $(PIC)/libcrit.a decoder/libcrit.map
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,-z,defs -Wl,-soname,$(SONAME)	\
		-Wl,--version-script=decoder/libcrit.map -o $@	\
		-Wl,--whole-archive $< -Wl,--no-whole-archive $(LIBCRIT)

# One object, in which only what is the library's own can be seen.
$(B)/lib/libcrit.a: $(PIC)/libcrit.a
	$(call say,AR,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -r -nostdlib -o $(@:.a=.o) -Wl,--whole-archive $<
	$(Q)objcopy --wildcard --keep-global-symbol='crit_*' $(@:.a=.o)
	$(Q)rm -f $@ && $(AR) rcs $@ $(@:.a=.o)

.PHONY: $(B)/lib/libcrit.pc
$(B)/lib/libcrit.pc: contrib/libcrit.pc.in
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|'	\
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' $< >$@

# crit.h, and all of ours that it needs.
CRIT_HEADERS = $(filter-out %.o: \ decoder/crit.h,	\
	$(shell $(CC) $(CPPFLAGS) $(call PKG,--cflags) -MM decoder/crit.h))

# ------------------------------------------------------------------------ files

# For editors, and recipes; contrib/README.md says what to do with them.
SHOWN   := $(wildcard contrib/vim/*/* contrib/emacs/*) contrib/recipes/common.sh	\
	contrib/recipes/README.md
RECIPES := $(filter-out $(SHOWN),$(wildcard contrib/recipes/*))

# mode:source:destination
INSTALLED = \
	755:$(B)/critfs:$(BINDIR)/critfs	\
	755:$(B)/critic:$(BINDIR)/critic	\
	644:$(B)/lib/$(SHARED):$(LIBDIR)/$(SHARED)	\
	644:$(B)/lib/libcrit.a:$(LIBDIR)/libcrit.a	\
	644:$(B)/lib/libcrit.pc:$(LIBDIR)/pkgconfig/libcrit.pc	\
	644:decoder/crit.h:$(INCLUDEDIR)/crit/crit.h	\
	$(foreach h,$(CRIT_HEADERS),644:$h:$(INCLUDEDIR)/crit/$(patsubst $(GEN)/%,%,$h))	\
	644:contrib/critfs.1:$(MANDIR)/man1/critfs.1	\
	644:contrib/critic.1:$(MANDIR)/man1/critic.1	\
	644:contrib/completions/critfs.bash:$(BASHDIR)/critfs	\
	644:contrib/completions/critic.bash:$(BASHDIR)/critic	\
	644:contrib/completions/_critfs:$(ZSHDIR)/_critfs	\
	644:contrib/completions/_critic:$(ZSHDIR)/_critic	\
	$(foreach f,$(SHOWN),644:$f:$(DATADIR)/critfs/$(f:contrib/%=%))	\
	$(foreach f,$(RECIPES),755:$f:$(DATADIR)/critfs/$(f:contrib/%=%))	\
	644:contrib/systemd/srv-checkpoint.mount:$(DOCDIR)/examples/srv-checkpoint.mount	\
	644:contrib/systemd/srv-checkpoint.automount:$(DOCDIR)/examples/srv-checkpoint.automount

# target:name
LINKS = \
	$(SHARED):$(LIBDIR)/$(SONAME)	\
	$(SONAME):$(LIBDIR)/libcrit.so	\
	$(BINDIR)/critfs:$(MOUNTDIR)/mount.critfs	\
	../man1/critfs.1:$(MANDIR)/man8/mount.critfs.8

# Removed when nothing is left in them.
OWN_DIRS = $(INCLUDEDIR)/crit $(DATADIR)/critfs $(DOCDIR)

.PHONY: install uninstall
install: all lib
	$(Q)for file in $(INSTALLED); do	\
		mode=$${file%%:*} from=$${file#*:};	\
		install -D -m "$$mode" "$${from%%:*}" "$(DESTDIR)$${from#*:}" || exit;	\
	done
	$(Q)for link in $(LINKS); do	\
		install -d "$(DESTDIR)$$(dirname "$${link#*:}")" &&	\
		ln -sf "$${link%%:*}" "$(DESTDIR)$${link#*:}" || exit;	\
	done

uninstall:
	$(Q)for file in $(INSTALLED) $(LINKS); do	\
		rm -f "$(DESTDIR)$${file##*:}";	\
	done
	$(Q)for dir in $(OWN_DIRS); do	\
		test ! -d "$(DESTDIR)$$dir" || find "$(DESTDIR)$$dir" -depth -type d -empty -delete;	\
	done
