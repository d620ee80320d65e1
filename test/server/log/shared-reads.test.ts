/** Pages that many ask for at once: how often they are read, and what of that everybody may have. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresProcessRecorder } from '../../../src/persistence/postgres/index.js';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import { PostgresUnitLog } from '../../../src/server/log/postgres/postgres-unit-log.js';
import { SharedReads } from '../../../src/server/log/shared-reads.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { readLog, sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { notingPool } from '../../support/query-plans.js';
import type { RunStatement } from '../../support/query-plans.js';
import { makePostgresLog } from '../../support/unit-log-fixture.js';

const SENDER = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const LIMITS = { eventsMax: 100, bytesMax: 1_000_000 };
const CLIENTS = 50;

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Reads whose ends a test decides. */
class Scene {
  readonly reads = new SharedReads<string>();
  readonly begun: string[] = [];
  readonly #ends: PromiseWithResolvers<string>[] = [];

  read(key: string): Promise<string> {
    return this.reads.read(key, () => {
      this.begun.push(key);
      const end = Promise.withResolvers<string>();
      this.#ends.push(end);
      return end.promise;
    });
  }

  async end(index: number, answer: string | Error): Promise<void> {
    if (answer instanceof Error) this.#ends[index]!.reject(answer);
    else this.#ends[index]!.resolve(answer);
    await settled();
  }
}

describe('a shared read', () => {
  it('is never one that had begun before it was asked for', async () => {
    const scene = new Scene();
    const first = scene.read('a');
    await settled();
    const late = [scene.read('a'), scene.read('a'), scene.read('a')];
    await settled();
    expect(scene.begun).toEqual(['a']);
    await scene.end(0, 'before');
    expect(await first).toBe('before');
    expect(scene.begun).toEqual(['a', 'a']);
    await scene.end(1, 'after');
    expect(await Promise.all(late)).toEqual(['after', 'after', 'after']);
  });

  it('tells all who share it of its error, and the next ones nothing of it', async () => {
    const scene = new Scene();
    const failing = [scene.read('a'), scene.read('a')].map((read) => read.catch((error: unknown) => String(error)));
    await settled();
    const next = scene.read('a');
    await scene.end(0, new Error('gone'));
    expect(await Promise.all(failing)).toEqual(['Error: gone', 'Error: gone']);
    await scene.end(1, 'well');
    expect(await next).toBe('well');
  });

  it('waits for one of six lanes, in the order in which they came', async () => {
    const scene = new Scene();
    const reads = Array.from({ length: 10 }, (_, index) => scene.read(`${index}`));
    await settled();
    expect(scene.begun).toEqual(['0', '1', '2', '3', '4', '5']);
    const joined = scene.read('9');
    await scene.end(3, 'three');
    await scene.end(0, 'zero');
    expect(scene.begun.slice(6)).toEqual(['6', '7']);
    for (const index of [1, 2, 4, 5, 6, 7, 8, 9]) await scene.end(index, `${index}`);
    expect(await Promise.all(reads)).toEqual(['zero', '1', '2', 'three', '4', '5', '6', '7', '8', '9']);
    expect(await joined).toBe('9');
    expect(scene.begun).toHaveLength(10);
  });
});

describe('pages of a log', () => {
  let postgres: PostgresFixture;
  beforeAll(async () => {
    postgres = await openPostgres();
  });
  afterAll(() => postgres.close());

  it('are read twice for fifty who ask for one in the same moment, and are one object', async () => {
    const fixture = await makePostgresLog(postgres.pool);
    const noted: RunStatement[] = [];
    const recorder = new PostgresProcessRecorder({
      pool: notingPool(postgres.pool, noted),
      eventsTable: fixture.events.replaceAll('"', ''),
    });
    const log = new PostgresUnitLog({ recorder, name: fixture.name });
    const units = Array.from({ length: 5 }, () => sampleUnit([sampleEvent(newOriginatorId(), 1)]));
    await log.push(units, SENDER);
    noted.length = 0;
    const first = log.page(CURSOR_START, LIMITS);
    await settled();
    const pages = await Promise.all([first, ...Array.from({ length: CLIENTS }, () => log.page(CURSOR_START, LIMITS))]);
    // The end of the log, rows of units, events.
    expect(noted).toHaveLength(2 * 3);
    expect(new Set(pages.slice(1)).size).toBe(1);
    for (const page of pages) expect(page?.units.map(({ id }) => id)).toEqual(units.map(({ id }) => id));
    expect(new Set([await log.page(CURSOR_START, LIMITS), pages[0], pages[1]]).size).toBe(3);
  });

  it('show nobody what somebody else may see, though both ask for one in the same moment', async () => {
    const log = new MemoryUnitLog({ seals: { keys: [new Uint8Array(32).fill(1)] } });
    const units = Array.from({ length: 4 }, () => sampleUnit([sampleEvent(newOriginatorId(), 1)]));
    await log.push(units, SENDER);
    // Of one name, as an operator may have it by mistake.
    const only = (id: string) => ({ id: 'v1', isVisible: (unit: { readonly id: string }) => unit.id === id });
    const pages = await Promise.all([
      ...units.map(({ id }) => log.page(CURSOR_START, { ...LIMITS, visibility: only(id) })),
      log.page(CURSOR_START, LIMITS),
    ]);
    const shown = pages.map((page) => page?.units.map(({ id }) => id));
    expect(shown).toEqual([...units.map(({ id }) => [id]), units.map(({ id }) => id)]);
    const seals = pages.map((page) => new Set(page?.units.map(({ origin }) => origin.seal.length)));
    expect(seals).toEqual(pages.map(() => new Set([17])));
  });

  it('hold what was recorded before they were asked for, however many ask', async () => {
    const fixture = await makePostgresLog(postgres.pool);
    const log = fixture.open();
    for (let round = 1; round <= 10; round++) {
      const unit = sampleUnit([sampleEvent(newOriginatorId(), 1)]);
      const early = Array.from({ length: 10 }, () => readLog(log));
      await log.push([unit], SENDER);
      const late = await Promise.all(Array.from({ length: 10 }, () => readLog(log)));
      expect(late.map(({ units }) => units.at(-1)?.id)).toEqual(Array(10).fill(unit.id));
      await Promise.all(early);
    }
  });
});
