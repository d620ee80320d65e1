/**
 * A table: each way in which events leave a store, or are others, and who keeps answers about them: the tab that does it, one
 * that does not synchronise, and a cache that both share. Nobody goes on with an answer that is old.
 */
import { historyDigest } from 'daybook';
import type { Daybook, StoredEvent } from 'daybook';
import { Application, cached, cachedIn, defineDecider, event, invalidateFrom } from 'daybook/application';
import type { CacheBackend } from 'daybook/application';
import { newOriginatorId } from 'daybook/testing';
import { expect, onTestFinished, test } from 'vitest';
import { CURSOR_START } from '../../src/persistence/unit.js';
import { LogPages } from '../../src/testing/conformance/log-pages.js';
import { newStoreName, openStore } from './open-store.js';

const shelf = defineDecider({
  name: 'Shelf',
  events: { Counted: event<object>(), Moved: event<object>() },
  commands: {},
  initialState: () => ({}),
  decide: {},
  evolve: { Counted: (state) => state, Moved: (state) => state },
});

function stored(originatorId: string, originatorVersion: number, type: 'Counted' | 'Moved' = 'Counted'): StoredEvent {
  return { originatorId, originatorVersion, topic: `Shelf:${type}`, state: new TextEncoder().encode('{}') };
}

/** The tab that changes the store, with an aggregate of others, `theirs`, and an own one that is pending, `mine`. */
interface Scene {
  readonly store: Daybook;
  readonly pages: LogPages;
  readonly theirs: string;
  readonly mine: string;
}

const ALL = { eventsMax: 1_000, bytesMax: 1e6 };

async function rebased({ store, pages, mine }: Scene): Promise<void> {
  const page = pages.next({ events: [stored(mine, 1, 'Moved')] });
  await store.recorder.insertPage(page, { superseding: 'defer' });
  const { units } = await store.recorder.selectSuperseded();
  const decided = units.map(({ id }) => ({ id, events: [stored(mine, 2), stored(mine, 3)] }));
  expect(await store.recorder.decide(decided)).toBe(true);
}

async function setAside({ store, pages, mine }: Scene): Promise<void> {
  await store.recorder.insertPage(pages.next({ events: [stored(mine, 1, 'Moved')] }));
}

async function refused({ store }: Scene): Promise<void> {
  const [unit] = await store.recorder.selectPendingUnits(0, ALL);
  await store.recorder.setAside([{ id: unit!.id, reason: { code: 'REFUSED', message: 'No.' } }]);
}

async function healed({ store }: Scene): Promise<void> {
  const { recorder } = store;
  expect(await recorder.rewind(CURSOR_START)).toBe(true);
  await recorder.endHeal({ rewinds: (await recorder.syncProgress()).rewinds, refused: [] });
}

async function gaveWay({ store, theirs }: Scene): Promise<void> {
  expect(await store.recorder.rewind(CURSOR_START)).toBe(true);
  // The server has lost what others had recorded, and has something else in its place.
  const page = new LogPages(CURSOR_START, 0).next({ events: [stored(theirs, 1, 'Moved')] });
  const { rewinds } = await store.recorder.syncProgress();
  const outcome = await store.recorder.insertPage(page, { offered: { rewinds, refused: [] } });
  expect(outcome.isStored).toBe(true);
}

async function hidden({ store }: Scene): Promise<void> {
  const { cursor } = await store.recorder.syncProgress();
  expect(await store.recorder.followAnew(cursor)).toBe(true);
  // Of what it was shown it may see nothing any more.
  await store.recorder.insertPage(
    new LogPages(CURSOR_START, 0).next({ events: [stored(newOriginatorId(), 1)], position: 9 }),
  );
}

async function truncated({ store, theirs }: Scene): Promise<void> {
  const app = new Application({ recorder: store.recorder, aggregates: [shelf] });
  const { aggregates } = await app.truncateHistory({
    keepMs: 0,
    digests: (questions) =>
      Promise.all(
        questions.map(async ({ originatorId, upTo }) =>
          historyDigest(await store.recorder.selectEvents(originatorId, { lte: upTo })),
        ),
      ),
  });
  expect(aggregates).toEqual([theirs]);
}

const CAUSES: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'what was pending is decided again': rebased,
  'what was pending is set aside': setAside,
  'what was pending is refused by the server': refused,
  'what a server has lost leaves at the end of healing': healed,
  'what a server has lost gives way to what it has': gaveWay,
  'what may not be seen any more is hidden': hidden,
  'history leaves the device': truncated,
};

test.each(Object.entries(CAUSES))('no answer is the one before, in any tab, when %s', async (_cause, happen) => {
  const name = newStoreName();
  const [store, other] = [await openStore(name), await openStore(name)];
  const pages = await LogPages.after(store.recorder);
  const [theirs, mine] = [newOriginatorId(), newOriginatorId()];
  await store.recorder.insertPage(pages.next({ events: [stored(theirs, 1), stored(theirs, 2)] }));
  await store.recorder.insertEvents([stored(mine, 1)], { unit: { id: crypto.randomUUID() } });
  const backend = memoryBackend();
  const keepers = [keeperOf(store, backend), keeperOf(other, backend)];
  const answers = async (): Promise<readonly (readonly string[])[]> =>
    await Promise.all(
      keepers.flatMap(({ own, shared }) =>
        [own, shared].map(async (ask) => [await ask(theirs), await ask(mine)] as const),
      ),
    );
  const truth = async (): Promise<readonly string[]> => [await eventsOf(store, theirs), await eventsOf(store, mine)];
  const before = await truth();
  await expect.poll(answers).toEqual([before, before, before, before]);
  await happen({ store, pages, theirs, mine });
  const after = await truth();
  expect(after).not.toEqual(before);
  await expect.poll(answers).toEqual([after, after, after, after]);
  // And the next time, too: whoever hears of it once goes on to.
  const id = newOriginatorId();
  for (const { own, shared } of keepers) expect([await own(id), await shared(id)]).toEqual(['', '']);
  await store.recorder.insertEvents([stored(id, 1)]);
  for (const { own, shared } of keepers) {
    await expect.poll(() => own(id)).toBe(await eventsOf(store, id));
    await expect.poll(() => shared(id)).toBe(await eventsOf(store, id));
  }
});

test('a dead letter that is discarded had left before, and an own commit makes nothing else old', async () => {
  const store = await openStore(newStoreName());
  const pages = await LogPages.after(store.recorder);
  const [mine, elsewhere] = [newOriginatorId(), newOriginatorId()];
  await store.recorder.insertEvents([stored(mine, 1)], { unit: { id: crypto.randomUUID() } });
  await setAside({ store, pages, mine, theirs: elsewhere });
  const { own, calls } = keeperOf(store, memoryBackend());
  const settled = async (): Promise<void> => {
    const asked = calls();
    await own(mine);
    if (calls() !== asked) throw new Error('not yet');
  };
  await expect.poll(() => settled().then(() => true)).toBe(true);
  const asked = calls();
  await store.recorder.insertEvents([stored(elsewhere, 1)]);
  await expect.poll(() => own(elsewhere)).toBe(await eventsOf(store, elsewhere));
  await own(mine);
  expect(calls()).toBe(asked + 1);
  const [aside] = await store.recorder.selectSetAside(0, ALL);
  await store.recorder.discardSetAside([aside!.id]);
  expect(await own(mine)).toBe(await eventsOf(store, mine));
});

/** What keeps answers in a tab whose application does not synchronise. */
function keeperOf(
  { recorder }: Daybook,
  backend: CacheBackend,
): {
  readonly own: (id: string) => Promise<string>;
  readonly shared: (id: string) => Promise<string>;
  readonly calls: () => number;
} {
  let calls = 0;
  const ask = async (id: string): Promise<string> => {
    calls++;
    return await eventsOf({ recorder }, id);
  };
  const tags = (id: string): readonly string[] => [id];
  const own = cached(ask, { tags });
  const shared = cachedIn(backend, ask, { name: 'events', tags });
  const stop = new AbortController();
  const app = new Application({ recorder, aggregates: [shelf] });
  const following = invalidateFrom(app, [own, shared], ({ originatorId }) => [originatorId], { signal: stop.signal });
  onTestFinished(async () => {
    stop.abort();
    await following.catch(() => undefined);
  });
  return { own, shared, calls: () => calls };
}

/** What there is of an aggregate, or why nobody can say. */
async function eventsOf({ recorder }: Pick<Daybook, 'recorder'>, id: string): Promise<string> {
  const events = await recorder.selectEvents(id).catch((error: unknown) => (error as { readonly code: string }).code);
  if (typeof events === 'string') return events;
  return events.map(({ originatorVersion, topic }) => `${originatorVersion} ${topic}`).join(', ');
}

function memoryBackend(): CacheBackend {
  const texts = new Map<string, string>();
  return {
    get: async (key) => await Promise.resolve(texts.get(key)),
    set: async (key, text) => await Promise.resolve(texts.set(key, text)),
  };
}
