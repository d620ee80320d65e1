import { DurableObject } from 'cloudflare:workers';
import type { HubObject } from './hub-object.js';
import type { StockObject } from './stock-object.js';

export { StockObject } from './stock-object.js';

/** An object that does nothing by itself: tests run in it. */
export class EmptyObject extends DurableObject {}

export { HubObject } from './hub-object.js';

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- what `cloudflare:workers` looks for
  namespace Cloudflare {
    interface Env {
      readonly EMPTY: DurableObjectNamespace<EmptyObject>;
      readonly STOCK: DurableObjectNamespace<StockObject>;
      readonly HUB: DurableObjectNamespace<HubObject>;
      readonly D1: D1Database;
    }
  }
}

/** Asked for by nobody: Workers have one. */
export const worker: ExportedHandler = {};
export { worker as default };
