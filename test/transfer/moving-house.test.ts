/** A service moves: from PostgreSQL to SQLite and back, with what it encrypts, what it derives, and what it was in the middle of. */
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, onTestFinished, test } from 'vitest';
import { Application } from '../../src/application/application.js';
import { AESCipher } from '../../src/persistence/mapping/aes-cipher.js';
import { ZlibCompressor } from '../../src/persistence/mapping/zlib-compressor.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import type { Notification } from '../../src/persistence/stored-event.js';
import { SqlStateStore, stateOf } from '../../src/states/index.js';
import type { SqlRecorder } from '../../src/persistence/sql/sql-recorder.js';
import { LogBook, stockItem } from '../../src/testing/conformance/application-samples.js';
import { exportEvents, hashEvents, importEvents } from '../../src/transfer/index.js';
import { uniqueName } from '../support/postgres-fixture.js';
import { TRANSFER_ENGINES } from '../support/transfer-engines.js';
import { makeTemporaryFolder } from '../support/temporary-folder.js';
import { uncaughtErrors } from '../support/uncaught-errors.js';

test('an application finds its aggregates where it has moved to, and states are made anew of their events', async () => {
  const cipher = await AESCipher.fromKey(AESCipher.createKey(32));
  const open = async (engine: string) => {
    const { recorder, close } = await TRANSFER_ENGINES[engine]!();
    onTestFinished(close);
    // Of a name of its own: those of PostgreSQL are in one database.
    const stock = stateOf(stockItem, { name: uniqueName() });
    const states = new SqlStateStore({ recorder: recorder as SqlRecorder, states: [stock] });
    const app: Application = new Application({
      ...{ recorder, aggregates: [stockItem, LogBook], cipher, compressor: new ZlibCompressor() },
      inline: [states.inline((notification) => app.decode(notification))],
    });
    return { recorder, states, stock, app };
  };
  const [here, there, back] = [
    await open('PostgreSQL'),
    await open('node:sqlite, file (WAL)'),
    await open('PostgreSQL'),
  ];
  await here.states.setUp();
  const ids = Array.from({ length: 20 }, () => crypto.randomUUID());
  for (const [index, id] of ids.entries()) {
    await here.app.execute(stockItem, id, { type: 'Receive', data: { quantity: index + 1, times: 2 } });
  }
  const file = await new Response(exportEvents(here.recorder)).blob();
  // What was encrypted stays so.
  expect(await file.text()).not.toContain('quantity');
  await importEvents(there.recorder, file);
  await there.states.setUp();
  await there.app.execute(stockItem, ids[0]!, { type: 'Receive', data: { quantity: 5 } });
  expect(await there.states.count(there.stock)).toBe(20);
  expect((await there.states.fetch(there.stock, ids[0]!))?.data.quantity).toBe(7);
  expect((await there.states.fetch(there.stock, ids[9]!))?.data.quantity).toBe(20);
  await importEvents(back.recorder, exportEvents(there.recorder));
  expect((await back.app.repository.get(stockItem, ids[0]!)).state).toMatchObject({ quantity: 7 });
  await back.states.setUp();
  await back.app.execute(stockItem, ids[1]!, { type: 'Receive', data: { quantity: 1 } });
  expect(await back.states.count(back.stock)).toBe(20);
});

/** Has as many events as it is asked for, and keeps none of them. */
class EndlessRecorder extends MemoryProcessRecorder {
  readonly #count: number;
  readonly #state = new TextEncoder().encode(JSON.stringify({ note: 'x'.repeat(1_000) }));

  constructor(count: number) {
    super();
    this.#count = count;
  }

  override async maxNotificationId(): Promise<number> {
    return await Promise.resolve(this.#count);
  }

  override async selectNotifications({ start, limit }: { start: number; limit: number }): Promise<Notification[]> {
    const length = Math.max(0, Math.min(limit, this.#count - start + 1));
    return await Promise.resolve(Array.from({ length }, (_, index) => this.#event(start + index)));
  }

  #event(id: number): Notification {
    const aggregate = String(Math.ceil(id / 10)).padStart(12, '0');
    const originatorId = `00000000-0000-4000-8000-${aggregate}`;
    return { id, originatorId, originatorVersion: ((id - 1) % 10) + 1, topic: 'topic1', state: this.#state };
  }
}

const memory = (): number => {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};

test('60,000 events of 1 kB, 70 MB, go through with a few MB of memory', async () => {
  const { path, remove } = await makeTemporaryFolder();
  onTestFinished(remove);
  const { recorder, close } = await TRANSFER_ENGINES['node:sqlite, file (WAL)']!();
  onTestFinished(close);
  const before = memory();
  let most = 0;
  const onProgress = ({ events }: { events: number }): void => {
    if (events % 20_000 === 0) most = Math.max(most, memory() - before);
  };
  await writeFile(`${path}/file`, exportEvents(new EndlessRecorder(60_000), { onProgress }));
  const imported = await importEvents(recorder, createReadStream(`${path}/file`), { onProgress });
  expect(imported).toMatchObject({ stored: 60_000, moved: 0 });
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThan(30_000_000);
});

test('a listener that fails is reported, and nothing else', async () => {
  const { recorder } = await TRANSFER_ENGINES['memory']!();
  const errors = uncaughtErrors();
  const onProgress = (): never => {
    throw new RangeError('of a user');
  };
  const file = await new Response(exportEvents(new EndlessRecorder(600), { onProgress })).blob();
  expect(await importEvents(recorder, file, { onProgress })).toMatchObject({ stored: 600 });
  await hashEvents(recorder, { onProgress });
  expect(errors.map(String)).toEqual(Array.from({ length: 6 }, () => 'RangeError: of a user'));
});
