/**
 * Stores and files that a release of the first protocol has left: they open, and what they pushed is known by the ids that
 * follow from the events, whoever sends it again.
 */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { derivedUnitId } from '../../src/persistence/derived-unit-id.js';
import { encodeJournalRecord } from '../../src/persistence/journal/journal-record.js';
import { exportStore } from '../../src/persistence/journal/store-file/store-export.js';
import { readStoreFile } from '../../src/persistence/journal/store-file/store-file-reader.js';
import type { StoreIdentity } from '../../src/persistence/journal/store-identity.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import { CURSOR_START } from '../../src/persistence/unit.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import { Exchange } from '../../src/sync/exchange/exchange.js';
import type { SyncTransport } from '../../src/sync/exchange/transport.js';
import { CursorUnknownError, LIMITS_LEAST } from '../../src/sync/protocol/index.js';
import { readUnsynced } from '../../src/sync/unsynced.js';
import { newOriginatorId, sampleEvent, sampleEvents } from '../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { openTab } from '../support/own-tables-tab.js';
import type { OwnTablesTab } from '../support/own-tables-tab.js';
import { SharedJournal } from '../support/shared-journal.js';

const ALL = { eventsMax: 100_000, bytesMax: 1e9 };
const PATIENCE = { interval: 1, timeout: 10_000 };
const CONFIRMED = 6;

const [a, b] = [newOriginatorId(), newOriginatorId()];
const COMMITS: readonly (readonly StoredEvent[])[] = [
  sampleEvents(a, 1, 3),
  [sampleEvent(b, 1), sampleEvent(a, 4)],
  [sampleEvent(b, 2)],
  [sampleEvent(a, 5), sampleEvent(b, 3)],
  [sampleEvent(a, 6)],
];
const EVENTS = COMMITS.flat();

/** As a copy was made by such a release. */
const OLD_COPY: StoreIdentity = {
  replicaId: 'b2723fe2-c01a-40d2-875e-a3aac6a09ff5',
  createdAtMs: 1_700_000_000_000,
  copyOf: '5d8f25a9-5fcd-4b5f-a4d1-0d44c2ce2b28',
  pushBaseId: CONFIRMED,
};

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Nine events, of which six were confirmed: records of the first format, with the tracking that was kept then. */
function oldJournal(): SharedJournal {
  const journal = new SharedJournal();
  let next = 1;
  const append = (events: readonly StoredEvent[], confirmedId?: number): void => {
    const tracking =
      confirmedId === undefined ? undefined : { applicationName: 'daybook:push', notificationId: confirmedId };
    const record = encodeJournalRecord(journal.records.length + 1, [{ events, firstNotificationId: next, tracking }]);
    expect(record[4]).toBe(1);
    journal.records.push(record);
    next += events.length;
  };
  for (const [index, events] of COMMITS.entries()) {
    append(events);
    if (index === 2) append([], CONFIRMED);
  }
  return journal;
}

/** Writes a store as a file and reads that back, as an import does. */
async function throughFile(journal: SharedJournal): Promise<{ journal: SharedJournal; identity: StoreIdentity }> {
  const exported = exportStore({
    ...{ journal: journal.connect(), identity: OLD_COPY, name: 'count', nowMs: 1_750_000_000_000 },
    exportId: 'c7a4ee6b-6b09-4d3f-9d0f-6a35d5a2f7f1',
  });
  const file = await readStoreFile(async () => (await exported.next()).value ?? undefined);
  const imported = new SharedJournal();
  for await (const block of file.blocks) if (block.kind === 'records') imported.records.push(...block.records);
  expect(imported.records).toEqual(journal.records);
  return { journal: imported, identity: file.header.identity };
}

async function open(journal: SharedJournal): Promise<OwnTablesTab> {
  const tab = await openTab(journal);
  closers.push(async () => {
    await tab.recorder.close();
    tab.database.close();
  });
  return tab;
}

/** Synchronises until nothing is left to do. */
async function synchronise({ recorder }: OwnTablesTab, log: MemoryUnitLog, replicaId: string): Promise<void> {
  const [clock, stop] = [new ManualClock(), new AbortController()];
  const sender = { subject: 'ann', replicaId };
  const transport: SyncTransport = {
    limits: LIMITS_LEAST,
    push: (units) => log.push(units, sender),
    page: async (after, limits) => {
      const page = await log.page(after, limits);
      if (page === undefined) throw new CursorUnknownError('unknown');
      return page;
    },
    common: (marks) => log.common(marks),
    heal: (units) => log.heal(units, sender),
  };
  const exchange = new Exchange({
    ...{ recorder, transport, direction: 'both' as const, clock },
    isOffline: () => false,
    random: () => 0.5,
  });
  const running = exchange.run(stop.signal);
  try {
    await vi.waitUntil(async () => {
      clock.advance(100);
      const { state } = exchange.status.value;
      return state === 'live' && (await recorder.syncProgress()).pendingUnits === 0;
    }, PATIENCE);
  } finally {
    stop.abort();
    await running;
  }
}

async function idsOf(log: MemoryUnitLog): Promise<string[]> {
  return ((await log.page(CURSOR_START, ALL))?.units ?? []).map(({ id }) => id);
}

const contents = async ({ recorder }: OwnTablesTab): Promise<readonly StoredEvent[]> =>
  (await recorder.selectNotifications({ start: 1, limit: 100 })).map(({ id: _id, ...event }) => event);

describe('a store of the first protocol', () => {
  test('goes through a file with what it was, and says what of it is unsynced', async () => {
    const { journal, identity } = await throughFile(oldJournal());
    expect(identity).toEqual(OLD_COPY);
    const { recorder } = await open(journal);
    expect(await readUnsynced(recorder)).toEqual({
      ...{ largestId: EVENTS.length, pendingEvents: EVENTS.length - CONFIRMED },
      ...{ lostUnits: 0, setAsideUnits: 0 },
    });
    expect((await recorder.selectPendingUnits(0, ALL)).map(({ id }) => id)).toEqual(EVENTS.map(derivedUnitId));
  });

  test.each([
    ['what was confirmed then', CONFIRMED],
    ['more, which the original has pushed after the file was written', CONFIRMED + 2],
    ['all of it', EVENTS.length],
  ])('and its copy bring each event to the server once, which has %s', async (_what, pushed) => {
    const original = await open(oldJournal());
    const copy = await open((await throughFile(oldJournal())).journal);
    const log = new MemoryUnitLog({ seals: { keys: [new Uint8Array(32).fill(7)] } });
    // As the first protocol has left it: rows of events, which belong to no unit yet.
    log.insertBeside(EVENTS.slice(0, pushed));
    await synchronise(copy, log, crypto.randomUUID());
    const known = await idsOf(log);
    expect([...known].sort()).toEqual(EVENTS.map(derivedUnitId).sort());
    await synchronise(original, log, OLD_COPY.replicaId);
    await synchronise(copy, log, crypto.randomUUID());
    expect(await idsOf(log)).toEqual(known);
    for (const store of [original, copy]) {
      expect(await contents(store)).toEqual(EVENTS);
      expect(await readUnsynced(store.recorder)).toMatchObject({ pendingEvents: 0, lostUnits: 0, setAsideUnits: 0 });
      expect(await store.recorder.selectSetAside(0, ALL)).toEqual([]);
    }
  });
});
