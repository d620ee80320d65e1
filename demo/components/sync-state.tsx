import type { SyncState, SyncStatus } from 'daybook/sync';
import type { JSX } from 'preact';
import { syncStateText } from '../plain-words.js';
import { Icon } from './icons.js';
import { useSteady } from './use-steady.js';

/** States that come and go with every count. */
export const AT_WORK: ReadonlySet<SyncState> = new Set(['connecting', 'pushing', 'pulling', 'healing']);

// Long enough for a count to arrive over a good network: a word that flashes up is only a flicker.
const BRIEF_MS = 400;

const TONES: Partial<Readonly<Record<SyncState, 'good' | 'waits' | 'bad'>>> = {
  live: 'good',
  waiting: 'waits',
  offline: 'waits',
  paused: 'waits',
  'needs-auth': 'bad',
  'upgrade-required': 'bad',
  stuck: 'bad',
};

/** Parts of {@link SyncStateMark}. */
export interface SyncStateMarkProps {
  readonly sync: SyncStatus;
}

/** What synchronisation is doing, in a word or two. Not read out by itself: the badge beside it says what matters. */
export function SyncStateMark({ sync }: SyncStateMarkProps): JSX.Element {
  // Without a network it is live until it has something to do; a person wants to know at once.
  const current = sync.offline && sync.state !== 'paused' ? 'offline' : sync.state;
  const state = useSteady(current, AT_WORK.has(current) ? BRIEF_MS : 0);
  return (
    <p class="sync-state" data-testid="sync-state" data-state={current} data-tone={TONES[state] ?? 'works'}>
      {state === 'offline' ? <Icon name="noNetwork" /> : <span class="sync-state-dot" aria-hidden="true" />}
      {syncStateText(state)}
    </p>
  );
}
