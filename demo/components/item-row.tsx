import type { JSX } from 'preact';
import { nameText, timeText } from '../plain-words.js';
import { QUANTITY_MAX } from '../stock-item-decider.js';
import { unitOf } from '../stock-items.js';
import type { ItemCount } from '../stock-sheet.js';
import { Icon } from './icons.js';
import { StateDot } from './state-mark.js';
import { useQuantityDraft } from './use-quantity-draft.js';

/** Parts of {@link ItemRow}. */
export interface ItemRowProps {
  readonly count: ItemCount;
  /** Of this device. */
  readonly deviceId: string;
  /** Whether somebody else has counted it while the page was open. */
  readonly isNews: boolean;
  /** Counts this many more or fewer. */
  readonly step: (change: number) => void;
  readonly enter: (quantity: number) => void;
}

/** Id of the field for an item's quantity. */
export function quantityId(sku: string): string {
  return `quantity-${sku}`;
}

/** One item, with what it takes to count it. */
export function ItemRow({ count, deviceId, isNews, step, enter }: ItemRowProps): JSX.Element {
  const { item, quantity } = count;
  const draft = useQuantityDraft(quantity, enter);
  const hintId = `hint-${item.sku}`;
  return (
    <li
      class="item"
      data-testid={`item-${item.sku}`}
      data-counted={count.countedAt !== undefined}
      data-editing={draft.editing}
      data-recount={count.recount !== undefined}
    >
      {/* A new element for each count of somebody else: it lights up once. */}
      {isNews && <span class="item-news" key={count.lastId} aria-hidden="true" />}
      <p class="item-place">
        <span class="shelf">{item.shelf}</span>
        <span class="sku">{item.sku}</span>
      </p>
      <div class="item-words">
        <h4>{nameText(item.name)}</h4>
        <LastCount count={count} deviceId={deviceId} />
        {count.recount !== undefined && (
          <p class="recount-mark" data-testid="recount-mark">
            <Icon name="again" />
            To recount
          </p>
        )}
        {count.recountWaits && (
          <p class="recount-mark recount-waits" data-testid="recount-waits">
            {count.recount === undefined
              ? 'To recount, once it is in the books'
              : 'Counted again: counts once it is in the books'}
          </p>
        )}
      </div>
      <div class="stepper" role="group" aria-label={`Quantity of ${item.name}`}>
        <button
          type="button"
          data-testid="count-minus"
          aria-label={`One ${item.unit[0]} less`}
          disabled={quantity === 0 && draft.text === undefined}
          onClick={() => draft.stepBy(-1, step)}
        >
          <Icon name="minus" />
        </button>
        <input
          id={quantityId(item.sku)}
          data-testid="count-input"
          type="text"
          inputMode="numeric"
          enterKeyHint="done"
          autocomplete="off"
          aria-label={`Quantity of ${item.name} in ${item.unit[1]}`}
          aria-invalid={draft.quantity === undefined}
          aria-describedby={draft.editing ? hintId : undefined}
          value={draft.text ?? String(quantity)}
          {...draft.inputHandlers}
        />
        <button
          type="button"
          data-testid="count-plus"
          aria-label={`One ${item.unit[0]} more`}
          disabled={quantity === QUANTITY_MAX && draft.text === undefined}
          onClick={() => draft.stepBy(1, step)}
        >
          <Icon name="plus" />
        </button>
        <span class="unit">{unitOf(item, draft.quantity ?? quantity)}</span>
      </div>
      {draft.editing && (
        <div class="item-save">
          {draft.quantity === undefined ? (
            <p id={hintId}>A whole number from 0 to {QUANTITY_MAX.toLocaleString()}, please.</p>
          ) : (
            <button
              id={hintId}
              type="button"
              class="button button-main"
              data-testid="count-save"
              // Taking the focus from the field would end the editing before the click arrives.
              onPointerDown={(event) => event.preventDefault()}
              onClick={draft.save}
            >
              {draft.quantity === quantity ? 'Confirm' : 'Save'} {draft.quantity.toLocaleString()}{' '}
              {unitOf(item, draft.quantity)}
            </button>
          )}
        </div>
      )}
    </li>
  );
}

function LastCount({ count, deviceId }: Pick<ItemRowProps, 'count' | 'deviceId'>): JSX.Element {
  const { countedAt, countedBy, place } = count;
  if (countedAt === undefined) return <p class="last-count">not counted yet</p>;
  const who = countedBy?.deviceId === deviceId ? 'you' : countedBy?.name;
  return (
    <p class="last-count" data-counted="true" data-testid="last-count">
      <StateDot place={place} />
      <span class="last-count-words">
        {who !== undefined && <span class="last-count-who">{who},</span>} {timeText(countedAt, new Date())}
      </span>
    </p>
  );
}
