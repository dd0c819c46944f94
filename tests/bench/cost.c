/*
 * cost: runs a command and tells what it took. A process begins with the peak memory of
 * the one that forked it, so who measures has to be smaller than what is measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* cost FD COMMAND…: writes "status user-seconds system-seconds peak-KiB" to FD. */
int main(int argc, char **argv)
{
	int fd = argc > 2 ? atoi(argv[1]) : -1, status;
	struct rusage usage;
	pid_t pid;

	if (fd < 0) {
		fputs("usage: cost FD COMMAND...\n", stderr);
		return 2;
	}
	pid = fork();
	if (pid == 0) {
		close(fd);
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0) {
		perror("cost");
		return 1;
	}
	if (dprintf(fd, "%d %.6f %.6f %ld\n", status, seconds(usage.ru_utime),
		    seconds(usage.ru_stime), usage.ru_maxrss) < 0) {
		perror("cost");
		return 1;
	}
	return 0;
}
