import type { ContainerRecord, ExitRecord, RunState } from './records.ts';

/* Files below the root directory may be cut, zeroed by a power cut, or edited by hand: nothing is half believed. */

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === 'string';
const number: Check = (value) => typeof value === 'number';
const flag: Check = (value) => typeof value === 'boolean';
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function has(value: unknown, fields: Readonly<Record<string, Check>>): boolean {
  if (!isObject(value)) return false;
  for (const name in fields) if (fields[name]?.(value[name]) !== true) return false;
  return true;
}

const isMount: Check = (value) =>
  has(value, { target: text, readOnly: flag }) &&
  (has(value, { type: (type) => type === 'bind', source: text }) ||
    has(value, {
      type: (type) => type === 'tmpfs',
      sizeBytes: optional(number),
      mode: optional(number),
      options: optional(listOf(text)),
    }));

const RECORD: Readonly<Record<string, Check>> = {
  version: (value) => value === 1,
  id: text,
  name: text,
  createdAtMs: number,
  image: text,
  imageId: text,
  layers: listOf(text),
  entrypoint: listOf(text),
  cmd: listOf(text),
  env: listOf(text),
  workdir: text,
  user: text,
  tty: flag,
  stdin: flag,
  hostname: text,
  stopSignal: text,
  stopTimeoutS: number,
  labels: (value) => isObject(value) && Object.values(value).every(text),
  init: flag,
  readOnly: flag,
  autoRemove: flag,
  network: text,
  networking: optional((value) =>
    has(value, {
      publishAll: optional(flag),
      exposed: optional(listOf(text)),
      extraHosts: optional(listOf(text)),
    }),
  ),
  mounts: listOf(isMount),
  resources: (value) =>
    has(value, {
      memoryBytes: optional(number),
      cpuQuotaUs: optional(number),
      cpusetCpus: optional(text),
      pidsLimit: optional(number),
    }),
  dns: optional(listOf(text)),
  dnsSearch: optional(listOf(text)),
  dnsOptions: optional(listOf(text)),
  capabilities: optional(listOf(text)),
  capAdd: optional(listOf(text)),
  capDrop: optional(listOf(text)),
  seccomp: optional(text),
  noNewPrivileges: optional(flag),
  startingOwner: optional(text),
};

export function isRecord(value: unknown): value is ContainerRecord {
  return has(value, RECORD);
}

export function isState(value: unknown): value is RunState {
  return has(value, {
    status: text,
    id: text,
    bootId: text,
    pid: number,
    startTicks: number,
    monitorPid: number,
    monitorStartTicks: number,
    startedAt: text,
  });
}

export function isExit(value: unknown): value is ExitRecord {
  return has(value, {
    exitCode: number,
    signal: number,
    oomKilled: flag,
    finishedAt: text,
    note: optional(text),
  });
}
