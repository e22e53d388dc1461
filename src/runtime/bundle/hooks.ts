import type { Action, StepNotes } from '../../plan/index.ts';
import type { Config, ConfigHook, HookKind } from '../config/config.ts';

type Noted = Action & StepNotes;

/** JSON text around the process id; without a tail, the whole of it. */
export interface StateText {
  head: string;
  tail: string;
}

/** The same state with another status. */
export function withStatus(state: StateText, status: string): StateText {
  return { ...state, head: state.head.replace('"status":"created"', `"status":"${status}"`) };
}

/** The action of one hook. `lenient`: its failure is a warning. */
export function hookAction(
  op: 'hook' | 'hook-lenient',
  hook: ConfigHook,
  cwd: string,
  state: StateText,
): Extract<Action, { op: 'hook' | 'hook-lenient' }> {
  return {
    op,
    path: hook.path,
    argv: hook.args === undefined || hook.args.length === 0 ? [hook.path] : hook.args,
    env: hook.env ?? [],
    timeoutMs: (hook.timeout ?? 0) * 1000,
    cwd,
    ...state,
  };
}

/** Steps for every hook of one kind, in order. `cwd` "": where the process is. */
export function hookSteps(config: Config, kind: HookKind, cwd: string, state: StateText): Noted[] {
  return (config.hooks?.[kind] ?? []).map(
    (hook, i): Noted => ({ ...hookAction('hook', hook, cwd, state), why: `hooks.${kind}[${i}]` }),
  );
}

/** Hooks that run when all else is taken back: as undos, so the first must come last. */
export function poststopSteps(config: Config, cwd: string, state: StateText): Noted[] {
  return (config.hooks?.poststop ?? [])
    .map(
      (hook, i): Noted => ({
        op: 'own',
        what: `hooks.poststop[${i}]`,
        why: 'run when the container is gone',
        undo: hookAction('hook-lenient', hook, cwd, state),
      }),
    )
    .reverse();
}

/**
 * Whether a failed poststart hook stops the container: a warning in runtime-spec 1.0 to 1.2.0, an error since 1.2.1
 * (runtime.md § Lifecycle, step 9).
 */
export function poststartIsFatal(ociVersion: string): boolean {
  const [, minor = 0, patch = 0] = ociVersion.split(/[.+-]/).map(Number);
  return minor > 2 || (minor === 2 && patch >= 1);
}

/** Steps for the poststart hooks. */
export function poststartSteps(config: Config, cwd: string, state: StateText): Noted[] {
  const op = poststartIsFatal(config.ociVersion) ? 'hook' : 'hook-lenient';
  return (config.hooks?.poststart ?? []).map(
    (hook, i): Noted => ({ ...hookAction(op, hook, cwd, state), why: `hooks.poststart[${i}]` }),
  );
}
