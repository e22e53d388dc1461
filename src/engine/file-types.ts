/** What happened to a path of a container since it was made from its image. */
export interface FileChange {
  /** "/etc/passwd". */
  path: string;
  kind: 'changed' | 'added' | 'deleted';
}

/** A file in a container. */
export interface PathStat {
  /** Last part of the path; "/" for the root. */
  name: string;
  /** Type and permissions, as st_mode of inode(7) has them. */
  mode: number;
  uid: number;
  gid: number;
  /** Of a plain file. */
  sizeBytes: number;
  /** Whole seconds, and the nanoseconds beyond them. */
  mtimeS: number;
  mtimeNs: number;
  /** Of a symbolic link: where it leads, from the container's root, followed as far as it goes; "" otherwise. */
  linkTarget: string;
  /** Of a symbolic link that leads to something: that one's st_mode. */
  targetMode: number | undefined;
}

/** How a path is read. */
export interface ReadOptions {
  /** A symbolic link at the end of the path is followed; one followed by "/" always is. */
  followLink?: boolean | undefined;
}

/** How a tar is put into a directory. */
export interface WriteOptions {
  /**
   * archive (default): everything belongs to whom the archive says; a pair of numbers: to them.
   */
  owner?: 'archive' | { uid: number; gid: number } | undefined;
  /** A directory may take the place of another file, and the other way round; default false: CANNOT_REPLACE. */
  replace?: boolean | undefined;
  /** Called now and then with the bytes of content so far. */
  onProgress?: ((bytes: number) => void) | undefined;
}

/** `copyIn` and `copyOut`. */
export interface CopyOptions extends ReadOptions {
  /** Owners are kept; default: in the container everything is root's, on the host the caller's. */
  keepOwner?: boolean | undefined;
  /** Called now and then with the bytes of content so far. */
  onProgress?: ((bytes: number) => void) | undefined;
}
