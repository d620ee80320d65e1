import type { JSX } from 'preact';
import { nameText, reasonSentence, timeText } from '../plain-words.js';
import type { Counter } from '../stock-events.js';
import { setAsideOffer } from '../stock-sheet.js';
import type { ItemCount, SetAsideItem, SetAsideOffer } from '../stock-sheet.js';
import { Icon } from './icons.js';

/** Of the list on the page, for links to it. */
export const SET_ASIDE_ID = 'set-aside';

/** What can be done about an item whose counts were set aside. */
export interface SetAsideActions {
  /** Records a quantity, which settles what was set aside. */
  readonly enter: (sku: string, quantity: number) => void;
  /** Records a step, which settles what was set aside under these ids. */
  readonly step: (sku: string, change: number, settles: readonly string[]) => void;
  /** Goes to the shelf, to count again. */
  readonly goTo: (sku: string) => void;
}

/** Parts of {@link SetAsideList}. */
export interface SetAsideListProps extends SetAsideActions {
  readonly setAside: readonly SetAsideItem[];
  readonly counts: readonly ItemCount[];
}

/** What the books did not take: what it was, why, and what can be done; nothing to be seen while there is nothing. */
export function SetAsideList({ setAside, counts, ...actions }: SetAsideListProps): JSX.Element {
  return (
    // Always there, because a screen reader tells only of what changes in a place that it knows.
    <div aria-live="polite">
      {setAside.length > 0 && (
        <section class="aside-list" id={SET_ASIDE_ID} aria-labelledby="aside-title" data-testid="set-aside">
          <h3 id="aside-title">
            <Icon name="aside" />
            Set aside, for you to decide
          </h3>
          <ul>
            {setAside.map((aside) => (
              <SetAsideLine
                key={aside.unitIds[0]}
                aside={aside}
                count={counts.find(({ item }) => item.sku === aside.item?.sku)}
                {...actions}
              />
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

interface SetAsideLineProps extends SetAsideActions {
  readonly aside: SetAsideItem;
  readonly count: ItemCount | undefined;
}

function SetAsideLine({ aside, count, enter, step, goTo }: SetAsideLineProps): JSX.Element {
  const { code, entries, unitIds } = aside;
  const offer = setAsideOffer(entries);
  return (
    <li class="aside-item" data-testid="set-aside-item" data-sku={aside.item?.sku} data-code={code}>
      <p class="aside-head">
        <span class="aside-name">
          {count === undefined ? 'Something that this version of the page does not know' : nameText(count.item.name)}
        </span>
        {count !== undefined && (
          <button type="button" class="aside-go" onClick={() => goTo(count.item.sku)}>
            To the shelf
            <Icon name="forward" />
          </button>
        )}
      </p>
      <dl class="aside-sides">
        <Side name="Set aside" value={offer?.text ?? 'Recount'} by={entries.at(-1)?.by} at={entries.at(-1)?.at} />
        {count !== undefined && (
          <Side name="In the books" value={count.quantity.toLocaleString()} by={count.countedBy} at={count.countedAt} />
        )}
      </dl>
      <p class="aside-reason">{reasonSentence(code)}</p>
      {count !== undefined && (
        <div class="aside-actions">
          {offer !== undefined && (
            <button
              type="button"
              class="button button-main"
              data-testid="aside-again"
              onClick={() =>
                offer.kind === 'quantity'
                  ? enter(count.item.sku, offer.quantity)
                  : step(count.item.sku, offer.change, unitIds)
              }
            >
              {offerText(offer)}
            </button>
          )}
          <button
            type="button"
            class="button"
            data-testid="aside-keep"
            onClick={() => enter(count.item.sku, count.quantity)}
          >
            Keep {count.quantity.toLocaleString()}
          </button>
        </div>
      )}
    </li>
  );
}

function offerText(offer: SetAsideOffer): string {
  if (offer.kind === 'quantity') return `Use ${offer.quantity.toLocaleString()}`;
  return offer.change > 0 ? `Add ${offer.change.toLocaleString()}` : `Take ${(-offer.change).toLocaleString()} off`;
}

interface SideProps {
  readonly name: string;
  readonly value: string;
  readonly by: Counter | undefined;
  readonly at: Date | undefined;
}

function Side({ name, value, by, at }: SideProps): JSX.Element {
  const facts = [by?.name, at === undefined ? undefined : timeText(at, new Date())];
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <b>{value}</b>
        <span>{facts.filter((fact) => fact !== undefined).join(', ')}</span>
      </dd>
    </div>
  );
}
