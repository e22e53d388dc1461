/** A directory with everything a file system can hold that a copy must keep. */
import { execFileSync } from 'node:child_process';

const MAKE = `
import os, stat, struct, sys
root = os.fsencode(sys.argv[1])
def at(name): return root + b'/' + name
def put(name, data=b'', mode=0o644):
    with open(at(name), 'wb') as f: f.write(data)
    os.chmod(at(name), mode)
os.makedirs(at(b'sub/deep/er'))
os.makedirs(at(b'empty'))
put(b'plain', b'plain\\n')
put(b'nothing')
put(b'big', os.urandom(3 * 2**20 + 17))
put(b'setuid', b'x', 0o4755)
put(b'setgid', b'x', 0o2750)
put(b'unreadable', b'secret', 0o000)
put(b'.wh.kept', b'no whiteout')
put(b'sub/deep/er/leaf', b'leaf')
put(b'l' * 255, b'long name')
put(b'latin1-\\xe9\\xff', b'no UTF-8')
put(b'line\\nbreak and space', b'x')
put('\\u00fc\\u4e16'.encode(), b'UTF-8')
deep = b'sub'
for i in range(6):
    deep += b'/' + (b'%d' % i) * 60
    os.mkdir(at(deep))
put(deep + b'/bottom', b'far down')
os.link(at(b'plain'), at(b'sub/second name'))
os.link(at(b'plain'), at(b'a third name'))
os.symlink(b'plain', at(b'link'))
os.symlink(b'/etc/passwd', at(b'absolute'))
os.symlink(b'nowhere/at/all', at(b'dangling'))
os.symlink(b't' * 300, at(b'long target'))
os.symlink(b'sub', at(b'dirlink'))
os.mkfifo(at(b'fifo'), 0o640)
os.mknod(at(b'null'), stat.S_IFCHR | 0o666, os.makedev(1, 3))
os.mknod(at(b'disk'), stat.S_IFBLK | 0o600, os.makedev(7, 300))
with open(at(b'sparse'), 'wb') as f:
    f.truncate(64 * 2**20)
    f.seek(10 * 2**20); f.write(b'island' * 1000)
    f.seek(50 * 2**20); f.write(b'second' * 1000)
with open(at(b'all hole'), 'wb') as f: f.truncate(5 * 2**20)
os.setxattr(at(b'plain'), 'user.colour', b'blue\\x00\\xff')
os.setxattr(at(b'sub'), 'user.dir', b'yes')
os.chown(at(b'setuid'), 12, 34); os.chmod(at(b'setuid'), 0o4755)
os.chown(at(b'link'), 1000, 1001, follow_symlinks=False)
os.chown(at(b'sub/deep'), 3000000, 4000000)
os.setxattr(at(b'nothing'), 'security.capability', struct.pack('<IIIII', 0x02000001, 1 << 10, 0, 0, 0))
os.chmod(at(b'sub/deep'), 0o2770)
os.chmod(at(b'empty'), 0o1777)
n = 1
for dir, dirs, files in os.walk(root, topdown=False):
    for name in files + dirs:
        n += 1
        ns = 981173106 * 10**9 + n * 1_000_000_007
        os.utime(dir + b'/' + name, ns=(ns, ns), follow_symlinks=False)
os.utime(at(b'empty'), ns=(-5_500_000_001, -5_500_000_001))
os.utime(root, ns=(10**18 + 123456789, 10**18 + 123456789))
`;

/** Makes that tree in an existing empty directory. */
export function makeTree(directory: string): void {
  execFileSync('/usr/bin/python3', ['-c', MAKE, directory]);
}
