import type { SyncState } from 'daybook/sync';
import type { JSX } from 'preact';
import { codeOf, countSentence, RECOUNT_SENTENCE, setAsideSentence, syncSentence } from '../plain-words.js';
import type { StockCountState } from '../stock-count-model.js';
import { Icon } from './icons.js';
import { useNowMs } from './use-now.js';

const AT_WORK: ReadonlySet<SyncState> = new Set(['connecting', 'pushing', 'pulling', 'healing']);

/** Parts of {@link Notices}. */
export interface NoticesProps {
  readonly state: StockCountState;
  readonly sendNow: () => void;
}

/** What the user should know now, in calm sentences; nothing at all while everything goes well. */
export function Notices({ state, sendNow }: NoticesProps): JSX.Element {
  const { sync, countError, recountError } = state;
  const sentence = syncSentence(sync);
  const waiting = sync.state === 'waiting';
  return (
    <div class="notices">
      {countError !== undefined && (
        <p class="notice notice-alarm" role="alert" data-testid="count-error">
          <Icon name="warning" />
          <span class="notice-words">
            {countSentence(countError)} <code>{codeOf(countError)}</code>
          </span>
          <button type="button" class="button" onClick={() => location.reload()}>
            Reload
          </button>
        </p>
      )}
      {recountError !== undefined && (
        <p class="notice" data-testid="recount-error">
          <Icon name="warning" />
          <span class="notice-words">
            {RECOUNT_SENTENCE} <code>{codeOf(recountError)}</code>
          </span>
          <button type="button" class="button" onClick={() => location.reload()}>
            Reload
          </button>
        </p>
      )}
      {sync.setAside !== undefined && sync.setAside > 0 && (
        <p class="notice" data-testid="set-aside">
          <Icon name="warning" />
          <span class="notice-words">{setAsideSentence(sync.setAside)}</span>
        </p>
      )}
      {sentence !== undefined && (
        <p class="notice" data-testid="sync-error">
          <Icon name="warning" />
          <span class="notice-words">
            {sentence} {waiting && <NextAttempt atMs={sync.nextAttemptAtMs} />}
          </span>
          {/* Stays while a batch is on its way: without it the line is lower, and what is below moves under the finger. */}
          <button
            type="button"
            class="button"
            data-testid="try-now"
            disabled={AT_WORK.has(sync.state)}
            onClick={sendNow}
          >
            Try now
          </button>
        </p>
      )}
    </div>
  );
}

function NextAttempt({ atMs }: { readonly atMs: number | undefined }): JSX.Element | null {
  const nowMs = useNowMs(atMs !== undefined);
  if (atMs === undefined) return null;
  const seconds = Math.ceil((atMs - nowMs) / 1_000);
  return <span class="notice-next">{seconds > 0 ? `Next try in ${seconds} s.` : 'Trying…'}</span>;
}
