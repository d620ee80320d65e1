/** What a page is told when a store cannot be opened, and where it can be opened all the same. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from '@playwright/test';
import type { Frame, Page } from '@playwright/test';
import { chromium, firefox } from 'playwright';
import { browserLaunchOptions } from '../support/browsers.js';
import type { BrowserName } from '../support/browsers.js';
import { serveBareSite } from './support/bare-site.js';
import type { BareAnswer } from './support/bare-site.js';
import { expect } from './support/patient-expect.js';

interface Told {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Runs code in the page. @returns what it returns, or what an error that it throws tells */
async function tried(page: Page | Frame, code: string): Promise<unknown> {
  return page.evaluate(
    `(async () => { ${code} })().catch(({ name, code, message, details }) => ({ name, code, message, details }))`,
  );
}

async function refusal(page: Page | Frame, code = opening()): Promise<Told> {
  return (await tried(page, code)) as Told;
}

/** Opens a store, records an event, reads it back, and closes the store. */
const opening = (options = ''): string => `
  const store = await daybook.openDaybook({ name: 'bare', ${options} });
  const originatorId = '00000000-0000-4000-8000-000000000000';
  const [{ originatorVersion = 0 } = {}] = await store.recorder.selectEvents(originatorId, { desc: true, limit: 1 });
  await store.recorder.insertEvents([{ originatorId, originatorVersion: originatorVersion + 1, topic: 'Tried', state: new Uint8Array(1) }]);
  const events = await store.recorder.maxNotificationId();
  await store.close();
  return events;`;

const only =
  (path: string, answer: BareAnswer) =>
  (asked: string): BareAnswer | undefined =>
    asked === path ? answer : undefined;

const allowingOrigins = (): BareAnswer => ({ headers: { 'access-control-allow-origin': '*' } });
const policy = (value: string): BareAnswer => ({ headers: { 'content-security-policy': value } });

test.describe('a worker that cannot start says why', () => {
  const cases: readonly [
    what: string,
    answer: (path: string) => BareAnswer | undefined,
    code: string,
    reason: string | undefined,
    words: RegExp,
  ][] = [
    [
      'a file that nobody copied',
      only('worker.js', { status: 404, body: '' }),
      'WORKER_FAILED',
      'not-found',
      /404.*npx daybook copy-assets/,
    ],
    [
      'a server that answers everything with its page',
      only('worker.js', { body: '<!doctype html>', headers: { 'content-type': 'text/html' } }),
      'WORKER_FAILED',
      'not-javascript',
      /text\/html.*npx daybook copy-assets/,
    ],
    [
      'a policy without workers',
      only('index.html', policy("script-src 'self'; worker-src 'none'")),
      'WORKER_FAILED',
      'policy',
      /security policy refuses it \(worker-src\)/,
    ],
    [
      'a script that fails',
      only('worker.js', { body: 'throw new Error("broken script")' }),
      'WORKER_FAILED',
      undefined,
      /broken script/,
    ],
    [
      'a policy without WebAssembly',
      () => policy("default-src 'self'"),
      'STORAGE_UNAVAILABLE',
      undefined,
      /'wasm-unsafe-eval'/,
    ],
    [
      'no wasm',
      only('sql-wasm.wasm', { status: 404, body: '' }),
      'STORAGE_UNAVAILABLE',
      undefined,
      /Serve the file sql-wasm\.wasm/,
    ],
  ];
  for (const [what, answer, code, reason, words] of cases) {
    test(what, async ({ page }) => {
      await using site = await serveBareSite({ answer });
      await page.goto(site.url);
      const told = await refusal(page);
      expect(told).toMatchObject({ code, details: reason === undefined ? {} : { reason } });
      expect(told.message).toMatch(words);
    });
  }

  test('a worker of another release, or of one that told none', async ({ page }) => {
    await using site = await serveBareSite();
    await page.goto(site.url);
    // Answers the first call as a worker of that release does.
    const worker = (answer: string): string =>
      `workerUrl: URL.createObjectURL(new Blob([\`addEventListener('message', ({ data: { id, path } }) => { if (path[0] === 'holdAliveLock') postMessage({ id, type: 'RAW', value: ${answer} }); })\`], { type: 'text/javascript' }))`;
    const newer = await refusal(page, opening(worker("{ isHeld: true, release: '9.9.9' }")));
    expect(newer).toMatchObject({
      code: 'WORKER_FAILED',
      details: { reason: 'other-release', workerRelease: '9.9.9' },
    });
    const older = await refusal(page, opening(worker('true')));
    expect(older).toMatchObject({ code: 'WORKER_FAILED', details: { reason: 'other-release' } });
    expect(older.message).toContain('Reload the page');
  });

  test('a page whose script is bundled as no module, unless the files are named', async ({ page }) => {
    await using site = await serveBareSite({ format: 'iife' });
    await page.goto(site.url);
    for (const call of [opening(), "await daybook.deleteDaybook('bare')"]) {
      const told = await refusal(page, call);
      expect(told).toMatchObject({
        name: 'WorkerFailedError',
        code: 'WORKER_FAILED',
        details: { reason: 'no-module' },
      });
      expect(told.message).toMatch(/--format=esm.*npx daybook copy-assets/);
    }
    expect(await tried(page, opening("workerUrl: '/worker.js'"))).toBe(1);
  });

  test('an address that is none, or that the browser refuses', async ({ page }) => {
    await using site = await serveBareSite();
    await page.goto(site.url);
    for (const option of ['workerUrl', 'wasmUrl']) {
      expect(await refusal(page, opening(`${option}: 'https://'`))).toMatchObject({
        code: 'PROGRAMMING_ERROR',
        details: { option },
      });
    }
    expect(await refusal(page, "await daybook.deleteDaybook('bare', { backupWorkerUrl: 'https://' })")).toMatchObject({
      code: 'PROGRAMMING_ERROR',
      details: { option: 'backupWorkerUrl' },
    });
    expect(await refusal(page, opening("workerUrl: 'file:///worker.js'"))).toMatchObject({ code: 'WORKER_FAILED' });
  });

  test('no workers at all', async ({ page }) => {
    await using site = await serveBareSite();
    await page.goto(site.url);
    const without = (call: string): string => `delete globalThis.Worker; await ${call}`;
    for (const call of [
      `daybook.openDaybook({ name: 'bare' })`,
      `daybook.deleteDaybook('bare')`,
      `daybook.importDaybook({ name: 'bare', from: new Blob() })`,
    ]) {
      expect(await refusal(page, without(call))).toMatchObject({
        code: 'WORKER_FAILED',
        details: { reason: 'no-workers' },
      });
    }
  });
});

test.describe('files at another origin', () => {
  test('work, found beside the script or named', async ({ page }) => {
    await using files = await serveBareSite({ answer: allowingOrigins });
    await using site = await serveBareSite({
      scriptsUrl: files.url,
      answer: (path) => (path.endsWith('.html') ? {} : { status: 404, body: '' }),
    });
    await page.goto(site.url);
    expect(await tried(page, opening())).toBe(1);
    expect(await tried(page, opening(`workerUrl: '${files.url}/worker.js'`))).toBe(2);
    const exported = `const store = await daybook.openDaybook({ name: 'bare' });
      const reader = store.storage.export().getReader();
      let bytes = 0;
      for (let part = await reader.read(); !part.done; part = await reader.read()) bytes += part.value.length;
      await store.close();
      return bytes;`;
    expect(await tried(page, exported)).toBeGreaterThan(100);
  });

  test('say what the other origin must allow', async ({ page }) => {
    await using files = await serveBareSite();
    await using site = await serveBareSite();
    await page.goto(site.url);
    const told = await refusal(page, opening(`workerUrl: '${files.url}/worker.js'`));
    expect(told).toMatchObject({ code: 'WORKER_FAILED', details: { reason: 'unreachable' } });
    expect(told.message).toContain('Access-Control-Allow-Origin');
  });
});

test.describe('where the browser gives no storage', () => {
  test('a sandboxed frame is told so', async ({ page }) => {
    const outer: BareAnswer = { body: '<iframe sandbox="allow-scripts" src="/index.html"></iframe>' };
    await using site = await serveBareSite({
      answer: (path) => (path === 'outer.html' ? outer : allowingOrigins()),
    });
    await page.goto(`${site.url}/outer.html`);
    await expect.poll(() => page.frames().length).toBe(2);
    const frame = page.frames()[1]!;
    await frame.waitForFunction('globalThis.daybook !== undefined');
    const told = await refusal(frame);
    expect(told).toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(told.message).toContain('allow-same-origin');
  });

  // The browser is another one, with its own settings.
  test('a person who refuses site data is told so', async ({}, { project }) => {
    await using site = await serveBareSite();
    const profile = await mkdtemp(join(tmpdir(), 'daybook-refused-'));
    const context = await refusingBrowser(project.name as BrowserName, profile);
    try {
      const page = await context.newPage();
      await page.goto(site.url);
      expect(await tried(page, 'return localStorage.length')).toMatchObject({ name: 'SecurityError' });
      for (const call of [opening(), "await daybook.deleteDaybook('bare')"]) {
        const told = await refusal(page, call);
        expect(told).toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
        expect(told.message).toContain('Refused site data');
      }
    } finally {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    }
  });
});

test('an insecure origin: a store opens, and what is missing says so', async ({ page }) => {
  const address = Object.values(networkInterfaces())
    .flatMap((interfaces) => interfaces ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  test.skip(address === undefined, 'This machine has no address but its own.');
  await using site = await serveBareSite({ host: '0.0.0.0' });
  await page.goto(`http://${address}:${site.port}`);
  expect(await tried(page, 'return [isSecureContext, typeof crypto.randomUUID, typeof navigator.locks]')).toEqual([
    false,
    'undefined',
    'undefined',
  ]);
  expect(await tried(page, opening())).toBe(1);
  expect(await tried(page, opening())).toBe(2);
  const exporting = `const store = await daybook.openDaybook({ name: 'bare' });
    try { await store.storage.export().getReader().read(); } finally { await store.close(); }`;
  const told = await refusal(page, exporting);
  expect(told).toMatchObject({ code: 'NOT_SUPPORTED' });
  expect(told.message).toContain('https');
  // Deleting needs none of it.
  expect(await tried(page, "await daybook.deleteDaybook('bare', { evenIfUnsynced: true }); return 'deleted'")).toBe(
    'deleted',
  );
});

test('after a log-out that clears the storage, the page opens stores as before', async ({ page }) => {
  const logOut: BareAnswer = { body: '', headers: { 'clear-site-data': '"storage"' } };
  await using site = await serveBareSite({ answer: only('log-out', logOut) });
  await page.goto(site.url.replace('127.0.0.1', 'localhost'));
  expect(await tried(page, "globalThis.before = await daybook.openDaybook({ name: 'before' }); return 'open'")).toBe(
    'open',
  );
  await tried(page, "await fetch('/log-out'); return 'cleared'");
  // The store that was open is gone, and says so when something is recorded in it.
  const event =
    "{ originatorId: '00000000-0000-4000-8000-000000000000', originatorVersion: 1, topic: 'Tried', state: new Uint8Array(1) }";
  expect(await refusal(page, `return before.recorder.insertEvents([${event}])`)).toMatchObject({
    code: 'STORAGE_LOST',
  });
  expect(await tried(page, opening())).toBe(1);
  expect(await tried(page, opening())).toBe(2);
  expect(await tried(page, "await daybook.deleteDaybook('bare', { evenIfUnsynced: true }); return 'deleted'")).toBe(
    'deleted',
  );
});

test('calls on a store that was closed say so', async ({ page }) => {
  await using site = await serveBareSite();
  await page.goto(site.url);
  await tried(
    page,
    "globalThis.store = await daybook.openDaybook({ name: 'bare' }); await store.close(); await store.close(); return 0",
  );
  const reading = (source: string): string => `(async () => { for await (const each of ${source}) return each; })()`;
  for (const call of [
    'store.query("SELECT 1")',
    'store.recorder.insertEvents([])',
    'store.recorder.selectEvents("any")',
    'store.recorder.selectNotifications({ start: 1, limit: 10 })',
    'store.recorder.maxNotificationId()',
    'store.recorder.maxTrackingId("any")',
    'store.recorder.hasTrackingId("any", 0)',
    'store.recorder.transaction(async () => 0)',
    'store.storage.report()',
    'store.storage.persist()',
    'store.storage.export().getReader().read()',
    reading('store.subscribe()'),
    reading('store.recorder.subscribe()'),
  ]) {
    expect(await refusal(page, `return await ${call}`), call).toMatchObject({
      name: 'StoreClosedError',
      code: 'STORE_CLOSED',
    });
  }
});

async function refusingBrowser(
  name: BrowserName,
  profile: string,
): ReturnType<typeof chromium.launchPersistentContext> {
  const { channel, ...options } = browserLaunchOptions(name);
  if (name === 'firefox') {
    return firefox.launchPersistentContext(profile, {
      ...options,
      ...(channel === undefined ? {} : { channel }),
      firefoxUserPrefs: { 'network.cookie.cookieBehavior': 2 },
    });
  }
  await mkdir(join(profile, 'Default'));
  const refused = { profile: { default_content_setting_values: { cookies: 2 } } };
  await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify(refused));
  return chromium.launchPersistentContext(profile, options);
}
