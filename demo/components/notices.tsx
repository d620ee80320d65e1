import type { JSX } from 'preact';
import {
  codeOf,
  countSentence,
  ENTRIES_SENTENCE,
  RECOUNT_SENTENCE,
  setAsideSentence,
  syncSentence,
} from '../plain-words.js';
import type { StockCountState } from '../stock-count-model.js';
import { Icon } from './icons.js';
import { AT_WORK } from './sync-state.js';
import { useNowMs } from './use-now.js';

/** Parts of {@link Notices}. */
export interface NoticesProps {
  readonly state: StockCountState;
  readonly sendNow: () => void;
  /** Goes to the list of what was set aside. */
  readonly showSetAside: () => void;
}

/** What the user should know now, in calm sentences; nothing at all while everything goes well. */
export function Notices({ state, sendNow, showSetAside }: NoticesProps): JSX.Element {
  const { sync, countError, recountError, entriesError, setAside } = state;
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
        <StoppedNotice sentence={RECOUNT_SENTENCE} error={recountError} testId="recount-error" />
      )}
      {entriesError !== undefined && (
        <StoppedNotice sentence={ENTRIES_SENTENCE} error={entriesError} testId="entries-error" />
      )}
      {/* Where the list itself is in sight, it says so: the style hides this. */}
      {setAside.length > 0 && (
        <p class="notice notice-aside" data-testid="set-aside-notice">
          <Icon name="aside" />
          <span class="notice-words">{setAsideSentence(setAside.length)}</span>
          <button type="button" class="button" onClick={showSetAside}>
            Decide
          </button>
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

interface StoppedNoticeProps {
  readonly sentence: string;
  readonly error: Error;
  readonly testId: string;
}

function StoppedNotice({ sentence, error, testId }: StoppedNoticeProps): JSX.Element {
  return (
    <p class="notice" data-testid={testId}>
      <Icon name="warning" />
      <span class="notice-words">
        {sentence} <code>{codeOf(error)}</code>
      </span>
      <button type="button" class="button" onClick={() => location.reload()}>
        Reload
      </button>
    </p>
  );
}
