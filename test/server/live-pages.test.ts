/** Pages on the stream of news: to whom they go, which, and what becomes of who may not have them. */
import { describe, expect, test, vi } from 'vitest';
import { unpackPage } from '../../src/persistence/unit-batch.js';
import type { ConfirmedUnit, Cursor, UnitPage } from '../../src/persistence/unit.js';
import { MemoryReplicaStore, ReplicaRegistry } from '../../src/server/index.js';
import { MemoryLogStorage } from '../../src/server/log/memory-log-storage.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import type { Visibility } from '../../src/server/log/unit-log.js';
import { createSyncServer } from '../../src/server/sync-server.js';
import type { SyncServer } from '../../src/server/sync-server.js';
import type { SyncServerOptions } from '../../src/server/sync-server-options.js';
import { readEventStream } from '../../src/sync/exchange/event-stream.js';
import { LIVE_PAGE_BYTES_MAX, UnavailableError } from '../../src/sync/protocol/index.js';
import { fromBase64 } from '../../src/util/base64.js';
import { CountingClock } from '../support/counting-clock.js';
import { deviceRequest, pendingUnit, pendingUnits, pushRequest, REPLICA } from '../support/unit-wire.js';

const WAIT = { interval: 1, timeout: 10_000 };
const SEALS = { seals: { keys: [new Uint8Array(32).fill(7)] } };
const AUTHORIZATION = { authorization: 'Bearer t' };

type Said = number | UnitPage;

/** One who listens. */
class Line {
  readonly said: Said[] = [];
  isOver = false;

  constructor(response: Response) {
    expect(response.status).toBe(200);
    void this.#read(response.body as ReadableStream<Uint8Array>);
  }

  get last(): Said | undefined {
    return this.said.at(-1);
  }

  async until(count: number): Promise<readonly Said[]> {
    await vi.waitUntil(() => this.said.length >= count, WAIT);
    return this.said;
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    for await (const message of readEventStream(body, new AbortController().signal)) {
      if (message === 'comment') continue;
      this.said.push(message.event === 'head' ? Number(message.data) : unpackPage(fromBase64(message.data)));
    }
    this.isOver = true;
  }
}

class Scene {
  readonly clock = new CountingClock();
  readonly storage = new MemoryLogStorage();
  readonly log = new MemoryUnitLog(SEALS, this.storage);
  readonly server: SyncServer;
  /** Whoever says what may be seen. */
  readonly authority = { fails: false };

  constructor(options: Partial<SyncServerOptions> = {}) {
    const authorizePull = (): boolean => {
      if (this.authority.fails) throw new UnavailableError('nobody is there');
      return true;
    };
    const auth = options.verifyToken === undefined && options.tokens === undefined ? { allowAnonymous: true } : {};
    const common = { unitLog: this.log, log: () => undefined, authorizePull };
    this.server = createSyncServer({ ...common, ...auth, ...options }, this.clock);
  }

  async stream(path = '/v2/live?pages=1', replica = REPLICA): Promise<Response> {
    const { url, headers } = deviceRequest(path, {}, { ...AUTHORIZATION, 'daybook-replica': replica });
    return await this.server.fetch(new Request(url, { headers }));
  }

  /** Listens, and has heard where the log ends. */
  async listen(path?: string, replica?: string): Promise<Line> {
    const line = new Line(await this.stream(path, replica));
    await line.until(1);
    return line;
  }

  async push(units = pendingUnits(1)): Promise<void> {
    expect((await this.server.fetch(pushRequest(units, AUTHORIZATION))).status).toBe(200);
  }

  async asked(after: Cursor): Promise<UnitPage> {
    const body = { after, events: 500, bytes: 1_000_000 };
    const answer = await this.server.fetch(deviceRequest('/v2/units', body, AUTHORIZATION));
    return unpackPage(new Uint8Array(await answer.arrayBuffer()));
  }
}

describe('a stream with pages', () => {
  test('gives the very page that whoever stands there would be given, and goes on from its end', async () => {
    const scene = new Scene();
    const line = await scene.listen();
    for (let count = 1; count <= 3; count++) {
      await scene.push(pendingUnits(count));
      await line.until(1 + count);
    }
    const [start, ...pages] = line.said as [number, ...UnitPage[]];
    expect([start, ...pages.map(({ position }) => position)]).toEqual([0, 1, 3, 6]);
    const ends = [];
    for (let cursor = '0'; cursor !== (await scene.asked(cursor)).to;) {
      const page = pages[ends.length] as UnitPage;
      expect(page.from).toBe(cursor);
      expect(page.units.every(({ origin }) => origin.seal.length > 0)).toBe(true);
      const { units } = await scene.asked(cursor);
      expect(page.units).toEqual(units.slice(0, page.units.length));
      ends.push((cursor = page.to));
    }
    expect(ends).toHaveLength(3);
  });

  test('is for who asks for them: others hear of heads', async () => {
    const scene = new Scene();
    const lines = [await scene.listen('/v2/live'), await scene.listen('/v2/live?pages=2')];
    await scene.push();
    for (const line of lines) expect(await line.until(2)).toEqual([0, 1]);
  });

  test('names the head where there is more than a small page, and gives pages again from there on', async () => {
    const scene = new Scene();
    const line = await scene.listen();
    await scene.push([pendingUnit({ stateBytes: LIVE_PAGE_BYTES_MAX })]);
    expect(await line.until(2)).toEqual([0, 1]);
    await scene.push(pendingUnits(100));
    expect(await line.until(3)).toEqual([0, 1, 101]);
    // Small states, but their scopes are not.
    const scopes = Array.from({ length: 20 }, (_, index) => `${index}`.padEnd(200, 'x'));
    await scene.push(Array.from({ length: 20 }, () => pendingUnit({ scopes })));
    expect(await line.until(4)).toEqual([0, 1, 101, 121]);
    await scene.push();
    await line.until(5);
    const last = line.last as UnitPage;
    expect([last.units.length, last.position]).toEqual([1, 122]);
    expect((await scene.asked(last.from)).units).toEqual(last.units);
  });

  test('says what others have inserted beside the server, once it is known', async () => {
    const scene = new Scene();
    const line = await scene.listen();
    const { events } = pendingUnit();
    scene.log.insertBeside(events);
    scene.clock.advance(2_000);
    await line.until(2);
    expect((line.last as UnitPage).units.map((unit) => unit.events)).toEqual([events]);
  });

  test('of a log that was set back names its head, and goes on from there', async () => {
    const scene = new Scene();
    const line = await scene.listen();
    await scene.push();
    await line.until(2);
    const back = scene.log.backup();
    await scene.push();
    await line.until(3);
    back();
    scene.clock.advance(2_000);
    expect((await line.until(4))[3]).toBe(1);
    await scene.push(pendingUnits(3));
    const [, first, , , last] = (await line.until(5)) as [number, UnitPage, UnitPage, number, UnitPage];
    expect([last.from, last.position, last.units.length]).toEqual([first.to, 4, 3]);
  });

  test('of a log that was set back, and has gone on further since, names its head', async () => {
    const scene = new Scene();
    const line = await scene.listen();
    const back = scene.log.backup();
    await scene.push();
    await line.until(2);
    back();
    await scene.push(pendingUnits(2));
    expect((await line.until(3))[2]).toBe(2);
  });
});

describe('a page on a stream', () => {
  const onlyOf = (author: string): Visibility => ({
    id: `of-${author}`,
    isVisible: ({ origin }: ConfirmedUnit) => origin.author === author,
  });

  test('shows what its reader may see, and where nothing of it is that, where the log ends', async () => {
    const verifyToken = (token: string): { subject: string } => ({ subject: token });
    const scene = new Scene({ verifyToken, authorizePull: ({ subject }) => (subject === 't' ? onlyOf('u') : true) });
    const line = await scene.listen();
    await scene.push();
    await line.until(1);
    expect((line.last as number | UnitPage) === 0 || (line.last as UnitPage).units.length === 0).toBe(true);
    const other = pushRequest(pendingUnits(2), { authorization: 'Bearer u', 'daybook-replica': crypto.randomUUID() });
    await scene.server.fetch(other);
    await vi.waitUntil(() => (line.last as UnitPage).position === 2, WAIT);
    const seen = line.said.flatMap((said) => (typeof said === 'number' ? [] : said.units));
    expect(seen.map(({ origin }) => origin.author)).toEqual(['u', 'u']);
    expect((line.last as UnitPage).to).toMatch(/\.of-u$/);
  });

  test('is not given to who may see another part by now: the head is, and pages of the other part after it', async () => {
    let visibility: Visibility | true = true;
    const scene = new Scene({ authorizePull: () => visibility });
    const line = await scene.listen();
    await scene.push();
    await line.until(2);
    visibility = { id: 'b', isVisible: () => true };
    await scene.push();
    expect((await line.until(3))[2]).toBe(2);
    await scene.push();
    await line.until(4);
    expect([(line.last as UnitPage).from, (line.last as UnitPage).to].map((cursor) => cursor.endsWith('.b'))).toEqual([
      true,
      true,
    ]);
  });

  test('is not given to who may see nothing any more: the stream ends with the next news', async () => {
    let maySee = true;
    const scene = new Scene({ authorizePull: () => maySee });
    const line = await scene.listen();
    maySee = false;
    await scene.log.push(pendingUnits(1), { subject: '', replicaId: REPLICA });
    scene.clock.advance(2_000);
    await vi.waitUntil(() => line.isOver, WAIT);
    expect(line.said).toEqual([0]);
  });

  test('is not given to whose token is not good any more, or is of somebody else', async () => {
    for (const now of [false, { subject: 'bob' }]) {
      let who: boolean | { subject: string } = { subject: 'ann' };
      const scene = new Scene({ verifyToken: () => who });
      const line = await scene.listen();
      who = now;
      await scene.log.push(pendingUnits(1), { subject: '', replicaId: REPLICA });
      scene.clock.advance(2_000);
      await vi.waitUntil(() => line.isOver, WAIT);
      expect(line.said).toEqual([0]);
    }
  });

  test('is not given after the end of a token', async () => {
    const scene = new Scene({ verifyToken: () => ({ subject: 'ann', expiresAtMs: 1_001_000 }) });
    scene.clock.set(1_000_000);
    const line = await scene.listen();
    await scene.log.push(pendingUnits(1), { subject: '', replicaId: REPLICA });
    scene.clock.advance(2_000);
    await vi.waitUntil(() => line.isOver, WAIT);
    expect(line.said).toEqual([0]);
  });

  test('is not given to a replica that was revoked', async () => {
    const clock = new CountingClock();
    const replicas = new ReplicaRegistry({ store: new MemoryReplicaStore(), clock });
    const scene = new Scene({ replicas, tokens: [{ token: 't', subject: 'ann' }] });
    const line = await scene.listen();
    await replicas.revoke({ replicaId: REPLICA }, 'stolen');
    await scene.log.push(pendingUnits(1), { subject: '', replicaId: REPLICA });
    scene.clock.advance(2_000);
    await vi.waitUntil(() => line.isOver, WAIT);
    expect(line.said).toEqual([0]);
  });

  test.each<[string, (scene: Scene) => () => void]>([
    [
      'nobody can say what may be seen',
      ({ authority }) => {
        authority.fails = true;
        return () => (authority.fails = false);
      },
    ],
    [
      'the log cannot be read',
      ({ storage }) => {
        const news = vi.spyOn(storage, 'news').mockRejectedValue(new Error('the database is away'));
        return () => news.mockRestore();
      },
    ],
  ])('is replaced by the head while %s', async (_what, fail) => {
    const scene = new Scene();
    const line = await scene.listen();
    const end = fail(scene);
    scene.log.insertBeside(pendingUnit().events);
    scene.clock.advance(2_000);
    expect(await line.until(2)).toEqual([0, 1]);
    end();
    // Where the device stands is not known until it was told.
    await scene.push();
    await scene.push();
    await vi.waitUntil(() => typeof line.last !== 'number', WAIT);
    expect((line.last as UnitPage).position).toBe(3);
  });
});

describe('many streams', () => {
  test('share what is read; and what was recorded just now is not read at all', async () => {
    const scene = new Scene();
    const lines = await Promise.all(
      Array.from({ length: 300 }, () => scene.listen('/v2/live?pages=1', crypto.randomUUID())),
    );
    const news = vi.spyOn(scene.storage, 'news');
    await scene.push();
    for (const line of lines) await line.until(2);
    expect(news).not.toHaveBeenCalled();
    scene.log.insertBeside(pendingUnit().events);
    scene.clock.advance(2_000);
    for (const line of lines) await line.until(3);
    expect(new Set(lines.map(({ last }) => (last as UnitPage).position))).toEqual(new Set([2]));
    expect(news.mock.calls.length).toBeGreaterThan(0);
    expect(news.mock.calls.length).toBeLessThanOrEqual(6);
  });

  test('of whom one reads nothing: nothing is read for it, and it is told of all in one when it goes on', async () => {
    const scene = new Scene();
    const slow = await scene.stream();
    const reader = (slow.body as ReadableStream<Uint8Array>).getReader();
    const quick = await scene.listen();
    const news = vi.spyOn(scene.storage, 'news');
    for (let count = 1; count <= 20; count++) {
      scene.log.insertBeside(pendingUnit().events);
      scene.clock.advance(2_000);
      await quick.until(1 + count);
    }
    // The quick one had each page; the slow one has room for one message, which was there before.
    expect(news.mock.calls.length).toBeLessThanOrEqual(20);
    const texts: string[] = [];
    while (!texts.some((text) => text.includes('20') || text.includes('page'))) {
      const { value } = await reader.read();
      texts.push(new TextDecoder().decode(value));
    }
    expect(texts.length).toBeLessThanOrEqual(5);
    await scene.push();
    const page = await reader.read();
    expect(new TextDecoder().decode(page.value)).toMatch(/^event: page\n/);
  });
});
