/**
 * The wire of synchronisation, version 2, byte by byte: made once, and never again. What is here is spoken by devices that
 * are out there, so a change of the code must not change it; what is new stands beside it.
 *
 * @module
 */
import type { HistoryQuestion } from '../../src/persistence/history-digest.js';
import type { StoredEvent } from '../../src/persistence/stored-event.js';
import type { ConfirmedUnit, LostUnit, PendingUnit, UnitPage } from '../../src/persistence/unit.js';
import type { HealAnswer, PushAnswer, SyncLimits } from '../../src/sync/protocol/index.js';

/** Packed bytes, in hexadecimal digits, and what they say. */
export interface UnitsVector<T> {
  readonly name: string;
  readonly hex: readonly string[];
  readonly value: T;
}

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

const UNIT_1 = '11111111-1111-4111-8111-111111111111';
const UNIT_2 = '22222222-2222-4222-8222-222222222222';
const UNIT_3 = '33333333-3333-4333-8333-333333333333';
const SHELF = 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa';
const ITEM = 'bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb';

const counted = { topic: 'stock:Item.Counted', state: utf8('{"n":12}') };
const moved = { topic: 'stock:Item.Moved', state: utf8('{}') };

/** Bodies of pushes. */
export const PENDING_VECTORS: readonly UnitsVector<readonly PendingUnit[]>[] = [
  {
    name: 'the first unit of an aggregate: one event, nothing before it',
    hex: [
      '01', // one unit
      '11111111111141118111111111111111', // its id
      '02', // pending
      '01', // one event
      '00', // no scopes
      '01', // the first notification has id 1
      '01 00', // one place: there is nothing before
      '00', // events without notification ids
      '01 12 73746f636b3a4974656d2e436f756e746564', // one topic, of 18 bytes
      '01', // one event
      'bbbbbbbbbbbb4bbb8bbbbbbbbbbbbbbb 01 00', // the item's version 1, of topic 0
      '08 7b226e223a31327d', // its state, of 8 bytes
    ],
    value: [
      {
        id: UNIT_1,
        isCommutative: false,
        scopes: [],
        firstNotificationId: 1,
        after: [undefined],
        events: [{ originatorId: ITEM, originatorVersion: 1, ...counted }],
      },
    ],
  },
  {
    name: 'two units: one of two aggregates, and one that commutes and is for a scope',
    hex: [
      '02', // two units
      '22222222222242228222222222222222 02 03 00', // pending, three events, no scopes
      'ac02', // first notification 300
      '02', // two places, one for each aggregate
      '01 11111111111141118111111111111111', // the item: unit 1 holds its version 1
      '00', // the shelf: nothing
      '33333333333343338333333333333333 03 01', // pending and commutative, one event
      '02 05 6e6f727468', // two scopes: "north",
      '03 c389 74', // and "Ét"
      'af02', // first notification 303
      '01 01 22222222222242228222222222222222', // after unit 2
      '00', // events without notification ids
      '02 12 73746f636b3a4974656d2e436f756e746564', // two topics
      '10 73746f636b3a4974656d2e4d6f766564',
      '04', // four events
      'bbbbbbbbbbbb4bbb8bbbbbbbbbbbbbbb 02 00 08 7b226e223a31327d', // the item's version 2
      'aaaaaaaaaaaa4aaa8aaaaaaaaaaaaaaa 01 01 02 7b7d', // the shelf's version 1
      'bbbbbbbbbbbb4bbb8bbbbbbbbbbbbbbb 03 01 02 7b7d', // the item's version 3
      'bbbbbbbbbbbb4bbb8bbbbbbbbbbbbbbb 04 01 00', // the item's version 4, with an empty state
    ],
    value: [
      {
        id: UNIT_2,
        isCommutative: false,
        scopes: [],
        firstNotificationId: 300,
        after: [UNIT_1, undefined],
        events: [
          { originatorId: ITEM, originatorVersion: 2, ...counted },
          { originatorId: SHELF, originatorVersion: 1, ...moved },
          { originatorId: ITEM, originatorVersion: 3, ...moved },
        ],
      },
      {
        id: UNIT_3,
        isCommutative: true,
        scopes: ['north', 'Ét'],
        firstNotificationId: 303,
        after: [UNIT_2],
        events: [{ originatorId: ITEM, originatorVersion: 4, topic: moved.topic, state: new Uint8Array(0) }],
      },
    ],
  },
  {
    name: 'a unit in another edition than that in which it was recorded, after another such one',
    hex: [
      '01',
      '33333333333343338333333333333333 13', // pending and commutative, in another edition
      'eeeeeeeeeeeeeeee8eeeeeeeeeeeeeee', // this one
      '01 00 07', // one event, no scopes, the first notification has id 7
      '01 01 ddddddddddddeddd8ddddddddddddddd', // one place: that edition
      '00 01 10 73746f636b3a4974656d2e4d6f766564 01',
      'bbbbbbbbbbbb4bbb8bbbbbbbbbbbbbbb 05 00 02 7b7d',
    ],
    value: [
      {
        id: UNIT_3,
        edition: 'eeeeeeee-eeee-eeee-8eee-eeeeeeeeeeee',
        isCommutative: true,
        scopes: [],
        firstNotificationId: 7,
        after: ['dddddddd-dddd-eddd-8ddd-dddddddddddd'],
        events: [{ originatorId: ITEM, originatorVersion: 5, ...moved }],
      },
    ],
  },
];

const confirmed: ConfirmedUnit = {
  id: UNIT_2,
  isCommutative: false,
  scopes: [],
  position: 90_112,
  total: 3,
  origin: { author: 'ann', recordedAtMs: 1_764_371_696_123, seal: Uint8Array.of(1, 2, 254, 255) },
  events: [
    { originatorId: ITEM, originatorVersion: 2, ...counted },
    { originatorId: ITEM, originatorVersion: 3, ...moved },
  ],
};

const CONFIRMED_HEX = [
  '01', // one unit
  '22222222222242228222222222222222 04 02 00', // confirmed, two events, no scopes
  '80c005', // at position 90,112
  '03', // of three events, one of which is not shown
  '03 616e6e', // by "ann"
  'fb93fee5ac33', // at 1,764,371,696,123 ms
  '04 0102feff', // sealed
  '00 02 12 73746f636b3a4974656d2e436f756e746564 10 73746f636b3a4974656d2e4d6f766564',
  '02',
  'bbbbbbbbbbbb4bbb8bbbbbbbbbbbbbbb 02 00 08 7b226e223a31327d',
  'bbbbbbbbbbbb4bbb8bbbbbbbbbbbbbbb 03 01 02 7b7d',
];

/** Units that are confirmed, as pages have them. */
export const CONFIRMED_VECTORS: readonly UnitsVector<readonly ConfirmedUnit[]>[] = [
  { name: 'a unit that is seen in part', hex: CONFIRMED_HEX, value: [confirmed] },
];

/** Bodies of offers. */
export const LOST_VECTORS: readonly UnitsVector<readonly LostUnit[]>[] = [
  {
    name: 'a unit that is lost, and what it stood on',
    hex: [
      '01',
      '22222222222242228222222222222222 08 02 00', // lost, two events, no scopes
      ...CONFIRMED_HEX.slice(2, 6), // position, total, author, time
      CONFIRMED_HEX[6] as string, // sealed
      '01 01 11111111111141118111111111111111', // one aggregate, after the first unit
      ...CONFIRMED_HEX.slice(7),
    ],
    value: [{ ...confirmed, after: [UNIT_1] }],
  },
];

/** Answers with a page. */
export const PAGE_VECTORS: readonly UnitsVector<UnitPage>[] = [
  {
    name: 'an empty page, at the end',
    hex: [
      '05 372e616263', // from "7.abc"
      '05 372e616263', // to "7.abc"
      '07 07', // at 7, which is the head
      '00', // no units
      '00 00 00', // no events
    ],
    value: { from: '7.abc', to: '7.abc', position: 7, head: 7, units: [] },
  },
  {
    name: 'a page of one unit, with more to come',
    hex: [
      '01 30', // from the start
      '09 39303131322e616263', // to "90112.abc"
      '80c005', // at position 90,112
      'a08d06', // of 100,000
      ...CONFIRMED_HEX,
    ],
    value: { from: '0', to: '90112.abc', position: 90_112, head: 100_000, units: [confirmed] },
  },
  {
    name: 'a part of a bootstrap, with more to come',
    hex: [
      '00 00', // a part, and not the last one
      'a08d06', // of the place 100,000
      '02', // two aggregates
      'bbbbbbbbbbbb4bbb8bbbbbbbbbbbbbbb 02', // the item, with what stands for
      '01', // its version 1,
      '11111111111141118111111111111111', // which unit 1 holds
      'cccccccccccc4ccc8ccccccccccccccc', // a digest
      '80c005', // the event after it is at 90,112
      '02 6532', // "e2"
      '04 4974656d', // an "Item",
      '03', // in the third shape,
      'fb93fee5ac33', // taken at 1,764,371,696,123 ms
      '02 7b7d', // its state
      'aaaaaaaaaaaa4aaa8aaaaaaaaaaaaaaa 05 ac02', // the shelf, which goes on, up to version 300
      '01 30', // from the start
      '06 322e70617274', // to "2.part"
      '28', // 40 events are given, or stood for
      'a08d06', // the head is at 100,000
      ...CONFIRMED_HEX,
    ],
    value: {
      ...{ from: '0', to: '2.part', position: 40, head: 100_000, units: [confirmed] },
      bootstrap: {
        position: 100_000,
        isEnd: false,
        aggregates: [
          {
            originatorId: ITEM,
            continues: false,
            base: {
              ...{ version: 1, edition: UNIT_1, digest: 'cccccccc-cccc-4ccc-8ccc-cccccccccccc', position: 90_112 },
              snapshot: {
                ...{ originatorId: ITEM, originatorVersion: 2, eventId: 'e2', aggregateType: 'Item' },
                ...{ stateVersion: 3, takenAtMs: 1_764_371_696_123, state: utf8('{}') },
              },
            },
          },
          { originatorId: SHELF, continues: true, upTo: 300 },
        ],
      },
    },
  },
];

/** Answers with the history of an aggregate. */
export const EVENTS_VECTORS: readonly UnitsVector<readonly StoredEvent[]>[] = [
  {
    name: 'none',
    hex: ['00 00 00'], // without ids, no topics, no events
    value: [],
  },
  {
    name: 'two events of an aggregate',
    hex: [
      '00', // events without notification ids
      '02 12 73746f636b3a4974656d2e436f756e746564 10 73746f636b3a4974656d2e4d6f766564', // two topics
      '02', // two events
      'bbbbbbbbbbbb4bbb8bbbbbbbbbbbbbbb 01 00 08 7b226e223a31327d', // the item's version 1, of topic 0
      'bbbbbbbbbbbb4bbb8bbbbbbbbbbbbbbb 02 01 02 7b7d', // its version 2
    ],
    value: [
      { originatorId: ITEM, originatorVersion: 1, ...counted },
      { originatorId: ITEM, originatorVersion: 2, ...moved },
    ],
  },
];

/** What stands for these two events: of no event, and of both. */
export const DIGEST_VECTORS: readonly (readonly [events: number, digest: string])[] = [
  [0, '00000000-0000-0000-0000-000000000000'],
  [1, 'ca750421-f87a-8bf7-af1c-d78abe89b56f'],
  [2, '4334b29e-8e4e-d368-5449-9876f0c22c9a'],
];

/** Bytes that are no units of the kind that is asked for, and why. */
export const REFUSED_PENDING: readonly (readonly [why: string, hex: string])[] = [
  ['nothing', ''],
  ['a count without units', '05'],
  ['a unit id that is cut off', '011111'],
  ['a flag that nobody knows', '0111111111111141118111111111111111 0a 01 00 01 01 00 00 01 01 61 01'],
  ['no kind at all', '0111111111111141118111111111111111 00 01 00 01 01 00 00 01 01 61 01'],
  ['both kinds at once', '0111111111111141118111111111111111 06 01 00 01 01 00 00 01 01 61 01'],
  ['a unit without events', '0111111111111141118111111111111111 02 00 00 01 00 00 00 00'],
  ['more events than bytes', '0111111111111141118111111111111111 02 ffffff7f 00 01 00 00 00 00'],
  ['21 scopes', `0111111111111141118111111111111111 02 01 15 ${'0161'.repeat(21)} 01 01 00 00 01 01 61 01 ${'b'.repeat(32)} 01 00 00`],
  ['a place that is neither there nor not', `0111111111111141118111111111111111 02 01 00 01 01 02 00 01 01 61 01 ${'b'.repeat(32)} 01 00 00`],
  ['more places than events', `0111111111111141118111111111111111 02 01 00 01 02 00 00 00 01 01 61 01 ${'b'.repeat(32)} 01 00 00`],
  ['fewer places than aggregates', `0111111111111141118111111111111111 02 01 00 01 00 00 01 01 61 01 ${'b'.repeat(32)} 01 00 00`],
  ['fewer events than it says', `0111111111111141118111111111111111 02 02 00 01 01 00 00 01 01 61 01 ${'b'.repeat(32)} 01 00 00`],
  ['more events than it says', `0111111111111141118111111111111111 02 01 00 01 01 00 00 01 01 61 02 ${`${'b'.repeat(32)} 01 00 00`.repeat(2)}`],
  ['more topics than events', `0111111111111141118111111111111111 02 01 00 01 01 00 00 02 01 61 01 62 01 ${'b'.repeat(32)} 01 00 00`],
  ['bytes after the last event', `0111111111111141118111111111111111 02 01 00 01 01 00 00 01 01 61 01 ${'b'.repeat(32)} 01 00 00 00`],
  ['a topic that is not UTF-8', `0111111111111141118111111111111111 02 01 00 01 01 00 00 01 01 ff 01 ${'b'.repeat(32)} 01 00 00`],
  ['an integer beyond 2^53 - 1', '01 11111111111141118111111111111111 02 01 00 ffffffffffffffff7f 01 00 00 01 01 61 01'],
];

/** Bodies in JSON, as they are sent. */
export interface JsonVector<T> {
  readonly name: string;
  readonly json: string;
  readonly value: T;
}

/** Answers to pushes. */
export const PUSH_ANSWER_VECTORS: readonly JsonVector<PushAnswer>[] = [
  {
    name: 'all decided',
    json: `{"head":90112,"decisions":[["${UNIT_1}","accepted",90110],["${UNIT_2}","rejected","QUOTA","Enough was counted."]]}`,
    value: {
      head: 90_112,
      decisions: [
        { id: UNIT_1, kind: 'accepted', position: 90_110 },
        { id: UNIT_2, kind: 'rejected', code: 'QUOTA', message: 'Enough was counted.' },
      ],
      conflict: undefined,
    },
  },
  {
    name: 'ended at once, at a conflict',
    json: `{"head":0,"decisions":[],"conflict":"${UNIT_3}"}`,
    value: { head: 0, decisions: [], conflict: UNIT_3 },
  },
];

/** Answers to questions for digests. */
export const DIGESTS_ANSWER_VECTORS: readonly JsonVector<readonly (string | undefined)[]>[] = [
  {
    name: 'of one, and of one that the log does not have',
    json: `{"digests":["${UNIT_1}",null]}`,
    value: [UNIT_1, undefined],
  },
  { name: 'of none', json: '{"digests":[]}', value: [] },
];

/** What is asked for a page, as it is sent. */
export interface PageQuestion {
  readonly after: string;
  readonly events: number;
  readonly bytes: number;
  readonly held?: readonly string[];
  readonly bootstrap?: readonly string[];
}

/** Questions for a page. */
export const PAGE_QUESTION_VECTORS: readonly JsonVector<PageQuestion>[] = [
  {
    name: 'from the start',
    json: '{"after":"0","events":200,"bytes":524288}',
    value: { after: '0', events: 200, bytes: 524_288 },
  },
  {
    name: 'with what is held beyond it',
    json: '{"after":"7.abc","events":500,"bytes":1048576,"held":["9.def","8.abc"]}',
    value: { after: '7.abc', events: 500, bytes: 1_048_576, held: ['9.def', '8.abc'] },
  },
  {
    name: 'that may be a part of a bootstrap',
    json: `{"after":"0","events":500,"bytes":1048576,"bootstrap":["${ITEM}"]}`,
    value: { after: '0', events: 500, bytes: 1_048_576, bootstrap: [ITEM] },
  },
  {
    name: 'that may be a part of a bootstrap, with nothing that is named',
    json: '{"after":"0","events":500,"bytes":1048576,"bootstrap":[]}',
    value: { after: '0', events: 500, bytes: 1_048_576, bootstrap: [] },
  },
];

/** A question for digests: of the item up to version 5, going on from version 2, and of the shelf from its start. */
export const DIGESTS_QUESTION_VECTOR: JsonVector<readonly HistoryQuestion[]> = {
  name: 'digests',
  json: `{"aggregates":[["${ITEM}",2,"${UNIT_1}",5],["${SHELF}",0,"00000000-0000-0000-0000-000000000000",1]]}`,
  value: [
    { originatorId: ITEM, after: 2, digest: UNIT_1, upTo: 5 },
    { originatorId: SHELF, after: 0, digest: '00000000-0000-0000-0000-000000000000', upTo: 1 },
  ],
};

/** A question for the first two events of the item. */
export const HISTORY_QUESTION_VECTOR: JsonVector<{ readonly id: string; readonly upTo: number }> = {
  name: 'history',
  json: `{"id":"${ITEM}","after":0,"upTo":2,"events":200,"bytes":524288}`,
  value: { id: ITEM, upTo: 2 },
};

/** What a stream says, and the page that is in it where it is none of heads. */
export const STREAM_VECTORS: readonly (readonly [text: string, head: number, page: UnitPage | undefined])[] = [
  ['event: head\ndata: 4711\n\n', 4_711, undefined],
  ['event: page\ndata: BTcuYWJjBTcuYWJjBwcAAAAA\n\n', 7, PAGE_VECTORS[0]?.value],
];

/** Answers to offers. */
export const HEAL_ANSWER_VECTORS: readonly JsonVector<HealAnswer>[] = [
  {
    name: 'one of each kind',
    json: `{"decisions":[["${UNIT_1}","restored"],["${UNIT_2}","known"],["${UNIT_3}","setAside"],["${SHELF}","refused"]],"head":"1.7.00"}`,
    value: {
      decisions: [
        { id: UNIT_1, kind: 'restored' },
        { id: UNIT_2, kind: 'known' },
        { id: UNIT_3, kind: 'setAside' },
        { id: SHELF, kind: 'refused' },
      ],
      head: '1.7.00',
    },
  },
  {
    name: 'of a server that does not say where the log ends',
    json: `{"decisions":[["${UNIT_1}","known"]]}`,
    value: { decisions: [{ id: UNIT_1, kind: 'known' }], head: undefined },
  },
];

/** Answers that ask for nothing but to be told apart: the status, the body, and what a device makes of it. */
export const ERROR_VECTORS: readonly (readonly [status: number, json: string, name: string])[] = [
  [400, errorJson('InvalidRequestError', 'INVALID_REQUEST', { path: 'marks', problem: 'none' }), 'InvalidRequestError'],
  [401, errorJson('UnauthorizedError', 'UNAUTHORIZED'), 'UnauthorizedError'],
  [403, errorJson('ForbiddenError', 'FORBIDDEN', { reason: 'tenant' }), 'ForbiddenError'],
  [409, errorJson('CursorUnknownError', 'CURSOR_UNKNOWN'), 'CursorUnknownError'],
  [409, errorJson('ScopesChangedError', 'SCOPES_CHANGED'), 'ScopesChangedError'],
  [413, errorJson('TooLargeError', 'TOO_LARGE', { bytesMax: 8_388_608 }), 'TooLargeError'],
  [426, errorJson('UpgradeRequiredError', 'UPGRADE_REQUIRED', { supported: '2' }), 'UpgradeRequiredError'],
  [426, errorJson('UpgradeRequiredError', 'UPGRADE_REQUIRED', { reason: 'app' }), 'UpgradeRequiredError'],
  [429, errorJson('UnavailableError', 'UNAVAILABLE', { reason: 'requests', retryAfterSeconds: 3 }), 'UnavailableError'],
  [503, errorJson('UnavailableError', 'UNAVAILABLE'), 'UnavailableError'],
  // Of a class that an older device does not have: it has the code.
  [409, errorJson('LaterError', 'LATER'), 'LaterError'],
];

/** Headers that state limits, and what a device takes from them. */
export const LIMITS_VECTORS: readonly (readonly [header: string | null, limits: SyncLimits])[] = [
  ['events=500, bytes=1048576, unit-events=10000, unit-bytes=8388608, pushes=2', { events: 500, bytes: 1_048_576, unitEvents: 10_000, unitBytes: 8_388_608, pushes: 2 }],
  ['events=500, bytes=1048576, unit-events=10000, unit-bytes=8388608', { events: 500, bytes: 1_048_576, unitEvents: 10_000, unitBytes: 8_388_608, pushes: 1 }],
  ['bytes=600000,events=300', { events: 300, bytes: 600_000, unitEvents: 2_000, unitBytes: 1_966_080, pushes: 1 }],
  ['events=0, bytes=-1, unit-events=1e99, unit-bytes=many, later=7', { events: 200, bytes: 524_288, unitEvents: 2_000, unitBytes: 1_966_080, pushes: 1 }],
  ['', { events: 200, bytes: 524_288, unitEvents: 2_000, unitBytes: 1_966_080, pushes: 1 }],
  [null, { events: 200, bytes: 524_288, unitEvents: 2_000, unitBytes: 1_966_080, pushes: 1 }],
];

function errorJson(name: string, code: string, details: object = {}): string {
  return JSON.stringify({ error: { name, message: 'Because.', code, details } });
}
