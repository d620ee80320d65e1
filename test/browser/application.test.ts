import { openDaybook } from 'daybook';
import { Application, command, defineDecider, event, SqlSnapshotStore } from 'daybook/application';
import { applicationCases, newOriginatorId, snapshotStoreCases } from 'daybook/testing';
import { describe, expect, test } from 'vitest';
import { describeConformance } from '../support/run-conformance.js';
import { newStoreName, openStore } from './open-store.js';

const ENGINE = 'the durable store in its worker, through Comlink';

describeConformance(
  ENGINE,
  async () => {
    const daybook = await openDaybook({ name: newStoreName() });
    const { recorder } = daybook;
    return {
      context: { recorder, onRecorded: (listener) => daybook.onRecorded(listener) },
      close: () => daybook.close(),
    };
  },
  { applications: applicationCases },
  { variant: 'applications' },
);

describeConformance(
  ENGINE,
  async () => {
    const daybook = await openDaybook({ name: newStoreName() });
    const store = new SqlSnapshotStore({ recorder: daybook.recorder });
    await Promise.all([store.createTables(), store.createTables()]);
    return { context: { store }, close: () => daybook.close() };
  },
  { 'snapshot stores': snapshotStoreCases },
  { variant: 'snapshots' },
);

const counter = defineDecider({
  name: 'Counter',
  events: { Counted: event<{ by: number }>() },
  commands: { Count: command<{ by: number }>() },
  initialState: () => 0,
  decide: { Count: ({ data }) => ({ type: 'Counted', data }) },
  evolve: { Counted: (state, { data }) => state + data.by },
});

describe('applications in several tabs', () => {
  test('decide again when another tab was faster, and lose nothing', async () => {
    const name = newStoreName();
    const id = newOriginatorId();
    const tabs = [await openStore(name), await openStore(name), await openStore(name)].map(
      ({ recorder }, index) =>
        new Application({ recorder, aggregates: [counter], ...(index === 0 ? { cache: {} } : {}) }),
    );
    const retry = { attemptsMax: 50, delayMsMax: 20 };
    await Promise.all(
      tabs.flatMap((app) =>
        Array.from({ length: 5 }, () => app.execute(counter, id, { type: 'Count', data: { by: 1 } }, { retry })),
      ),
    );
    // A tab hears of another's commit a moment later, unless it commits itself.
    for (const app of tabs) {
      await expect.poll(() => app.repository.load(counter, id)).toMatchObject({ version: 15, state: 15 });
    }
  });

  test('follow what any tab records, and end with the error of a store that is closed', async () => {
    const name = newStoreName();
    const [writer, reader] = [await openStore(name), await openStore(name)];
    const [here, there] = [writer, reader].map(
      (daybook) => new Application({ recorder: daybook.recorder, notifications: daybook, aggregates: [counter] }),
    );
    const subscription = there?.subscribe({ aggregates: [counter] });
    const next = subscription?.next();
    await here?.execute(counter, newOriginatorId(), { type: 'Count', data: { by: 7 } });
    expect((await next)?.value).toMatchObject({ type: 'Counted', data: { by: 7 }, notificationId: 1 });
    const waiting = expect(subscription?.next()).rejects.toMatchObject({ code: 'STORE_CLOSED' });
    await reader.close();
    await waiting;
    expect(await subscription?.next()).toEqual({ done: true, value: undefined });
  });
});
