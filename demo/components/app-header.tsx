import type { JSX } from 'preact';
import type { StockCountState } from '../stock-count-model.js';
import { Icon } from './icons.js';
import { SyncBadge } from './sync-badge.js';
import { SyncStateMark } from './sync-state.js';

/** Parts of {@link AppHeader}. */
export interface AppHeaderProps {
  readonly state: StockCountState;
  /** Whether a page around this one shows another device, too. */
  readonly isBesideAnother: boolean;
  readonly changeWorkOffline: (workOffline: boolean) => void;
}

/** Name, badge, what synchronisation is doing, the way to two devices, and the offline switch. */
export function AppHeader({ state, isBesideAnother, changeWorkOffline }: AppHeaderProps): JSX.Element {
  const { workOffline, sync } = state;
  return (
    <header class="app-header">
      <h1 class="app-name">
        <img src="/icon.svg" width="36" height="36" alt="" />
        <span>
          Daybook <span class="app-subject">stock count</span>
        </span>
      </h1>
      <SyncBadge state={state} />
      <div class="network">
        <SyncStateMark sync={sync} />
        {!isBesideAnother && (
          <a
            class="button side-link"
            href="/side-by-side.html"
            data-testid="two-devices"
            aria-label="Two devices side by side"
          >
            <Icon name="twoDevices" />
            <span>Two devices</span>
          </a>
        )}
        <button
          type="button"
          role="switch"
          class="switch"
          data-testid="offline-switch"
          aria-checked={workOffline}
          onClick={() => changeWorkOffline(!workOffline)}
        >
          <span class="switch-label">Work offline</span>
          <span class="switch-track" aria-hidden="true" />
        </button>
      </div>
    </header>
  );
}
