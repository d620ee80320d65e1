/** Answers that are not the server's, or that no server gives: none of them takes anything away, or puts anything in. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { packPage } from '../../../src/persistence/unit-batch.js';
import type { UnitPage } from '../../../src/persistence/unit.js';
import { UNITS_MEDIA_TYPE } from '../../../src/sync/protocol/index.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { closeScenes, ours, passing, portal, Scene, status, WAIT } from '../../support/sync-scene.js';
import type { Answer } from '../../support/sync-scene.js';

afterEach(closeScenes);

const ALL = { eventsMax: 1_000, bytesMax: 1e9 };
type Path = 'push' | 'units' | 'common' | 'heal';

/** Answers all requests of one kind, until it is told to stop. */
class Stranger {
  asked = 0;
  isThere = true;
  readonly #path: Path;
  readonly #answer: Answer;

  constructor(path: Path, answer: Answer) {
    this.#path = path;
    this.#answer = answer;
  }

  before(scene: Scene): typeof globalThis.fetch {
    return async (input, init) => {
      const request = new Request(input, init);
      const isFor = this.isThere && new URL(request.url).pathname === `/v2/${this.#path}`;
      if (!isFor) return await scene.fetch(request);
      this.asked++;
      return await this.#answer(request, () => scene.fetch(request));
    };
  }
}

const html = (code: number): Answer => status(code, { 'content-type': 'text/html' });
const STRANGE: readonly (readonly [string, Answer])[] = [
  ...[400, 401, 403, 404, 409, 410, 413, 422, 426, 451].map((code) => [`${code} of a stranger`, html(code)] as const),
  ['a captive portal', portal],
  [
    'an error of ours that nobody knows',
    () => ours({ error: { name: 'E', code: 'E', message: 'e', details: {} } }, 409),
  ],
];

/** Everything that is here, wherever it stands. */
async function held({ tab }: Scene): Promise<unknown> {
  const { recorder } = tab.store;
  const { pendingUnits, lostUnits, setAsideUnits } = await recorder.syncProgress();
  const events = await recorder.selectNotifications({ start: 1, limit: 100 });
  return { pendingUnits, lostUnits, setAsideUnits, events };
}

describe('the words that a server refuses with', () => {
  test.each([
    ['', 'no', 'REFUSED', 'no'],
    ['A\0B', 'half a pair: \uD800', 'A\uFFFDB', 'half a pair: \uFFFD'],
    ['L'.repeat(300), 'l'.repeat(20_000), 'L'.repeat(200), 'l'.repeat(2_000)],
    ['CONFLICT', 'as if this store had said it', 'CONFLICT_REFUSED', 'as if this store had said it'],
  ])('are kept, whatever they are: %j', async (code, message, keptCode, keptMessage) => {
    const scene = await Scene.open();
    await scene.count(1);
    const [unit] = await scene.tab.inside.selectPendingUnits(0, ALL);
    scene.script.push(() => ours({ head: 0, decisions: [[unit?.id, 'rejected', code, message]] }));
    scene.start({ direction: 'push' });
    expect(await scene.settled()).toMatchObject({ setAside: 1 });
    const [aside] = await scene.tab.inside.selectSetAside(0, ALL);
    expect(aside?.reason).toEqual({ code: keptCode, message: keptMessage });
  });
});

describe('only an answer of the server takes anything away', () => {
  test.each(STRANGE)('%s to a push: what waits, waits', async (_name, answer) => {
    const scene = await Scene.open();
    await scene.count(3);
    const before = await held(scene);
    const stranger = new Stranger('push', answer);
    scene.start({ fetch: stranger.before(scene) });
    await passing(scene, 20_000, () => stranger.asked > 3);
    expect(await held(scene)).toEqual(before);
    stranger.isThere = false;
    await passing(scene, 60_000, async () => (await scene.books()).length === 3);
    await scene.expectBooksComplete();
  });

  test.each(STRANGE)('%s to a question for news: what is here, and what waits, stays', async (_name, answer) => {
    const scene = await Scene.open();
    await scene.count(2);
    await scene.start().settled();
    await scene.sync.close();
    await scene.count(1);
    const before = await held(scene);
    const stranger = new Stranger('units', answer);
    scene.start({ fetch: stranger.before(scene), direction: 'pull' });
    await passing(scene, 20_000, () => stranger.asked > 3);
    expect(await held(scene)).toEqual(before);
  });

  describe.each<[Path]>([['common'], ['heal']])('while a server gets back what it has lost, to %s', (path) => {
    test.each(STRANGE)('%s: what it has lost is kept, and comes back', async (_name, answer) => {
      const scene = await Scene.open();
      await scene.count(3);
      const restore = scene.log.backup();
      await scene.start().settled();
      await scene.sync.close();
      restore();
      const stranger = new Stranger(path, answer);
      scene.start({ fetch: stranger.before(scene) });
      await passing(scene, 20_000, () => stranger.asked > 3);
      expect(await held(scene)).toMatchObject({ setAsideUnits: 0, lostUnits: path === 'heal' ? 3 : 0 });
      expect(await scene.tab.inside.selectNotifications({ start: 1, limit: 100 })).toHaveLength(3);
      stranger.isThere = false;
      await passing(scene, 60_000, async () => (await scene.books()).length === 3);
      await scene.expectBooksComplete();
    });
  });

  test('403 of the server: it is said, everything waits, and it is tried once a minute', async () => {
    const scene = await Scene.open();
    await scene.count(2);
    const error = { name: 'ForbiddenError', code: 'FORBIDDEN', message: 'revoked', details: { reason: 'revoked' } };
    const stranger = new Stranger('push', () => ours({ error }, 403));
    scene.start({ fetch: stranger.before(scene) });
    const stuck = await scene.until(({ state }) => state === 'stuck');
    expect(stuck).toMatchObject({ pending: 2, setAside: 0, lastError: { code: 'FORBIDDEN' } });
    scene.clock.advance(59_000);
    expect(stranger.asked).toBe(1);
    stranger.isThere = false;
    scene.clock.advance(1_000);
    await scene.settled();
    await scene.expectBooksComplete();
  });
});

describe('a page that is not the next one', () => {
  const first = (page: UnitPage): UnitPage => ({ ...page, units: page.units.slice(1) });
  const middle = (page: UnitPage): UnitPage => ({ ...page, units: page.units.filter((_, index) => index !== 1) });
  const twice = (page: UnitPage): UnitPage => ({ ...page, units: [...page.units.slice(0, 1), ...page.units] });
  const backwards = (page: UnitPage): UnitPage => ({ ...page, units: page.units.toReversed() });

  test.each<[string, (page: UnitPage) => UnitPage]>([
    ['with a gap at its start', first],
    ['with a gap in the middle', middle],
    ['with a unit twice', twice],
    ['backwards', backwards],
  ])('%s: nothing of it is here, and what is right is asked for again', async (_name, change) => {
    const scene = await Scene.open();
    const other = await Scene.open();
    const item = newOriginatorId();
    await other.tab.record(item);
    await other.start({ fetch: scene.fetch }).settled();
    await scene.start().until(({ position }) => position === 1);
    await scene.sync.close();
    for (let version = 2; version <= 4; version++) await other.tab.record(item, version);
    await other.until(({ position }) => position === 4);
    const before = await held(scene);
    const { cursor } = await scene.tab.inside.syncProgress();
    const page = await scene.log.page(cursor, ALL);
    const body = packPage(change(page!));
    const headers = { 'daybook-protocol': '2', 'content-type': UNITS_MEDIA_TYPE };
    const stranger = new Stranger('units', () => new Response(body, { headers }));
    scene.start({ fetch: stranger.before(scene) });
    await passing(scene, 30_000, () => stranger.asked > 1);
    expect(await held(scene)).toEqual(before);
    expect(scene.sync.status.value.lastError).toBeDefined();
    stranger.isThere = false;
    await passing(scene, 30_000, () => scene.sync.status.value.position === 4);
    await scene.expectBooksComplete();
  });

  test('one that comes again for each question, as of a cache: it counts once', async () => {
    const scene = await Scene.open();
    const other = await Scene.open();
    await other.count(3);
    await other.start({ fetch: scene.fetch }).settled();
    let kept: Promise<Response> | undefined;
    const cache = new Stranger('units', async (_request, forward) => {
      kept ??= forward();
      return (await kept).clone();
    });
    scene.start({ fetch: cache.before(scene) });
    await scene.until(({ position }) => position === 3);
    await other.count(2);
    await other.settled();
    for (let asked = cache.asked; cache.asked < asked + 3;) {
      scene.sync.syncNow();
      await vi.waitUntil(() => scene.sync.status.value.state === 'waiting', WAIT);
    }
    expect(await held(scene)).toMatchObject({ setAsideUnits: 0, events: { length: 3 } });
    cache.isThere = false;
    await passing(scene, 60_000, () => scene.sync.status.value.position === 5);
    await scene.expectBooksComplete();
  });
});
