/** A small program of attacks, for containers that have it bound in. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { command } from './harness.ts';

const PROGRAM = `
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>
/* Exchanges two names for ever; opens files until it may not; types into its terminal. */
int main(int argc, char **argv) {
  if (argc > 3 && strcmp(argv[1], "swap") == 0)
    for (;;) syscall(SYS_renameat2, AT_FDCWD, argv[2], AT_FDCWD, argv[3], 2 /* RENAME_EXCHANGE */);
  if (argc > 1 && strcmp(argv[1], "open") == 0) {
    long n = 0;
    while (n < 100000 && open("/etc/passwd", O_RDONLY) >= 0) n++;
    printf("%ld\\n", n);
    fflush(stdout);
    pause();
  }
  if (argc > 2 && strcmp(argv[1], "type") == 0) {
    int failed = 0;
    for (const char *p = argv[2]; *p != 0; p++) failed |= ioctl(0, TIOCSTI, p) < 0;
    return failed;
  }
  return 2;
}`;

/** Makes `attack` in this directory: "swap A B", "open", "type TEXT". */
export async function makeAttackProgram(directory: string): Promise<void> {
  writeFileSync(`${directory}/attack.c`, PROGRAM);
  const flags = ['-static', '-O1', '-w', '-o', `${directory}/attack`, `${directory}/attack.c`];
  const { code, stderr } = await command('gcc', flags);
  assert.equal(code, 0, stderr);
}
