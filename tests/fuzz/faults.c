/* System calls that fail: preloaded into a process, it lets the N-th call that touches a folder fail as it is told.
 *
 * faults_arm(folder, n, error, sticky) begins: the n-th call (from 1), and with sticky all behind it, fails with the
 * error number; an error of 0 makes writes short instead. faults_end() ends it and says how many calls there were.
 * A call touches the folder when its path is in it or is the folder, or its descriptor was opened so.
 * The removal of a file never fails: it is how a failure is cleaned up.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define DESCRIPTORS 4096

static char folder[4096];
static int armed, first, error_number, sticky, calls;
static char inside[DESCRIPTORS];
static char last_failed[64];

void faults_arm(const char *path, int n, int error, int all) {
    snprintf(folder, sizeof folder, "%s", path);
    memset(inside, 0, sizeof inside);
    last_failed[0] = 0;
    first = n, error_number = error, sticky = all, calls = 0, armed = 1;
}

int faults_end(void) {
    armed = 0;
    return calls;
}

const char *faults_last(void) { return last_failed; }

static int touches(const char *path) {
    size_t length = strlen(folder);
    return armed && path && strncmp(path, folder, length) == 0 && (path[length] == 0 || path[length] == '/');
}

static int touches_descriptor(int fd) { return armed && fd >= 0 && fd < DESCRIPTORS && inside[fd]; }

/* Whether this call, which touches the folder, is one that shall fail. */
static int is_chosen(const char *name) {
    calls++;
    if (calls != first && !(sticky && calls > first)) return 0;
    snprintf(last_failed, sizeof last_failed, "%s", name);
    return 1;
}

static int fails(const char *name) {
    if (!is_chosen(name) || error_number == 0) return 0;
    errno = error_number;
    return 1;
}

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int opened(int fd, int is_inside) {
    if (fd >= 0 && fd < DESCRIPTORS) inside[fd] = is_inside;
    return fd;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(int, #name, const char *, int, ...); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = va_arg(rest, mode_t); \
        va_end(rest); \
        int is_inside = touches(path); \
        if (is_inside && fails(#name)) return -1; \
        return opened(real(path, flags, mode), is_inside); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int at, const char *path, int flags, ...) { \
        REAL(int, #name, int, const char *, int, ...); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = va_arg(rest, mode_t); \
        va_end(rest); \
        int is_inside = touches(path); \
        if (is_inside && fails(#name)) return -1; \
        return opened(real(at, path, flags, mode), is_inside); \
    }
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(ssize_t, "write", int, const void *, size_t);
    if (touches_descriptor(fd) && is_chosen("write")) {
        if (error_number == 0) return real(fd, data, size / 2 + 1 < size ? size / 2 + 1 : size);
        errno = error_number;
        return -1;
    }
    return real(fd, data, size);
}

int close(int fd) { /* as Linux has it: the descriptor is gone whatever close says */
    REAL(int, "close", int);
    int is_inside = touches_descriptor(fd), failed = is_inside && fails("close"), number = errno;
    if (fd >= 0 && fd < DESCRIPTORS) inside[fd] = 0;
    int result = real(fd);
    if (!failed) return result;
    errno = number;
    return -1;
}

#define BY_DESCRIPTOR(name, parameters, types, arguments) \
    int name parameters { \
        REAL(int, #name, types); \
        if (touches_descriptor(fd) && fails(#name)) return -1; \
        return real arguments; \
    }
#define TYPES(...) __VA_ARGS__
BY_DESCRIPTOR(fsync, (int fd), TYPES(int), (fd))
BY_DESCRIPTOR(fdatasync, (int fd), TYPES(int), (fd))
BY_DESCRIPTOR(fchmod, (int fd, mode_t mode), TYPES(int, mode_t), (fd, mode))
BY_DESCRIPTOR(fstat, (int fd, struct stat *status), TYPES(int, struct stat *), (fd, status))
BY_DESCRIPTOR(fstat64, (int fd, struct stat64 *status), TYPES(int, struct stat64 *), (fd, status))

#define BY_PATH(name, parameters, types, arguments) \
    int name parameters { \
        REAL(int, #name, types); \
        if (touches(path) && fails(#name)) return -1; \
        return real arguments; \
    }
BY_PATH(stat, (const char *path, struct stat *status), TYPES(const char *, struct stat *), (path, status))
BY_PATH(stat64, (const char *path, struct stat64 *status), TYPES(const char *, struct stat64 *), (path, status))
BY_PATH(lstat, (const char *path, struct stat *status), TYPES(const char *, struct stat *), (path, status))
BY_PATH(lstat64, (const char *path, struct stat64 *status), TYPES(const char *, struct stat64 *), (path, status))
BY_PATH(fstatat, (int at, const char *path, struct stat *status, int flags), TYPES(int, const char *, struct stat *, int), (at, path, status, flags))
BY_PATH(fstatat64, (int at, const char *path, struct stat64 *status, int flags), TYPES(int, const char *, struct stat64 *, int), (at, path, status, flags))
BY_PATH(access, (const char *path, int mode), TYPES(const char *, int), (path, mode))
BY_PATH(faccessat, (int at, const char *path, int mode, int flags), TYPES(int, const char *, int, int), (at, path, mode, flags))
BY_PATH(chmod, (const char *path, mode_t mode), TYPES(const char *, mode_t), (path, mode))
BY_PATH(fchmodat, (int at, const char *path, mode_t mode, int flags), TYPES(int, const char *, mode_t, int), (at, path, mode, flags))
BY_PATH(rename, (const char *path, const char *target), TYPES(const char *, const char *), (path, target))
BY_PATH(renameat, (int from, const char *path, int to, const char *target), TYPES(int, const char *, int, const char *), (from, path, to, target))
