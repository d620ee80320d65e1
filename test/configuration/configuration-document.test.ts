/**
 * What docs/configuration.md says: its example runs, and it has every setting that the code reads.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { expect, inject, test } from 'vitest';
import { withDogSchool } from '../../examples/configuration/from-environment.js';
import { Environment } from '../../src/environment/environment.js';
import { shownExamples } from '../support/shown-examples.js';
import { uniqueName } from '../support/postgres-fixture.js';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

const READERS = [
  'src/persistence/recorder-factory.ts',
  'src/configuration/key-ring.ts',
  'src/configuration/infrastructure-factory.ts',
  'src/configuration/persistence-modules.ts',
  'src/persistence/postgres/postgres-environment.ts',
  'src/persistence/sqlite/sqlite-factory.ts',
];

test.each(READERS)('every setting that %s reads is in the document', (path) => {
  const document = read('docs/configuration.md');
  const settings = [...read(path).matchAll(/'([A-Z]+(?:_[A-Z]+)+)'/g)].map(([, setting]) => setting);
  expect(settings).not.toEqual([]);
  for (const setting of settings) expect(document).toContain(`\`${setting}\``);
});

test('every key of a configuration is in the document, with its default', () => {
  const document = read('docs/configuration.md');
  const table = /key +default\n(.*?)\n \* ```/s.exec(read('src/configuration/event-sourcing-config.ts'));
  const lines = (table?.[1] ?? '').split('\n').map((line) => /^ \* (\S+) +(.+)$/.exec(line));
  expect(lines).toHaveLength(13);
  for (const found of lines) {
    const [, key = '', defaultValue = ''] = found ?? [];
    const row = document.split('\n').find((line) => line.startsWith(`| \`${key}\` `));
    expect(row?.split('|')[2]?.replaceAll('`', '').trim()).toBe(defaultValue);
  }
});

test.each(shownExamples('docs/configuration.md'))('the document shows %s as it is', (_path, shown, actual) => {
  expect(shown).toBe(actual);
});

test('the example stores events where the environment says', async () => {
  const values = { PERSISTENCE_MODULE: 'postgres', DATABASE_URL: inject('pgUrl') };
  const environment = new Environment(values, { name: uniqueName() });
  const event = { originatorId: crypto.randomUUID(), originatorVersion: 1, type: 'Registered', data: { name: 'Fido' } };
  await withDogSchool((events) => events.put([event]), environment);
  expect(await withDogSchool((events) => events.get(event.originatorId), environment)).toEqual([event]);
});
