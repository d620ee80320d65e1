import { Application, cached, invalidation } from 'daybook/application';
import { exportStates, importStates } from 'daybook/states';
import { exportEvents, hashEvents, importEvents } from 'daybook/transfer';
import { memoryDatabase } from './user-database.js';
import type { UserDatabase } from './user-database.js';
import { profiles, user, users } from './user.js';

const [ANN, BEN, CLEO] = [1, 2, 3].map((number) => `00000000-0000-4000-8000-00000000000${number}`) as [
  string,
  string,
  string,
];

/** Events, states, transactions, a cache, and both moved elsewhere: says each step. */
export async function userDirectory(
  { recorder, states, eventIndex }: UserDatabase,
  print: (line: string) => void = console.log,
): Promise<void> {
  // Answers are kept for five minutes, unless an event of the user says that they are old.
  const emailOf = cached(
    async (id: string) => {
      print(`   (asked the store for ${id.slice(-1)})`);
      return (await states.fetch(users, id))?.data.email;
    },
    { ttlMs: 300_000, tags: (id) => [id] },
  );
  const app: Application = new Application({
    recorder,
    aggregates: [user],
    eventIndex,
    inline: [
      states.inline((notification) => app.decode(notification)),
      invalidation([emailOf], ({ originatorId }) => [originatorId]),
    ],
  });

  print('1. Events are stored, and the state with them');
  await app.execute(user, ANN, { type: 'Create', data: { name: 'Ann', email: 'ann@example.com' } });
  await app.execute(user, BEN, { type: 'Create', data: { name: 'Ben', email: 'ben@example.com' } });
  await app.execute(user, CLEO, { type: 'Create', data: { name: 'Cléo', email: 'cleo@example.com' } });
  await app.execute(user, BEN, { type: 'Deactivate', data: {} });
  print(`   ${JSON.stringify((await states.fetch(users, ANN))?.data)}`);

  print('2. Events of a user, of a type, in a range of time');
  print(`   ${(await app.repository.history(user, BEN)).map(({ type }) => type).join(', ')}`);
  const named: string[] = [];
  for await (const event of app.readAll({ aggregates: [user], types: ['Created'] })) {
    if ('name' in event.data) named.push(event.data.name);
  }
  print(`   created: ${named.join(', ')}`);
  const [from, to] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 3_600_000)];
  let inTime = 0;
  for await (const _event of app.readAll({ from, to })) inTime++;
  let before = 0;
  for await (const _event of app.readAll({ to: from })) before++;
  print(`   within the hour: ${inTime}, before it: ${before}`);

  print('3. States are found by what is in them');
  await states.createIndex(users, 'name');
  const active = await states.find(users, { where: { active: true }, select: ['name', 'email'], limit: 10, offset: 0 });
  for (const { data } of active) print(`   ${data.name} <${data.email}>`);
  const searched = await states.find(users, { search: 'cleo' });
  print(`   searched: ${searched.map(({ data }) => data.name).join(', ')}, in all: ${await states.count(users)}`);

  print('4. A transaction is stored as a whole, or not at all');
  const failed: unknown = await app
    .transaction(async (tx) => {
      await tx.execute(user, ANN, { type: 'ChangeEmail', data: { email: 'other@example.com' } });
      await tx.execute(user, BEN, { type: 'ChangeEmail', data: { email: 'other@example.com' } });
    })
    .catch((error: unknown) => error);
  print(`   ${(failed as Error).message} Ann has ${await emailOf(ANN)}`);
  await app.transaction(async (tx) => {
    await tx.execute(user, ANN, { type: 'ChangeEmail', data: { email: 'ann@example.org' } });
    await states.within(tx.recorder).put(profiles, ANN, { language: 'de' });
  });
  print(`   ${JSON.stringify((await states.fetch(profiles, ANN))?.data)}`);

  print('5. Answers are cached until an event makes them old');
  print(`   Ann has ${await emailOf(ANN)}`);
  print(`   Ann has ${await emailOf(ANN)}`);

  print('6. What a schema refuses is not stored');
  const refused = await states.put(profiles, BEN, { newsletter: 'maybe' }).catch((error: unknown) => error);
  print(
    `   ${(refused as { readonly code: string }).code}, and there ${(await states.fetch(profiles, BEN)) === undefined ? 'is none' : 'is one'}`,
  );
  const overtaken = await states
    .update(profiles, ANN, { newsletter: true }, { version: 7 })
    .catch((error: unknown) => error);
  print(`   ${(overtaken as { readonly code: string }).code} for who has read another version`);

  print('7. All of it moves elsewhere, and is the same there');
  const copy = memoryDatabase();
  const { events, hash } = await importEvents(copy.recorder, exportEvents(recorder));
  print(`   ${events} events, ${hash === (await hashEvents(recorder)).hash ? 'the same' : 'others'}`);
  const { total } = await importStates(
    copy.states,
    profiles,
    await new Response(exportStates(states, profiles)).blob(),
  );
  print(`   ${total} state: ${JSON.stringify((await copy.states.fetch(profiles, ANN))?.data)}`);
}
