import { openDaybook } from 'daybook';
import type { ExampleEngine } from './complete-example.js';

/** In the browser. The store creates its tables when it is opened for the first time. */
export function browserExample(storeName: string): ExampleEngine {
  return {
    name: 'Browser',
    open: async () => {
      const daybook = await openDaybook({ name: storeName });
      return { recorder: daybook.recorder, createSchema: () => Promise.resolve(), close: () => daybook.close() };
    },
  };
}
