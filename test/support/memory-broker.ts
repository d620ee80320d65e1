import { expect } from 'vitest';
import type { OutboundMessage } from '../../src/application/outbox/publisher.js';

/** Keeps what arrives, in the order in which it arrives. */
export class MemoryBroker {
  readonly messages: OutboundMessage[] = [];

  readonly take = (message: OutboundMessage): void => {
    this.messages.push(message);
  };

  /** The versions of an aggregate's events in the order in which each arrived for the first time. */
  firstVersions(aggregateId: string): readonly number[] {
    const own = this.messages.filter(({ headers }) => headers['aggregate_id'] === aggregateId);
    return [...new Set(own.map(({ headers }) => Number(headers['sequence'])))];
  }

  /** Whether everything arrived at least once, in order for each aggregate. */
  expectAll(versions: ReadonlyMap<string, number>): void {
    for (const [aggregateId, last] of versions) {
      expect(this.firstVersions(aggregateId)).toEqual(Array.from({ length: last }, (_, index) => index + 1));
    }
  }

  /** Whether nothing arrived twice. */
  expectOnce(): void {
    const ids = this.messages.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  }
}
