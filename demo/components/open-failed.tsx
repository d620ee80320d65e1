import type { JSX } from 'preact';
import { codeOf, openSentence } from '../plain-words.js';

/** Parts of {@link OpenFailed}. */
export interface OpenFailedProps {
  readonly error: Error;
}

/** The page when there is no store to count into. */
export function OpenFailed({ error }: OpenFailedProps): JSX.Element {
  return (
    <main class="open-failed" data-testid="open-failed">
      <img src="/icon.svg" width="64" height="64" alt="" />
      <h1>We cannot count right now</h1>
      <p>{openSentence(error)}</p>
      <button type="button" class="button button-main" onClick={() => location.reload()}>
        Try again
      </button>
      <details>
        <summary>
          For whoever helps: <code data-testid="open-failed-code">{codeOf(error)}</code>
        </summary>
        <p>{error.message}</p>
      </details>
    </main>
  );
}
