/*
 * dns ADDRESS NAME COUNT WINDOW: asks for NAME's A record COUNT times, WINDOW questions at once, and prints two numbers:
 * nanoseconds for all of them, and nanoseconds of the median answer (meaningful with a window of 1).
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_size(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* RFC 1035, 4.1: a header with one question. */
static size_t question(unsigned char *to, const char *name) {
  memset(to, 0, 12);
  to[2] = 1;
  to[5] = 1;
  size_t at = 12;
  for (const char *part = name; *part != 0;) {
    size_t n = strcspn(part, ".");
    to[at++] = (unsigned char)n;
    memcpy(to + at, part, n);
    at += n;
    part += n + (part[n] == '.');
  }
  to[at++] = 0;
  memcpy(to + at, "\0\1\0\1", 4);
  return at + 4;
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  size_t count = strtoul(argv[3], NULL, 10), window = strtoul(argv[4], NULL, 10);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53)};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct timeval patience = {.tv_sec = 5};
  unsigned char ask[512], answer[1500];
  uint64_t *sent = calloc(count, sizeof *sent), *took = calloc(count, sizeof *took);
  if (fd < 0 || sent == NULL || took == NULL || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) return 2;
  if (strlen(argv[2]) > 200 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) return 2;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  size_t len = question(ask, argv[2]), asked = 0, got = 0;
  uint64_t from = now();
  while (got < count) {
    while (asked < count && asked - got < window) {
      ask[0] = (unsigned char)(asked >> 8);
      ask[1] = (unsigned char)asked;
      sent[asked++] = now();
      if (send(fd, ask, len, 0) < 0) return 1;
    }
    ssize_t n = recv(fd, answer, sizeof answer, 0);
    /* One record at least, and no error. */
    if (n < 12 || (answer[3] & 15) != 0 || answer[7] == 0) return 1;
    size_t id = (size_t)answer[0] << 8 | answer[1];
    if (id < count) took[id] = now() - sent[id];
    got++;
  }
  uint64_t whole = now() - from;
  qsort(took, count, sizeof *took, by_size);
  printf("%llu %llu\n", (unsigned long long)whole, (unsigned long long)took[count / 2]);
  return 0;
}
