/*
 * getppid COUNT: makes COUNT calls of getppid(2) and prints the nanoseconds they took. The call does next to nothing, so
 * what is measured is the way into the kernel, seccomp filter and all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv) {
  struct timespec from, to;
  long count = argc > 1 ? atol(argv[1]) : 0;
  clock_gettime(CLOCK_MONOTONIC, &from);
  for (long i = 0; i < count; i++) syscall(SYS_getppid);
  clock_gettime(CLOCK_MONOTONIC, &to);
  printf("%lld\n", (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec);
  return 0;
}
