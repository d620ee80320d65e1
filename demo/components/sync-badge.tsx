import type { JSX } from 'preact';
import type { StockCountState } from '../stock-count-model.js';
import { Icon } from './icons.js';

/** Parts of {@link SyncBadge}. */
export interface SyncBadgeProps {
  readonly state: StockCountState;
}

type Place = 'none' | 'unknown' | 'device' | 'aside' | 'books';

/** Says in one glance where the counts of this device are. */
export function SyncBadge({ state }: SyncBadgeProps): JSX.Element {
  const place = placeOf(state);
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
              <b>{state.sync.pending?.toLocaleString()}</b> on this device
            </span>
          </>
        )}
        {place === 'aside' && (
          <>
            <Icon name="aside" />
            <span>
              <b>{state.setAside.length.toLocaleString()}</b> set aside
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

/** Nothing is said to be in the books before it is known that nothing is elsewhere. */
function placeOf({ sync, setAside, rows }: StockCountState): Place {
  const { pending } = sync;
  if (pending !== undefined && pending > 0) return 'device';
  if (setAside.length > 0) return 'aside';
  if (pending === undefined || sync.setAside === undefined) return 'unknown';
  return rows.length === 0 ? 'none' : 'books';
}
