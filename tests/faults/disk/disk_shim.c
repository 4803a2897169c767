/* A disk that fails on command: preload this, and name a control file in DISK_FAULTS.
 *
 * The control file is mapped, so that whoever writes to it decides from outside, at any moment, which calls fail with
 * which error, for which paths, and sees how many did. `disk_faults.py` knows its layout.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN = 1, WRITE = 2, FSYNC = 4, RENAME = 8, UNLINK = 16, CLOSE = 32, TRUNCATE = 64, MKDIR = 128, READ = 256 };

struct control {
    volatile uint32_t calls;  /* which of the above fail */
    volatile int32_t error;   /* errno */
    uint64_t made;            /* how many failed so far */
    char folder[496];         /* paths that begin so */
    char part[256];           /* and have this in them */
    char other[256];          /* and do not have this in them, if it is not empty */
};

static struct control *control;

__attribute__((constructor)) static void map_control(void) {
    const char *path = getenv("DISK_FAULTS");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped != MAP_FAILED) control = mapped;
}

static int fails_at(uint32_t call, const char *path) {
    if (!control || !(control->calls & call) || !path) return 0;
    if (strncmp(path, control->folder, strlen(control->folder)) || !strstr(path, control->part)) return 0;
    if (*control->other && strstr(path, control->other)) return 0;
    __atomic_add_fetch(&control->made, 1, __ATOMIC_SEQ_CST);
    errno = control->error;
    return 1;
}

static int fails_on(uint32_t call, int fd) {
    if (!control || !(control->calls & call)) return 0;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fails_at(call, path);
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define OPENS(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        return flags & (O_CREAT | O_WRONLY | O_RDWR) && fails_at(OPEN, path) ? -1 : real(path, flags, mode); \
    }
OPENS(open)
OPENS(open64)

#define FAILS_ON(type, name, call, fd, parameters, arguments) \
    type name parameters { \
        REAL(name); \
        return fails_on(call, fd) ? -1 : real arguments; \
    }
FAILS_ON(ssize_t, write, WRITE, fd, (int fd, const void *data, size_t size), (fd, data, size))
FAILS_ON(ssize_t, pread, READ, fd, (int fd, void *data, size_t size, off_t at), (fd, data, size, at))
FAILS_ON(ssize_t, pread64, READ, fd, (int fd, void *data, size_t size, off64_t at), (fd, data, size, at))
FAILS_ON(int, fsync, FSYNC, fd, (int fd), (fd))
FAILS_ON(int, ftruncate, TRUNCATE, fd, (int fd, off_t size), (fd, size))
FAILS_ON(int, ftruncate64, TRUNCATE, fd, (int fd, off64_t size), (fd, size))

#define FAILS_AT(name, call, path, parameters, arguments) \
    int name parameters { \
        REAL(name); \
        return fails_at(call, path) ? -1 : real arguments; \
    }
FAILS_AT(rename, RENAME, from, (const char *from, const char *to), (from, to))
FAILS_AT(unlink, UNLINK, path, (const char *path), (path))
FAILS_AT(mkdir, MKDIR, path, (const char *path, mode_t mode), (path, mode))

int close(int fd) {
    REAL(close);
    int fails = fails_on(CLOSE, fd); /* as on a network file system, the descriptor is gone all the same */
    int result = real(fd);
    if (!fails) return result;
    errno = control->error;
    return -1;
}
