import { openDaybook } from 'daybook';
import type { Daybook } from 'daybook';
import { openSqlJs, SqliteProcessRecorder } from 'daybook/sqlite';
import { aggregateRecorderCases, applicationRecorderCases, processRecorderCases } from 'daybook/testing';
import type { ProcessRecorderContext } from 'daybook/testing';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { newStoreName } from './open-store.js';

// The file as it is published; the worker finds it by itself, sql.js in a page must be told.
const wasmUrl = new URL('../../dist/sql-wasm.wasm', import.meta.url).href;
const suites = { aggregateRecorderCases, applicationRecorderCases, processRecorderCases };

describe('SQLite on sql.js in the page', () => {
  let context: ProcessRecorderContext;
  let close: () => void;
  beforeAll(async () => {
    const database = await openSqlJs({ wasmUrl });
    const recorder = new SqliteProcessRecorder(database);
    recorder.createTable();
    context = { recorder };
    close = () => {
      database.close();
    };
  });
  afterAll(() => {
    close();
  });
  for (const [suite, cases] of Object.entries(suites)) {
    describe(suite, () => {
      for (const testCase of cases) test(testCase.name, async () => testCase.run(context));
    });
  }
});

describe('the durable store in its worker, through Comlink', () => {
  let daybook: Daybook;
  beforeAll(async () => {
    daybook = await openDaybook({ name: newStoreName() });
  });
  afterAll(async () => daybook.close());
  for (const [suite, cases] of Object.entries(suites)) {
    describe(suite, () => {
      for (const testCase of cases) test(testCase.name, async () => testCase.run({ recorder: daybook.recorder }));
    });
  }
});
