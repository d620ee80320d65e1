/** Answers about what is personal: when somebody is forgotten, none that was kept is given any more, wherever it was kept. */
import { expect, onTestFinished, test } from 'vitest';
import { Application } from '../../src/application/application.js';
import { cached, invalidateFrom } from '../../src/application/cached.js';
import { MemorySubjectKeys } from '../../src/application/personal/memory-subject-keys.js';
import { cachedIn } from '../../src/application/shared-cache.js';
import { defineDecider } from '../../src/domain/decider.js';
import { command, event } from '../../src/domain/message-types.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';

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

test('answers of those who were forgotten are old, in this process and in what is shared, until the signal', async () => {
  const recorder = new MemoryProcessRecorder();
  const keys = new MemorySubjectKeys();
  const app = new Application({ recorder, aggregates: [booking], subjectKeys: keys });
  const ids = [newOriginatorId(), newOriginatorId()] as const;
  for (const [index, id] of ids.entries()) {
    await app.execute(booking, id, { type: 'Book', data: { guestId: `c-${index}`, guest: `Guest ${index}` } });
  }
  const texts = new Map<string, string>();
  const backend = {
    get: async (key: string) => Promise.resolve(texts.get(key)),
    set: async (key: string, text: string) => Promise.resolve(texts.set(key, text)),
  };
  const ask = async (id: string): Promise<string> => (await app.repository.load(booking, id)).state.guest;
  const [own, shared] = [cached(ask), cachedIn(backend, ask, { name: 'guests' })];
  const stop = new AbortController();
  const following = invalidateFrom(app, [own, shared], () => [], { signal: stop.signal, keys });
  onTestFinished(() => stop.abort());
  for (const guest of [own, shared]) expect(await guest(ids[0])).toBe('Guest 0');
  await keys.forget('c-0');
  for (const guest of [own, shared]) await expect.poll(() => guest(ids[0])).toBe('(forgotten)');
  stop.abort();
  await following.catch(() => undefined);
  for (const guest of [own, shared]) expect(await guest(ids[1])).toBe('Guest 1');
  await keys.forget('c-1');
  // Nobody tells any more; what this process kept was dropped with the signal.
  expect(await shared(ids[1])).toBe('Guest 1');
});
