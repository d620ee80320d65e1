import type { JSX } from 'preact';
import { nameText, reasonSentence, timeText } from '../plain-words.js';
import type { Counter } from '../stock-events.js';
import { setAsideOffer } from '../stock-sheet.js';
import type { ItemCount, SetAsideItem, SetAsideOffer } from '../stock-sheet.js';
import { Icon } from './icons.js';

/** What can be done about an item whose counts were set aside. */
export interface SetAsideActions {
  /** Records it after all, on what is in the books now. */
  readonly retry: (aside: SetAsideItem) => void;
  /** Lets what is in the books stand. */
  readonly giveUp: (aside: SetAsideItem) => void;
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
        <section class="aside-list" aria-labelledby="aside-title" data-testid="set-aside">
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

function SetAsideLine({ aside, count, retry, giveUp, goTo }: SetAsideLineProps): JSX.Element {
  const { code, entries, isForeign } = aside;
  const [first] = entries;
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
        {first?.kind === 'counted' && (
          <Side name="Known before" value={first.previousQuantity.toLocaleString()} by={undefined} at={undefined} />
        )}
        <Side name="Set aside" value={offer?.text ?? 'Recount'} by={entries.at(-1)?.by} at={entries.at(-1)?.at} />
        {count !== undefined && (
          <Side name="In the books" value={count.quantity.toLocaleString()} by={count.countedBy} at={count.countedAt} />
        )}
      </dl>
      <p class="aside-reason">{reasonSentence(code)}</p>
      {count !== undefined && (
        <div class="aside-actions">
          {offer !== undefined && !isForeign && (
            <button type="button" class="button button-main" data-testid="aside-again" onClick={() => retry(aside)}>
              {offerText(offer)}
            </button>
          )}
          <button type="button" class="button" data-testid="aside-keep" onClick={() => giveUp(aside)}>
            Give up, keep {count.quantity.toLocaleString()}
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
