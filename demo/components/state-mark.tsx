import type { JSX } from 'preact';
import type { EntryPlace } from '../stock-standings.js';
import { Icon } from './icons.js';

/** Parts of the marks below. */
export interface StateMarkProps {
  readonly place: EntryPlace;
}

const WORDS: Readonly<Record<EntryPlace, string>> = { books: 'in the books', device: 'on this device' };

/** Says where a count is: in words while it is on its way, and by a check mark when it has arrived. */
export function StateChip({ place }: StateMarkProps): JSX.Element {
  return (
    <span class="chip" data-state={place} title={WORDS[place]}>
      <Icon name={place === 'books' ? 'check' : 'device'} />
      <span class={place === 'books' ? 'sr-only' : undefined}>{WORDS[place]}</span>
    </span>
  );
}

/** The same as a dot, for where a chip would be too much. */
export function StateDot({ place }: StateMarkProps): JSX.Element {
  return <span class="dot" data-state={place} role="img" aria-label={WORDS[place]} title={WORDS[place]} />;
}
