/** Live queries of what is personal: when somebody is forgotten, results have nothing of theirs any more. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { Application } from '../../src/application/application.js';
import { MemoryEventIndex } from '../../src/application/event-index/memory-event-index.js';
import { MemorySubjectKeys } from '../../src/application/personal/memory-subject-keys.js';
import { defineDecider } from '../../src/domain/decider.js';
import { command, event } from '../../src/domain/message-types.js';
import { LiveQueries } from '../../src/live/live-queries.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { PATIENTLY } from '../support/patience.js';

interface Booked {
  readonly guestId: string;
  readonly guest: string;
}

const personal = { guest: { subject: 'guestId', forgotten: '(forgotten)' } } as const;

const booking = defineDecider({
  name: 'Booking',
  events: { Booked: event<Booked>({ personal }) },
  commands: { Book: command<Booked>({ personal }) },
  initialState: () => ({ guest: '' }),
  decide: { Book: ({ data }) => ({ type: 'Booked', data }) },
  evolve: { Booked: (_state, { data }) => ({ guest: data.guest }) },
});

test('aggregates and events are read again without them, and nothing else is', async () => {
  const recorder = new MemoryProcessRecorder();
  const subjectKeys = new MemorySubjectKeys();
  const eventIndex = new MemoryEventIndex();
  const app = new Application({ recorder, aggregates: [booking], subjectKeys, eventIndex });
  const [anna, ben] = [newOriginatorId(), newOriginatorId()];
  const metadata = { tenantId: 'north' };
  for (const [id, guestId, guest] of [
    [anna, 'c-1', 'Anna Berg'],
    [ben, 'c-2', 'Ben Tal'],
  ] as const) {
    await app.execute(booking, id, { type: 'Book', data: { guestId, guest } }, { metadata });
  }
  const live = new LiveQueries({ recorder, keys: subjectKeys });
  onTestFinished(() => live.close());
  let others = 0;
  const queries = {
    aggregate: live.query(async (read) => (await read.load(app, booking, anna)).state.guest),
    events: live.query(async (read) =>
      (await read.events(app, { tenantId: 'north', aggregates: [booking] })).map(({ data }) => data.guest),
    ),
    rows: live.query((read) => {
      read.note({ tables: ['rooms'] });
      return Promise.resolve((others += 1));
    }),
  };
  for (const query of Object.values(queries)) onTestFinished(query.subscribe(() => undefined));
  await vi.waitFor(() => expect(queries.events.value.data).toEqual(['Anna Berg', 'Ben Tal']), PATIENTLY);
  await vi.waitFor(() => expect(queries.aggregate.value.data).toBe('Anna Berg'), PATIENTLY);
  await subjectKeys.forget('c-1');
  await vi.waitFor(() => expect(queries.events.value.data).toEqual(['(forgotten)', 'Ben Tal']), PATIENTLY);
  await vi.waitFor(() => expect(queries.aggregate.value.data).toBe('(forgotten)'), PATIENTLY);
  expect(others).toBe(1);
});
