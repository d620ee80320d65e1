import type { RescueFile } from '../../src/persistence/rescue/rescue-file.js';
import type { RescueFiles } from '../../src/persistence/rescue/rescue-files.js';
import { RescueSlot } from '../../src/persistence/rescue/rescue-slot.js';

/** What a disk has of a file. */
class DiskFile {
  bytes = new Uint8Array(0);
  isHeld = false;

  resize(size: number): void {
    const bytes = new Uint8Array(size);
    bytes.set(this.bytes.subarray(0, size));
    this.bytes = bytes;
  }
}

/** Files in memory that outlive the workers which write them, with faults on demand. */
export class RescueDisk {
  readonly files = new Map<string, DiskFile>();
  /** Bytes of all files together; what would be more is refused, as by a quota. */
  capacityBytes = Infinity;
  /** Calls that change something until the browser is killed in the middle of one. */
  callsUntilKill = Infinity;
  /** Of the bytes of that call, how many are written. */
  tornBytes = 0;
  /** Browsers so far. */
  lives = 1;

  /** The browser is gone, with everything that it had open. */
  kill(): void {
    this.lives++;
    this.callsUntilKill = Infinity;
    for (const file of this.files.values()) file.isHeld = false;
  }

  /** A worker's view. */
  connect(): RescueFiles {
    const own = new Set<number>();
    const take = (number: number, create: boolean): RescueSlot | undefined => {
      const names = ['a', 'b'].map((letter) => `${number}${letter}`);
      if (names.some((name) => this.files.get(name)?.isHeld === true || (!create && !this.files.has(name))))
        return undefined;
      own.add(number);
      return RescueSlot.adopt(names.map((name) => this.open(name)) as [RescueFile, RescueFile]);
    };
    return {
      takeSlot: async () => {
        for (let number = 0; ; number++) {
          const slot = take(number, true);
          if (slot !== undefined) return slot;
        }
      },
      takeLeft: async () => {
        const left: RescueSlot[] = [];
        for (let number = 0; this.files.has(`${number}a`); number++) {
          const slot = own.has(number) ? undefined : take(number, false);
          if (slot?.bytes === 0) slot.close();
          else if (slot !== undefined) left.push(slot);
        }
        return left;
      },
      readAll: async () => [...this.files.values()].map(({ bytes }) => bytes.slice()),
    };
  }

  /** Opens a file, which nobody else may have then. */
  open(name: string): RescueFile {
    const file = this.files.get(name) ?? new DiskFile();
    this.files.set(name, file);
    file.isHeld = true;
    const life = this.lives;
    const alive = (): void => {
      if (life !== this.lives) throw new Error('injected: the browser was killed');
    };
    return {
      read: (buffer, { at }) => {
        alive();
        const part = file.bytes.subarray(at, at + buffer.length);
        buffer.set(part);
        return part.length;
      },
      write: (bytes, { at }) => {
        alive();
        const isKilled = this.#isKilled();
        const part = isKilled ? bytes.subarray(0, Math.min(this.tornBytes, bytes.length)) : bytes;
        this.#assertRoom(file, at + part.length);
        if (at + part.length > file.bytes.length) file.resize(at + part.length);
        file.bytes.set(part, at);
        if (isKilled) this.kill();
        alive();
        return part.length;
      },
      getSize: () => file.bytes.length,
      truncate: (size) => {
        alive();
        this.#assertRoom(file, size);
        if (!this.#isKilled()) return file.resize(size);
        this.kill();
        alive();
      },
      flush: alive,
      close: () => {
        if (life === this.lives) file.isHeld = false;
      },
    };
  }

  get usedBytes(): number {
    return [...this.files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  #isKilled(): boolean {
    this.callsUntilKill--;
    return this.callsUntilKill < 0;
  }

  #assertRoom(file: DiskFile, size: number): void {
    const grown = Math.max(0, size - file.bytes.length);
    if (grown > 0 && this.usedBytes + grown > this.capacityBytes) {
      throw new DOMException('injected: no room', 'QuotaExceededError');
    }
  }
}
