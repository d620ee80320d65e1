/**
 * The page of `killed-browser.spec.ts`: says what it found in its store, then records, and says what was acknowledged.
 *
 * @module
 */
import { isEventSourcingError, openDaybook } from 'daybook';
import { newOriginatorId, sampleEvent } from 'daybook/testing';
import type { AcknowledgedEvent, FoundEvents } from './page-server.js';

// Many at once, so that at any moment some commits are under way.
const WRITERS = 4;
const READ_MAX = 1_000_000;
const RELOAD_DELAY_MS = 200;

async function tell(what: 'found' | 'acknowledged' | 'failed', body: unknown): Promise<void> {
  await fetch(`/told/${what}`, { method: 'POST', body: JSON.stringify(body) });
}

async function run(): Promise<void> {
  const { recorder } = await openDaybook({ name: 'killed-browser' });
  const notifications = await recorder.selectNotifications({ start: 1, limit: READ_MAX });
  const found: FoundEvents = notifications.map(({ id, originatorId, originatorVersion }) => ({
    id,
    originatorId,
    originatorVersion,
  }));
  await tell('found', found);
  const write = async (): Promise<never> => {
    const originatorId = newOriginatorId();
    for (let originatorVersion = 1; ; originatorVersion++) {
      const [id] = await recorder.insertEvents([sampleEvent(originatorId, originatorVersion)]);
      const acknowledged: AcknowledgedEvent = { id: id as number, originatorId, originatorVersion };
      await tell('acknowledged', acknowledged);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
}

/** Whether WebKit's other processes are gone, which only a new page gets back; requests fail with a `TypeError` then. */
function isCutOff(error: unknown): boolean {
  if (!isEventSourcingError(error)) return error instanceof TypeError;
  return error.code === 'STORAGE_UNAVAILABLE' || error.details['outcome'] === 'unknown';
}

await run().catch(async (error: unknown) => {
  if (!isCutOff(error)) return await tell('failed', String(error));
  setTimeout(() => {
    location.reload();
  }, RELOAD_DELAY_MS);
});
