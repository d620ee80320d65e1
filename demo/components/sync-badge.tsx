import type { SyncStatus } from 'daybook/sync';
import type { JSX } from 'preact';
import { Icon } from './icons.js';

/** Parts of {@link SyncBadge}. */
export interface SyncBadgeProps {
  readonly sync: SyncStatus;
  readonly entriesTotal: number;
}

/** Says in one glance where the counts are. */
export function SyncBadge({ sync, entriesTotal }: SyncBadgeProps): JSX.Element {
  const place = placeOf(sync, entriesTotal);
  return (
    <p class="badge" role="status" aria-live="polite" data-testid="badge" data-place={place}>
      {/* The key makes a new element when the place changes, and with it the transition. */}
      <span class="badge-words" key={place}>
        {place === 'none' && 'Nothing counted yet'}
        {place === 'unknown' && 'Looking…'}
        {place === 'device' && (
          <>
            <Icon name="device" />
            <span>
              <b>{sync.pending?.toLocaleString()}</b> on this device
            </span>
          </>
        )}
        {place === 'aside' && (
          <>
            <Icon name="device" />
            <span>
              <b>{sync.setAside?.toLocaleString()}</b> set aside
            </span>
          </>
        )}
        {place === 'books' && (
          <>
            <Icon name="check" />
            All in the warehouse’s books
          </>
        )}
      </span>
    </p>
  );
}

function placeOf(sync: SyncStatus, entriesTotal: number): 'none' | 'unknown' | 'device' | 'aside' | 'books' {
  const { pending, setAside } = sync;
  if (pending !== undefined && pending > 0) return 'device';
  if (setAside !== undefined && setAside > 0) return 'aside';
  if (entriesTotal === 0) return 'none';
  return pending === undefined ? 'unknown' : 'books';
}
