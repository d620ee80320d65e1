import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  packEvents,
  packNotifications,
  unpackEvents,
  unpackNotifications,
} from '../../../src/persistence/event-batch.js';
import { decodeJournalRecord, encodeJournalRecord } from '../../../src/persistence/journal/journal-record.js';
import { packSyncChange, unpackSyncChange } from '../../../src/persistence/journal/sync-change.js';
import type { PageStep, SyncChange } from '../../../src/persistence/journal/sync-change.js';
import { crc32 } from '../../../src/util/crc32.js';
import type { CheckedCommit } from '../../../src/persistence/journal/replica.js';
import type { StoredEvent } from '../../../src/persistence/stored-event.js';

const PAGE_STEP: PageStep = {
  kind: 'page',
  cursor: '14-abc',
  position: 14,
  droppedMarks: [3],
  replaced: [301],
  confirmed: [
    { place: 298, position: 12, total: 2, origin: { author: 'a', recordedAtMs: 5, seal: Uint8Array.of(1, 2) } },
  ],
  firstNotificationId: 310,
  wereHere: [0],
  ...{ hidden: [], anew: 'no' },
  added: [
    {
      id: '00000000-0000-4000-8000-000000000001',
      events: [
        {
          originatorId: 'b2723fe2-c01a-40d2-875e-a3aac6a09ff5',
          originatorVersion: 2,
          topic: 'Counted',
          state: Uint8Array.of(9),
        },
      ],
      isCommutative: true,
      scopes: ['s'],
      position: 14,
      total: 2,
      origin: { author: '', recordedAtMs: 6, seal: new Uint8Array(0) },
    },
  ],
};

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
  )
  .chain((made) =>
    fc
      .option(
        fc.record({
          id: fc.uint8Array({ minLength: 16, maxLength: 16 }),
          isCommutative: fc.boolean(),
          scopes: fc.array(fc.string(), { maxLength: 2 }),
          command: fc.option(fc.uint8Array({ maxLength: 9 }), { nil: undefined }),
        }),
        { nil: undefined, freq: 2 },
      )
      .map((unit) => (unit === undefined || made.events.length === 0 ? made : { ...made, unit })),
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

const origin = fc.record({
  author: fc.string({ maxLength: 5 }),
  recordedAtMs: fc.maxSafeNat(),
  seal: fc.uint8Array({ maxLength: 9 }),
});
const confirmation = fc
  .record({ position: fc.integer({ min: 20, max: 99 }), total: fc.integer({ min: 5, max: 20 }), origin })
  .map((made) => ({ ...made }));
const settingsAside = fc.array(
  fc.record({ place: fc.maxSafeNat(), reason: fc.record({ code: fc.string(), message: fc.string() }) }),
  { maxLength: 3 },
);
const places = fc.array(fc.maxSafeNat(), { maxLength: 3 });
const decideStep = fc
  .record({
    withdrawn: places,
    kept: settingsAside,
    firstNotificationId: fc.maxSafeNat(),
    decided: fc.array(
      fc.record({
        place: fc.maxSafeNat(),
        id: fc.uuid(),
        edition: fc.uuid(),
        event: storedEvent,
        isCommutative: fc.boolean(),
        after: fc.option(fc.uuid(), { nil: undefined }),
        command: fc.option(fc.uint8Array({ maxLength: 3 }), { nil: undefined }),
      }),
      { maxLength: 3 },
    ),
  })
  .map(({ decided, ...step }) => ({
    kind: 'decide' as const,
    ...step,
    ...(decided.some(({ command }) => command !== undefined)
      ? { commands: decided.flatMap(({ command }, index) => (command === undefined ? [] : [{ index, command }])) }
      : {}),
    replaced: decided.map(({ place }) => place),
    units: decided.map(({ id, edition, event, isCommutative, after }, index) => ({
      ...{ id, edition, events: [event], isCommutative, scopes: [], firstNotificationId: index + 1, after: [after] },
    })),
  }));
const moving = fc.record({
  place: fc.maxSafeNat(),
  edition: fc.option(fc.uuid(), { nil: undefined }),
  versions: fc.array(fc.maxSafeNat(), { minLength: 1, maxLength: 3 }),
});
const syncChange: fc.Arbitrary<SyncChange> = fc
  .record({
    atMs: fc.maxSafeNat(),
    setAside: settingsAside,
    step: fc.oneof(
      fc.constant(undefined),
      fc.record({ kind: fc.constant('rewind' as const), position: fc.maxSafeNat() }),
      fc.constant({ kind: 'endHeal' as const }),
      decideStep,
      fc.record({ kind: fc.constant('discard' as const), places }),
      fc.constant({ kind: 'anew' as const }),
      fc.record({
        kind: fc.constant('page' as const),
        cursor: fc.string({ minLength: 1 }),
        position: fc.maxSafeNat(),
        droppedMarks: fc.array(fc.maxSafeNat(), { maxLength: 3 }),
        replaced: fc.array(fc.maxSafeNat(), { maxLength: 3 }),
        confirmed: fc.array(
          fc.tuple(fc.maxSafeNat(), confirmation).map(([place, rest]) => ({ place, ...rest })),
          { maxLength: 3 },
        ),
        firstNotificationId: fc.maxSafeNat(),
        wereHere: fc.array(fc.nat(), { maxLength: 3 }),
        hidden: fc.array(fc.uuid(), { maxLength: 3 }),
        anew: fc.constantFrom('no' as const, 'goesOn' as const, 'ends' as const),
        added: fc.array(
          fc
            .tuple(
              fc.record({
                id: fc.uuid(),
                events: fc.array(storedEvent, { minLength: 1, maxLength: 4 }),
                isCommutative: fc.boolean(),
                scopes: fc.array(fc.string({ minLength: 1 }), { maxLength: 2 }),
              }),
              confirmation,
            )
            .map(([unit, rest]) => ({ ...unit, ...rest })),
          { maxLength: 3 },
        ),
      }),
    ),
  })
  .chain((made) =>
    fc
      .option(fc.array(moving, { minLength: 1, maxLength: 3 }), { nil: undefined })
      .map((moved) => (moved === undefined ? made : { ...made, moved })),
  );

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

  test('the bytes of format 3, which is used for units and synchronisation, do not change', () => {
    const id = Uint8Array.from({ length: 16 }, (_, index) => index + 0xa0);
    const event = {
      originatorId: 'b2723fe2-c01a-40d2-875e-a3aac6a09ff5',
      originatorVersion: 1,
      topic: 'Counted',
      state: new TextEncoder().encode('{"n":12}'),
    };
    const plain = { events: [event], firstNotificationId: 300, tracking: undefined };
    const hexOf = (commit: CheckedCommit): string => Buffer.from(encodeJournalRecord(7, [commit])).toString('hex');
    expect(hexOf({ ...plain, unit: { id, isCommutative: false, scopes: [] } })).toBe(
      '44424a4e03000000672130420700000000000000010201ac0226000107436f756e74656401b2723fe2c01a40d2875ea3aac6a09ff50100087b226e223a31327d04a0a1a2a3a4a5a6a7a8a9aaabacadaeaf00',
    );
    expect(hexOf({ ...plain, unit: { id, isCommutative: true, scopes: ['ward 7', 'ä'] } })).toBe(
      '44424a4e03000000f41e562b0700000000000000010201ac0226000107436f756e74656401b2723fe2c01a40d2875ea3aac6a09ff50100087b226e223a31327d04a0a1a2a3a4a5a6a7a8a9aaabacadaeaf03020677617264203702c3a4',
    );
    const sync = (change: Pick<SyncChange, 'step'> & Partial<SyncChange>): string =>
      hexOf({
        events: [],
        firstNotificationId: 0,
        tracking: undefined,
        sync: { atMs: 1_000, setAside: [], ...change },
      });
    const setAside = [{ place: 300, reason: { code: 'CONFLICT', message: 'Other.' } }];
    expect(sync({ setAside, step: undefined })).toBe(
      '44424a4e03000000d6b9132e070000000000000001010516e80701ac0208434f4e464c494354064f746865722e00',
    );
    expect(sync({ step: { kind: 'rewind', position: 12 } })).toBe(
      '44424a4e0300000031bdaa8e070000000000000001010505e80700020c',
    );
    expect(sync({ step: { kind: 'endHeal' } })).toBe('44424a4e0300000091a15f51070000000000000001010504e8070003');
    expect(sync({ setAside, step: PAGE_STEP })).toBe(
      '44424a4e030000006b7509d307000000000000000101056ce80701ac0208434f4e464c494354064f746865722e010631342d6162630e010301ad0201aa020c02016105020102b6020100010000000000004000800000000000000105010101730e02000600000107436f756e74656401b2723fe2c01a40d2875ea3aac6a09ff502000109',
    );
  });

  test('the bytes of format 4, which is used for commands and decisions, do not change', () => {
    const id = Uint8Array.from({ length: 16 }, (_, index) => index + 0xa0);
    const [originatorId, unitId] = ['b2723fe2-c01a-40d2-875e-a3aac6a09ff5', '00000000-0000-4000-8000-000000000001'];
    const event = { originatorId, originatorVersion: 3, topic: 'Counted', state: Uint8Array.of(1, 2) };
    const hexOf = (commit: Partial<CheckedCommit>): string =>
      Buffer.from(
        encodeJournalRecord(7, [{ events: [], firstNotificationId: 0, tracking: undefined, ...commit }]),
      ).toString('hex');
    const command = Uint8Array.of(7, 8, 9);
    expect(
      hexOf({ events: [event], firstNotificationId: 300, unit: { id, isCommutative: true, scopes: ['a'], command } }),
    ).toBe(
      '44424a4e040000000cc132760700000000000000010201ac0220000107436f756e74656401b2723fe2c01a40d2875ea3aac6a09ff5030002010204a0a1a2a3a4a5a6a7a8a9aaabacadaeaf0701016103070809',
    );
    const decided: SyncChange['step'] = {
      kind: 'decide',
      withdrawn: [5],
      kept: [{ place: 6, reason: { code: 'NO', message: 'Not any more.' } }],
      firstNotificationId: 301,
      replaced: [4],
      units: [
        {
          ...{ id: unitId, edition: '00000000-0000-e000-8000-000000000002', events: [event], isCommutative: false },
          ...{ scopes: [], firstNotificationId: 301, after: [unitId] },
        },
      ],
    };
    expect(hexOf({ sync: { atMs: 1_000, setAside: [], step: decided } })).toBe(
      '44424a4e040000001771ace1070000000000000001010575e807000501050106024e4f0d4e6f7420616e79206d6f72652ead020104010000000000004000800000000000000112000000000000e00080000000000000020100ad02010100000000000040008000000000000001000107436f756e74656401b2723fe2c01a40d2875ea3aac6a09ff50300020102',
    );
    const keeping = { ...decided, commands: [{ index: 0, command: Uint8Array.of(7, 8) }] };
    expect(hexOf({ sync: { atMs: 1_000, setAside: [], step: keeping } })).toBe(
      '44424a4e04000000436e189507000000000000000101057ae807000a010002070801050106024e4f0d4e6f7420616e79206d6f72652ead020104010000000000004000800000000000000112000000000000e00080000000000000020100ad02010100000000000040008000000000000001000107436f756e74656401b2723fe2c01a40d2875ea3aac6a09ff50300020102',
    );
    expect(hexOf({ sync: { atMs: 1_000, setAside: [], step: { kind: 'discard', places: [300] } } })).toBe(
      '44424a4e0400000066c5771b070000000000000001010507e807000601ac02',
    );
  });

  test('the bytes of format 4, which is used where synchronisation moves units, do not change', () => {
    const edition = 'b2723fe2-c01a-e0d2-875e-a3aac6a09ff5';
    const moved = [
      { place: 300, edition, versions: [7, 200] },
      { place: 5, edition: undefined, versions: [1] },
    ];
    const hexOf = (step: SyncChange['step']): string => {
      const sync = { atMs: 1_000, setAside: [], moved, step };
      const commit = { events: [], firstNotificationId: 0, tracking: undefined, sync };
      return Buffer.from(encodeJournalRecord(7, [commit])).toString('hex');
    };
    expect(hexOf(undefined)).toBe(
      '44424a4e04000000be7979ee070000000000000001010520e807008002ac0201b2723fe2c01ae0d2875ea3aac6a09ff50207c80105000101',
    );
    expect(hexOf({ kind: 'endHeal' })).toBe(
      '44424a4e04000000d212714b070000000000000001010520e807008302ac0201b2723fe2c01ae0d2875ea3aac6a09ff50207c80105000101',
    );
    const decoded = decodeJournalRecord(7, Buffer.from(hexOf({ kind: 'endHeal' }), 'hex'));
    expect(decoded[0]?.sync).toEqual({ atMs: 1_000, setAside: [], moved, step: { kind: 'endHeal' } });
  });

  test('the bytes of format 4, and where a store follows a log anew, do not change either', () => {
    const hexOf = (step: SyncChange['step']): string => {
      const sync = { atMs: 1_000, setAside: [], step };
      return Buffer.from(
        encodeJournalRecord(7, [{ events: [], firstNotificationId: 0, tracking: undefined, sync }]),
      ).toString('hex');
    };
    const hidden = ['b2723fe2-c01a-40d2-875e-a3aac6a09ff5'];
    const [unit] = PAGE_STEP.added;
    const { id, events } = unit!;
    const pending = { id, events, isCommutative: false, scopes: [], firstNotificationId: 3, after: [undefined] };
    expect([
      hexOf({ kind: 'anew' }),
      hexOf({ ...PAGE_STEP, added: [], wereHere: [], anew: 'goesOn' }),
      hexOf({ ...PAGE_STEP, added: [], wereHere: [], hidden, anew: 'ends' }),
      hexOf({ ...PAGE_STEP, added: [], wereHere: [], hidden }),
      hexOf({ kind: 'return', next: 3, firstNotificationId: 310, units: [{ ...pending, reason: undefined }] }),
      hexOf({ kind: 'return', next: 0, firstNotificationId: 310, units: [] }),
    ]).toEqual([
      '44424a4e0400000088653256070000000000000001010504e8070007',
      '44424a4e0400000028e7edd9070000000000000001010525e807000801000631342d6162630e010301ad0201aa020c02016105020102b6020000000000',
      '44424a4e040000004b366a3a070000000000000001010535e80700080201b2723fe2c01a40d2875ea3aac6a09ff50631342d6162630e010301ad0201aa020c02016105020102b6020000000000',
      '44424a4e040000002c6eabff070000000000000001010535e80700080001b2723fe2c01a40d2875ea3aac6a09ff50631342d6162630e010301ad0201aa020c02016105020102b6020000000000',
      '44424a4e0400000058251fb207000000000000000101053fe807000903b60201000100000000000040008000000000000001020100030100000107436f756e74656401b2723fe2c01a40d2875ea3aac6a09ff502000109',
      '44424a4e04000000e76d3f5e07000000000000000101050ce807000900b6020000000000',
    ]);
  });

  test('a unit is refused that is none, and what is unknown of it', () => {
    const id = new Uint8Array(16);
    // Of a commit without events, and then with flags that do not exist as well.
    const record = (flags: number): Uint8Array => {
      const commit = {
        events: [],
        firstNotificationId: 0,
        tracking: undefined,
        unit: { id, isCommutative: false, scopes: [] },
      };
      const bytes = encodeJournalRecord(1, [commit]);
      bytes[bytes.length - 1] = flags;
      new DataView(bytes.buffer).setInt32(8, crc32(bytes.subarray(12)), true);
      return bytes;
    };
    for (const flags of [0, 8, 4, 2, 255]) expectRefusal(1, record(flags));
  });

  test('what synchronisation changes comes back as it was written', () => {
    fc.assert(
      fc.property(syncChange, (change) => {
        expect(unpackSyncChange(packSyncChange(change))).toEqual(change);
        const packed = packSyncChange(change);
        if (change.step?.kind !== 'page') expect(() => unpackSyncChange(Uint8Array.of(...packed, 0))).toThrow();
      }),
    );
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
    record[4] = 5;
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

function copiedCommit({ events, firstNotificationId, tracking, changes, unit }: CheckedCommit): CheckedCommit {
  return {
    events: events.map(copied),
    firstNotificationId,
    tracking,
    changes: changes && new Uint8Array(changes),
    unit: unit && { ...unit, id: new Uint8Array(unit.id) },
  };
}
