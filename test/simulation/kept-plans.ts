/**
 * Runs that have failed once, made as small as they could be, and kept: `regressions/NAME.json`, each with its story.
 *
 * @module
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plan } from './world/plan.js';

/** From the project's folder, in which its programs run. */
const FOLDER = 'test/simulation/regressions';
const ENDING = '.json';

/** A run that has failed once. */
export interface KeptPlan {
  readonly name: string;
  /** What was wrong, and how the run shows it. */
  readonly story: string;
  readonly plan: Plan;
}

/** All of them, by their names. */
export async function readKeptPlans(): Promise<readonly KeptPlan[]> {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith(ENDING)).sort();
  return await Promise.all(files.map((file) => readKeptPlan(join(FOLDER, file))));
}

/** @param path - of its file */
export async function readKeptPlan(path: string): Promise<KeptPlan> {
  const { story, plan } = JSON.parse(await readFile(path, 'utf8')) as Omit<KeptPlan, 'name'>;
  return { name: path.slice(path.lastIndexOf('/') + 1, -ENDING.length), story, plan };
}

/** @returns where it is now */
export async function keepPlan({ name, story, plan }: KeptPlan): Promise<string> {
  if (!/^[a-z][a-z\d-]*$/.test(name)) throw new Error(`${name} is no name: small letters, digits, and - between them.`);
  await mkdir(FOLDER, { recursive: true });
  const path = join(FOLDER, `${name}${ENDING}`);
  await writeFile(path, textOf(story, plan));
  return path;
}

/** A step a line, and a device. */
function textOf(story: string, { traits, steps, ...others }: Plan): string {
  const lines = [
    ...Object.entries(others).map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)},`),
    ...(traits === undefined ? [] : [...listOf('traits', traits), '    ],']),
    ...[...listOf('steps', steps), '    ]'],
  ];
  return `{\n  "story": ${JSON.stringify(story)},\n  "plan": {\n${lines.join('\n')}\n  }\n}\n`;
}

function listOf(name: string, list: readonly object[]): string[] {
  return [
    `    ${JSON.stringify(name)}: [`,
    ...list.map((one, at) => `      ${inLine(one)}${at === list.length - 1 ? '' : ','}`),
  ];
}

function inLine(step: object): string {
  return `{ ${Object.entries(step)
    .map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`)
    .join(', ')} }`;
}
