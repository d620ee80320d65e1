/** Receipts of commits, from the tab that records to the log of the server. */
import { afterEach, expect, test } from 'vitest';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { closeScenes, Scene } from '../../support/sync-scene.js';

afterEach(closeScenes);

test('a commit is persisted, pushed, and confirmed by the page that has it', async () => {
  const scene = await Scene.open();
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  scene.script.push(
    (_request, forward) => forward(),
    async (_request, forward) => {
      await held;
      return await forward();
    },
  );
  await scene.count(1);
  scene.start();
  const receipt = scene.sync.receipt(1);
  expect(await receipt.persisted()).toMatchObject({ state: 'pending', firstNotificationId: 1 });
  const { id, state } = await receipt.pushed();
  expect(state).toBe('pending');
  expect(scene.sync.status.value.acceptedUpTo).toBe(1);
  const confirmed = scene.sync.receipt(id).confirmed();
  release();
  expect(await confirmed).toMatchObject({ id, state: 'confirmed', position: 1 });
  await scene.settled();
  expect(scene.sync.status.value.acceptedUpTo).toBe(0);
});

test('a tab that does not synchronise has receipts as well', async () => {
  const scene = await Scene.open();
  scene.start();
  const second = await scene.openTab();
  const { sync } = scene.start({ store: second.store });
  await second.count(1);
  const [pushed, confirmed] = [sync.receipt(1).pushed(), sync.receipt(1).confirmed()];
  expect(await confirmed).toMatchObject({ state: 'confirmed', position: 1 });
  expect(await pushed).toMatchObject({ firstNotificationId: 1 });
});

test('what the server takes from somebody else is set aside, and the receipt says so', async () => {
  const scene = await Scene.open();
  const other = await Scene.open();
  const taken = newOriginatorId();
  await other.tab.record(taken);
  await other.start({ fetch: scene.fetch }).settled();
  await scene.tab.record(taken);
  const { sync } = scene.start();
  await expect(sync.receipt(1).confirmed()).rejects.toMatchObject({
    code: 'SET_ASIDE',
    details: { reason: 'CONFLICT' },
  });
  await expect(sync.receipt(1).pushed()).rejects.toMatchObject({ code: 'SET_ASIDE' });
});

test('who waits when the synchronisation is closed is told, and loses nothing', async () => {
  const scene = await Scene.open();
  scene.offline = true;
  await scene.count(1);
  const { sync } = scene.start();
  const waiting = expect(sync.receipt(1).confirmed()).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
  await sync.close();
  await waiting;
  scene.offline = false;
  expect(await scene.start().sync.receipt(1).confirmed()).toMatchObject({ position: 1 });
});
