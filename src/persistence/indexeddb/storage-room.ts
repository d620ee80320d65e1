/**
 * Whether a write was refused because this origin has used up what it may take.
 *
 * Browsers report a full disk, and in Chrome plain failures of the disk too, by the same `QuotaExceededError`. To tell a
 * person to delete data of this site helps against one of them only.
 *
 * @module
 */
import type { Clock } from '../../util/clock.js';
import { inTime } from '../../util/in-time.js';
import { StorageFullError } from '../errors.js';

// Well above what one transaction writes here, and above what estimates lag behind: with so much left it is not the quota.
const ROOM_BYTES_MIN = 64 * 1024 * 1024;
// A commit waits for its error meanwhile; who does not answer in that time has nothing to say.
const ESTIMATE_TIMEOUT_MS = 1_000;

/** What a browser says of an origin's room: what it takes, and what it may take. */
export type ReadRoom = () => Promise<Pick<StorageEstimate, 'usage' | 'quota'> | undefined>;

/** Asks the browser, where it can be asked: WebKit on Linux, and insecure contexts, have nothing to ask. */
export function browserRoom(clock: Clock): ReadRoom {
  return () => {
    // Absent there, whatever the types say.
    const manager = (globalThis.navigator as Partial<Navigator> | undefined)?.storage;
    if (manager === undefined) return Promise.resolve(undefined);
    const unknown = (): undefined => undefined;
    return inTime<StorageEstimate | undefined>(clock, ESTIMATE_TIMEOUT_MS, manager.estimate().catch(unknown), unknown);
  };
}

/** The error of a write that was refused for want of room. Nothing was stored. */
export async function storageFullError(cause: unknown, room: ReadRoom): Promise<StorageFullError> {
  const { usage, quota } = (await room()) ?? {};
  const isKnown = usage !== undefined && quota !== undefined;
  if (isKnown && quota - usage >= ROOM_BYTES_MIN) {
    return new StorageFullError(
      'The browser has no room for this, though this site may store much more: the disk itself is full, or fails. Nothing of it was stored. Free space on the disk, and try again.',
      { cause, details: { reason: 'device', usageBytes: usage, quotaBytes: quota } },
    );
  }
  return new StorageFullError(
    'The browser has no room for this. Nothing of it was stored. Free space, or ask for persistent storage, and try again.',
    { cause, details: isKnown ? { reason: 'quota', usageBytes: usage, quotaBytes: quota } : { reason: 'unknown' } },
  );
}
