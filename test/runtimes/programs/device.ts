/**
 * A device: records units of its own and of a shelf that everybody records on, sees those of others, and prints what it has
 * in the end. Arguments: the server, a token, the shelf, how many of each, and how many events there are in the end.
 *
 * @module
 */
import { Device } from '../../support/postgres-scene.js';

const [url = '', token = '', shelf = '', count = '', total = ''] = process.argv.slice(2);

const device = await new Device().start(url, true, { token, patienceMs: 60_000 });
const own = crypto.randomUUID();
for (let round = 0; round < Number(count); round++) {
  await device.count(own);
  await device.receive(shelf);
}
await device.until(async () => (await device.events()).length === Number(total));
await device.settled();
const { live } = device.exchange.status.value as { readonly live?: unknown };
const events = await device.events();
const decoder = new TextDecoder();
console.log(
  JSON.stringify({
    live,
    events: events
      .map(({ originatorId, originatorVersion, topic, state }) =>
        [originatorId, String(originatorVersion).padStart(6, '0'), topic, decoder.decode(state)].join(' '),
      )
      .sort(),
  }),
);
await device.close();
process.exit(0);
