import { badInput } from '../base/errors.ts';

/*
 * The root directory on disk (--root, MYDOCKER_ROOT; default /var/lib/mydocker):
 *
 *   images/                     OCI image layout, see content.ts
 *   layers/<chain id>/          unpacked layers, see layers.ts; layers/mountpoints lies below all of them
 *   bin/shim-<digest>           the shim, extracted once
 *   names/<name>                symbolic link whose text is the id of the container of that name
 *   containers/<id>/            container.json  the record, written at create, rewritten only by rename
 *                               exit.json       how the last run ended, written by its monitor; .new: room for it
 *                               upper/ work/    overlayfs: this container's writes
 *                               hosts hostname resolv.conf   bound over the image's
 *                               log.json*       what it printed
 *                               running         holds the boot id while it runs (not with --rm): see sweep.ts
 *   rootfs/                     mount point of every container, each in a mount namespace of its own; empty on the host
 *   containers/.tmp-<owner>-…/  being created, or being removed
 *   events.jsonl*               what happened, an object a line
 *
 * and what lives only as long as a monitor (default root: /run/mydocker; another root: <root>/run):
 *
 *   <id>/                       plan, state.json, attach.sock; taken by renaming a whole directory into place;
 *                               hosts hostname resolv.conf   of `run --rm`
 *                               `burier` in it: somebody undoes what a dead monitor left
 *   <id>                        a symbolic link instead: somebody removes the container
 *   .tmp-<owner>-…/             being prepared
 */
const DEFAULT_ROOT = '/var/lib/mydocker';
const DEFAULT_RUN = '/run/mydocker';

/** Where things lie. All absolute, no trailing slash. */
export interface Paths {
  readonly root: string;
  readonly run: string;
}

/** Checks a root directory's name. overlayfs reads ':' and ',' in its options as separators. */
export function pathsOf(root: string = DEFAULT_ROOT): Paths {
  if (!root.startsWith('/') || /[:,\\\0\n]/.test(root)) {
    throw badInput(
      `the root directory ${JSON.stringify(root)} cannot be used: it must be absolute, without ":" "," or "\\"`,
      {
        subject: root,
        remedy: 'choose another with --root or MYDOCKER_ROOT',
      },
    );
  }
  const clean = root.length > 1 ? root.replace(/\/+$/, '') : root;
  return { root: clean, run: clean === DEFAULT_ROOT ? DEFAULT_RUN : `${clean}/run` };
}

export function containerDir(paths: Paths, id: string): string {
  return `${paths.root}/containers/${id}`;
}

export function runDir(paths: Paths, id: string): string {
  return `${paths.run}/${id}`;
}

/** Where a container's root file system is mounted, seen by that container alone: one directory is enough for all. */
export function rootfsDir(paths: Paths): string {
  return `${paths.root}/rootfs`;
}

export function nameFile(paths: Paths, name: string): string {
  return `${paths.root}/names/${name}`;
}

/** There while a container runs that outlives its run; its boot id tells a restarted machine. */
export function runningFile(paths: Paths, id: string): string {
  return `${containerDir(paths, id)}/running`;
}
