/*
 * The members of an archive as a tree.
 */
#include "decoder/archive/inside.h"

#include <dirent.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct crit_member *)a)->name,
		      ((const struct crit_member *)b)->name);
}

void crit_member_free(void *node)
{
	struct crit_member *m = node;

	tdestroy(m->members, crit_member_free);
	free(m->name);
	free(m->target);
	free(m);
}

const struct crit_member *crit_member_find(const struct crit_member *dir, const char *name)
{
	const struct crit_member wanted = {.name = (char *)name};
	struct crit_member *const *found = tfind(&wanted, &dir->members, compare);

	return found ? *found : NULL;
}

struct visiting {
	int (*visit)(void *arg, const char *name, unsigned char type);
	void *arg;
	int ret;
};

static void visit_member(const void *node, VISIT when, void *arg)
{
	const struct crit_member *m = *(const struct crit_member *const *)node;
	struct visiting *v = arg;

	/* each once */
	if (v->ret == 0 && (when == postorder || when == leaf))
		v->ret = v->visit(v->arg, m->name, IFTODT(m->st.st_mode));
}

int crit_member_each(const struct crit_member *dir,
		     int (*visit)(void *arg, const char *name, unsigned char type), void *arg)
{
	struct visiting v = {visit, arg, 0};

	twalk_r(dir->members, visit_member, &v);
	return v.ret;
}

/* A directory that nothing is known of but that there are members in it. */
static void be_directory(const struct crit_archive *a, struct crit_member *m)
{
	const struct stat *st = &a->of->st;

	m->st = (struct stat){.st_dev = m->st.st_dev, .st_ino = m->st.st_ino};
	m->st.st_ctim = st->st_ctim;
	m->fd = -1;
	free(m->target);
	m->target = NULL;
	m->st.st_mode = S_IFDIR | (st->st_mode & 0666) | (st->st_mode & 0444) >> 2;
	m->st.st_uid = st->st_uid;
	m->st.st_gid = st->st_gid;
	m->st.st_mtim = st->st_mtim;
	m->st.st_atim = st->st_mtim;
	m->st.st_nlink = 1;
}

void crit_member_renumber(struct crit_archive *a, struct crit_member *m)
{
	/* that no file beside the archive is likely to have */
	m->st.st_dev = a->of->st.st_dev;
	m->st.st_ino = (a->of->st.st_ino << 24) ^ ++a->n;
}

struct crit_member *crit_member_new(struct crit_archive *a, const char *name)
{
	struct crit_member *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	if (name && !(m->name = strdup(name))) {
		free(m);
		return NULL;
	}
	crit_member_renumber(a, m);
	be_directory(a, m);
	return m;
}

/* The member of that name in a directory, made if need be. NULL: no memory. */
static struct crit_member *get_member(struct crit_archive *a, struct crit_member *dir,
				      const char *name)
{
	struct crit_member *m = (struct crit_member *)crit_member_find(dir, name);

	if (m)
		return m;
	m = crit_member_new(a, name);
	if (m && !tsearch(m, &dir->members, compare)) {
		crit_member_free(m);
		return NULL;
	}
	return m;
}

bool crit_member_next_name(const char **path, const char **name, size_t *len)
{
	do {
		*path += strspn(*path, "/");
		*name = *path;
		*len = strcspn(*path, "/");
		*path += *len;
	} while (*len == 1 && **name == '.');
	return *len != 0;
}

const char *crit_member_path_error(const char *path)
{
	const char *name;
	size_t len;

	if (strlen(path) >= PATH_MAX)
		return "a name that is longer than any path, left out";
	while (crit_member_next_name(&path, &name, &len)) {
		if (len == 2 && !memcmp(name, "..", 2))
			return "a name that leads out of the archive, left out";
		if (len > NAME_MAX)
			return "a name that is longer than any file's, left out";
	}
	return NULL;
}

struct crit_member *crit_member_at(struct crit_archive *a, const char *path, bool make)
{
	struct crit_member *m = a->top;
	char buf[NAME_MAX + 1];
	const char *name;
	size_t len;

	while (m && crit_member_next_name(&path, &name, &len)) {
		memcpy(buf, name, len);
		buf[len] = '\0';
		if (!S_ISDIR(m->st.st_mode)) {
			if (!make)
				return NULL;
			be_directory(a, m);
		}
		m = make ? get_member(a, m, buf)
			 : (struct crit_member *)crit_member_find(m, buf);
	}
	return m;
}
