import { expect, it } from 'vitest';
import { CounterNameSetting, NAME_LENGTH_MAX, readPageSettings, WorkOfflineSetting } from '../../demo/page-settings.js';

const syncUrlOf = (page: string, sync: string): string => {
  const address = new URL(page);
  address.searchParams.set('sync', sync);
  return readPageSettings(address).syncUrl;
};

it.each([
  ['http://localhost:4173', 'http://127.0.0.1:9999'],
  ['http://127.0.0.1:4173', 'http://localhost:9999'],
  ['http://127.0.0.1:4173', 'http://127.0.0.1:9999/below'],
])('a link to %s may name %s: the same machine', (page, sync) => {
  expect(syncUrlOf(page, sync)).toBe(sync);
});

it.each([
  ['http://localhost:4173', 'https://evil.example'],
  ['http://localhost:4173', 'http://evil.example:4173'],
  ['http://localhost:4173', 'http://localhost.evil.example'],
  ['http://localhost:4173', 'http://localhost@evil.example'],
  ['http://localhost:4173', '//evil.example'],
  ['http://localhost:4173', 'javascript:alert(1)'],
  ['http://localhost:4173', ''],
  // There, it would be the machine of whoever opened the link.
  ['https://demo.example', 'http://localhost:9999'],
])('a link to %s does not send counts to %s', (page, sync) => {
  expect(syncUrlOf(page, sync)).toBe(new URL(page).origin);
});

function storageInMemory(): Storage {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  } as Storage;
}

it('takes a store and a name from the address, and has others where there are none', () => {
  const settings = (query: string) => readPageSettings(new URL(`http://localhost:4173/${query}`));
  expect(settings('')).toMatchObject({ storeName: 'stockcount', counterName: undefined });
  expect(settings('?device=&name=%20')).toMatchObject({ storeName: 'stockcount', counterName: undefined });
  expect(settings('?device=side-ana&name=%20Ana%20')).toMatchObject({ storeName: 'side-ana', counterName: 'Ana' });
  expect(settings(`?name=${'x'.repeat(100)}`).counterName).toHaveLength(NAME_LENGTH_MAX);
});

it('takes one device offline, and not the other one beside it', () => {
  const storage = storageInMemory();
  const [ana, ben] = [new WorkOfflineSetting(storage, 'side-ana'), new WorkOfflineSetting(storage, 'side-ben')];
  ana.write(true);
  expect([ana.read(), ben.read()]).toEqual([true, false]);
  const changed = { key: 'daybook-demo:work-offline:side-ana' } as StorageEvent;
  expect([ana.isAbout(changed), ben.isAbout(changed)]).toEqual([true, false]);
  ana.write(false);
  expect(ana.read()).toBe(false);
});

it('keeps the name of who counts for each store, and has one for who gave none', () => {
  const storage = storageInMemory();
  const [ana, other] = ['stockcount', 'second'].map((name) => new CounterNameSetting(storage, name, 'Desk 3F1D')) as [
    CounterNameSetting,
    CounterNameSetting,
  ];
  expect(ana.read()).toBe('Desk 3F1D');
  ana.write(`  Ana ${'x'.repeat(100)}`);
  expect(ana.read()).toMatch(/^Ana x+$/);
  expect(ana.read()).toHaveLength(NAME_LENGTH_MAX);
  expect(other.read()).toBe('Desk 3F1D');
  ana.write('   ');
  expect(ana.read()).toBe('Desk 3F1D');
});
