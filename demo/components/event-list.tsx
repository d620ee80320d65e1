import type { JSX } from 'preact';
import { changeText, countsOf, timeText } from '../plain-words.js';
import type { StockCountState } from '../stock-count-model.js';
import type { EventRow } from '../stock-sheet.js';
import { StateChip } from './state-mark.js';

/** Parts of {@link EventList}. */
export interface EventListProps {
  readonly state: StockCountState;
}

/** Every count of this device, newest first, and where it is. */
export function EventList({ state }: EventListProps): JSX.Element {
  const { rows, eventsTotal, sync } = state;
  return (
    <section class="panel panel-events" aria-labelledby="events-title">
      <header class="panel-header">
        <h2 id="events-title">This device</h2>
        <p class="panel-figure">
          {countsOf(eventsTotal)}, <span data-testid="pending-count">{sync.pending}</span> to send
        </p>
      </header>
      <div class="panel-body">
        {rows.length === 0 ? (
          <p class="guidance">Each count you make is listed here, with where it is: on this device, or in the books.</p>
        ) : (
          <ol class="events" reversed>
            {rows.map((row) => (
              <EventLine key={row.notificationId} row={row} inBooks={row.notificationId <= sync.confirmedId} />
            ))}
          </ol>
        )}
        {rows.length < eventsTotal && <p class="more">The newest {rows.length.toLocaleString()} are shown.</p>}
      </div>
    </section>
  );
}

function EventLine({ row, inBooks }: { readonly row: EventRow; readonly inBooks: boolean }): JSX.Element {
  const { quantity, previousQuantity } = row;
  return (
    <li
      class="event"
      data-testid="event-row"
      data-id={row.notificationId}
      data-sku={row.sku}
      data-state={inBooks ? 'books' : 'device'}
    >
      <span class="event-name">{row.name}</span>
      <span class="event-quantity">
        {previousQuantity.toLocaleString()} → <b>{quantity.toLocaleString()}</b>
      </span>
      <span class="event-facts">
        <time dateTime={row.countedAt.toISOString()}>{timeText(row.countedAt, new Date())}</time>
        <span>{changeText(previousQuantity, quantity)}</span>
      </span>
      <StateChip inBooks={inBooks} />
    </li>
  );
}
