import { SqlCommitIds } from '../../../src/persistence/sql/sql-commit-ids.js';
import { commitIdCases } from '../../../src/testing/conformance/commit-id-cases.js';
import type { CommitIdsContext } from '../../../src/testing/conformance/commit-id-cases.js';
import { uniqueName } from '../../support/postgres-fixture.js';
import { describeConformance } from '../../support/run-conformance.js';
import { SQL_RECORDERS } from '../../support/sql-recorders.js';

for (const [name, open] of Object.entries(SQL_RECORDERS)) {
  describeConformance<CommitIdsContext>(
    name,
    async () => {
      const { recorder, close } = await open();
      return {
        context: {
          recorder,
          async openCommitIds(options) {
            const commits = new SqlCommitIds({ recorder, table: uniqueName(), ...options });
            await commits.createTables();
            return commits;
          },
        },
        close,
      };
    },
    { 'commit ids': commitIdCases },
    { variant: 'commit ids' },
  );
}
