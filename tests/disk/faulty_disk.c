/* A disk that fails on demand: loaded before libc (LD_PRELOAD), it stands between SQLite and the files of a database.
 *
 * Counted are writes, syncs and truncations of files whose path ends in .db, .db-wal or .db-shm. By environment:
 *
 *   FAULTY_DISK_NTH    which call strikes, from 1; without it nothing does
 *   FAULTY_DISK_MODE   eio | enospc          the call fails
 *                      half_eio | half_enospc  half is written, the write of the rest fails
 *                      torn                  half is written, then the process is gone
 *                      exit_before | exit_after  the process is gone before or after the call
 *   FAULTY_DISK_ON     any | write | sync | truncate | read: which calls are counted; any leaves out reads
 *   FAULTY_DISK_FILE   count only calls on paths that end like this
 *   FAULTY_DISK_TIMES  so many calls in a row strike (1)
 *   FAULTY_DISK_WHILE  strike from the Nth call on for as long as this file exists
 *
 * It says one line on stderr when it first strikes, and one when it does for the tenth time. Nothing is really synced: the machine does not lose power here, and a
 * thousand runs are to be quick. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define GONE 86 /* the exit code of a process that was made to go */

static atomic_long counted;
static atomic_int struck, rest_is_owed;

static const char *setting(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    return value && *value ? value : otherwise;
}

static int ends_with(const char *text, const char *end) {
    size_t have = strlen(text), want = strlen(end);
    return have >= want && strcmp(text + have - want, end) == 0;
}

/* Whether the descriptor is a file of the database that is meant; its path for the line that is said. */
static int is_meant(int fd, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, size - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    if (!ends_with(path, ".db") && !ends_with(path, ".db-wal") && !ends_with(path, ".db-shm")) return 0;
    return ends_with(path, setting("FAULTY_DISK_FILE", ""));
}

static void say(const char *text) {
    if (write(2, text, strlen(text)) < 0) return; /* Nobody listens. */
}

/* Whether this call strikes, and how: the mode, or NULL. */
static const char *strikes(const char *kind, int fd) {
    int before = errno;
    char path[PATH_MAX];
    const char *on = setting("FAULTY_DISK_ON", "any"), *mode = NULL;
    if (is_meant(fd, path, sizeof path) && (!strcmp(on, kind) || (!strcmp(on, "any") && strcmp(kind, "read")))) {
        long call = atomic_fetch_add(&counted, 1) + 1;
        long nth = atol(setting("FAULTY_DISK_NTH", "0")), times = atol(setting("FAULTY_DISK_TIMES", "1"));
        const char *file = getenv("FAULTY_DISK_WHILE");
        int is_now = file ? access(file, F_OK) == 0 : call < nth + times;
        if (nth > 0 && call >= nth && is_now) {
            mode = setting("FAULTY_DISK_MODE", "eio");
            const char *name = strrchr(path, '/');
            char line[PATH_MAX + 128];
            snprintf(line, sizeof line, "\nfaulty disk: %s at %s of %s, call %ld\n", mode, kind, name ? name + 1 : path, call);
            int strike = atomic_fetch_add(&struck, 1) + 1;
            if (strike == 1) say(line);
            if (strike == 10) say("\nfaulty disk: for the tenth time\n");
        }
    }
    errno = before;
    return mode;
}

static int failure(const char *mode) {
    errno = ends_with(mode, "enospc") ? ENOSPC : EIO;
    return -1;
}

static ssize_t really_write(int fd, const void *bytes, size_t count, off64_t at, int seeks) {
    return seeks ? syscall(SYS_write, fd, bytes, count) : syscall(SYS_pwrite64, fd, bytes, count, at);
}

static ssize_t written(int fd, const void *bytes, size_t count, off64_t at, int seeks) {
    char path[PATH_MAX];
    if (atomic_load(&rest_is_owed) && is_meant(fd, path, sizeof path) && atomic_exchange(&rest_is_owed, 0))
        return failure(setting("FAULTY_DISK_MODE", "eio"));
    const char *mode = strikes("write", fd);
    if (!mode) return really_write(fd, bytes, count, at, seeks);
    if (!strcmp(mode, "exit_before")) _exit(GONE);
    if (!strcmp(mode, "exit_after")) {
        really_write(fd, bytes, count, at, seeks);
        _exit(GONE);
    }
    if (!strcmp(mode, "torn")) {
        really_write(fd, bytes, count / 2, at, seeks);
        _exit(GONE);
    }
    if (!strncmp(mode, "half", 4) && count > 1) {
        atomic_store(&rest_is_owed, 1);
        return really_write(fd, bytes, count / 2, at, seeks);
    }
    return failure(mode);
}

ssize_t write(int fd, const void *bytes, size_t count) { return written(fd, bytes, count, 0, 1); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return written(fd, bytes, count, at, 0); }
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) { return written(fd, bytes, count, at, 0); }

static ssize_t looked(int fd, void *bytes, size_t count, off64_t at, int seeks) {
    const char *mode = strikes("read", fd);
    if (mode) return failure(mode);
    return seeks ? syscall(SYS_read, fd, bytes, count) : syscall(SYS_pread64, fd, bytes, count, at);
}

ssize_t read(int fd, void *bytes, size_t count) { return looked(fd, bytes, count, 0, 1); }
ssize_t pread(int fd, void *bytes, size_t count, off_t at) { return looked(fd, bytes, count, at, 0); }
ssize_t pread64(int fd, void *bytes, size_t count, off64_t at) { return looked(fd, bytes, count, at, 0); }

/* A sync or a truncation: done, failed, or the end. */
static int other(const char *kind, int fd, long number, off64_t length) {
    const char *mode = strikes(kind, fd);
    char path[PATH_MAX];
    if (mode && (!strcmp(mode, "exit_before") || !strcmp(mode, "torn"))) _exit(GONE);
    if (mode && strcmp(mode, "exit_after")) return failure(mode);
    int done = !strcmp(kind, "sync") && is_meant(fd, path, sizeof path) ? 0 : (int)syscall(number, fd, length);
    if (mode) _exit(GONE);
    return done;
}

int fsync(int fd) { return other("sync", fd, SYS_fsync, 0); }
int fdatasync(int fd) { return other("sync", fd, SYS_fdatasync, 0); }
int ftruncate(int fd, off_t length) { return other("truncate", fd, SYS_ftruncate, length); }
int ftruncate64(int fd, off64_t length) { return other("truncate", fd, SYS_ftruncate, length); }
