import { describe, expect, test } from 'vitest';
import { Application } from '../../src/application/application.js';
import { MemoryEventIndex } from '../../src/application/event-index/memory-event-index.js';
import { MemoryOutbox } from '../../src/application/outbox/memory-outbox.js';
import { TransactionalOutbox } from '../../src/application/outbox/transactional-outbox.js';
import { Aggregate } from '../../src/domain/aggregate.js';
import { defineDecider } from '../../src/domain/decider.js';
import { command, event } from '../../src/domain/message-types.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { openTab } from '../support/own-tables-tab.js';
import { SharedJournal } from '../support/shared-journal.js';
import { SQL_RECORDERS } from '../support/sql-recorders.js';

// More than a call takes as arguments, on every engine of JavaScript.
const MANY = 130_000;
const TIMEOUT_MS = 120_000;

const ledger = defineDecider({
  name: 'Ledger',
  events: { Booked: event<{ n: number }>() },
  commands: { Import: command<{ count: number }>() },
  initialState: () => ({ entries: 0 }),
  decide: {
    Import: ({ data }) => Array.from({ length: data.count }, (_, n) => ({ type: 'Booked' as const, data: { n } })),
  },
  evolve: { Booked: ({ entries }) => ({ entries: entries + 1 }) },
});

class Account extends Aggregate.of('Account', { Opened: event() }) {
  isOpen = false;

  open(): void {
    this.apply('Opened');
  }

  onOpened(): void {
    this.isOpen = true;
  }
}

const IMPORT = { type: 'Import', data: { count: MANY } } as const;

async function expectTaken(app: Application): Promise<void> {
  const id = newOriginatorId();
  const { version, events, state } = await app.execute(ledger, id, IMPORT);
  expect([version, events.length, state.entries]).toEqual([MANY, MANY, MANY]);
  expect((await app.repository.load(ledger, id)).state.entries).toBe(MANY);
  expect(await app.recorder.maxNotificationId()).toBe(MANY);
}

describe('a command of very many events', () => {
  test('is recorded in memory, with an outbox and an index there', { timeout: TIMEOUT_MS }, async () => {
    const [outbox, index] = [new MemoryOutbox(), new MemoryEventIndex()];
    const recorder = new MemoryProcessRecorder();
    await expectTaken(new Application({ recorder, aggregates: [ledger], inline: [outbox, index] }));
    expect(await outbox.counts()).toEqual({ pending: MANY, published: 0, failed: 0 });
    expect(await index.find({ limit: MANY })).toHaveLength(MANY);
  });

  test('is recorded on PostgreSQL', { timeout: TIMEOUT_MS }, async () => {
    const { recorder, close } = await SQL_RECORDERS['PostgreSQL']!();
    await expectTaken(new Application({ recorder, aggregates: [ledger] }));
    await close();
  });

  test('is recorded durably, and replayed in another tab', { timeout: TIMEOUT_MS }, async () => {
    const journal = new SharedJournal();
    const tab = await openTab(journal);
    await expectTaken(new Application({ recorder: tab.recorder, aggregates: [ledger] }));
    const again = await openTab(journal);
    expect(await again.recorder.maxNotificationId()).toBe(MANY);
    await tab.recorder.close();
    await again.recorder.close();
  });
});

// What a caller has as an array need not be spread.
test('very many aggregates are saved, and their events enqueued, by one call', { timeout: TIMEOUT_MS }, async () => {
  const app = new Application({ recorder: new MemoryProcessRecorder(), aggregates: [Account] });
  const accounts = Array.from({ length: MANY }, () => new Account(newOriginatorId()));
  for (const account of accounts) account.open();
  const saved = await app.saveAll(accounts);
  expect(saved).toHaveLength(MANY);
  const store = new MemoryOutbox();
  await using outbox = new TransactionalOutbox({ outbox: store, publish: async () => undefined });
  await outbox.enqueue(saved);
  expect((await store.counts()).pending).toBe(MANY);
});
