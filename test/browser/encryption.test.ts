/** docs/encryption.md in browsers: events, keys, and the keeper in real stores. */
import { forgetSubject } from 'daybook/application';
import { expect, onTestFinished, test, vi } from 'vitest';
import { customer } from '../../examples/encryption/customer.js';
import { openKeeper } from '../../examples/encryption/keeper-of-keys.js';
import { openCustomers } from '../../examples/encryption/keys-on-a-device.js';
import { newStoreName, openStore } from './open-store.js';

/** Firefox's own requests have no stream of their body. */
function asServersSeeIt(request: Request, body: BodyInit | null | undefined): Request {
  return Object.defineProperty(request, 'body', { value: new Response(body).body });
}

test('a customer is forgotten on a device: the state, the view, and every event that is recorded of her', async () => {
  const [anna, ben] = [crypto.randomUUID(), crypto.randomUUID()] as const;
  const keeper = await openKeeper(
    (await openStore(newStoreName())).recorder,
    new Map([['Bearer a', new Set([anna, ben])]]),
  );
  const closing = new AbortController();
  const daybook = await openStore(newStoreName());
  const device = await openCustomers(
    daybook,
    await openStore(newStoreName()),
    {
      ...{ url: 'https://keys.test/', getToken: () => 'a' },
      fetch: async (input, init) => await keeper.answerDevice(asServersSeeIt(new Request(input, init), init?.body)),
    },
    closing.signal,
  );
  onTestFinished(async () => {
    closing.abort();
    await device.runner.close();
  });
  const { app, subjectKeys, runner } = device;
  const register = async (customerId: string, own: string): Promise<void> => {
    const data = { customerId, name: own, city: 'Ulm' };
    const { notificationIds } = await app.execute(customer, customerId, { type: 'Register', data });
    await runner.waitFor(notificationIds.at(-1) ?? 0);
  };
  const names = async (): Promise<unknown[]> => {
    const { rows } = await daybook.recorder.query('SELECT name FROM customer_list ORDER BY name');
    return rows.map((row) => row['name']);
  };
  await register(anna, 'Anna Berg');
  await register(ben, 'Ben Tal');
  await subjectKeys.exchange();
  expect(await names()).toEqual(['Anna Berg', 'Ben Tal']);
  expect(await keeper.keys.find([(await keeper.keys.keyFor(anna)).id])).toMatchObject([{ subject: anna }]);

  await forgetSubject(app, keeper.keys, anna);
  await vi.waitUntil(async () => (await names())[0] === '(forgotten)', { timeout: 20_000 });
  expect(await names()).toEqual(['(forgotten)', 'Ben Tal']);
  expect((await app.repository.load(customer, anna)).state).toEqual({ name: '(forgotten)', city: 'Ulm' });
  const again = { customerId: anna, name: 'Anna Berg', city: 'Ulm' };
  await expect(app.execute(customer, anna, { type: 'Register', data: again })).rejects.toMatchObject({
    code: 'SUBJECT_FORGOTTEN',
  });
});
