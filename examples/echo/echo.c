// SPDX-License-Identifier: Apache-2.0
//
// Sends back whatever comes, to many clients at once, with nothing but accept, recv, send and poll. It has the listener that the environment
// variables FD_COUNT and FD_NAMES name ("echo"), as Enarx gives it.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 1024
#define BUFFER 65536

struct client {
  size_t from, to;
  int ended;
  char *buffer;
};

static struct pollfd polls[MOST + 1];
static struct client clients[MOST + 1];
static int count = 1;

static int listener(void) {
  const char *names = getenv("FD_NAMES");
  int fd = 0;
  for (const char *at = names; at != NULL; fd += 1) {
    const char *end = strchr(at, ':');
    size_t length = end == NULL ? strlen(at) : (size_t)(end - at);
    if (length == 4 && memcmp(at, "echo", 4) == 0) return fd;
    at = end == NULL ? NULL : end + 1;
  }
  return 3;
}

static void drop(int i) {
  close(polls[i].fd);
  free(clients[i].buffer);
  count -= 1;
  polls[i] = polls[count];
  clients[i] = clients[count];
}

static int welcome(void) {
  int fd = accept(polls[0].fd, NULL, NULL);
  if (fd < 0) return -1;
  fcntl(fd, F_SETFL, O_NONBLOCK);
  char *buffer = malloc(BUFFER);
  if (buffer == NULL || count > MOST) {
    free(buffer);
    close(fd);
    return 0;
  }
  polls[count] = (struct pollfd){.fd = fd, .events = POLLIN};
  clients[count] = (struct client){.buffer = buffer};
  count += 1;
  return 0;
}

// Returns 0 when the client is to be dropped.
static int serve(int i) {
  struct client *client = &clients[i];
  int fd = polls[i].fd;
  if (client->from == client->to && !client->ended) {
    ssize_t got = recv(fd, client->buffer, BUFFER, 0);
    if (got < 0) return errno == EAGAIN;
    client->from = 0;
    client->to = (size_t)got;
    client->ended = got == 0;
  }
  while (client->from < client->to) {
    ssize_t sent = send(fd, client->buffer + client->from, client->to - client->from, 0);
    if (sent < 0 && errno != EAGAIN) return 0;
    if (sent < 0) break;
    client->from += (size_t)sent;
  }
  polls[i].events = client->from < client->to ? POLLOUT : POLLIN;
  if (!client->ended || client->from < client->to) return 1;
  shutdown(fd, SHUT_WR);
  return 0;
}

int main(int argc, char **argv) {
  // How many clients to serve; all that come without it.
  long left = argc > 1 ? atol(argv[1]) : -1;
  polls[0] = (struct pollfd){.fd = listener(), .events = POLLIN};
  fcntl(polls[0].fd, F_SETFL, O_NONBLOCK);
  printf("echo listens on descriptor %d\n", polls[0].fd);
  fflush(stdout);
  while (left != 0 || count > 1) {
    int first = left == 0;
    if (poll(polls + first, count - first, -1) < 0) {
      perror("poll");
      return 1;
    }
    for (int i = count - 1; i > 0; i -= 1)
      if (polls[i].revents != 0 && !serve(i)) drop(i);
    while (left != 0 && welcome() == 0)
      if (left > 0) left -= 1;
  }
  puts("done");
  return 0;
}
