import {
  type Check,
  flag,
  has,
  isIsolation,
  isMount,
  isObject,
  isResources,
  listOf,
  number,
  optional,
  text,
} from './record-parts.ts';
import type { ContainerRecord, ExitRecord, RunState } from './records.ts';

/* Files below the root directory may be cut, zeroed by a power cut, or edited by hand: nothing is half believed. */

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
  dns: optional(listOf(text)),
  dnsSearch: optional(listOf(text)),
  dnsOptions: optional(listOf(text)),
  egress: optional((value) => value === 'any' || listOf(text)(value)),
  resources: isResources,
  isolation: optional(isIsolation),
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
