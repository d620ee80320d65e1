/** The built package in Deno and Bun: the suites of its engines, its server, and devices that speak to it. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import * as testing from '../../src/testing/index.js';
import type { ConformanceCase } from '../../src/testing/index.js';
import { openPostgres } from '../support/postgres-fixture.js';
import { installPackage, RUNTIMES } from '../support/runtimes.js';
import type { InstalledPackage, Runtime } from '../support/runtimes.js';

type Suites = Readonly<Record<string, readonly Pick<ConformanceCase<never>, 'name'>[]>>;

const RECORDER: Suites = {
  'aggregate recorder': testing.aggregateRecorderCases,
  'application recorder': testing.applicationRecorderCases,
  'process recorder': testing.processRecorderCases,
  signals: testing.signalCases,
  applications: testing.applicationCases,
  'empty log': testing.emptyLogCases,
};
const SQL: Suites = { ...RECORDER, transactions: testing.transactionCases, 'SQL recorder': testing.sqlRecorderCases };
const SHARED: Suites = { ...SQL, 'several connections': testing.connectionCases };

/** What runs on each engine. */
const ENGINES: Readonly<Record<string, Suites>> = {
  memory: {
    ...RECORDER,
    'log of units': testing.unitLogCases,
    'refused units': testing.refusedUnitCases,
    'waiting offers': testing.waitingOfferCases,
  },
  'sql.js': SQL,
  'node:sqlite': SHARED,
  PostgreSQL: { ...SHARED, subscriptions: testing.subscriptionCases },
};

/** Who serves, how, and whose devices are there. */
const PAIRS: readonly (readonly [server: Runtime['name'], how: 'host' | 'fetch', client: Runtime['name']])[] = [
  ['Node', 'host', 'Deno'],
  ['Node', 'host', 'Bun'],
  ['Deno', 'host', 'Bun'],
  ['Bun', 'host', 'Deno'],
  ['Deno', 'fetch', 'Node'],
  ['Bun', 'fetch', 'Node'],
];

const engineTitle = (runtime: string, engine: string): string => `${runtime}: ${engine}`;
const pairTitle = ([server, how, client]: (typeof PAIRS)[number]): string =>
  `devices in ${client} and Node, a server in ${server} by ${how === 'host' ? 'startNodeHost' : 'createSyncServer'}`;

const OTHERS = [RUNTIMES.Deno, RUNTIMES.Bun];
const missingOf = (...names: readonly Runtime['name'][]): string | undefined =>
  names.map((name) => RUNTIMES[name].missing).find((missing) => missing !== undefined);

interface Outcome {
  readonly suite: string;
  readonly name: string;
  readonly error?: string;
}

describe('the built package', () => {
  let installed!: InstalledPackage;
  let close: () => Promise<void> = async () => undefined;
  beforeAll(async () => {
    if (OTHERS.every(({ missing }) => missing !== undefined)) return;
    installed = await installPackage();
    close = async () => await installed[Symbol.asyncDispose]();
  });
  afterAll(async () => {
    await close();
  });

  for (const runtime of OTHERS) {
    for (const [engine, suites] of Object.entries(ENGINES)) {
      test(engineTitle(runtime.name, engine), { timeout: 120_000 }, async ({ skip }) => {
        skip(runtime.missing !== undefined, runtime.missing);
        const place = engine === 'PostgreSQL' ? inject('pgUrl') : await mkdtemp(join(installed.folder, 'files-'));
        const found = (await installed.run(runtime, 'conformance.mjs', engine, place)) as {
          readonly runtime: string;
          readonly outcomes: readonly Outcome[];
        };
        expect(found.runtime).toBe(runtime.name);
        expect(found.outcomes.filter(({ error }) => error !== undefined)).toEqual([]);
        // Every case of the suites, and not those that are left when one is forgotten.
        const ran = Object.fromEntries(Object.keys(suites).map((suite) => [suite, namesOf(found.outcomes, suite)]));
        const known = Object.entries(suites).map(([suite, cases]) => [suite, cases.map(({ name }) => name)]);
        expect(ran).toEqual(Object.fromEntries(known));
        expect(new Set(found.outcomes.map(({ suite }) => suite))).toEqual(new Set(Object.keys(suites)));
      });
    }
  }

  for (const pair of PAIRS) {
    test(pairTitle(pair), { timeout: 120_000 }, async ({ skip }) => {
      const [server, how, client] = pair;
      const missing = missingOf(server, client);
      skip(missing !== undefined, missing);
      await using postgres = await openPostgres();
      const host = await installed.start(
        ...([RUNTIMES[server], 'server.mjs', how, inject('pgUrl'), postgres.name, 'ann', 'bert'] as const),
      );
      const { url } = host.said as { readonly url: string };
      const [shelf, each] = [crypto.randomUUID(), 5];
      const runDevice = async (runtime: Runtime, token: string): Promise<readonly string[]> => {
        const args = [url, token, shelf, String(each), String(4 * each)];
        return ((await installed.run(runtime, 'device.mjs', ...args)) as { readonly events: readonly string[] }).events;
      };
      const [ours, theirs] = await Promise.all([runDevice(RUNTIMES[client], 'ann'), runDevice(RUNTIMES.Node, 'bert')]);
      expect(ours).toHaveLength(4 * each);
      expect(theirs).toEqual(ours);
      const rows = await postgres.recorder.selectNotifications({ start: 1, limit: 1_000 });
      const books = rows.map(({ originatorId, originatorVersion, topic, state }) =>
        [originatorId, String(originatorVersion).padStart(6, '0'), topic, new TextDecoder().decode(state)].join(' '),
      );
      expect(books.sort()).toEqual(ours);
      const stranger = await fetch(`${url}/v2/units`, { method: 'POST', headers: { authorization: 'Bearer no' } });
      await stranger.body?.cancel();
      expect(stranger.status).toBeGreaterThanOrEqual(400);
      expect(await host.stop()).toBe(0);
    });
  }
});

test('the table of docs/runtimes.md has each of these tests, and no other', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/runtimes.md'), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| '));
  const named = rows.flatMap((row) => [...row.matchAll(/"([^"]+)"/g)].map(([, name]) => name));
  const titles = OTHERS.flatMap(({ name }) => Object.keys(ENGINES).map((engine) => engineTitle(name, engine)));
  expect(named.toSorted()).toEqual([...titles, ...PAIRS.map(pairTitle)].toSorted());
  for (const [, file] of page.matchAll(/`(test\/[^`]+)`/g)) {
    expect(existsSync(join(import.meta.dirname, '../..', file ?? '')), file).toBe(true);
  }
});

function namesOf(outcomes: readonly Outcome[], suite: string): readonly string[] {
  return outcomes.filter((outcome) => outcome.suite === suite).map(({ name }) => name);
}
