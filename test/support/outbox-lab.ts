/**
 * An outbox worker under test, with everything around it in memory.
 *
 * @module
 */
import { vi } from 'vitest';
import { MemoryOutbox } from '../../src/application/outbox/memory-outbox.js';
import { OutboxWorker } from '../../src/application/outbox/outbox-worker.js';
import type { OutboxWorkerOptions } from '../../src/application/outbox/outbox-worker.js';
import type { OutboundMessage, PublishOptions } from '../../src/application/outbox/publisher.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { recordWith, sampleRecordedEvent } from '../../src/testing/conformance/recorded-events.js';
import { ManualClock } from '../../src/testing/manual-clock.js';
import { MemoryBroker } from './memory-broker.js';

/** An outbox in memory, a broker, and a worker between them. */
export function lab(options: Partial<OutboxWorkerOptions> = {}) {
  const clock = new ManualClock();
  const recorder = new MemoryProcessRecorder();
  const outbox = new MemoryOutbox({ clock });
  const broker = new MemoryBroker();
  const publish = vi.fn(async (message: OutboundMessage, _options: PublishOptions) => broker.take(message));
  // The largest of all waits, so that times are known.
  const random = (): number => 0.999_999;
  const worker = new OutboxWorker({ outbox, publish, clock, random, ...options });
  const record = async (id: string, version: number): Promise<void> => {
    await recordWith(recorder, [outbox], [sampleRecordedEvent(id, version)]);
  };
  return { clock, recorder, outbox, broker, publish, worker, record };
}

/** Lets everything happen that does not wait for time. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
