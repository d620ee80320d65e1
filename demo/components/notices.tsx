import type { JSX } from 'preact';
import {
  codeOf,
  countSentence,
  decidedNotice,
  ENTRIES_SENTENCE,
  RECOUNT_SENTENCE,
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
  /** Goes to what was set aside and decided again. */
  readonly showDecided: () => void;
}

/** What the user should know now, in calm sentences; nothing at all while everything goes well. */
export function Notices({ state, sendNow, showDecided }: NoticesProps): JSX.Element {
  const { sync, countError, recountError, entriesError, setAside, decidedAgain } = state;
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
      <ToLookAt setAside={setAside.length} decidedAgain={decidedAgain.length} show={showDecided} />
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

interface ToLookAtProps {
  readonly setAside: number;
  readonly decidedAgain: number;
  readonly show: () => void;
}

/** What became of counts that met those of others. Where the lists themselves are in sight, the style hides this. */
function ToLookAt({ setAside, decidedAgain, show }: ToLookAtProps): JSX.Element | null {
  if (setAside + decidedAgain === 0) return null;
  return (
    <p class="notice notice-aside" data-testid="decided-notice">
      <Icon name={setAside > 0 ? 'aside' : 'again'} />
      <span class="notice-words">{decidedNotice(setAside, decidedAgain)}</span>
      <button type="button" class="button" onClick={show}>
        {setAside > 0 ? 'Decide' : 'See'}
      </button>
    </p>
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
