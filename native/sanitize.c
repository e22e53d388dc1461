/* Settings of the sanitizer build (tools/build.mjs --sanitize); empty in every other. The shim has no environment
 * to read them from, and its standard error is the container's: reports go to files that the test runner looks for. */
#ifdef __SANITIZE_ADDRESS__
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void) {
  return "detect_leaks=0:abort_on_error=1:log_path=/var/tmp/mydocker-sanitizer";
}

const char *__ubsan_default_options(void) {
  return "abort_on_error=1:print_stacktrace=1:log_path=/var/tmp/mydocker-sanitizer";
}
#else
typedef int sanitize_is_off;
#endif
