/**
 * Two devices in one window: the same app twice, each in a frame of its own with a store of its own. They meet at the
 * server only, as two phones would.
 *
 * @module
 */
import { ObservableValue } from 'daybook';
import { render } from 'preact';
import { BooksFeed } from './books-feed.js';
import { SideBySide } from './components/side-by-side.js';
import type { ShownDevice } from './components/side-by-side.js';
import { reportOf } from './device-report.js';
import type { DeviceReport } from './device-report.js';

const DEVICES: readonly ShownDevice[] = [
  { device: 'side-ana', name: 'Ana' },
  { device: 'side-ben', name: 'Ben' },
];

const reports = new ObservableValue<ReadonlyMap<string, DeviceReport>>(new Map());
const books = new BooksFeed({
  url: `${location.origin}/demo/books`,
  fetch: (...request) => fetch(...request),
  isVisible: () => document.visibilityState === 'visible',
});

// Before the frames are there: none of their words is missed.
addEventListener('message', (message) => {
  const report = reportOf(message);
  if (report === undefined) return;
  const before = reports.value.get(report.device);
  reports.set(new Map(reports.value).set(report.device, report));
  // What has just come into the log is shown at once, not at the next look.
  if (before?.position !== report.position) books.refresh();
});
books.refresh();
render(<SideBySide devices={DEVICES} reports={reports} books={books} />, document.getElementById('app') as HTMLElement);
