/** Every option of a mount that is understood here, beyond what the file systems themselves take. */
export const MOUNT_OPTIONS: readonly string[] = (
  'async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev nodiratime noexec ' +
  'noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime ' +
  'relatime remount rexec rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro ' +
  'rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave ' +
  'strictatime suid symfollow sync tmpcopyup unbindable'
).split(' ');
