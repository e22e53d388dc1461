import { type Action, STREAMS, type Step, type StepNotes, steps } from '../plan/index.ts';
import type { FreshInput, LaunchInput } from './launch-input.ts';

type Noted = Action & StepNotes;

/** What a container holds while it lives, with the undos that give it back. */
export function ownership(input: FreshInput): Step[] {
  const { runDir, containerDir, nameFile } = input.paths;
  const lock: Noted = {
    op: 'own',
    what: runDir,
    why: 'made by an exclusive rename: only one start at a time',
    undo: { op: 'discard-tree', path: runDir },
  };
  // Undone backwards: name and directory go while its cables do; then what it holds elsewhere, which the directory told of:
  // an address is free when no cable has it. The lock is last.
  return steps('host', lock).concat(
    input.owned ?? [],
    input.network.own,
    input.network.gone,
    steps('host', ...(input.autoRemove ? leaving(containerDir, nameFile, input.id) : [running(input)])),
  );
}

/** Undone backwards: the name goes while the container is there, so that nobody has taken it over by then. */
function leaving(containerDir: string, nameFile: string, id: string): Noted[] {
  return [
    {
      op: 'own',
      what: containerDir,
      why: '--rm: record, log and writes go when it ends',
      undo: { op: 'discard-tree', path: containerDir },
    },
    {
      op: 'own',
      what: nameFile,
      why: '--rm: the name is free again afterwards',
      undo: { op: 'unlink-link', path: nameFile, text: id },
    },
  ];
}

function running({ paths, bootId }: FreshInput): Noted {
  return {
    op: 'write',
    path: paths.running,
    data: bootId,
    create: 1,
    why: 'should the machine go down, with it all of /run, this still says that it ran',
    undo: { op: 'unlink', path: paths.running },
  };
}

/** What others know it by, and the pipes that the child is born with. */
export function beforeChild(input: LaunchInput): Noted[] {
  const flags =
    (input.stdin ? STREAMS.stdin : 0) |
    (input.spec.process.terminal ? STREAMS.tty : 0) |
    (input.inherit ? STREAMS.inherit : 0) |
    (input.hold ? STREAMS.hold : 0);
  return [
    {
      op: 'state-file',
      path: `${input.paths.runDir}/state.json`,
      id: input.id,
      bootId: input.bootId,
      why: 'written when the program runs',
    },
    {
      op: 'streams',
      flags,
      why: input.spec.process.terminal
        ? 'a pseudo-terminal follows, from the inside'
        : 'pipes for the standard streams',
    },
  ];
}

/** What the monitor keeps, made while the child sets up its own. */
export function besideChild(input: LaunchInput, oomPath: string): Noted[] {
  const { runDir, containerDir, log } = input.paths;
  const exitFile: Noted = {
    op: 'exit-file',
    path: `${containerDir}/exit.json`,
    oomPath,
    sync: 1,
    why: 'written when it has ended',
  };
  return [
    {
      op: 'log',
      path: log,
      maxBytes: input.log.maxBytes,
      maxFiles: input.log.maxFiles,
      why: 'what the program prints, kept for `logs`',
    },
    {
      op: 'attach-socket',
      path: `${runDir}/attach.sock`,
      why: 'where attach, stop, kill and wait find the monitor',
    },
    // With --rm the record would be removed a moment after it was written.
    ...(input.autoRemove ? [] : [exitFile]),
  ];
}
