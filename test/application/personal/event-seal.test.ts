/** What is personal in an outbox: sealed by keys of people, on each engine, and gone with them. */
import { afterEach, describe, expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import type { NotifiedEvent } from '../../../src/application/events/notified-event.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { personalSeal } from '../../../src/application/personal/event-seal.js';
import { MemorySubjectKeys } from '../../../src/application/personal/memory-subject-keys.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { command, event } from '../../../src/domain/message-types.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';

interface Named {
  readonly customerId: string;
  readonly name: string;
  readonly city: string;
}
const personal = { name: { subject: 'customerId', forgotten: '(forgotten)' } } as const;
const customer = defineDecider({
  name: 'Customer',
  events: { Named: event<Named>({ personal }), Moved: event<{ city: string }>() },
  commands: { Name: command<Named>({ personal }), Move: command<{ city: string }>() },
  initialState: () => ({}),
  decide: { Name: ({ data }) => ({ type: 'Named', data }), Move: ({ data }) => ({ type: 'Moved', data }) },
  evolve: { Named: (state) => state, Moved: (state) => state },
});

const closings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closings.splice(0)) await close();
});

describe.each(Object.keys(SQL_RECORDERS))('an outbox with a seal, on %s', (engine) => {
  const open = async () => {
    const { recorder, close } = await (SQL_RECORDERS[engine] as (typeof SQL_RECORDERS)[string])();
    closings.push(close);
    const subjectKeys = new MemorySubjectKeys();
    const seal = personalSeal({ subjectKeys, aggregates: [customer] });
    const table = `outbox_${crypto.randomUUID().slice(0, 8)}`;
    const outbox = new SqlOutbox({ recorder, seal, table });
    await outbox.createTables();
    const app = new Application({ recorder, aggregates: [customer], subjectKeys, inline: [outbox] });
    const rows = async (): Promise<string> => JSON.stringify((await recorder.query(`SELECT * FROM ${table}`)).rows);
    return { subjectKeys, outbox, app, rows };
  };
  const name = { customerId: 'c-1', name: 'Anna Berg', city: 'Ulm' };

  test('has nothing of the person that could be read, and reads as it was recorded', async () => {
    const { app, outbox, rows } = await open();
    const id = newOriginatorId();
    await app.execute(customer, id, { type: 'Name', data: name });
    await app.execute(customer, id, { type: 'Move', data: { city: 'Bern' } });
    expect(await rows()).not.toMatch(/Anna|Berg/);
    expect(await rows()).toMatch(/Ulm/);
    const entries = await outbox.pending();
    expect(await Promise.all(entries.map(async (entry) => (await entry.event()).data))).toEqual([
      name,
      { city: 'Bern' },
    ]);
  });

  test('publishes what was declared for who was forgotten meanwhile, and takes events about them', async () => {
    const { app, outbox, subjectKeys, rows } = await open();
    const id = newOriginatorId();
    await app.execute(customer, id, { type: 'Name', data: name });
    await subjectKeys.forget('c-1');
    const [entry] = await outbox.pending();
    expect((await entry?.event())?.data).toEqual({ ...name, name: '(forgotten)' });
    // As it is read of the log now, where somebody else records it in the outbox.
    const events: NotifiedEvent[] = [];
    for await (const one of app.readAll()) events.push(one);
    await outbox.enqueue([{ ...(events[0] as NotifiedEvent), notificationId: 1_000 }]);
    const [, second] = await outbox.pending();
    expect((await second?.event())?.data).toEqual({ ...name, name: '(forgotten)' });
    expect(await rows()).not.toMatch(/Anna|Berg/);
  });
});
