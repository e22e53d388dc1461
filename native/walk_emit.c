/*
 * The walk's output, little-endian, decoded in src/image/walk.ts:
 *
 *   u32 bytes of the record after this field, content not counted
 *   u32 mode | u32 uid | u32 gid | u64 device | u64 inode | u32 link count | u32 content follows (0: none)
 *   u32 device number's major | u32 its minor | u64 mtime, seconds (signed) | u32 nanoseconds
 *   u64 size (0 unless a plain file)
 *   u32 length, path (from the root, which is ""; no leading "./") | u32 length, target of a symlink
 *   u32 count of extended attributes, each: u32 length, name | u32 length, value
 *
 * and then the content: 1: exactly `size` bytes; 2: u32 count of pieces, each: u64 offset | u64 length, then what they
 * hold, the rest being holes.
 */
#include "walk.h"

#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static char out[65536];
static size_t out_len;
static char names[65536];    /* XATTR_LIST_MAX */
static struct arena record;

void emit_reset(void) { out_len = 0; }

int emit_flush(void) {
  int err = write_all(STDOUT_FILENO, out, out_len);
  out_len = 0;
  return err;
}

static int emit(const char *data, size_t len) {
  if (len > sizeof out - out_len) {
    int err = emit_flush();
    if (err != 0) return err;
  }
  if (len > sizeof out) return write_all(STDOUT_FILENO, data, len);
  memcpy(out + out_len, data, len);
  out_len += len;
  return 0;
}

static int add32(uint64_t value) {
  uint32_t v = (uint32_t)value;
  return arena_add(&record, &v, sizeof v);
}

static int add64(uint64_t value) { return arena_add(&record, &value, sizeof value); }

static int add_bytes(const char *data, size_t len) {
  int err = add32(len);
  return err != 0 ? err : arena_add(&record, data, len);
}

/* The rest belongs to the host (security.selinux, system.posix_acl_*) or to nobody but this kernel. */
static bool wanted(const char *name) {
  return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0 ||
         strncmp(name, "trusted.overlay.", 16) == 0;
}

static int add_xattr(int fd, const char *name, uint32_t *count) {
  size_t before = record.len;
  int err = add_bytes(name, strlen(name));
  /* 65536 is XATTR_SIZE_MAX: no value is larger. xattr(7) */
  if (err == 0) err = arena_room(&record, 4 + 65536);
  if (err != 0) return err;
  ssize_t n = fgetxattr(fd, name, record.base + record.len + 4, 65536);
  if (n < 0) {
    record.len = before;
    return errno == ENODATA ? 0 : errno;    /* removed since it was listed */
  }
  uint32_t len = (uint32_t)n;
  memcpy(record.base + record.len, &len, sizeof len);
  record.len += sizeof len + len;
  ++*count;
  return 0;
}

static int add_xattrs(int fd) {
  size_t count_at = record.len;
  uint32_t count = 0;
  int err = add32(0);
  ssize_t n = err == 0 && fd >= 0 ? flistxattr(fd, names, sizeof names) : 0;
  if (n < 0 && errno != EOPNOTSUPP) return errno;
  for (const char *p = names; err == 0 && p < names + (n > 0 ? n : 0); p += strlen(p) + 1)
    if (wanted(p)) err = add_xattr(fd, p, &count);
  if (err == 0) memcpy(record.base + count_at, &count, sizeof count);
  return err;
}

static int add_target(const struct place *at, const struct stat *s) {
  if (!S_ISLNK(s->st_mode)) return add32(0);
  /* PATH_MAX: no target is longer. symlink(2) */
  int err = arena_room(&record, 4 + 4096);
  if (err != 0) return err;
  ssize_t n = readlinkat(at->dir, at->name, record.base + record.len + 4, 4096);
  if (n < 0) return errno;
  uint32_t len = (uint32_t)n;
  memcpy(record.base + record.len, &len, sizeof len);
  record.len += sizeof len + len;
  return 0;
}

static int add_numbers(const struct stat *s, uint64_t size, uint32_t content) {
  int err = add32(0);
  if (err == 0) err = add32(s->st_mode);
  if (err == 0) err = add32(s->st_uid);
  if (err == 0) err = add32(s->st_gid);
  if (err == 0) err = add64(s->st_dev);
  if (err == 0) err = add64(s->st_ino);
  if (err == 0) err = add32(s->st_nlink);
  if (err == 0) err = add32(content);
  if (err == 0) err = add32(major(s->st_rdev));
  if (err == 0) err = add32(minor(s->st_rdev));
  if (err == 0) err = add64((uint64_t)(int64_t)s->st_mtim.tv_sec);
  if (err == 0) err = add32((uint64_t)s->st_mtim.tv_nsec);
  return err != 0 ? err : add64(size);
}

/* The record already told the size: a file that shrank is filled up with zeros, one that grew is cut. */
static int emit_content(int fd, uint64_t size) {
  while (size > 0) {
    if (out_len == sizeof out) {
      int err = emit_flush();
      if (err != 0) return err;
    }
    size_t want = sizeof out - out_len;
    if (want > size) want = (size_t)size;
    ssize_t n = fd >= 0 ? read(fd, out + out_len, want) : 0;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) {
      memset(out + out_len, 0, want);
      n = (ssize_t)want;
    }
    out_len += (size_t)n;
    size -= (uint64_t)n;
  }
  return 0;
}

/* Files have few holes, or are databases: more pieces than these count as one. */
#define MOST_PIECES 65536

int find_pieces(int fd, uint64_t size, struct arena *list) {
  list->len = 0;
  for (uint64_t at = 0; at < size;) {
    off_t data = lseek(fd, (off_t)at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return 0;
    off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
    bool last = data < 0 || hole < 0 || list->len >= (MOST_PIECES - 1) * sizeof(struct piece);
    struct piece p = {data < 0 ? at : (uint64_t)data, 0};
    if (p.offset >= size) return 0;
    uint64_t end = last || (uint64_t)hole > size ? size : (uint64_t)hole;
    p.length = end - p.offset;
    int err = arena_add(list, &p, sizeof p);
    if (err != 0) return err;
    at = end;
  }
  return 0;
}

static int emit_pieces(int fd, uint64_t size) {
  static struct arena pieces;
  int err = find_pieces(fd, size, &pieces);
  uint32_t count = (uint32_t)(pieces.len / sizeof(struct piece));
  if (err == 0) err = emit((const char *)&count, sizeof count);
  if (err == 0 && count > 0) err = emit(pieces.base, pieces.len);
  for (uint32_t i = 0; err == 0 && i < count; i++) {
    struct piece p;
    memcpy(&p, pieces.base + i * sizeof p, sizeof p);
    err = lseek(fd, (off_t)p.offset, SEEK_SET) < 0 ? errno : emit_content(fd, p.length);
  }
  return err;
}

/* Blocks count 512 bytes: stat(2). */
static bool has_holes(const struct stat *s) { return (uint64_t)s->st_blocks * 512 < (uint64_t)s->st_size; }

int emit_file(const struct place *at, int fd, const struct stat *s, enum content how) {
  bool plain = S_ISREG(s->st_mode);
  if (how == CONTENT_PIECES && (fd < 0 || !has_holes(s))) how = CONTENT_WHOLE;
  uint64_t size = plain && how != CONTENT_HIDDEN ? (uint64_t)s->st_size : 0;
  uint32_t content = !plain || how == CONTENT_NONE ? 0 : how == CONTENT_PIECES ? 2 : 1;
  record.len = 0;
  int err = add_numbers(s, size, content);
  if (err == 0) err = add_bytes(at->path, at->path_len);
  if (err == 0) err = add_target(at, s);
  if (err == 0) err = add_xattrs(fd);
  if (err != 0) return err;
  uint32_t len = (uint32_t)(record.len - sizeof(uint32_t));
  memcpy(record.base, &len, sizeof len);
  err = emit(record.base, record.len);
  if (err != 0 || content == 0) return err;
  return content == 2 ? emit_pieces(fd, size) : emit_content(fd, size);
}
