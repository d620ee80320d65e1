/**
 * A store with old events and snapshots, and a folder for archives.
 *
 * @module
 */
import { onTestFinished } from 'vitest';
import { Application } from '../../src/application/application.js';
import { archivedHistory } from '../../src/archive/index.js';
import type { ArchiveEventsOptions } from '../../src/archive/index.js';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import { SqlSnapshotStore } from '../../src/persistence/sql/sql-snapshot-store.js';
import type { Notification } from '../../src/persistence/stored-event.js';
import { folderArchive } from '../../src/server/hosts/folder-archive.js';
import { LogBook, stockItem } from '../../src/testing/conformance/application-samples.js';
import { uniqueName } from './postgres-fixture.js';
import { makeTemporaryFolder } from './temporary-folder.js';
import { TRANSFER_ENGINES } from './transfer-engines.js';

/** Engines whose events leave for archives, by their names among {@link TRANSFER_ENGINES}. */
export const ARCHIVE_ENGINES: readonly string[] = ['PostgreSQL', 'node:sqlite, file (WAL)', 'SQLite on sql.js'];

/** Three aggregates with snapshots at version 6 of 8, one without, in turns. */
export async function openShop(engine: string) {
  const { recorder: opened, close } = await TRANSFER_ENGINES[engine]!();
  let isOpen = true;
  const closeOnce = async (): Promise<void> => {
    if (isOpen) await close();
    isOpen = false;
  };
  onTestFinished(closeOnce);
  const recorder = opened as SqlRecorder;
  const { path, remove } = await makeTemporaryFolder();
  onTestFinished(remove);
  const place = folderArchive(path);
  const snapshots = new SqlSnapshotStore({ recorder, table: uniqueName() });
  await snapshots.createTables();
  const appWith = (options: object = {}): Application =>
    new Application({ recorder, aggregates: [stockItem, LogBook], snapshots: { store: snapshots }, ...options });
  const app = appWith();
  const ids = Array.from({ length: 4 }, () => crypto.randomUUID());
  const receive = async (times: number): Promise<void> => {
    for (let count = 0; count < times; count++) {
      for (const id of ids) await app.execute(stockItem, id, { type: 'Receive', data: { quantity: 1 } });
    }
  };
  await receive(6);
  for (const id of ids.slice(0, 3)) await app.takeSnapshot(stockItem, id);
  await receive(2);
  const options = (more: Partial<ArchiveEventsOptions> = {}): ArchiveEventsOptions => ({
    ...{ recorder, snapshots, place, upTo: 1_000 },
    decode: (notification) => app.decode(notification),
    ...more,
  });
  const history = archivedHistory({ recorder, fetchArchive: ({ uri }) => place.read(uri) });
  const readAll = async (): Promise<readonly Notification[]> => {
    const all: Notification[] = [];
    for await (const notification of history.readAll()) all.push(notification);
    return all;
  };
  const before = await recorder.selectNotifications({ start: 1, limit: 1_000 });
  return { recorder, place, path, snapshots, app, appWith, ids, options, history, readAll, before, close: closeOnce };
}
