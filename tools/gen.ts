/**
 * Writes native/ops.gen.h and src/plan/version.gen.ts from src/plan/ops.ts, the default seccomp filter from its profile,
 * and docs/cli.md from the command specs.
 * `--check` only compares, and fails when a file is stale.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { planVersion } from '../src/plan/encode.ts';
import { MAX_STEPS, NO_SLOT, OPS, PLAN_MAX_BYTES, PUT, SLOT_COUNT, STREAMS, WALK } from '../src/plan/ops.ts';
import { DEFAULT_CAPABILITIES } from '../src/runtime/constants.ts';
import { compileSeccomp } from '../src/runtime/seccomp/compile.ts';
import { defaultSeccomp } from '../src/runtime/seccomp/default-profile.ts';
import { cliDocs } from './cli-docs.ts';

const KIND_LETTER = { u32: 'u', u64: 'q', str: 's', bytes: 'b', strv: 'v' } as const;

function bits(prefix: string, flags: Readonly<Record<string, number>>): string[] {
  return Object.entries(flags).map(([name, bit]) => `#define ${prefix}_${name.toUpperCase()} ${bit}u`);
}

function header(): string {
  const rows = Object.entries(OPS);
  const cName = (name: string) => name.replaceAll('-', '_');
  const lines = [
    '/* Generated from src/plan/ops.ts by `npm run gen`. Do not edit. */',
    '#ifndef MYDOCKER_OPS_GEN_H',
    '#define MYDOCKER_OPS_GEN_H',
    '',
    `#define PLAN_VERSION 0x${planVersion().toString(16).padStart(8, '0')}u`,
    `#define NO_SLOT 0x${NO_SLOT.toString(16)}u`,
    `#define SLOT_COUNT ${SLOT_COUNT}`,
    `#define MAX_STEPS ${MAX_STEPS}`,
    `#define PLAN_MAX_BYTES ${PLAN_MAX_BYTES}u`,
    ...bits('STREAMS', STREAMS),
    ...bits('WALK', WALK),
    ...bits('PUT', PUT),
    '',
    'enum op_code {',
    ...rows.map(([name, row]) => `  OP_${cName(name).toUpperCase()} = ${row.code},`),
    '};',
    '',
    '/* X(code, name, argument kinds, handler): u u32, q u64, s string, b bytes, v string list. */',
    '#define OPS_TABLE(X) \\',
    ...rows.map(([name, row], i) => {
      const kinds = Object.values(row.args)
        .map((kind) => KIND_LETTER[kind])
        .join('');
      const args = Object.keys(row.args).join(', ');
      return `  X(${row.code}, "${name}", "${kinds}", op_${cName(name)}) /* ${args} */${i < rows.length - 1 ? ' \\' : ''}`;
    }),
    '',
    '#endif',
    '',
  ];
  return lines.join('\n');
}

function versionModule(): string {
  return `/* Generated from ops.ts by \`npm run gen\`. Do not edit. */\nexport const PLAN_VERSION = 0x${planVersion().toString(16)};\n`;
}

/** The default seccomp filter, so that no start has to compile it. */
function filterModule(): string {
  const of = (machine: 'amd64' | 'arm64'): string => {
    const filter = compileSeccomp(defaultSeccomp(DEFAULT_CAPABILITIES), machine);
    return `  ${machine}: '${Buffer.from(filter).toString('base64')}',`;
  };
  return [
    '/* Generated from default-profile.ts by `npm run gen`. Do not edit. */',
    '/** The default seccomp filter of each machine: struct sock_filter[], base64. */',
    'export const DEFAULT_FILTERS = {',
    of('amd64'),
    of('arm64'),
    '} as const;',
    '',
  ].join('\n');
}

const targets = {
  'native/ops.gen.h': header(),
  'src/plan/version.gen.ts': versionModule(),
  'src/runtime/seccomp/default-filter.gen.ts': filterModule(),
  'docs/cli.md': await cliDocs(),
};
for (const [target, text] of Object.entries(targets)) {
  if (!process.argv.includes('--check')) writeFileSync(target, text);
  else if (!existsSync(target) || readFileSync(target, 'utf8') !== text) {
    console.error(`${target} is stale: run npm run gen and commit the result`);
    process.exitCode = 1;
  }
}
