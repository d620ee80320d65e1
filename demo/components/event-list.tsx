import type { JSX } from 'preact';
import { changeText, entriesOf, recountText, timeText } from '../plain-words.js';
import type { StockCountState } from '../stock-count-model.js';
import type { EntryRow } from '../stock-sheet.js';
import { Icon } from './icons.js';
import { StateChip } from './state-mark.js';

/** Parts of {@link EventList}. */
export interface EventListProps {
  readonly state: StockCountState;
}

/** Every entry of this device, newest first, and where it is. */
export function EventList({ state }: EventListProps): JSX.Element {
  const { rows, entriesTotal, confirmedId, sync } = state;
  return (
    <section class="panel panel-events" aria-labelledby="events-title">
      <header class="panel-header">
        <h2 id="events-title">This device</h2>
        <p class="panel-figure">
          {entriesOf(entriesTotal)}, <span data-testid="pending-count">{sync.pending ?? '…'}</span> to send
        </p>
      </header>
      <div class="panel-body">
        {rows.length === 0 ? (
          <p class="guidance">Each count you make is listed here, with where it is: on this device, or in the books.</p>
        ) : (
          <ol class="events" reversed>
            {rows.map((row) => (
              <EntryLine key={row.notificationId} row={row} inBooks={row.notificationId <= confirmedId} />
            ))}
          </ol>
        )}
        {rows.length < entriesTotal && <p class="more">The newest {rows.length.toLocaleString()} are shown.</p>}
      </div>
    </section>
  );
}

function EntryLine({ row, inBooks }: { readonly row: EntryRow; readonly inBooks: boolean }): JSX.Element {
  const isCount = row.kind === 'counted';
  return (
    <li
      class="event"
      data-testid={isCount ? 'event-row' : 'recount-row'}
      data-kind={row.kind}
      data-id={row.notificationId}
      data-sku={row.sku}
      data-state={inBooks ? 'books' : 'device'}
    >
      <span class="event-name">{row.name}</span>
      <span class="event-quantity">
        {isCount && `${row.previousQuantity.toLocaleString()} → `}
        {row.kind === 'recount-asked' &&
          `${row.countedQuantity.toLocaleString()}, not ${row.expectedQuantity.toLocaleString()}`}
        {row.kind !== 'recount-asked' && <b>{row.quantity.toLocaleString()}</b>}
      </span>
      <span class="event-facts">
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
      <StateChip inBooks={inBooks} />
    </li>
  );
}
