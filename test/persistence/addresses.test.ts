/** Every option that is the address of something is looked at when it is given, not when nothing comes of it. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { checkedUrl } from '../../src/persistence/validation.js';
import { WebhookPublisher } from '../../src/publishing/webhook-publisher.js';
import { startSync } from '../../src/sync/index.js';
import type { SyncStore } from '../../src/sync/index.js';

const REFUSED = { code: 'PROGRAMMING_ERROR', details: { option: 'url' } };

afterEach(() => vi.unstubAllGlobals());

// What a person may write. Without a page there is nothing that an address may be relative to.
const NO_SERVERS = ['localhost:8787', 'sync.example.com', '/sync', '', 'https://', 'file:///sync', undefined];

describe.each(NO_SERVERS)('%s is no address of a server', (url) => {
  test('for sync', () => {
    // Before the store is asked for anything.
    const store = {} as SyncStore;
    expect(() => startSync({ store, url: url as string })).toThrow(expect.objectContaining(REFUSED));
  });

  test('for a webhook', () => {
    expect(() => new WebhookPublisher({ url: url as string, secret: [] })).toThrow(expect.objectContaining(REFUSED));
  });
});

test('an address of a page is one, where there is a page', () => {
  vi.stubGlobal('location', { href: 'https://app.example.com/orders/' });
  expect(() => new WebhookPublisher({ url: '/sync', secret: [] })).not.toThrow();
  expect(() => new WebhookPublisher({ url: '', secret: [] })).not.toThrow();
  expect(() => new WebhookPublisher({ url: 'localhost:8787', secret: [] })).toThrow(expect.objectContaining(REFUSED));
});

test('an address of a file need not name a server', () => {
  expect(checkedUrl('workerUrl', '/files/worker.js', 'https://app.example.com/orders/').href).toBe(
    'https://app.example.com/files/worker.js',
  );
  expect(checkedUrl('workerUrl', 'blob:https://app.example.com/1', 'https://app.example.com').protocol).toBe('blob:');
  expect(() => checkedUrl('workerUrl', 'https://', 'https://app.example.com')).toThrow(
    expect.objectContaining({ code: 'PROGRAMMING_ERROR', details: { option: 'workerUrl' } }),
  );
});
