/** What a commit has recorded goes to who synchronises with the news of it: nobody has to ask the worker for it. */
import type { UnitPage } from 'daybook';
import { startSync } from 'daybook/sync';
import { newOriginatorId, sampleEvent } from 'daybook/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { packPage, unpackPendingUnits } from '../../src/persistence/unit-batch.js';
import { newStoreName, openStore } from './open-store.js';

const ALL = { eventsMax: 10_000, bytesMax: 1e8 };
const ASKING = ['syncProgress', 'selectPendingUnits'];

/** What is asked of workers from now on. */
function notedCalls(): string[] {
  const calls: string[] = [];
  const { postMessage } = Worker.prototype;
  const spy = vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, ...args) {
    const { path } = args[0] as { readonly path?: readonly string[] };
    if (path !== undefined) calls.push(path.join('.'));
    postMessage.apply(this, args);
  });
  onTestFinished(() => spy.mockRestore());
  return calls;
}

test('a commit is sent without a question to the worker between the two', async () => {
  const daybook = await openStore(newStoreName());
  const pushed = Promise.withResolvers<Uint8Array>();
  const empty: UnitPage = { from: '0', to: '0', position: 0, head: 0, units: [] };
  const sync = startSync({
    ...{ store: daybook, url: 'https://log.example', live: false },
    fetch: async (input, init) => {
      if (new Request(input).url.endsWith('/units')) {
        return new Response(packPage(empty), { headers: { 'daybook-protocol': '2' } });
      }
      pushed.resolve(init?.body as Uint8Array);
      return await new Promise(() => undefined);
    },
  });
  onTestFinished(() => sync.close());
  await expect.poll(() => sync.status.value.state).toBe('live');
  const calls = notedCalls();
  const event = sampleEvent(newOriginatorId(), 1);
  await daybook.recorder.insertEvents([event]);
  const [unit] = unpackPendingUnits(await pushed.promise);
  expect(unit?.events).toEqual([event]);
  expect(calls.filter((name) => ASKING.includes(name))).toEqual([]);
  expect(calls).toContain('insertEvents');
});

test('it answers who asks at once, within what is asked for, and nobody later', async () => {
  const daybook = await openStore(newStoreName());
  const { recorder } = daybook;
  // Who synchronises asks for it.
  await recorder.syncProgress();
  const calls = notedCalls();
  const asked = Promise.withResolvers<unknown[]>();
  onTestFinished(
    daybook.onRecorded(() => {
      const all = recorder.selectPendingUnits(0, ALL);
      const after = recorder.selectPendingUnits(1, ALL);
      const few = recorder.selectPendingUnits(0, { eventsMax: 1, bytesMax: 1e8 });
      asked.resolve(Promise.all([recorder.syncProgress(), all, after, few]));
    }),
  );
  await recorder.insertEvents([1, 2].map((version) => sampleEvent('00000000-0000-4000-8000-000000000001', version)));
  const [progress, all, after, few] = await asked.promise;
  expect(progress).toMatchObject({ pendingUnits: 1, pendingEvents: 2 });
  expect(all).toMatchObject([{ firstNotificationId: 1, events: [{}, {}] }]);
  expect(few).toEqual(all);
  expect(after).toEqual([]);
  expect(calls.filter((name) => ASKING.includes(name))).toEqual(['selectPendingUnits']);
  await new Promise((resolve) => setTimeout(resolve));
  expect(await recorder.syncProgress()).toMatchObject({ pendingUnits: 1 });
  expect(calls.filter((name) => ASKING.includes(name))).toEqual(['selectPendingUnits', 'syncProgress']);
});
