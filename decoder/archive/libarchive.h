/*
 * The functions of libarchive that are used here. The library is loaded when the first
 * archive is met: it brings fifteen others with it, which would make every start of a
 * program that has to do with no archive several times as long.
 */
#ifndef CRIT_LIBARCHIVE_H
#define CRIT_LIBARCHIVE_H

#include <archive.h>
#include <archive_entry.h>

#include "decoder/error.h"

/* clang-format off */
#define CRIT_LIBARCHIVE_FUNCTIONS(f) \
	f(archive_entry_clear) \
	f(archive_entry_clone) \
	f(archive_entry_copy_gname) \
	f(archive_entry_copy_hardlink) \
	f(archive_entry_copy_pathname) \
	f(archive_entry_copy_stat) \
	f(archive_entry_copy_symlink) \
	f(archive_entry_copy_uname) \
	f(archive_entry_filetype) \
	f(archive_entry_free) \
	f(archive_entry_gid) \
	f(archive_entry_hardlink) \
	f(archive_entry_mtime_nsec) \
	f(archive_entry_new) \
	f(archive_entry_pathname) \
	f(archive_entry_set_size) \
	f(archive_entry_sparse_clear) \
	f(archive_entry_sparse_count) \
	f(archive_entry_stat) \
	f(archive_entry_symlink) \
	f(archive_entry_uid) \
	f(archive_error_string) \
	f(archive_filter_bytes) \
	f(archive_filter_code) \
	f(archive_read_append_filter) \
	f(archive_read_data_block) \
	f(archive_read_free) \
	f(archive_read_header_position) \
	f(archive_read_new) \
	f(archive_read_next_header) \
	f(archive_read_open1) \
	f(archive_read_set_callback_data) \
	f(archive_read_set_read_callback) \
	f(archive_read_set_skip_callback) \
	f(archive_read_support_format_raw) \
	f(archive_read_support_format_tar) \
	f(archive_write_add_filter) \
	f(archive_write_close) \
	f(archive_write_data) \
	f(archive_write_free) \
	f(archive_write_header) \
	f(archive_write_new) \
	f(archive_write_open) \
	f(archive_write_set_bytes_in_last_block) \
	f(archive_write_set_format_pax) \
	f(archive_write_set_format_pax_restricted)
/* clang-format on */

struct crit_libarchive {
#define CRIT_LIBARCHIVE_POINTER(name) __typeof__(name) *(name);
	CRIT_LIBARCHIVE_FUNCTIONS(CRIT_LIBARCHIVE_POINTER)
#undef CRIT_LIBARCHIVE_POINTER
};

/* The library, for good. NULL if it is not there, and the reason (ENOSYS). */
const struct crit_libarchive *crit_libarchive(struct crit_error *err);

#endif
