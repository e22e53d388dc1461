import type { Command } from './spec.ts';

/**
 * Every command, in the order the help lists them. A name of two words is that of a command with a grouped spelling
 * only.
 */
export const NAMES: readonly string[] = [
  'run',
  'ps',
  'logs',
  'exec',
  'stop',
  'rm',
  'create',
  'start',
  'pause',
  'unpause',
  'update',
  'restart',
  'kill',
  'stats',
  'top',
  'wait',
  'port',
  'attach',
  'rename',
  'cp',
  'diff',
  'commit',
  'images',
  'pull',
  'push',
  'login',
  'logout',
  'save',
  'load',
  'export',
  'rmi',
  'tag',
  'history',
  'import',
  'inspect',
  'explain',
  'events',
  'info',
  'version',
  'image prune',
  'container prune',
  'volume create',
  'volume ls',
  'volume rm',
  'volume inspect',
  'volume prune',
  'network denied',
  'network create',
  'network ls',
  'network rm',
  'network inspect',
  'network connect',
  'network disconnect',
  'network prune',
  'network reload',
  'system df',
  'system prune',
  'oci create',
  'oci start',
  'oci run',
  'oci state',
  'oci kill',
  'oci delete',
  'oci exec',
  'oci ps',
  'oci list',
  'oci pause',
  'oci resume',
  'oci update',
  'oci events',
  'oci spec',
  'oci features',
  'completion',
  'help',
];

/**
 * A command by its name; undefined: there is none. Loaded on use: `run` pays for `run` only. One function, for each one
 * of its own would be made at every start.
 */
export async function load(name: string): Promise<Command | undefined> {
  switch (name) {
    case 'run':
      return (await import('./commands/run.ts')).run;
    case 'ps':
      return (await import('./commands/ps.ts')).ps;
    case 'logs':
      return (await import('./commands/logs.ts')).logs;
    case 'exec':
      return (await import('./commands/exec.ts')).exec;
    case 'stop':
      return (await import('./commands/stop.ts')).stop;
    case 'rm':
      return (await import('./commands/rm.ts')).rm;
    case 'create':
      return (await import('./commands/create.ts')).create;
    case 'start':
      return (await import('./commands/start.ts')).start;
    case 'pause':
      return (await import('./commands/pause.ts')).pause;
    case 'unpause':
      return (await import('./commands/pause.ts')).unpause;
    case 'update':
      return (await import('./commands/update.ts')).update;
    case 'restart':
      return (await import('./commands/restart.ts')).restart;
    case 'kill':
      return (await import('./commands/kill.ts')).kill;
    case 'stats':
      return (await import('./commands/stats.ts')).stats;
    case 'top':
      return (await import('./commands/top.ts')).top;
    case 'wait':
      return (await import('./commands/wait.ts')).wait;
    case 'port':
      return (await import('./commands/port.ts')).port;
    case 'attach':
      return (await import('./commands/attach.ts')).attach;
    case 'rename':
      return (await import('./commands/rename.ts')).rename;
    case 'cp':
      return (await import('./commands/cp.ts')).cp;
    case 'diff':
      return (await import('./commands/diff.ts')).diff;
    case 'commit':
      return (await import('./commands/commit.ts')).commit;
    case 'images':
      return (await import('./commands/images.ts')).images;
    case 'pull':
      return (await import('./commands/pull.ts')).pull;
    case 'push':
      return (await import('./commands/push.ts')).push;
    case 'login':
      return (await import('./commands/login.ts')).login;
    case 'logout':
      return (await import('./commands/login.ts')).logout;
    case 'save':
      return (await import('./commands/save.ts')).save;
    case 'load':
      return (await import('./commands/load.ts')).load;
    case 'export':
      return (await import('./commands/export.ts')).exportContainer;
    case 'rmi':
      return (await import('./commands/rmi.ts')).rmi;
    case 'tag':
      return (await import('./commands/tag.ts')).tag;
    case 'history':
      return (await import('./commands/history.ts')).history;
    case 'import':
      return (await import('./commands/import.ts')).importImage;
    case 'inspect':
      return (await import('./commands/inspect.ts')).inspect;
    case 'explain':
      return (await import('./commands/explain.ts')).explain;
    case 'events':
      return (await import('./commands/events.ts')).events;
    case 'info':
      return (await import('./commands/info.ts')).info;
    case 'version':
      return (await import('./commands/version.ts')).version;
    case 'image prune':
      return (await import('./commands/image-prune.ts')).imagePrune;
    case 'container prune':
      return (await import('./commands/prune.ts')).containerPrune;
    case 'volume create':
      return (await import('./commands/volume-create.ts')).volumeCreate;
    case 'volume ls':
      return (await import('./commands/volume-ls.ts')).volumeLs;
    case 'volume rm':
      return (await import('./commands/volume-rm.ts')).volumeRm;
    case 'volume inspect':
      return (await import('./commands/volume-inspect.ts')).volumeInspect;
    case 'volume prune':
      return (await import('./commands/volume-prune.ts')).volumePrune;
    case 'network denied':
      return (await import('./commands/network-denied.ts')).networkDenied;
    case 'network create':
      return (await import('./commands/network-create.ts')).networkCreate;
    case 'network ls':
      return (await import('./commands/network-ls.ts')).networkLs;
    case 'network rm':
      return (await import('./commands/network-rm.ts')).networkRm;
    case 'network inspect':
      return (await import('./commands/network-inspect.ts')).networkInspect;
    case 'network connect':
      return (await import('./commands/network-connect.ts')).networkConnect;
    case 'network disconnect':
      return (await import('./commands/network-disconnect.ts')).networkDisconnect;
    case 'network prune':
      return (await import('./commands/network-prune.ts')).networkPrune;
    case 'network reload':
      return (await import('./commands/network-reload.ts')).networkReload;
    case 'system df':
      return (await import('./commands/system-df.ts')).systemDf;
    case 'system prune':
      return (await import('./commands/prune.ts')).systemPrune;
    case 'oci create':
      return (await import('./oci/make.ts')).ociCreate;
    case 'oci start':
      return (await import('./oci/life.ts')).ociStart;
    case 'oci run':
      return (await import('./oci/make.ts')).ociRun;
    case 'oci state':
      return (await import('./oci/look.ts')).ociState;
    case 'oci kill':
      return (await import('./oci/life.ts')).ociKill;
    case 'oci delete':
      return (await import('./oci/life.ts')).ociDelete;
    case 'oci exec':
      return (await import('./oci/exec.ts')).ociExec;
    case 'oci ps':
      return (await import('./oci/look.ts')).ociPs;
    case 'oci list':
      return (await import('./oci/look.ts')).ociList;
    case 'oci pause':
      return (await import('./oci/life.ts')).ociPause;
    case 'oci resume':
      return (await import('./oci/life.ts')).ociResume;
    case 'oci update':
      return (await import('./oci/update.ts')).ociUpdate;
    case 'oci events':
      return (await import('./oci/look.ts')).ociEvents;
    case 'oci spec':
      return (await import('./oci/look.ts')).ociSpec;
    case 'oci features':
      return (await import('./oci/look.ts')).ociFeatures;
    case 'completion':
      return (await import('./commands/completion.ts')).completion;
    case 'help':
      return (await import('./commands/help.ts')).help;
    default:
      return undefined;
  }
}

/** All of them, for what tells of all: help, completions, docs/cli.md. */
export async function everyCommand(): Promise<Command[]> {
  const commands = await Promise.all(NAMES.map(load));
  return commands.filter((command) => command !== undefined);
}
