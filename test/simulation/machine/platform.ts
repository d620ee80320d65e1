/**
 * What the platform gives to code that asks for it by itself, simulated: randomness, locks, channels between tabs, digests
 * that take no thread, and no streams that compress, which take one.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import type { SeededRandom } from '../../soak/seeded-random.js';
import { randomUuidBytes } from '../../../src/util/random-uuid.js';
import { SimChannels } from './sim-channels.js';
import { SimLocks } from './sim-locks.js';

type Descriptors = readonly (readonly [target: object, name: string, value: unknown])[];

/** Whose randomness it is while a run has the platform. */
export class Platform implements Disposable {
  readonly #undo: (() => void)[] = [];

  /**
   * Takes the place of the platform's own until it is disposed of.
   *
   * @param onUncaught - told of what nobody catches
   */
  constructor(random: SeededRandom, onUncaught: (error: unknown) => void) {
    const fill = <T extends ArrayBufferView>(view: T): T => {
      const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      for (let at = 0; at < bytes.length; at++) bytes[at] = random.between(0, 255);
      filled++;
      return view;
    };
    let filled = 0;
    const replaced: Descriptors = [
      [crypto, 'getRandomValues', fill],
      [crypto, 'randomUUID', () => uuidOf(random)],
      [crypto.subtle, 'digest', digest],
      [navigator, 'locks', new SimLocks()],
      [globalThis, 'BroadcastChannel', new SimChannels(random).channelClass],
      [globalThis, 'CompressionStream', undefined],
      [globalThis, 'reportError', onUncaught],
    ];
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, onUncaught);
      this.#undo.push(() => process.off(event, onUncaught));
    }
    for (const [target, name, value] of replaced) this.#replace(target, name, value);
    // Random ids are made many at once: none of those that are left from before may come into this run.
    while (filled === 0) randomUuidBytes();
  }

  [Symbol.dispose](): void {
    for (const undo of this.#undo.reverse()) undo();
  }

  #replace(target: object, name: string, value: unknown): void {
    const before = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
    this.#undo.push(() => {
      if (before === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, before);
    });
  }
}

/** A UUID of a run. */
export function uuidOf(random: SeededRandom): string {
  const bytes = Buffer.from(Array.from({ length: 16 }, () => random.between(0, 255)));
  bytes[6] = ((bytes[6] as number) & 15) | 64;
  bytes[8] = ((bytes[8] as number) & 63) | 128;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

async function digest(algorithm: string, bytes: Uint8Array): Promise<ArrayBuffer> {
  if (algorithm !== 'SHA-256') throw new Error(`Nobody has simulated ${algorithm}.`);
  return new Uint8Array(createHash('sha256').update(bytes).digest()).buffer;
}
