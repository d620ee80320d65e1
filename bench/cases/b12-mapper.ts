/**
 * B12: how many events a mapper takes to their stored form and back, in Node.
 *
 * @module
 */
import { AESCipher } from '../../src/persistence/mapping/aes-cipher.js';
import { JSONTranscoder } from '../../src/persistence/mapping/json-transcoder.js';
import { Mapper } from '../../src/persistence/mapping/mapper.js';
import { DatetimeAsISO, DecimalAsStr, UUIDAsHex } from '../../src/persistence/mapping/transcodings.js';
import { ZlibCompressor } from '../../src/persistence/mapping/zlib-compressor.js';
import type { BenchCase, BenchContext } from '../runner/bench-case.js';
import { againstFigure } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import { Random } from '../runner/random.js';
import { runRounds } from '../runner/rounds.js';
import type { Side } from '../runner/rounds.js';
import { EventSource } from '../runner/workload.js';

const EVENTS = 10_000;
// Mapped side by side, as an event store maps the events of one call.
const EVENTS_PER_CALL = 100;

const decoder = new TextDecoder();

export const MAPPER: BenchCase = {
  id: 'B12',
  title: 'mapper round trip',
  async run(context: BenchContext): Promise<readonly Row[]> {
    const transcoder = new JSONTranscoder().register(UUIDAsHex).register(DatetimeAsISO).register(DecimalAsStr);
    const compressor = new ZlibCompressor();
    const cipher = await AESCipher.fromKey(AESCipher.createKey(32));
    const figures = await runRounds(
      {
        json: roundTrips(context, new Mapper({ transcoder })),
        deflate: roundTrips(context, new Mapper({ transcoder, compressor })),
        aes: roundTrips(context, new Mapper({ transcoder, cipher })),
        both: roundTrips(context, new Mapper({ transcoder, compressor, cipher })),
      },
      context.rounds,
    );
    const row = (what: string, ours: readonly number[], atLeast?: number): Row =>
      againstFigure({ id: 'B12', what, unit: 'events/s', ours, ...(atLeast === undefined ? {} : { atLeast }) });
    return [
      row('mapper round trip, JSON', figures.json, 300_000),
      row('mapper round trip, JSON + deflate', figures.deflate, 40_000),
      row('mapper round trip, JSON + AES-GCM', figures.aes, 20_000),
      row('mapper round trip, JSON + deflate + AES-GCM', figures.both),
    ];
  },
};

function roundTrips(context: BenchContext, mapper: Mapper): Side {
  const source = new EventSource(new Random(context.seed));
  return async () => {
    const calls = Array.from({ length: EVENTS / EVENTS_PER_CALL }, () =>
      source.take(EVENTS_PER_CALL).map(({ originatorId, originatorVersion, topic, state }) => ({
        originatorId,
        originatorVersion,
        type: topic,
        data: JSON.parse(decoder.decode(state)) as unknown,
      })),
    );
    const startMs = performance.now();
    for (const events of calls) {
      const stored = await Promise.all(events.map((event) => mapper.toStoredEvent(event)));
      await Promise.all(stored.map((event) => mapper.toDomainEvent(event)));
    }
    return EVENTS / ((performance.now() - startMs) / 1_000);
  };
}
