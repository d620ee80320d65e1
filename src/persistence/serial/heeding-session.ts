import { heeding, workUnlessAborted } from '../heed-signal.js';
import type { CallOptions } from '../heed-signal.js';
import { SerialSession } from './serial-session.js';

/** A session whose calls end when their signal is aborted, as long as they have not begun. */
export class HeedingSession extends SerialSession {
  override run<T>(work: () => T, { signal }: CallOptions = {}): T | Promise<T> {
    return heeding(signal, () => super.run(work));
  }

  override write<T>(work: () => T, { signal }: CallOptions = {}): T | Promise<T> {
    return heeding(signal, (begin) =>
      super.write(() => {
        begin();
        return work();
      }),
    );
  }

  override async transaction<T>(
    inner: SerialSession,
    work: () => Promise<T>,
    { signal }: CallOptions = {},
  ): Promise<T> {
    return await heeding(signal, (begin) => super.transaction(inner, workUnlessAborted(signal, begin, work)));
  }
}
