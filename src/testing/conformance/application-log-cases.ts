/**
 * What an application promises of its events as a whole: reading and following them.
 *
 * @module
 */
import { NotificationLog, NotificationLogReader } from '../../application/log/notification-log.js';
import type { NotifiedEvent } from '../../application/events/notified-event.js';
import { positionEventId } from '../../application/events/envelope-mapper.js';
import { systemClock } from '../../util/clock.js';
import { pause } from '../../util/pause.js';
import { receive, sampleApplication } from './application-context.js';
import type { ApplicationContext } from './application-context.js';
import { LogBook, stockItem } from './application-samples.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent } from './event-samples.js';

type Case = ConformanceCase<ApplicationContext>;

const subscriptionCatchesUp: Case = {
  name: 'a subscription catches up from a position, and goes on with what is recorded',
  async run(context) {
    const [app, other] = [sampleApplication(context), sampleApplication(context)];
    const gt = await context.recorder.maxNotificationId();
    const id = newOriginatorId();
    await app.execute(stockItem, id, receive(1, 3));
    const subscription = app.subscribe({ gt });
    const past = await take(subscription, 3, id);
    expectEqual(
      past.map(({ originatorVersion }) => originatorVersion),
      [1, 2, 3],
      'what was there',
    );
    const coming = take(subscription, 2, id);
    // By another application, where it is told of those; by itself everywhere.
    await (context.onRecorded === undefined ? app : other).execute(stockItem, id, receive(2));
    const { events, notificationIds } = await app.execute(stockItem, id, { type: 'Take', data: { quantity: 4 } });
    expectEqual((await coming)[1], { ...events[0], notificationId: notificationIds[0] }, 'the last that came');
    expectTrue((await subscription.return()).done === true, 'it has ended');
  },
};

const subscriptionSelects: Case = {
  name: 'a subscription gives the events of the aggregates and types that were asked for',
  async run(context) {
    const app = sampleApplication(context);
    const gt = await context.recorder.maxNotificationId();
    const [id, book, elsewhere] = [newOriginatorId(), newOriginatorId(), newOriginatorId()];
    await app.execute(stockItem, id, receive(1));
    await context.recorder.insertEvents([sampleEvent(elsewhere, 1, 'Elsewhere:Happened')]);
    await app.save(LogBook.open(book, 'a book'));
    await app.execute(stockItem, id, { type: 'Take', data: { quantity: 1 } });
    const items = await takeOnly(app.subscribe({ gt, aggregates: [stockItem] }), 2, id);
    expectEqual(
      items.map(({ type }) => type),
      ['Received', 'Taken'],
      'of items',
    );
    const [taken] = await takeOnly(app.subscribe({ gt, aggregates: [stockItem], types: ['Taken'] }), 1, id);
    expectEqual(taken?.type, 'Taken', 'of one type');
    const [opened] = await takeOnly(app.subscribe({ gt, unknownTopic: 'skip' }), 1, book);
    expectEqual(opened?.aggregateType, 'LogBook', 'of what is known');
    const all = (async () => {
      for await (const event of app.subscribe({ gt })) if (event.originatorId === id && event.type === 'Taken') return;
    })();
    await expectRejection(all, 'TOPIC_ERROR', 'of everything, an unknown topic among it');
    const read: string[] = [];
    for await (const { type, originatorId } of app.readAll({ gt, aggregates: [LogBook, stockItem] })) {
      if (originatorId === id || originatorId === book) read.push(type);
    }
    expectEqual(read, ['Received', 'Opened', 'Taken'], 'what readAll reads');
  },
};

const subscriptionEnds: Case = {
  name: 'a subscription ends when it is aborted or returned from, also while it waits',
  async run(context) {
    const app = sampleApplication(context);
    const gt = await context.recorder.maxNotificationId();
    const abort = new AbortController();
    const aborted = app.subscribe({ gt, aggregates: [LogBook], types: ['Written'], signal: abort.signal });
    const returned = app.subscribe({ gt, aggregates: [LogBook], types: ['Written'] });
    const waiting = [aborted.next(), aborted.next(), returned.next()];
    await pause(systemClock, 20);
    abort.abort();
    await returned.return();
    const outcomes = await Promise.all([...waiting, aborted.next(), returned.next()]);
    expectTrue(
      outcomes.every(({ done }) => done === true),
      'everyone who waits learns of it',
    );
  },
};

const foreignRowsAreRead: Case = {
  name: 'rows that others wrote without metadata are read, and keep one id',
  async run(context) {
    const app = sampleApplication(context);
    const id = newOriginatorId();
    const state = new TextEncoder().encode(
      '{"timestamp":{"_type_":"datetime_iso","_data_":"2024-02-07T15:32:51.123456+01:00"},"quantity":4}',
    );
    const gt = await context.recorder.maxNotificationId();
    const row = { originatorId: id, originatorVersion: 1, topic: 'StockItem:Received', state };
    await context.recorder.insertEvents([row]);
    expectEqual((await app.repository.load(stockItem, id)).state.quantity, 4, 'the state');
    const [event] = await takeOnly(app.subscribe({ gt, aggregates: [stockItem] }), 1, id);
    const eventId = positionEventId(id, 1);
    const occurredAt = new Date('2024-02-07T14:32:51.123Z');
    expectEqual(event?.metadata, { eventId, occurredAt, recordedAt: undefined, schemaVersion: 1 }, 'metadata');
  },
};

const sectionsReadEverything: Case = {
  name: 'the log in sections gives every notification once',
  async run(context) {
    const app = sampleApplication(context);
    const start = (await context.recorder.maxNotificationId()) + 1;
    const id = newOriginatorId();
    await app.execute(stockItem, id, receive(1, 23));
    await app.execute(stockItem, id, { type: 'Take', data: { quantity: 1 } });
    const reader = new NotificationLogReader(new NotificationLog(context.recorder, { sectionSize: 7 }));
    const versions: number[] = [];
    for await (const item of reader.read({ start }))
      if (item.originatorId === id) versions.push(item.originatorVersion);
    expectEqual(
      versions,
      Array.from({ length: 24 }, (_, index) => index + 1),
      'by sections',
    );
    const pages: number[] = [];
    for await (const page of reader.select({ start, topics: ['StockItem:Taken'] })) {
      pages.push(
        ...page.filter(({ originatorId }) => originatorId === id).map(({ originatorVersion }) => originatorVersion),
      );
    }
    expectEqual(pages, [24], 'by topics');
  },
};

/** The next events of one aggregate: others may be recording theirs. */
async function take<Event extends NotifiedEvent>(
  subscription: AsyncIterator<Event, undefined>,
  count: number,
  originatorId: string,
): Promise<readonly Event[]> {
  const events: Event[] = [];
  while (events.length < count) {
    const { value } = await subscription.next();
    if (value === undefined) break;
    if (value.originatorId === originatorId) events.push(value);
  }
  return events;
}

/** The same of a subscription that nobody needs afterwards. */
async function takeOnly<Event extends NotifiedEvent>(
  subscription: AsyncIterableIterator<Event, undefined>,
  count: number,
  originatorId: string,
): Promise<readonly Event[]> {
  try {
    return await take(subscription, count, originatorId);
  } finally {
    await subscription.return?.();
  }
}

/** The part of the suite about the events as a whole. */
export const applicationLogCases: readonly Case[] = [
  subscriptionCatchesUp,
  subscriptionSelects,
  subscriptionEnds,
  foreignRowsAreRead,
  sectionsReadEverything,
];
