import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Application } from '../../../src/application/application.js';
import { MemoryProcessRecorder } from '../../../src/persistence/memory/memory-recorder.js';
import { MemorySnapshotStore } from '../../../src/persistence/memory/memory-snapshot-store.js';
import type { ProcessRecorder } from '../../../src/persistence/recorder.js';
import { sampleApplication } from '../../../src/testing/conformance/application-context.js';
import { LogBook, stockItem } from '../../../src/testing/conformance/application-samples.js';

const IDS = ['a', 'b', 'c'].map((digit) => digit.repeat(8) + '-0000-4000-8000-000000000000');
const BOOKS = ['d', 'e'].map((digit) => digit.repeat(8) + '-0000-4000-8000-000000000000');

type Step =
  | { readonly kind: 'receive'; readonly app: number; readonly id: number; readonly times: number }
  | { readonly kind: 'write'; readonly app: number; readonly id: number; readonly lines: number }
  | { readonly kind: 'roll back'; readonly app: number; readonly id: number }
  | { readonly kind: 'load'; readonly app: number; readonly id: number; readonly version: number };

const app = fc.nat(3);
const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('receive' as const), app, id: fc.nat(2), times: fc.integer({ min: 1, max: 7 }) }),
    fc.record({ kind: fc.constant('write' as const), app, id: fc.nat(1), lines: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ kind: fc.constant('roll back' as const), app, id: fc.nat(2) }),
    fc.record({ kind: fc.constant('load' as const), app, id: fc.nat(2), version: fc.integer({ min: 1, max: 12 }) }),
  ),
  { maxLength: 25 },
);

test('whatever is done by whomever, snapshots and caches never change what loading gives', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (script: readonly Step[]) => {
      const recorder = new SwitchedRecorder();
      const snapshots = { store: new MemorySnapshotStore(), interval: 3, onFailed: fail };
      const plain = sampleApplication({ recorder });
      const apps = [
        plain,
        sampleApplication({ recorder }, { snapshots }),
        sampleApplication({ recorder }, { cache: { aggregatesMax: 2 } }),
        sampleApplication({ recorder }, { snapshots, cache: { aggregatesMax: 1 } }),
      ];
      for (const step of script) {
        await perform(recorder, apps[step.app] as Application, step);
        // Not after every step: what is asked for often is never far behind.
        if (step.kind === 'load') await expectAgreement(plain, apps);
      }
      await expectAgreement(plain, apps);
    }),
    { numRuns: 150 },
  );
});

test('commands that are decided again lose nothing, however reads and writes fall', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler(),
      fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 6 }),
      async (scheduler, times) => {
        const recorder = new MemoryProcessRecorder();
        const scheduled: ProcessRecorder = {
          insertEvents: (events, options) =>
            scheduler.schedule(Promise.resolve()).then(() => recorder.insertEvents(events, options)),
          selectEvents: (id, options) =>
            scheduler.schedule(Promise.resolve()).then(() => recorder.selectEvents(id, options)),
          selectNotifications: (options) => recorder.selectNotifications(options),
          maxNotificationId: () => recorder.maxNotificationId(),
          maxTrackingId: (name) => recorder.maxTrackingId(name),
          hasTrackingId: (name, id) => recorder.hasTrackingId(name, id),
        };
        const apps = [
          sampleApplication({ recorder: scheduled }),
          sampleApplication({ recorder: scheduled }, { cache: {} }),
        ];
        const id = IDS[0] as string;
        const commands = times.map((count, index) =>
          (apps[index % 2] as Application).execute(
            stockItem,
            id,
            { type: 'Receive', data: { quantity: 1, times: count } },
            { retry: { attemptsMax: 50, delayMsMax: 0 } },
          ),
        );
        const outcomes = await scheduler.waitFor(Promise.all(commands));
        const total = times.reduce((sum, count) => sum + count, 0);
        const { version, state } = await sampleApplication({ recorder }).repository.load(stockItem, id);
        expect([version, state.quantity]).toEqual([total, total]);
        // Each was decided on what the one before it left.
        expect(new Set(outcomes.map((outcome) => outcome.version)).size).toBe(times.length);
        expect(outcomes.every((outcome) => outcome.state.quantity === outcome.version)).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
});

async function expectAgreement(plain: Application, apps: readonly Application[]): Promise<void> {
  const expected = await survey(plain);
  for (const app of apps) expect(await survey(app)).toEqual(expected);
}

function fail(error: unknown): never {
  throw error;
}

async function perform(recorder: SwitchedRecorder, app: Application, step: Step): Promise<void> {
  const id = (step.kind === 'write' ? BOOKS : IDS)[step.id] as string;
  switch (step.kind) {
    case 'receive':
      await app.execute(stockItem, id, { type: 'Receive', data: { quantity: step.times, times: step.times } });
      return;
    case 'write': {
      const book = await app.repository.loadOrCreate(LogBook, id);
      if (book.version === 0) book.apply('Opened', { title: id });
      for (let line = 0; line < step.lines; line++) book.write(`${book.version}`);
      await app.save(book);
      return;
    }
    case 'roll back':
      await recorder.rolledBack(async () => {
        await app.execute(stockItem, id, { type: 'Receive', data: { quantity: 1_000, times: 4 } });
        await app.repository.load(stockItem, id);
      });
      return;
    case 'load':
      await app.repository.load(stockItem, id, { version: step.version }).catch(() => undefined);
  }
}

async function survey({ repository }: Application): Promise<unknown> {
  const items = await Promise.all(IDS.map((id) => repository.loadOrCreate(stockItem, id)));
  const earlier = await Promise.all(
    IDS.map((id) => repository.load(stockItem, id, { version: 4 }).catch((error: unknown) => (error as Error).name)),
  );
  const books = await Promise.all(BOOKS.map((id) => repository.loadOrCreate(LogBook, id)));
  return { items, earlier, books: books.map(({ id, version, title, lines }) => ({ id, version, title, lines })) };
}

/** A recorder that is, for a while, a transaction: as an ambient transaction is, around code that knows nothing of it. */
class SwitchedRecorder implements ProcessRecorder {
  readonly #recorder = new MemoryProcessRecorder();
  #present: ProcessRecorder = this.#recorder;

  async rolledBack(work: () => Promise<void>): Promise<void> {
    const reason = new Error('rolled back');
    const outcome = this.#recorder.transaction(async (transaction) => {
      this.#present = transaction;
      await work();
      throw reason;
    });
    await expect(outcome).rejects.toBe(reason);
    this.#present = this.#recorder;
  }

  insertEvents: ProcessRecorder['insertEvents'] = (events, options) => this.#present.insertEvents(events, options);
  selectEvents: ProcessRecorder['selectEvents'] = (id, options) => this.#present.selectEvents(id, options);
  selectNotifications: ProcessRecorder['selectNotifications'] = (options) => this.#present.selectNotifications(options);
  maxNotificationId: ProcessRecorder['maxNotificationId'] = () => this.#present.maxNotificationId();
  maxTrackingId: ProcessRecorder['maxTrackingId'] = (name) => this.#present.maxTrackingId(name);
  hasTrackingId: ProcessRecorder['hasTrackingId'] = (name, id) => this.#present.hasTrackingId(name, id);
}
