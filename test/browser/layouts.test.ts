/**
 * What earlier versions have left in IndexedDB, laid down as they left it, and opened with today's code: nothing is
 * missing, and the store goes on. The files were made by builds of those versions, in a browser (scripts/record-layout.mjs).
 */
/// <reference types="vite/client" />
import type { Daybook } from 'daybook';
import { SqlOutbox, SqlSnapshotStore } from 'daybook/application';
import { createSyncServer, MemoryUnitLog } from 'daybook/server';
import { startSync } from 'daybook/sync';
import { newOriginatorId, sampleEvent } from 'daybook/testing';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { derivedUnitId } from '../../src/persistence/derived-unit-id.js';
import { newStoreName, openStore, settled } from './open-store.js';

const PATIENTLY = { timeout: 20_000, interval: 20 };
const ALL = { eventsMax: 1_000, bytesMax: 1e9 };

interface Layout {
  readonly databaseVersion: number;
  readonly tables: Readonly<Record<string, readonly { key: number | string; value?: unknown; deflated?: string }[]>>;
  /** What the version itself has read of its store. */
  readonly found: {
    readonly replicaId: string;
    readonly tracking: number;
    readonly events: readonly { id: number; originatorId: string; originatorVersion: number; topic: string }[];
    readonly tables: { readonly counts?: readonly object[] };
    readonly snapshots: Readonly<Record<string, object>>;
    readonly progress?: object;
    readonly units: readonly (object | null)[];
    readonly aside?: readonly { readonly id: string; readonly code: string; readonly command: string | null }[];
  };
}

const layouts = Object.entries(import.meta.glob<Layout>('./layouts/*.json', { eager: true, import: 'default' })).map(
  ([path, layout]) => [path.replace(/^.*\/|\.json$/g, ''), layout] as const,
);

/** Which records of a store are laid down: a version may have read its own journal, or an image of it. */
const PARTS = {
  'as it was left': () => true,
  // As before the first checkpoint.
  'by its journal': (table: string) => table === 'journal' || table === 'meta',
  // As after the journal before the checkpoint was removed.
  'by its checkpoint': (table: string, key: number | string, position: number) =>
    table !== 'journal' || Number(key) > position,
} as const;

async function inflated(text: string): Promise<Uint8Array> {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Writes the records, in a database of the version that they are of. */
async function layDown(name: string, layout: Layout, isKept: (typeof PARTS)[keyof typeof PARTS]): Promise<void> {
  const opening = indexedDB.open(`daybook:${name}`, layout.databaseVersion);
  opening.onupgradeneeded = () => {
    for (const table of Object.keys(layout.tables)) {
      opening.result.createObjectStore(table, table === 'chunks' ? { autoIncrement: true } : undefined);
    }
  };
  const database = await settled(opening);
  const position = Number(layout.tables['checkpoints']?.at(-1)?.key ?? 0);
  for (const [table, rows] of Object.entries(layout.tables)) {
    const kept = rows.filter(({ key }) => isKept(table, key, position));
    const values = await Promise.all(
      kept.map(({ value, deflated }) => (deflated === undefined ? value : inflated(deflated))),
    );
    const store = database.transaction(table, 'readwrite').objectStore(table);
    await Promise.all(kept.map(({ key }, index) => settled(store.put(values[index], key))));
  }
  database.close();
}

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const plain = (row: object): object =>
  Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key,
      value instanceof Uint8Array ? `x${hex(value)}` : (value as unknown),
    ]),
  );

async function eventsOf({ recorder }: Daybook): Promise<readonly object[]> {
  const events = await recorder.selectNotifications({ start: 1, limit: 1_000 });
  return Promise.all(
    events.map(async ({ id, originatorId, originatorVersion, topic, state }) => {
      const digest = hex(new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(state))));
      return { id, originatorId, originatorVersion, topic, digest: digest.slice(0, 16) };
    }),
  );
}

/** A server that has nothing yet, in the page. */
function newServer(): { readonly log: MemoryUnitLog; readonly fetch: typeof globalThis.fetch } {
  const log = new MemoryUnitLog();
  const server = createSyncServer({ unitLog: log, allowAnonymous: true });
  return {
    log,
    fetch: (input, init) => {
      const request = new Request(input, init);
      // Firefox has none of a request, and servers do.
      Object.defineProperty(request, 'body', { value: new Response(init?.body).body });
      return server.fetch(request);
    },
  };
}

const cases = layouts.flatMap(([name, layout]) =>
  Object.entries(PARTS)
    .filter(([part]) => part === 'as it was left' || layout.tables['checkpoints'] !== undefined)
    .map(([part, isKept]) => ({ name, part, layout, isKept })),
);

describe.each(cases)('$name, $part', { timeout: 60_000 }, ({ layout, part, isKept }) => {
  const { found } = layout;

  test('everything is there, and is so again', async () => {
    const name = newStoreName();
    await layDown(name, layout, isKept);
    for (const round of ['first', 'again']) {
      const store = await openStore(name);
      expect([round, store.replicaId]).toEqual([round, found.replicaId]);
      expect(await eventsOf(store)).toEqual(found.events);
      expect(await store.recorder.maxTrackingId('upstream')).toBe(found.tracking);
      for (const [id, snapshot] of Object.entries(found.snapshots)) {
        const kept = await new SqlSnapshotStore({ recorder: store.recorder }).select(id);
        expect(kept && plain(kept)).toEqual(snapshot);
      }
      if (found.tables.counts !== undefined) {
        const { rows } = await store.query('SELECT * FROM counts ORDER BY item');
        expect(rows.map(plain)).toEqual(found.tables.counts);
      }
      await assertUnits(store);
      await store.close();
    }
  });

  async function assertUnits({ recorder }: Daybook): Promise<void> {
    const pending = await recorder.selectPendingUnits(0, ALL);
    if (found.progress === undefined) {
      // Before there were units: each event is one, whose id follows from it. So two copies of a store give the same.
      const events = await recorder.selectNotifications({ start: 1, limit: 1_000 });
      expect(pending.map(({ id }) => id)).toEqual(events.map(derivedUnitId));
      expect(await recorder.syncProgress()).toMatchObject({ cursor: '0', pendingUnits: events.length });
      return;
    }
    expect(await recorder.syncProgress()).toMatchObject(found.progress);
    const aside = await recorder.selectSetAside(0, ALL);
    expect(
      aside.map(({ id, reason, command }) => ({
        ...{ id, code: reason.code },
        command: command === undefined ? null : new TextDecoder().decode(command),
      })),
    ).toEqual(found.aside);
    const keys = [...pending, ...aside].map(({ id }) => id);
    const standings = await recorder.findUnits([...keys, ...found.events.map(({ id }) => id)]);
    // What is undefined is not in a file of JSON.
    expect(JSON.parse(JSON.stringify(standings.map((unit) => unit ?? null)))).toEqual(found.units);
  }

  // Once for each layout: what is written does not depend on what was read.
  test.runIf(part === 'as it was left')(
    'it is written on, its tables are brought to today’s, and all that is its own reaches a server',
    async () => {
      const name = newStoreName();
      await layDown(name, layout, isKept);
      const store = await openStore(name);
      const { recorder } = store;
      await expect(recorder.insertEvents([sampleEvent(found.events[0]?.originatorId ?? '', 1)])).rejects.toMatchObject({
        code: 'INTEGRITY_ERROR',
      });
      const [added, largest] = [newOriginatorId(), Math.max(...found.events.map(({ id }) => id))];
      const [id] = await recorder.insertEvents([sampleEvent(added, 1)], {
        tracking: { applicationName: 'upstream', notificationId: found.tracking + 1 },
      });
      expect(id).toBeGreaterThan(largest);
      if (found.tables.counts !== undefined) {
        await recorder.transaction(({ connection }) =>
          connection.query("INSERT INTO counts (item, quantity) VALUES ('d', 4)"),
        );
      }
      for (const tables of [new SqlOutbox({ recorder }), new SqlSnapshotStore({ recorder })])
        await tables.createTables();
      const fresh = await openStore(newStoreName());
      for (const tables of [new SqlOutbox(fresh), new SqlSnapshotStore(fresh)]) await tables.createTables();
      expect((await columnsOf(store)).filter((line) => !line.startsWith('counts.'))).toEqual(await columnsOf(fresh));

      const own = await recorder.selectPendingUnits(0, ALL);
      const server = newServer();
      const sync = startSync({ store, url: 'https://log.example', live: false, fetch: server.fetch });
      onTestFinished(() => sync.close());
      await vi.waitUntil(() => sync.status.value.state === 'live' && sync.status.value.pending === 0, PATIENTLY);
      expect(await recorder.findUnits(own.map((unit) => unit.id))).toEqual(
        own.map((unit) => expect.objectContaining({ id: unit.id, state: 'confirmed' }) as unknown),
      );
      const other = await openStore(newStoreName());
      const pull = startSync({ store: other, url: 'https://log.example', live: false, fetch: server.fetch });
      onTestFinished(() => pull.close());
      await vi.waitUntil(async () => pull.status.value.position === (await server.log.head()), PATIENTLY);
      for (const { events } of own) {
        for (const event of events) expect(await other.recorder.selectEvents(event.originatorId)).toContainEqual(event);
      }
      await store.close();
      const again = await openStore(name);
      expect(await again.recorder.selectEvents(added)).toEqual([sampleEvent(added, 1)]);
      expect(await again.recorder.maxTrackingId('upstream')).toBe(found.tracking + 1);
    },
  );
});

async function columnsOf({ query }: Daybook): Promise<readonly string[]> {
  const { rows } = await query(
    `SELECT t.name || '.' || c.name || ' ' || c.type || ' ' || c."notnull" AS line FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
      WHERE t.type = 'table' ORDER BY 1`,
  );
  return rows.map(({ line }) => String(line));
}

test('there is a layout of each kind of record, so that the above is about something', async () => {
  const versions = new Set<number>();
  for (const [, { tables }] of layouts) {
    for (const { deflated = '' } of tables['journal'] ?? []) versions.add((await inflated(deflated))[4] ?? 0);
  }
  expect([...versions].toSorted()).toEqual([1, 2, 3, 4]);
  expect(new Set(layouts.map(([, { databaseVersion }]) => databaseVersion))).toEqual(new Set([1, 2]));
  expect(layouts.filter(([, { tables }]) => tables['checkpoints'] !== undefined)).toHaveLength(4);
});
