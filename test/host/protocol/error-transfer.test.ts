import { expose, transferHandlers, wrap } from 'comlink';
import type { TransferHandler } from 'comlink';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { UnsyncedEventsError } from '../../../src/host/protocol/client-errors.js';
import { asOwnError, ownHandler } from '../../../src/host/protocol/error-transfer.js';
import { InternalError, StorageFullError } from '../../../src/persistence/errors.js';

const comlinksOwn = transferHandlers.get('throw') as TransferHandler<{ value: unknown }, unknown>;

afterEach(() => {
  transferHandlers.set('throw', comlinksOwn);
});

/** What arrives at the other end of a message port when something is thrown at this one. */
async function crossed(thrown: unknown, own?: (thrown: unknown) => unknown): Promise<unknown> {
  transferHandlers.set('throw', ownHandler(comlinksOwn, own));
  const { port1, port2 } = new MessageChannel();
  onTestFinished(() => {
    port1.close();
    port2.close();
  });
  expose(
    {
      fail: () => {
        throw thrown;
      },
    },
    port1,
  );
  return await wrap<{ fail(): void }>(port2 as never)
    .fail()
    .catch((error: unknown) => error);
}

describe('what a worker throws', () => {
  test('of ours arrives as the same class, with code, details and causes', async () => {
    const cause = new StorageFullError('no room', { cause: new RangeError('low level') });
    const error = await crossed(new UnsyncedEventsError('not yet', { cause, details: { pending: 3 } }), asOwnError);
    expect(error).toBeInstanceOf(UnsyncedEventsError);
    expect(error).toMatchObject({ code: 'UNSYNCED_EVENTS', message: 'not yet', details: { pending: 3 } });
    expect((error as Error).cause).toBeInstanceOf(StorageFullError);
    expect(((error as Error).cause as Error).cause).toMatchObject({ name: 'RangeError', message: 'low level' });
  });

  test('with details that cannot be cloned arrives all the same', async () => {
    const details = { position: 7, handler: () => undefined, key: Symbol('secret') } as never;
    const cause = new StorageFullError('inner', { details });
    const error = await crossed(new StorageFullError('no room', { details, cause }), asOwnError);
    const plain = { position: 7, handler: '(function)', key: '(symbol)' };
    expect(error).toMatchObject({
      code: 'STORAGE_FULL',
      details: plain,
      cause: { code: 'STORAGE_FULL', details: plain },
    });
  });

  test.each([
    ['an error with a function in it', Object.assign(new TypeError('odd'), { retry: () => undefined }), 'odd'],
    ['a function', () => undefined, '=>'],
    ['a symbol', Symbol('thing'), 'Symbol(thing)'],
    ['an object that cannot be described', Object.create(null) as unknown, 'cannot be described'],
  ])('that is not ours arrives as a typed error: %s', async (_what, thrown, text) => {
    const error = await crossed(thrown, asOwnError);
    expect(error).toBeInstanceOf(InternalError);
    expect(((error as Error).cause as Error).message).toContain(text);
  });
});

test('on a page, what is not ours is left to Comlink', async () => {
  const error = await crossed(new TypeError("the application's own"));
  expect(error).not.toBeInstanceOf(InternalError);
  expect(error).toMatchObject({ name: 'TypeError', message: "the application's own" });
});
