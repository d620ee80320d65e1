import { beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { createSyncServer } from '../../src/server/index.js';
import type { SyncServer } from '../../src/server/index.js';
import { STATE_BYTES_MAX, TOPIC_LENGTH_MAX } from '../../src/persistence/validation.js';
import { PUSH_BODY_BYTES_MAX, PUSH_EVENTS_MAX } from '../../src/sync/protocol/index.js';
import { postPush } from '../support/push-client.js';
import { makeEvents, makePush } from '../support/stored-events.js';

let recorder: MemoryProcessRecorder;
let server: SyncServer;
const log = vi.fn<(message: string, error: unknown) => void>();

beforeEach(() => {
  log.mockReset();
  recorder = new MemoryProcessRecorder();
  server = createSyncServer({ recorder, allowAnonymous: true, log });
});

const good = makePush(makeEvents(2));
const [event] = good.events;
const withEvent = (change: object): object => ({ ...good, events: [{ ...event, ...change }] });
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('what is malformed is refused, and changes nothing', () => {
  it.each<[string, object | string, string]>([
    ['no JSON', '{"replicaId":', ''],
    ['an empty body', '', ''],
    ['deep nesting', '['.repeat(500_000), ''],
    ['null', 'null', ''],
    ['an array', [], 'replicaId'],
    ['no replica', { ...good, replicaId: undefined }, 'replicaId'],
    ['a replica in upper case', { ...good, replicaId: good.replicaId.toUpperCase() }, 'replicaId'],
    ['a replica that is no UUID', { ...good, replicaId: 'me' }, 'replicaId'],
    ['after of -1', { ...good, after: -1 }, 'after'],
    ['after of 1.5', { ...good, after: 1.5 }, 'after'],
    ['after as text', { ...good, after: '0' }, 'after'],
    ['no events', { ...good, events: [] }, 'events'],
    ['events as an object', { ...good, events: { length: 1 } }, 'events'],
    ['too many events', makePush(makeEvents(PUSH_EVENTS_MAX + 1)), 'events'],
    ['an event that is null', { ...good, events: [null] }, 'events.0'],
    ['id 0', withEvent({ id: 0 }), 'events.0.id'],
    ['an id beyond 2^53 - 1', withEvent({ id: 2 ** 53 }), 'events.0.id'],
    ['ids that repeat', { ...good, events: [event, event] }, ''],
    ['an id that is not after `after`', { ...good, after: 1 }, ''],
    ['an aggregate that is no UUID', withEvent({ originatorId: 'item-1' }), 'events.0.originatorId'],
    ['version -1', withEvent({ originatorVersion: -1 }), 'events.0.originatorVersion'],
    ['an empty topic', withEvent({ topic: '' }), 'events.0.topic'],
    ['a long topic', withEvent({ topic: 't'.repeat(TOPIC_LENGTH_MAX + 1) }), 'events.0.topic'],
    ['a topic with a zero character', withEvent({ topic: 'a\0b' }), 'events.0.topic'],
    ['a topic with half a pair', withEvent({ topic: 'a\ud800b' }), 'events.0.topic'],
    ['a state that is no base64', withEvent({ state: 'e30' }), 'events.0.state'],
    ['a state with other characters', withEvent({ state: 'e3-_' }), 'events.0.state'],
    ['a state that is too large', withEvent({ state: 'A'.repeat(940_000) }), 'events.0.state'],
  ])('%s', async (_case, body, path) => {
    const answer = await postPush(server.fetch, body);
    expect([answer.status, answer.body.error?.code]).toEqual([400, 'INVALID_REQUEST']);
    expect(answer.body.error?.details).toMatchObject({ path });
    expect(JSON.stringify(answer.body).length).toBeLessThan(1_000);
    expect(answer.headers.get('daybook-protocol')).toBe('1');
    expect(await recorder.maxNotificationId()).toBe(0);
    expect(log).not.toHaveBeenCalled();
  });

  it('bytes that are not UTF-8', async () => {
    const bytes = utf8(JSON.stringify(withEvent({ topic: '~' })));
    bytes[bytes.indexOf(0x7e)] = 0xff;
    expect((await postPush(server.fetch, bytes)).status).toBe(400);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', undefined])('content type %s', async (type) => {
    const answer = await postPush(server.fetch, utf8(JSON.stringify(good)), { 'content-type': type });
    expect([answer.status, answer.body.error?.code]).toEqual([400, 'INVALID_REQUEST']);
  });

  it('a body that breaks off', async () => {
    const body = new ReadableStream({
      start(controller): void {
        controller.enqueue(utf8('{"replicaId"'));
        controller.error(new Error('gone'));
      },
    });
    expect((await postPush(server.fetch, body)).status).toBe(400);
    expect(log).not.toHaveBeenCalled();
  });
});

describe('what is large', () => {
  const padded = (bytes: number): string => JSON.stringify(good).padEnd(bytes, ' ');

  it('is taken up to the limit', async () => {
    expect((await postPush(server.fetch, padded(PUSH_BODY_BYTES_MAX))).status).toBe(200);
  });

  it('is taken as one event of the largest state', async () => {
    const [largest] = makeEvents(1);
    if (largest === undefined) throw new Error('no event');
    const state = crypto.getRandomValues(new Uint8Array(60_000));
    const large = { ...largest, state: new Uint8Array(STATE_BYTES_MAX).map((_, at) => state[at % 60_000] ?? 0) };
    expect((await postPush(server.fetch, makePush([large]))).status).toBe(200);
    expect(await recorder.selectEvents(large.originatorId)).toEqual([large]);
  });

  it.each([
    ['with an honest length', { 'content-length': String(PUSH_BODY_BYTES_MAX + 1) }],
    ['with no length', {}],
    ['with a false length', { 'content-length': '10' }],
    ['with a length that is none', { 'content-length': 'many' }],
  ])('is refused beyond it, %s', async (_case, headers) => {
    const answer = await postPush(server.fetch, padded(PUSH_BODY_BYTES_MAX + 1), headers);
    expect([answer.status, answer.body.error?.code]).toEqual([413, 'TOO_LARGE']);
    expect(answer.body.error?.details).toEqual({ bytesMax: PUSH_BODY_BYTES_MAX });
    expect(await recorder.maxNotificationId()).toBe(0);
  });

  it('is not read to its end', async () => {
    let pulled = 0;
    const body = new ReadableStream({
      pull(controller): void {
        pulled++;
        controller.enqueue(new Uint8Array(100_000));
      },
    });
    expect((await postPush(server.fetch, body)).status).toBe(413);
    expect(pulled).toBeLessThan(20);
  });
});

it('ignores fields that it does not know', async () => {
  expect((await postPush(server.fetch, { ...withEvent({ mood: 'good' }), newer: true })).status).toBe(200);
});
