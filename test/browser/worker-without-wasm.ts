import { openStore, serve } from 'daybook/host';

/** A worker that stays when its store could not be opened: there is no wasm where it looks for it. */
export class WorkerWithoutWasm {
  async open(name: string): Promise<void> {
    await openStore({ name, wasmUrl: '/no-such.wasm' });
  }
}

serve(new WorkerWithoutWasm());
