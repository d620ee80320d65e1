/** A Worker that answers by PostgreSQL alone, a log for each request, as docs/edge.md says it. */
import { tenantOf } from 'daybook/hub';
import { createSyncServer } from 'daybook/server';
import { HOME_OPTIONS } from '../../support/homes/home-options.js';
import { openTenantLog } from './tenant-log.js';

const worker: ExportedHandler<{ readonly HYPERDRIVE: Hyperdrive }> = {
  async fetch(request, { HYPERDRIVE }) {
    const tenant = tenantOf(request) ?? 'main';
    const { log, close } = await openTenantLog(HYPERDRIVE.connectionString, tenant, tenant);
    const unitLog = { use: <T>(_tenant: string, work: (used: typeof log) => Promise<T>): Promise<T> => work(log) };
    const response = await createSyncServer({ ...HOME_OPTIONS, unitLog }).fetch(request);
    // A stream goes on reading the log until nobody wants it any more.
    if (new URL(request.url).pathname.endsWith('/live')) request.signal.addEventListener('abort', () => void close());
    else await close();
    return response;
  },
};
export { worker as default };
