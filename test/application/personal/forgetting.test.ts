/** A person is forgotten on several devices: real stores, server and keeper of keys, over a network that the test has. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { followForgetting, forgetSubject, subjectForgetting } from '../../../src/application/personal/forgetting.js';
import { RemoteSubjectKeys } from '../../../src/application/personal/remote-subject-keys.js';
import { SqlSubjectKeys } from '../../../src/application/personal/sql-subject-keys.js';
import { defineDecider } from '../../../src/domain/decider.js';
import { command, event } from '../../../src/domain/message-types.js';
import { createKeyHandler } from '../../../src/server/key-handler.js';
import type { SqlRecorder } from '../../../src/persistence/sql/sql-recorder.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { ManualClock } from '../../../src/testing/manual-clock.js';
import { ScenePerson } from '../../support/scene-person.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';
import { closeScenes, Scene, SceneStore } from '../../support/sync-scene.js';

interface Named {
  readonly customerId: string;
  readonly name: string;
}
const personal = { name: { subject: 'customerId', forgotten: '(forgotten)' } } as const;
const customer = defineDecider({
  name: 'Customer',
  events: { Named: event<Named>({ personal }) },
  commands: { Name: command<Named>({ personal }) },
  initialState: () => ({ name: '' }),
  decide: { Name: ({ data }) => ({ type: 'Named', data }) },
  evolve: { Named: (_state, { data }) => ({ name: data.name }) },
});

const closings: (() => Promise<void> | void)[] = [];
/** Where keys are, in the order in which they were opened. */
const localRecorders: SqlRecorder[] = [];
let keeper: SqlSubjectKeys;
let isKeeperThere = true;
/** What went over the wire to and from the keeper. */
const asked: unknown[] = [];
const errors: unknown[] = [];

async function sqlKeys(): Promise<SqlSubjectKeys> {
  const { recorder, close } = (await (SQL_RECORDERS['SQLite on sql.js'] as () => Promise<never>)()) as Awaited<
    ReturnType<(typeof SQL_RECORDERS)[string]>
  >;
  closings.push(close);
  localRecorders.push(recorder);
  const keys = new SqlSubjectKeys({ recorder });
  await keys.createTables();
  return keys;
}

beforeEach(async () => {
  keeper = await sqlKeys();
  isKeeperThere = true;
  asked.length = 0;
  errors.length = 0;
});

afterEach(async () => {
  await closeScenes();
  for (const close of closings.splice(0)) await close();
});

const handler = (): ((request: Request) => Promise<Response>) =>
  createKeyHandler({
    keys: keeper,
    authorize: (request) => {
      const who = request.headers.get('authorization');
      if (who === null) return undefined;
      return { mayHave: (subject) => who === 'Bearer all' || subject === 'c-2' };
    },
    onFailed: (error) => errors.push(error),
  });

const keysFetch: typeof globalThis.fetch = async (input, init) => {
  if (!isKeeperThere) throw new TypeError('no network');
  asked.push(JSON.parse(init?.body as string));
  return await handler()(new Request(new URL(input as string, 'http://keys.test'), init));
};

async function device(
  scene: Scene,
  token = 'all',
): Promise<ScenePerson & { readonly local: SqlSubjectKeys; readonly remote: RemoteSubjectKeys }> {
  const local = await sqlKeys();
  const remote = new RemoteSubjectKeys({ local, url: '/keys', getToken: () => token, fetch: keysFetch });
  const tab = await scene.openTab(new SceneStore(newOriginatorId()));
  const app = new Application({
    ...{ recorder: tab.inside, aggregates: [customer, subjectForgetting], subjectKeys: remote, keepCommands: true },
    cache: {},
  });
  const person = Object.assign(new ScenePerson(scene, tab, app), { local, remote });
  closings.push(() => person.offline());
  return person;
}

const name = (id: string, customerId: string): Named => ({ customerId, name: `Anna of ${id.slice(0, 4)}` });

async function nameOf(app: Application, id: string): Promise<string> {
  return (await app.repository.load(customer, id)).state.name;
}

describe('a person', () => {
  test('is known to two devices, and to neither after being forgotten, within one sync; no row of an event has changed', async () => {
    const scene = await Scene.open();
    const [one, other] = [await device(scene), await device(scene)];
    const id = newOriginatorId();
    // Offline, of the server and of the keeper.
    isKeeperThere = false;
    await one.app.execute(customer, id, { type: 'Name', data: name(id, 'c-1') });
    expect(await nameOf(one.app, id)).toBe(name(id, 'c-1').name);
    isKeeperThere = true;
    await one.synchronise();
    await other.synchronise();
    // The events are there; the key is not yet.
    await expect(nameOf(other.app, id)).rejects.toMatchObject({ code: 'SUBJECT_KEY_MISSING' });
    await one.remote.exchange();
    expect(await nameOf(other.app, id)).toBe(name(id, 'c-1').name);
    const rows = await other.tab.inside.selectEvents(id);

    const back = await device(scene);
    await back.synchronise();
    await forgetSubject(back.app, keeper, 'c-1');
    await back.synchronise();
    const closing = new AbortController();
    const told: string[] = [];
    for (const person of [one, other]) {
      person.local.onForgotten((subject) => told.push(subject));
      await person.synchronise();
      void followForgetting(person.app, person.local, { signal: closing.signal });
      await vi.waitUntil(async () => (await nameOf(person.app, id)) === '(forgotten)');
    }
    closing.abort();
    expect(told).toEqual(['c-1', 'c-1']);
    expect(await other.tab.inside.selectEvents(id)).toEqual(rows);
    for (const place of [keeper, one.local, other.local]) {
      await expect(place.keyFor('c-1')).rejects.toMatchObject({ code: 'SUBJECT_FORGOTTEN' });
    }
  });

  test('does not come back by a device that made a key of theirs before it heard', async () => {
    const scene = await Scene.open();
    const [one, other] = [await device(scene), await device(scene)];
    const id = newOriginatorId();
    isKeeperThere = false;
    await one.app.execute(customer, id, { type: 'Name', data: name(id, 'c-1') });
    isKeeperThere = true;
    await keeper.forget('c-1');
    await one.remote.exchange();
    await one.synchronise();
    await other.synchronise();
    expect(await nameOf(one.app, id)).toBe('(forgotten)');
    expect(await nameOf(other.app, id)).toBe('(forgotten)');
    await expect(one.app.execute(customer, id, { type: 'Name', data: name(id, 'c-1') })).rejects.toMatchObject({
      code: 'SUBJECT_FORGOTTEN',
    });
  });

  test('is nobody to a device that may not have the key', async () => {
    const scene = await Scene.open();
    const one = await device(scene);
    const stranger = await device(scene, 'some');
    const [id, second] = [newOriginatorId(), newOriginatorId()];
    await one.app.execute(customer, id, { type: 'Name', data: name(id, 'c-1') });
    await one.app.execute(customer, second, { type: 'Name', data: name(second, 'c-2') });
    await one.remote.exchange();
    await one.synchronise();
    await stranger.synchronise();
    await expect(nameOf(stranger.app, id)).rejects.toMatchObject({ code: 'SUBJECT_KEY_MISSING' });
    expect(await nameOf(stranger.app, second)).toBe(name(second, 'c-2').name);
    // Nor does it put one in their name.
    await stranger.app.execute(customer, newOriginatorId(), { type: 'Name', data: name(id, 'c-9') });
    await stranger.remote.exchange();
    const [own] = await stranger.local.madeHere();
    expect(await keeper.find([own?.id as string])).toEqual([undefined]);
  });
});

describe('what was read of who is forgotten', () => {
  test('is made anew after the keys are gone, again when that fails, and at the next start when this one ended before', async () => {
    const scene = await Scene.open();
    const one = await device(scene);
    const id = newOriginatorId();
    await one.app.execute(customer, id, { type: 'Name', data: name(id, 'c-1') });
    await one.remote.exchange();
    await forgetSubject(one.app, keeper, 'c-1');
    const clock = new ManualClock();
    const calls: string[] = [];
    const failures: unknown[] = [];
    // Ends in the middle of it, and then fails once.
    const first = new AbortController();
    const begun = new Promise<void>((resolve) => {
      void followForgetting(one.app, one.local, {
        signal: first.signal,
        makeAnew: async (subjects) => {
          // The keys are gone by then.
          calls.push(`1 ${subjects.join()} ${await nameOf(one.app, id)}`);
          resolve();
          await new Promise(() => undefined);
        },
      });
    });
    await begun;
    first.abort();
    const second = new AbortController();
    let attempts = 0;
    const following = followForgetting(one.app, one.local, {
      ...{ signal: second.signal, clock, onFailed: (error: unknown) => failures.push(error) },
      makeAnew: async (subjects) => {
        calls.push(`2 ${subjects.join()}`);
        if (++attempts === 1) throw new Error('no room');
      },
    });
    await vi.waitUntil(() => failures.length === 1);
    expect(await one.local.toFollow()).toEqual(['c-1']);
    clock.advance(5_000);
    await vi.waitUntil(async () => (await one.local.toFollow()).length === 0);
    // Others are heard of while it rests.
    await one.app.execute(customer, newOriginatorId(), { type: 'Name', data: name(id, 'c-2') });
    await one.remote.exchange();
    await forgetSubject(one.app, keeper, 'c-2');
    await vi.waitUntil(() => calls.length === 4);
    await vi.waitUntil(async () => (await one.local.toFollow()).length === 0);
    second.abort();
    await following;
    expect(calls).toEqual(['1 c-1 (forgotten)', '2 c-1', '2 c-1', '2 c-2']);
    expect(failures).toMatchObject([{ message: 'no room' }]);
  });

  test('leaves the cache of every tab, whichever of them has destroyed the keys', async () => {
    const scene = await Scene.open();
    const one = await device(scene);
    const id = newOriginatorId();
    await one.app.execute(customer, id, { type: 'Name', data: name(id, 'c-1') });
    await one.remote.exchange();
    const neighbourKeys = new SqlSubjectKeys({ recorder: localRecorders.at(-1) as SqlRecorder });
    const neighbour = new Application({
      ...{ recorder: one.tab.inside, aggregates: [customer, subjectForgetting], subjectKeys: neighbourKeys },
      cache: {},
    });
    expect(await nameOf(neighbour, id)).toBe(name(id, 'c-1').name);
    await forgetSubject(one.app, keeper, 'c-1');
    const closing = new AbortController();
    // Both are looked at all the time: what is being loaded meanwhile does not stay in a cache either.
    void followForgetting(one.app, one.local, { signal: closing.signal });
    await vi.waitUntil(async () => (await nameOf(one.app, id)) === '(forgotten)');
    void followForgetting(neighbour, neighbourKeys, { signal: closing.signal });
    await vi.waitUntil(async () => (await nameOf(neighbour, id)) === '(forgotten)');
    closing.abort();
  });
});

describe('the keeper of keys', () => {
  const ask = async (init: RequestInit): Promise<Response> => await handler()(new Request('http://keys.test/', init));
  const headers = { authorization: 'Bearer all', 'content-type': 'application/json' };

  test.each<[string, number, RequestInit]>([
    ['a GET', 405, { method: 'GET', headers }],
    ['a stranger', 401, { method: 'POST', body: '{}' }],
    ['no JSON', 400, { method: 'POST', headers, body: '{' }],
    ['no request', 400, { method: 'POST', headers, body: '{"have":[]}' }],
    ['an id that is none', 400, { method: 'POST', headers, body: '{"have":[],"want":["x"]}' }],
    [
      'a key that is too short',
      400,
      {
        method: 'POST',
        headers,
        body: JSON.stringify({ have: [{ id: newOriginatorId(), subject: 'c', key: 'AAAA' }], want: [] }),
      },
    ],
    [
      'a key that is not base64',
      400,
      {
        method: 'POST',
        headers,
        body: JSON.stringify({ have: [{ id: newOriginatorId(), subject: 'c', key: '?' }], want: [] }),
      },
    ],
    [
      'a key that says it was destroyed',
      400,
      {
        method: 'POST',
        headers,
        body: JSON.stringify({ have: [{ id: newOriginatorId(), subject: 'c', key: null }], want: [] }),
      },
    ],
    [
      'the subject of snapshots',
      400,
      {
        method: 'POST',
        headers,
        body: JSON.stringify({ have: [{ id: newOriginatorId(), subject: '', key: btoa('k'.repeat(32)) }], want: [] }),
      },
    ],
    [
      'too many ids',
      400,
      {
        method: 'POST',
        headers,
        body: JSON.stringify({ have: [], want: Array.from({ length: 1_001 }, newOriginatorId) }),
      },
    ],
    ['too much', 413, { method: 'POST', headers, body: ' '.repeat(600_000) }],
  ])('refuses %s', async (_title, status, init) => {
    const response = await ask(init);
    expect(response.status).toBe(status);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(errors).toEqual([]);
  });

  test('says nothing of its own failures but that it may be asked again', async () => {
    vi.spyOn(keeper, 'find').mockRejectedValue(new Error('secret'));
    const response = await ask({ method: 'POST', headers, body: '{"have":[],"want":[]}' });
    expect([response.status, await response.text()]).toEqual([503, '']);
    expect(errors).toMatchObject([{ message: 'secret' }]);
  });

  test('never gives the key of snapshots', async () => {
    const { id } = await keeper.snapshotKey();
    const response = await ask({ method: 'POST', headers, body: JSON.stringify({ have: [], want: [id] }) });
    expect(await response.json()).toEqual({ taken: [], keys: [] });
  });
});

test('a device says why the keeper cannot be asked, and goes on with what it has', async () => {
  const local = await sqlKeys();
  const failures: unknown[] = [];
  const remote = new RemoteSubjectKeys({
    ...{ local, url: '/keys', onFailed: (error: unknown) => failures.push(error) },
    fetch: () => Promise.resolve(new Response('<html>')),
  });
  await remote.keyFor('anna');
  await expect(remote.exchange()).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
  expect(await remote.find([newOriginatorId()])).toEqual([undefined]);
  expect(failures).not.toEqual([]);
});

test('a keeper that does not answer is not waited for for ever', async () => {
  const local = await sqlKeys();
  const remote = new RemoteSubjectKeys({
    ...{ local, url: '/keys', timeoutMs: 1 },
    fetch: async (_input, init) =>
      await new Promise((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason as Error));
      }),
  });
  await local.keyFor('anna');
  await expect(remote.exchange()).rejects.toMatchObject({ code: 'OPERATIONAL_ERROR' });
  expect(() => new RemoteSubjectKeys({ local, url: '/keys', timeoutMs: Number.NaN })).toThrow(/timeoutMs/);
});
