/* A fuzzer of the shim's readers: mutated inputs, led by the edges of the shim's code that they reach. */
#ifndef MYDOCKER_FUZZ_H
#define MYDOCKER_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_MOST 65536u

struct target {
  const char *name;
  void (*begin)(void);
  /* Makes a mutated input one that gets past the first checks, mostly. */
  void (*mend)(unsigned char *data, size_t len);
  /* Reads it. Ends the process, by a sanitizer or by demand(), when something is not as it must be. */
  void (*read)(const unsigned char *data, size_t len);
};

extern const struct target plan_target, attach_target;

/* Says what was expected, and ends the process as a sanitizer does. */
#define demand(condition) ((condition) ? (void)0 : not_so(#condition, __FILE__, __LINE__))
_Noreturn void not_so(const char *what, const char *file, int line);

/* The next random number below `most`. */
uint32_t below(uint32_t most);

#endif
