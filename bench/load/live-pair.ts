/**
 * Two browsers whose stores follow one log, and the parts of the way between them.
 *
 * @module
 */
import type { PgPool } from '../../src/persistence/postgres/index.js';
import { DAYBOOK_PAGE, RAW_INDEXEDDB } from '../contenders/contender-list.js';
import type { BrowserLab } from '../runner/browser-lab.js';
import type { ContenderInfo } from '../runner/contender.js';
import { nowMs } from '../runner/now.js';
import { Random } from '../runner/random.js';
import { EventSource } from '../runner/workload.js';
import type { PartsServer } from './parts-server.js';
import { insertPlainly } from './plain-table.js';

// Of a request with one unit of one event.
const PUSH_BYTES = 330;
const WARM_UP = 10;
// The quickest question of so many says most exactly how the clocks differ.
const CLOCK_QUESTIONS = 30;

/** The two. */
export interface Browsers {
  readonly writer: BrowserLab;
  readonly reader: BrowserLab;
}

/** What is done in a round. */
export interface PairRound {
  readonly seed: number;
  readonly storeName: string;
  readonly commits: number;
}

/** The parts, each by itself, in the order of the way: milliseconds of each. */
export interface PartsMs {
  /** A strict transaction of the writer's IndexedDB, of one event. */
  readonly commit: readonly number[];
  /** A request and its answer. */
  readonly push: readonly number[];
  /** One row into PostgreSQL, which waits for the disk. */
  readonly insert: readonly number[];
  /** From the server's writing it until the reader has it. */
  readonly head: readonly number[];
  readonly page: readonly number[];
  /** As the first, of the reader's. */
  readonly commitThere: readonly number[];
}

/**
 * Times commits of one event each, until it can be read in the other browser. Each begins when both stores have agreed on
 * the one before: nobody waits for anything but this one.
 *
 * @param head - of the log, before
 * @returns milliseconds of each
 */
export async function pairLatencies(
  { writer, reader }: Browsers,
  url: string,
  head: number,
  { seed, storeName, commits }: PairRound,
): Promise<readonly number[]> {
  const labs = [writer, reader];
  for (const [index, lab] of labs.entries()) {
    await lab.run(DAYBOOK_PAGE, { kind: 'join', storeName, server: { url, token: `browser-${index}` } });
    await lab.run(DAYBOOK_PAGE, { kind: 'agreed', position: head });
  }
  const [ahead, aheadThere] = [await clockAheadMs(writer, DAYBOOK_PAGE), await clockAheadMs(reader, DAYBOOK_PAGE)];
  const tookMs: number[] = [];
  // A few more warm up: the first ones come before the reader's stream is open.
  for (let index = -WARM_UP; index < commits; index++) {
    const { startMs } = await writer.run(DAYBOOK_PAGE, { kind: 'record', seed: seed + WARM_UP + index });
    const heardMs = await reader.run(DAYBOOK_PAGE, { kind: 'heard', seed: seed + WARM_UP + index });
    const position = head + WARM_UP + index + 1;
    for (const lab of labs) await lab.run(DAYBOOK_PAGE, { kind: 'agreed', position });
    if (index >= 0) tookMs.push(heardMs - aheadThere - (startMs - ahead));
  }
  for (const lab of labs) await leave(lab, DAYBOOK_PAGE, storeName);
  return tookMs;
}

/** Times the parts, as often, one after another as on the way, and with as much between them. */
export async function partsLatencies(
  { writer, reader }: Browsers,
  server: PartsServer,
  pool: PgPool,
  { seed, storeName, commits }: PairRound,
): Promise<PartsMs> {
  const labs = [writer, reader];
  for (const lab of labs) await lab.run(RAW_INDEXEDDB, { kind: 'join', storeName });
  await reader.run(RAW_INDEXEDDB, { kind: 'listen', url: `${server.url}/live` });
  const aheadThere = await clockAheadMs(reader, RAW_INDEXEDDB);
  const source = new EventSource(new Random(seed));
  const parts = { commit: [], push: [], insert: [], head: [], page: [], commitThere: [] } satisfies PartsMs as {
    [Part in keyof PartsMs]: number[];
  };
  const commit = async (lab: BrowserLab, index: number): Promise<number> => {
    const { startMs, endMs } = await lab.run(RAW_INDEXEDDB, { kind: 'record', seed: seed + index });
    return endMs - startMs;
  };
  for (let index = -WARM_UP; index < commits; index++) {
    const sample = {
      commit: await commit(writer, index),
      push: await writer.run(RAW_INDEXEDDB, { kind: 'request', url: `${server.url}/push`, bytes: PUSH_BYTES }),
      insert: await insertMs(pool, source),
      head:
        -(server.tell() + aheadThere) +
        (await reader.run(RAW_INDEXEDDB, { kind: 'told', message: WARM_UP + index + 1 })),
      page: await reader.run(RAW_INDEXEDDB, { kind: 'request', url: `${server.url}/units` }),
      commitThere: await commit(reader, index),
    };
    if (index < 0) continue;
    for (const [part, ms] of Object.entries(sample)) parts[part as keyof PartsMs].push(ms);
  }
  for (const lab of labs) await leave(lab, RAW_INDEXEDDB, storeName);
  return parts;
}

/** Of each way, what its parts take together. */
export function sumsOf(parts: PartsMs): readonly number[] {
  const [first, ...others] = Object.values(parts) as (readonly number[])[];
  return (first ?? []).map((ms, index) => others.reduce((sum, part) => sum + (part[index] as number), ms));
}

async function insertMs(pool: PgPool, source: EventSource): Promise<number> {
  const events = source.take(1);
  const startMs = performance.now();
  await insertPlainly(pool, events);
  return performance.now() - startMs;
}

/** By how much the clock of a page is ahead of this process's: half the time of a question at most is what that may be off. */
async function clockAheadMs(lab: BrowserLab, contender: ContenderInfo): Promise<number> {
  let best = { tookMs: Infinity, aheadMs: 0 };
  for (let left = CLOCK_QUESTIONS; left > 0; left--) {
    const startMs = nowMs();
    const there = await lab.run(contender, { kind: 'clock' });
    const tookMs = nowMs() - startMs;
    if (tookMs < best.tookMs) best = { tookMs, aheadMs: there - startMs - tookMs / 2 };
  }
  return best.aheadMs;
}

async function leave(lab: BrowserLab, contender: ContenderInfo, storeName: string): Promise<void> {
  await lab.run(contender, { kind: 'release', deleteStore: storeName });
  await lab.run(contender, { kind: 'clear' });
}
