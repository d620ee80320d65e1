import { describe, expect, onTestFinished, test } from 'vitest';
import { Application } from '../../src/application/application.js';
import { createPgPool, PostgresProcessRecorder } from '../../src/persistence/postgres/index.js';
import { receive } from '../../src/testing/conformance/application-context.js';
import { LogBook, stockItem } from '../../src/testing/conformance/application-samples.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { openPostgres } from '../support/postgres-fixture.js';

/** Applications on pools of their own, as in processes of their own. */
async function openApplications(count: number): Promise<readonly Application[]> {
  const { url, name, close } = await openPostgres();
  onTestFinished(close);
  return await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const pool = await createPgPool({ connectionString: url });
      onTestFinished(() => pool.end());
      const recorder = new PostgresProcessRecorder({ pool, applicationName: name });
      return new Application({ recorder, aggregates: [stockItem, LogBook], ...(index === 0 ? { cache: {} } : {}) });
    }),
  );
}

describe('applications on several pools', () => {
  test('decide again when another one was faster, and lose nothing', async () => {
    const apps = await openApplications(3);
    const id = newOriginatorId();
    const retry = { attemptsMax: 100, delayMsMax: 50 };
    const commands = apps.flatMap((app) =>
      Array.from({ length: 6 }, () => app.execute(stockItem, id, receive(1), { retry })),
    );
    expect(new Set((await Promise.all(commands)).map(({ version }) => version)).size).toBe(18);
    for (const app of apps) expect((await app.repository.load(stockItem, id)).state.quantity).toBe(18);
  });

  test('save several aggregates at once or none, when two do it in opposite order', async () => {
    const [left, right] = (await openApplications(2)) as [Application, Application];
    const [a, b] = [newOriginatorId(), newOriginatorId()];
    const outcomes = await Promise.allSettled([
      left.executeAll([
        [stockItem, a, receive(1)],
        [stockItem, b, receive(1)],
      ]),
      right.executeAll([
        [stockItem, b, receive(2)],
        [stockItem, a, receive(2)],
      ]),
    ]);
    const quantities = await Promise.all(
      [a, b].map(async (id) => (await left.repository.load(stockItem, id)).state.quantity),
    );
    expect(quantities[0]).toBe(quantities[1]);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'CONCURRENCY_ERROR' });
    }
  });

  test('hear of each other, by subscriptions and as news', async () => {
    const [writer, reader] = (await openApplications(2)) as [Application, Application];
    const id = newOriginatorId();
    await using subscription = reader.subscribe();
    const next = subscription.next();
    let count = 0;
    const heard = new Promise<void>((resolve) => {
      onTestFinished(
        reader.onRecorded(() => {
          count += 1;
          if (count === 2) resolve();
        }),
      );
    });
    // It begins to listen a moment later, so it is given something to hear until it does.
    const commands: Promise<unknown>[] = [];
    const timer = setInterval(() => commands.push(writer.execute(stockItem, newOriginatorId(), receive(1))), 20);
    onTestFinished(() => clearInterval(timer));
    await writer.execute(stockItem, id, receive(1));
    expect((await next).value).toMatchObject({ type: 'Received' });
    await heard;
    clearInterval(timer);
    // Before the pool that they use is closed.
    await Promise.all(commands);
  });
});
