/** What devices ask in JSON is what it always was, and what a server reads. */
import * as v from 'valibot';
import { expect, it } from 'vitest';
import { unpackEvents } from '../../../src/persistence/event-batch.js';
import { digestsQuestionSchema, historyQuestionSchema, pageQuestionSchema } from '../../../src/server/unit-requests.js';
import { HttpTransport } from '../../../src/sync/exchange/http-transport.js';
import { serverHistory } from '../../../src/sync/index.js';
import { systemClock } from '../../../src/util/clock.js';
import {
  DIGESTS_ANSWER_VECTORS,
  DIGESTS_QUESTION_VECTOR,
  EVENTS_VECTORS,
  HISTORY_QUESTION_VECTOR,
  PAGE_QUESTION_VECTORS,
  PAGE_VECTORS,
} from '../../vectors/sync-protocol.js';

const REPLICA = '00000000-0000-4000-8000-00000000000a';
const bytesOf = (hex: readonly string[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.from(hex.join('').replaceAll(' ', ''), 'hex'));

/** Answers with bytes, and keeps what it was asked, with where. */
function answering(bytes: Uint8Array<ArrayBuffer>): { readonly fetch: typeof fetch; readonly asked: string[] } {
  const asked: string[] = [];
  const fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    asked.push(`${new URL(request.url).pathname} ${await request.text()}`);
    return new Response(bytes, { headers: { 'daybook-protocol': '2' } });
  };
  return { fetch, asked };
}

it.each(PAGE_QUESTION_VECTORS)('a page $name', async ({ json, value }) => {
  const { fetch, asked } = answering(bytesOf(PAGE_VECTORS[0]!.hex));
  const { after, events, bytes, held, bootstrap } = value;
  const transport = new HttpTransport({ url: 'http://books.test', replicaId: REPLICA, fetch, clock: systemClock });
  const limits = { eventsMax: events, bytesMax: bytes };
  await transport.page(after, limits, new AbortController().signal, held, bootstrap);
  expect(asked).toEqual([`/v2/units ${json}`]);
  expect(v.parse(pageQuestionSchema, JSON.parse(json))).toEqual(value);
});

it('digests', async () => {
  const { json, value } = DIGESTS_QUESTION_VECTOR;
  const answer = DIGESTS_ANSWER_VECTORS[0]!;
  const { fetch, asked } = answering(new TextEncoder().encode(answer.json));
  const { digests } = serverHistory({ url: 'http://books.test', replicaId: REPLICA, fetch });
  expect(await digests(value)).toEqual(answer.value);
  expect(asked).toEqual([`/v2/digests ${json}`]);
  expect(v.parse(digestsQuestionSchema, JSON.parse(json))).toEqual(JSON.parse(json));
});

it('the history of an aggregate', async () => {
  const { json, value } = HISTORY_QUESTION_VECTOR;
  const bytes = bytesOf(EVENTS_VECTORS[1]!.hex);
  const { fetch, asked } = answering(bytes);
  const { olderEvents } = serverHistory({ url: 'http://books.test', replicaId: REPLICA, fetch });
  expect(await olderEvents(value.id, value.upTo)).toEqual(unpackEvents(bytes));
  expect(asked).toEqual([`/v2/history ${json}`]);
  expect(v.parse(historyQuestionSchema, JSON.parse(json))).toEqual(JSON.parse(json));
});
