import type { JSX } from 'preact';
import type { BooksState } from '../books-feed.js';
import type { BooksRow, BooksView } from '../books-view.js';
import { changeText, entriesOf, nameText, recountText, shortDeviceId, timeText } from '../plain-words.js';
import { Icon } from './icons.js';

/** Parts of {@link BooksPanel}. */
export interface BooksPanelProps {
  readonly books: BooksState;
  readonly ownDeviceId: string;
}

/** What the warehouse holds: the other end of the way. */
export function BooksPanel({ books, ownDeviceId }: BooksPanelProps): JSX.Element {
  const { view, reachable } = books;
  return (
    <section class="panel panel-books" aria-labelledby="books-title" data-reachable={reachable ?? 'unknown'}>
      <header class="panel-header">
        <h2 id="books-title">The warehouse’s books</h2>
        <p class="panel-figure">{view?.place ?? 'PostgreSQL'}</p>
      </header>
      <div class="panel-body">
        {reachable === false && (
          <p class="books-away" data-testid="books-away">
            <Icon name="noNetwork" />
            {view === undefined
              ? 'The server cannot be reached, so its books cannot be shown.'
              : 'The server cannot be reached. This is what it held when it last answered.'}
          </p>
        )}
        {view === undefined && reachable === undefined && <p class="guidance">Looking into the books…</p>}
        {view !== undefined && (
          <div class="books-known">
            <BooksFigures view={view} />
            {view.total === 0 ? (
              <p class="guidance">The books are empty. The first count that arrives from any device stands here.</p>
            ) : (
              <BooksTable rows={view.rows} ownDeviceId={ownDeviceId} />
            )}
            {view.rows.length < view.total && (
              <p class="more">The latest {view.rows.length.toLocaleString()} are shown.</p>
            )}
          </div>
        )}
      </div>
    </section>
  );
}

function BooksFigures({ view }: { readonly view: BooksView }): JSX.Element {
  const onceEach = view.total === view.distinctTotal;
  return (
    <dl class="figures">
      <div>
        <dt>{view.total === 1 ? 'entry' : 'entries'}</dt>
        <dd data-testid="books-total">{view.total}</dd>
      </div>
      <div>
        <dt>{view.devices === 1 ? 'device' : 'devices'}</dt>
        <dd data-testid="books-devices">{view.devices}</dd>
      </div>
      <div class="figure-once" data-good={onceEach} data-testid="books-once">
        <dt>{onceEach ? 'each entry once' : `${entriesOf(view.total - view.distinctTotal)} twice`}</dt>
        <dd>
          <Icon name={onceEach ? 'check' : 'warning'} />
        </dd>
      </div>
    </dl>
  );
}

function BooksTable({
  rows,
  ownDeviceId,
}: {
  readonly rows: readonly BooksRow[];
  readonly ownDeviceId: string;
}): JSX.Element {
  return (
    <table class="ledger">
      <thead>
        <tr>
          <th scope="col" class="position">
            No.
          </th>
          <th scope="col">Item</th>
          <th scope="col" class="quantity">
            Count
          </th>
          <th scope="col">Device</th>
          <th scope="col" class="time">
            Time
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr
            key={row.position}
            data-testid="books-row"
            data-position={row.position}
            data-own={row.deviceId === ownDeviceId}
            data-kind={row.kind}
          >
            <td class="position">{row.position}</td>
            <td>
              {nameText(row.name)}
              {(row.kind === 'recount-asked' || row.kind === 'recount-done') && (
                <span class="ledger-remark">{recountText(row.kind)}</span>
              )}
            </td>
            <td class="quantity">
              {row.kind === 'stepped' ? changeText(0, row.quantity) : row.quantity.toLocaleString()}
            </td>
            <td>
              <DeviceMark row={row} ownDeviceId={ownDeviceId} />
            </td>
            <td class="time">
              <time dateTime={row.countedAt}>{timeText(new Date(row.countedAt), new Date())}</time>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function DeviceMark({ row, ownDeviceId }: { readonly row: BooksRow; readonly ownDeviceId: string }): JSX.Element {
  const { deviceId, deviceName } = row;
  if (deviceId === undefined) return <span class="device">–</span>;
  const own = deviceId === ownDeviceId;
  return (
    <span class="device" data-own={own} title={own ? `This device: ${deviceId}` : deviceId}>
      {own ? 'You' : (deviceName ?? shortDeviceId(deviceId))}
    </span>
  );
}
