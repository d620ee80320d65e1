/** A log that is restored between two statements of one answer: it is no fault of the server's, and asked again. */
import { expect, test } from 'vitest';
import { MemoryLogStorage } from '../../../src/server/log/memory-log-storage.js';
import { MemoryUnitLog } from '../../../src/server/log/memory-unit-log.js';
import { CURSOR_START } from '../../../src/persistence/unit.js';
import { newOriginatorId, sampleEvent } from '../../../src/testing/conformance/event-samples.js';
import { sampleUnit } from '../../../src/testing/conformance/unit-samples.js';

const SENDER = { subject: 'ann', replicaId: '00000000-0000-4000-8000-00000000000a' };
const LIMITS = { eventsMax: 10, bytesMax: 1_000_000 };

/** A log of two units of an aggregate, whose events are read when something was done. */
async function logOf(beforeEvents: (restore: () => void) => void): Promise<{
  readonly id: string;
  readonly log: MemoryUnitLog;
}> {
  const storage = new MemoryLogStorage();
  const id = newOriginatorId();
  const log = new MemoryUnitLog({}, storage);
  const first = sampleUnit([sampleEvent(id, 1)]);
  await log.push([first], SENDER);
  const backup = storage.backup();
  await log.push([sampleUnit([sampleEvent(id, 2)], { after: [first.id] })], SENDER);
  const events = storage.events.bind(storage);
  storage.events = (...given) => {
    beforeEvents(backup);
    return events(...given);
  };
  return { id, log };
}

const ASKED: Readonly<Record<string, (log: MemoryUnitLog, id: string) => Promise<unknown>>> = {
  page: (log) => log.page(CURSOR_START, LIMITS),
  history: (log, id) => log.history(id, { after: 0, upTo: 2, ...LIMITS }),
};

test.each(Object.entries(ASKED))('a %s is to be asked for again', async (_what, ask) => {
  let isFirst = true;
  const { id, log } = await logOf((restore) => {
    if (isFirst) restore();
    isFirst = false;
  });
  await expect(ask(log, id)).rejects.toMatchObject({ code: 'UNAVAILABLE', details: { retryAfterSeconds: 1 } });
  await ask(log, id);
});

test.each(Object.entries(ASKED))('a %s of a log whose events are gone is a fault still', async (_what, ask) => {
  const storage = new MemoryLogStorage();
  const log = new MemoryUnitLog({}, storage);
  const id = newOriginatorId();
  await log.push([sampleUnit([sampleEvent(id, 1)])], SENDER);
  storage.events = () => Promise.resolve([]);
  await expect(ask(log, id)).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
});
