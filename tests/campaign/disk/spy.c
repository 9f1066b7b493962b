// Stands between a program and its disk: records what it writes and syncs below one directory, and makes
// chosen calls fail or take long. It is preloaded (ld.so(8), LD_PRELOAD), so the program is the unchanged
// one.
//
// UNOLINK_SPY_DIRECTORY  absolute path without symbolic links; the files below it are watched
// UNOLINK_SPY_LOG        optional: the record goes here, a `struct head` and its bytes for each call that
// worked UNOLINK_SPY_PLAN       optional, "FIRST COUNT ERRNO DELAY_US": of the watched calls (creation,
// write, truncation,
//                        sync, removal; numbered from 0) so many from FIRST on take that much longer and then
//                        fail with this errno; with 0 they work. COUNT -1 is all the rest. ERRNO -9 kills
//                        the program in the call's place, as kill -9 does.
//
// A program that knows of the spy may plan anew while it runs: `unolink_spy_plan`.
//
// What it does not see: memory-mapped files (SQLite's -shm is one; nothing in it outlives a crash), and files
// with a descriptor of 4096 or more.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FD_COUNT = 4096, FILE_COUNT = 4096, PATH_BYTES = 4096, CALLED_DIRECTORY = -2, NOT_WATCHED = -1 };

// One record of the log, in the machine's byte order; `length` bytes follow.
struct head {
    uint8_t call; // o: opened or created (bytes: the name), w: written, t: cut or grown to offset, s: synced,
                  // u: removed (bytes: the name), d: the directory synced
    uint8_t unused[3];
    int32_t file;    // a number for each file ever created, from 0; -1 for the directory
    uint64_t offset; // of a write; the size of a cut
    uint32_t length;
    uint32_t unused_end;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char directory[PATH_BYTES];
static int log_fd = -1;
static long plan_first = -1, plan_count, plan_errno, plan_delay_us, calls;
static int file_of_fd[FD_COUNT];       // number + 1; 0: not watched; CALLED_DIRECTORY: the directory
static char* name_of_file[FILE_COUNT]; // 0 once it is removed
static int file_count;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void start(void) {
    const char* watched = getenv("UNOLINK_SPY_DIRECTORY");
    const char* log = getenv("UNOLINK_SPY_LOG");
    const char* plan = getenv("UNOLINK_SPY_PLAN");
    if (watched) {
        snprintf(directory, sizeof directory, "%s", watched);
    }
    if (log) {
        log_fd = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
    if (plan && sscanf(plan, "%ld %ld %ld %ld", &plan_first, &plan_count, &plan_errno, &plan_delay_us) != 4) {
        fprintf(stderr, "UNOLINK_SPY_PLAN is no plan: %s\n", plan);
        abort();
    }
}

// The name below the watched directory, or 0.
static const char* watched_name(const char* path) {
    const size_t length = strlen(directory);
    if (length == 0 || strncmp(path, directory, length) != 0 || path[length] != '/') {
        return 0;
    }
    const char* name = path + length + 1;
    const size_t name_length = strlen(name);
    const int shared_memory = name_length >= 4 && strcmp(name + name_length - 4, "-shm") == 0;
    return shared_memory ? 0 : name;
}

static void record(char call, int file, uint64_t offset, const void* bytes, size_t length) {
    const struct head head = {
        .call = (uint8_t)call, .file = file, .offset = offset, .length = (uint32_t)length};
    if (log_fd < 0) {
        return;
    }
    if (REAL(write)(log_fd, &head, sizeof head) != sizeof head ||
        REAL(write)(log_fd, bytes, length) != (ssize_t)length) {
        fprintf(stderr, "the record of the disk cannot be written\n");
        abort();
    }
}

// Counts a watched call, waits as planned, and says whether it is to fail; errno is set then. Call locked.
static int planned_to_fail(void) {
    const long number = calls++;
    if (plan_first < 0 || number < plan_first || (plan_count >= 0 && number >= plan_first + plan_count)) {
        return 0;
    }
    if (plan_delay_us > 0) {
        usleep((useconds_t)plan_delay_us);
    }
    if (plan_errno == -SIGKILL) {
        raise(SIGKILL);
    }
    errno = (int)plan_errno;
    return plan_errno != 0;
}

// Makes another plan; `first` is counted from now, a negative one is none.
void unolink_spy_plan(long first, long count, long error) {
    pthread_mutex_lock(&lock);
    plan_first = first < 0 ? -1 : calls + first;
    plan_count = count;
    plan_errno = error;
    plan_delay_us = 0;
    pthread_mutex_unlock(&lock);
}

static int file_of_name(const char* name) {
    for (int file = 0; file < file_count; ++file) {
        if (name_of_file[file] && strcmp(name_of_file[file], name) == 0) {
            return file;
        }
    }
    if (file_count == FILE_COUNT) {
        fprintf(stderr, "more files than the record has room for\n");
        abort();
    }
    name_of_file[file_count] = strdup(name);
    return file_count++;
}

static int watched_file(int fd) {
    return fd >= 0 && fd < FD_COUNT ? file_of_fd[fd] - 1 : NOT_WATCHED;
}

static int open_watched(const char* path, int flags, mode_t mode) {
    const char* name = watched_name(path);
    if (!name || (flags & O_DIRECTORY)) {
        const int fd = REAL(open64)(path, flags, mode);
        if (fd >= 0 && fd < FD_COUNT) {
            file_of_fd[fd] = strcmp(path, directory) == 0 && directory[0] ? CALLED_DIRECTORY + 1 : 0;
        }
        return fd;
    }
    pthread_mutex_lock(&lock);
    struct stat status;
    const int existed = stat(path, &status) == 0;
    const int fails = !existed && (flags & O_CREAT) && planned_to_fail();
    const int fd = fails ? -1 : REAL(open64)(path, flags, mode);
    if (fd >= 0 && fd < FD_COUNT) {
        const int file = file_of_name(name);
        file_of_fd[fd] = file + 1;
        record('o', file, (uint64_t)existed, name, strlen(name));
        if (flags & O_TRUNC) {
            record('t', file, 0, "", 0);
        }
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define OPEN(name)                                                                                           \
    int name(const char* path, int flags, ...) {                                                             \
        va_list more;                                                                                        \
        va_start(more, flags);                                                                               \
        const mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;                      \
        va_end(more);                                                                                        \
        return open_watched(path, flags, mode);                                                              \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    if (fd >= 0 && fd < FD_COUNT) {
        file_of_fd[fd] = 0;
    }
    return REAL(close)(fd);
}

ssize_t pwrite64(int fd, const void* bytes, size_t length, off64_t offset) {
    const int file = watched_file(fd);
    if (file < 0) {
        return REAL(pwrite64)(fd, bytes, length, offset);
    }
    pthread_mutex_lock(&lock);
    const ssize_t written = planned_to_fail() ? -1 : REAL(pwrite64)(fd, bytes, length, offset);
    if (written > 0) {
        record('w', file, (uint64_t)offset, bytes, (size_t)written);
    }
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t pwrite(int fd, const void* bytes, size_t length, off_t offset) {
    return pwrite64(fd, bytes, length, offset);
}

ssize_t write(int fd, const void* bytes, size_t length) {
    const int file = watched_file(fd);
    if (file < 0) {
        return REAL(write)(fd, bytes, length);
    }
    pthread_mutex_lock(&lock);
    struct stat status;
    const int appends = fcntl(fd, F_GETFL) & O_APPEND;
    const off_t offset = appends && fstat(fd, &status) == 0 ? status.st_size : lseek(fd, 0, SEEK_CUR);
    const ssize_t written = planned_to_fail() ? -1 : REAL(write)(fd, bytes, length);
    if (written > 0) {
        record('w', file, (uint64_t)offset, bytes, (size_t)written);
    }
    pthread_mutex_unlock(&lock);
    return written;
}

int ftruncate64(int fd, off64_t size) {
    const int file = watched_file(fd);
    if (file < 0) {
        return REAL(ftruncate64)(fd, size);
    }
    pthread_mutex_lock(&lock);
    const int result = planned_to_fail() ? -1 : REAL(ftruncate64)(fd, size);
    if (result == 0) {
        record('t', file, (uint64_t)size, "", 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t size) {
    return ftruncate64(fd, size);
}

static int sync_watched(int fd, int (*real)(int)) {
    const int file = watched_file(fd);
    if (file == NOT_WATCHED) {
        return real(fd);
    }
    pthread_mutex_lock(&lock);
    const int result = planned_to_fail() ? -1 : real(fd);
    if (result == 0) {
        record(file == CALLED_DIRECTORY ? 'd' : 's', file == CALLED_DIRECTORY ? -1 : file, 0, "", 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int fd) {
    return sync_watched(fd, REAL(fsync));
}
int fdatasync(int fd) {
    return sync_watched(fd, REAL(fdatasync));
}

int unlink(const char* path) {
    const char* name = watched_name(path);
    if (!name) {
        return REAL(unlink)(path);
    }
    pthread_mutex_lock(&lock);
    const int result = planned_to_fail() ? -1 : REAL(unlink)(path);
    if (result == 0) {
        const int file = file_of_name(name);
        record('u', file, 0, name, strlen(name));
        free(name_of_file[file]);
        name_of_file[file] = 0;
    }
    pthread_mutex_unlock(&lock);
    return result;
}
