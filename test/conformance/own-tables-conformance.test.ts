import { aggregateRecorderCases } from '../../src/testing/conformance/aggregate-recorder-cases.js';
import { applicationRecorderCases } from '../../src/testing/conformance/application-recorder-cases.js';
import { emptyLogCases } from '../../src/testing/conformance/empty-log-cases.js';
import { processRecorderCases } from '../../src/testing/conformance/process-recorder-cases.js';
import { sqlRecorderCases } from '../../src/testing/conformance/sql-recorder-cases.js';
import { transactionCases } from '../../src/testing/conformance/transaction-cases.js';
import { unitDecisionCases } from '../../src/testing/conformance/unit-decision-cases.js';
import { unitRetryCases } from '../../src/testing/conformance/unit-retry-cases.js';
import { unitRecorderCases } from '../../src/testing/conformance/unit-recorder-cases.js';
import type { SqlRecorderContext } from '../../src/testing/conformance/sql-recorder-cases.js';
import type { UnitRecorderContext } from '../../src/testing/conformance/unit-recorder-cases.js';
import type { TransactionContext } from '../../src/testing/conformance/transaction-cases.js';
import { withEnds } from '../../src/persistence/transaction-ends.js';
import type { SqlQueryable } from '../../src/persistence/sql/sql-queryable.js';
import { openTab } from '../support/own-tables-tab.js';
import { describeConformance } from '../support/run-conformance.js';
import { SharedJournal } from '../support/shared-journal.js';

describeConformance(
  'durable recorder with own tables, journal in memory',
  async () => {
    const { recorder } = await openTab(new SharedJournal());
    // As those do who hand it out: the page's recorder, and that of a store which an application's own worker opened.
    const begin = recorder.transaction.bind(recorder);
    recorder.transaction = (work, options) => withEnds(recorder, (heard) => begin(heard, options), work);
    const context: TransactionContext<SqlQueryable> & SqlRecorderContext & UnitRecorderContext = {
      recorder,
      setUpOwnTable: () =>
        recorder.transaction(async ({ connection }) => {
          await connection.query('CREATE TABLE IF NOT EXISTS own (value TEXT NOT NULL)');
        }),
      async insertOwnRow(connection, value) {
        await connection.query('INSERT INTO own (value) VALUES ($1)', [value]);
      },
      async ownRows() {
        const { rows } = await recorder.query('SELECT value FROM own ORDER BY rowid');
        return rows.map(({ value }) => value as string);
      },
    };
    return { context, close: () => recorder.close() };
  },
  {
    'aggregate recorder': aggregateRecorderCases,
    'application recorder': applicationRecorderCases,
    'process recorder': processRecorderCases,
    transactions: transactionCases,
    'SQL recorder': sqlRecorderCases,
    'unit recorder': unitRecorderCases,
    'unit decisions': unitDecisionCases,
    'unit retries': unitRetryCases,
  },
);

describeConformance(
  'durable recorder with own tables, journal in memory',
  async () => ({
    context: {
      openEmpty: async () => {
        const { recorder } = await openTab(new SharedJournal());
        return { recorder, close: () => recorder.close() };
      },
    },
  }),
  { 'empty log': emptyLogCases },
  { variant: 'empty' },
);
