/**
 * States and errors in the words of somebody who counts stock.
 *
 * @module
 */
import { isEventSourcingError } from 'daybook';
import type { SyncState, SyncStatus } from 'daybook/sync';
import type { DecidedAgain } from './decided-again.js';
import type { StockEntry } from './stock-entries.js';

/** `1 entry`, `12 entries`: counts, and recounts that were asked for or done. */
export function entriesOf(quantity: number): string {
  return `${quantity.toLocaleString()} ${quantity === 1 ? 'entry' : 'entries'}`;
}

/** The stable code of an error, to be quoted to whoever helps. */
export function codeOf(error: Error): string {
  return isEventSourcingError(error) ? error.code : error.name;
}

const SYNC_SENTENCES: Readonly<Record<string, string>> = {
  UNAVAILABLE: 'The warehouse’s server does not answer right now. Your counts are safe on this device.',
  UNAUTHORIZED: 'The server wants you to sign in again. Your counts are safe on this device.',
  FORBIDDEN: 'The server does not take counts from this device. They are safe here.',
  STUCK: 'The server takes counts and does not keep them. They are safe on this device.',
  TOO_LARGE: 'The server finds what we send too large. Your counts are safe on this device.',
  UPGRADE_REQUIRED: 'This page and the server are of different versions. Reload the page when you have a network.',
};

/** Why sending does not get on, or undefined when there is nothing to say. */
export function syncSentence(status: SyncStatus): string | undefined {
  const { lastError, state } = status;
  // What the user or the device asked for is no error, whatever went wrong before it.
  if (lastError === undefined || state === 'paused' || state === 'offline') return undefined;
  return SYNC_SENTENCES[codeOf(lastError)] ?? 'Sending did not work. Your counts are safe on this device.';
}

const SYNC_STATES: Readonly<Record<SyncState, string>> = {
  starting: 'Starting',
  connecting: 'Connecting',
  pushing: 'Sending',
  pulling: 'Fetching',
  healing: 'Repairing',
  live: 'Live',
  waiting: 'Will try again',
  offline: 'No network',
  'needs-auth': 'Sign in again',
  'upgrade-required': 'Reload needed',
  stuck: 'Stuck',
  paused: 'Paused',
};

/** What synchronisation is doing, in a word or two. */
export function syncStateText(state: SyncState): string {
  return SYNC_STATES[state];
}

/** What became of counts that met those of others: items that wait for somebody, and counts that were decided again. */
export function decidedNotice(setAside: number, decidedAgain: number): string {
  const isOrAre = (quantity: number, one: string, more: string): string =>
    quantity === 1 ? one : `${quantity.toLocaleString()} ${more}`;
  const aside = isOrAre(setAside, 'An item is', 'items are');
  if (decidedAgain === 0) return `${aside} set aside: two counts, and one place in the books.`;
  if (setAside === 0) return `${isOrAre(decidedAgain, 'A count of yours was', 'counts of yours were')} decided again.`;
  return `${aside} set aside, and ${isOrAre(decidedAgain, 'a count was', 'counts were')} decided again.`;
}

/** Why a count was decided again, and what came of it. */
export function decidedAgainSentence({ before, others, after }: DecidedAgain): string {
  const names = [...new Set(meanwhileOf(others).map(({ who }) => who))];
  const were = names.length > 1 ? 'were' : 'was';
  const why = `${new Intl.ListFormat('en').format(names) || 'Somebody else'} ${were} first in the books`;
  if (after === undefined) return `${why}, and left nothing for yours to change.`;
  if (after.kind === 'stepped') {
    return `${why}, so your ${actText(before)} goes on from ${after.previousQuantity.toLocaleString()}.`;
  }
  const foundTheSame = after.kind === 'counted' && after.previousQuantity === after.quantity;
  return foundTheSame ? `${why}, and found the same. Both counts stand.` : `${why}. Yours came after, and stands.`;
}

/** What others have done meanwhile: what one of them did in a row is said at once. */
export function meanwhileOf(others: readonly StockEntry[]): readonly Meanwhile[] {
  const rows: { who: string; acts: string[]; previousQuantity: number; quantity: number }[] = [];
  for (const entry of others) {
    if (entry.kind !== 'counted' && entry.kind !== 'stepped') continue;
    const who = entry.by?.name ?? 'Another device';
    const last = rows.at(-1);
    const { previousQuantity, quantity } = entry;
    if (last?.who === who) {
      last.acts.push(actText(entry));
      last.quantity = quantity;
    } else rows.push({ who, acts: [actText(entry)], previousQuantity, quantity });
  }
  return rows.map(({ who, acts, ...quantities }) => {
    return { who, act: acts.length > 1 ? `${acts.length} counts` : (acts[0] ?? ''), ...quantities };
  });
}

/** Counts of one person in a row. */
export interface Meanwhile {
  readonly who: string;
  readonly act: string;
  readonly previousQuantity: number;
  readonly quantity: number;
}

/** What somebody did at the shelf: `+2`, or `counted`. */
export function actText(entry: StockEntry): string {
  return entry.kind === 'stepped' ? changeText(entry.previousQuantity, entry.quantity) : 'counted';
}

const REASONS: Readonly<Record<string, string>> = {
  COUNTED_MEANWHILE: 'Somebody else was first, and counted something else. Only one can be right.',
  CONFLICT: 'Somebody else’s count arrived first.',
  DEPENDENCY: 'It follows on a count that was set aside.',
  LOST: 'The books have lost what it stood on.',
  OUT_OF_SCOPE: 'This device may not count it at present.',
  APPLICATION_TOO_OLD:
    'A newer version of this app is needed for it. Reload the page with a network; it goes by itself then.',
  COMMAND_UNKNOWN: 'Another version of this app is needed for it. Reload the page with a network.',
};

/** Why a count was set aside. @param code - as in `SetAsideReason` */
export function reasonSentence(code: string): string {
  return REASONS[code] ?? `The books refuse it (${code}).`;
}

const COUNT_SENTENCES: Readonly<Record<string, string>> = {
  STORAGE_FULL: 'This count was not kept: the device’s storage is full. Free some space, then count again.',
  STORAGE_LOST: 'This count was not kept: the browser took the storage away. Reload the page and count again.',
  WORKER_DIED: 'The part that keeps the counts has stopped. Reload the page to see whether the last count was kept.',
  STORE_CLOSED: 'This count was not kept: the page is being closed. Reload it and count again.',
  OPERATIONAL_ERROR: 'This count was not kept: the device’s storage did not answer. Count again in a moment.',
  CONCURRENCY_ERROR: 'This count was not kept: another tab counts the same item without pause. Count again.',
  COUNTED_MEANWHILE:
    'This count was not kept: the item was counted elsewhere at this moment. Look at it, and count again.',
  COMMAND_ERROR: 'This count was not kept: it is not a quantity that can lie on a shelf. Count again.',
  VALIDATION_ERROR: 'This count was not kept: it is not what a count looks like. Reload the page and count again.',
  EVENT_TOO_LARGE: 'This count was not kept: it is too large. Reload the page and count again.',
  MAPPER_DESERIALISATION_ERROR:
    'A count that was kept before cannot be read, so nothing was added to it. Please ask for help before you clear anything.',
  TOPIC_ERROR: 'A newer version of this app kept counts here. Reload the page with a network to get that version.',
  APPLICATION_TOO_OLD:
    'A newer version of this app kept counts here. Reload the page with a network to get that version.',
};

/** What is wrong with the last count. */
export function countSentence(error: Error): string {
  return (
    COUNT_SENTENCES[codeOf(error)] ??
    'Something went wrong with the last count. Reload the page to see whether it was kept.'
  );
}

/** Why nobody is asked to count again any more. Counts themselves go on. */
export const RECOUNT_SENTENCE = 'Counts are kept, but recounts are no longer asked for. Reload the page.';

/** Why the list of the latest counts stands still. The shelves themselves go on. */
export const ENTRIES_SENTENCE = 'Counts are kept and shared, but not all are listed. Reload the page.';

const OPEN_SENTENCES: Readonly<Record<string, string>> = {
  STORAGE_UNAVAILABLE:
    'This browser gives the page no lasting storage, so counts could get lost. A private window or a setting can be the reason.',
  STORAGE_FULL: 'The storage of this device is full. Free some space, then try again.',
  STORAGE_LOST:
    'The browser has lost the counts that were kept here. What was sent is in the books; count the rest again. Trying again begins anew.',
  CORRUPT_JOURNAL:
    'What was kept on this device is damaged. Nothing was changed or overwritten; please ask for help before you clear anything.',
  NOT_SUPPORTED: 'A newer version of this app kept the counts. Reload the page with a network to get that version.',
  WORKER_FAILED: 'The part that keeps the counts did not start. Reload the page with a network.',
  IMPORT_INCOMPLETE:
    'A backup was being put back here, and was not finished. Put it back again; nothing that it holds is lost.',
  STORE_EXISTS: 'There are counts on this device already, so the backup was not put over them.',
  STORE_IN_USE: 'The counts are open in another tab. Close that tab, then try again.',
  FOREIGN_FILE: 'This file is not a backup of counts. Choose another one; nothing here was changed.',
  DAMAGED_FILE: 'This backup is damaged or not complete. Choose another one; nothing here was changed.',
  MAPPER_DESERIALISATION_ERROR:
    'A count that was kept here cannot be read. Nothing was changed; please ask for help before you clear anything.',
  TOPIC_ERROR: 'A newer version of this app kept the counts. Reload the page with a network to get that version.',
  APPLICATION_TOO_OLD:
    'A newer version of this app kept the counts. Reload the page with a network to get that version.',
};

/** Why the app cannot start. */
export function openSentence(error: Error): string {
  return OPEN_SENTENCES[codeOf(error)] ?? 'The counts of this device could not be opened. They were not changed.';
}

/** The hour and minute, as on a shift plan; with the day, when it was not today. */
export function timeText(time: Date, now: Date): string {
  const clock: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
  const sameDay = time.toDateString() === now.toDateString();
  return time.toLocaleString(undefined, sameDay ? clock : { day: 'numeric', month: 'short', ...clock });
}

/** The name of an item for the screen: its measures stay on one line. */
export function nameText(name: string): string {
  return name.replaceAll(/ (?=×|mm)|(?<=×) /g, '\u00a0');
}

/** How a quantity changed: `+2`, `−1`, or `same`. */
export function changeText(previousQuantity: number, quantity: number): string {
  const change = quantity - previousQuantity;
  if (change === 0) return 'same';
  return change > 0 ? `+${change.toLocaleString()}` : `−${(-change).toLocaleString()}`;
}

/** What a line about a recount says, here and in the books. */
export function recountText(kind: 'recount-asked' | 'recount-done'): string {
  return kind === 'recount-asked' ? 'To recount' : 'Recounted';
}

/** Enough of a device's id to tell devices apart by eye. */
export function shortDeviceId(deviceId: string): string {
  return deviceId.slice(0, 4).toUpperCase();
}

/** One or two letters for a name: `AS` for Ana Sousa, `P3` for Phone 3F1D. */
export function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/u);
  const letters = words.slice(0, 2).map((word) => /^./u.exec(word)?.[0] ?? '');
  return letters.join('').toLocaleUpperCase();
}

// As many as styles/records.css has colours.
const HUES = 6;

/** A colour for a device: the same everywhere and always. */
export function deviceHue(deviceId: string): number {
  return Number.parseInt(deviceId.slice(-4), 16) % HUES;
}
