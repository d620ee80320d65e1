import { expect, it } from 'vitest';
import { readPageSettings } from '../../demo/page-settings.js';

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
