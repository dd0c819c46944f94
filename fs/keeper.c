/*
 * The process outside of the sandbox, and talking to it.
 */
#include "fs/keeper.h"

#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct cfs_keeper {
	int fd;   /* a byte asks for the unmount, a byte back says that it is done; the first
		     says that the keeper is ready */
	int dead; /* a pipe that nobody reads: made when there are descriptors to be had */
};

/*
 * Neither the connection of the mount, which would stay alive with it, nor anything of the
 * dump stays open in it.
 */
static void close_all_but(int fd)
{
	int other;

	for (other = STDERR_FILENO + 1; other < fd; other++)
		close(other);
	closefrom(fd + 1);
}

/* Its life. */
static void keep(int fd, struct fuse_session *session, const char *place)
{
	sigset_t all;
	char asked;

	/* what ends the daemon must not end it before that is done: it ends with the daemon */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	prctl(PR_SET_NAME, "critfs-keeper");
	close_all_but(fd);
	asked = 0;
	while (write(fd, &asked, 1) == 1 && read(fd, &asked, 1) == 1)
		fuse_session_unmount(session);
	if (place)
		rmdir(place);
}

/* 0; -EPIPE: it is gone. */
static int wait_for(const struct cfs_keeper *keeper)
{
	ssize_t n;
	char done;

	do {
		n = read(keeper->fd, &done, 1);
	} while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : -EPIPE;
}

int cfs_keeper_start(struct fuse_session *session, const char *place, struct cfs_keeper **out)
{
	struct cfs_keeper *keeper = calloc(1, sizeof(*keeper));
	int pair[2], dead[2], ret;
	pid_t pid;

	if (!keeper)
		return -ENOMEM;
	ret = pipe2(dead, O_CLOEXEC) < 0 ? -errno : 0;
	if (ret < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		if (ret == 0) {
			ret = -errno;
			close(dead[0]);
			close(dead[1]);
		}
		free(keeper);
		return ret;
	}
	close(dead[0]);
	keeper->dead = dead[1];
	pid = fork();
	ret = pid < 0 ? -errno : 0;
	if (pid == 0) {
		keep(pair[1], session, place);
		_exit(0);
	}
	close(pair[1]);
	keeper->fd = pair[0];
	if (ret == 0)
		ret = wait_for(keeper);
	if (ret < 0)
		cfs_keeper_free(keeper);
	else
		*out = keeper;
	return ret;
}

/* Was it unmounted already, by somebody else? */
static bool is_gone(int fd)
{
	struct pollfd look = {.fd = fd};

	return poll(&look, 1, 0) == 1 && (look.revents & POLLERR);
}

/*
 * End the connection as libfuse does before it unmounts: else the kernel would wait for us
 * with what it has to write. What takes its place is what an unmounted one looks like, so
 * that libfuse leaves the unmounting to the keeper.
 */
static void disconnect(const struct cfs_keeper *keeper, int fd)
{
	dup3(keeper->dead, fd, O_CLOEXEC);
}

int cfs_keeper_unmount(struct cfs_keeper *keeper, struct fuse_session *session)
{
	int fd = fuse_session_fd(session);
	char please = 0;
	int ret = 0;

	if (!is_gone(fd)) {
		disconnect(keeper, fd);
		ret = write(keeper->fd, &please, 1) == 1 ? wait_for(keeper) : -EPIPE;
	}
	fuse_session_unmount(session);
	return ret;
}

void cfs_keeper_free(struct cfs_keeper *keeper)
{
	if (!keeper)
		return;
	close(keeper->fd);
	close(keeper->dead);
	free(keeper);
}
