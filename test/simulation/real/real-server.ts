/**
 * The sync server of a real run, in a process of its own, so that it can be killed.
 *
 * @module
 */
import { startNodeHost } from '../../../src/server/hosts/node-host.js';
import { isOperational } from '../../../src/server/operator/outage.js';
import { isRefused } from '../world/stock.js';
import { REAL_SEAL_KEY } from './real-messages.js';
import type { RealServerOptions } from './real-messages.js';

const { databaseUrl, port, origin } = JSON.parse(process.argv[2] ?? '{}') as RealServerOptions;

await startNodeHost({
  ...{ databaseUrl, port, limits: false, sealKeys: [REAL_SEAL_KEY], corsOrigins: [origin] },
  verifyToken: (token) => ({ subject: token }),
  authorizePush: ({ events }) => (isRefused(events) ? { code: 'NOT_ALLOWED', message: 'Nobody calls it so.' } : true),
  log: (message, error) => {
    if (!isOperational(error)) process.stdout.write(`${message} ${String(error)}\n`);
  },
});
process.send?.('listening');
