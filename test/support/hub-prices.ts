/**
 * What a hub costs a month: what one event takes, as `hub-cost.test.ts` counts it in Cloudflare's runtime, times prices. Node
 * runs this file as it is.
 *
 * Source of prices and of what counts as what: developers.cloudflare.com/durable-objects/platform/pricing and
 * /workers/platform/pricing, paid plan, November 2026.
 *
 * @module
 */

/** What is counted. */
export interface HubCounts {
  /** Of a push of one event with 200 bytes of state, and of telling it: rows of tables, and of their indexes. */
  readonly rowsWritten: number;
  /** Of a push of ten events in one unit, and in ten. */
  readonly rowsWrittenByTenInUnit: number;
  readonly rowsWrittenByTenUnits: number;
  readonly rowsRead: number;
  /** Of a request for news where there is nothing new. */
  readonly rowsReadByIdleRequest: number;
  /** By which the object grows, with indexes; at most. */
  readonly bytes: number;
}

/** As they are now: the test fails when one of them grows, and when one falls, too, as then the page is wrong. */
export const HUB_COUNTS: HubCounts = {
  rowsWritten: 7,
  rowsWrittenByTenInUnit: 34,
  rowsWrittenByTenUnits: 61,
  rowsRead: 74,
  rowsReadByIdleRequest: 9,
  bytes: 512,
};

/** Included in a month, and USD for a million beyond it. */
const PRICES = {
  objectRequests: { included: 1e6, million: 0.15 },
  workerRequests: { included: 10e6, million: 0.3 },
  gigabyteSeconds: { included: 400_000, million: 12.5 },
  rowsRead: { included: 25e9, million: 0.001 },
  rowsWritten: { included: 50e6, million: 1 },
} as const;
const PLAN = 5;
const GIGABYTE_MONTH = { included: 5, each: 0.2 };
const MEMORY_GB = 0.128;
const MINUTES = 30 * 24 * 60;
const MESSAGES_A_REQUEST = 20;
// Of a device that is there: its signs of life, and its looks for news while a line is open.
const KEEPS_A_MINUTE = 3;
const LOOKS_A_MINUTE = 1 / 5;

/** What a hub is used by. */
export interface HubUse {
  readonly devices: number;
  /** Of all devices together, each in a push of its own. */
  readonly eventsAMinute: number;
}

/** One line of the table: what there is of it in a month, and what it costs, in USD. */
export interface HubPrice {
  readonly what: string;
  readonly amount: string;
  readonly usd: number;
}

/** A month of one hub, all day and all night. */
export function monthOf(
  { devices, eventsAMinute }: HubUse,
  counts: Omit<HubCounts, `rowsWrittenBy${string}`> = HUB_COUNTS,
): readonly HubPrice[] {
  const events = eventsAMinute * MINUTES;
  const looks = devices * LOOKS_A_MINUTE * MINUTES;
  const keeps = (devices * KEEPS_A_MINUTE * MINUTES) / MESSAGES_A_REQUEST;
  const line = (what: string, amount: number, price: keyof typeof PRICES): HubPrice => {
    const { included, million } = PRICES[price];
    return { what, amount: millions(amount), usd: (Math.max(0, amount - included) / 1e6) * million };
  };
  const gigabytes = (events * counts.bytes) / 1e9;
  return [
    { what: 'the plan', amount: '', usd: PLAN },
    line('requests to the Worker', events + looks, 'workerRequests'),
    line('requests to the object, 20 signs of life for one', events + looks + keeps, 'objectRequests'),
    line('GB-s, if it never slept', MINUTES * 60 * MEMORY_GB, 'gigabyteSeconds'),
    line('rows written', events * counts.rowsWritten, 'rowsWritten'),
    line('rows read', events * counts.rowsRead + looks * counts.rowsReadByIdleRequest, 'rowsRead'),
    {
      what: 'GB stored, at the end of the first month',
      amount: gigabytes.toFixed(2),
      usd: Math.max(0, gigabytes - GIGABYTE_MONTH.included) * GIGABYTE_MONTH.each,
    },
  ];
}

/** The table of docs/edge.md, as its rows. */
export function priceTable(...uses: readonly HubUse[]): readonly string[] {
  const months = uses.map((use) => monthOf(use));
  const cells = (of: (month: readonly HubPrice[]) => readonly string[]): string => months.flatMap(of).join(' | ');
  const dollars = (usd: number): string => `$${usd.toFixed(2)}`;
  const sum = (month: readonly HubPrice[]): number => month.reduce((total, { usd }) => total + usd, 0);
  return [
    ...(months[0] ?? []).map(
      ({ what }, row) => `| ${what} | ${cells((month) => [month[row]!.amount || '–', dollars(month[row]!.usd)])} |`,
    ),
    `| together | ${cells((month) => ['', dollars(sum(month))])} |`,
  ];
}

/** Those of the page. */
export const SHOWN: readonly HubUse[] = [
  { devices: 1_000, eventsAMinute: 1 },
  { devices: 1_000, eventsAMinute: 1_000 },
];

function millions(amount: number): string {
  return `${(amount / 1e6).toLocaleString('en', { maximumFractionDigits: 2 })} M`;
}
