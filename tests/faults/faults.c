/* Faults for the tests: stands before libc's calls, notes what was synced and what was answered, and fails what it is told to.
 *
 * RONDO_TRACE=FILE           a line for each sync of a journal ("synced NAME SIZE"), each line on standard output ("said LINE"), and
 *                            each write to a received file and sync of it or its folders ("wrote SIZE", "kept NAME", "failed NAME"),
 *                            and each sync of the file `acknowledged`
 * RONDO_FAIL="CALL PART N ERRNO [TIMES]"   from the N-th CALL (write, pwrite, fdatasync, fsync, rename) on a file whose path holds
 *                            PART on (of a renaming the new one), the call fails, for ever or so many times; a failing write puts
 *                            half of its bytes first, as a disk does that is just full. With ERRNO 0 the process is killed there
 * RONDO_CLOCK=FILE           the wall clock stands as many seconds ahead as the file says, which may change while the process runs
 * RONDO_SYNCHRONISED=1       and the kernel says that it is synchronised; without it, that it is not
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static const char *path_of(int fd, char *buffer, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t got = readlink(link, buffer, size - 1);
    buffer[got < 0 ? 0 : got] = 0;
    return buffer;
}

static void trace(const char *line) {
    const char *path = getenv("RONDO_TRACE");
    if (!path) return;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) abort();
    if (syscall(SYS_write, fd, line, strlen(line)) < 0) abort();
    close(fd);
}

/* 0: goes well; 1: the first one that fails; 2: a later one. */
static int fails_at(const char *call, int fd, const char *path) {
    static int seen = 0;
    const char *told = getenv("RONDO_FAIL");
    char wanted[32], part[128], buffer[4096];
    int nth, number, times = 0x7fffffff;
    if (!told || sscanf(told, "%31s %127s %d %d %d", wanted, part, &nth, &number, &times) < 4) return 0;
    if (strcmp(wanted, call)) return 0;
    if (!strstr(path ? path : path_of(fd, buffer, sizeof buffer), part)) return 0;
    int now = __sync_add_and_fetch(&seen, 1);
    if (now < nth || now - nth >= times) return 0;
    if (!number) kill(getpid(), SIGKILL);
    errno = number;
    return now == nth ? 1 : 2;
}

static int fails(const char *call, int fd) { return fails_at(call, fd, NULL); }

static void trace_file(const char *what, int fd, size_t size) {
    char path[4096], line[4400];
    path_of(fd, path, sizeof path);
    if (!strstr(path, "/files") && !strstr(path, "/acknowledged")) return;
    if (size) snprintf(line, sizeof line, "%s %zu\n", what, size);
    else snprintf(line, sizeof line, "%s %s\n", what, path);
    trace(line);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
    int failing = fails("pwrite", fd);
    if (failing == 1 && size > 1) return syscall(SYS_pwrite64, fd, bytes, size / 2, at);
    if (failing) return -1;
    return syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t write(int fd, const void *bytes, size_t size) {
    if (fd == 1) {
        char line[4096];
        snprintf(line, sizeof line, "said %.*s", size > 4000 ? 4000 : (int)size, (const char *)bytes);
        if (size && ((const char *)bytes)[size - 1] == '\n') trace(line);
    } else if (fd > 2) {
        int failing = fails("write", fd);
        if (failing == 1 && size > 1) return syscall(SYS_write, fd, bytes, size / 2);
        if (failing) return -1;
        if (size) trace_file("wrote", fd, size);
    }
    return syscall(SYS_write, fd, bytes, size);
}

int rename(const char *from, const char *to) {
    if (fails_at("rename", -1, to)) return -1;
    return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static int sync_with(const char *call, long number, int fd) {
    char path[4096], line[4400];
    struct stat found;
    if (fails(call, fd)) {
        trace_file("failed", fd, 0);
        return -1;
    }
    if (fstat(fd, &found)) return -1;
    int done = syscall(number, fd);
    if (!done) trace_file("kept", fd, 0);
    path_of(fd, path, sizeof path);
    char *name = strrchr(path, '/');
    if (!done && name && strstr(name, ".journal")) {
        snprintf(line, sizeof line, "synced %s %lld\n", name + 1, (long long)found.st_size);
        trace(line);
    }
    return done;
}

static long ahead(const char *path) {
    char text[32] = "";
    int fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) abort();
    if (syscall(SYS_read, fd, text, sizeof text - 1) < 0) abort();
    syscall(SYS_close, fd);
    return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    const char *path = getenv("RONDO_CLOCK");
    int done = syscall(SYS_clock_gettime, clock, time);
    if (!done && path && clock == CLOCK_REALTIME) time->tv_sec += ahead(path);
    return done;
}

int adjtimex(struct timex *asked) {
    if (!getenv("RONDO_CLOCK")) return syscall(SYS_adjtimex, asked);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    memset(asked, 0, sizeof *asked);
    asked->time.tv_sec = now.tv_sec;
    asked->status = getenv("RONDO_SYNCHRONISED") ? 0 : STA_UNSYNC;
    return asked->status ? TIME_ERROR : TIME_OK;
}

int fdatasync(int fd) { return sync_with("fdatasync", SYS_fdatasync, fd); }
int fsync(int fd) { return sync_with("fsync", SYS_fsync, fd); }
