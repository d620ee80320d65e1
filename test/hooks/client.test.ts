/** The client of a store: opened once, closed once, and never two of them at once, in whatever order it is asked for. */
import { expect, test, vi } from 'vitest';
import { createClient } from '../../src/hooks/contract/index.js';
import type { ClientOptions, ClientParts, DaybookClient } from '../../src/hooks/contract/index.js';
import { Application } from '../../src/application/index.js';
import { LiveQueries } from '../../src/live/index.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';

interface Scene {
  readonly client: DaybookClient;
  /** What has happened, in order. */
  readonly log: string[];
  /** Lets the next opening go on. */
  readonly release: () => void;
}

function newScene(options: Partial<ClientOptions<ClientParts>> = {}): Scene {
  const log: string[] = [];
  const gates: (() => void)[] = [];
  let count = 0;
  const client = createClient<ClientParts>({
    name: 'shop',
    open: async () => {
      const label = String(++count);
      log.push(`opening ${label}`);
      await new Promise<void>((resolve) => gates.push(resolve));
      log.push(`opened ${label}`);
      const recorder = new MemoryProcessRecorder();
      const app = new Application({ recorder, aggregates: [] });
      return { app, live: new LiveQueries({ recorder }) };
    },
    close: ({ live }) => {
      log.push('closed');
      return live.close();
    },
    ...options,
  });
  return { client, log, release: () => gates.shift()?.() };
}

async function released(scene: Scene): Promise<void> {
  await vi.waitUntil(() => scene.log.at(-1)?.startsWith('opening') === true);
  scene.release();
}

test('is opened once, whoever asks, and again after it was closed', async () => {
  const scene = newScene();
  const asked = Promise.all([scene.client.open(), scene.client.open()]);
  await released(scene);
  const [first, second] = await asked;
  expect(first).toBe(second);
  expect(await scene.client.open()).toBe(first);
  await scene.client.close();
  await scene.client.close();
  expect(scene.client.state.value.status).toBe('closed');
  const again = scene.client.open();
  await released(scene);
  expect(await again).not.toBe(first);
  expect(scene.log).toEqual(['opening 1', 'opened 1', 'closed', 'opening 2', 'opened 2']);
});

test('what was called off while it was opened is closed before anything else is opened', async () => {
  const scene = newScene();
  const off = scene.client.open();
  const refused = expect(off).rejects.toMatchObject({ code: 'INTERFACE_ERROR' });
  await vi.waitUntil(() => scene.log.length === 1);
  const closing = scene.client.close();
  const again = scene.client.open();
  scene.release();
  await refused;
  await closing;
  await released(scene);
  await again;
  expect(scene.client.state.value.status).toBe('open');
  expect(scene.log).toEqual(['opening 1', 'opened 1', 'closed', 'opening 2', 'opened 2']);
});

test('one that cannot be opened says why, and may be tried again', async () => {
  let isBroken = true;
  const open = vi.fn(async (): Promise<ClientParts> => {
    if (isBroken) throw new Error('no room');
    const recorder = new MemoryProcessRecorder();
    return await Promise.resolve({
      app: new Application({ recorder, aggregates: [] }),
      live: new LiveQueries({ recorder }),
    });
  });
  const { client } = newScene({ open });
  await expect(client.open()).rejects.toThrow('no room');
  expect(client.state.value).toMatchObject({ status: 'failed', error: { message: 'no room' } });
  isBroken = false;
  await client.open();
  expect(client.state.value.status).toBe('open');
});

test('closes its parts in the reverse of their order, all of them, and says what failed', async () => {
  const closed: string[] = [];
  const part = (name: string, failure?: Error): AsyncDisposable => ({
    [Symbol.asyncDispose]: () => {
      closed.push(name);
      return failure === undefined ? Promise.resolve() : Promise.reject(failure);
    },
  });
  const recorder = new MemoryProcessRecorder();
  const parts = {
    daybook: part('daybook'),
    app: new Application({ recorder, aggregates: [] }),
    live: new LiveQueries({ recorder }),
    sync: part('sync', new Error('not closed')) as never,
  };
  const client = createClient({ name: 'shop', open: () => Promise.resolve(parts) });
  await client.open();
  await expect(client.close()).rejects.toThrow('not closed');
  expect(closed).toEqual(['sync', 'daybook']);
  expect(client.state.value.status).toBe('closed');
});
