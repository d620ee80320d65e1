/**
 * What an application promises on every engine: that it decides on what is stored, that expectations are truly checked,
 * and that nothing is stored by halves.
 *
 * @module
 */
import type { Application } from '../../application/application.js';
import { ConcurrencyError } from '../../application/aggregates/application-errors.js';
import type { ExpectedVersion } from '../../application/aggregates/expected-version.js';
import { defineDecider } from '../../domain/decider.js';
import type { DefinedDecider } from '../../domain/decider.js';
import { event } from '../../domain/message-types.js';
import type { Message, MessageDefinition } from '../../domain/message-types.js';
import { UUID } from '../../domain/uuid.js';
import { AESCipher } from '../../persistence/mapping/aes-cipher.js';
import type { ProcessRecorder } from '../../persistence/recorder.js';
import { ZlibCompressor } from '../../persistence/mapping/zlib-compressor.js';
import { receive, sampleApplication } from './application-context.js';
import type { ApplicationContext } from './application-context.js';
import { applicationLogCases } from './application-log-cases.js';
import { applicationTransactionCases } from './application-transaction-cases.js';
import { LogBook, stockItem } from './application-samples.js';
import { expectEqual, expectRejection, expectTrue } from './conformance.js';
import type { ConformanceCase } from './conformance.js';
import { newOriginatorId, sampleEvent } from './event-samples.js';

type Case = ConformanceCase<ApplicationContext>;

const tagged: DefinedDecider<number, never, Message<'Tagged', { readonly tag: UUID }>> = defineDecider({
  name: 'Tagged',
  events: { Tagged: event<{ readonly tag: UUID }>() },
  commands: {},
  initialState: () => 0,
  decide: () => [],
  evolve: (state) => state + 1,
});

/** A decider whose state is the data of its events. */
function place<Data extends object>(
  Placed: MessageDefinition<Data>,
): DefinedDecider<readonly Data[], never, Message<'Placed', Data>> {
  return defineDecider({
    name: 'Place',
    events: { Placed },
    commands: {},
    initialState: (): readonly Data[] => [],
    decide: () => [],
    evolve: (state, { data }) => [...state, data],
  });
}

/** A conflict about an aggregate that is at a version. */
async function expectConflict(attempt: Promise<unknown>, actual: number, what: string): Promise<void> {
  const outcome = await attempt.then(
    () => undefined,
    (error: unknown) => error,
  );
  expectTrue(outcome instanceof ConcurrencyError, `${what}: a ConcurrencyError, not ${String(outcome)}`);
  expectEqual((outcome as ConcurrencyError).actual, actual, `${what}: the actual version`);
}

const decidesAndSaves: Case = {
  name: 'execute decides on what is stored, saves what happens, and gives what loading gives',
  async run(context) {
    const app = sampleApplication(context);
    const id = newOriginatorId();
    const named = await app.execute(stockItem, id, { type: 'Name', data: { name: 'Bolts' } });
    expectEqual(named.version, 1, 'the version after the first command');
    const received = await app.execute(stockItem, id, receive(5, 3));
    expectEqual([received.version, received.events.length], [4, 3], 'the version and the events of the second');
    const taken = await app.execute(stockItem, id, { type: 'Take', data: { quantity: 12 } });
    expectEqual(taken.state, { name: 'Bolts', quantity: 3, moves: 4 }, 'the state after the third');
    expectEqual(taken.events[0]?.data, { quantity: 12 }, 'the data of its event');
    const ids = [named, received, taken].flatMap(({ notificationIds }) => notificationIds);
    expectTrue(
      ids.length === 5 && ids.every((value, index) => index === 0 || value > (ids[index - 1] as number)),
      'one notification id for each event, rising',
    );
    expectEqual(await app.repository.load(stockItem, id), { id, version: 5, state: taken.state }, 'what is loaded');
    expectEqual(await app.repository.history(stockItem, id, { gt: 4 }), taken.events, 'the history');
  },
};

const storesNothing: Case = {
  name: 'a command that is refused, and one that changes nothing, store nothing',
  async run(context) {
    const app = sampleApplication(context);
    const id = newOriginatorId();
    await app.execute(stockItem, id, receive(1));
    const last = await context.recorder.maxNotificationId();
    await expectRejection(
      app.execute(stockItem, id, { type: 'Take', data: { quantity: 2 } }),
      'COMMAND_ERROR',
      'more than there is',
    );
    const unchanged = await app.execute(stockItem, id, { type: 'Name', data: { name: '' } });
    expectEqual([unchanged.version, unchanged.events, unchanged.notificationIds], [1, [], []], 'nothing to do');
    expectEqual(await context.recorder.maxNotificationId(), last, 'the largest notification id');
  },
};

const loadsAtAVersion: Case = {
  name: 'an aggregate is loaded as it is, as it was at a version, or not at all',
  async run(context) {
    const app = sampleApplication(context);
    const { repository } = app;
    const [id, none] = [newOriginatorId(), newOriginatorId()];
    await app.execute(stockItem, id, receive(2, 4));
    const at = async (version: number): Promise<unknown> => (await repository.load(stockItem, id, { version })).state;
    expectEqual(await at(3), { name: '', quantity: 6, moves: 3 }, 'at version 3');
    expectEqual((await repository.load(stockItem, id, { version: 9 })).version, 4, 'a version that is to come');
    await expectRejection(repository.load(stockItem, id, { version: 0 }), 'AGGREGATE_NOT_FOUND', 'at version 0');
    await expectRejection(repository.load(stockItem, none), 'AGGREGATE_NOT_FOUND', 'no events');
    await expectRejection(repository.get(LogBook, none), 'AGGREGATE_NOT_FOUND', 'no events of a class');
    expectEqual(
      [await repository.exists(stockItem, id), await repository.exists(stockItem, none)],
      [true, false],
      'exists',
    );
    const empty = await repository.loadOrCreate(stockItem, none);
    expectEqual([empty.version, empty.state.quantity], [0, 0], 'before the first event');
    expectEqual((await repository.loadOrCreate(LogBook, none)).version, 0, 'an object before the first event');
  },
};

/** Expectations, and whether an aggregate without events and one at version 3 fulfil them. */
const EXPECTATIONS: readonly (readonly [ExpectedVersion, none: boolean, three: boolean])[] = [
  ['any', true, true],
  ['noStream', true, false],
  ['streamExists', false, true],
  [0, true, false],
  [2, false, false],
  [3, false, true],
  [7, false, false],
];

const expectationsAreChecked: Case = {
  name: 'expected versions are checked, alike by execute and append, and nothing is stored when they are wrong',
  async run(context) {
    const app = sampleApplication(context);
    for (const [expected, none, three] of EXPECTATIONS) {
      for (const [before, isRight] of [
        [0, none],
        [3, three],
      ] as const) {
        const [executed, appended] = [newOriginatorId(), newOriginatorId()];
        if (before > 0)
          await Promise.all([executed, appended].map((id) => app.execute(stockItem, id, receive(1, before))));
        const what = `${expected} at version ${before}`;
        const attempts = [
          () => app.execute(stockItem, executed, receive(1), { expected }),
          () => app.append(stockItem, appended, [{ type: 'Received', data: { quantity: 1 } }], expected),
        ];
        for (const attempt of attempts) {
          if (isRight) await attempt();
          else await expectConflict(attempt(), before, what);
        }
        const after = before + (isRight ? 1 : 0);
        for (const id of [executed, appended]) {
          expectEqual(await app.repository.versionOf(stockItem, id), after, `the version after ${what}`);
        }
      }
    }
  },
};

const classesAreSaved: Case = {
  name: 'several aggregates that are objects are saved at once, or none',
  async run(context) {
    const app = sampleApplication(context);
    const { repository } = app;
    const [left, right] = [newOriginatorId(), newOriginatorId()];
    const [first, second] = [LogBook.open(left, 'left'), LogBook.open(right, 'right')];
    first.write('a');
    const saved = await app.save(first, second);
    expectEqual(
      saved.map(({ type }) => type),
      ['Opened', 'Written', 'Opened'],
      'the events, by aggregate',
    );
    expectEqual(
      [first.pendingEvents.length, first.version, second.version],
      [0, 2, 1],
      'what is pending, the versions',
    );
    const [stale, other] = [await repository.get(LogBook, left), await repository.get(LogBook, right)];
    first.write('b');
    await app.save(first);
    stale.write('c');
    other.write('d');
    await expectConflict(app.save(other, stale), 3, 'a save of an aggregate that is behind');
    expectEqual([stale.pendingEvents.length, other.pendingEvents.length], [1, 1], 'what stays pending');
    const [again, untouched] = [await repository.get(LogBook, left), await repository.get(LogBook, right)];
    expectEqual([again.title, again.lines, again.version], ['left', ['a', 'b'], 3], 'the one that won');
    expectEqual([untouched.lines, untouched.version], [[], 1], 'the one that was saved along');
  },
};

const severalDeciders: Case = {
  name: 'executeAll saves all or nothing, and decides the commands of one aggregate one after the other',
  async run(context) {
    const app = sampleApplication(context);
    const [left, right] = [newOriginatorId(), newOriginatorId()];
    const [first, second, third] = await app.executeAll([
      [stockItem, left, receive(2)],
      [stockItem, right, receive(3)],
      [stockItem, left, { type: 'Take', data: { quantity: 2 } }],
    ]);
    expectEqual([first.version, second.version, third.version], [1, 1, 2], 'versions');
    expectEqual([first.state.quantity, third.state.quantity], [2, 0], 'the state after each');
    expectEqual(
      third.events.map(({ type }) => type),
      ['Taken'],
      'the events of the third alone',
    );
    expectTrue(first.events[0]?.metadata.correlationId === second.events[0]?.metadata.correlationId, 'one correlation');
    const refused = app.executeAll([
      [stockItem, left, receive(1)],
      [stockItem, right, { type: 'Take', data: { quantity: 9 } }],
    ]);
    await expectRejection(refused, 'COMMAND_ERROR', 'the second is refused');
    expectEqual(await app.repository.versionOf(stockItem, left), 2, 'the version of the first');
  },
};

const aFasterOneWins: Case = {
  name: 'of commands that are decided at once on one version, one is saved and the others learn of it',
  async run(context) {
    const id = newOriginatorId();
    const apps = [sampleApplication(context), sampleApplication(context), sampleApplication(context)];
    await apps[0]?.execute(stockItem, id, receive(1));
    const tried = await Promise.all(
      apps.map((app, index) => app.tryExecute(stockItem, id, receive(index), { expected: 1 })),
    );
    const won = tried.filter((outcome) => outcome.ok);
    expectEqual(won.length, 1, 'how many won');
    for (const outcome of tried) {
      if (outcome.ok) continue;
      const { aggregateId, expected, actual, conflictingEvents } = outcome.conflict;
      expectEqual([aggregateId, expected, actual], [id, 1, 2], 'the conflict');
      expectEqual(conflictingEvents, won[0]?.events, 'the conflicting events');
    }
  },
};

const retriesLoseNothing: Case = {
  name: 'commands that are decided again lose nothing',
  async run(context) {
    const id = newOriginatorId();
    const apps = [sampleApplication(context), sampleApplication(context, { cache: {} })];
    const retry = { attemptsMax: 50, delayMsMax: 20 };
    await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        (apps[index % apps.length] as Application).execute(stockItem, id, receive(1, 2), { retry }),
      ),
    );
    const { version, state } = await sampleApplication(context).repository.load(stockItem, id);
    expectEqual([version, state.quantity], [20, 20], 'version and quantity');
  },
};

const appendsGoBehindEachOther: Case = {
  name: 'events that are appended at once, whatever is there, are all there',
  async run(context) {
    const app = sampleApplication(context);
    const id = newOriginatorId();
    await Promise.all(
      Array.from({ length: 6 }, () => app.append(stockItem, id, [{ type: 'Received', data: { quantity: 1 } }])),
    );
    expectEqual((await app.repository.load(stockItem, id)).state.quantity, 6, 'the quantity');
  },
};

const metadataSurvives: Case = {
  name: 'metadata, custom values, compression and encryption survive',
  async run(context) {
    const occurredAt = new Date('2026-03-04T05:06:07.089Z');
    const attributes = { request_path: '/é', retries: 3, tags: { a: [1, null, true], b: {} } };
    const metadata = { actorId: 'anna', causationId: newOriginatorId(), tenantId: 'north', attributes };
    const cipher = await AESCipher.fromKey(btoa('0123456789abcdef'));
    const app = sampleApplication(context, { aggregates: [tagged], compressor: new ZlibCompressor(), cipher });
    const id = newOriginatorId();
    const tag = UUID.random();
    const saved = await app.append(tagged, id, [{ type: 'Tagged', data: { tag } }], 'noStream', {
      metadata,
      occurredAt,
    });
    const [read] = await app.repository.history(tagged, id);
    expectTrue(tag.equals(read?.data.tag), 'the UUID is one again');
    expectEqual(read?.metadata, saved[0]?.metadata, 'metadata');
    expectEqual(
      { ...read?.metadata, eventId: undefined, recordedAt: undefined, correlationId: undefined },
      {
        ...metadata,
        occurredAt,
        schemaVersion: 1,
        eventId: undefined,
        recordedAt: undefined,
        correlationId: undefined,
      },
      'what was given',
    );
    expectEqual(read?.metadata.correlationId, read?.metadata.eventId, 'the correlation of the first event');
  },
};

const oldVersionsAreUpcast: Case = {
  name: 'events of an older version are upcast, and say which version they were written in',
  async run(context) {
    const id = newOriginatorId();
    const old = place(event<{ spot: string }>());
    const oldApp = sampleApplication(context, { aggregates: [old] });
    await oldApp.append(old, id, [{ type: 'Placed', data: { spot: 'A-1' } }]);
    const present = place(
      event<{ shelf: string }>({ version: 2, upcasts: { 1: (data) => ({ shelf: data['spot'] }) } }),
    );
    const app = sampleApplication(context, { aggregates: [present] });
    await app.append(present, id, [{ type: 'Placed', data: { shelf: 'B-2' } }]);
    const events = await app.repository.history(present, id);
    expectEqual(
      events.map(({ data, metadata }) => [data, metadata.schemaVersion]),
      [
        [{ shelf: 'A-1' }, 1],
        [{ shelf: 'B-2' }, 2],
      ],
      'data and versions',
    );
    expectEqual((await app.repository.load(present, id)).state, [{ shelf: 'A-1' }, { shelf: 'B-2' }], 'the state');
    await expectRejection(oldApp.repository.load(old, id), 'APPLICATION_TOO_OLD', 'a version that is too new');
  },
};

const foreignRowsAreRefused: Case = {
  name: 'rows of another aggregate, of an unknown topic, or after a gap are refused before any state is given',
  async run(context) {
    const app = sampleApplication(context);
    const { repository } = app;
    const book = newOriginatorId();
    await app.save(LogBook.open(book, 'a book'));
    await expectRejection(repository.load(stockItem, book), 'EVENT_HANDLER_ERROR', 'a book as an item');
    await expectRejection(app.execute(stockItem, book, receive(1)), 'EVENT_HANDLER_ERROR', 'a command for a book');
    await expectRejection(repository.exists(stockItem, book), 'EVENT_HANDLER_ERROR', 'whether a book is an item');
    const event = { type: 'Received', data: { quantity: 1 } } as const;
    await expectRejection(app.append(stockItem, book, [event]), 'EVENT_HANDLER_ERROR', 'an event for a book');
    const gap = newOriginatorId();
    await context.recorder.insertEvents([{ ...sampleEvent(gap, 2, 'StockItem:Received') }]);
    await expectRejection(repository.load(stockItem, gap), 'EVENT_HANDLER_ERROR', 'version 1 is missing');
    const unknown = newOriginatorId();
    await context.recorder.insertEvents([sampleEvent(unknown, 1, 'Elsewhere:Happened')]);
    await expectRejection(repository.load(stockItem, unknown), 'TOPIC_ERROR', 'an unknown topic');
    const { recorder } = context;
    const item = newOriginatorId();
    await app.execute(stockItem, item, receive(1));
    // Of the same types of events, by name.
    const bin = { ...stockItem, name: 'Bin' };
    const both = sampleApplication(context, { aggregates: [stockItem, bin] });
    await expectRejection(both.repository.load(bin, item), 'EVENT_HANDLER_ERROR', 'an item as a bin');
    const swapped: ProcessRecorder = {
      insertEvents: (events, options) => recorder.insertEvents(events, options),
      selectEvents: () => recorder.selectEvents(item),
      selectNotifications: (options) => recorder.selectNotifications(options),
      maxNotificationId: () => recorder.maxNotificationId(),
      maxTrackingId: (name) => recorder.maxTrackingId(name),
      hasTrackingId: (name, notificationId) => recorder.hasTrackingId(name, notificationId),
    };
    const fooled = sampleApplication({ recorder: swapped });
    await expectRejection(
      fooled.repository.load(stockItem, newOriginatorId()),
      'EVENT_HANDLER_ERROR',
      'rows of another',
    );
  },
};

const reservedKeys: Case = {
  name: 'data with a reserved key is refused before anything is stored',
  async run(context) {
    const app = sampleApplication(context, { aggregates: [tagged] });
    const id = newOriginatorId();
    for (const key of ['timestamp', 'metadata_', 'class_version', 'originator_id', 'originator_version']) {
      const data = { tag: UUID.random(), [key]: 1 };
      const fine = { type: 'Tagged', data: { tag: UUID.random() } } as const;
      await expectRejection(app.append(tagged, id, [fine, { type: 'Tagged', data }]), 'PROGRAMMING_ERROR', key);
    }
    expectEqual(await app.repository.exists(tagged, id), false, 'whether anything was stored');
  },
};

const trackingIsExactlyOnce: Case = {
  name: 'a tracking record is recorded with the events, once',
  async run(context) {
    const app = sampleApplication(context);
    const id = newOriginatorId();
    const tracking = { applicationName: `upstream-${id}`, notificationId: 7 };
    await app.execute(stockItem, id, receive(1), { tracking });
    expectEqual(await context.recorder.maxTrackingId(tracking.applicationName), 7, 'the tracking id');
    await expectRejection(app.execute(stockItem, id, receive(1), { tracking }), 'INTEGRITY_ERROR', 'again');
    const next = { ...tracking, notificationId: 8 };
    await app.execute(stockItem, id, { type: 'Name', data: { name: '' } }, { tracking: next });
    expectEqual(await context.recorder.maxTrackingId(tracking.applicationName), 8, 'of a command without events');
    expectEqual(await app.repository.versionOf(stockItem, id), 1, 'the version');
  },
};

const participantsCommitAlong: Case = {
  name: 'in-line participants see the events inside the transaction; one that refuses takes them back',
  async run(context) {
    if (!('transaction' in context.recorder)) return;
    const seen: unknown[] = [];
    const committed: unknown[] = [];
    const app = sampleApplication(context, {
      inline: [
        {
          async onRecorded(transaction, events) {
            seen.length = 0;
            const [first] = events;
            const rows = await transaction.selectEvents(first?.originatorId ?? '');
            seen.push(rows.length, ...events.map(({ notificationId }) => notificationId));
            if (events.some(({ data }) => 'quantity' in data && data.quantity === 13)) throw new RangeError('13');
          },
          onCommitted: (events) => committed.push(...events.map(({ notificationId }) => notificationId)),
        },
      ],
    });
    const id = newOriginatorId();
    const { notificationIds } = await app.execute(stockItem, id, receive(1, 2));
    expectEqual(seen, [2, ...notificationIds], 'what was seen inside');
    expectEqual(committed, notificationIds, 'what was told after the commit');
    const refused = await app.execute(stockItem, id, receive(13)).then(
      () => undefined,
      (error: unknown) => error,
    );
    expectTrue(refused instanceof RangeError, 'the rejection is what the participant threw');
    expectEqual(await app.repository.versionOf(stockItem, id), 2, 'the version after it refused');
    expectEqual(committed, notificationIds, 'nothing more was told');
    const stale = sampleApplication(context);
    await stale.execute(stockItem, id, receive(1));
    await expectConflict(app.execute(stockItem, id, receive(1), { expected: 2 }), 3, 'a conflict');
  },
};

/** The suite, for every engine. */
export const applicationCases: readonly Case[] = [
  decidesAndSaves,
  storesNothing,
  loadsAtAVersion,
  expectationsAreChecked,
  classesAreSaved,
  severalDeciders,
  aFasterOneWins,
  retriesLoseNothing,
  appendsGoBehindEachOther,
  metadataSurvives,
  oldVersionsAreUpcast,
  foreignRowsAreRefused,
  reservedKeys,
  trackingIsExactlyOnce,
  participantsCommitAlong,
  ...applicationLogCases,
  ...applicationTransactionCases,
];
