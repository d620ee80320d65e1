/** News among servers by NATS: three servers of one log, without LISTEN, and a cluster of three nodes. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { createPgPool, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import { NatsHeadNews } from '../../src/publishing/nats/nats-head-news.js';
import { createSyncServer, PostgresUnitLog } from '../../src/server/index.js';
import type { HeadNews, SyncServer } from '../../src/server/index.js';
import { readEventStream } from '../../src/sync/exchange/event-stream.js';
import { systemClock } from '../../src/util/clock.js';
import type { Clock } from '../../src/util/clock.js';
import { NATS_MISSING, startNatsCluster } from '../support/nats-fixture.js';
import type { NatsCluster } from '../support/nats-fixture.js';
import { PATIENTLY } from '../support/patience.js';
import { uniqueName } from '../support/postgres-fixture.js';
import { deviceRequest, pendingUnits, postUnits } from '../support/unit-wire.js';

const title = NATS_MISSING === undefined ? 'a cluster of NATS' : `a cluster of NATS (skipped: ${NATS_MISSING})`;
const POLL_MS = 2_000;
// Of a node that is gone: the nodes that are left choose another leader, and a consumer that was on it is given up.
const FAILOVER_MS = 20_000;

/** Nothing is looked at without a reason: what is heard was told. */
const unpolled: Clock = {
  nowMs: () => systemClock.nowMs(),
  monotonicMs: () => systemClock.monotonicMs(),
  schedule: (callback, delayMs) => (delayMs === POLL_MS ? () => undefined : systemClock.schedule(callback, delayMs)),
};

/** A server as a process of its own has it: its connections, its hub; and a device that follows the log there. */
interface Instance {
  readonly server: SyncServer;
  readonly heads: readonly number[];
}

describe.skipIf(NATS_MISSING !== undefined)(title, () => {
  let cluster: NatsCluster;
  const closers: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    cluster = await startNatsCluster();
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  async function connected(node: number): Promise<NatsConnection> {
    const connection = await cluster.connect(node);
    closers.push(() => connection.close());
    return connection;
  }

  async function newsAt(node: number, stream: string, onFailure?: (error: unknown) => void): Promise<NatsHeadNews> {
    const news = new NatsHeadNews({ connection: await connected(node), stream, onFailure });
    closers.push(() => news.close());
    // Until the nodes have agreed on who leads them, nobody makes a stream.
    await vi.waitFor(() => news.createStream({ replicas: 3 }), { timeout: FAILOVER_MS, interval: 200 });
    return news;
  }

  async function instance(applicationName: string, news: HeadNews, clock: Clock = unpolled): Promise<Instance> {
    const pool = await createPgPool({ connectionString: inject('pgUrl'), poolSize: 2 });
    const recorder = new PostgresProcessRecorder({ pool, applicationName });
    await recorder.createTable();
    const unitLog = new PostgresUnitLog({ recorder, name: applicationName });
    await unitLog.createTables();
    const server = createSyncServer({ unitLog, news, allowAnonymous: true, log: () => undefined }, clock);
    const gone = new AbortController();
    closers.push(
      () => pool.end(),
      async () => gone.abort(),
    );
    const { headers } = deviceRequest('/v2/live', {});
    const answer = await server.fetch(new Request('http://server.test/v2/live', { headers, signal: gone.signal }));
    const heads: number[] = [];
    void (async () => {
      for await (const message of readEventStream(answer.body as ReadableStream<Uint8Array>, gone.signal))
        if (message !== 'comment') heads.push(Number(message.data));
    })().catch(() => undefined);
    await vi.waitFor(() => expect(heads).toHaveLength(1), PATIENTLY);
    return { server, heads };
  }

  /** Three of them, each connected to a node of its own. */
  async function instances(): Promise<{ readonly stream: string; readonly all: readonly Instance[] }> {
    const [name, stream] = [uniqueName(), uniqueName()];
    const found: Instance[] = [];
    for (const node of [0, 1, 2]) found.push(await instance(name, await newsAt(node, stream)));
    return { stream, all: found };
  }

  const push = async ({ server }: Instance): Promise<number> => {
    const { status, body } = await postUnits(server.fetch, pendingUnits(1));
    expect(status).toBe(200);
    return body.head ?? 0;
  };
  const allHear = (of: readonly Instance[], head: number, timeout: number): Promise<unknown> =>
    vi.waitFor(() => expect(of.map(({ heads }) => heads.at(-1))).toEqual(of.map(() => head)), {
      timeout,
      interval: 10,
    });

  test('what is pushed at one is told at the others, without a look, and a node that is killed in the middle changes nothing', async () => {
    const { stream, all } = await instances();
    // Consumers are there when the first word comes by them.
    await allHear(all, await push(all[0]!), FAILOVER_MS);
    await allHear(all, await push(all[1]!), FAILOVER_MS);

    const manager = await jetstreamManager(await connected(2));
    const leader = Number((await manager.streams.info(stream)).cluster?.leader?.at(-1));
    let head = 0;
    for (let round = 0; round < 30; round++) {
      if (round === 10) await cluster.kill(leader);
      head = await push(all[round % 3]!);
    }
    expect(head).toBe(32);
    await allHear(all, head, FAILOVER_MS);

    await cluster.restart(leader);
    await allHear(all, await push(all[2]!), FAILOVER_MS);
    // Each was told of heads that there are, in their order.
    for (const { heads } of all) expect(heads).toEqual([...new Set(heads)].sort((one, other) => one - other));
  }, 90_000);

  test('all nodes are gone: pushes are answered as before, the log is looked at, and news come again with the nodes', async () => {
    const [name, stream, failures] = [uniqueName(), uniqueName(), vi.fn<(error: unknown) => void>()];
    const speaker = await instance(name, await newsAt(0, stream, failures), systemClock);
    const polled = await instance(name, await newsAt(1, stream, failures), systemClock);
    const unasked = await instance(name, await newsAt(2, stream), unpolled);
    await allHear([polled, unasked], await push(speaker), FAILOVER_MS);
    for (const node of [0, 1, 2]) await cluster.kill(node);
    const head = await push(speaker);
    await allHear([polled], head, FAILOVER_MS);
    expect(unasked.heads.at(-1)).toBe(head - 1);
    await vi.waitFor(() => expect(failures).toHaveBeenCalled(), { timeout: FAILOVER_MS });
    await Promise.all([0, 1, 2].map((node) => cluster.restart(node)));
    // Without another push: what could not be said waits, and is said.
    await allHear([unasked], head, 2 * FAILOVER_MS);
    // One of each server: of what was to be said, and of what was to be heard.
    expect(failures.mock.calls.length).toBeLessThanOrEqual(3);
  }, 90_000);

  test('a message is a number below the name of the log, and nothing else; each log has its own', async () => {
    const stream = uniqueName();
    const [speaker, listener] = [await newsAt(0, stream), await newsAt(1, stream)];
    const raw: unknown[] = [];
    const connection = await connected(2);
    const all = connection.subscribe(`${stream}.>`);
    void (async () => {
      for await (const { subject, data, headers } of all) raw.push([subject, new TextDecoder().decode(data), headers]);
    })();
    await connection.flush();
    const heard: (readonly [string, number | undefined])[] = [];
    const tenants = ['', 'acme', 'Acme & Söhne *.> GmbH'];
    for (const tenant of tenants) listener.listen(tenant, (head) => heard.push([tenant, head]));
    // Once that it listens: whoever waits looks for what came before.
    await vi.waitFor(() => expect(heard).toEqual(tenants.map((tenant) => [tenant, undefined])), PATIENTLY);
    heard.length = 0;
    for (const [index, tenant] of tenants.entries()) speaker.announce(tenant, index + 1);
    speaker.announce('of nobody here', 9);
    await vi.waitFor(() => expect(heard).toHaveLength(3), PATIENTLY);
    expect(new Set(heard)).toEqual(new Set(tenants.map((tenant, index) => [tenant, index + 1])));
    await vi.waitFor(() => expect(raw).toHaveLength(4), PATIENTLY);
    const named = (name: string): string => `${stream}.t${name}`;
    expect(raw).toEqual(
      expect.arrayContaining([
        [named(''), '1', undefined],
        [named('YWNtZQ'), '2', undefined],
        [named('QWNtZSAmIFPDtmhuZSAqLj4gR21iSA'), '3', undefined],
      ]),
    );
  });

  test('heads that come in another order: a lower one stands for none that came before it', async () => {
    const stream = uniqueName();
    const [one, other, listener] = [await newsAt(0, stream), await newsAt(1, stream), await newsAt(2, stream)];
    const heard: unknown[] = [];
    listener.listen('', (head) => heard.push(head));
    await vi.waitFor(() => expect(heard).toEqual([undefined]), PATIENTLY);
    one.announce('', 32);
    await vi.waitFor(() => expect(heard).toHaveLength(2), PATIENTLY);
    other.announce('', 31);
    await vi.waitFor(() => expect(heard).toEqual([undefined, 32, 31]), PATIENTLY);
  });

  test('nobody listens: nothing is asked of NATS, and it begins again with the next one who does', async () => {
    const stream = uniqueName();
    const [speaker, listener] = [await newsAt(0, stream), await newsAt(1, stream)];
    const manager = await jetstreamManager(await connected(2));
    const consumers = async (): Promise<number> => (await manager.consumers.list(stream).next()).length;
    expect(await consumers()).toBe(0);
    const asked: string[] = [];
    (await connected(2)).subscribe('$JS.API.CONSUMER.MSG.NEXT.>', {
      callback: (_error, { subject }) => void asked.push(subject),
    });
    const ofStream = (): number => asked.filter((subject) => subject.includes(stream)).length;
    const heard: unknown[] = [];
    for (const head of [1, 2]) {
      heard.length = 0;
      const stops = [1, 2].map(() => listener.listen('', (told) => heard.push(told)));
      await vi.waitFor(() => expect(heard).toEqual([undefined, undefined]), PATIENTLY);
      speaker.announce('', head);
      await vi.waitFor(() => expect(heard.filter((told) => told === head)).toHaveLength(2), PATIENTLY);
      for (const stop of stops) stop();
    }
    speaker.announce('', 3);
    await vi.waitFor(async () => {
      const { state } = await manager.streams.info(stream);
      expect(state.last_seq).toBe(3);
    }, PATIENTLY);
    expect(ofStream()).toBeGreaterThan(0);
    asked.length = 0;
    // Longer than a server that listens is without asking: it does when a request is over, or something has come.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    speaker.announce('', 4);
    await vi.waitFor(async () => expect((await manager.streams.info(stream)).state.last_seq).toBe(4), PATIENTLY);
    expect(ofStream()).toBe(0);
    expect(heard).not.toContain(3);
    // Closed is for good, and says nothing.
    await listener.close();
    listener.announce('', 5);
    listener.listen('', (told) => heard.push(told))();
    await listener.close();
  });

  test('what cannot be a name of a stream is refused, and a number of replicas', async () => {
    const connection = await connected(0);
    for (const stream of ['', 'a.b', 'a b', 'é', '*', 'x'.repeat(101), 5 as never]) {
      expect(() => new NatsHeadNews({ connection, stream })).toThrow(
        expect.objectContaining({ code: 'PROGRAMMING_ERROR', details: { option: 'stream' } }),
      );
    }
    const onFailure = 'log' as never;
    expect(() => new NatsHeadNews({ connection, onFailure })).toThrow(
      expect.objectContaining({ code: 'PROGRAMMING_ERROR' }),
    );
    const news = new NatsHeadNews({ connection, stream: uniqueName() });
    await expect(news.createStream({ replicas: 0 })).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR' });
  });
});
