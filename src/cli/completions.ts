import type { Command } from './spec.ts';

/** What the arguments of a command are, read from its usage. */
function completes(command: Command): 'containers' | 'images' | 'files' | 'none' {
  if (command.usage.startsWith('CONTAINER')) return 'containers';
  if (/^\[?(IMAGE|NAME)/.test(command.usage)) return 'images';
  return command.usage.startsWith('FILE') ? 'files' : 'none';
}

const QUERY = {
  containers: "mydocker ps --format '{{.Names}}' 2>/dev/null",
  images: "mydocker images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null",
} as const;

function flagsOf(command: Command): string[] {
  const shown = command.options.filter((option) => option.hidden !== true);
  return shown.flatMap(({ name, short }) => [...(short === undefined ? [] : [`-${short}`]), `--${name}`]);
}

function single(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A completion script for bash(1). */
export function bash(commands: readonly Command[]): string {
  const cases = commands.map((command) => {
    const kind = completes(command);
    const words =
      kind === 'containers' || kind === 'images'
        ? `$(compgen -W "$(${QUERY[kind]})" -- "$cur")`
        : kind === 'files'
          ? '$(compgen -f -- "$cur")'
          : '';
    return [
      `    ${command.name})`,
      `      flags=${single([...flagsOf(command), '--help'].join(' '))}`,
      `      [[ $cur == -* ]] || COMPREPLY=(${words})`,
      '      ;;',
    ].join('\n');
  });
  return [
    '# bash completion for mydocker',
    '_mydocker() {',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: shell, not TypeScript
    '  local cur="${COMP_WORDS[COMP_CWORD]}" flags=""',
    '  COMPREPLY=()',
    '  if (( COMP_CWORD == 1 )); then',
    `    COMPREPLY=($(compgen -W ${single(commands.map(({ name }) => name).join(' '))} -- "$cur"))`,
    '    return',
    '  fi',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: shell, not TypeScript
    '  case "${COMP_WORDS[1]}" in',
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
    const words =
      kind === 'containers' || kind === 'images' ? `compadd -- \${(f)"$(${QUERY[kind]})"}` : '_files';
    return [
      `    ${command.name})`,
      `      if [[ $PREFIX == -* ]]; then compadd -- ${[...flagsOf(command), '--help'].join(' ')}; else ${words}; fi ;;`,
    ].join('\n');
  });
  return [
    '#compdef mydocker',
    '_mydocker() {',
    '  if (( CURRENT == 2 )); then',
    '    local -a commands',
    `    commands=(${commands.map(({ name, summary }) => single(`${name}:${summary}`)).join(' ')})`,
    "    _describe 'command' commands",
    '    return',
    '  fi',
    '  case $words[2] in',
    ...cases,
    '  esac',
    '}',
    'compdef _mydocker mydocker',
  ].join('\n');
}

/** A completion script for fish(1). */
export function fish(commands: readonly Command[]): string {
  const lines = ['# fish completion for mydocker'];
  for (const command of commands) {
    const within = `-n ${single(`__fish_seen_subcommand_from ${command.name}`)}`;
    lines.push(
      `complete -c mydocker -n __fish_use_subcommand -f -a ${command.name} -d ${single(command.summary)}`,
    );
    for (const option of command.options.filter(({ hidden }) => hidden !== true)) {
      const short = option.short === undefined ? '' : ` -s ${option.short}`;
      const value = option.value === undefined ? '' : ' -r';
      lines.push(
        `complete -c mydocker ${within}${short} -l ${option.name}${value} -d ${single(option.help)}`,
      );
    }
    const kind = completes(command);
    if (kind === 'containers' || kind === 'images') {
      lines.push(`complete -c mydocker ${within} -f -a ${single(`(${QUERY[kind]})`)}`);
    }
  }
  return lines.join('\n');
}
