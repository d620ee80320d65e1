import { describe, expect, onTestFinished, test } from 'vitest';
import { Application } from '../../src/application/index.js';
import { EventStore } from '../../src/persistence/event-store.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { JSONTranscoder } from '../../src/persistence/mapping/json-transcoder.js';
import { Mapper } from '../../src/persistence/mapping/mapper.js';
import { createSession } from '../../src/session/index.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { stockItem } from '../../examples/projections/stock-item.js';
import { SQL_RECORDERS } from '../support/sql-recorders.js';

const reason = new RangeError('nobody waits for it any more');
const aborted = { signal: AbortSignal.abort(reason) };
const count = { type: 'Count', data: { quantity: 2 } } as const;

describe('a signal that is aborted', () => {
  test('before a call of an application ends it, and nothing is stored', async () => {
    const app = new Application({ recorder: new MemoryProcessRecorder(), aggregates: [stockItem] });
    const id = newOriginatorId();
    await app.execute(stockItem, id, count);
    const calls: Record<string, () => Promise<unknown>> = {
      execute: () => app.execute(stockItem, id, count, aborted),
      executeAll: () => app.executeAll([[stockItem, id, count]], aborted),
      append: () => app.append(stockItem, id, [{ type: 'Counted', data: { quantity: 3 } }], 'any', aborted),
      transaction: () => app.transaction((tx) => tx.execute(stockItem, id, count), aborted),
      load: () => app.repository.load(stockItem, id, aborted),
      loadOrCreate: () => app.repository.loadOrCreate(stockItem, id, aborted),
      exists: () => app.repository.exists(stockItem, id, aborted),
      versionOf: () => app.repository.versionOf(stockItem, id, aborted),
      history: () => app.repository.history(stockItem, id, aborted),
      readAll: () => app.readAll(aborted).next(),
    };
    for (const [name, call] of Object.entries(calls)) await expect(call(), name).rejects.toBe(reason);
    expect(await app.repository.versionOf(stockItem, id)).toBe(1);
  });

  test('in the middle of a transaction of an application takes it back', async () => {
    const app = new Application({ recorder: new MemoryProcessRecorder(), aggregates: [stockItem] });
    const id = newOriginatorId();
    const giveUp = new AbortController();
    const transaction = app.transaction(
      async (tx) => {
        await tx.execute(stockItem, id, count);
        giveUp.abort(reason);
      },
      { signal: giveUp.signal },
    );
    await expect(transaction).rejects.toBe(reason);
    expect(await app.repository.exists(stockItem, id)).toBe(false);
  });

  test.each(Object.entries(SQL_RECORDERS))(
    'while who takes part in the commit is at it takes the events back: %s',
    async (_engine, open) => {
      const { recorder, close } = await open();
      onTestFinished(close);
      const giveUp = new AbortController();
      const participant = { onRecorded: async () => giveUp.abort(reason) };
      const app = new Application({ recorder, aggregates: [stockItem], inline: [participant] });
      const id = newOriginatorId();
      await expect(app.execute(stockItem, id, count, { signal: giveUp.signal })).rejects.toBe(reason);
      expect(await app.repository.exists(stockItem, id)).toBe(false);
    },
  );

  test('before a call of an event store ends it; while one reads all, at the next event', async () => {
    const recorder = new MemoryProcessRecorder();
    const store = new EventStore({ recorder, mapper: new Mapper({ transcoder: new JSONTranscoder() }) });
    const id = newOriginatorId();
    const event = (originatorVersion: number) => ({ originatorId: id, originatorVersion, type: 'Counted', data: {} });
    await store.put([event(1), event(2), event(3)]);
    await expect(store.put([event(4)], aborted)).rejects.toBe(reason);
    await expect(store.get(id, aborted)).rejects.toBe(reason);
    await expect(store.streamVersion(id, aborted)).rejects.toBe(reason);
    const giveUp = new AbortController();
    const all = store.readAll({ signal: giveUp.signal });
    await all.next();
    giveUp.abort(reason);
    await expect(all.next()).rejects.toBe(reason);
    expect(await store.streamVersion(id)).toBe(3);
  });

  test('before a task of a session ends it, and within it takes it back', async () => {
    const recorder = new MemoryProcessRecorder();
    const session = createSession(recorder);
    const app = new Application({ recorder: session.recorder, aggregates: [stockItem] });
    const id = newOriginatorId();
    await expect(session.run(() => app.execute(stockItem, id, count), aborted)).rejects.toBe(reason);
    const giveUp = new AbortController();
    const task = async (): Promise<void> => {
      await app.execute(stockItem, id, count);
      giveUp.abort(reason);
    };
    await expect(session.run(task, { signal: giveUp.signal })).rejects.toBe(reason);
    expect(await app.repository.exists(stockItem, id)).toBe(false);
  });
});
