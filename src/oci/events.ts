import { readFileSync } from 'node:fs';
import { errnoOf } from '../base/index.ts';
import { readNumber } from './change.ts';
import { cgroups } from './host.ts';
import { pidsBelow } from './processes.ts';
import type { OciRuntime } from './runtime.ts';
import { findMade } from './state.ts';
import { type OciRecord, ociError } from './store.ts';

function lines(path: string): Map<string, number> {
  let text = '';
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
  return new Map(
    text.split('\n').flatMap((line): Array<[string, number]> => {
      const [name = '', value] = line.split(' ');
      return value === undefined ? [] : [[name, Number(value)]];
    }),
  );
}

function v1(record: OciRecord): object {
  const dir = (name: string): string =>
    `${cgroups().v1.find((h) => h.controllers.includes(name))?.mount ?? '/none'}/${record.cgroupPath}`;
  const memory = dir('memory');
  const stat = lines(`${memory}/memory.stat`);
  return {
    cpu: { usage: { total: readNumber(`${dir('cpuacct')}/cpuacct.usage`) ?? 0 } },
    memory: {
      cache: stat.get('cache') ?? 0,
      usage: {
        limit: readNumber(`${memory}/memory.limit_in_bytes`) ?? 0,
        usage: readNumber(`${memory}/memory.usage_in_bytes`) ?? 0,
        max: readNumber(`${memory}/memory.max_usage_in_bytes`) ?? 0,
        failcnt: readNumber(`${memory}/memory.failcnt`) ?? 0,
      },
    },
    pids: {
      current: readNumber(`${dir('pids')}/pids.current`) ?? 0,
      limit: readNumber(`${dir('pids')}/pids.max`) ?? 0,
    },
  };
}

function v2(record: OciRecord): object {
  const dir = `${cgroups().v2 ?? ''}/${record.cgroupPath}`;
  const stat = lines(`${dir}/memory.stat`);
  const events = lines(`${dir}/memory.events`);
  return {
    cpu: { usage: { total: (lines(`${dir}/cpu.stat`).get('usage_usec') ?? 0) * 1000 } },
    memory: {
      cache: stat.get('file') ?? 0,
      usage: {
        limit: readNumber(`${dir}/memory.max`) ?? 0,
        usage: readNumber(`${dir}/memory.current`) ?? 0,
        max: readNumber(`${dir}/memory.peak`) ?? 0,
        failcnt: events.get('max') ?? 0,
      },
    },
    pids: {
      current: readNumber(`${dir}/pids.current`) ?? pidsBelow(dir).length,
      limit: readNumber(`${dir}/pids.max`) ?? 0,
    },
  };
}

/** One event of `events`: what the container uses now. Throws OCI_WRONG_STATE when it has stopped. */
export function events(runtime: OciRuntime, id: string): object {
  const { record, status } = findMade(runtime, id);
  if (status === 'stopped')
    throw ociError('OCI_WRONG_STATE', `container "${id}" is not running: there is nothing to measure`, {
      subject: id,
    });
  return { type: 'stats', id, data: cgroups().version === 2 ? v2(record) : v1(record) };
}
