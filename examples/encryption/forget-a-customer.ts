import { AESCipher, KeyRingCipher } from 'daybook';
import type { SqlRecorder } from 'daybook';
import {
  Application,
  forgetSubject,
  ProjectionRunner,
  SqlProjectionStore,
  SqlSnapshotStore,
  SqlSubjectKeys,
  subjectForgetting,
} from 'daybook/application';
import { customer, customerList } from './customer.js';

/** Registers two customers, and forgets one. */
export async function forgetACustomer(recorder: SqlRecorder, keysRecorder: SqlRecorder): Promise<readonly string[]> {
  const subjectKeys = new SqlSubjectKeys({ recorder: keysRecorder });
  await subjectKeys.createTables();
  const store = new SqlSnapshotStore({ recorder });
  await store.createTables();
  const app = new Application({
    recorder,
    aggregates: [customer, subjectForgetting],
    subjectKeys,
    // Everything else that is in the events is for those who have this key. It comes from a safe place, of course.
    cipher: await KeyRingCipher.fromKeys({ keys: { '2026': AESCipher.createKey(32) }, current: '2026' }),
    snapshots: { store, interval: 1 },
  });
  const view = new SqlProjectionStore(recorder, customerList);
  await using runner = new ProjectionRunner({ projection: customerList, store: view, log: app });
  await runner.start();

  const [anna, ben] = [crypto.randomUUID(), crypto.randomUUID()];
  const people = [
    { customerId: anna, name: 'Anna Berg', city: 'Ulm' },
    { customerId: ben, name: 'Ben Tal', city: 'Bern' },
  ];
  for (const data of people) await app.execute(customer, data.customerId, { type: 'Register', data });

  await forgetSubject(app, subjectKeys, anna);
  // The view has her name. It is made again from events that have it no more.
  await runner.rebuild();

  const { rows } = await recorder.query('SELECT name FROM customer_list ORDER BY name');
  const { state } = await app.repository.load(customer, anna);
  return [`${state.name}, ${state.city}`, ...rows.map(({ name }) => String(name))];
}
