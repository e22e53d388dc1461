import { badInput } from '../base/index.ts';
import { SLOT_COUNT } from '../plan/index.ts';

/** Hands out the plan's descriptor slots: what one step opens and a later one uses. */
export class Slots {
  private next: number;

  constructor(first: number) {
    this.next = first;
  }

  take(): number {
    if (this.next < SLOT_COUNT) return this.next++;
    throw badInput(
      `too much of the host is to be mounted: a container can have ${SLOT_COUNT - 1} files, directories and namespaces of others`,
      { remedy: 'mount a directory that holds several of them' },
    );
  }
}
