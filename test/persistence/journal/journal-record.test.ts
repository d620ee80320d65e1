import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  packEvents,
  packNotifications,
  unpackEvents,
  unpackNotifications,
} from '../../../src/persistence/event-batch.js';
import { decodeJournalRecord, encodeJournalRecord } from '../../../src/persistence/journal/journal-record.js';
import type { CheckedCommit } from '../../../src/persistence/journal/replica.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';

const storedEvent: fc.Arbitrary<StoredEvent> = fc.record({
  originatorId: fc.uuid(),
  originatorVersion: fc.maxSafeNat(),
  topic: fc.oneof(fc.constantFrom('a', 'b'), fc.string({ minLength: 1, unit: 'grapheme' })),
  state: fc.uint8Array({ maxLength: 50 }),
});
const commit: fc.Arbitrary<CheckedCommit> = fc
  .record({
    events: fc.array(storedEvent, { maxLength: 5 }),
    firstNotificationId: fc.maxSafeNat(),
    tracking: fc.option(fc.record({ applicationName: fc.string({ minLength: 1 }), notificationId: fc.maxSafeNat() }), {
      nil: undefined,
    }),
  })
  .map((made) => (made.events.length === 0 ? { ...made, firstNotificationId: 0 } : made))
  .chain((made) =>
    fc
      .option(fc.uint8Array({ maxLength: 30 }), { nil: undefined, freq: 2 })
      .map((changes) => (changes === undefined ? made : { ...made, changes })),
  );
const commits = fc.array(commit, { minLength: 1, maxLength: 4 });
const position = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

describe('packed events', () => {
  test('come back, with and without ids', () => {
    fc.assert(
      fc.property(fc.array(storedEvent), (events) => {
        expect(unpackEvents(packEvents(events)).map(copied)).toEqual(events.map(copied));
        const notifications = events.map((event, index) => ({ id: index * 1_000_003, ...event }));
        expect(unpackNotifications(packNotifications(notifications)).map(copied)).toEqual(notifications.map(copied));
      }),
    );
  });

  test('any bytes give events or a DataError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          unpackEvents(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'DATA_ERROR' });
        }
      }),
    );
  });
});

describe('journal records', () => {
  test('come back as they were written', () => {
    fc.assert(
      fc.property(position, commits, (at, written) => {
        const read = decodeJournalRecord(at, encodeJournalRecord(at, written));
        expect(read.map(copiedCommit)).toEqual(written.map(copiedCommit));
      }),
    );
  });

  test('are the same bytes whether the events came packed or not', () => {
    fc.assert(
      fc.property(commits, (written) => {
        const packed = written.map((one) => ({ ...one, packedEvents: packEvents(one.events) }));
        expect(encodeJournalRecord(1, packed)).toEqual(encodeJournalRecord(1, written));
      }),
    );
  });

  test('the bytes of format 1 do not change', () => {
    const record = encodeJournalRecord(7, [
      {
        events: [
          {
            originatorId: 'b2723fe2-c01a-40d2-875e-a3aac6a09ff5',
            originatorVersion: 1,
            topic: 'Counted',
            state: new TextEncoder().encode('{"n":12}'),
          },
        ],
        firstNotificationId: 300,
        tracking: { applicationName: 'upstream', notificationId: 5 },
      },
    ]);
    expect(Buffer.from(record).toString('hex')).toBe(
      '44424a4e01000000784af8260700000000000000010201ac0226000107436f756e74656401b2723fe2c01a40d2875ea3aac6a09ff5010008' +
        '7b226e223a31327d0208757073747265616d05',
    );
  });

  test('the bytes of format 2, which is used for changes of own tables only, do not change', () => {
    const changes = Uint8Array.of(1, 1, 2, 97, 98);
    const record = encodeJournalRecord(7, [{ events: [], firstNotificationId: 0, tracking: undefined, changes }]);
    expect(Buffer.from(record).toString('hex')).toBe('44424a4e020000002cd28b0a0700000000000000010103050101026162');
    const plain = encodeJournalRecord(7, [{ events: [], firstNotificationId: 0, tracking: undefined }]);
    expect(plain[4]).toBe(1);
  });

  test('any changed byte is noticed, as is a missing or added one', () => {
    fc.assert(
      fc.property(position, commits, fc.nat(), fc.integer({ min: 1, max: 255 }), (at, written, where, change) => {
        const record = encodeJournalRecord(at, written);
        const index = where % record.length;
        const changed = record.slice();
        changed[index] = (changed[index] as number) ^ change;
        // Bytes 5 to 7 are reserved and say nothing yet.
        if (index < 5 || index > 7) expectRefusal(at, changed);
        expectRefusal(at, record.slice(0, index));
        expectRefusal(at, Uint8Array.of(...record, change));
      }),
    );
  });

  test('a record under another position is noticed', () => {
    const record = encodeJournalRecord(1, [{ events: [], firstNotificationId: 0, tracking: undefined }]);
    expect(() => decodeJournalRecord(2, record)).toThrow(expect.objectContaining({ code: 'CORRUPT_JOURNAL' }));
  });

  test('a newer format is refused as such, not called damaged', () => {
    const record = encodeJournalRecord(1, [{ events: [], firstNotificationId: 0, tracking: undefined }]);
    record[4] = 4;
    expect(() => decodeJournalRecord(1, record)).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }));
  });
});

function expectRefusal(at: number, bytes: Uint8Array): void {
  let thrown: unknown;
  try {
    decodeJournalRecord(at, bytes);
  } catch (error) {
    thrown = error;
  }
  expect(['CORRUPT_JOURNAL', 'NOT_SUPPORTED']).toContain((thrown as { code?: string } | undefined)?.code);
}

function copied<E extends StoredEvent>(event: E): E {
  return { ...event, state: new Uint8Array(event.state) };
}

function copiedCommit({ events, firstNotificationId, tracking, changes }: CheckedCommit): CheckedCommit {
  const commit = { events: events.map(copied), firstNotificationId, tracking };
  return changes === undefined ? commit : { ...commit, changes: new Uint8Array(changes) };
}
