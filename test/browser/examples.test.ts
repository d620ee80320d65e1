/**
 * The examples in the browser, in a store with its real worker. In Node: `test/examples/examples.test.ts`.
 *
 * @module
 */
import { openDaybook } from 'daybook';
import type { SqlRecorder } from 'daybook';
import { onTestFinished } from 'vitest';
import { browserExample } from '../../examples/orders/example-in-browser.js';
import { sqlEngine } from '../../examples/orders/orders-engine.js';
import { sqlDatabase } from '../../examples/users/user-database.js';
import { describeExamples } from '../support/example-programs.js';
import { newStoreName } from './open-store.js';

async function openSql(): Promise<SqlRecorder> {
  const daybook = await openDaybook({ name: newStoreName() });
  onTestFinished(() => daybook.close());
  return daybook.recorder;
}

describeExamples('the browser', {
  openRecorder: openSql,
  openSql,
  openOrdersEngine: async () => await sqlEngine(await openSql()),
  completeExample: async () => browserExample(newStoreName()),
  userDatabase: async () => await sqlDatabase(await openSql()),
});
