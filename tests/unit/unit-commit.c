/*
 * Commits: what of the old file stays, which changes of others are noticed, and
 * that one which fails or is killed leaves the old image or the new one.
 */
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/xattr.h>

#include "scenes.h"

/* A commit of some change to an image that is in a directory. */
static int commit_something(struct scene *s, struct crit_error *err)
{
	struct crit_piece piece = {.fd = -1, .data = (const uint8_t *)"changed", .len = 7};
	struct crit_edit edit = {0};
	int ret;

	expect_int(crit_edit_blob(s->img, (struct crit_place)ENTRY(0), CRIT_PART_EXTRA, &piece,
				  1, &edit, NULL),
		   0);
	ret = commit(s, &edit, err);
	crit_edit_fini(&edit);
	return ret;
}

static struct scene pipes(int dir, struct made *m)
{
	put_kind(m, kind_called("pipes-data.img"));
	return scene_with(dir, "pipes-data.img", &m->bytes);
}

static void reopen(struct scene *s)
{
	crit_image_free(s->img);
	s->img = open_image(s->dir, s->name);
}

static void mode_and_owner_stay(void)
{
	static const mode_t modes[] = {0600, 0644, 0666, 0400, 04755, 02640, 01777, 0};
	int dir = unit_dir_open();
	struct made m = {0};
	struct scene s = pipes(dir, &m);
	struct stat before, after;
	size_t i;

	if (geteuid() == 0)
		expect_int(fchownat(dir, s.name, 1234, 2345, 0), 0);
	umask(027);
	for (i = 0; i < COUNT(modes); i++) {
		unit_about("mode %04o", modes[i]);
		if (geteuid() && !(modes[i] & 0400))
			continue;
		expect_int(fchmodat(dir, s.name, modes[i], 0), 0);
		reopen(&s);
		before = crit_image_file(s.img)->st;
		expect_int(commit_something(&s, NULL), 0);
		expect_int(fstatat(dir, s.name, &after, 0), 0);
		expect_int(after.st_mode, before.st_mode);
		expect_int(after.st_uid, before.st_uid);
		expect_int(after.st_gid, before.st_gid);
		expect(after.st_ino != before.st_ino);
		/* and what was handed out is that very file */
		expect_int(crit_image_file(s.img)->st.st_ino, after.st_ino);
		expect_int(crit_image_file(s.img)->st.st_ctim.tv_nsec, after.st_ctim.tv_nsec);
	}
	crit_image_free(s.img);
	crit_buf_fini(&m.bytes);
	close(dir);
}

static void an_owner_that_cannot_be_kept(void)
{
	int dir = unit_dir_open(), status;
	struct made m = {0};
	struct scene s = pipes(dir, &m);
	static const char *const names[] = {"pipes-data.img"};
	pid_t pid;

	if (geteuid())
		unit_skip("takes root to become someone else");
	expect_int(fchmod(dir, 0777), 0);
	pid = fork();
	if (pid == 0) {
		struct crit_error err = {0};

		expect_int(setresgid(1234, 1234, 1234), 0);
		expect_int(setresuid(1234, 1234, 1234), 0);
		expect_int(commit_something(&s, &err), -EPERM);
		expect(strstr(err.text, "owner") != NULL);
		_exit(0);
	}
	expect(waitpid(pid, &status, 0) == pid);
	expect_int(status, 0);
	expect_file(&s, &m.bytes);
	expect_names(dir, names, 1);
	crit_image_free(s.img);
	crit_buf_fini(&m.bytes);
	close(dir);
}

/* An ACL as the kernel stores it: besides owner, group and others user 1234. */
static const uint8_t acl[] = {
	2, 0,    0,    0,    1,    0,    6,  0, 0xff, 0xff, 0xff, 0xff, 2,    0,    4,
	0, 0xd2, 4,    0,    0,    4,    0,  4, 0,    0xff, 0xff, 0xff, 0xff, 16,   0,
	4, 0,    0xff, 0xff, 0xff, 0xff, 32, 0, 0,    0,    0xff, 0xff, 0xff, 0xff,
};

static void set_attribute(int fd, const char *name, const void *value, size_t len)
{
	if (fsetxattr(fd, name, value, len, 0) < 0)
		unit_skip("no %s here: %m", name);
}

static void attributes_stay(void)
{
	int dir = unit_dir_open(), fd;
	struct made m = {0};
	struct scene s = pipes(dir, &m);
	char big[3000], found[4000];
	ssize_t n;

	memset(big, 'b', sizeof(big));
	fd = openat(dir, s.name, O_RDWR | O_CLOEXEC);
	set_attribute(fd, "user.small", "value\0more", 10);
	set_attribute(fd, "user.empty", "", 0);
	set_attribute(fd, "user.big", big, sizeof(big));
	set_attribute(fd, "system.posix_acl_access", acl, sizeof(acl));
	close(fd);
	reopen(&s);
	expect_int(commit_something(&s, NULL), 0);
	fd = crit_image_file(s.img)->fd;
	n = fgetxattr(fd, "user.small", found, sizeof(found));
	expect_bytes(found, (size_t)n, "value\0more", 10);
	expect_int(fgetxattr(fd, "user.empty", found, sizeof(found)), 0);
	n = fgetxattr(fd, "user.big", found, sizeof(found));
	expect_bytes(found, (size_t)n, big, sizeof(big));
	n = fgetxattr(fd, "system.posix_acl_access", found, sizeof(found));
	expect_bytes(found, (size_t)n, acl, sizeof(acl));
	crit_image_free(s.img);
	crit_buf_fini(&m.bytes);
	close(dir);
}

/* New files of the directory get this ACL; the image never had one. */
static void no_attributes_are_inherited(void)
{
	int dir = unit_dir_open();
	struct made m = {0};
	struct scene s = pipes(dir, &m);
	struct stat st;
	char found[100];

	set_attribute(dir, "system.posix_acl_default", acl, sizeof(acl));
	expect_int(commit_something(&s, NULL), 0);
	expect_int(fgetxattr(crit_image_file(s.img)->fd, "system.posix_acl_access", found,
			     sizeof(found)),
		   -1);
	expect_int(fstat(crit_image_file(s.img)->fd, &st), 0);
	expect_int(st.st_mode & 07777, 0644);
	crit_image_free(s.img);
	crit_buf_fini(&m.bytes);
	close(dir);
}

#define HOLE ((off_t)64 << 20) /* bytes */

static void holes_stay(void)
{
	static const char json[] =
		"{\"uid\": 0, \"gid\": 2, \"mode\": 33188, \"ino\": 123456789}";
	struct crit_edit edit = {0};
	int dir = unit_dir_open(), fd;
	struct made m = {0};
	struct crit_entry e;
	struct stat st;
	struct scene s;
	char found[10] = "";

	put_kind(&m, kind_called("ghost-file-1.img"));
	write_file(dir, "ghost-file-1.img", m.bytes.data, m.bytes.len);
	fd = openat(dir, "ghost-file-1.img", O_WRONLY | O_CLOEXEC);
	expect_int(crit_pwrite_full(fd, "middle", 6, HOLE / 2), 0);
	expect_int(ftruncate(fd, HOLE), 0);
	expect_int(fstat(fd, &st), 0);
	close(fd);
	if (st.st_blocks * 512 > HOLE / 8)
		unit_skip("no holes on this file system");
	s = (struct scene){dir, "ghost-file-1.img", open_image(dir, "ghost-file-1.img")};
	expect_int(crit_edit_json(s.img, (struct crit_place)ENTRY(0), json, strlen(json), &edit,
				  NULL),
		   0);
	expect_int(commit(&s, &edit, NULL), 0);
	expect_int(fstat(crit_image_file(s.img)->fd, &st), 0);
	expect_int(st.st_size, HOLE + (off_t)edit.change.new_end - (off_t)edit.change.old_end);
	if (st.st_blocks * 512 > HOLE / 8)
		fail("expected a sparse file, found %lld blocks", (long long)st.st_blocks);
	expect_int(crit_image_entry(s.img, 0, &e, NULL), 0);
	expect_int(crit_pread_full(crit_image_file(s.img)->fd, found, 6,
				   (uint64_t)(HOLE / 2) + edit.change.new_end -
					   edit.change.old_end),
		   0);
	expect_str(found, "middle");
	expect_int(crit_pread_full(crit_image_file(s.img)->fd, found, 3, e.blob[0].off), 0);
	expect_bytes(found, 3, "all", 3);
	crit_edit_fini(&edit);
	crit_image_free(s.img);
	crit_buf_fini(&m.bytes);
	close(dir);
}

static void touch(int dir, const char *name)
{
	static const struct timespec times[2] = {{1, 0}, {1, 0}};

	expect_int(utimensat(dir, name, times, 0), 0);
}

static void overwrite(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);

	touch(dir, name); /* a clock tick may be too long to tell */
	expect_int(crit_pwrite_full(fd, "X", 1, 30), 0);
	close(fd);
}

static void append(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_APPEND | O_CLOEXEC);

	expect_int(write(fd, "\0\0\0\0", 4), 4);
	close(fd);
}

static void replace(int dir, const char *name)
{
	write_file(dir, "other", "other", 5);
	expect_int(renameat(dir, "other", dir, name), 0);
}

static void replace_by_link(int dir, const char *name)
{
	expect_int(renameat(dir, name, dir, "away"), 0);
	expect_int(symlinkat("away", dir, name), 0);
}

static void drop(int dir, const char *name)
{
	expect_int(unlinkat(dir, name, 0), 0);
}

static void changed_underneath(void)
{
	static void (*const changes[])(int, const char *) = {
		touch, overwrite, append, replace, replace_by_link, drop,
	};
	int dir = unit_dir_open();
	struct made m = {0};
	size_t i;

	for (i = 0; i < COUNT(changes); i++) {
		struct crit_buf was = {0}, is = {0};
		struct scene s = pipes(dir, &m);
		struct crit_error err = {0};
		struct stat before, after;

		unit_about("change %zu", i);
		changes[i](dir, s.name);
		memset(&before, 0, sizeof(before));
		fstatat(dir, s.name, &before, AT_SYMLINK_NOFOLLOW);
		if (S_ISREG(before.st_mode))
			read_file(dir, s.name, &was);
		expect_int(commit_something(&s, &err), -EBUSY);
		expect(strstr(err.text, "underneath") != NULL);
		memset(&after, 0, sizeof(after));
		fstatat(dir, s.name, &after, AT_SYMLINK_NOFOLLOW);
		expect_int(after.st_ino, before.st_ino);
		if (S_ISREG(before.st_mode)) {
			read_file(dir, s.name, &is);
			expect_bytes(is.data, is.len, was.data, was.len);
		}
		crit_image_free(s.img);
		unlinkat(dir, s.name, 0);
		unlinkat(dir, "away", 0);
		expect_names(dir, NULL, 0);
		crit_buf_fini(&was);
		crit_buf_fini(&is);
	}
	crit_buf_fini(&m.bytes);
	close(dir);
}

static void names_of_temporaries(void)
{
	static const char *const yes[] = {".critfs.abcdef.tmp", ".critfs.012345.tmp"};
	/* clang-format off */
	static const char *const no[] = {
		".critfs", ".critfs.tmp", ".critfs.abcde.tmp", ".critfs.abcdefg.tmp",
		"critfs.abcdef.tmp", ".critfs.abcdef.tmp~", ".critfs.abcdef.bak",
		"x.critfs.abcdef.tmp", "", ".Critfs.abcdef.tmp",
	};
	/* clang-format on */
	size_t i;

	for (i = 0; i < COUNT(yes); i++)
		if (!crit_commit_is_temporary(yes[i]))
			fail("expected a temporary name, found \"%s\" is none", yes[i]);
	for (i = 0; i < COUNT(no); i++)
		if (crit_commit_is_temporary(no[i]))
			fail("expected no temporary name, found \"%s\" is one", no[i]);
}

static void left_overs_are_swept(void)
{
	/* clang-format off */
	static const char *const stay[] = {
		".critfs.locked.tmp", ".critfs.tmp", "core-1.img", ".critfs.abcdef.tmp.img",
		".critfs.dir000.tmp", ".critfs.link00.tmp",
	};
	/* clang-format on */
	int dir = unit_dir_open(), fd;
	size_t i;

	for (i = 0; i < 4; i++)
		write_file(dir, stay[i], "x", 1);
	write_file(dir, ".critfs.abcdef.tmp", "x", 1);
	write_file(dir, ".critfs.ghijkl.tmp", "", 0);
	expect_int(mkdirat(dir, ".critfs.dir000.tmp", 0755), 0);
	write_file(dir, ".critfs.dir000.tmp/of somebody", "x", 1);
	expect_int(symlinkat("core-1.img", dir, ".critfs.link00.tmp"), 0);
	fd = openat(dir, stay[0], O_RDONLY | O_CLOEXEC);
	expect_int(flock(fd, LOCK_EX), 0);
	crit_commit_sweep(dir);
	expect_names(dir, stay, COUNT(stay));
	close(fd);
	crit_commit_sweep(dir);
	expect_names(dir, stay + 1, COUNT(stay) - 1);
	close(dir);
}

/* Make the first blob as long as that; the commit has to fail and change nothing. */
static void expect_failure(struct scene *s, const struct crit_buf *bytes, uint64_t len, int ret)
{
	struct crit_piece piece = {.fd = -1, .len = len};
	uint8_t *data = malloc(len);
	struct crit_error err = {0};
	struct crit_edit edit = {0};

	expect(data != NULL);
	memset(data, 'd', len);
	piece.data = data;
	expect_int(crit_edit_blob(s->img, (struct crit_place)ENTRY(0), CRIT_PART_EXTRA, &piece,
				  1, &edit, NULL),
		   0);
	expect_int(commit(s, &edit, &err), ret);
	expect_int(err.errnum, -ret);
	expect(*err.text);
	crit_edit_fini(&edit);
	free(data);
	expect_file(s, bytes);
	expect_names(s->dir, (const char *const *)&s->name, 1);
	expect_index(s);
	/* and it is no obstacle to the next one */
	expect_int(commit_something(s, NULL), 0);
	expect_index(s);
}

static void no_larger_files_allowed(void)
{
	struct rlimit limit, old;
	int dir = unit_dir_open();
	struct made m = {0};
	struct scene s = pipes(dir, &m);

	signal(SIGXFSZ, SIG_IGN);
	expect_int(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = (struct rlimit){64 << 10, old.rlim_max};
	expect_int(setrlimit(RLIMIT_FSIZE, &limit), 0);
	expect_failure(&s, &m.bytes, 100 << 10, -EFBIG);
	expect_int(setrlimit(RLIMIT_FSIZE, &old), 0);
	crit_image_free(s.img);
	crit_buf_fini(&m.bytes);
	close(dir);
}

/* A small file system that nobody else sees. */
static int small_file_system(const char *size)
{
	const char *path = unit_dir();
	int dir;

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", path, "tmpfs", 0, size) < 0)
		unit_skip("nothing can be mounted here: %m");
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* it lives as long as it is open */
	expect_int(umount2(path, MNT_DETACH), 0);
	expect(dir >= 0);
	return dir;
}

static void no_space_left(void)
{
	int dir = small_file_system("size=256k");
	struct made m = {0};
	struct scene s = pipes(dir, &m);

	expect_failure(&s, &m.bytes, 300 << 10, -ENOSPC);
	crit_image_free(s.img);
	expect_int(unlinkat(dir, s.name, 0), 0);
	/* now what is copied is too much already */
	put_header(&m, "PIPES_DATA", false);
	put_entry(&m, &kind_called("pipes-data.img")->entry[0]);
	put_message(&m, m.h.type->head, "{\"pipe_id\": 1, \"bytes\": 120000}");
	crit_buf_fill(&m.bytes, 'c', 120000);
	s = scene_with(dir, "pipes-data.img", &m.bytes);
	expect_failure(&s, &m.bytes, 40 << 10, -ENOSPC);
	crit_image_free(s.img);
	crit_buf_fini(&m.bytes);
	close(dir);
}

static void sources_that_are_cut(void)
{
	struct crit_file *other = file_of("0123456789", 10);
	struct crit_piece piece = {.fd = other->fd, .off = 2, .len = 8};
	struct crit_edit edit = {0};
	struct crit_error err = {0};
	int dir = unit_dir_open();
	struct made m = {0};
	struct scene s = pipes(dir, &m);

	expect_int(crit_edit_blob(s.img, (struct crit_place)ENTRY(0), CRIT_PART_EXTRA, &piece,
				  1, &edit, NULL),
		   0);
	expect_int(ftruncate(other->fd, 9), 0);
	expect_int(commit(&s, &edit, &err), -EIO);
	expect_file(&s, &m.bytes);
	expect_names(dir, &s.name, 1);
	crit_edit_fini(&edit);
	crit_image_free(s.img);
	crit_file_put(other);
	crit_buf_fini(&m.bytes);
	close(dir);
}

/* Commits for ever, a byte to `out` before each. */
__attribute__((noreturn)) static void commit_for_ever(struct scene *s, int out)
{
	struct crit_edit edit = {0};
	unsigned i;

	for (i = 0;; i++) {
		struct crit_piece piece = {
			.fd = -1, .data = (const uint8_t *)"AAAAAAAA", .len = i % 2 ? 8 : 5};

		if (write(out, "", 1) < 0 ||
		    crit_edit_blob(s->img, (struct crit_place)ENTRY(0), CRIT_PART_EXTRA, &piece,
				   1, &edit, NULL) < 0 ||
		    commit(s, &edit, NULL) < 0)
			_exit(1);
		crit_edit_fini(&edit);
	}
}

static void killed_at_any_moment(void)
{
	int dir = unit_dir_open(), fds[2], status;
	struct unit_random r = unit_seed(31);
	struct made m = {0}, five = {0}, eight = {0};
	struct made_kind kind = *kind_called("pipes-data.img");
	struct crit_buf found = {0};
	struct scene s = pipes(dir, &m);
	unsigned i, n;
	char byte;

	kind.entry[0] = (struct made_entry)ONE("{\"pipe_id\": 1, \"bytes\": 5}", "AAAAA", 5);
	put_kind(&five, &kind);
	kind.entry[0] = (struct made_entry)ONE("{\"pipe_id\": 1, \"bytes\": 8}", "AAAAAAAA", 8);
	put_kind(&eight, &kind);
	for (i = 0; i < 20; i++) {
		pid_t pid;

		unit_about("round %u", i);
		expect_int(pipe(fds), 0);
		pid = fork();
		if (pid == 0)
			commit_for_ever(&s, fds[1]);
		/* after the second byte one commit is done */
		for (n = 2 + (unsigned)unit_below(&r, 5); n; n--)
			expect_int(read(fds[0], &byte, 1), 1);
		kill(pid, SIGKILL);
		expect(waitpid(pid, &status, 0) == pid);
		expect(WIFSIGNALED(status));
		close(fds[0]);
		close(fds[1]);
		read_file(dir, s.name, &found);
		if (found.len == five.bytes.len)
			expect_bytes(found.data, found.len, five.bytes.data, five.bytes.len);
		else
			expect_bytes(found.data, found.len, eight.bytes.data, eight.bytes.len);
		crit_commit_sweep(dir);
		expect_names(dir, &s.name, 1);
		reopen(&s);
	}
	crit_image_free(s.img);
	crit_buf_fini(&found);
	crit_buf_fini(&m.bytes);
	crit_buf_fini(&five.bytes);
	crit_buf_fini(&eight.bytes);
	close(dir);
}

/* Whoever still has the old file open reads on. */
static void the_old_file_stays_readable(void)
{
	int dir = unit_dir_open();
	struct made m = {0};
	struct scene s = pipes(dir, &m);
	struct crit_file *old = crit_file_get(crit_image_file(s.img));
	uint8_t *bytes = malloc(m.bytes.len);

	expect_int(commit_something(&s, NULL), 0);
	expect_int(crit_pread_full(old->fd, bytes, m.bytes.len, 0), 0);
	expect_bytes(bytes, m.bytes.len, m.bytes.data, m.bytes.len);
	crit_file_put(old);
	free(bytes);
	crit_image_free(s.img);
	crit_buf_fini(&m.bytes);
	close(dir);
}

static const struct unit_test tests[] = {
	TEST(mode_and_owner_stay),
	TEST(an_owner_that_cannot_be_kept),
	TEST(attributes_stay),
	TEST(no_attributes_are_inherited),
	TEST(holes_stay),
	TEST(changed_underneath),
	TEST(names_of_temporaries),
	TEST(left_overs_are_swept),
	TEST(no_larger_files_allowed),
	TEST(no_space_left),
	TEST(sources_that_are_cut),
	TEST(killed_at_any_moment),
	TEST(the_old_file_stays_readable),
};

UNIT_MAIN(tests)
