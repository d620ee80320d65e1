/**
 * Runs benchmarks and prints their table. Started by `scripts/bench.mjs`, which bundles it.
 *
 * A slow machine is no failure: the exit code is not 0 only when something broke.
 *
 * @module
 */
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CASES } from '../cases/case-list.js';
import { CONTENDERS } from '../contenders/contender-list.js';
import type { BenchCase } from './bench-case.js';
import { BrowserLab } from './browser-lab.js';
import { parseArguments } from './command-line.js';
import type { BenchArguments } from './command-line.js';
import type { Row } from './comparison.js';
import { factsText, markdownReport, textTable } from './report.js';
import type { RunFacts } from './report.js';
import { addFilesOfRivals, buildSite } from './site-build.js';
import type { SitePlaces } from './site-build.js';
import { serveSite } from './site-server.js';

const benchFolder = process.env['DAYBOOK_BENCH_FOLDER'] as string;
const packageDist = process.env['DAYBOOK_DIST_FOLDER'] as string;
const outputFolder = join(benchFolder, 'dist');
let building: Promise<void> | undefined;

try {
  await main(parseArguments(process.argv.slice(2), () => randomInt(2 ** 32)));
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function main(options: BenchArguments): Promise<void> {
  const cases = selectCases(options.ids);
  const rows: Row[] = [];
  let browser: string | undefined;
  process.stdout.write(`seed ${options.seed}\n`);
  for (const benchCase of cases) {
    process.stdout.write(`${benchCase.id}  ${benchCase.title} …\n`);
    // A browser of its own for each: what the contenders of another case left in memory would be in the way.
    const labs: Promise<BrowserLab>[] = [];
    try {
      rows.push(...(await benchCase.run({ ...options, picture, lab: (which = 0) => (labs[which] ??= openLab()) })));
    } finally {
      for (const lab of labs) await (await lab).close();
    }
    browser = (await labs[0])?.browser ?? browser;
  }
  await report(rows, options, browser);
}

async function report(rows: readonly Row[], options: BenchArguments, browser: string | undefined): Promise<void> {
  const { rounds, seed, jsonFile, markdownFile } = options;
  const facts: RunFacts = { browser, date: new Date().toISOString().slice(0, 10), rounds, seed };
  process.stdout.write(`\n${textTable(rows)}\n\n${factsText(facts)}\n`);
  if (jsonFile !== undefined) await writeFile(jsonFile, `${JSON.stringify(rows, null, 2)}\n`);
  if (markdownFile !== undefined) await writeFile(markdownFile, markdownReport(rows, facts, CONTENDERS));
}

function selectCases(ids: readonly string[]): readonly BenchCase[] {
  const unknown = ids.filter((id) => !CASES.some((benchCase) => benchCase.id === id));
  if (unknown.length > 0) {
    throw new Error(`No benchmark ${unknown.join(', ')}; there are ${CASES.map(({ id }) => id).join(', ')}.`);
  }
  return ids.length === 0 ? CASES : CASES.filter(({ id }) => ids.includes(id));
}

async function picture(fileName: string, svg: string): Promise<void> {
  await writeFile(join(benchFolder, fileName), svg);
}

async function buildWholeSite(places: SitePlaces): Promise<void> {
  await buildSite(places, CONTENDERS);
  await addFilesOfRivals(places);
}

async function openLab(): Promise<BrowserLab> {
  const siteFolder = join(outputFolder, 'site');
  await (building ??= buildWholeSite({ benchFolder, packageDist, siteFolder }));
  return BrowserLab.open(await serveSite(siteFolder), outputFolder);
}
