import type { JSX } from 'preact';
import { Icon } from './icons.js';

/** Parts of the marks below. */
export interface StateMarkProps {
  readonly inBooks: boolean;
}

/** A chip that says where a count is. */
export function StateChip({ inBooks }: StateMarkProps): JSX.Element {
  return (
    <span class="chip" data-state={inBooks ? 'books' : 'device'}>
      <Icon name={inBooks ? 'check' : 'device'} />
      {inBooks ? 'in the books' : 'on this device'}
    </span>
  );
}

/** The same as a dot, for where a chip would be too much. */
export function StateDot({ inBooks }: StateMarkProps): JSX.Element {
  const words = inBooks ? 'in the books' : 'on this device';
  return <span class="dot" data-state={inBooks ? 'books' : 'device'} role="img" aria-label={words} title={words} />;
}
