import { describe, expect, test, vi } from 'vitest';
import { envelopeMessages } from '../../../src/application/outbox/message-format.js';
import type { MessageFormat } from '../../../src/application/outbox/message-format.js';
import { PublishError, PublisherUnavailableError } from '../../../src/application/outbox/publish-errors.js';
import { newOriginatorId } from '../../../src/testing/conformance/event-samples.js';
import { recordWith, sampleRecordedEvent } from '../../../src/testing/conformance/recorded-events.js';
import { lab, settle } from '../../support/outbox-lab.js';

describe('attempts', () => {
  test('an entry is a dead letter after the fifth failed attempt, with waits that double in between', async () => {
    const { clock, outbox, publish, worker, record } = lab();
    publish.mockRejectedValue(new Error('no'));
    await record(newOriginatorId(), 1);
    const waits: number[] = [];
    for (let attempt = 1; attempt <= 4; attempt++) {
      expect(await worker.runOnce()).toMatchObject({ postponed: 1, failed: 0 });
      const [entry] = await outbox.pending();
      expect(entry).toMatchObject({ retryCount: attempt, lastError: 'Error: no' });
      waits.push((entry?.nextAttemptAtMs ?? 0) - clock.nowMs());
      clock.advance((waits.at(-1) ?? 0) - 1);
      expect((await worker.runOnce()).claimed).toBe(0);
      clock.advance(1);
    }
    expect(waits).toEqual([999, 1_999, 3_999, 7_999]);
    expect(await worker.runOnce()).toMatchObject({ postponed: 0, failed: 1 });
    expect(publish).toHaveBeenCalledTimes(5);
    expect((await outbox.deadLetters())[0]).toMatchObject({ status: 'failed', retryCount: 5 });
    clock.advance(1_000_000);
    expect((await worker.runOnce()).claimed).toBe(0);
  });

  test('a message that can never be sent is a dead letter at once', async () => {
    const { outbox, publish, worker, record } = lab();
    publish.mockRejectedValue(new PublishError('too large', { details: { isPermanent: true } }));
    await record(newOriginatorId(), 1);
    await worker.runOnce();
    expect(await outbox.counts()).toEqual({ pending: 0, published: 0, failed: 1 });
  });

  test('a function that forgets its promise has published, and one that throws at once has not', async () => {
    const { outbox, publish, worker, record } = lab();
    publish.mockImplementationOnce(() => {
      throw new Error('at once');
    });
    publish.mockImplementationOnce(() => undefined as never);
    for (const id of [newOriginatorId(), newOriginatorId()]) await record(id, 1);
    expect(await worker.runOnce()).toMatchObject({ published: 1, postponed: 1 });
    expect((await outbox.pending())[0]?.lastError).toBe('Error: at once');
  });

  test('the other side may ask for more time', async () => {
    const { clock, outbox, publish, worker, record } = lab();
    publish.mockRejectedValue(new PublishError('later', { details: { retryAfterMs: 77_000 } }));
    await record(newOriginatorId(), 1);
    await worker.runOnce();
    expect((await outbox.pending())[0]?.nextAttemptAtMs).toBe(clock.nowMs() + 77_000);
  });

  test.each([Number.NaN, -5, Infinity, 86_400_000])('no longer than an hour: %d', async (retryAfterMs) => {
    const { clock, outbox, publish, worker, record } = lab();
    publish.mockRejectedValue(new PublishError('later', { details: { retryAfterMs } }));
    await record(newOriginatorId(), 1);
    await worker.runOnce();
    const [entry] = await outbox.pending();
    expect((entry?.nextAttemptAtMs ?? 0) - clock.nowMs()).toBe(retryAfterMs > 0 ? 3_600_000 : 999);
  });

  test('nobody is blamed when the publisher is not available, and nobody else is tried', async () => {
    const { outbox, publish, worker, record } = lab({ concurrency: 1 });
    publish.mockRejectedValue(new PublisherUnavailableError('no connection'));
    const [one, other] = [newOriginatorId(), newOriginatorId()];
    await record(one, 1);
    await record(other, 1);
    for (let round = 1; round <= 10; round++) await worker.runOnce();
    expect(publish).toHaveBeenCalledTimes(10);
    expect((await outbox.pending()).map(({ retryCount }) => retryCount)).toEqual([0, 0]);
    publish.mockReset();
    publish.mockResolvedValue(undefined);
    await worker.runOnce();
    expect(await outbox.counts()).toEqual({ pending: 0, published: 2, failed: 0 });
  });

  test('an entry that cannot be read holds up its own aggregate only', async () => {
    const { outbox, broker, worker, record } = lab({ maxAttempts: 1 });
    const [damaged, whole] = [newOriginatorId(), newOriginatorId()];
    for (const id of [damaged, whole, damaged]) await record(id, id === whole ? 1 : (await versionOf(id)) + 1);
    async function versionOf(id: string): Promise<number> {
      return (await outbox.pending()).filter(({ aggregateId }) => aggregateId === id).length;
    }
    const claim = outbox.claim.bind(outbox);
    vi.spyOn(outbox, 'claim').mockImplementation(async (request) =>
      (await claim(request)).map((entry) =>
        entry.aggregateId === damaged ? { ...entry, event: () => Promise.reject(new Error('damaged')) } : entry,
      ),
    );
    await worker.runOnce();
    expect(broker.messages.map(({ headers }) => headers['aggregate_id'])).toEqual([whole]);
    expect(await outbox.counts()).toEqual({ pending: 1, published: 1, failed: 1 });
  });

  test('an aggregate that fails leaves the others their turn, however much of it there is', async () => {
    const { outbox, broker, publish, recorder, worker } = lab({ batch: 100 });
    const [failing, ...others] = Array.from({ length: 4 }, () => newOriginatorId()) as [string, ...string[]];
    const events = Array.from({ length: 250 }, (_, index) => sampleRecordedEvent(failing, index + 1));
    await recordWith(recorder, [outbox], [...events, ...others.map((id) => sampleRecordedEvent(id, 1))]);
    publish.mockImplementation(async (message) => {
      if (message.headers['aggregate_id'] === failing) throw new Error('no');
      broker.take(message);
    });
    expect(await worker.runOnce()).toMatchObject({ published: 3, postponed: 1 });
    expect(broker.messages.map(({ headers }) => headers['aggregate_id'])).toEqual(others);
    // Each time that it is due again, it is tried again, and the rest is not waited for.
    expect(publish.mock.calls.filter(([{ headers }]) => headers['aggregate_id'] === failing)).toHaveLength(1);
  });

  test('a batch that lost its lease is not begun again and again', async () => {
    const { outbox, worker, record, clock, publish } = lab({ leaseMs: 1_000, publishTimeoutMs: 900 });
    await record(newOriginatorId(), 1);
    vi.spyOn(outbox, 'renew').mockResolvedValue(false);
    const claim = outbox.claim.bind(outbox);
    const claims = vi.spyOn(outbox, 'claim').mockImplementation(async (request) => {
      const entries = await claim(request);
      clock.advance(600);
      return entries;
    });
    expect(await worker.runOnce()).toMatchObject({ claimed: 1, published: 0 });
    expect(claims).toHaveBeenCalledTimes(1);
    expect(publish).not.toHaveBeenCalled();
  });

  test.each(['format', 'event'])(
    'a %s that never settles is given up after its time, and not published late',
    async (what) => {
      let goOn: () => void = () => undefined;
      const waiting = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      let isFirst = true;
      const once = async (): Promise<void> => {
        const hangs = isFirst;
        isFirst = false;
        if (hangs) await waiting;
      };
      const format: MessageFormat = async (event) => {
        if (what === 'format') await once();
        return await envelopeMessages()(event);
      };
      const { clock, outbox, publish, worker, record } = lab({ format, publishTimeoutMs: 100, concurrency: 1 });
      const claim = outbox.claim.bind(outbox);
      if (what === 'event') {
        outbox.claim = async (request) =>
          (await claim(request)).map((entry) => ({
            ...entry,
            event: async () => {
              await once();
              return await entry.event();
            },
          }));
      }
      await record(newOriginatorId(), 1);
      await record(newOriginatorId(), 1);
      const done = worker.runOnce();
      await settle();
      expect(publish).not.toHaveBeenCalled();
      clock.advance(100);
      expect(await done).toMatchObject({ postponed: 1 });
      expect((await outbox.pending())[0]?.lastError).toContain('longer than 100 ms');
      expect(publish).toHaveBeenCalledTimes(1);
      goOn();
      await settle();
      expect(publish).toHaveBeenCalledTimes(1);
    },
  );

  test('a publisher that never answers is given up after its time, and the late answer changes nothing', async () => {
    const { clock, outbox, publish, worker, record } = lab({ publishTimeoutMs: 1_000, leaseMs: 10_000 });
    let answer: () => void = () => undefined;
    let seen: AbortSignal | undefined;
    publish.mockImplementationOnce(async (_message, { signal }) => {
      seen = signal;
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
    });
    await record(newOriginatorId(), 1);
    const run = worker.runOnce();
    await settle();
    clock.advance(1_000);
    expect(await run).toMatchObject({ published: 0, postponed: 1 });
    expect(seen?.aborted).toBe(true);
    answer();
    await settle();
    expect((await outbox.pending())[0]).toMatchObject({ status: 'pending', retryCount: 1 });
  });
});
