import type { Daybook } from 'daybook';
import {
  Application,
  followForgetting,
  ProjectionRunner,
  RemoteSubjectKeys,
  SqlProjectionStore,
  SqlSubjectKeys,
  subjectForgetting,
} from 'daybook/application';
import type { RemoteSubjectKeysOptions } from 'daybook/application';
import { customer, customerList } from './customer.js';

/** Customers on a device: the events in one store, the keys in another. */
export async function openCustomers(
  daybook: Daybook,
  keyStore: Daybook,
  keeper: Pick<RemoteSubjectKeysOptions, 'url' | 'getToken' | 'fetch'>,
  signal: AbortSignal,
) {
  const local = new SqlSubjectKeys({ recorder: keyStore.recorder });
  await local.createTables();
  const subjectKeys = new RemoteSubjectKeys({ local, ...keeper });
  const app = new Application({
    ...{ recorder: daybook.recorder, notifications: daybook, subjectKeys },
    aggregates: [customer, subjectForgetting],
  });
  const store = new SqlProjectionStore(daybook.recorder, customerList);
  const runner = new ProjectionRunner({ projection: customerList, store, log: app });
  await runner.start();

  // The views are made of events that have the person no more; then nothing on this device has.
  const makeAnew = async (): Promise<void> => {
    await runner.rebuild({ signal });
    for (const { storage } of [daybook, keyStore]) await storage.eraseDeleted();
  };
  void followForgetting(app, local, { signal, makeAnew, onFailed: reportError });
  return { app, subjectKeys, local, runner };
}
