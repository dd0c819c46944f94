/*
 * What is where in a core. As the kernel writes it: the ELF header, the program headers, the
 * notes, the memory from the next page on, and where program headers are too many to be
 * counted in the ELF header, a section header at the end that counts them.
 */
#include "decoder/core/core.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/core/loads.h"
#include "decoder/core/notes.h"
#include "decoder/core/put.h"

enum {
	EHDR_SIZE = 64,
	PHDR_SIZE = 56,
	SHDR_SIZE = 64,
	NOTE_ALIGNMENT = 4,
};

struct crit_core {
	struct crit_space *space; /* a reference */
	struct crit_loads loads;
	uint16_t elf_type; /* EM_* */

	/* offsets in the file; where one part ends the next begins */
	uint64_t notes_at, notes_end, memory_at, memory_end, end;
	struct crit_buf notes;
	struct crit_buf piece; /* what was made last of that which is not kept */
};

/* Program headers: of the notes, and of each PT_LOAD. */
static uint64_t n_headers(const struct crit_core *core)
{
	return core->loads.n + 1;
}

static bool has_section(const struct crit_core *core)
{
	return n_headers(core) >= PN_XNUM;
}

static void put_ident(struct crit_buf *b)
{
	static const uint8_t ident[EI_NIDENT] = {
		ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT,
	};

	crit_buf_add(b, ident, sizeof(ident));
}

static void put_header(struct crit_buf *b, const struct crit_core *core)
{
	bool section = has_section(core);

	put_ident(b);
	crit_core_put16(b, ET_CORE);
	crit_core_put16(b, core->elf_type);
	crit_core_put32(b, EV_CURRENT);
	crit_core_put64(b, 0); /* e_entry */
	crit_core_put64(b, EHDR_SIZE);
	crit_core_put64(b, section ? core->memory_end : 0);
	crit_core_put32(b, 0); /* e_flags */
	crit_core_put16(b, EHDR_SIZE);
	crit_core_put16(b, PHDR_SIZE);
	crit_core_put16(b, section ? PN_XNUM : (uint16_t)n_headers(core));
	crit_core_put16(b, section ? SHDR_SIZE : 0);
	crit_core_put16(b, section ? 1 : 0);
	crit_core_put16(b, SHN_UNDEF);
}

/* The number of program headers is in sh_info, see elf(5) about PN_XNUM. */
static void put_section(struct crit_buf *b, const struct crit_core *core)
{
	crit_core_put32(b, 0); /* sh_name */
	crit_core_put32(b, SHT_NULL);
	crit_core_put64(b, 0); /* sh_flags */
	crit_core_put64(b, 0); /* sh_addr */
	crit_core_put64(b, 0); /* sh_offset */
	crit_core_put64(b, 1); /* sh_size: section headers, as in e_shnum */
	crit_core_put32(b, SHN_UNDEF);
	crit_core_put32(b, (uint32_t)n_headers(core));
	crit_core_put64(b, 0); /* sh_addralign */
	crit_core_put64(b, 0); /* sh_entsize */
}

static void put_note_header(struct crit_buf *b, const struct crit_core *core)
{
	crit_core_put32(b, PT_NOTE);
	crit_core_put32(b, 0);
	crit_core_put64(b, core->notes_at);
	crit_core_put64(b, 0);
	crit_core_put64(b, 0);
	crit_core_put64(b, core->notes.len);
	crit_core_put64(b, 0);
	crit_core_put64(b, NOTE_ALIGNMENT);
}

/* From PROT_* of mmap(2), which vma_entry.prot has. */
static uint32_t flags_of(uint32_t prot)
{
	return (prot & 1 ? PF_R : 0) | (prot & 2 ? PF_W : 0) | (prot & 4 ? PF_X : 0);
}

static void put_load(struct crit_buf *b, const struct crit_core *core,
		     const struct crit_load *load)
{
	crit_core_put32(b, PT_LOAD);
	crit_core_put32(b, flags_of(crit_load_mapping(&core->loads, load)->prot));
	crit_core_put64(b, core->memory_at + load->off);
	crit_core_put64(b, load->start);
	crit_core_put64(b, 0); /* p_paddr */
	crit_core_put64(b, crit_load_size(load));
	crit_core_put64(b, load->kind == CRIT_LOAD_LOST ? 0 : load->end - load->start);
	crit_core_put64(b, crit_space_page_size(core->space));
}

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

static int lay_out(struct crit_core *core, struct crit_error *err)
{
	uint64_t last = has_section(core) ? SHDR_SIZE : 0;

	/* neither of the two is near 2^63 */
	core->notes_at = EHDR_SIZE + n_headers(core) * PHDR_SIZE;
	core->notes_end = core->notes_at + core->notes.len;
	core->memory_at = round_up(core->notes_end, crit_space_page_size(core->space));
	if (core->loads.size > (uint64_t)INT64_MAX - core->memory_at - last)
		return crit_fail(err, CRIT_TOO_BIG, "its memory is too large for a core");
	core->memory_end = core->memory_at + core->loads.size;
	core->end = core->memory_end + last;
	return 0;
}

static int make(struct crit_core *core, struct crit_core_process *of, struct crit_error *err)
{
	int ret;

	of->machine = crit_core_machine_of(of->leader, err);
	if (!of->machine)
		return -err->errnum;
	core->elf_type = of->machine->elf_type;
	core->notes.limit = CRIT_CORE_NOTES_MAX;
	ret = crit_core_notes(&core->notes, of, err);
	if (ret == 0)
		ret = crit_loads_init(&core->loads, core->space, err);
	return ret < 0 ? ret : lay_out(core, err);
}

/* Nobody should have to find out from the segments that have no size. */
static void tell_lost(struct crit_dump *dump, const struct crit_process *p,
		      const struct crit_loads *loads)
{
	char name[CRIT_IMAGE_NAME_MAX];
	struct crit_error err = {0};

	if (!loads->lost_why)
		return;
	snprintf(name, sizeof(name), "pagemap-%u.img", p->entry->pid);
	crit_fail(&err, CRIT_BROKEN, "the core lacks the page at 0x%llx, if not more: %s",
		  (unsigned long long)loads->lost_at, loads->lost_why);
	crit_dump_tell(dump, name, &err);
}

static CoreEntry *read_leader(struct crit_dump *dump, const struct crit_process *p,
			      struct crit_error *err)
{
	char name[CRIT_IMAGE_NAME_MAX];
	CoreEntry *leader;

	snprintf(name, sizeof(name), "core-%u.img", p->entry->pid);
	leader = crit_dump_first(dump, name, err);
	if (!leader)
		crit_error_prefix(err, name);
	return leader;
}

int crit_core_new(struct crit_dump *dump, const struct crit_process *p,
		  struct crit_space *space, struct crit_core **out, struct crit_error *err)
{
	struct crit_core_process of = {.dump = dump, .p = p, .space = space};
	struct crit_core *core = calloc(1, sizeof(*core));
	struct crit_error own = {0};
	CoreEntry *leader;
	int ret;

	err = err ? err : &own;
	if (!core)
		return crit_fail(err, CRIT_NO_MEMORY, "no memory for a core");
	core->space = crit_space_get(space);
	of.leader = leader = read_leader(dump, p, err);
	if (!leader)
		ret = -err->errnum;
	else if (leader->tc && crit_task_state_is_dead(leader->tc->task_state))
		ret = crit_fail_errno(err, ENOENT, "a zombie has no memory");
	else
		ret = make(core, &of, err);
	core_entry__free_unpacked(leader, NULL);
	if (ret < 0) {
		crit_core_free(core);
		return ret;
	}
	tell_lost(dump, p, &core->loads);
	*out = core;
	return 0;
}

void crit_core_free(struct crit_core *core)
{
	if (!core)
		return;
	crit_loads_fini(&core->loads);
	crit_buf_fini(&core->notes);
	crit_buf_fini(&core->piece);
	crit_space_put(core->space);
	free(core);
}

uint64_t crit_core_size(const struct crit_core *core)
{
	return core->end;
}

/* Copy of `from`, which begins at the offset `at`, what of it is at `off`. */
static ssize_t copy(const struct crit_buf *from, uint64_t at, uint64_t off, void *buf,
		    size_t len)
{
	size_t skip = (size_t)(off - at), n;

	if (from->error)
		return from->error;
	n = from->len - skip < len ? from->len - skip : len;
	memcpy(buf, from->data + skip, n);
	return (ssize_t)n;
}

static ssize_t read_header(struct crit_core *core, uint64_t off, void *buf, size_t len)
{
	crit_buf_reset(&core->piece);
	put_header(&core->piece, core);
	return copy(&core->piece, 0, off, buf, len);
}

/* What was there when the core was made is not there any more. */
static int fail_changed(struct crit_error *err)
{
	return crit_fail(err, CRIT_BROKEN, "its page map has changed");
}

/* One program header. */
static ssize_t read_phdr(struct crit_core *core, uint64_t off, void *buf, size_t len,
			 struct crit_error *err)
{
	uint64_t n = (off - EHDR_SIZE) / PHDR_SIZE;
	struct crit_load load;
	int ret = 1;

	crit_buf_reset(&core->piece);
	if (n == 0) {
		put_note_header(&core->piece, core);
	} else {
		ret = crit_loads_find(&core->loads, CRIT_LOAD_N, n - 1, &load, err);
		if (ret > 0)
			put_load(&core->piece, core, &load);
	}
	if (ret == 0)
		ret = fail_changed(err);
	return ret < 0 ? ret : copy(&core->piece, EHDR_SIZE + n * PHDR_SIZE, off, buf, len);
}

static ssize_t read_gap(uint64_t n, void *buf, size_t len)
{
	len = n < len ? (size_t)n : len;
	memset(buf, 0, len);
	return (ssize_t)len;
}

/* Of one PT_LOAD. */
static ssize_t read_memory(struct crit_core *core, uint64_t off, void *buf, size_t len,
			   struct crit_error *err)
{
	struct crit_load load;
	uint64_t addr;
	ssize_t ret;

	off -= core->memory_at;
	ret = crit_loads_find(&core->loads, CRIT_LOAD_OFFSET, off, &load, err);
	if (ret > 0) {
		addr = load.start + (off - load.off);
		if (len > load.end - addr)
			len = (size_t)(load.end - addr);
		ret = crit_space_read(core->space, addr, buf, len, err);
	}
	return ret ? ret : fail_changed(err);
}

static ssize_t read_section(struct crit_core *core, uint64_t off, void *buf, size_t len)
{
	crit_buf_reset(&core->piece);
	put_section(&core->piece, core);
	return copy(&core->piece, core->memory_end, off, buf, len);
}

/* Of the part that `off` is in, or less. */
static ssize_t read_part(struct crit_core *core, uint64_t off, void *buf, size_t len,
			 struct crit_error *err)
{
	if (off < EHDR_SIZE)
		return read_header(core, off, buf, len);
	if (off < core->notes_at)
		return read_phdr(core, off, buf, len, err);
	if (off < core->notes_end)
		return copy(&core->notes, core->notes_at, off, buf, len);
	if (off < core->memory_at)
		return read_gap(core->memory_at - off, buf, len);
	if (off < core->memory_end)
		return read_memory(core, off, buf, len, err);
	return read_section(core, off, buf, len);
}

ssize_t crit_core_read(struct crit_core *core, uint64_t off, void *buf, size_t len,
		       struct crit_error *err)
{
	size_t done = 0;
	ssize_t n = 0;

	if (off >= core->end)
		return 0;
	if (len > core->end - off)
		len = (size_t)(core->end - off);
	while (done < len) {
		n = read_part(core, off + done, (char *)buf + done, len - done, err);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (done || n == 0)
		return (ssize_t)done;
	return n == -ENOMEM ? crit_fail(err, CRIT_NO_MEMORY, "no memory for a core") : n;
}

/*
 * The first byte of memory from `off` on that is in a pages file, or is not: 1, or 0 if
 * there is none.
 */
static int seek_memory(struct crit_core *core, uint64_t off, bool data, uint64_t *found,
		       struct crit_error *err)
{
	struct crit_load load;
	uint64_t addr, end;
	int ret;

	ret = crit_loads_find(&core->loads, CRIT_LOAD_OFFSET, off, &load, err);
	while (ret > 0) {
		addr = load.start + (off > load.off ? off - load.off : 0);
		end = load.end;
		if (crit_load_size(&load) || data)
			ret = crit_space_seek(core->space, addr, data, &addr, err);
		if (ret == -ENXIO && data)
			return 0;
		if (ret < 0 && ret != -ENXIO) /* a hole goes on to the end */
			return ret;
		if (crit_load_size(&load) && addr < end) {
			*found = load.off + (addr - load.start);
			return 1;
		}
		if (data && addr > end) /* over all that has no pages */
			end = addr;
		ret = crit_loads_find(&core->loads, CRIT_LOAD_ADDRESS, end, &load, err);
	}
	return ret;
}

int crit_core_seek(struct crit_core *core, uint64_t off, bool data, uint64_t *found,
		   struct crit_error *err)
{
	uint64_t at = off;
	int ret;

	if (off >= core->end)
		return -ENXIO;
	if (at < core->memory_at) {
		*found = at;
		if (data)
			return 0;
		at = core->memory_at;
	}
	if (at < core->memory_end) {
		ret = seek_memory(core, at - core->memory_at, data, found, err);
		if (ret > 0)
			*found += core->memory_at;
		if (ret != 0)
			return ret < 0 ? ret : 0;
		at = core->memory_end;
	}
	/* the section header, if there is one, is data */
	*found = data ? at : core->end;
	return *found == core->end && data ? -ENXIO : 0;
}
