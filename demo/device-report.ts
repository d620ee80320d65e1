/**
 * What a device says of itself to the page that shows it beside another one, and where that page's guide is by it.
 *
 * @module
 */
import type { StockCountModel } from './stock-count-model.js';

const MESSAGE_TYPE = 'daybook-demo:device';

/** How a device stands. */
export interface DeviceReport {
  /** Name of its store. */
  readonly device: string;
  readonly workOffline: boolean;
  /** Items of which something is on this device only. */
  readonly pendingSkus: readonly string[];
  /** What its person has not looked at yet. */
  readonly decidedAgain: number;
  readonly setAside: number;
  /** Where it stands in the log of the server. */
  readonly position: number;
}

/** Reports to the page around this one from now on. @returns whether there is one */
export function reportDevice(model: StockCountModel, device: string): boolean {
  if (window.parent === window) return false;
  model.state.subscribe(({ workOffline, rows, decidedAgain, setAside, sync: { position } }) => {
    const pendingSkus = rows.flatMap(({ isOwn, place, sku }) => (isOwn && place === 'device' ? [sku] : []));
    const report: DeviceReport = {
      ...{ device, workOffline, position, pendingSkus: [...new Set(pendingSkus)] },
      ...{ decidedAgain: decidedAgain.length, setAside: setAside.length },
    };
    // To a page of this server, and to no other one that shows it.
    window.parent.postMessage({ type: MESSAGE_TYPE, report }, location.origin);
  });
  return true;
}

/** The report that a message is; undefined when it is none. */
export function reportOf({ origin, data }: Pick<MessageEvent<unknown>, 'origin' | 'data'>): DeviceReport | undefined {
  if (origin !== location.origin || typeof data !== 'object' || data === null) return undefined;
  const { type, report } = data as { readonly type?: unknown; readonly report?: DeviceReport };
  return type === MESSAGE_TYPE ? report : undefined;
}

/** What there is to do next: `part` the devices, `count` on both, `return`, and `see` what became of it. */
export type GuideStep = 'part' | 'count' | 'return' | 'see';

/** Where the guide is. */
export function guideStep(reports: readonly DeviceReport[]): GuideStep {
  const areApart = reports.length > 1 && reports.every(({ workOffline }) => workOffline);
  const counted = reports.map(({ pendingSkus }) => new Set(pendingSkus));
  const [first, ...others] = counted;
  if (areApart) return [...(first ?? [])].some((sku) => others.every((skus) => skus.has(sku))) ? 'return' : 'count';
  // One is back, and the other has not sent yet what it has.
  if (reports.some(({ workOffline, pendingSkus }) => workOffline && pendingSkus.length > 0)) return 'return';
  return reports.some(({ decidedAgain, setAside }) => decidedAgain + setAside > 0) ? 'see' : 'part';
}
