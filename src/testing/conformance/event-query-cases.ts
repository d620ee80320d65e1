/**
 * What reading and following events promises where what is known of them says which.
 *
 * @module
 */
import type { Application } from '../../application/application.js';
import type { NotifiedEvent } from '../../application/events/notified-event.js';
import type { ReadEventsOptions } from '../../application/selection.js';
import type { CommandMetadata } from '../../domain/event-metadata.js';
import type { NotificationId } from '../../persistence/stored-event.js';
import { receive, sampleApplication } from './application-context.js';
import type { ApplicationContext } from './application-context.js';
import { LogBook, stockItem } from './application-samples.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import type { EventIndexContext } from './event-index-cases.js';
import { newOriginatorId } from './event-samples.js';

/** An application's recorder, and how to make event indexes on it. */
export interface EventQueryContext extends ApplicationContext, Pick<EventIndexContext, 'openIndex'> {}

type Case = ConformanceCase<EventQueryContext>;

// More than are read at once.
const MANY = 1_203;

const at = (ms: number): Date => new Date(1_700_000_000_000 + ms);

/** An application with an index that has nothing yet, and where its log ends. */
async function open(context: EventQueryContext): Promise<{ readonly app: Application; readonly gt: NotificationId }> {
  const eventIndex = await context.openIndex();
  return { app: sampleApplication(context, { eventIndex }), gt: await context.recorder.maxNotificationId() };
}

async function read(app: Application, options: ReadEventsOptions): Promise<readonly NotifiedEvent[]> {
  const events: NotifiedEvent[] = [];
  for await (const event of app.readAll(options)) events.push(event);
  return events;
}

/** What is named in the data of an event of the samples. */
const quantityOf = ({ data }: NotifiedEvent): unknown => (data as { readonly quantity?: number }).quantity;

const findsByMetadata: Case = {
  name: 'events are read by who caused them, by tenant and by cause, with types and aggregates, in order',
  async run(context) {
    const { app, gt } = await open(context);
    const [item, book] = [newOriginatorId(), newOriginatorId()];
    const metadata: readonly CommandMetadata[] = [
      { actorId: 'anna', tenantId: 'north', correlationId: 'c1' },
      { actorId: 'ben', tenantId: 'north', correlationId: 'c2' },
      { actorId: 'anna', tenantId: 'south', correlationId: 'c1' },
      {},
    ];
    for (const [index, one] of metadata.entries()) {
      await app.execute(stockItem, item, receive(index + 1), { metadata: one });
    }
    await app.execute(stockItem, item, { type: 'Take', data: { quantity: 5 } }, { metadata: { tenantId: 'north' } });
    await app.saveAll([LogBook.open(book, 'a book')], { metadata: { tenantId: 'north', actorId: "o'hara \\ $1" } });
    const found = async (options: ReadEventsOptions): Promise<readonly unknown[]> =>
      (await read(app, { gt, ...options })).map((event) => quantityOf(event) ?? event.type);
    expectEqual(await found({ actorId: 'anna' }), [1, 3], 'by actor');
    expectEqual(await found({ tenantId: 'north' }), [1, 2, 5, 'Opened'], 'by tenant');
    expectEqual(await found({ correlationId: 'c1' }), [1, 3], 'by cause');
    expectEqual(await found({ actorId: 'anna', tenantId: 'north', correlationId: 'c1' }), [1], 'by all of them');
    expectEqual(await found({ actorId: 'ben', correlationId: 'c1' }), [], 'by what no event has together');
    expectEqual(await found({ actorId: "o'hara \\ $1" }), ['Opened'], 'whatever somebody is called');
    expectEqual(await found({ tenantId: 'nor' }), [], 'a name is whole');
    expectEqual(await found({ tenantId: 'north', aggregates: [stockItem] }), [1, 2, 5], 'of one aggregate type');
    expectEqual(await found({ tenantId: 'north', aggregates: [stockItem], types: ['Taken'] }), [5], 'of one type');
    expectEqual(await found({ tenantId: 'north', unknownTopic: 'skip' }), [1, 2, 5, 'Opened'], 'of what is known');
    expectEqual(await found({ aggregates: [stockItem] }), [1, 2, 3, 4, 5], 'by type alone');
    const [first] = await read(app, { gt, actorId: 'anna', limit: 1 });
    const [same] = await app.repository.history(stockItem, item);
    expectEqual(first, { ...same, notificationId: first?.notificationId }, 'an event is whole');
  },
};

const pages: Case = {
  name: 'events that are found are read page by page, and on from a position',
  async run(context) {
    const { app, gt } = await open(context);
    const [mine, others] = [newOriginatorId(), newOriginatorId()];
    const one = { metadata: { tenantId: 'mine' } };
    await app.execute(stockItem, mine, receive(1, 2), one);
    await app.execute(stockItem, others, receive(1, 2), { metadata: { tenantId: 'others' } });
    await app.execute(stockItem, mine, receive(1, MANY - 2), one);
    const query = { tenantId: 'mine' };
    const all = await read(app, { gt, ...query });
    expectEqual(all.length, MANY, 'all of them');
    const versions = all.map(({ originatorVersion }) => originatorVersion);
    expectTrue(
      versions.every((version, index) => version === index + 1),
      'each once, in order',
    );
    const paged: number[] = [];
    for (let after = gt; ;) {
      const page = await read(app, { gt: after, ...query, limit: 500 });
      paged.push(...page.map(({ originatorVersion }) => originatorVersion));
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.notificationId;
    }
    expectEqual(paged, versions, 'the same in pages');
    const stop = all[2]?.notificationId ?? 0;
    expectEqual((await read(app, { gt, stop, ...query })).length, 3, 'up to a position, inclusive');
    expectEqual((await read(app, { gt, stop, limit: 2 })).length, 2, 'so many of all');
    expectEqual(await read(app, { gt, limit: 0, ...query }), [], 'none');
    expectEqual(await read(app, { gt, limit: 0 }), [], 'none of all');
    for await (const { originatorVersion } of app.readAll({ gt, ...query })) if (originatorVersion === 3) break;
  },
};

const times: Case = {
  name: 'events of a time are read in the order of the log, and a range of times is half-open',
  async run(context) {
    const { app, gt } = await open(context);
    const id = newOriginatorId();
    const clocks = [30, 10, 20, 10, 40, 20];
    for (const [index, ms] of clocks.entries()) {
      const options = { occurredAt: at(ms), metadata: { tenantId: index % 2 === 0 ? 'even' : 'odd' } };
      await app.execute(stockItem, id, receive(index), options);
    }
    const found = async (options: ReadEventsOptions): Promise<readonly unknown[]> =>
      (await read(app, { gt, ...options })).map(quantityOf);
    expectEqual(await found({ from: at(10), to: at(20) }), [1, 3], 'from inclusive, to exclusive');
    expectEqual(await found({ from: at(20), to: at(40) }), [0, 2, 5], 'the next range has the rest');
    expectEqual(await found({ from: at(20) }), [0, 2, 4, 5], 'from a time on');
    expectEqual(await found({ to: at(20) }), [1, 3], 'up to a time');
    expectEqual(await found({ from: at(10), to: at(10) }), [], 'an empty range');
    expectEqual(await found({ from: at(40), to: at(10) }), [], 'a range that ends before it begins');
    expectEqual(await found({ from: at(10), to: at(21), tenantId: 'odd' }), [1, 3, 5], 'of a tenant');
    expectEqual(await found({ from: at(0), limit: 2 }), [0, 1], 'the first ones');
    const [, second] = await read(app, { gt, from: at(0), limit: 2 });
    expectEqual(await found({ gt: second?.notificationId, from: at(10), to: at(30) }), [2, 3, 5], 'those after');
    const state = new TextEncoder().encode('{"quantity":99}');
    const timeless = { originatorId: newOriginatorId(), originatorVersion: 1, topic: 'StockItem:Received', state };
    await context.recorder.insertEvents([timeless]);
    expectEqual(await found({ from: at(40) }), [4], 'what is in no index is not found');
  },
};

const follows: Case = {
  name: 'a subscription by tenant catches up, and goes on with what is recorded for it',
  async run(context) {
    const { app, gt } = await open(context);
    const [mine, others] = [newOriginatorId(), newOriginatorId()];
    const record = async (id: string, tenantId: string, quantity: number): Promise<unknown> =>
      await app.execute(stockItem, id, receive(quantity), { metadata: { tenantId } });
    await record(mine, 'mine', 1);
    await record(others, 'others', 2);
    const subscription = app.subscribe({ gt, tenantId: 'mine' });
    const taken: unknown[] = [quantityOf((await subscription.next()).value as NotifiedEvent)];
    const coming = subscription.next();
    await record(others, 'others', 3);
    await record(mine, 'mine', 4);
    taken.push(quantityOf((await coming).value as NotifiedEvent));
    await subscription.return();
    const typed = app.subscribe({ gt, tenantId: 'mine', aggregates: [stockItem], types: ['Taken'] });
    const next = typed.next();
    await app.execute(stockItem, others, { type: 'Take', data: { quantity: 1 } }, { metadata: { tenantId: 'others' } });
    await app.execute(stockItem, mine, { type: 'Take', data: { quantity: 5 } }, { metadata: { tenantId: 'mine' } });
    taken.push(quantityOf((await next).value as NotifiedEvent));
    await typed.return();
    expectEqual(taken, [1, 4, 5], 'what was recorded for the tenant');
  },
};

const isAborted: Case = {
  name: 'reading ends with the reason of its signal, and what was taken back was never there',
  async run(context) {
    const { app, gt } = await open(context);
    const id = newOriginatorId();
    const metadata = { tenantId: 'mine' };
    await app.execute(stockItem, id, receive(1, 3), { metadata });
    const reason = new RangeError('enough');
    for (const query of [{ tenantId: 'mine' }, {}]) {
      const abort = new AbortController();
      const reading = app.readAll({ gt, ...query, signal: abort.signal });
      await reading.next();
      abort.abort(reason);
      const second = await reading.next().catch((error: unknown) => error);
      expectTrue(second === reason, 'the reason');
      expectEqual((await reading.next()).done, true, 'it has ended');
      const before = app.readAll({ gt, ...query, signal: AbortSignal.abort(reason) });
      expectTrue((await before.next().catch((error: unknown) => error)) === reason, 'the reason, before anything');
    }
    const refused = app.execute(stockItem, id, { type: 'Take', data: { quantity: 9 } }, { metadata });
    await expectRejection(refused, 'COMMAND_ERROR', 'a command that says no');
    if (context.recorder.supports?.transactions === true) {
      const failed = app.transaction(async (tx) => {
        await tx.execute(stockItem, id, receive(7), { metadata });
        throw reason;
      });
      expectTrue((await failed.catch((error: unknown) => error)) === reason, 'a transaction that fails');
    }
    expectEqual((await read(app, { gt, tenantId: 'mine' })).length, 3, 'what was committed');
  },
};

/** Cases for reading by an {@link EventIndex}, on every engine. */
export const eventQueryCases: readonly Case[] = [findsByMetadata, pages, times, follows, isAborted];
