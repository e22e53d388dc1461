/* Becoming a user of the container: its own /etc/passwd and /etc/group, read by the rules Docker reads them by. */
#include "util.h"

#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_GROUPS 256
#define MAX_ID 0x7fffffffu

struct lines {
  int fd;
  size_t start, end;
  char buf[4096];
};

struct identity {
  uid_t uid;
  gid_t gid;
  char name[256];              /* as passwd has it; empty when there is no entry */
  uint32_t group_count;
  gid_t groups[MAX_GROUPS];
};

static struct identity who;
static struct arg more; /* groups asked for */
static char home[4096];

/* ENOENT when missing. Only a plain file: a pipe or a device put there by an image could hold us for ever. */
static int lines_open(struct lines *l, const char *path) {
  l->start = l->end = 0;
  struct stat s;
  /* Before it is opened: the device rules of the container would refuse a node, in words that lead nowhere. */
  if (stat(path, &s) < 0) return errno;
  if (!S_ISREG(s.st_mode)) return ENOENT;
  l->fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (l->fd < 0) return errno;
  if (fstat(l->fd, &s) == 0 && S_ISREG(s.st_mode)) return 0;
  close(l->fd);
  return ENOENT;
}

/* The next line, without its end; NULL at the end of the file or at a failed read (*err). Lines that do not fit the
 * buffer are skipped. */
static char *lines_next(struct lines *l, int *err) {
  bool skipping = false;
  for (;;) {
    char *line = l->buf + l->start;
    char *end = memchr(line, '\n', l->end - l->start);
    if (end != NULL) {
      *end = 0;
      l->start = (size_t)(end + 1 - l->buf);
      if (!skipping) return line;
      skipping = false;
      continue;
    }
    memmove(l->buf, line, l->end - l->start);
    l->end -= l->start;
    l->start = 0;
    if (l->end == sizeof l->buf - 1) {
      skipping = true;
      l->end = 0;
    }
    ssize_t n = read(l->fd, l->buf + l->end, sizeof l->buf - 1 - l->end);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) *err = errno;
    if (n <= 0) {
      if (n < 0 || skipping || l->end == 0) return NULL;
      l->buf[l->end] = 0;    /* a last line without its newline */
      l->end = 0;
      return l->buf;
    }
    l->end += (size_t)n;
  }
}

/* Cuts at colons, in place. How many fields there are; at most max are kept. passwd(5), group(5) */
static size_t split(char *line, char **fields, size_t max) {
  size_t count = 0;
  line += strspn(line, " \t");
  size_t len = strlen(line);
  while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t' || line[len - 1] == '\r')) line[--len] = 0;
  while (count < max) {
    fields[count++] = line;
    line = strchr(line, ':');
    if (line == NULL) break;
    *line++ = 0;
  }
  return count;
}

static bool is_number(const char *text) { return *text != 0 && text[strspn(text, "0123456789")] == 0; }

/* Ids stop at 2^31-1, as with Docker; what is larger reads as a value above. */
static uint32_t to_number(const char *text) {
  uint64_t n = 0;
  for (; *text != 0 && n <= MAX_ID; text++) n = n * 10 + (uint64_t)(*text - '0');
  return n > MAX_ID ? MAX_ID + 1u : (uint32_t)n;
}

static bool to_id(const char *text, uint32_t *id) {
  *id = is_number(text) ? to_number(text) : MAX_ID + 1u;
  return *id <= MAX_ID;
}

/* Looks the user up; empty means user 0. Digits are always an id, never a name. The first entry that fits wins. */
static int find_user(const char *user) {
  bool number = *user == 0 || is_number(user);
  uint32_t wanted = *user == 0 ? 0 : to_number(user);
  if (number && wanted > MAX_ID) return EINVAL;
  who.uid = wanted;
  who.gid = 0;
  who.name[0] = 0;
  memcpy(home, "/", 2);

  struct lines l;
  int err = lines_open(&l, "/etc/passwd");
  if (err != 0 && err != ENOENT) return err;
  bool found = false;
  while (err == 0 && !found) {
    char *field[7];
    char *line = lines_next(&l, &err);
    if (line == NULL) break;
    size_t count = split(line, field, 7);
    uint32_t uid, gid;
    if (count < 4 || !to_id(field[2], &uid) || !to_id(field[3], &gid)) continue;
    if (number ? uid != wanted : strcmp(field[0], user) != 0) continue;
    found = true;
    who.uid = uid;
    who.gid = gid;
    if (strlen(field[0]) < sizeof who.name) memcpy(who.name, field[0], strlen(field[0]) + 1);
    if (count > 5 && field[5][0] != 0) memcpy(home, field[5], strlen(field[5]) + 1);
  }
  if (err != ENOENT) close(l.fd);
  if (err != 0 && err != ENOENT) return err;
  return found || number ? 0 : ESRCH;
}

static bool lists(char *members, const char *name) {
  size_t len = strlen(name);
  for (const char *p = members; *p != 0; p += *p == ',' ? 1 : 0) {
    size_t n = strcspn(p, ",");
    if (n == len && memcmp(p, name, len) == 0) return true;
    p += n;
  }
  return false;
}

static void add_group(gid_t gid) {
  for (uint32_t i = 0; i < who.group_count; i++)
    if (who.groups[i] == gid) return;
  if (who.group_count < MAX_GROUPS) who.groups[who.group_count++] = gid;
}

/* Without a group: every group that lists the user. With one: that one only, and no other. */
static int find_groups(const char *group) {
  bool number = is_number(group);
  uint32_t wanted = number ? to_number(group) : 0;
  if (wanted > MAX_ID) return EINVAL;
  who.group_count = 0;
  if (*group == 0) add_group(who.gid);
  if (number) {
    who.gid = wanted;
    add_group(wanted);
    return 0;
  }
  if (*group == 0 && who.name[0] == 0) return 0;

  struct lines l;
  int err = lines_open(&l, "/etc/group");
  if (err != 0) return err != ENOENT ? err : *group == 0 ? 0 : ENXIO;
  bool found = false;
  for (char *line; !found && (line = lines_next(&l, &err)) != NULL;) {
    char *field[4];
    size_t count = split(line, field, 4);
    uint32_t gid;
    if (count < 3 || !to_id(field[2], &gid)) continue;
    if (*group == 0) {
      if (count == 4 && lists(field[3], who.name)) add_group(gid);
    } else if (strcmp(field[0], group) == 0) {
      found = true;
      who.gid = gid;
      add_group(gid);
    }
  }
  close(l.fd);
  if (err != 0) return err;
  return found || *group == 0 ? 0 : ENXIO;
}

/* Groups beside the user's own: numbers, or names of the container's own file. */
static int find_more(void) {
  const char *name = more.str;
  for (uint64_t i = 0; i < more.num; i++) {
    name += sizeof(uint32_t);
    bool number = is_number(name);
    uint32_t gid = number ? to_number(name) : 0;
    if (gid > MAX_ID) return EINVAL;
    struct lines l;
    int err = number ? 0 : lines_open(&l, "/etc/group");
    if (err != 0) return err == ENOENT ? ENXIO : err;
    for (char *line; !number && (line = lines_next(&l, &err)) != NULL;) {
      char *field[4];
      if (split(line, field, 4) < 3 || strcmp(field[0], name) != 0 || !to_id(field[2], &gid)) continue;
      close(l.fd);
      number = true;
    }
    if (!number) {
      close(l.fd);
      return err != 0 ? err : ENXIO;
    }
    add_group(gid);
    name += strlen(name) + 1;
  }
  return 0;
}

/* Kept until the user is known. */
int op_add_groups(struct ctx *c, const struct arg *a) {
  (void)c;
  more = a[0];
  return 0;
}

/* The program opens its streams again by name (/dev/stdout, a log linked to it): pipes and the terminal made for it must
 * be its own. Refused without CAP_CHOWN, and then it works with what it was given. */
static void give_streams(uid_t uid) {
  for (int fd = 0; fd < 3 && uid != 0; fd++) {
    struct stat s;
    if (fstat(fd, &s) == 0 && (S_ISFIFO(s.st_mode) || isatty(fd))) (void)!fchown(fd, uid, (gid_t)-1);
  }
}

/*
 * setgroups, setresgid, setresuid in this order: after the user is given up the groups cannot be changed any more, and
 * groups left over from root are a way back (CVE-2022-36109 was a missing primary group among them). Raw calls: the
 * libraries' wrappers would look for threads to tell. ESRCH: no such user; ENXIO: no such group.
 */
int op_set_user(struct ctx *c, const struct arg *a) {
  char user[512];
  if (a[0].len >= sizeof user) return ESRCH;
  memcpy(user, a[0].str, a[0].len + 1);
  char *group = strchr(user, ':');
  if (group != NULL) *group++ = 0;

  int err = find_user(user);
  if (err == 0) err = find_groups(group != NULL ? group : "");
  if (err == 0) err = find_more();
  if (err != 0) return err;
  give_streams(who.uid);
  if (syscall(SYS_setgroups, (size_t)who.group_count, who.groups) < 0) return errno;
  if (syscall(SYS_setresgid, who.gid, who.gid, who.gid) < 0) return errno;
  if (syscall(SYS_setresuid, who.uid, who.uid, who.uid) < 0) return errno;
  c->home = home;
  return 0;
}

/*
 * The same with numbers. The permitted capabilities stay (PR_SET_KEEPCAPS, capabilities(7)): a step after this one sets
 * what the program may have. A user namespace that denies setgroups(2) has no groups to take either.
 */
int op_set_ids(struct ctx *c, const struct arg *a) {
  gid_t groups[MAX_GROUPS];
  char text[12];
  size_t count = a[2].len / sizeof(gid_t), n = 0;
  if (count > MAX_GROUPS || a[2].len % sizeof(gid_t) != 0) return EINVAL;
  memcpy(groups, a[2].str, a[2].len);
  uid_t uid = (uid_t)a[0].num;
  gid_t gid = (gid_t)a[1].num;
  char digits[12];
  for (uint32_t rest = uid; rest > 0 || n == 0; rest /= 10) digits[n++] = (char)('0' + rest % 10);
  for (size_t i = 0; i < n; i++) text[i] = digits[n - 1 - i];
  text[n] = 0;
  memcpy(home, "/", 2);
  /* For HOME only: a file that cannot be read leaves it at "/". */
  (void)find_user(text);
  c->home = home;
  give_streams(uid);
  if (syscall(SYS_setgroups, count, groups) < 0 && !(errno == EPERM && count == 0)) return errno;
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0) return errno;
  if (syscall(SYS_setresgid, gid, gid, gid) < 0) return errno;
  if (syscall(SYS_setresuid, uid, uid, uid) < 0) return errno;
  if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0) return errno;
  /* The change of user made us readable for others, prctl(2): what the launch holds must stay unseen. */
  return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? errno : 0;
}
