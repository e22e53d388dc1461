/* Generated from src/plan/ops.ts by `npm run gen`. Do not edit. */
#ifndef MYDOCKER_OPS_GEN_H
#define MYDOCKER_OPS_GEN_H

#define PLAN_VERSION 0xacec4cbcu
#define NO_SLOT 0xffffffffu
#define SLOT_COUNT 160
#define MAX_STEPS 1024
#define PLAN_MAX_BYTES 8388608u
#define STREAMS_STDIN 1u
#define STREAMS_TTY 2u
#define STREAMS_INHERIT 4u
#define STREAMS_HOLD 8u
#define WALK_FOLLOW 1u
#define WALK_ALONE 2u
#define WALK_CROSS 4u
#define WALK_HOLES 8u
#define WALK_BARE 16u
#define PUT_FOLLOW 1u
#define PUT_REPLACE 2u

enum op_code {
  OP_OWN = 1,
  OP_MKDIR = 2,
  OP_RMDIR = 3,
  OP_WRITE = 4,
  OP_UNLINK = 5,
  OP_REMOVE_TREE = 6,
  OP_DISCARD_TREE = 180,
  OP_SYMLINK = 7,
  OP_LINK = 8,
  OP_MKNOD = 9,
  OP_CHOWN = 10,
  OP_CHMOD = 11,
  OP_UTIMES = 12,
  OP_XATTR = 13,
  OP_CHDIR = 14,
  OP_CHROOT = 15,
  OP_UMASK = 16,
  OP_CREATE_FILE = 17,
  OP_FILE_DATA = 18,
  OP_WALK = 19,
  OP_KILL_CGROUP = 20,
  OP_RENAME = 21,
  OP_UNLINK_LINK = 22,
  OP_FILE = 23,
  OP_FILE_END = 24,
  OP_FILE_HOLE = 25,
  OP_COPY_UP = 26,
  OP_COPY_ATTRIBUTES = 27,
  OP_SYNC_FILES = 28,
  OP_SPREAD_DIRECTORIES = 181,
  OP_OPEN_IN_ROOT = 111,
  OP_PUT_DIRECTORY = 112,
  OP_PUT_FILE = 113,
  OP_PUT_NODE = 114,
  OP_PUT_SYMLINK = 115,
  OP_PUT_LINK = 116,
  OP_PUT_OWNER = 117,
  OP_PUT_XATTR = 118,
  OP_PUT_END = 119,
  OP_MOUNT = 30,
  OP_UMOUNT = 31,
  OP_OPEN_TREE = 32,
  OP_TREE_SETATTR = 33,
  OP_ATTACH_TREE = 34,
  OP_MOUNT_SETATTR = 35,
  OP_PIVOT_ROOT = 36,
  OP_MASK = 37,
  OP_REAL_DIRECTORY = 38,
  OP_CLONE = 50,
  OP_UNSHARE = 51,
  OP_OPEN_PROCESS = 52,
  OP_OPEN_PATH = 53,
  OP_SETNS = 54,
  OP_SETHOSTNAME = 55,
  OP_NETLINK = 56,
  OP_BARRIER = 57,
  OP_SETSID = 58,
  OP_PDEATHSIG = 59,
  OP_RLIMIT = 60,
  OP_CAPABILITIES = 61,
  OP_NO_NEW_PRIVS = 62,
  OP_SET_USER = 63,
  OP_EXEC = 64,
  OP_RAISE_LIMIT = 65,
  OP_SESSION_KEYRING = 66,
  OP_CLOSE_DESCRIPTORS = 67,
  OP_SECCOMP = 100,
  OP_LIMIT_CAPABILITIES = 101,
  OP_NAMESPACE_ROOT = 68,
  OP_OPEN_NAMESPACE = 140,
  OP_MAKE_USERNS = 141,
  OP_GIVE_STREAMS = 142,
  OP_UID_MAP = 143,
  OP_ADD_GROUPS = 144,
  OP_KEEP_CAPABILITIES = 145,
  OP_POPULATE = 146,
  OP_RELEASE_VOLUME = 147,
  OP_SETDOMAINNAME = 148,
  OP_INNER_ROOT = 149,
  OP_LEAVE_NAMESPACE = 152,
  OP_BPF_DEVICE = 150,
  OP_MOVE_PROCESSES = 151,
  OP_HOOK = 160,
  OP_HOOK_LENIENT = 161,
  OP_MEET = 162,
  OP_AWAIT_CHILD = 163,
  OP_START_FIFOS = 164,
  OP_WAIT_START = 165,
  OP_CONSOLE_SOCKET = 166,
  OP_KEEP_DESCRIPTORS = 167,
  OP_SIGNAL = 168,
  OP_TMPFS_COPY_UP = 169,
  OP_PERSONALITY = 170,
  OP_SCHEDULER = 171,
  OP_IO_PRIORITY = 172,
  OP_CHECK_NAMESPACE = 173,
  OP_SET_IDS = 174,
  OP_WRITE_PID = 175,
  OP_DEVICE = 176,
  OP_MKDIR_ALL = 177,
  OP_FIND_PROGRAM = 178,
  OP_LEAVE_CHROOT = 179,
  OP_MEMORY_POLICY = 184,
  OP_CPU_AFFINITY = 185,
  OP_STATE_FILE = 80,
  OP_EXIT_FILE = 81,
  OP_LOG = 82,
  OP_ATTACH_SOCKET = 83,
  OP_FREEZER = 84,
  OP_STREAMS = 85,
  OP_STDIO = 86,
  OP_CONSOLE = 87,
  OP_RESOLVER = 130,
  OP_NFT_BATCH = 131,
  OP_RESOLVER_CONFIG = 132,
  OP_EVENTS = 133,
  OP_EGRESS_ELEMENT = 134,
  OP_FILTER_SOCKETS = 135,
  OP_DENIED_FILES = 137,
  OP_NFT_DUMP = 136,
  OP_NETLINK_SEND = 120,
  OP_NETLINK_CHECK = 121,
  OP_NETLINK_EACH = 128,
  OP_DELETE_LINK = 182,
  OP_AWAIT_LINK = 183,
  OP_FORGET_FLOWS = 186,
  OP_HOLD_PORT = 123,
  OP_RELEASE_PORT = 124,
  OP_UNLINK_PORTS = 127,
  OP_NAME_LINK = 125,
  OP_TURN = 129,
  OP_NETLINK_INTO = 190,
  OP_NAME_UNLINK = 126,
};

/* X(code, name, argument kinds, handler): u u32, q u64, s string, b bytes, v string list. */
#define OPS_TABLE(X) \
  X(1, "own", "s", op_own) /* what */ \
  X(2, "mkdir", "su", op_mkdir) /* path, mode */ \
  X(3, "rmdir", "s", op_rmdir) /* path */ \
  X(4, "write", "sbu", op_write) /* path, data, create */ \
  X(5, "unlink", "s", op_unlink) /* path */ \
  X(6, "remove-tree", "s", op_remove_tree) /* path */ \
  X(180, "discard-tree", "s", op_discard_tree) /* path */ \
  X(7, "symlink", "ss", op_symlink) /* target, path */ \
  X(8, "link", "ss", op_link) /* from, path */ \
  X(9, "mknod", "suuu", op_mknod) /* path, mode, major, minor */ \
  X(10, "chown", "suu", op_chown) /* path, uid, gid */ \
  X(11, "chmod", "su", op_chmod) /* path, mode */ \
  X(12, "utimes", "squ", op_utimes) /* path, seconds, nanoseconds */ \
  X(13, "xattr", "ssb", op_xattr) /* path, name, value */ \
  X(14, "chdir", "s", op_chdir) /* path */ \
  X(15, "chroot", "s", op_chroot) /* path */ \
  X(16, "umask", "u", op_umask) /* mask */ \
  X(17, "create-file", "su", op_create_file) /* path, mode */ \
  X(18, "file-data", "b", op_file_data) /* data */ \
  X(19, "walk", "suub", op_walk) /* path, flags, slot, skip */ \
  X(20, "kill-cgroup", "s", op_kill_cgroup) /* path */ \
  X(21, "rename", "ss", op_rename) /* from, path */ \
  X(22, "unlink-link", "ss", op_unlink_link) /* path, text */ \
  X(23, "file", "suuuqub", op_file) /* path, mode, uid, gid, seconds, nanoseconds, data */ \
  X(24, "file-end", "uuuqu", op_file_end) /* mode, uid, gid, seconds, nanoseconds */ \
  X(25, "file-hole", "q", op_file_hole) /* bytes */ \
  X(26, "copy-up", "uss", op_copy_up) /* slot, from, path */ \
  X(27, "copy-attributes", "uss", op_copy_attributes) /* slot, from, path */ \
  X(28, "sync-files", "", op_sync_files) /*  */ \
  X(181, "spread-directories", "s", op_spread_directories) /* path */ \
  X(111, "open-in-root", "su", op_open_in_root) /* path, slot */ \
  X(112, "put-directory", "usuu", op_put_directory) /* slot, path, flags, mode */ \
  X(113, "put-file", "usu", op_put_file) /* slot, path, flags */ \
  X(114, "put-node", "usuuuu", op_put_node) /* slot, path, flags, mode, major, minor */ \
  X(115, "put-symlink", "usus", op_put_symlink) /* slot, path, flags, target */ \
  X(116, "put-link", "usus", op_put_link) /* slot, path, flags, from */ \
  X(117, "put-owner", "uu", op_put_owner) /* uid, gid */ \
  X(118, "put-xattr", "sb", op_put_xattr) /* name, value */ \
  X(119, "put-end", "uqu", op_put_end) /* mode, seconds, nanoseconds */ \
  X(30, "mount", "sssus", op_mount) /* source, target, fstype, flags, data */ \
  X(31, "umount", "su", op_umount) /* target, flags */ \
  X(32, "open-tree", "ssuu", op_open_tree) /* path, below, recursive, slot */ \
  X(33, "tree-setattr", "uuuuuu", op_tree_setattr) /* slot, set, clear, propagation, recursive, userns */ \
  X(34, "attach-tree", "usu", op_attach_tree) /* slot, target, create */ \
  X(35, "mount-setattr", "suuu", op_mount_setattr) /* target, set, clear, recursive */ \
  X(36, "pivot-root", "ss", op_pivot_root) /* newRoot, putOld */ \
  X(37, "mask", "s", op_mask) /* target */ \
  X(38, "real-directory", "s", op_real_directory) /* path */ \
  X(50, "clone", "uu", op_clone) /* flags, cgroupSlot */ \
  X(51, "unshare", "u", op_unshare) /* flags */ \
  X(52, "open-process", "uqu", op_open_process) /* pid, startTicks, slot */ \
  X(53, "open-path", "su", op_open_path) /* path, slot */ \
  X(54, "setns", "uu", op_setns) /* slot, flags */ \
  X(55, "sethostname", "s", op_sethostname) /* name */ \
  X(56, "netlink", "b", op_netlink) /* message */ \
  X(57, "barrier", "", op_barrier) /*  */ \
  X(58, "setsid", "", op_setsid) /*  */ \
  X(59, "pdeathsig", "u", op_pdeathsig) /* signal */ \
  X(60, "rlimit", "uqq", op_rlimit) /* resource, soft, hard */ \
  X(61, "capabilities", "qqqqq", op_capabilities) /* bounding, effective, permitted, inheritable, ambient */ \
  X(62, "no-new-privs", "", op_no_new_privs) /*  */ \
  X(63, "set-user", "s", op_set_user) /* user */ \
  X(64, "exec", "svvu", op_exec) /* file, argv, env, init */ \
  X(65, "raise-limit", "u", op_raise_limit) /* resource */ \
  X(66, "session-keyring", "", op_session_keyring) /*  */ \
  X(67, "close-descriptors", "", op_close_descriptors) /*  */ \
  X(100, "seccomp", "ub", op_seccomp) /* flags, filter */ \
  X(101, "limit-capabilities", "q", op_limit_capabilities) /* mask */ \
  X(68, "namespace-root", "", op_namespace_root) /*  */ \
  X(140, "open-namespace", "su", op_open_namespace) /* path, slot */ \
  X(141, "make-userns", "ssu", op_make_userns) /* uidMap, gidMap, slot */ \
  X(142, "give-streams", "uu", op_give_streams) /* uid, gid */ \
  X(143, "uid-map", "ss", op_uid_map) /* uidMap, gidMap */ \
  X(144, "add-groups", "v", op_add_groups) /* groups */ \
  X(145, "keep-capabilities", "", op_keep_capabilities) /*  */ \
  X(146, "populate", "uss", op_populate) /* slot, from, volume */ \
  X(147, "release-volume", "ssu", op_release_volume) /* path, user, remove */ \
  X(148, "setdomainname", "s", op_setdomainname) /* name */ \
  X(149, "inner-root", "", op_inner_root) /*  */ \
  X(152, "leave-namespace", "u", op_leave_namespace) /* slot */ \
  X(150, "bpf-device", "sb", op_bpf_device) /* path, program */ \
  X(151, "move-processes", "ss", op_move_processes) /* from, path */ \
  X(160, "hook", "svvusss", op_hook) /* path, argv, env, timeoutMs, cwd, head, tail */ \
  X(161, "hook-lenient", "svvusss", op_hook_lenient) /* path, argv, env, timeoutMs, cwd, head, tail */ \
  X(162, "meet", "", op_meet) /*  */ \
  X(163, "await-child", "", op_await_child) /*  */ \
  X(164, "start-fifos", "ssuu", op_start_fifos) /* go, said, goSlot, saidSlot */ \
  X(165, "wait-start", "uu", op_wait_start) /* goSlot, saidSlot */ \
  X(166, "console-socket", "s", op_console_socket) /* path */ \
  X(167, "keep-descriptors", "uuu", op_keep_descriptors) /* count, goSlot, saidSlot */ \
  X(168, "signal", "uu", op_signal) /* slot, signal */ \
  X(169, "tmpfs-copy-up", "usuu", op_tmpfs_copy_up) /* slot, path, content, mode */ \
  X(170, "personality", "u", op_personality) /* persona */ \
  X(171, "scheduler", "uquuqqq", op_scheduler) /* policy, flags, nice, priority, runtime, deadline, period */ \
  X(172, "io-priority", "uu", op_io_priority) /* class, level */ \
  X(173, "check-namespace", "uu", op_check_namespace) /* slot, type */ \
  X(174, "set-ids", "uub", op_set_ids) /* uid, gid, groups */ \
  X(175, "write-pid", "sssu", op_write_pid) /* path, head, tail, ticks */ \
  X(176, "device", "suuuuu", op_device) /* path, mode, major, minor, uid, gid */ \
  X(177, "mkdir-all", "su", op_mkdir_all) /* path, mode */ \
  X(178, "find-program", "sv", op_find_program) /* file, env */ \
  X(179, "leave-chroot", "u", op_leave_chroot) /* slot */ \
  X(184, "memory-policy", "ub", op_memory_policy) /* mode, nodes */ \
  X(185, "cpu-affinity", "b", op_cpu_affinity) /* cpus */ \
  X(80, "state-file", "sss", op_state_file) /* path, id, bootId */ \
  X(81, "exit-file", "ssu", op_exit_file) /* path, oomPath, sync */ \
  X(82, "log", "squ", op_log) /* path, maxBytes, maxFiles */ \
  X(83, "attach-socket", "s", op_attach_socket) /* path */ \
  X(84, "freezer", "sss", op_freezer) /* path, freeze, thaw */ \
  X(85, "streams", "u", op_streams) /* flags */ \
  X(86, "stdio", "", op_stdio) /*  */ \
  X(87, "console", "uuu", op_console) /* rows, cols, bind */ \
  X(130, "resolver", "u", op_resolver) /* address */ \
  X(131, "nft-batch", "b", op_nft_batch) /* message */ \
  X(132, "resolver-config", "ssb", op_resolver_config) /* networks, egress, servers */ \
  X(133, "events", "ssssss", op_events) /* path, id, attributes, started, ended, gone */ \
  X(134, "egress-element", "ubbbbbuu", op_egress_element) /* family, message, addressAt, timeoutAt, markAt, nameAt, leastS, mostS */ \
  X(135, "filter-sockets", "b", op_filter_sockets) /* message */ \
  X(137, "denied-files", "ssb", op_denied_files) /* names, packets, requests */ \
  X(136, "nft-dump", "b", op_nft_dump) /* message */ \
  X(120, "netlink-send", "ubusbb", op_netlink_send) /* protocol, messages, harmless, link, linkAt, pidAt */ \
  X(121, "netlink-check", "ubbb", op_netlink_check) /* protocol, question, expect, messages */ \
  X(128, "netlink-each", "ubbubu", op_netlink_each) /* protocol, question, expect, attribute, messages, handleAt */ \
  X(182, "delete-link", "sbuu", op_delete_link) /* name, messages, harmless, wait */ \
  X(183, "await-link", "s", op_await_link) /* name */ \
  X(186, "forget-flows", "bubuuu", op_forget_flows) /* question, protocol, ip, first, count, reply */ \
  X(123, "hold-port", "ubuu", op_hold_port) /* protocol, address, port, count */ \
  X(124, "release-port", "ubuu", op_release_port) /* protocol, address, port, count */ \
  X(127, "unlink-ports", "suus", op_unlink_ports) /* prefix, first, count, text */ \
  X(125, "name-link", "sss", op_name_link) /* directory, file, text */ \
  X(129, "turn", "s", op_turn) /* directory */ \
  X(190, "netlink-into", "bsbub", op_netlink_into) /* messages, link, linkAt, slot, fdAt */ \
  X(126, "name-unlink", "ss", op_name_unlink) /* directory, file */

#endif
