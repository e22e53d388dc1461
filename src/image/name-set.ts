/*
 * Which names a layer has given to files: asked when one is replaced, linked to or hidden. A layer may hold millions,
 * so a name costs 8 bytes: 64 bits of a hash with a random key, which an archive cannot foresee.
 */

/** Set of (directory, name). Might say yes of one in some 10^12 names that it was never given. */
export class NameSet {
  private slots = new Uint32Array(2 * 1024);
  private used = 0;
  private readonly key: Uint32Array = globalThis.crypto.getRandomValues(new Uint32Array(2));

  private hash(directory: number, name: string): readonly [low: number, high: number] {
    let low = Math.imul((this.key[0] ?? 0) ^ directory, 0x9e3779b1);
    let high = Math.imul((this.key[1] ?? 0) ^ directory, 0x85ebca77);
    for (let i = 0; i < name.length; i++) {
      const byte = name.charCodeAt(i);
      low = Math.imul(low ^ byte, 0x01000193);
      low ^= low >>> 15;
      high = Math.imul(high ^ byte, 0xc2b2ae35);
      high ^= high >>> 13;
    }
    // Both zero marks an empty slot.
    return [(low | 1) >>> 0, high >>> 0];
  }

  private find(low: number, high: number): number {
    const mask = this.slots.length - 1;
    for (let at = (high << 1) & mask; ; at = (at + 2) & mask) {
      const there = this.slots[at];
      if (there === 0 || (there === low && this.slots[at + 1] === high)) return at;
    }
  }

  has(directory: number, name: string): boolean {
    return this.slots[this.find(...this.hash(directory, name))] !== 0;
  }

  add(directory: number, name: string): void {
    const [low, high] = this.hash(directory, name);
    const at = this.find(low, high);
    if (this.slots[at] !== 0) return;
    this.slots[at] = low;
    this.slots[at + 1] = high;
    if (++this.used * 2 * 1.4 > this.slots.length) this.grow();
  }

  private grow(): void {
    const old = this.slots;
    this.slots = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += 2) {
      const [low = 0, high = 0] = [old[at], old[at + 1]];
      if (low === 0) continue;
      const to = this.find(low, high);
      this.slots[to] = low;
      this.slots[to + 1] = high;
    }
  }
}
