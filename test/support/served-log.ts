/**
 * A sync server to ask, without a host.
 *
 * @module
 */
import { vi } from 'vitest';
import { packLostUnits } from '../../src/persistence/unit-batch.js';
import type { SyncServer } from '../../src/server/sync-server.js';
import { createSyncServer } from '../../src/server/sync-server.js';
import type { SyncServerOptions } from '../../src/server/sync-server-options.js';
import { NaiveUnitLog, pendingUnit } from './unit-wire.js';

/** A server on a log of its own in memory, whose reports nobody reads; anybody may come unless tokens are asked for. */
export function serve(options: Partial<SyncServerOptions> = {}): SyncServer & { readonly log: NaiveUnitLog } {
  const log = new NaiveUnitLog();
  const auth = options.tokens === undefined && options.verifyToken === undefined ? { allowAnonymous: true } : {};
  return { ...createSyncServer({ unitLog: log, log: vi.fn(), ...auth, ...options }), log };
}

/** For the first page of a log. */
export const question = { after: '0', events: 100, bytes: 100_000 };
/** A unit that is offered back, under a seal that proves nothing. */
export const lost = (): Uint8Array<ArrayBuffer> =>
  packLostUnits([
    {
      ...pendingUnit(),
      position: 1,
      total: 1,
      origin: { author: '', recordedAtMs: 1, seal: Uint8Array.of(1) },
    },
  ]);
