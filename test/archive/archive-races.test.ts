/** Several archive one log at once: each event leaves once, and is always somewhere. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { archivedHistory, archiveEvents } from '../../src/archive/index.js';
import type { ArchiveEventsOptions, ArchivePlace } from '../../src/archive/index.js';
import { createPgPool, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import { SqlSnapshotStore } from '../../src/persistence/sql/sql-snapshot-store.js';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import { openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite-driver.js';
import { SqliteProcessRecorder } from '../../src/persistence/sqlite/sqlite-recorder.js';
import { folderArchive } from '../../src/server/hosts/folder-archive.js';
import { stockItem } from '../../src/testing/conformance/application-samples.js';
import { openShop } from '../support/archive-shop.js';
import { openPostgres } from '../support/postgres-fixture.js';

const ROUNDS = 8;
const ARCHIVERS = 3;

type Shop = Awaited<ReturnType<typeof openShop>>;

/** A recorder on a connection of its own, to the tables of another one. */
const BESIDE: Readonly<Record<string, (shop: Shop) => Promise<SqlRecorder>>> = {
  async PostgreSQL({ recorder }) {
    await using postgres = await openPostgres();
    const pool = await createPgPool({ connectionString: postgres.url });
    onTestFinished(() => pool.end());
    const eventsTable = recorder.dialect.log!.eventsTable.replaceAll('"', '');
    return new PostgresProcessRecorder({ pool, applicationName: eventsTable.replace(/_events$/, '') });
  },
  async 'node:sqlite, file (WAL)'({ recorder }) {
    const { rows } = await recorder.query("SELECT file FROM pragma_database_list WHERE name = 'main'");
    const database = await openNodeSqlite({ path: String(rows[0]!['file']) });
    onTestFinished(() => database.close());
    return new SqliteProcessRecorder(database);
  },
};

/** What another process would archive with: nothing is shared but the database and the folder. */
async function optionsBeside(shop: Shop, engine: string): Promise<ArchiveEventsOptions> {
  const recorder = await BESIDE[engine]!(shop);
  const table = shop.snapshots.tables.creations[0]!.name;
  const options = shop.options({ recorder: recorder as unknown as ArchiveEventsOptions['recorder'] });
  return { ...options, snapshots: new SqlSnapshotStore({ recorder, table }), place: folderArchive(shop.path) };
}

describe.each(Object.keys(BESIDE))('%s', (engine) => {
  test('of several at once one lets events leave; the others are refused, or find nothing', async () => {
    const refusals = new Set<unknown>();
    for (let round = 0; round < ROUNDS; round++) {
      const shop = await openShop(engine);
      const beside = await Promise.all(Array.from({ length: ARCHIVERS }, () => optionsBeside(shop, engine)));
      const outcomes = await Promise.allSettled(beside.map((options) => archiveEvents(options)));
      const left = outcomes.flatMap((one) => (one.status === 'fulfilled' && one.value.events > 0 ? [one.value] : []));
      for (const one of outcomes) {
        if (one.status === 'fulfilled') continue;
        expect(one.reason).toMatchObject({ code: 'OPERATIONAL_ERROR', details: { reason: 'changed' } });
        refusals.add(one.reason);
      }
      expect(left.map(({ events }) => events)).toEqual([15]);
      expect((await shop.history.archives()).map(({ id }) => id)).toEqual(left.map(({ id }) => id));
      expect(await shop.readAll()).toEqual(shop.before);
      await shop.close();
    }
    // At least once two were in it at the same time.
    expect(refusals.size).toBeGreaterThan(0);
  }, 120_000);

  test.each(['write', 'read'] as const)(
    'one that is overtaken at the %s of its archive lets nothing leave',
    async (at) => {
      const shop = await openShop(engine);
      const { place } = shop;
      const other = await optionsBeside(shop, engine);
      let isOvertaken = false;
      const overtake = async (): Promise<void> => {
        if (isOvertaken) return;
        isOvertaken = true;
        expect(await archiveEvents({ ...other, eventsMax: 4 })).toMatchObject({ events: 4, hasMore: true });
      };
      const overtaken: ArchivePlace = {
        async write(name, file) {
          if (at === 'write') await overtake();
          return await place.write(name, file);
        },
        async read(uri) {
          if (at === 'read') await overtake();
          return await place.read(uri);
        },
      };
      await expect(archiveEvents(shop.options({ place: overtaken }))).rejects.toMatchObject({
        code: 'OPERATIONAL_ERROR',
        details: { reason: 'changed' },
      });
      expect(await shop.readAll()).toEqual(shop.before);
      // Whoever was refused begins again.
      expect(await archiveEvents(shop.options())).toMatchObject({ events: 11 });
      expect(await shop.readAll()).toEqual(shop.before);
      const { olderEvents } = archivedHistory({
        recorder: other.recorder,
        fetchArchive: ({ uri }) => place.read(uri),
      });
      for (const id of shop.ids) {
        expect(await shop.appWith({ olderEvents }).repository.history(stockItem, id)).toHaveLength(8);
      }
    },
  );

  test('what is noted of the first event is so, whoever was first to archive', async () => {
    const shop = await openShop(engine);
    const { ids, snapshots, place, recorder } = shop;
    const other = await optionsBeside(shop, engine);
    const only = (id: string): ArchiveEventsOptions['snapshots'] => ({
      select: async (of) => (of === id ? await snapshots.select(of) : undefined),
    });
    const meanwhile: ArchivePlace = {
      ...place,
      async read(uri) {
        await archiveEvents({ ...other, snapshots: only(ids[0]!) });
        return await place.read(uri);
      },
    };
    await archiveEvents(shop.options({ place: meanwhile, snapshots: only(ids[1]!) }));
    const { archives } = recorder.dialect.archive!;
    const { rows } = await recorder.query(`SELECT DISTINCT first_event FROM ${archives}`);
    expect(rows).toEqual([{ first_event: `version 1 of ${ids[0]!}` }]);
    expect(await shop.readAll()).toEqual(shop.before);
  });
});
