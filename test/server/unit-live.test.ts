import { describe, expect, it, vi } from 'vitest';
import { MemoryReplicaStore, ReplicaRegistry } from '../../src/server/index.js';
import { MemoryUnitLog } from '../../src/server/log/memory-unit-log.js';
import type { SyncServer } from '../../src/server/sync-server.js';
import { packLostUnits } from '../../src/persistence/unit-batch.js';
import { CURSOR_START } from '../../src/persistence/unit.js';
import { createSyncServer } from '../../src/server/sync-server.js';
import type { SyncServerOptions } from '../../src/server/sync-server-options.js';
import { readEventStream } from '../../src/sync/exchange/event-stream.js';
import type { StreamMessage } from '../../src/sync/exchange/event-stream.js';
import { asLost, pageOf } from '../../src/testing/conformance/unit-samples.js';
import { CountingClock } from '../support/counting-clock.js';
import { codeOf, deviceRequest, pendingUnits, pushRequest, REPLICA } from '../support/unit-wire.js';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A server, and who listens to it. */
class Scene {
  readonly clock = new CountingClock();
  readonly log = new MemoryUnitLog();
  readonly server: SyncServer;

  constructor(options: Partial<SyncServerOptions> = {}) {
    const auth = options.tokens === undefined && options.verifyToken === undefined ? { allowAnonymous: true } : {};
    this.server = createSyncServer({ unitLog: this.log, log: () => undefined, ...auth, ...options }, this.clock);
  }

  async live(headers: Record<string, string> = {}, signal?: AbortSignal): Promise<Response> {
    const { url, headers: all } = deviceRequest('/v2/live', {}, headers);
    return this.server.fetch(new Request(url, { headers: all, ...(signal === undefined ? {} : { signal }) }));
  }
}

class Line {
  readonly heard: StreamMessage[] = [];
  isOver = false;

  constructor(response: Response) {
    void this.#read(response.body as ReadableStream<Uint8Array>);
  }

  get heads(): string[] {
    return this.heard.flatMap((message) => (message === 'comment' ? [] : [message.data]));
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    for await (const message of readEventStream(body, new AbortController().signal)) this.heard.push(message);
    this.isOver = true;
  }
}

describe('the stream of news', () => {
  it('says where the log ends, and each time that it has moved', async () => {
    const scene = new Scene();
    const response = await scene.live();
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect(response.headers.get('daybook-protocol')).toBe('2');
    const line = new Line(response);
    await settled();
    await scene.server.fetch(pushRequest(pendingUnits(2)));
    await settled();
    expect(line.heads).toEqual(['0', '2']);
  });

  it('says what others have inserted within two seconds, or at once where they tell', async () => {
    let tell: () => void = () => undefined;
    const scene = new Scene({
      listen: (_tenant, onNews) => {
        tell = onNews;
        return () => undefined;
      },
    });
    const line = new Line(await scene.live());
    await settled();
    const [unit] = pendingUnits(1);
    await scene.log.push([unit as NonNullable<typeof unit>], { subject: '', replicaId: REPLICA });
    scene.clock.advance(2_000);
    await settled();
    expect(line.heads).toEqual(['0', '1']);
    await scene.log.push(pendingUnits(1), { subject: '', replicaId: REPLICA });
    tell();
    await settled();
    expect(line.heads).toEqual(['0', '1', '2']);
  });

  it('ends when the token does, when the server is about to stop, and when the device has gone; and nothing is left', async () => {
    const closing = new AbortController();
    const verifyToken = (): { subject: string; expiresAtMs: number } => ({ subject: 'ann', expiresAtMs: 1_060_000 });
    const scene = new Scene({ verifyToken, closing: closing.signal });
    const authorization = 'Bearer t';
    const byToken = new Line(await scene.live({ authorization }));
    await settled();
    scene.clock.advance(59_999);
    await settled();
    expect(byToken.isOver).toBe(false);
    scene.clock.advance(1);
    await settled();
    expect(byToken.isOver).toBe(true);
    scene.clock.set(1_000_000);
    const gone = new AbortController();
    const byDevice = new Line(await scene.live({ authorization }, gone.signal));
    const byServer = new Line(await scene.live({ authorization }));
    await settled();
    gone.abort();
    await settled();
    expect([byDevice.isOver, byServer.isOver]).toEqual([true, false]);
    closing.abort();
    await settled();
    expect(byServer.isOver).toBe(true);
    expect(scene.clock.openCount).toBe(0);
  });

  it('tells other servers of what is new, once, and hears of what they have', async () => {
    const announce = vi.fn();
    const heard: { tell?: (head?: number) => void } = {};
    const listen = (tenant: string, onNews: (head?: number) => void): (() => void) => {
      expect(tenant).toBe('');
      heard.tell = onNews;
      return () => delete heard.tell;
    };
    const scene = new Scene({ news: { announce, listen } });
    const gone = new AbortController();
    const line = new Line(await scene.live({}, gone.signal));
    await settled();
    const units = pendingUnits(2);
    for (const some of [units, units, []]) await scene.server.fetch(pushRequest(some));
    expect(announce.mock.calls).toEqual([['', 2]]);
    // As another server does, on the same log.
    const { head } = await scene.log.push(pendingUnits(1), { subject: '', replicaId: REPLICA });
    heard.tell?.(head);
    await settled();
    expect(line.heads).toEqual(['0', '2', '3']);
    gone.abort();
    await settled();
    expect(heard.tell).toBeUndefined();
  });

  it('what was lost and taken back is told like what is pushed, here and to other servers', async () => {
    const announce = vi.fn();
    const seals = { keys: [new Uint8Array(32).fill(7)] };
    const news = { announce, listen: () => () => undefined };
    const whole = new MemoryUnitLog({ seals });
    await whole.push(pendingUnits(2), { subject: '', replicaId: REPLICA });
    const lost = asLost((await pageOf(whole, CURSOR_START, { eventsMax: 10, bytesMax: 10_000 })).units);
    const server = createSyncServer({ unitLog: new MemoryUnitLog({ seals }), news, allowAnonymous: true });
    const { url, headers } = deviceRequest('/v2/live', {});
    const line = new Line(await server.fetch(new Request(url, { headers })));
    await settled();
    const offer = (): Promise<Response> => server.fetch(deviceRequest('/v2/heal', packLostUnits(lost)));
    for (const answer of [await offer(), await offer()]) expect(answer.status).toBe(200);
    await settled();
    expect(line.heads).toEqual(['0', '2']);
    expect(announce.mock.calls).toEqual([['', 2]]);
  });

  it('ends for a replica that is revoked', async () => {
    const clock = new CountingClock();
    const replicas = new ReplicaRegistry({ store: new MemoryReplicaStore(), clock });
    const scene = new Scene({ replicas, tokens: [{ token: 't', subject: 'ann' }] });
    const line = new Line(await scene.live({ authorization: 'Bearer t' }));
    await settled();
    await replicas.revoke({ replicaId: REPLICA }, 'stolen');
    clock.advance(10_000);
    scene.clock.advance(30_000);
    await vi.waitUntil(() => line.isOver, { interval: 1, timeout: 10_000 });
    const again = await scene.live({ authorization: 'Bearer t' });
    expect([again.status, await codeOf(again)]).toEqual([403, 'FORBIDDEN']);
  });

  it('is for those who may see something', async () => {
    const scene = new Scene({ authorizePull: () => false });
    expect((await scene.live()).status).toBe(403);
    const anonymous = new Scene({ tokens: ['secret'] });
    expect((await anonymous.live()).status).toBe(401);
    const old = await anonymous.live({ 'daybook-protocol': '1' });
    expect([old.status, await codeOf(old)]).toEqual([426, 'UPGRADE_REQUIRED']);
  });

  it('is asked for by GET', async () => {
    const { server } = new Scene();
    const answer = await server.fetch(deviceRequest('/v2/live', {}));
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET']);
  });
});
