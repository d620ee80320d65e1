import type { Daybook, RecorderTransaction, SqlQueryable } from 'daybook';
import { newOriginatorId, sampleEvent } from 'daybook/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { newStoreName, openStore, rawJournal, withWorkers } from './open-store.js';

const shelves = async (daybook: Daybook): Promise<unknown> =>
  (await daybook.query('SELECT name, items FROM shelves ORDER BY name')).rows;

async function openWithTable(name: string): Promise<Daybook> {
  const daybook = await openStore(name);
  await daybook.recorder.transaction(({ connection }) =>
    connection.query('CREATE TABLE IF NOT EXISTS shelves (name TEXT PRIMARY KEY, items INTEGER) STRICT'),
  );
  return daybook;
}

describe('own tables', () => {
  test('are kept with the events, seen by every tab, and there when the store is opened again', async () => {
    const name = newStoreName();
    const [first, second] = [await openWithTable(name), await openWithTable(name)];
    const id = newOriginatorId();
    const ids = await first.recorder.transaction(async (transaction) => {
      await transaction.connection.query('INSERT INTO shelves VALUES ($1, $2)', ['A1', 3]);
      return transaction.insertEvents([sampleEvent(id, 1)]);
    });
    expect(ids).toEqual([1]);
    await expect.poll(() => shelves(second)).toEqual([{ name: 'A1', items: 3 }]);
    await Promise.all([first.close(), second.close()]);
    const again = await openWithTable(name);
    expect(await shelves(again)).toEqual([{ name: 'A1', items: 3 }]);
    expect(await again.recorder.selectEvents(id)).toHaveLength(1);
    // The table, and the row with the event: that it is there already is not written again.
    expect(await rawJournal(name, 'readonly', (journal) => journal.count())).toBe(2);
  });

  test('of tabs that write at once lose no update: work that met an older state is run again', async () => {
    const name = newStoreName();
    const tabs = [await openWithTable(name), await openWithTable(name), await openWithTable(name)];
    await tabs[0]?.recorder.transaction(({ connection }) => connection.query("INSERT INTO shelves VALUES ('A1', 0)"));
    let runs = 0;
    const increment = async (transaction: RecorderTransaction<SqlQueryable>): Promise<void> => {
      runs++;
      const { rows } = await transaction.connection.query("SELECT items FROM shelves WHERE name = 'A1'");
      await transaction.connection.query('UPDATE shelves SET items = $1', [Number(rows[0]?.['items']) + 1]);
      await transaction.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    };
    const rounds = tabs.map(async ({ recorder }) => {
      for (let round = 0; round < 10; round++) await recorder.transaction(increment);
    });
    await Promise.all(rounds);
    expect(runs).toBeGreaterThanOrEqual(30);
    for (const tab of tabs) await expect.poll(() => shelves(tab)).toEqual([{ name: 'A1', items: 30 }]);
    expect(await tabs[0]?.recorder.maxNotificationId()).toBe(30);
    expect(await rawJournal(name, 'readonly', (journal) => journal.count())).toBe(32);
  });

  test('give back bytes, numbers, texts and NULL, and refuse what is none of them', async () => {
    const daybook = await openWithTable(newStoreName());
    const values = [new Uint8Array([0, 255]), 2.5, 'x', null];
    const { rows } = await daybook.query('SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d', values);
    expect(rows).toEqual([{ a: values[0], b: 2.5, c: 'x', d: null }]);
    await expect(daybook.query('SELECT $1', [() => 1])).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    await expect(daybook.query('DELETE FROM shelves')).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });
});

describe('a transaction', () => {
  test('of a run before is refused, also while another run is under way', async () => {
    const name = newStoreName();
    const [tab, other] = [await openWithTable(name), await openWithTable(name)];
    const runs: RecorderTransaction<SqlQueryable>[] = [];
    await tab.recorder.transaction(async (transaction) => {
      runs.push(transaction);
      await transaction.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      if (runs.length === 1) await other.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      else await expect(runs[0]?.maxNotificationId()).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
    });
    expect(runs).toHaveLength(2);
    expect(await tab.recorder.maxNotificationId()).toBe(2);
  });

  test('that is open when the store is closed is taken back', async () => {
    const name = newStoreName();
    const daybook = await openWithTable(name);
    const { promise: begun, resolve: begin } = Promise.withResolvers<undefined>();
    const work = daybook.recorder.transaction(async ({ connection }) => {
      await connection.query("INSERT INTO shelves VALUES ('A1', 1)");
      begin(undefined);
      for (;;) await connection.query('SELECT 1');
    });
    const refused = expect(work).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    await begun;
    await daybook.close();
    await refused;
    expect(await shelves(await openWithTable(name))).toEqual([]);
  });

  test('that is open when the worker dies is taken back', async () => {
    const name = newStoreName();
    await withWorkers(async (workers) => {
      const daybook = await openWithTable(name);
      const work = daybook.recorder.transaction(async (transaction) => {
        await transaction.connection.query("INSERT INTO shelves VALUES ('A1', 1)");
        workers[0]?.terminate();
        await transaction.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      });
      await expect(work).rejects.toMatchObject({ code: 'WORKER_DIED' });
    });
    expect(await shelves(await openWithTable(name))).toEqual([]);
  });
});

describe('beside a tab that records without pause', () => {
  test('transactions get through', async () => {
    const name = newStoreName();
    const [busy, slow] = [await openStore(name), await openWithTable(name)];
    const over = new AbortController();
    const recording = (async () => {
      while (!over.signal.aborted) await busy.recorder.insertEvents([sampleEvent(newOriginatorId(), 1)]);
    })();
    try {
      for (let items = 1; items <= 5; items++) {
        await slow.recorder.transaction(async ({ connection }) => {
          const { rows } = await connection.query('SELECT count(*) AS shelves FROM shelves');
          await connection.query('INSERT INTO shelves VALUES ($1, $2)', [`S${items}`, rows[0]?.['shelves']]);
        });
      }
    } finally {
      over.abort();
      await recording;
    }
    expect(await shelves(slow)).toEqual([1, 2, 3, 4, 5].map((items) => ({ name: `S${items}`, items: items - 1 })));
  });
});

describe('durability', () => {
  test('is that of the store, of the commit, or of the commit of a group that asks for most', async () => {
    const { files, durabilities } = watchedWorker();
    const daybook = await openStore(newStoreName(), files);
    const { recorder } = daybook;
    const insert = (durability?: 'strict' | 'relaxed'): Promise<unknown> =>
      recorder.insertEvents([sampleEvent(newOriginatorId(), 1)], durability === undefined ? {} : { durability });
    const seen = async (work: () => Promise<unknown>): Promise<readonly string[]> => {
      durabilities.length = 0;
      await work();
      await expect.poll(() => durabilities.length).toBeGreaterThan(0);
      return [...new Set(durabilities)];
    };
    expect(await seen(() => insert())).toEqual(['strict']);
    expect(await seen(() => insert('relaxed'))).toEqual(['relaxed']);
    const transaction = (): Promise<unknown> =>
      recorder.transaction((open) => open.insertEvents([sampleEvent(newOriginatorId(), 1)]), { durability: 'relaxed' });
    expect(await seen(transaction)).toEqual(['relaxed']);
    // The first may be on its way alone when the others come.
    const group = (): Promise<unknown> =>
      Promise.all([insert('strict'), insert('relaxed'), insert('relaxed'), insert()]);
    expect((await seen(group)).filter((durability) => durability === 'relaxed')).toEqual([]);
    await expect(insert('eternal' as 'strict')).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });
});

/** The published worker, which tells how durable each transaction that writes to the journal was opened. */
function watchedWorker(): {
  readonly files: { readonly workerUrl: string; readonly wasmUrl: string };
  readonly durabilities: string[];
} {
  const name = `durability-${crypto.randomUUID()}`;
  const watch = `
    const channel = new BroadcastChannel(${JSON.stringify(name)});
    const add = IDBObjectStore.prototype.add;
    IDBObjectStore.prototype.add = function (...parameters) {
      if (this.name === 'journal') channel.postMessage(this.transaction.durability);
      return add.apply(this, parameters);
    };`;
  const moduleUrl = (source: string): string => URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const worker = new URL('../../dist/worker.js', import.meta.url).href;
  const durabilities: string[] = [];
  const channel = new BroadcastChannel(name);
  channel.onmessage = ({ data }: MessageEvent<string>) => durabilities.push(data);
  onTestFinished(() => channel.close());
  return {
    files: {
      workerUrl: moduleUrl(`import ${JSON.stringify(moduleUrl(watch))};\nimport ${JSON.stringify(worker)};\n`),
      wasmUrl: new URL('../../dist/sql-wasm.wasm', import.meta.url).href,
    },
    durabilities,
  };
}
