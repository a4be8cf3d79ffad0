// SPDX-License-Identifier: Apache-2.0
//
// What a failing disk, a clock that is set and a kill in the very moment of a write look like to a daemon that is as it is: preloaded
// into it, and told what to do through a file that both have mapped. Only files below one directory are concerned.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

// Numbers of 64 bits, in the order of faults.ts.
struct control {
  volatile int64_t write_error; // errno of writes, 0 for none
  volatile int64_t sync_error;
  volatile int64_t read_error;
  volatile int64_t clock_offset; // milliseconds that the time of day is off
  volatile int64_t commits;      // to the database, so far
  volatile int64_t stop_at;      // number of the commit at which to wait, 0 for none
  volatile int64_t stop_where;   // 0 before it, 1 in its middle, 2 behind it, 3 behind its sync
  volatile int64_t waiting;
  volatile int64_t go_on;
};

static struct control none;
static struct control *control = &none;
static char directory[4096];

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("ENARX_FAULTS");
  const char *below = getenv("ENARX_FAULTS_BELOW");
  if (path == NULL || below == NULL) return;
  int fd = open(path, O_RDWR);
  if (fd < 0) abort();
  void *mapped = mmap(NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (mapped == MAP_FAILED) abort();
  snprintf(directory, sizeof directory, "%s", below);
  control = mapped;
}

// Looked up once: dlsym takes a lock, which a thread may hold while another forks.
#define REAL(name)                                                                                                      \
  static __typeof__(&name) real;                                                                                       \
  if (real == NULL) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int concerns_path(const char *path) {
  return directory[0] != 0 && path != NULL && strncmp(path, directory, strlen(directory)) == 0;
}

static int concerns(int fd) {
  if (directory[0] == 0) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return concerns_path(path);
}

static int fails(int64_t error, int fd) {
  if (error == 0 || !concerns(fd)) return 0;
  errno = (int)error;
  return 1;
}

static void wait_here(int64_t where) {
  if (control->stop_at == 0 || control->commits != control->stop_at || control->stop_where != where) return;
  control->waiting = 1;
  while (!control->go_on) {
    struct timespec pause = {0, 1000000};
    nanosleep(&pause, NULL);
  }
  control->waiting = 0;
  control->go_on = 0;
  control->stop_at = 0;
}

static int is_log(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  return length > 4 && concerns(fd) && memcmp(path + length - 4, "-wal", 4) == 0;
}

// A commit of ours is one frame of the write-ahead log: a head of 24 bytes and a page. Some are synced then.
enum { frame_head = 24, page = 4096 };
static void before_write(int fd, size_t length) {
  if (length != frame_head || !is_log(fd)) return;
  control->commits += 1;
  wait_here(0);
}
static ssize_t after_write(int fd, size_t length, ssize_t result) {
  if ((length == frame_head || length == page) && is_log(fd)) wait_here(length == frame_head ? 1 : 2);
  return result;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  REAL(write);
  before_write(fd, length);
  return fails(control->write_error, fd) ? -1 : after_write(fd, length, real(fd, bytes, length));
}
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
  REAL(pwrite);
  before_write(fd, length);
  return fails(control->write_error, fd) ? -1 : after_write(fd, length, real(fd, bytes, length, at));
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
  REAL(pwrite64);
  before_write(fd, length);
  return fails(control->write_error, fd) ? -1 : after_write(fd, length, real(fd, bytes, length, at));
}
int ftruncate(int fd, off_t length) {
  REAL(ftruncate);
  return fails(control->write_error, fd) ? -1 : real(fd, length);
}
int ftruncate64(int fd, off64_t length) {
  REAL(ftruncate64);
  return fails(control->write_error, fd) ? -1 : real(fd, length);
}
ssize_t pread(int fd, void *bytes, size_t length, off_t at) {
  REAL(pread);
  return fails(control->read_error, fd) ? -1 : real(fd, bytes, length, at);
}
ssize_t pread64(int fd, void *bytes, size_t length, off64_t at) {
  REAL(pread64);
  return fails(control->read_error, fd) ? -1 : real(fd, bytes, length, at);
}
int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  if (control->write_error != 0 && concerns_path(path)) {
    errno = (int)control->write_error;
    return -1;
  }
  return real(path, mode);
}

static int sync_through(int fd, int (*real)(int)) {
  int result = fails(control->sync_error, fd) ? -1 : real(fd);
  if (is_log(fd)) wait_here(3);
  return result;
}
int fsync(int fd) {
  REAL(fsync);
  return sync_through(fd, real);
}
int fdatasync(int fd) {
  REAL(fdatasync);
  return sync_through(fd, real);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  REAL(clock_gettime);
  int result = real(clock, now);
  if (clock == CLOCK_REALTIME) {
    now->tv_sec += control->clock_offset / 1000;
    now->tv_nsec += control->clock_offset % 1000 * 1000000;
    if (now->tv_nsec >= 1000000000) now->tv_sec += 1, now->tv_nsec -= 1000000000;
    if (now->tv_nsec < 0) now->tv_sec -= 1, now->tv_nsec += 1000000000;
  }
  return result;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  REAL(gettimeofday);
  int result = real(now, zone);
  now->tv_sec += control->clock_offset / 1000;
  return result;
}
