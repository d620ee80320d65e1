import { expect, test } from 'vitest';
import { Application, publishAll, PublishError } from '../../src/application/index.js';
import type { OutboundMessage, Publisher } from '../../src/application/index.js';
import { MemoryProcessRecorder } from '../../src/persistence/memory/memory-recorder.js';
import { newOriginatorId } from '../../src/testing/conformance/event-samples.js';
import { stockItem } from '../../examples/projections/stock-item.js';

/** Takes so many messages, one at a time, and refuses the next. */
class Taking implements Publisher {
  readonly taken: OutboundMessage[] = [];
  #isBusy = false;

  readonly #max: number;

  constructor(max = Infinity) {
    this.#max = max;
  }

  async publish(message: OutboundMessage): Promise<void> {
    expect(this.#isBusy).toBe(false);
    this.#isBusy = true;
    await Promise.resolve();
    this.#isBusy = false;
    if (this.taken.length >= this.#max) throw new PublishError('no more');
    this.taken.push(message);
  }
}

async function recorded(count: number): Promise<Application> {
  const app = new Application({ recorder: new MemoryProcessRecorder(), aggregates: [stockItem] });
  const id = newOriginatorId();
  for (let quantity = 1; quantity <= count; quantity++) {
    await app.execute(stockItem, id, { type: 'Count', data: { quantity } }, { metadata: { actorId: 'anna' } });
  }
  return app;
}

test('publishes one after the other, in their order, with their metadata', async () => {
  const app = await recorded(3);
  const publisher = new Taking();
  expect(await publishAll(publisher, app.readAll())).toBe(3);
  expect(publisher.taken.map(({ headers }) => [headers['sequence'], headers['actor_id']])).toEqual([
    ['1', 'anna'],
    ['2', 'anna'],
    ['3', 'anna'],
  ]);
});

test('stops at the first that is not taken, and is done again as a whole', async () => {
  const app = await recorded(3);
  const publisher = new Taking(1);
  await expect(publishAll(publisher, app.readAll())).rejects.toMatchObject({ code: 'PUBLISH_ERROR' });
  const again = new Taking();
  await publishAll(again, app.readAll());
  expect(again.taken[0]?.id).toBe(publisher.taken[0]?.id);
});

test('ends when its signal is aborted', async () => {
  const app = await recorded(3);
  const reason = new RangeError('enough');
  const giveUp = new AbortController();
  const publisher = new Taking();
  const format = async (): Promise<OutboundMessage> => {
    if (publisher.taken.length === 1) giveUp.abort(reason);
    return { id: 'x', destination: 'd', headers: {}, contentType: 'text/plain', body: new Uint8Array() };
  };
  await expect(publishAll(publisher, app.readAll(), { format, signal: giveUp.signal })).rejects.toBe(reason);
  expect(publisher.taken).toHaveLength(1);
  await expect(publishAll(publisher, [], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});
