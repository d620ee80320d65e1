/** Bytes come back as they were, whatever they are: a state is a text in D1 where its bytes are one. */
import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { D1ProcessRecorder } from '../../../src/persistence/d1/d1-recorder.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { newTables, openEmptyD1 } from '../support/d1-context.js';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
// What a text could lose on its way, or what could be taken for one.
const SPECIAL = [
  ...['', '\u0000', 'a\u0000b', '\ufeff{}', '\u2028', '\ud83d\ude00', '\ufffd', '"\\\u001f', 'null', '0', "'); --"].map(
    utf8,
  ),
  ...[[0xff], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xef, 0xbb, 0xbf]].map((of) =>
    Uint8Array.from(of),
  ),
];
const state = fc.oneof(
  fc.constantFrom(...SPECIAL),
  fc.uint8Array({ maxLength: 40 }),
  fc.string({ unit: 'binary' }).map(utf8),
);

test('states come back byte by byte, one event in a call and many', async () => {
  const recorder = await openEmptyD1();
  await fc.assert(
    fc.asyncProperty(fc.array(state, { minLength: 1, maxLength: 12 }), async (states) => {
      const id = newOriginatorId();
      const events = states.map((bytes, at) => ({
        originatorId: id,
        originatorVersion: at,
        topic: 'a:B',
        state: bytes,
      }));
      await recorder.insertEvents(events);
      expect(await recorder.selectEvents(id)).toEqual(events);
    }),
    { numRuns: 40, examples: [[SPECIAL], ...SPECIAL.map((one): [Uint8Array[]] => [[one]])] },
  );
});

test('a state that is a text is one in the table, and bytes are bytes', async () => {
  const tables = newTables();
  await openEmptyD1(tables);
  const recorder = new D1ProcessRecorder(env.D1, tables);
  const id = newOriginatorId();
  const topic = 'a:B';
  const [json, bytes] = [utf8('{"quantity":5}'), Uint8Array.from([0x78, 0x9c, 1])];
  await recorder.insertEvents([{ originatorId: id, originatorVersion: 1, topic, state: json }]);
  await recorder.insertEvents([{ originatorId: id, originatorVersion: 2, topic, state: bytes }]);
  await recorder.insertEvents(
    [json, bytes].map((of, at) => ({ originatorId: id, originatorVersion: 3 + at, topic, state: of })),
  );
  const { rows } = await recorder.query(
    `SELECT typeof(state) AS type, state->>'quantity' AS quantity FROM ${tables.eventsTable}
      WHERE typeof(state) = 'text' UNION ALL SELECT typeof(state), hex(state) FROM ${tables.eventsTable} WHERE typeof(state) = 'blob'`,
  );
  expect(rows.map(({ type, quantity }) => [type, quantity])).toEqual([
    ['text', 5],
    ['text', 5],
    ['blob', '789C01'],
    ['blob', '789C01'],
  ]);
});
