/**
 * The sync server of a real run, in a process of its own, so that it can be killed.
 *
 * @module
 */
import { startNodeHost } from '../../../src/server/hosts/node-host.js';
import { isOperational } from '../../../src/server/operator/outage.js';
import { isRefused, SCOPES, visibilityOf } from '../world/stock.js';
import { LISTENING, REAL_SEAL_KEY } from './real-messages.js';
import type { RealScopes, RealServerOptions } from './real-messages.js';

const { databaseUrl, port, origin, scopes } = JSON.parse(process.argv[2] ?? '{}') as RealServerOptions;
const seen = new Map(scopes.map((one) => [one.subject, one.scopes]));
process.on('message', (told: RealScopes) => {
  seen.set(told.subject, told.scopes);
  process.send?.(told);
});

await startNodeHost({
  ...{ databaseUrl, port, limits: false, sealKeys: [REAL_SEAL_KEY], corsOrigins: [origin] },
  verifyToken: (token) => ({ subject: token }),
  authorizePull: ({ subject }) => visibilityOf(seen.get(subject) ?? SCOPES),
  authorizePush: ({ events }) => (isRefused(events) ? { code: 'NOT_ALLOWED', message: 'Nobody calls it so.' } : true),
  log: (message, error) => {
    if (!isOperational(error)) process.stdout.write(`${message} ${String(error)}\n`);
  },
});
process.send?.(LISTENING);
