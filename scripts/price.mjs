// Says what a hub costs a month, by what an event takes in Cloudflare's runtime, which is counted first:
// npm run price [-- --devices 1000 --events 1000], events a minute of all devices together.
import { join } from 'node:path';
import { mainOnOwnNode } from './lib/own-node.mjs';
import { BIN, run } from './lib/project.mjs';

await mainOnOwnNode(import.meta.url, async () => {
  const { code } = await run(join(BIN, 'vitest'), ['run', '--project', 'workerd', 'test/workerd/hub/hub-cost.test.ts']);
  const { HUB_COUNTS, monthOf, SHOWN } = await import('../test/support/hub-prices.ts');
  console.log('One event, in a push of its own:', HUB_COUNTS);
  const [devices, eventsAMinute] = [numberOf('devices'), numberOf('events')];
  const uses = devices === undefined && eventsAMinute === undefined ? SHOWN : [{ devices, eventsAMinute }];
  for (const { devices = 1_000, eventsAMinute = devices } of uses) {
    console.log(`\n${devices} devices, ${eventsAMinute} events a minute, a month:`);
    console.table(monthOf({ devices, eventsAMinute }));
  }
  return code;
});

function numberOf(name) {
  const at = process.argv.indexOf(`--${name}`);
  if (at < 0) return undefined;
  const number = Number(process.argv[at + 1]);
  if (!Number.isFinite(number) || number < 0) throw new Error(`--${name} must be a number, 0 or more.`);
  return number;
}
