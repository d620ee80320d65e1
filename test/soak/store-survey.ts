/**
 * Everything that a tab's replica holds, and what lies in the browser below it.
 *
 * @module
 */
import type { Daybook, Notification } from 'daybook';
import { decodeState } from './commit-states.js';
import { seeTables } from './own-table.js';
import type { StoreSurvey, SurveyedEvent, SurveyOrder } from './soak-messages.js';

// Pages are digested whole, so all tabs must cut at the same ids. Small: states may be large.
const PAGE_EVENTS = 200;
const CURRENT_WAIT_MS = 10_000;

const encoder = new TextEncoder();

/** Waits until the replica is as far as the journal, then reads all of it. Nobody may write meanwhile. */
export async function surveyStore(store: Daybook, order: SurveyOrder): Promise<StoreSurvey> {
  const { journal, checkpoints } = await rawKeys(store.name);
  await beCurrent(store, journal.at(-1) ?? checkpoints.at(-1) ?? 0);
  const { mark, trackingNames } = order;
  const trackings: Record<string, number> = {};
  for (const name of trackingNames) trackings[name] = await store.recorder.maxTrackingId(name);
  const largestId = await store.recorder.maxNotificationId();
  const events: SurveyedEvent[] = [];
  const problems: string[] = [];
  let digest = '';
  let digestAtMark = '';
  for (let start = 1; start <= largestId; start += PAGE_EVENTS) {
    const stop = start + PAGE_EVENTS - 1;
    const page = await store.recorder.selectNotifications({ start, limit: PAGE_EVENTS, stop });
    if (start <= mark && mark <= stop) digestAtMark = await digestOf(digest, page.slice(0, mark - start + 1));
    digest = await digestOf(digest, page);
    for (const notification of page) {
      if (notification.id <= mark) continue;
      const surveyed = surveyedEvent(notification);
      if (surveyed === undefined) problems.push(`the state of notification ${notification.id} is not what was written`);
      else events.push(surveyed);
    }
  }
  const { replicaId } = store;
  const tables = await seeTables(store);
  return {
    ...{ replicaId, largestId, digest, digestAtMark, events, trackings, journal, checkpoints, problems },
    tables: await digestOfText(JSON.stringify(tables.rows)),
    ownRows: tables.ownRows,
  };
}

/** A tab that nobody told of the last commits looks by itself when a person comes back to it. */
async function beCurrent(store: Daybook, head: number): Promise<void> {
  const deadline = performance.now() + CURRENT_WAIT_MS;
  window.dispatchEvent(new Event('pageshow'));
  // Without a pause: in a tab in the background a timer takes a second.
  for (;;) {
    const { position } = await store.storage.report();
    if (position === head) return;
    if (performance.now() > deadline) throw new Error(`The replica stays at ${position}, the journal is at ${head}.`);
  }
}

function surveyedEvent({ id, originatorId, originatorVersion, state }: Notification): SurveyedEvent | undefined {
  const header = decodeState(state);
  return header === undefined ? undefined : { id, originatorId, originatorVersion, ...header };
}

async function digestOf(before: string, page: readonly Notification[]): Promise<string> {
  const parts = page.flatMap(({ state, ...rest }) => [encoder.encode(JSON.stringify([rest, state.length])), state]);
  return digestOfBytes(await new Blob([before, ...(parts as Uint8Array<ArrayBuffer>[])]).arrayBuffer());
}

function digestOfText(text: string): Promise<string> {
  return digestOfBytes(encoder.encode(text));
}

async function digestOfBytes(bytes: BufferSource): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function rawKeys(name: string): Promise<Pick<StoreSurvey, 'journal' | 'checkpoints'>> {
  const database = await settled(indexedDB.open(`daybook:${name}`));
  try {
    const transaction = database.transaction(['journal', 'checkpoints'], 'readonly');
    const [journal, checkpoints] = await Promise.all([
      settled(transaction.objectStore('journal').getAllKeys()),
      settled(transaction.objectStore('checkpoints').getAllKeys()),
    ]);
    return { journal: journal as number[], checkpoints: checkpoints as number[] };
  } finally {
    database.close();
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the request failed'));
  });
}
