import { MemoryProcessRecorder } from 'daybook';
import type { ExampleEngine } from './complete-example.js';

/** In memory, where there is no schema to create and nothing to close. */
export const memoryExample: ExampleEngine = {
  name: 'Memory',
  open: async () => ({
    recorder: new MemoryProcessRecorder(),
    createSchema: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }),
};
