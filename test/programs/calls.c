// SPDX-License-Identifier: Apache-2.0
//
// What calls to the host cost: `calls NAME` prints nanoseconds for each call. Works in the directory /data.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char buffer[65536];

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

static int clocks(void) {
  for (int i = 0; i < 500000; i++) now();
  return 500000;
}

static int writes(void) {
  int fd = open("/data/small", O_CREAT | O_TRUNC | O_WRONLY, 0666);
  for (int i = 0; i < 200000; i++) write(fd, buffer, 64);
  close(fd);
  return 200000;
}

static int reads(void) {
  int fd = open("/data/small", O_RDONLY), count = 0;
  while (read(fd, buffer, 64) > 0) count++;
  close(fd);
  return count;
}

static int blocks_written(void) {
  int fd = open("/data/large", O_CREAT | O_TRUNC | O_WRONLY, 0666);
  for (int i = 0; i < 2000; i++) write(fd, buffer, sizeof buffer);
  close(fd);
  return 2000;
}

static int blocks_read(void) {
  int fd = open("/data/large", O_RDONLY), count = 0;
  while (read(fd, buffer, sizeof buffer) > 0) count++;
  close(fd);
  return count;
}

static int creates(void) {
  char name[32];
  for (int i = 0; i < 3000; i++) {
    snprintf(name, sizeof name, "/data/f%d", i);
    int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0666);
    write(fd, buffer, 16);
    close(fd);
  }
  return 3000;
}

static int open_each(void) {
  char name[32];
  for (int i = 0; i < 30000; i++) {
    snprintf(name, sizeof name, "/data/f%d", i % 3000);
    int fd = open(name, O_RDONLY);
    read(fd, buffer, 16);
    close(fd);
  }
  return 30000;
}

static int stats(void) {
  struct stat status;
  for (int i = 0; i < 50000; i++) stat("/data/f7", &status);
  return 50000;
}

static int lists(void) {
  int count = 0;
  for (int i = 0; i < 10; i++) {
    DIR *directory = opendir("/data");
    while (readdir(directory)) count++;
    closedir(directory);
  }
  return count;
}

int main(int argc, char **argv) {
  // What a call needs is made beforehand, outside the time that counts.
  static const struct {
    const char *name;
    int (*prepare)(void);
    int (*run)(void);
  } calls[] = {
      {"clock", 0, clocks},       {"write-64", 0, writes},    {"read-64", writes, reads},
      {"write-64k", 0, blocks_written}, {"read-64k", blocks_written, blocks_read},
      {"create", 0, creates},     {"open", creates, open_each}, {"stat", creates, stats},
      {"list", creates, lists},
  };
  for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++) {
    if (argc < 2 || strcmp(argv[1], calls[i].name)) continue;
    if (calls[i].prepare) calls[i].prepare();
    double before = now();
    int count = calls[i].run();
    printf("%.1f\n", (now() - before) / count);
    return 0;
  }
  return 2;
}
