import { type Action, type Step, type StepNotes, steps } from '../plan/index.ts';
import { type DeniedAddress, readDenied, readKnown } from './egress-denied.ts';
import {
  deniedRequests,
  type ElementTemplate,
  filterTable,
  hearDenied,
  nameElement,
  namesRequests,
  otherList,
} from './egress-filter.ts';
import { allowsName, egressList, namesText } from './egress-list.ts';
import { markText } from './egress-rules.ts';
import { deniedFiles, egressFile } from './resolver.ts';

/** "example.com", "*.example.org", "10.0.0.0/8", "fd00::1"; an empty list: nothing; 'any': everything. */
export type EgressWish = readonly string[] | 'any';

/** An answer's addresses stay in reach at least so long: a program connects a while after it has asked. */
const LEAST_S = 60;
/** And at most so long, whatever the answer says. */
const MOST_S = 24 * 3600;
const FIRST_MARK = 1;

const listOf = (wish: EgressWish): ReturnType<typeof egressList> | 'any' =>
  wish === 'any' ? wish : egressList(wish);

/** Throws BAD_INPUT where an entry is no name, address or range. */
export function checkEgress(wish: EgressWish): void {
  listOf(wish);
}

/*
 * What the resolver reads at every query, drawn here and in native/dns_egress.c; replaced by a rename:
 *
 *   #00000001        the list's number, in eight hexadecimal digits
 *   example.com      a name, or
 *   .example.org     everything below one; or, instead of all names,
 *   *                whatever there is
 */
export function listText(wish: EgressWish, mark: number): string {
  const list = listOf(wish);
  return `#${markText(mark)}\n${list === 'any' ? '*\n' : namesText(list)}`;
}

/** The list's number in such a file. */
function markOf(text: string): number {
  const mark = Number.parseInt(/^#([0-9a-f]{8})\n/.exec(text)?.[1] ?? '', 16);
  return Number.isNaN(mark) ? 0 : mark;
}

const FAMILIES = [0, 1] as const;

function elementStep(family: 0 | 1): Action & StepNotes {
  const template: ElementTemplate = nameElement(family);
  return {
    op: 'egress-element',
    family,
    ...template,
    leastS: LEAST_S,
    mostS: MOST_S,
    why: `an IPv${family === 0 ? 4 : 6} address of an allowed name may be reached as long as the answer holds, ${LEAST_S} s to ${MOST_S / 3600} h`,
  };
}

/** Steps of a launch that limit what the container reaches: in its own network namespace, before its program is there. */
export function planEgress(
  runDir: string,
  containerDir: string,
  wish: EgressWish,
): { host: Step[]; init: Step[] } {
  const said =
    wish === 'any'
      ? 'everything'
      : wish.length === 0
        ? 'nothing'
        : `only what is in the list (${wish.length})`;
  return {
    host: steps(
      'host',
      {
        op: 'write',
        path: egressFile(runDir),
        data: listText(wish, FIRST_MARK),
        create: 1,
        why: `--egress: the names it may ask for; the resolver reads them at every query`,
      },
      ...FAMILIES.map(elementStep),
      {
        op: 'denied-files',
        ...deniedFiles(containerDir),
        requests: Buffer.concat(deniedRequests()),
        why: 'for `network denied`: names as they are refused, and what the filter counted when it has ended',
      },
    ),
    init: steps(
      'init',
      {
        op: 'nft-batch',
        message: filterTable(listOf(wish), FIRST_MARK),
        why: `--egress: ${said} may be reached; a table in the container’s own network namespace, gone with it`,
      },
      {
        op: 'filter-sockets',
        message: hearDenied(),
        why: 'sockets to that filter for the monitor: to open it for the answers of names, and to hear what it rejects',
      },
    ),
  };
}

/** What changes the list of a container that runs; first the file, then the steps, in its network namespace. */
export interface OtherList {
  /** What the resolver's file is replaced with. */
  text: string;
  /** Steps that print the addresses of names so far. */
  known: Array<Action & StepNotes>;
  /** The step that changes the filter, given what those printed. */
  change(printed: Buffer): Action & StepNotes;
}

/** `fileText`: of the resolver's file as it is. Throws BAD_INPUT. */
export function planOtherList(fileText: string, wish: EgressWish): OtherList {
  const before = markOf(fileText);
  const mark = before + 1;
  const egress = listOf(wish);
  return {
    text: listText(wish, mark),
    known: namesRequests(before).map((message) => ({
      op: 'nft-dump',
      message,
      why: 'addresses of names: those that the new list allows too stay in reach',
    })),
    change: (printed) => ({
      op: 'nft-batch',
      message: otherList(before, {
        egress,
        mark,
        keep: readKnown(printed).filter(({ name }) => egress === 'any' || allowsName(egress, name)),
      }),
      why: 'the new list in place of the old one, in one step',
    }),
  };
}

/** Steps that print what the filter has rejected, for readDenied(). */
export function planDenied(): Array<Action & StepNotes> {
  return deniedRequests().map((message) => ({
    op: 'nft-dump',
    message,
    why: 'what was rejected, as the kernel has counted it',
  }));
}

export { type DeniedAddress, readDenied };
