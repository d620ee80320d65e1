/** What many devices offer a log that was set back: one transaction for all of it, no lock for what is there, no forgery. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Notification } from '../../../src/persistence/stored-event.js';
import type { LostUnit, PendingUnit } from '../../../src/persistence/unit.js';
import { ProvenUnits } from '../../../src/server/log/proven-units.js';
import type { PostgresUnitLog } from '../../../src/server/log/postgres/postgres-unit-log.js';
import type { Sender } from '../../../src/server/log/unit-log.js';
import type { InlinePushes } from '../../../src/server/log/inline-units.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { asLost, readLog, sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { PATIENTLY } from '../../support/patience.js';
import { openPostgres } from '../../support/postgres-fixture.js';
import type { PostgresFixture } from '../../support/postgres-fixture.js';
import { notingPool } from '../../support/query-plans.js';
import type { RunStatement } from '../../support/query-plans.js';
import { makePostgresLog } from '../../support/unit-log-fixture.js';
import type { PostgresLogFixture } from '../../support/unit-log-fixture.js';

const SEALED = { seals: { keys: [new Uint8Array(32).fill(3)] } };
const DEVICES = 20;

let postgres: PostgresFixture;
beforeAll(async () => {
  postgres = await openPostgres();
});
afterAll(() => postgres.close());

const senderOf = (device: number): Sender => ({ subject: `subject ${device}`, replicaId: `${device}` });
const kindsOf = async (log: PostgresUnitLog, units: readonly LostUnit[], device = 1): Promise<readonly string[]> =>
  (await log.heal(units, senderOf(device))).decisions.map(({ kind }) => kind);

interface SetBack {
  readonly fixture: PostgresLogFixture;
  readonly log: PostgresUnitLog;
  readonly lost: readonly LostUnit[];
  readonly noted: RunStatement[];
  readonly commits: () => number;
}

/** A log that has lost all of these units. */
async function setBack(units: readonly PendingUnit[]): Promise<SetBack> {
  const noted: RunStatement[] = [];
  const fixture = await makePostgresLog(notingPool(postgres.pool, noted));
  const log = fixture.open(SEALED);
  const restore = await fixture.backup();
  await log.push(units, senderOf(0));
  const lost = asLost((await readLog(log)).units);
  await restore();
  noted.length = 0;
  const commits = (): number => noted.filter(({ text }) => text.trim() === 'COMMIT').length;
  return { fixture, log, lost, noted, commits };
}

/** A program that records beside the log and has not ended: nobody gets the lock. @returns lets it end */
async function holdLock({ events }: PostgresLogFixture): Promise<() => Promise<void>> {
  const writer = await postgres.pool.connect();
  await writer.query('BEGIN');
  await writer.query(
    `INSERT INTO ${events} (originator_id, originator_version, topic, state) VALUES ($1, 1, 't', '\\x01')`,
    [newOriginatorId()],
  );
  return async () => {
    await writer.query('COMMIT');
    writer.release();
  };
}

const someUnits = (count: number): PendingUnit[] =>
  Array.from({ length: count }, () => sampleUnit([sampleEvent(newOriginatorId(), 1)]));

/** A unit, and another one that stands on it. */
function twoVersions(): readonly [PendingUnit, PendingUnit] {
  const id = newOriginatorId();
  const first = sampleUnit([sampleEvent(id, 1)]);
  return [first, sampleUnit([sampleEvent(id, 2)], { after: [first.id] })];
}

describe('offers of many devices', () => {
  it('share a transaction where they offer the same, and each is told what became of all of its units', async () => {
    const { log, lost, commits } = await setBack(someUnits(30));
    const answers = await Promise.all(Array.from({ length: DEVICES }, (_, device) => kindsOf(log, lost, device)));
    expect(commits()).toBe(1);
    for (const kinds of answers) expect(new Set(kinds).isSubsetOf(new Set(['restored', 'known']))).toBe(true);
    expect((await readLog(log)).units.map(({ id }) => id)).toEqual(lost.map(({ id }) => id));
  });

  it('wait for no lock where all is known, and nobody decides anything then', async () => {
    const { fixture, log, lost, noted } = await setBack(someUnits(3));
    const [first, second, third] = lost as [LostUnit, LostUnit, LostUnit];
    expect(await kindsOf(log, [first, second])).toEqual(['restored', 'restored']);
    const letGo = await holdLock(fixture);
    noted.length = 0;
    expect(await kindsOf(log, [first, second])).toEqual(['known', 'known']);
    expect(noted.filter(({ text }) => /BEGIN|LOCK/.test(text))).toEqual([]);
    // What is not known waits for whoever writes, and for its turn after them.
    let isAnswered = false;
    const waiting = kindsOf(log, [second, third]).finally(() => (isAnswered = true));
    expect(await kindsOf(log, [first, second], 2)).toEqual(['known', 'known']);
    expect(isAnswered).toBe(false);
    await letGo();
    expect(await waiting).toEqual(['known', 'restored']);
  });

  it('come together in the order of their old positions, whoever was first', async () => {
    const [below, above] = twoVersions();
    const { fixture, lost, commits } = await setBack([...someUnits(1), below, above]);
    const [other, first, second] = lost as [LostUnit, LostUnit, LostUnit];
    // Whatever is decoded is about to wait for its turn.
    const decode = vi.fn(async (event: Notification) =>
      Promise.resolve(event as unknown as Awaited<ReturnType<InlinePushes['decode']>>),
    );
    const log = fixture.open({ ...SEALED, inline: { participants: [{}], decode } });
    const letGo = await holdLock(fixture);
    const answers: Promise<readonly string[]>[] = [];
    for (const [device, unit] of [other, second, first].entries()) {
      answers.push(kindsOf(log, [unit], device));
      await vi.waitUntil(() => decode.mock.calls.length === device + 1, PATIENTLY);
    }
    await new Promise((resolve) => setImmediate(resolve));
    await letGo();
    expect(await Promise.all(answers)).toEqual([['restored'], ['restored'], ['restored']]);
    expect(commits()).toBe(2);
  });

  it('of one id in two forms are each decided, and one of them comes back', async () => {
    const [below, above] = twoVersions();
    const { fixture, log, lost } = await setBack([below, above]);
    const restoreAgain = await fixture.backup();
    // Set back, it goes on, and takes the unit anew, in another place.
    await log.push([...someUnits(1), below, above], senderOf(0));
    const other = asLost((await readLog(log)).units).slice(1);
    await restoreAgain();
    const forms = other.map(({ position, origin: { seal } }, index) => [position, seal, lost[index]?.position]);
    expect(forms.every(([position, , before]) => position !== before)).toBe(true);
    const [busy, ...answers] = await Promise.all([
      kindsOf(log, [], 9),
      kindsOf(log, lost, 1),
      kindsOf(log, other, 2),
      kindsOf(log, [...other].reverse(), 3),
    ]);
    expect(busy).toEqual([]);
    for (const kinds of answers) expect(new Set(kinds).isSubsetOf(new Set(['restored', 'known']))).toBe(true);
    expect((await readLog(log)).units.map(({ id }) => id)).toEqual([below.id, above.id]);
  });

  it('that do not fit are set aside once, with the reason and who offered them first', async () => {
    const [below, above] = twoVersions();
    const { log, lost } = await setBack([below, above]);
    const { originatorId } = below.events[0] as PendingUnit['events'][number];
    await log.push([sampleUnit([sampleEvent(originatorId, 1)])], senderOf(0));
    const answers = await Promise.all(Array.from({ length: 5 }, (_, device) => kindsOf(log, lost, device)));
    expect(answers).toEqual(answers.map(() => ['setAside', 'setAside']));
    const aside = await log.refused({ limit: 10 });
    expect(aside.map(({ code }) => code)).toEqual(['CONFLICT', 'CONFLICT']);
    // All of it by one of them.
    expect(aside.map(({ subject }) => subject)).toEqual(Array(2).fill(aside[0]?.subject));
    expect(aside[0]?.subject).toMatch(/^subject \d$/);
  });

  it('fail together with the database, and are taken when it is back', async () => {
    const { fixture, log, lost } = await setBack(someUnits(2));
    await postgres.pool.query(`ALTER TABLE "${fixture.name}_units" RENAME TO "${fixture.name}_away"`);
    const failed = await Promise.allSettled([kindsOf(log, lost, 1), kindsOf(log, lost, 2)]);
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await postgres.pool.query(`ALTER TABLE "${fixture.name}_away" RENAME TO "${fixture.name}_units"`);
    expect(await kindsOf(log, lost)).toEqual(['restored', 'restored']);
  });
});

describe('what was proven a moment ago', () => {
  const forged = (unit: LostUnit): readonly LostUnit[] => {
    const { origin, events } = unit;
    const [event] = events as [LostUnit['events'][number]];
    const withEvent = (part: Partial<typeof event>): LostUnit => ({ ...unit, events: [{ ...event, ...part }] });
    const changed = event.state.slice();
    changed[changed.length - 1] = (changed[changed.length - 1] as number) ^ 1;
    const seal = origin.seal.slice();
    seal[16] = (seal[16] as number) ^ 1;
    return [
      { ...unit, id: crypto.randomUUID() },
      { ...unit, edition: crypto.randomUUID() },
      { ...unit, isCommutative: !unit.isCommutative },
      { ...unit, scopes: ['x'] },
      { ...unit, after: [crypto.randomUUID()] },
      { ...unit, position: unit.position + 1 },
      { ...unit, total: unit.total + 1, position: unit.position + 1 },
      { ...unit, origin: { ...origin, author: 'eve' } },
      { ...unit, origin: { ...origin, recordedAtMs: origin.recordedAtMs + 1 } },
      { ...unit, origin: { ...origin, seal } },
      { ...unit, origin: { ...origin, seal: new Uint8Array() } },
      {
        ...unit,
        events: [...events, { ...event, originatorVersion: event.originatorVersion + 1 }],
        total: 2,
        position: 2,
      },
      withEvent({ originatorId: newOriginatorId() }),
      withEvent({ originatorVersion: event.originatorVersion + 1 }),
      withEvent({ topic: `${event.topic}.` }),
      withEvent({ state: changed }),
      withEvent({ state: new Uint8Array([...event.state, 0]) }),
    ];
  };

  it('helps no other unit, in whatever it differs, and none that was not', async () => {
    const { log, lost } = await setBack(someUnits(1));
    const [unit] = lost as [LostUnit];
    const tampered = forged(unit);
    for (const one of tampered) expect(await kindsOf(log, [one])).toEqual(['refused']);
    expect((await readLog(log)).units).toEqual([]);
    expect(await kindsOf(log, [unit])).toEqual(['restored']);
    expect(await kindsOf(log, [{ ...unit }])).toEqual(['known']);
    for (const one of tampered) expect(await kindsOf(log, [one])).toEqual(['refused']);
    expect((await readLog(log)).units).toHaveLength(1);
    expect(await log.refused({ limit: 10 })).toEqual([]);
  });

  it('is compared as a whole', async () => {
    const { lost } = await setBack(someUnits(1));
    const [unit] = lost as [LostUnit];
    const proven = new ProvenUnits();
    expect(proven.has(unit)).toBe(false);
    proven.add(unit);
    const copy = { ...unit, origin: { ...unit.origin, seal: unit.origin.seal.slice() } };
    expect(proven.has(copy)).toBe(true);
    for (const one of forged(unit)) expect(proven.has(one)).toBe(false);
  });

  it('gives way, the oldest first, by number and by size', async () => {
    const { lost } = await setBack(someUnits(1));
    const [unit] = lost as [LostUnit];
    const [event] = unit.events as [LostUnit['events'][number]];
    const proven = new ProvenUnits();
    const copies = Array.from({ length: 10_001 }, (_, index): LostUnit => ({ ...unit, id: String(index) }));
    for (const copy of copies) proven.add(copy);
    expect(copies.slice(0, 2).map((copy) => proven.has(copy))).toEqual([false, true]);
    const large = copies.slice(0, 3).map((copy, index): LostUnit => ({
      ...{ ...copy, id: `large ${index}` },
      events: [{ ...event, state: new Uint8Array(4_000_000) }],
    }));
    for (const copy of large) proven.add(copy);
    expect(large.map((copy) => proven.has(copy))).toEqual([false, true, true]);
    expect(copies.some((copy) => proven.has(copy))).toBe(false);
  });
});
