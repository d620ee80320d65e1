import type { JSX } from 'preact';
import { nameText } from '../plain-words.js';
import type { ItemCount } from '../stock-sheet.js';
import { Icon } from './icons.js';

/** Of the list on the page, for links to it. */
export const RECOUNTS_ID = 'recounts';

/** Parts of {@link RecountList}. */
export interface RecountListProps {
  readonly counts: readonly ItemCount[];
  /** Goes to the shelf of an item. */
  readonly goTo: (sku: string) => void;
}

/** What has to be counted again, in the order of the shelves; nothing to be seen while there is nothing. */
export function RecountList({ counts, goTo }: RecountListProps): JSX.Element {
  const doubtful = counts.filter(({ recount }) => recount !== undefined);
  return (
    // Always there, because a screen reader tells only of what changes in a place that it knows.
    <div aria-live="polite">
      {doubtful.length > 0 && (
        <section class="recounts" id={RECOUNTS_ID} aria-labelledby="recounts-title" data-testid="recounts">
          <h3 id="recounts-title">
            <Icon name="again" />
            To recount{' '}
            <span class="recounts-figure" data-testid="recounts-figure">
              {doubtful.length}
            </span>
          </h3>
          <ul>
            {doubtful.map((count) => (
              <RecountLine key={count.item.sku} count={count} goTo={() => goTo(count.item.sku)} />
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function RecountLine({ count, goTo }: { readonly count: ItemCount; readonly goTo: () => void }): JSX.Element | null {
  const { item, recount } = count;
  if (recount === undefined) return null;
  const { expectedQuantity, countedQuantity } = recount;
  return (
    <li data-testid="recount-task" data-sku={item.sku}>
      <button type="button" class="recount" onClick={goTo}>
        <span class="shelf">{item.shelf}</span>
        <span class="recount-words">
          <span class="recount-name">{nameText(item.name)}</span>
          <span class="recount-facts">
            <b>{countedQuantity.toLocaleString()}</b> counted, {expectedQuantity.toLocaleString()} expected
          </span>
        </span>
        <Icon name="forward" />
      </button>
    </li>
  );
}
