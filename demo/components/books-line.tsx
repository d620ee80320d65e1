import type { JSX } from 'preact';
import type { BooksState } from '../books-feed.js';
import type { BooksRow } from '../books-view.js';
import { changeText, entriesOf, nameText, recountText } from '../plain-words.js';
import { Icon } from './icons.js';

// As many as a line has room for.
const ROWS_SHOWN = 4;

/** Parts of {@link BooksLine}. */
export interface BooksLineProps {
  readonly books: BooksState;
}

/** What the log of the server says, in one line: the end of it, newest first. */
export function BooksLine({ books: { view, reachable } }: BooksLineProps): JSX.Element {
  const rows = view?.rows.slice(0, ROWS_SHOWN) ?? [];
  return (
    <section class="books-line" aria-label="The log of the server" data-testid="books-line">
      <p class="books-line-figure">
        <Icon name="books" />
        <span>
          The server’s log: <b>{view === undefined ? '…' : entriesOf(view.total)}</b>
        </span>
      </p>
      {reachable === false && <p class="books-line-away">It does not answer right now.</p>}
      {view !== undefined && rows.length === 0 && (
        <p class="books-line-away">The first count that arrives stands here.</p>
      )}
      <ol reversed>
        {rows.map((row) => (
          <li key={row.position} data-kind={row.kind}>
            <span class="position">{row.position}</span>
            {nameText(row.name)} <b>{whatText(row)}</b> {row.deviceName}
          </li>
        ))}
      </ol>
    </section>
  );
}

function whatText({ kind, quantity }: BooksRow): string {
  if (kind === 'counted') return quantity.toLocaleString();
  return kind === 'stepped' ? changeText(0, quantity) : recountText(kind);
}
