import { aggregateRecorderCases } from '../../src/testing/aggregate-recorder-cases.js';
import { applicationRecorderCases } from '../../src/testing/application-recorder-cases.js';
import { processRecorderCases } from '../../src/testing/process-recorder-cases.js';
import { openPostgres } from '../support/postgres-fixture.js';
import { describeConformance } from '../support/run-conformance.js';

describeConformance(
  'PostgreSQL',
  async () => {
    const postgres = await openPostgres();
    return { context: { recorder: postgres.recorder }, close: () => postgres.close() };
  },
  {
    'aggregate recorder': aggregateRecorderCases,
    'application recorder': applicationRecorderCases,
    'process recorder': processRecorderCases,
  },
);
