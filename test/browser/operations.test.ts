/** What an operator asks, of the store of a browser. */
import { openDaybook } from 'daybook';
import { storeStatsCases } from 'daybook/testing';
import { describeConformance } from '../support/run-conformance.js';
import { newStoreName } from './open-store.js';

describeConformance(
  'the durable store in its worker, through Comlink',
  async () => {
    const daybook = await openDaybook({ name: newStoreName() });
    return { context: { recorder: daybook.recorder }, close: () => daybook.close() };
  },
  { 'what is in a store': storeStatsCases },
);
