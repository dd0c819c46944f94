/*
 * replay-TARGET FILE…: give a fuzz target the inputs in files, or in all files of directories,
 * without a fuzzer. Each is named before, so that the last line on stdout tells which one a
 * crash is of. At the end, how many there were.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>

static unsigned long inputs;

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	struct stat st;

	if (!f || fstat(fileno(f), &st) < 0 || !S_ISREG(st.st_mode))
		goto fail;
	/* of just that size: what reads behind the end is found */
	data = malloc((size_t)st.st_size);
	if (st.st_size && (!data || fread(data, (size_t)st.st_size, 1, f) != 1))
		goto fail;
	fclose(f);
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
	free(data);
	inputs++;
	return 0;
fail:
	fprintf(stderr, "%s: %s\n", path, f && !errno ? "not a regular file" : strerror(errno));
	if (f)
		fclose(f);
	free(data);
	return -1;
}

static int not_hidden(const struct dirent *e)
{
	return *e->d_name != '.';
}

static int replay(const char *path)
{
	struct dirent **names;
	char file[4096];
	int n, i, ret = 0;

	n = scandir(path, &names, not_hidden, alphasort);
	if (n < 0)
		return replay_file(path);
	for (i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (replay_file(file) < 0)
			ret = -1;
		free(names[i]);
	}
	free(names);
	return ret;
}

int main(int argc, char **argv)
{
	int i, ret = 0;

	for (i = 1; i < argc; i++)
		if (replay(argv[i]) < 0)
			ret = 1;
	printf("%lu inputs\n", inputs);
	return ret;
}
