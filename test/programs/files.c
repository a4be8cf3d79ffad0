// SPDX-License-Identifier: Apache-2.0
//
// What a C program does with files, told in lines that are the same on every host that does it right: no times, no inode numbers.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void say(const char *what, long result) {
  printf("%s: %ld%s%s\n", what, result, result < 0 ? " " : "", result < 0 ? strerror(errno) : "");
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void list(const char *path, int depth) {
  DIR *directory = opendir(path);
  if (!directory) {
    say(path, -1);
    return;
  }
  // Not on the stack, which is 64 KiB by default.
  char **names = malloc(1024 * sizeof *names), *full = malloc(4200);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(directory)) && count < 1024;)
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) names[count++] = strdup(entry->d_name);
  closedir(directory);
  qsort(names, count, sizeof *names, by_name);
  for (int i = 0; i < count; i++) {
    snprintf(full, 4200, "%s/%s", path, names[i]);
    struct stat status;
    if (lstat(full, &status)) {
      say(full, -1);
      continue;
    }
    printf("%*s%s %s", 2 * depth, "", S_ISDIR(status.st_mode) ? "d" : S_ISLNK(status.st_mode) ? "l" : "f", names[i]);
    if (S_ISREG(status.st_mode)) {
      unsigned sum = 5381;
      FILE *file = fopen(full, "rb");
      for (int c; file && (c = getc(file)) != EOF;) sum = sum * 33 + c;
      if (file) fclose(file);
      printf(" %lld bytes, %u links, sum %u", (long long)status.st_size, (unsigned)status.st_nlink, sum);
    }
    if (S_ISLNK(status.st_mode)) {
      char target[256] = "";
      readlink(full, target, sizeof target - 1);
      printf(" -> %s", target);
    }
    puts("");
    if (S_ISDIR(status.st_mode)) list(full, depth + 1);
    free(names[i]);
  }
  free(names);
  free(full);
}

static void many(void) {
  say("mkdir many", mkdir("/data/many", 0777));
  char name[64];
  for (int i = 0; i < 500; i++) {
    snprintf(name, sizeof name, "/data/many/file-with-a-rather-long-name-%03d", i);
    int fd = open(name, O_CREAT | O_WRONLY | O_EXCL, 0666);
    if (fd < 0) say(name, fd);
    if (write(fd, name, strlen(name)) != (ssize_t)strlen(name)) say("short write", -1);
    close(fd);
  }
  int seen = 0;
  DIR *directory = opendir("/data/many");
  // Hosts differ in whether they list the dots.
  for (struct dirent *entry; (entry = readdir(directory));) seen += entry->d_name[0] != '.';
  rewinddir(directory);
  int again = 0;
  for (struct dirent *entry; (entry = readdir(directory));) again += entry->d_name[0] != '.';
  closedir(directory);
  printf("entries: %d, and %d again\n", seen, again);
  for (int i = 0; i < 500; i += 2) {
    snprintf(name, sizeof name, "/data/many/file-with-a-rather-long-name-%03d", i);
    if (unlink(name)) say(name, -1);
  }
}

static void sparse(void) {
  int fd = open("/data/sparse", O_CREAT | O_RDWR | O_TRUNC, 0666);
  say("write at 200000", pwrite(fd, "end", 3, 200000));
  char buffer[8] = "xxxxxxx";
  say("read the hole", pread(fd, buffer, 4, 100000));
  printf("%d%d%d%d\n", buffer[0], buffer[1], buffer[2], buffer[3]);
  say("cut", ftruncate(fd, 100));
  say("grow", ftruncate(fd, 200010));
  say("read where the end was", pread(fd, buffer, 3, 200000));
  printf("%d%d%d\n", buffer[0], buffer[1], buffer[2]);
  say("seek to the end", lseek(fd, 0, SEEK_END));
  say("seek before the start", lseek(fd, -1, SEEK_SET));
  say("read at the end", read(fd, buffer, 4));
  close(fd);
}

static void appending(void) {
  FILE *log = fopen("/data/log", "a");
  for (int i = 0; i < 3; i++) fprintf(log, "line %d\n", i);
  fclose(log);
  log = fopen("/data/log", "a+");
  fseek(log, 0, SEEK_SET);
  char line[32];
  printf("first: %s", fgets(line, sizeof line, log));
  fprintf(log, "appended\n");
  fclose(log);
}

static void large(void) {
  FILE *file = fopen("/data/large", "wb");
  unsigned state = 1;
  for (int i = 0; i < 300000; i++) {
    state = state * 1664525u + 1013904223u;
    fwrite(&state, 1, sizeof state, file);
  }
  fclose(file);
}

static void names(void) {
  say("mkdir twice", mkdir("/data/many", 0777));
  say("rmdir of a full one", rmdir("/data/many"));
  say("open what is not there", open("/data/nothing", O_RDONLY));
  say("open below a file", open("/data/log/x", O_RDONLY));
  say("create below what is not there", open("/data/a/b", O_CREAT | O_WRONLY, 0666));
  say("open again exclusively", open("/data/log", O_CREAT | O_EXCL | O_WRONLY, 0666));
  say("write to a directory", open("/data/many", O_WRONLY));
  say("a directory that is a file", open("/data/log", O_RDONLY | O_DIRECTORY));
  say("symlink", symlink("log", "/data/link"));
  say("dangling symlink", symlink("nowhere", "/data/dangling"));
  say("open it", open("/data/dangling", O_RDONLY));
  say("symlink to itself", symlink("loop", "/data/loop"));
  say("open it", open("/data/loop", O_RDONLY));
  say("hard link", link("/data/log", "/data/hard"));
  say("rename onto a file", rename("/data/sparse", "/data/hard"));
  say("rename a directory", rename("/data/many", "/data/moved"));
  say("rename into itself", rename("/data/moved", "/data/moved/inside"));
  say("rename a file onto a directory", rename("/data/log", "/data/moved"));
  say("unlink a directory", unlink("/data/moved") < 0 ? 0 : 1);
  int fd = open("/data/unlinked", O_CREAT | O_RDWR, 0666);
  say("unlink while open", unlink("/data/unlinked"));
  say("write to it", write(fd, "still here", 10));
  char buffer[16] = "";
  say("read from it", pread(fd, buffer, 10, 0));
  puts(buffer);
  close(fd);
}

int main(int argc, char **argv) {
  list("/data", 0);
  appending();
  many();
  sparse();
  large();
  names();
  FILE *given = fopen("/data/given/text", "r+");
  if (given) {
    fputs("CHANGED", given);
    fclose(given);
  }
  list("/data", 0);
  return argc > 1 ? atoi(argv[1]) : 0;
}
