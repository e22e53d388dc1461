import type { Command } from './spec.ts';

type Load = () => Promise<Command>;

/**
 * Every command, in the order the help lists them. Loaded on use: `run` pays for `run` only. A name of two words is
 * that of a command with a grouped spelling only.
 */
export const COMMANDS: Readonly<Record<string, Load>> = {
  run: async () => (await import('./commands/run.ts')).run,
  ps: async () => (await import('./commands/ps.ts')).ps,
  logs: async () => (await import('./commands/logs.ts')).logs,
  exec: async () => (await import('./commands/exec.ts')).exec,
  stop: async () => (await import('./commands/stop.ts')).stop,
  rm: async () => (await import('./commands/rm.ts')).rm,
  create: async () => (await import('./commands/create.ts')).create,
  start: async () => (await import('./commands/start.ts')).start,
  pause: async () => (await import('./commands/pause.ts')).pause,
  unpause: async () => (await import('./commands/pause.ts')).unpause,
  restart: async () => (await import('./commands/restart.ts')).restart,
  kill: async () => (await import('./commands/kill.ts')).kill,
  stats: async () => (await import('./commands/stats.ts')).stats,
  top: async () => (await import('./commands/top.ts')).top,
  wait: async () => (await import('./commands/wait.ts')).wait,
  attach: async () => (await import('./commands/attach.ts')).attach,
  rename: async () => (await import('./commands/rename.ts')).rename,
  cp: async () => (await import('./commands/cp.ts')).cp,
  diff: async () => (await import('./commands/diff.ts')).diff,
  commit: async () => (await import('./commands/commit.ts')).commit,
  images: async () => (await import('./commands/images.ts')).images,
  pull: async () => (await import('./commands/pull.ts')).pull,
  push: async () => (await import('./commands/push.ts')).push,
  login: async () => (await import('./commands/login.ts')).login,
  logout: async () => (await import('./commands/login.ts')).logout,
  save: async () => (await import('./commands/save.ts')).save,
  load: async () => (await import('./commands/load.ts')).load,
  export: async () => (await import('./commands/export.ts')).exportContainer,
  rmi: async () => (await import('./commands/rmi.ts')).rmi,
  tag: async () => (await import('./commands/tag.ts')).tag,
  history: async () => (await import('./commands/history.ts')).history,
  import: async () => (await import('./commands/import.ts')).importImage,
  inspect: async () => (await import('./commands/inspect.ts')).inspect,
  explain: async () => (await import('./commands/explain.ts')).explain,
  events: async () => (await import('./commands/events.ts')).events,
  info: async () => (await import('./commands/info.ts')).info,
  version: async () => (await import('./commands/version.ts')).version,
  'image prune': async () => (await import('./commands/image-prune.ts')).imagePrune,
  'container prune': async () => (await import('./commands/prune.ts')).containerPrune,
  'volume create': async () => (await import('./commands/volume-create.ts')).volumeCreate,
  'volume ls': async () => (await import('./commands/volume-ls.ts')).volumeLs,
  'volume rm': async () => (await import('./commands/volume-rm.ts')).volumeRm,
  'volume inspect': async () => (await import('./commands/volume-inspect.ts')).volumeInspect,
  'volume prune': async () => (await import('./commands/volume-prune.ts')).volumePrune,
  'system df': async () => (await import('./commands/system-df.ts')).systemDf,
  'system prune': async () => (await import('./commands/prune.ts')).systemPrune,
  completion: async () => (await import('./commands/completion.ts')).completion,
  help: async () => (await import('./commands/help.ts')).help,
};

const SAME =
  'run create start exec logs stop kill restart wait rename attach commit cp diff pause unpause stats top';

/** Docker's grouped spellings: the words a group has, and the command (with leading flags) each one is. */
export const GROUPS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  container: {
    ...Object.fromEntries(SAME.split(' ').map((name) => [name, [name]])),
    ls: ['ps'],
    list: ['ps'],
    ps: ['ps'],
    rm: ['rm'],
    remove: ['rm'],
    export: ['export'],
    prune: ['container prune'],
    inspect: ['inspect', '--type=container'],
  },
  image: {
    ls: ['images'],
    push: ['push'],
    save: ['save'],
    load: ['load'],
    list: ['images'],
    pull: ['pull'],
    tag: ['tag'],
    history: ['history'],
    rm: ['rmi'],
    remove: ['rmi'],
    prune: ['image prune'],
    import: ['import'],
    inspect: ['inspect', '--type=image'],
  },
  volume: {
    create: ['volume create'],
    ls: ['volume ls'],
    list: ['volume ls'],
    rm: ['volume rm'],
    remove: ['volume rm'],
    inspect: ['volume inspect'],
    prune: ['volume prune'],
  },
  system: { info: ['info'], events: ['events'], df: ['system df'], prune: ['system prune'] },
};
