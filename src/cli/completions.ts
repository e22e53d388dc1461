import { GROUPS } from './groups.ts';
import type { Command } from './spec.ts';

/** What the arguments of a command are, read from its usage. */
function completes(command: Command): Query | 'files' | 'none' {
  if (/^\[?CONTAINER/.test(command.usage)) return 'containers';
  if (/^NETWORK CONTAINER/.test(command.usage)) return 'both';
  if (/^NETWORK \[/.test(command.usage)) return 'networks';
  if (/^\[?(IMAGE|NAME)/.test(command.usage)) return 'images';
  return command.usage.startsWith('FILE') ? 'files' : 'none';
}

const QUERY = {
  containers: "mydocker ps --format '{{.Names}}' 2>/dev/null",
  images: "mydocker images -f dangling=false --format '{{.Repository}}:{{.Tag}}' 2>/dev/null",
  networks: "mydocker network ls --format '{{.Name}}' 2>/dev/null",
  both: "{ mydocker network ls --format '{{.Name}}'; mydocker ps --format '{{.Names}}'; } 2>/dev/null",
} as const;
type Query = keyof typeof QUERY;

function isQuery(kind: string): kind is Query {
  return Object.hasOwn(QUERY, kind);
}

function flagsOf(command: Command): string[] {
  const shown = command.options.filter((option) => option.hidden !== true);
  return shown.flatMap(({ name, short }) => [...(short === undefined ? [] : [`-${short}`]), `--${name}`]);
}

function single(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A name of two words belongs to a group; it cannot be the first word. */
function firstWords(commands: readonly Command[]): Command[] {
  return commands.filter(({ name }) => !name.includes(' '));
}

/** Every way to write a command: "images", "image ls". */
function spellings(name: string): string[] {
  const grouped = Object.entries(GROUPS).flatMap(([group, words]) =>
    Object.entries(words).flatMap(([word, [same]]) => (same === name ? [`${group} ${word}`] : [])),
  );
  return [...new Set([name, ...grouped])];
}

/** The patterns of a shell's `case` for a command. */
function patterns(command: Command): string {
  return spellings(command.name)
    .map((text) => (text.includes(' ') ? single(text) : text))
    .join('|');
}

/** A completion script for bash(1). */
export function bash(commands: readonly Command[]): string {
  const cases = commands.map((command) => {
    const kind = completes(command);
    const words = isQuery(kind)
      ? `$(compgen -W "$(${QUERY[kind]})" -- "$cur")`
      : kind === 'files'
        ? '$(compgen -f -- "$cur")'
        : '';
    return [
      `    ${patterns(command)})`,
      `      flags=${single([...flagsOf(command), '--help'].join(' '))}`,
      `      [[ $cur == -* ]] || COMPREPLY=(${words})`,
      '      ;;',
    ].join('\n');
  });
  const first = [...firstWords(commands).map(({ name }) => name), ...Object.keys(GROUPS)];
  const groups = Object.entries(GROUPS).flatMap(([group, words]) => [
    `    ${group})`,
    '      if (( COMP_CWORD == 2 )); then',
    `        COMPREPLY=($(compgen -W ${single(Object.keys(words).join(' '))} -- "$cur"))`,
    '        return',
    '      fi',
    `      cmd="${group} \${COMP_WORDS[2]}"`,
    '      ;;',
  ]);
  return [
    '# bash completion for mydocker',
    '_mydocker() {',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: shell, not TypeScript
    '  local cur="${COMP_WORDS[COMP_CWORD]}" cmd="${COMP_WORDS[1]}" flags=""',
    '  COMPREPLY=()',
    '  if (( COMP_CWORD == 1 )); then',
    `    COMPREPLY=($(compgen -W ${single(first.join(' '))} -- "$cur"))`,
    '    return',
    '  fi',
    '  case "$cmd" in',
    ...groups,
    '  esac',
    '  case "$cmd" in',
    ...cases,
    '  esac',
    '  if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$cur")); fi',
    '}',
    'complete -o default -F _mydocker mydocker',
  ].join('\n');
}

/** A completion script for zsh(1). */
export function zsh(commands: readonly Command[]): string {
  const cases = commands.map((command) => {
    const kind = completes(command);
    const words = isQuery(kind) ? `compadd -- \${(f)"$(${QUERY[kind]})"}` : '_files';
    return [
      `    ${patterns(command)})`,
      `      if [[ $PREFIX == -* ]]; then compadd -- ${[...flagsOf(command), '--help'].join(' ')}; else ${words}; fi ;;`,
    ].join('\n');
  });
  const groups = Object.entries(GROUPS).flatMap(([group, words]) => [
    `    ${group})`,
    `      if (( CURRENT == 3 )); then compadd -- ${Object.keys(words).join(' ')}; return; fi`,
    `      cmd="${group} $words[3]" ;;`,
  ]);
  const described = [
    ...firstWords(commands).map(({ name, summary }) => single(`${name}:${summary}`)),
    ...Object.keys(GROUPS).map((group) => single(`${group}:Commands of its own`)),
  ];
  return [
    '#compdef mydocker',
    '_mydocker() {',
    '  if (( CURRENT == 2 )); then',
    '    local -a commands',
    `    commands=(${described.join(' ')})`,
    "    _describe 'command' commands",
    '    return',
    '  fi',
    '  local cmd=$words[2]',
    '  case $cmd in',
    ...groups,
    '  esac',
    '  case $cmd in',
    ...cases,
    '  esac',
    '}',
    'compdef _mydocker mydocker',
  ].join('\n');
}

/** A completion script for fish(1). */
export function fish(commands: readonly Command[]): string {
  const lines = ['# fish completion for mydocker'];
  const start = 'complete -c mydocker -n __fish_use_subcommand -f -a';
  for (const [group, words] of Object.entries(GROUPS)) {
    const list = Object.keys(words).join(' ');
    const at = `__fish_seen_subcommand_from ${group}; and not __fish_seen_subcommand_from ${list}`;
    lines.push(`${start} ${group} -d 'Commands of its own'`);
    lines.push(`complete -c mydocker -n ${single(at)} -f -a ${single(list)}`);
  }
  for (const command of commands) {
    const seen = command.name.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`);
    const within = `-n ${single(seen.join('; and '))}`;
    if (seen.length === 1) lines.push(`${start} ${command.name} -d ${single(command.summary)}`);
    for (const option of command.options.filter(({ hidden }) => hidden !== true)) {
      const short = option.short === undefined ? '' : ` -s ${option.short}`;
      const value = option.value === undefined ? '' : ' -r';
      lines.push(
        `complete -c mydocker ${within}${short} -l ${option.name}${value} -d ${single(option.help)}`,
      );
    }
    const kind = completes(command);
    if (isQuery(kind)) {
      lines.push(`complete -c mydocker ${within} -f -a ${single(`(${QUERY[kind]})`)}`);
    }
  }
  return lines.join('\n');
}
