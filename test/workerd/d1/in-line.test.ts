/** What takes part in commits on D1: statements that are known beforehand, in the batch of the events. */
import { expect, test } from 'vitest';
import type { InlineParticipant } from '../../../src/application/events/inline-participant.js';
import { MemoryOutbox } from '../../../src/application/outbox/memory-outbox.js';
import { receive, sampleApplication } from '../../../src/testing/conformance/application-context.js';
import { stockItem } from '../../../src/testing/conformance/application-samples.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { newTables, openEmptyD1 } from '../support/d1-context.js';

test('a participant writes in the batch of the events, by the ids that they are given; one that refuses takes them back', async () => {
  const tables = newTables();
  const recorder = await openEmptyD1(tables);
  const others = await openEmptyD1(tables);
  const own = newTables().eventsTable;
  await recorder.batch([{ text: `CREATE TABLE ${own} (id INTEGER PRIMARY KEY, type TEXT NOT NULL)`, values: [] }]);
  const asked: number[][] = [];
  const committed: number[] = [];
  const participant: InlineParticipant = {
    async statementsFor(events) {
      asked.push(events.map(({ notificationId }) => notificationId));
      // Somebody else is first, once.
      if (asked.length === 2) await others.insertEvents([sampleEvent(newOriginatorId(), 1)]);
      const text = `INSERT INTO ${own} VALUES ($1, $2)`;
      return events.map(({ notificationId, type }) => ({
        text,
        values: [notificationId, asked.length === 4 ? null : type],
      }));
    },
    onCommitted: (events) => committed.push(...events.map(({ notificationId }) => notificationId)),
  };
  const app = sampleApplication({ recorder }, { inline: [participant] });
  const id = newOriginatorId();
  await app.execute(stockItem, id, receive(5, 2));
  await app.execute(stockItem, id, receive(7));
  expect(asked).toEqual([[1, 2], [3], [4]]);
  await expect(app.execute(stockItem, id, receive(9))).rejects.toMatchObject({ code: 'INTEGRITY_ERROR' });
  const { rows } = await recorder.query(`SELECT id, type FROM ${own} ORDER BY id`);
  expect(rows.map((row) => row['id'])).toEqual([1, 2, 4]);
  expect(committed).toEqual([1, 2, 4]);
  expect(await app.repository.versionOf(stockItem, id)).toBe(3);
});

test('a participant that needs a transaction is refused, and told what to do', async () => {
  const recorder = await openEmptyD1();
  expect(() => sampleApplication({ recorder }, { inline: [new MemoryOutbox()] })).toThrow(
    expect.objectContaining({ code: 'PROGRAMMING_ERROR', message: expect.stringContaining('statementsFor') as string }),
  );
});
