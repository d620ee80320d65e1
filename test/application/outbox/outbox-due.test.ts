/** When an outbox is to be looked at next, for who has no worker running. */
import { expect, test } from 'vitest';
import { Application } from '../../../src/application/application.js';
import { SqlOutbox } from '../../../src/application/outbox/sql-outbox.js';
import { stockItem } from '../../../src/testing/conformance/application-samples.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';

test.each(Object.entries(SQL_RECORDERS))(
  '%s: an outbox says when it is due: at once, after a lease, after a wait, or never',
  async (_name, open) => {
    const { recorder, close } = await open();
    try {
      const outbox = new SqlOutbox({ recorder, table: uniqueName() });
      await outbox.createTables();
      const app = new Application({ recorder, aggregates: [stockItem], inline: [outbox] });
      const [one, other] = [newOriginatorId(), newOriginatorId()];
      expect(await outbox.nextDueAtMs()).toBeUndefined();
      await app.execute(stockItem, one, { type: 'Receive', data: { quantity: 1, times: 2 } });
      expect(await outbox.nextDueAtMs()).toBe(0);

      const [first, second] = await outbox.claim({ leaseId: 'dead', nowMs: 1_000, leaseUntilMs: 5_000, limit: 10 });
      expect(await outbox.nextDueAtMs()).toBe(5_000);
      const failed = { kind: 'again', error: 'no', counts: true, nextAttemptAtMs: 9_000 } as const;
      await outbox.settle('dead', [{ id: first!.id, ...failed }]);
      await outbox.release('dead');
      // The second one could go, but for the first.
      expect(await outbox.nextDueAtMs()).toBe(9_000);
      await app.execute(stockItem, other, { type: 'Receive', data: { quantity: 1 } });
      expect(await outbox.nextDueAtMs()).toBe(0);

      const [third] = await outbox.claim({ leaseId: 'next', nowMs: 6_000, leaseUntilMs: 7_000, limit: 10 });
      await outbox.settle('next', [{ id: third!.id, kind: 'published', publishedAtMs: 6_000 }]);
      expect(await outbox.nextDueAtMs()).toBe(9_000);
      await outbox.claim({ leaseId: 'last', nowMs: 10_000, leaseUntilMs: 11_000, limit: 1 });
      await outbox.settle('last', [{ id: first!.id, ...failed, kind: 'failed' }]);
      expect(await outbox.pending()).toMatchObject([{ id: second!.id }]);
      expect(await outbox.nextDueAtMs()).toBeUndefined();
      expect(await outbox.retry(first!.id)).toBe(true);
      expect(await outbox.nextDueAtMs()).toBe(0);
    } finally {
      await close();
    }
  },
);
