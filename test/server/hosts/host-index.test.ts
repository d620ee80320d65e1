/** A host that keeps an index of event ids, and knows none of the application's events. */
import { expect, inject, it, onTestFinished, vi } from 'vitest';
import { Application } from '../../../src/application/application.js';
import type { ApplicationOptions } from '../../../src/application/application-options.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { command, event } from '../../../src/domain/message-types.js';
import { AESCipher } from '../../../src/persistence/mapping/aes-cipher.js';
import { defaultTranscoder } from '../../../src/persistence/mapping/default-transcoder.js';
import { ZlibCompressor } from '../../../src/persistence/mapping/zlib-compressor.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import type { PendingUnit } from '../../../src/persistence/unit.js';
import { parseCliOptions } from '../../../src/server/hosts/cli-options.js';
import { startNodeHost } from '../../../src/server/hosts/index.js';
import type { NodeHost, NodeHostOptions } from '../../../src/server/hosts/index.js';
import type { PushOutcome, Sender } from '../../../src/server/index.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { sampleUnit } from '../../../src/testing/conformance/unit-samples.js';
import { uniqueName } from '../../support/postgres-fixture.js';

class Money {
  readonly cents: number;

  constructor(cents: number) {
    this.cents = cents;
  }
}

const shelf = defineDecider({
  name: 'Shelf',
  events: { Received: event<{ readonly price: Money | number }>() },
  commands: { Receive: command<{ readonly price: Money | number }>() },
  initialState: () => 0,
  decide: { Receive: ({ data }) => ({ type: 'Received', data }) },
  evolve: { Received: (count) => count + 1 },
});

const ANN: Sender = { subject: 'ann', replicaId: crypto.randomUUID() };
const BOB: Sender = { subject: 'bob', replicaId: crypto.randomUUID() };

async function start(options: NodeHostOptions = {}): Promise<NodeHost> {
  const base = { port: 0, applicationName: uniqueName(), databaseUrl: inject('pgUrl'), log: vi.fn() };
  const host = await startNodeHost({ ...base, allowAnonymous: true, eventIndex: true, ...options });
  onTestFinished(async () => await host.close());
  return host;
}

/** What a device has recorded under these event ids, in one unit. */
async function unitOf(eventIds: readonly string[], options: Partial<ApplicationOptions> = {}): Promise<PendingUnit> {
  const recorder = new MemoryProcessRecorder();
  const ids = [...eventIds];
  const newEventId = (): string => ids.shift() as string;
  const app = new Application({ recorder, aggregates: [shelf], newEventId, ...options });
  const price = options.transcoder === undefined ? 1 : new Money(1);
  for (const _id of eventIds) {
    const metadata = { actorId: 'anna', tenantId: 'north' };
    await app.execute(shelf, newOriginatorId(), { type: 'Receive', data: { price } }, { metadata });
  }
  const events = await recorder.selectNotifications({ start: 1, limit: 100 });
  return sampleUnit(events.map(({ id: _id, ...stored }) => stored));
}

const kindsOf = ({ decisions }: PushOutcome): string[] =>
  decisions.map((decision) => (decision.kind === 'rejected' ? decision.code : decision.kind));

it('takes each event id once, whichever device sends it, and says where it is', async () => {
  const { unitLog, eventIndex } = await start();
  const [shared, own] = [crypto.randomUUID(), crypto.randomUUID()];
  const first = await unitOf([shared]);
  expect(kindsOf(await unitLog.push([first], ANN))).toEqual(['accepted']);
  const outcome = await unitLog.push([await unitOf([own, shared]), await unitOf([own])], BOB);
  expect(kindsOf(outcome)).toEqual(['DUPLICATE_EVENT', 'accepted']);
  // Sent again, because the answer was lost.
  expect(kindsOf(await unitLog.push([first], ANN))).toEqual(['accepted']);
  expect(await eventIndex?.findEvent(shared)).toMatchObject({
    ...{ notificationId: 1, aggregateId: first.events[0]?.originatorId, aggregateVersion: 1 },
    ...{ aggregateType: 'Shelf', eventType: 'Received', actorId: 'anna', tenantId: 'north' },
    occurredAt: expect.any(Date) as Date,
  });
  expect(await eventIndex?.find({ tenantId: 'north' })).toHaveLength(2);
});

it.each<[string, Partial<ApplicationOptions>]>([
  ['compressed', { compressor: new ZlibCompressor() }],
  [
    'of types that are not known here',
    {
      transcoder: defaultTranscoder().register({
        name: 'money',
        is: (value): value is Money => value instanceof Money,
        encode: (value: Money) => value.cents,
        decode: (cents) => new Money(cents as number),
      }),
    },
  ],
])('knows the ids of what is %s', async (_case, options) => {
  const { unitLog } = await start();
  const id = crypto.randomUUID();
  expect(kindsOf(await unitLog.push([await unitOf([id], options)], ANN))).toEqual(['accepted']);
  expect(kindsOf(await unitLog.push([await unitOf([id], options)], BOB))).toEqual(['DUPLICATE_EVENT']);
});

it('takes what it cannot read, and keeps the others unique', async () => {
  const { unitLog, eventIndex } = await start();
  const cipher = await AESCipher.fromKey(AESCipher.createKey(32));
  const [hidden, id] = [crypto.randomUUID(), crypto.randomUUID()];
  const outcome = await unitLog.push(
    [
      await unitOf([hidden, crypto.randomUUID()], { cipher }),
      sampleUnit([sampleEvent(newOriginatorId(), 1)]),
      await unitOf([id]),
    ],
    ANN,
  );
  expect(kindsOf(outcome)).toEqual(['accepted', 'accepted', 'accepted']);
  expect(await eventIndex?.hasEvent(hidden)).toBe(false);
  expect(kindsOf(await unitLog.push([await unitOf([id])], BOB))).toEqual(['DUPLICATE_EVENT']);
});

it('has what was recorded before it was kept, from its start on', async () => {
  const applicationName = uniqueName();
  const id = crypto.randomUUID();
  const before = await start({ applicationName, eventIndex: false });
  await before.unitLog.push([await unitOf([id])], ANN);
  expect(before.eventIndex).toBeUndefined();
  await before.close();
  const { unitLog, eventIndex } = await start({ applicationName });
  expect(await eventIndex?.hasEvent(id)).toBe(true);
  expect(kindsOf(await unitLog.push([await unitOf([id])], BOB))).toEqual(['DUPLICATE_EVENT']);
});

it('goes by the application that reads the events, where one takes part', async () => {
  const cipher = await AESCipher.fromKey(AESCipher.createKey(32));
  const { unitLog, eventIndex } = await start({
    inline: ({ recorder }) => {
      const app = new Application({ recorder, aggregates: [shelf], cipher });
      return { participants: [], decode: (notification) => app.decode(notification) };
    },
  });
  const id = crypto.randomUUID();
  await unitLog.push([await unitOf([id], { cipher })], ANN);
  expect(await eventIndex?.findEvent(id)).toMatchObject({ eventType: 'Received', actorId: 'anna' });
  expect(kindsOf(await unitLog.push([await unitOf([id], { cipher })], BOB))).toEqual(['DUPLICATE_EVENT']);
});

it('is asked for by the command line, and not together with tenants', async () => {
  expect(parseCliOptions(['--event-index'], {})).toMatchObject({ eventIndex: true });
  expect(parseCliOptions([], {})).toMatchObject({ eventIndex: undefined });
  const tenants = { place: 'schema', isTenant: () => true } as const;
  const refused = startNodeHost({ allowAnonymous: true, eventIndex: true, tenants, databaseUrl: inject('pgUrl') });
  await expect(refused).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR', details: { option: 'eventIndex' } });
  const wrong = startNodeHost({ allowAnonymous: true, eventIndex: 'yes' as never, databaseUrl: inject('pgUrl') });
  await expect(wrong).rejects.toMatchObject({ code: 'PROGRAMMING_ERROR', details: { option: 'eventIndex' } });
});
