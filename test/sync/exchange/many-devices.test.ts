/** A hundred devices that lose one server at one moment: they come back one after the other, and all are served. */
import { afterEach, expect, test } from 'vitest';
import { UnavailableError } from '../../../src/sync/protocol/index.js';
import { SeededRandom } from '../../soak/seeded-random.js';
import { ExchangeDevice, NaiveLog, stopDevices } from '../../support/exchange-scene.js';

afterEach(stopDevices);

const DEVICES = 100;
const TICK_MS = 100;
// Spread evenly over one second, ten come in each tenth of it; by chance some more.
const AT_ONCE_MAX = 25;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const aggregateOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;

/** Devices whose clocks go together. */
class Crowd {
  readonly log = new NaiveLog();
  readonly devices: ExchangeDevice[] = [];
  /** What becomes of each request. */
  fate: () => void = () => undefined;
  /** When each device came for the first time since this was emptied, by its number. */
  readonly firstAtMs = new Map<number, number>();
  requests = 0;
  #nowMs = 0;

  /** @param seed - of the chance in their waits */
  async settle(seed: number): Promise<this> {
    const random = new SeededRandom(seed);
    for (let index = 0; index < DEVICES; index++) {
      const device = new ExchangeDevice(this.log, 'both', () => random.next());
      device.otherwise = { before: () => this.#came(index) };
      this.devices.push(device.start());
    }
    for (const device of this.devices) await device.settled();
    return this;
  }

  /** Lets all record, and find out how it stands with the server. */
  async recordAll(): Promise<void> {
    this.#forget();
    for (const [index, device] of this.devices.entries()) device.record(aggregateOf(index));
    while (this.firstAtMs.size < DEVICES) await turn();
    // What they were told reaches them.
    await this.#turns();
    this.#forget();
  }

  async pass(ms: number): Promise<void> {
    for (const endMs = this.#nowMs + ms; this.#nowMs < endMs;) {
      this.#nowMs += TICK_MS;
      for (const { clock } of this.devices) clock.advance(TICK_MS);
      await this.#turns();
    }
  }

  /** Lets time pass until all have come, and expects that no two many of them came at once. */
  async expectSpread(withinMs: number): Promise<void> {
    this.#forget();
    await this.pass(withinMs);
    expect(this.firstAtMs.size).toBe(DEVICES);
    const counts = new Map<number, number>();
    for (const atMs of this.firstAtMs.values()) counts.set(atMs, (counts.get(atMs) ?? 0) + 1);
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(AT_ONCE_MAX);
    for (const device of this.devices) await device.until(({ pending, state }) => state === 'live' && pending === 0);
    expect(this.log.units).toHaveLength(DEVICES);
  }

  #came(index: number): void {
    this.requests++;
    if (!this.firstAtMs.has(index)) this.firstAtMs.set(index, this.#nowMs);
    this.fate();
  }

  #forget(): void {
    this.firstAtMs.clear();
    this.requests = 0;
  }

  async #turns(): Promise<void> {
    for (let turns = 0; turns < 10; turns++) await turn();
  }
}

test('after a server that was away they come spread, and all within a minute; meanwhile they do not hammer', async () => {
  const crowd = await new Crowd().settle(57);
  crowd.fate = () => {
    throw new UnavailableError('away');
  };
  await crowd.recordAll();
  await crowd.pass(20_000);
  expect(crowd.requests).toBeLessThan(DEVICES * 10);
  crowd.fate = () => undefined;
  await crowd.expectSpread(60_000);
});

test.each([429, 503])('after a server that has told all of them to wait for ten seconds, too (%i)', async (status) => {
  const crowd = await new Crowd().settle(58);
  crowd.fate = () => {
    throw new UnavailableError('busy', { details: { status, retryAfterMs: 10_000 } });
  };
  await crowd.recordAll();
  crowd.fate = () => undefined;
  await crowd.pass(9_900);
  expect(crowd.requests).toBe(0);
  await crowd.expectSpread(10_000);
});
