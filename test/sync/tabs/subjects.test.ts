/** Who is signed in: whose a store is, and what becomes of it when somebody leaves. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { closeScenes, Scene } from '../../support/sync-scene.js';

afterEach(closeScenes);

const ANN = { subject: 'ann' };
const BOB = { subject: 'bob' };

describe('a store', () => {
  test('belongs to the first one who synchronises it, with all that was recorded before', async () => {
    const scene = await Scene.open();
    await scene.count(2);
    await scene.start(ANN).settled();
    expect(scene.sync.status.value).toMatchObject({ state: 'live', position: 2 });
    await scene.sync.close();
    await scene.count(1);
    await scene.start(ANN).settled();
    await scene.expectBooksComplete();
  });

  test('is not synchronised for anybody else, who is told, and loses nothing by it', async () => {
    const scene = await Scene.open();
    await scene.count(1);
    await scene.start(ANN).settled();
    await scene.sync.close();
    await scene.count(1);
    scene.requests.length = 0;
    scene.start(BOB);
    const { lastError, pending } = await scene.until(({ state }) => state === 'needs-auth');
    expect([lastError, pending]).toEqual([expect.objectContaining({ code: 'SUBJECT_MISMATCH' }), 1]);
    scene.sync.syncNow();
    await scene.until(({ state }) => state === 'needs-auth');
    expect(scene.requests).toEqual([]);
    await scene.sync.close();
    await scene.start(ANN).settled();
    await scene.expectBooksComplete();
  });

  test('of nobody is anybody’s, and remembers nobody by name', async () => {
    const scene = await Scene.open();
    await scene.count(1);
    await scene.start().settled();
    await scene.sync.close();
    await scene.start({ subject: 'ännchen@example.org' }).settled();
    const written = scene.of.journal.records.map((record) => Buffer.from(record ?? []).toString('latin1')).join();
    expect(written).toContain('daybook:subject');
    expect(written).not.toContain('example.org');
    await scene.sync.close();
    await scene.start().settled();
    await scene.expectBooksComplete();
  });

  test('is bound also where the answer is lost, and by two tabs at once', async () => {
    const scene = await Scene.open();
    const second = await scene.openTab();
    const insert = scene.tab.inside.insertEvents.bind(scene.tab.inside);
    vi.spyOn(scene.tab.inside, 'insertEvents').mockImplementationOnce(async (...given) => {
      await insert(...given);
      throw new Error('the answer is lost');
    });
    const one = scene.start(ANN).sync;
    await scene.until(({ state }) => state === 'stuck', one);
    one.syncNow();
    await scene.until(({ state }) => state === 'live', one);
    const other = scene.start({ ...ANN, store: second.store }).sync;
    await second.count(1);
    await scene.until(({ state, position }) => state === 'live' && position === 1, other);
    await scene.expectBooksComplete();
  });
});

describe('who signs out', () => {
  test('is not let go while something is on this device only', async () => {
    const scene = await Scene.open();
    scene.offline = true;
    await scene.count(2);
    const { sync } = scene.start(ANN);
    await expect(sync.signOut()).rejects.toMatchObject({
      code: 'PENDING_UNITS',
      details: { pendingUnits: 2, lostUnits: 0, setAsideUnits: 0 },
    });
    scene.offline = false;
    scene.wake();
    await scene.settled();
    await sync.signOut();
    expect(sync.status.value).toMatchObject({ state: 'paused', pending: undefined });
  });

  test('is not let go while something was set aside', async () => {
    const scene = await Scene.open();
    const other = await Scene.open();
    const taken = newOriginatorId();
    await other.tab.record(taken);
    await other.start({ fetch: scene.fetch }).settled();
    await scene.tab.record(taken);
    await scene.start(ANN).settled();
    await expect(scene.sync.signOut()).rejects.toMatchObject({ details: { pendingUnits: 0, setAsideUnits: 1 } });
    await scene.sync.signOut({ pending: 'keep' });
  });

  test('may leave it here, and downloads nothing anew when he comes back', async () => {
    const scene = await Scene.open();
    await scene.count(3);
    await scene.start(ANN).settled();
    scene.offline = true;
    await scene.count(1);
    await scene.sync.signOut({ pending: 'keep' });
    scene.offline = false;
    scene.start(BOB);
    await scene.until(({ state }) => state === 'needs-auth');
    await scene.sync.signOut({ pending: 'keep' });
    scene.requests.length = 0;
    await scene.start(ANN).settled();
    expect(scene.sync.status.value.position).toBe(4);
    expect(scene.paths.filter((path) => path === 'push')).toHaveLength(1);
    await scene.expectBooksComplete();
  });

  test('signs out in every tab', async () => {
    const scene = await Scene.open();
    const second = await scene.openTab();
    const [one, other] = [scene.start(ANN).sync, scene.start({ ...ANN, store: second.store }).sync];
    await scene.until(({ state }) => state === 'live', one);
    await other.signOut();
    await scene.until(({ state }) => state === 'paused', one);
    scene.requests.length = 0;
    await second.count(1);
    one.syncNow();
    await expect(one.receipt(1).confirmed()).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
    expect(scene.requests).toEqual([]);
  });

  test('is not signed out where the store cannot be read, nor by a word that is none', async () => {
    const scene = await Scene.open();
    const { sync } = scene.start(ANN);
    await scene.settled();
    await expect(sync.signOut({ pending: 'drop' as 'keep' })).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
    scene.tab.isDead = true;
    await expect(sync.signOut()).rejects.toMatchObject({ code: 'WORKER_DIED' });
    scene.tab.isDead = false;
    await scene.count(1);
    await scene.until(({ position }) => position === 1);
  });
});
