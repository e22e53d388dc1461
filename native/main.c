/*
 * shim launch   plan on descriptor 3: carry it out, stay as monitor. First made unwritable for the container.
 * shim run      the same for plans without a container: unpacking, reading a tree, removing one
 * shim undo     descriptor 3 is the plan of a monitor that died: only its undo steps
 *
 * Descriptor 4 takes the report, a sequence of records: u32 kind, u32 length, data. Exit 0: all went well.
 */
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/mount.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clients.h"
#include "events.h"
#include "front.h"
#include "interp.h"
#include "launch.h"
#include "monitor.h"
#include "oci.h"
#include "renew.h"
#include "report.h"
#include "spare.h"
#include "tree.h"
#include "util.h"

/* COLD functions lie between these two: ld's own script puts .text.unlikely first and main, .text.startup, after it. */
extern const char __executable_start[];
int main(int argc, char **argv);

static HOT struct ctx ctx;
static HOT struct plan plan;
static struct exec_note note;

/* CVE-2019-5736: a container could open /proc/self/exe and overwrite the program that starts containers. We go on
 * as a clone of our own mount that is read-only and belongs to no mount namespace: nobody can remount it. */
static int protect(char **argv) {
  int tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) return errno;
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
  if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0) return errno;
  char *env[] = {NULL};
  syscall(SYS_execveat, tree, "", argv, env, AT_EMPTY_PATH);
  return errno;
}

/* The steps done so far are taken back; then the caller hears of it, so that when it does, all is as before. */
COLD static int fail(const struct failure *f) {
  static unsigned char payload[10 + sizeof note.path + sizeof note.head];
  struct failure undo = {NO_STEP, 0};
  if (ctx.child > 0) {
    kill(ctx.child, SIGKILL);
    while (waitpid(ctx.child, NULL, 0) < 0 && errno == EINTR) {}
  }
  /* Undos may be hooks, which note what they found too. */
  uint32_t len = failure_payload(payload, f, &note);
  exit_forget();
  run_undos(&plan, &ctx, false, &undo);
  if (undo.step != NO_STEP) report(R_UNDO_FAILED, &undo, sizeof undo);
  report(R_FAILED, payload, len);
  clients_failed(payload, len);
  release_parent(1);
  tree_remove_discarded();
  return 1;
}

static _Noreturn void child_main(void) {
  struct failure f = {NO_STEP, 0};
  run_section(&plan, &ctx, SECTION_INIT, &f);
  struct sync_msg m = {.kind = SYNC_FAILED, .step = f.step, .error = (uint32_t)f.error, .note_len = sizeof note};
  child_failed(&ctx, &m, &note);
  _exit(127);
}

/* The pty master arrives; its slave is kept open here too, or the master would report a hang-up whenever the
 * program has it closed for a moment. */
static bool take_console(int master) {
  struct statfs fs;
  if (!(mon.streams & STREAMS_TTY) || mon.out[0] >= 0) return false;
  if (fstatfs(master, &fs) < 0 || fs.f_type != DEVPTS_MAGIC) return false;
  int flags = fcntl(master, F_GETFL);
  (void)fcntl(master, F_SETFL, flags | O_NONBLOCK);
  mon.out[0] = mon.in = master;
  (void)syscall(SYS_ioctl, master, 0x5441 /* TIOCGPTPEER */, O_RDWR | O_NOCTTY | O_CLOEXEC);
  struct winsize size = {.ws_row = (unsigned short)(mon.pending_size & 0xffff),
                         .ws_col = (unsigned short)(mon.pending_size >> 16)};
  if (mon.pending_size != 0) (void)ioctl(master, TIOCSWINSZ, &size);
  return true;
}

/* Follows the child up to its execve. 0, or the errno of the step in *f. */
static int await_exec(struct failure *f) {
  bool executing = false;
  for (;;) {
    struct sync_msg m = {0};
    union { struct cmsghdr head; char room[CMSG_SPACE(sizeof(int))]; } ctl;
    struct iovec iov[2] = {{&m, sizeof m}, {&note, sizeof note}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2, .msg_control = &ctl, .msg_controllen = sizeof ctl.room};
    ssize_t n = recvmsg(ctx.sync, &msg, MSG_CMSG_CLOEXEC);
    /* ECONNRESET comes once, before what the child sent, when it ended without reading all we sent. */
    if (n < 0 && (errno == EINTR || errno == ECONNRESET)) continue;
    if (n < (ssize_t)sizeof m) {
      *f = (struct failure){NO_STEP, executing ? 0 : ECHILD};
      return f->error;
    }
    if (m.kind == SYNC_CREATED) return 0;
    if (m.kind == SYNC_EXEC) executing = true;
    if (m.kind == SYNC_CONSOLE && msg.msg_controllen > 0) {
      int master;
      memcpy(&master, CMSG_DATA(&ctl.head), sizeof master);
      if (!take_console(master)) close(master);
    }
    if (m.kind == SYNC_SOCKET && msg.msg_controllen > 0) {
      int fd;
      memcpy(&fd, CMSG_DATA(&ctl.head), sizeof fd);
      if (!dns_take(m.step, fd)) close(fd);
    }
    if (m.kind == SYNC_FAILED) {
      *f = (struct failure){m.step, (int)m.error};
      return f->error != 0 ? f->error : EPROTO;
    }
  }
}

/* A monitor lives as long as its container and there may be thousands: the memory of the launch goes back. */
static void shed(unsigned char *mem) {
  uintptr_t page = 4096;
  char here;
  size_t used = (plan_keep_undos(&plan, mem) + page - 1) & ~(size_t)(page - 1);
  madvise(mem + used, PLAN_MEMORY_BYTES - used, MADV_DONTNEED);
  uintptr_t steps_end = ((uintptr_t)&plan.steps[plan.count] + page - 1) & ~(page - 1);
  uintptr_t plan_end = (uintptr_t)(&plan + 1) & ~(page - 1);
  if (plan_end > steps_end) madvise((void *)steps_end, plan_end - steps_end, MADV_DONTNEED);
  /* Below the stack pointer lies only what earlier calls left. */
  uintptr_t below = ((uintptr_t)&here & ~(page - 1)) - page;
  madvise((void *)(below - 16 * page), 16 * page, MADV_DONTNEED);
  /* The functions of the launch; the end reads them in again. Another advice makes them a mapping of their own: a
   * fault brings in all that is around it, but only of the same mapping. */
  uintptr_t cold = (uintptr_t)__executable_start, cold_end = (uintptr_t)main & ~(page - 1);
  if (cold_end > cold && madvise((void *)cold, cold_end - cold, MADV_RANDOM) == 0)
    madvise((void *)cold, cold_end - cold, MADV_DONTNEED);
}

/* Nobody waits for the files of a container that is gone. A caller that shares our streams waits for our end, so another
 * process does it then, which holds nothing of the caller's; or we do, once its front has been told, or a caller that we
 * waited for sees the end of its socket. */
static void remove_discarded_aside(void) {
  if (!tree_has_discarded()) return;
  /* Seen by ps(1). */
  memcpy(shim_argv[1], "remove", sizeof "remove");
  if (mon.streams & STREAMS_INHERIT) {
    pid_t pid = has_front() || was_spare() ? 0 : fork();
    if (pid > 0) return;
    if (pid == 0) {
      (void)!chdir("/");
      syscall(SYS_close_range, 0u, ~0u, 0u);
      tell_front();
    }
  }
  tree_remove_discarded();
}

static int monitor_main(unsigned char *mem) {
  struct ending e = {0};
  struct failure undo = {NO_STEP, 0};
  uint32_t pid = (uint32_t)ctx.child;
  mon.pid = ctx.child;
  time_text(mon.started);
  int err = state_write("running", mon.pid, mon.started);
  if (err != 0) return fail(&(struct failure){NO_STEP, err});
  events_started();
  report(R_STARTED, &pid, sizeof pid);
  release_parent(0);
  if (mon.streams & STREAMS_INHERIT) clients_inherit();
  else {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3; i++) dup2(null, i);
    close(null);
  }
  shed(mem);
  renew_setup(&plan);
  monitor_loop(ctx.pidfd, &e);
  /* Step 0 owns the run directory: whoever finds it writes down how this ended. */
  if (exit_write(&e) != 0 && plan.count > 0 && plan.steps[0].index == 0) plan.steps[0].has_undo = false;
  events_died(&e);
  renew_stop();
  run_undos(&plan, &ctx, false, &undo);
  if (undo.step != NO_STEP) report(R_UNDO_FAILED, &undo, sizeof undo);
  else events_gone();
  clients_exited(&e);
  report(R_EXITED, &e, sizeof e);
  remove_discarded_aside();
  return 0;
}

/* A step for a child that is gone, or for its end of a cable: it says why. It ends a moment after its namespaces do. */
static const struct failure *blame_child(const struct failure *f) {
  struct pollfd gone = {.fd = ctx.pidfd, .events = POLLIN};
  bool is_missing = f->error == ESRCH || f->error == ENODEV;
  if (child_failure.error != 0) return &child_failure;
  bool is_told = is_missing && poll(&gone, 1, 1000) > 0 && await_exec(&child_failure) != 0;
  return is_told && child_failure.step != NO_STEP ? &child_failure : f;
}

static int carry_out(unsigned char *mem) {
  struct failure f = {NO_STEP, 0};
  if (run_section(&plan, &ctx, SECTION_HOST, &f) != 0) return fail(&f);
  if (in_child()) child_main();
  int err = plan.flags & PLAN_STREAM ? run_stream(&plan, &ctx, mem, &f) : 0;
  put_drop();
  if (err != 0) return fail(&f);
  if (ctx.child == 0) return 0;
  /* Our copies of the child's ends must go, or the pipes never end. */
  for (int i = 0; i < 3; i++)
    if (mon.child_io[i] >= 0) close(mon.child_io[i]);
  if (run_section(&plan, &ctx, SECTION_HOST_AFTER, &f) != 0) return fail(blame_child(&f));
  if (await_exec(&f) != 0) return fail(&f);
  if (run_section(&plan, &ctx, SECTION_STARTED, &f) != 0) return fail(&f);
  if (plan.flags & PLAN_LEAVE) return leave(&ctx);
  return monitor_main(mem);
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  if (strcmp(argv[1], "front") == 0) return front_main(argc, argv);
  shim_argv = argv;
  bool waiting = strcmp(argv[1], "waiting") == 0;
  bool launch = waiting || strcmp(argv[1], "launch") == 0;
  if (launch && argc < 3) return 2;
  /* launch TITLE [PARENT], and once more with "protected" in front of PARENT. */
  bool is_protected = launch && argc > 3 && strcmp(argv[3], "protected") == 0;
  if (launch && argc > (is_protected ? 4 : 3)) front_expected();
  if (launch && !is_protected) {
    char *again[] = {argv[0], argv[1], argv[2], (char *)(uintptr_t)"protected", argv[3], NULL};
    int err = protect(again);
    struct failure f = {NO_STEP, err};
    unsigned char payload[16];
    report(R_FAILED, payload, failure_payload(payload, &f, &note));
    return 1;
  }
  unsigned char *mem = plan_map();
  if (waiting) spare_wait(argv, &plan, mem);
  /* Nothing the caller left open may reach the container. */
  syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);
  monitor_setup();
  for (int i = 0; i < SLOT_COUNT; i++) ctx.slots[i] = -1;
  ctx.sync = ctx.file = ctx.pidfd = ctx.console = ctx.said = -1;
  ctx.note = &note;
  signal(SIGPIPE, SIG_IGN);
  umask(022);
  int err = plan_read(&plan, &ctx, mem);
  if (err != 0) return fail(&(struct failure){NO_STEP, err});
  if (strcmp(argv[1], "undo") == 0) {
    struct failure f = {NO_STEP, 0};
    int left = run_undos(&plan, &ctx, true, &f);
    tree_remove_discarded();
    if (left == 0) return 0;
    report(R_UNDO_FAILED, &f, sizeof f);
    return 1;
  }
  if (launch) leave_caller(plan.flags, argv[4]);
  return carry_out(mem);
}
