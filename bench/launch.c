/* Runs a program, and prints its wall time in nanoseconds and its peak memory in kilobytes.
 *
 *     launch PROGRAM [ARGUMENT...]
 *
 * Linux counts into a program's peak memory what the process held that became it, so that whoever
 * starts one has to be small: a script that measures starts this. The program's own output is
 * dropped; the two numbers go to the standard output, and the exit status is the program's. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int main(int argc, char **argv)
{
    posix_spawn_file_actions_t quiet;
    if (argc < 2 || posix_spawn_file_actions_init(&quiet) != 0 ||
        posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0) != 0)
        return 125;

    long long start = now();
    pid_t child;
    int error = posix_spawnp(&child, argv[1], &quiet, NULL, argv + 1, environ);
    if (error != 0) {
        fprintf(stderr, "%s: %s\n", argv[1], strerror(error));
        return 127;
    }
    int status;
    struct rusage usage;
    if (wait4(child, &status, 0, &usage) < 0)
        return 125;
    long long end = now();

    printf("%lld %ld\n", end - start, usage.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
