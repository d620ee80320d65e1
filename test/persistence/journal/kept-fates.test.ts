/** What became of units that are not in a store any more: known for 30 days, and longer where only a clock has run ahead. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ImagedReplica } from '../../../src/host/imaged-replica.js';
import { DurableRecorder } from '../../../src/persistence/journal/durable-recorder.js';
import { openSqlJs } from '../../../src/persistence/sqlite/sqljs-driver.js';
import type { SqlJsImageDatabase } from '../../../src/persistence/sqlite/sqljs-database.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import { SharedJournal } from '../../support/shared-journal.js';

const REFUSED = { code: 'NOT_ALLOWED', message: 'Nobody may.' };
const DAY_MS = 24 * 3_600_000;
const YEAR_MS = 365 * DAY_MS;
/** So many ids later something is forgotten that is old. */
const IDS_KEPT = 10_000;

let clock: ManualClock;
let database: SqlJsImageDatabase;
let recorder: DurableRecorder;

beforeEach(async () => {
  clock = new ManualClock(Date.UTC(2026, 0, 1));
  database = await openSqlJs();
  const images = new ImagedReplica(database, clock);
  recorder = await DurableRecorder.open({
    ...{ replica: images.create(), images, clock },
    journal: new SharedJournal().connect(),
  });
});

afterEach(async () => {
  await recorder.close();
  database.close();
});

type EndUnit = (id: string) => Promise<unknown>;

/** Fates, and how a unit comes to them that is set aside. */
const FATES: readonly (readonly [state: string, end: EndUnit])[] = [
  ['withdrawn', async (id) => expect(await recorder.decide([{ id }])).toBe(true)],
  ['discarded', async (id) => expect(await recorder.discardSetAside([id])).toEqual([id])],
];

/** Records a unit that comes to its end at once. */
async function ended(end: EndUnit): Promise<string> {
  const id = crypto.randomUUID();
  await recorder.insertEvents([sampleEvent(newOriginatorId(), 1)], { unit: { id } });
  await recorder.setAside([{ id, reason: REFUSED }]);
  await end(id);
  return id;
}

async function stateOf(id: string): Promise<string | undefined> {
  return (await recorder.findUnits([id]))[0]?.state;
}

async function recordMany(count: number): Promise<void> {
  const originatorId = newOriginatorId();
  await recorder.insertEvents(Array.from({ length: count }, (_, at) => sampleEvent(originatorId, at + 1)));
}

describe.each(FATES)('that a unit was %s', (state, end) => {
  test('is known after its clock was set forward by a year, and back again', async () => {
    const id = await ended(end);
    clock.set(clock.nowMs() + YEAR_MS);
    const later = await ended(end);
    expect(await stateOf(id)).toBe(state);
    clock.set(clock.nowMs() - YEAR_MS);
    await ended(end);
    expect([await stateOf(id), await stateOf(later)]).toEqual([state, state]);
  });

  test('is known for 30 days, however much is recorded', async () => {
    const id = await ended(end);
    await recordMany(IDS_KEPT);
    clock.set(clock.nowMs() + 29 * DAY_MS);
    await ended(end);
    expect(await stateOf(id)).toBe(state);
  });

  test('is forgotten when both have passed', async () => {
    const id = await ended(end);
    await recordMany(IDS_KEPT);
    clock.set(clock.nowMs() + 31 * DAY_MS);
    const later = await ended(end);
    expect([await stateOf(id), await stateOf(later)]).toEqual([undefined, state]);
  });
});
