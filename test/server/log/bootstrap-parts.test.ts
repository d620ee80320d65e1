/** What a log gives to a device that begins with what stands for history, on every kind of tables. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { historyDigest } from '../../../src/persistence/history-digest.js';
import { MemorySnapshotStore } from '../../../src/persistence/memory/memory-snapshot-store.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';
import { editionOf } from '../../../src/persistence/unit-edition.js';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import type { AggregateBase, ConfirmedUnit, Cursor, PendingUnit, UnitPage } from '../../../src/persistence/unit.js';
import { unpackPage, packPage } from '../../../src/persistence/unit-batch.js';
import { validatePage } from '../../../src/persistence/unit-validation.js';
import type { StoredUnitLog } from '../../../src/server/log/stored-unit-log.js';
import type { PageOptions, Visibility } from '../../../src/server/log/unit-log.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import type { UnitLogContext } from '../../../src/testing/conformance/unit-log-cases.js';
import { pageOf, readLog, sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { UNIT_LOGS } from '../../support/unit-log-fixture.js';

const SENDER = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const LIMITS: PageOptions = { eventsMax: 10, bytesMax: 1_000_000, bootstrap: [] };
const SEALS = { seals: { keys: [new Uint8Array(32).fill(3)] } };

/** One of each kind of tables: the statements are the same. */
const ENGINES = ['memory', 'PostgreSQL', 'PostgreSQL, shared with another tenant'];

/** All parts, as a device asks for them. */
async function partsOf(log: StoredUnitLog, options: PageOptions = LIMITS): Promise<UnitPage[]> {
  const parts: UnitPage[] = [];
  for (let cursor = CURSOR_START; ;) {
    const page = await pageOf(log, cursor, options);
    validatePage(page);
    expect(unpackPage(packPage(page))).toEqual(page);
    expect(page.from).toBe(cursor);
    parts.push(page);
    if (page.bootstrap?.isEnd !== false) return parts;
    cursor = page.to;
  }
}

/** What a device has of parts: of each aggregate what stands for its first events, and the events after that. */
function takenOf(parts: readonly UnitPage[]): {
  readonly bases: ReadonlyMap<string, AggregateBase>;
  readonly events: readonly StoredEvent[];
} {
  const bases = new Map<string, AggregateBase>();
  const events: StoredEvent[] = [];
  const lasts = new Map<string, number>();
  for (const { bootstrap, units } of parts) {
    const given = new Map(bootstrap?.aggregates.map((aggregate) => [aggregate.originatorId, aggregate]));
    for (const { originatorId, base } of bootstrap?.aggregates ?? [])
      if (base !== undefined) bases.set(originatorId, base);
    for (const unit of units) {
      for (const event of unit.events) {
        const { originatorId, originatorVersion: version } = event;
        const { upTo = Infinity } = given.get(originatorId) ?? { upTo: 0 };
        const last = lasts.get(originatorId) ?? bases.get(originatorId)?.version ?? 0;
        // It may come once more, with another aggregate of its unit.
        if (version > upTo || version <= last) continue;
        expect(version).toBe(last + 1);
        lasts.set(originatorId, version);
        events.push(event);
      }
    }
  }
  return { bases, events };
}

const placeOf = ({ originatorId, originatorVersion }: StoredEvent): string =>
  `${originatorId} ${String(originatorVersion).padStart(6, '0')}`;
const placesOf = (events: readonly StoredEvent[]): string[] => events.map((event) => placeOf(event)).sort();

function snapshotOf(event: StoredEvent) {
  const { originatorId, originatorVersion } = event;
  const state = Uint8Array.of(originatorVersion);
  const of = { originatorId, originatorVersion, eventId: `e${originatorVersion}`, aggregateType: 'Sample' };
  return { ...of, stateVersion: 1, takenAtMs: 1_764_000_000_000, state };
}

describe.each(ENGINES)('%s', (engine) => {
  let context: UnitLogContext;
  let close: () => Promise<void>;
  const snapshots = new MemorySnapshotStore();
  const ids = Array.from({ length: 16 }, () => newOriginatorId());
  const editions = new Map<string, string>();
  let log: StoredUnitLog;

  const longs = [newOriginatorId(), newOriginatorId()];
  const versions = new Map<string, number>();
  const lastOf = (id: string): number => versions.get(id) ?? 0;

  /** The next unit of the log. */
  const next = (...events: StoredEvent[]): PendingUnit => {
    const aggregates = [...new Set(events.map(({ originatorId }) => originatorId))];
    const unit = sampleUnit(events, { after: aggregates.map((id) => editions.get(`${id} ${lastOf(id)}`)) });
    for (const { originatorId, originatorVersion: version } of events) {
      editions.set(`${originatorId} ${version}`, unit.id);
      versions.set(originatorId, version);
    }
    return unit;
  };

  const push = async (...events: StoredEvent[]): Promise<void> => {
    const { decisions } = await log.push([next(...events)], SENDER);
    expect(decisions[0]?.kind).toBe('accepted');
  };

  beforeAll(async () => {
    ({ context, close } = await UNIT_LOGS[engine]!());
    log = context.open({ ...SEALS, snapshots });
    // Of each aggregate some events, one after the other, so that those of one never follow each other in the log.
    const units: PendingUnit[] = [];
    for (let version = 1; version <= 8; version++) {
      for (const [index, id] of ids.entries()) {
        if (version > 1 + (index % 8)) continue;
        // With events of another, which has more of them.
        const long = longs[index % 2]!;
        const isWithOther = (index + version) % 3 === 0;
        const others = isWithOther ? [sampleEvent(long, lastOf(long) + 1), sampleEvent(long, lastOf(long) + 2)] : [];
        units.push(next(...others, sampleEvent(id, version)));
      }
    }
    const { decisions } = await log.push(units, SENDER);
    expect(decisions.map(({ kind }) => kind)).toEqual(units.map(() => 'accepted'));
    for (const long of longs) await snapshots.upsert(snapshotOf(sampleEvent(long, 9)));
    for (const [index, id] of ids.entries()) {
      const last = 1 + (index % 8);
      // Some have none, some one of the first event, some one that nothing follows on.
      if (index % 3 !== 0) await snapshots.upsert(snapshotOf(sampleEvent(id, Math.max(1, last - (index % 2)))));
    }
  }, 120_000);
  afterAll(() => close());

  const allUnits = async (): Promise<readonly ConfirmedUnit[]> => (await readLog(log)).units;

  it('gives every event or what stands for it, once, as the log is at one place', async () => {
    const parts = await partsOf(log);
    expect(parts.length).toBeGreaterThan(3);
    const head = await log.head();
    expect(new Set(parts.map(({ bootstrap }) => bootstrap?.position))).toEqual(new Set([head]));
    expect(parts.at(-1)).toMatchObject({ position: head, to: (await readLog(log)).cursor });
    const covered = parts.map(({ position }) => position);
    expect([...covered].sort((a, b) => a - b)).toEqual(covered);
    const { bases, events } = takenOf(parts);
    expect(bases.size).toBeGreaterThan(5);
    const all = (await allUnits()).flatMap((unit) => unit.events.map((event) => ({ event, unit })));
    const expected = all.filter(({ event }) => event.originatorVersion > (bases.get(event.originatorId)?.version ?? 0));
    expect(placesOf(events)).toEqual(placesOf(expected.map(({ event }) => event)));
    for (const [originatorId, base] of bases) {
      const own = all
        .filter(({ event }) => event.originatorId === originatorId)
        .sort((one, other) => one.event.originatorVersion - other.event.originatorVersion);
      const first = own.slice(0, base.version);
      const last = first.at(-1)!.unit;
      expect(base.digest).toBe(historyDigest(first.map(({ event }) => event)));
      expect(base.edition).toBe(editionOf(last));
      expect(base.position).toBe(own[base.version]!.unit.position);
      expect(base.snapshot).toEqual(await snapshots.select(originatorId));
    }
  });

  it('gives the same in whatever pieces, and again from where a device stands', async () => {
    const whole = takenOf(await partsOf(log, { ...LIMITS, eventsMax: 10_000 }));
    for (const options of [{ eventsMax: 4 }, { bytesMax: 300 }]) {
      const taken = takenOf(await partsOf(log, { ...LIMITS, ...options }));
      expect(placesOf(taken.events)).toEqual(placesOf(whole.events));
      expect([...taken.bases.keys()].sort()).toEqual([...whole.bases.keys()].sort());
    }
    const [first] = await partsOf(log);
    // What has come to the log since is not in them.
    const fresh = newOriginatorId();
    await push(sampleEvent(fresh, 1));
    const one = await pageOf(log, first!.to, LIMITS);
    expect(await pageOf(log, first!.to, LIMITS)).toEqual(one);
    expect(one.bootstrap?.position).toBe(first!.bootstrap?.position);
    let cursor: Cursor = first!.to;
    for (let page = one; page.bootstrap?.isEnd === false; page = await pageOf(log, cursor, LIMITS)) {
      expect(page.bootstrap.aggregates.map(({ originatorId }) => originatorId)).not.toContain(fresh);
      cursor = page.to;
    }
    const { to } = await pageOf(log, cursor, LIMITS);
    expect((await pageOf(log, to, LIMITS)).units.flatMap(({ events }) => events.map(placeOf))).toEqual([
      placeOf(sampleEvent(fresh, 1)),
    ]);
  });

  it('gives what somebody may see, and tells who may see something else by then', async () => {
    const seen = new Set(ids.filter((_id, index) => index % 2 === 0));
    const visibility: Visibility = {
      id: 'even',
      isVisible: ({ events }, index) => seen.has(events[index]!.originatorId),
    };
    const parts = await partsOf(log, { ...LIMITS, visibility });
    const { bases, events } = takenOf(parts);
    expect(bases.size).toBeGreaterThan(3);
    const given = parts.flatMap(({ bootstrap }) => bootstrap!.aggregates.map(({ originatorId }) => originatorId));
    expect([...given, ...events.map(({ originatorId }) => originatorId)].filter((id) => !seen.has(id))).toEqual([]);
    expect(new Set(given)).toEqual(seen);
    await expect(log.page(parts[0]!.to, LIMITS)).rejects.toMatchObject({ code: 'SCOPES_CHANGED' });
    const other = { ...visibility, id: 'other' };
    await expect(log.page(parts[0]!.to, { ...LIMITS, visibility: other })).rejects.toMatchObject({
      code: 'SCOPES_CHANGED',
    });
  });

  it('gives what was named first, all of its events, or pages where that is too much', async () => {
    const named = [ids[7]!, ids[15]!, newOriginatorId()];
    const [first] = await partsOf(log, { ...LIMITS, eventsMax: 100, bootstrap: named });
    expect(first!.bootstrap!.aggregates).toEqual(named.map((originatorId) => ({ originatorId, continues: false })));
    const own = first!.units.flatMap(({ events }) => events).filter(({ originatorId }) => named.includes(originatorId));
    expect(own).toHaveLength(16);
    expect((await pageOf(log, CURSOR_START, { ...LIMITS, bootstrap: named })).bootstrap).toBeUndefined();
  });

  it('gives pages to who asks for nothing else, or where there are no snapshots; and ends what was begun', async () => {
    const { bootstrap: _bootstrap, ...asked } = LIMITS;
    expect((await pageOf(log, CURSOR_START, asked)).bootstrap).toBeUndefined();
    const without = context.open(SEALS);
    expect((await pageOf(without, CURSOR_START, LIMITS)).bootstrap).toBeUndefined();
    const [first] = await partsOf(log);
    const next = await pageOf(without, first!.to, LIMITS);
    expect(next.bootstrap?.aggregates.every(({ base }) => base === undefined)).toBe(true);
    for (const cursor of ['2.', '2.1.2.3.abc', `${first!.to}x`, first!.to.replace(/^2\./, '2.z')])
      expect(await log.page(cursor, LIMITS).catch((error: unknown) => (error as { code: string }).code)).toBeOneOf([
        undefined,
        'SCOPES_CHANGED',
      ]);
  });

  it('passes over snapshots that are newer than the place, or of what is not there', async () => {
    const id = newOriginatorId();
    for (const version of [1, 2, 3]) await push(sampleEvent(id, version));
    const [first] = await partsOf(log, { ...LIMITS, eventsMax: 1 });
    for (const version of [4, 5]) await push(sampleEvent(id, version));
    await snapshots.upsert(snapshotOf(sampleEvent(id, 5)));
    const gone = newOriginatorId();
    await push(sampleEvent(gone, 1));
    await snapshots.upsert(snapshotOf(sampleEvent(gone, 9)));
    const parts: UnitPage[] = [first!];
    while (!parts.at(-1)!.bootstrap!.isEnd) parts.push(await pageOf(log, parts.at(-1)!.to, LIMITS));
    const { bases, events } = takenOf(parts);
    expect(bases.has(id)).toBe(false);
    expect(placesOf(events.filter(({ originatorId }) => originatorId === id))).toHaveLength(3);
    const now = takenOf(await partsOf(log));
    expect(now.bases.get(id)).toMatchObject({ version: 4 });
    expect(now.bases.has(gone)).toBe(false);
  });

  it('has no place any more when the log was set back before it, nor a digest of what was there', async () => {
    const id = newOriginatorId();
    for (const version of [1, 2]) await push(sampleEvent(id, version));
    const restore = await context.backup();
    const kept = [new Map(editions), new Map(versions)] as const;
    for (const version of [3, 4]) await push(sampleEvent(id, version));
    await snapshots.upsert(snapshotOf(sampleEvent(id, 4)));
    const [first, ...rest] = await partsOf(log);
    const before = takenOf([first!, ...rest]).bases.get(id);
    await restore();
    for (const place of [...editions.keys()]) if (!kept[0].has(place)) editions.delete(place);
    for (const [of, version] of kept[1]) versions.set(of, version);
    expect(await log.page(first!.to, LIMITS)).toBeUndefined();
    expect(await log.common([first!.to])).toBe(CURSOR_START);
    // It goes on otherwise.
    const other = { ...sampleEvent(id, 3), state: Uint8Array.of(77) };
    await push(other);
    await push(sampleEvent(id, 4));
    const after = takenOf(await partsOf(log)).bases.get(id);
    expect(after?.digest).toBe(historyDigest([sampleEvent(id, 1), sampleEvent(id, 2), other]));
    expect(after?.digest).not.toBe(before?.digest);
  });
});
