/**
 * The two stores at the edge, in Cloudflare's runtime on this machine, against the same statements written by hand there.
 *
 * @module
 */
import { join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { rolldown } from 'rolldown';
import { compare } from '../runner/comparison.js';
import type { Row } from '../runner/comparison.js';
import { runRounds } from '../runner/rounds.js';
import type { EdgeJob, EdgeKind, EdgeSide } from './edge-jobs.js';

/** Where the events are. */
export type EdgePlace = 'object' | 'd1';

/** How much is done in a round: calls, and the events of each. */
export interface EdgeWork {
  readonly what: string;
  readonly kind: EdgeKind;
  readonly times: number;
  readonly events: number;
}

/** Of a run whose figures count. */
export const EDGE_WORK: readonly EdgeWork[] = [
  { what: 'append of 1 event', kind: 'append', times: 200, events: 1 },
  { what: 'append of 100 events', kind: 'append', times: 20, events: 100 },
  { what: 'reading an aggregate of 100 events', kind: 'read', times: 100, events: 100 },
];

const TITLES: Readonly<Record<EdgePlace, string>> = { object: 'in a Durable Object', d1: 'in D1' };

/** What is to be measured. */
export interface EdgeRun {
  readonly id: string;
  readonly place: EdgePlace;
  readonly rounds: number;
  readonly works: readonly EdgeWork[];
}

/** @throws Error when a side has not appended, or read, what it was to */
export async function compareAtEdge({ id, place, rounds, works }: EdgeRun): Promise<readonly Row[]> {
  const runtime = await openRuntime();
  try {
    const { url } = runtime;
    let runs = 0;
    const rows: Row[] = [];
    for (const { what, kind, times, events } of works) {
      const ask = async (job: EdgeJob): Promise<number> => {
        const startMs = performance.now();
        const response = await fetch(`${url}/${place}`, { method: 'POST', body: JSON.stringify(job) });
        const count: unknown = await response.json();
        const tookMs = performance.now() - startMs;
        if (count !== job.times * job.events) throw new Error(`${String(count)} events, ${JSON.stringify(job)}`);
        return (tookMs * 1_000) / job.times;
      };
      const readRun = ++runs;
      if (kind === 'read') {
        const job = { kind: 'append', run: readRun, times: 1, events } as const;
        for (const side of ['ours', 'theirs'] as const) await ask({ ...job, side });
      }
      const side = (who: EdgeSide) => async (): Promise<number> =>
        await ask({ kind, side: who, run: kind === 'read' ? readRun : ++runs, times, events });
      const figures = await runRounds({ ours: side('ours'), theirs: side('theirs') }, rounds);
      rows.push(
        compare({
          ...{ id, what: `${what} ${TITLES[place]}`, against: 'the same statements by hand', unit: 'µs' },
          ...{ ...figures, ratio: 'ours/theirs', target: { atMost: 1.3 } },
        }),
      );
    }
    return rows;
  } finally {
    await runtime.close();
  }
}

interface Runtime {
  readonly url: string;
  close(): Promise<void>;
}

async function openRuntime(): Promise<Runtime> {
  const contents = await bundled();
  const runtime = new Miniflare({
    ...convertV4MiniflareOptions({
      name: 'bench',
      modules: [{ type: 'ESModule', path: 'worker.mjs', contents }],
      compatibilityDate: '2026-10-01',
      cf: false,
      host: '127.0.0.1',
      port: 0,
      durableObjects: { OBJECT: { className: 'Bench', useSQLite: true } },
      d1Databases: { D1: 'bench' },
    }),
  });
  return { url: (await runtime.ready).href.replace(/\/$/, ''), close: () => runtime.dispose() };
}

async function bundled(): Promise<string> {
  // Bundled itself, this lies elsewhere.
  const bench = process.env['DAYBOOK_BENCH_FOLDER'] ?? join(import.meta.dirname, '..');
  const worker = `
    import { DurableObject } from 'cloudflare:workers';
    import { d1Jobs, objectJobs } from ${JSON.stringify(join(bench, 'load/edge-jobs.ts'))};
    export class Bench extends DurableObject {
      jobs = this.ctx.blockConcurrencyWhile(() => objectJobs(this.ctx.storage));
      async fetch(request) {
        return Response.json(await (await this.jobs)(await request.json()));
      }
    }
    let jobs;
    export default {
      async fetch(request, env) {
        if (new URL(request.url).pathname === '/object') return await env.OBJECT.getByName('bench').fetch(request);
        jobs ??= await d1Jobs(env.D1);
        return Response.json(await jobs(await request.json()));
      },
    };`;
  const entry = '\0worker';
  const bundle = await rolldown({
    input: entry,
    cwd: join(bench, '..'),
    external: ['cloudflare:workers'],
    platform: 'neutral',
    tsconfig: join(bench, '../tsconfig.json'),
    resolve: { mainFields: ['module', 'main'], conditionNames: ['workerd', 'import'] },
    logLevel: 'silent',
    plugins: [
      {
        name: 'worker',
        resolveId: (id) => (id === entry ? id : null),
        load: (id) => (id === entry ? worker : null),
      },
    ],
  });
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false });
  return output[0].code;
}
