import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { changeText, nameText, recountText, timeText } from '../plain-words.js';
import type { StockCountState } from '../stock-count-model.js';
import type { EntryRow } from '../stock-sheet.js';
import { DecidedAgainList } from './decided-again-list.js';
import type { DecidedAgainListProps } from './decided-again-list.js';
import { DeviceAvatar } from './device-avatar.js';
import { Icon } from './icons.js';
import { SetAsideList } from './set-aside-list.js';
import type { SetAsideActions } from './set-aside-list.js';
import { StateChip } from './state-mark.js';

/** Of what is to be decided and was decided again, for links to it. */
export const DECIDED_ID = 'decided';

/** Parts of {@link EventList}. */
export interface EventListProps extends SetAsideActions {
  readonly state: StockCountState;
  readonly dismiss: DecidedAgainListProps['dismiss'];
}

/** The entries of all devices, newest first, with where they are; before them, what is to be decided, and what was decided again. */
export function EventList({ state, dismiss, ...actions }: EventListProps): JSX.Element {
  const { rows, hasMoreRows, setAside, decidedAgain, counts, sync } = state;
  const lines = useMemo(() => rows.map((row) => <EntryLine key={row.notificationId} row={row} />), [rows]);
  return (
    <section class="panel panel-events" aria-labelledby="events-title">
      <header class="panel-header">
        <h2 id="events-title">Latest counts</h2>
        <p class="panel-figure">
          <span data-testid="pending-count">{sync.pending?.toLocaleString() ?? '…'}</span> to send
        </p>
      </header>
      <div class="panel-body">
        <div id={DECIDED_ID} class="decided">
          <SetAsideList setAside={setAside} counts={counts} {...actions} />
          <DecidedAgainList decidedAgain={decidedAgain} dismiss={dismiss} />
        </div>
        {rows.length === 0 ? (
          <p class="guidance">
            Every count is listed here: yours, with where it is, and those of others as soon as they are in the books.
          </p>
        ) : (
          <ol class="events" reversed>
            {lines}
          </ol>
        )}
        {hasMoreRows && <p class="more">The newest {rows.length.toLocaleString()} are shown.</p>}
      </div>
    </section>
  );
}

function EntryLine({ row }: { readonly row: EntryRow }): JSX.Element {
  // Drawn once for what it says: there are many, and something changes with every count.
  return useMemo(() => entryLine(row), [row]);
}

function entryLine(row: EntryRow): JSX.Element {
  const { by, isOwn, place } = row;
  const isCount = row.kind === 'counted' || row.kind === 'stepped';
  return (
    <li
      class="event"
      data-testid={isCount ? 'event-row' : 'recount-row'}
      data-kind={row.kind}
      data-id={row.notificationId}
      data-sku={row.sku}
      data-state={place}
      data-own={isOwn}
    >
      <DeviceAvatar by={by} />
      <span class="event-name">{nameText(row.name)}</span>
      <span class="event-quantity">
        {isCount && `${row.previousQuantity.toLocaleString()} → `}
        {row.kind === 'recount-asked' &&
          `${row.countedQuantity.toLocaleString()}, not ${row.expectedQuantity.toLocaleString()}`}
        {row.kind !== 'recount-asked' && <b>{row.quantity.toLocaleString()}</b>}
      </span>
      <span class="event-facts">
        <span class="event-by">{isOwn ? 'You' : (by?.name ?? 'Another device')}</span>
        <time dateTime={row.at.toISOString()}>{timeText(row.at, new Date())}</time>
        {isCount ? (
          <span>{changeText(row.previousQuantity, row.quantity)}</span>
        ) : (
          <span class="event-recount">
            <Icon name={row.kind === 'recount-asked' ? 'again' : 'check'} />
            {recountText(row.kind)}
          </span>
        )}
      </span>
      <StateChip place={place} />
    </li>
  );
}
