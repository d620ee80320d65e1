import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HUB_COUNTS, monthOf, priceTable, SHOWN } from '../support/hub-prices.js';

const page = readFileSync(join(import.meta.dirname, '../../docs/edge.md'), 'utf8');
/** As a formatter leaves them: cells as wide as the widest. */
const rows = page.split('\n').map((line) => line.replaceAll(/ +/g, ' '));

test('the prices of docs/edge.md are those of what is counted', () => {
  for (const row of priceTable(...SHOWN)) expect(rows).toContain(row.replaceAll(/ +/g, ' '));
  expect(page).toContain(`${HUB_COUNTS.rowsWritten} rows written, ${HUB_COUNTS.rowsRead} rows read`);
});

test('what is within what the plan includes costs nothing, and what is beyond it its price', () => {
  const usd = (events: number, what: string): number | undefined =>
    monthOf(
      { devices: 0, eventsAMinute: events },
      { rowsWritten: 10, rowsRead: 0, rowsReadByIdleRequest: 0, bytes: 0 },
    ).find((line) => line.what === what)?.usd;
  // 43,200 minutes, 10 rows each: 50 millions are included.
  expect(usd(115, 'rows written')).toBe(0);
  expect(usd(1_000, 'rows written')).toBeCloseTo(382, 6);
  expect(usd(1_000, 'requests to the Worker')).toBeCloseTo(33.2 * 0.3, 6);
});
