// SPDX-License-Identifier: Apache-2.0
//
// What a program can do with a connected socket, which it has as descriptor 3.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTION 3

static void say(const char *what, ssize_t result) {
  if (result < 0)
    printf("%s: errno %d\n", what, errno);
  else
    printf("%s: %zd\n", what, result);
}

// Sends a text, says that no more comes, and prints what comes back.
static int fetch(const char *text) {
  static char buffer[65536];
  if (send(CONNECTION, text, strlen(text), 0) < 0 || shutdown(CONNECTION, SHUT_WR) < 0) {
    say("send", -1);
    return 1;
  }
  for (;;) {
    ssize_t got = recv(CONNECTION, buffer, sizeof buffer, 0);
    if (got < 0) {
      say("recv", got);
      return 1;
    }
    if (got == 0) return 0;
    fwrite(buffer, 1, (size_t)got, stdout);
  }
}

// Waits for standard input, the connection and the clock at once, until the connection ends.
static int wait_for_all(void) {
  struct pollfd polls[2] = {{.fd = 0, .events = POLLIN}, {.fd = CONNECTION, .events = POLLIN}};
  char buffer[256];
  for (;;) {
    int due = poll(polls, 2, 100);
    if (due < 0) {
      say("poll", due);
      return 1;
    }
    if (due == 0) puts("clock");
    for (int i = 0; i < 2; i += 1) {
      if (polls[i].revents == 0) continue;
      ssize_t got = read(polls[i].fd, buffer, sizeof buffer);
      if (got <= 0 && i == 1) return got == 0 ? 0 : 1;
      printf("%s: %.*s\n", i == 0 ? "stdin" : "connection", (int)(got < 0 ? 0 : got), buffer);
      if (got == 0) polls[i].fd = -1;
    }
    fflush(stdout);
  }
}

// The other end sends "abcdef", waits for "x", sends "gh", waits for "y", sends "ij" and ends, then waits for the end.
static int flags(void) {
  char buffer[64];
  say("waitall", recv(CONNECTION, buffer, 2, MSG_WAITALL));
  say("peek", recv(CONNECTION, buffer, 3, MSG_PEEK));
  say("peeked again", recv(CONNECTION, buffer, 3, MSG_PEEK));
  say("read", read(CONNECTION, buffer, 4));
  fcntl(CONNECTION, F_SETFL, O_NONBLOCK);
  say("nothing there", recv(CONNECTION, buffer, 1, 0));
  say("write", write(CONNECTION, "x", 1));
  struct pollfd waiting = {.fd = CONNECTION, .events = POLLIN};
  say("poll", poll(&waiting, 1, -1));
  say("two", recv(CONNECTION, buffer, 64, 0));
  fcntl(CONNECTION, F_SETFL, 0);
  say("write", write(CONNECTION, "y", 1));
  say("two", recv(CONNECTION, buffer, 2, MSG_WAITALL));
  say("end", recv(CONNECTION, buffer, 64, 0));
  say("end again", recv(CONNECTION, buffer, 64, MSG_WAITALL));
  say("still open this way", send(CONNECTION, "z", 1, 0));
  say("shutdown", shutdown(CONNECTION, SHUT_WR));
  say("write after it", write(CONNECTION, "z", 1));
  say("accept", accept(CONNECTION, NULL, NULL));
  say("recv of no socket", recv(1, buffer, 1, 0));
  say("shutdown of no socket", shutdown(1, SHUT_WR));
  say("close", close(CONNECTION));
  say("closed", write(CONNECTION, "z", 1));
  return 0;
}

// Reads until the connection is broken.
static int broken(void) {
  char buffer[64];
  ssize_t got;
  puts("waiting");
  fflush(stdout);
  while ((got = recv(CONNECTION, buffer, sizeof buffer, 0)) > 0)
    ;
  say("recv", got);
  say("send", send(CONNECTION, "z", 1, 0));
  return 0;
}

// Sends for ever, whether anybody reads or not.
static int flood(void) {
  static char buffer[65536];
  for (;;)
    if (send(CONNECTION, buffer, sizeof buffer, 0) < 0) {
      say("send", -1);
      return 0;
    }
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  if (strcmp(what, "fetch") == 0) return fetch(argc > 2 ? argv[2] : "");
  if (strcmp(what, "wait") == 0) return wait_for_all();
  if (strcmp(what, "flags") == 0) return flags();
  if (strcmp(what, "broken") == 0) return broken();
  if (strcmp(what, "flood") == 0) return flood();
  return 2;
}
