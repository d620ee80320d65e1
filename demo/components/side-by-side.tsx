import type { Observable } from 'daybook';
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { BooksFeed } from '../books-feed.js';
import { guideStep } from '../device-report.js';
import type { DeviceReport } from '../device-report.js';
import { BooksLine } from './books-line.js';
import { Guide } from './guide.js';
import { Icon } from './icons.js';
import { useObservable } from './use-observable.js';

/** One of the devices. */
export interface ShownDevice {
  /** Name of its store: what makes it another device. */
  readonly device: string;
  /** Who counts there. */
  readonly name: string;
}

/** Parts of {@link SideBySide}. */
export interface SideBySideProps {
  readonly devices: readonly ShownDevice[];
  /** What the devices say of themselves, by their names. */
  readonly reports: Observable<ReadonlyMap<string, DeviceReport>>;
  readonly books: BooksFeed;
}

/** What to do, what the server says, and the devices. */
export function SideBySide({ devices, reports, books }: SideBySideProps): JSX.Element {
  const known = useObservable(reports);
  const booksState = useObservable(books.state);
  // Only a narrow screen shows one at a time; a wide one shows them all.
  const [shown, setShown] = useState(devices[0]?.device);
  const step = guideStep(devices.flatMap(({ device }) => known.get(device) ?? []));
  return (
    <div class="side">
      <header class="side-header">
        <h1 class="app-name">
          <img src="/icon.svg" width="36" height="36" alt="" />
          <span>
            Two devices <span class="app-subject">Daybook stock count</span>
          </span>
        </h1>
        <a class="button side-link" href="/" aria-label="Back to one device">
          <Icon name="device" />
          <span>One device</span>
        </a>
      </header>
      <Guide step={step} />
      <BooksLine books={booksState} />
      <nav class="side-tabs" aria-label="Devices">
        {devices.map(({ device, name }) => (
          <button
            key={device}
            type="button"
            aria-current={device === shown ? 'page' : undefined}
            onClick={() => setShown(device)}
          >
            <DeviceWords name={name} report={known.get(device)} />
          </button>
        ))}
      </nav>
      <main class="side-devices">
        {devices.map(({ device, name }) => (
          <section
            key={device}
            class="side-device"
            data-testid={`device-${name}`}
            data-shown={device === shown}
            aria-label={deviceTitle(name)}
          >
            <h2>
              <DeviceWords name={name} report={known.get(device)} />
            </h2>
            <iframe title={deviceTitle(name)} src={`/?${new URLSearchParams({ device, name }).toString()}`} />
          </section>
        ))}
      </main>
    </div>
  );
}

function deviceTitle(name: string): string {
  return `${name}’s device`;
}

/** Whose it is, and what somebody should know of it who looks at the other one. */
function DeviceWords({
  name,
  report,
}: {
  readonly name: string;
  readonly report: DeviceReport | undefined;
}): JSX.Element {
  const toSee = report === undefined ? 0 : report.decidedAgain + report.setAside;
  return (
    <>
      <span>{deviceTitle(name)}</span>
      {report?.workOffline === true && (
        <span class="side-state" data-state="offline">
          <Icon name="noNetwork" />
          offline
        </span>
      )}
      {toSee > 0 && (
        <span class="side-state" data-state="to-see">
          {toSee.toLocaleString()} to look at
        </span>
      )}
    </>
  );
}
