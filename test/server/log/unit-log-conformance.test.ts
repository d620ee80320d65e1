import { refusedUnitCases } from '../../../src/testing/conformance/refused-unit-cases.js';
import { unitLogCases } from '../../../src/testing/conformance/unit-log-cases.js';
import { waitingOfferCases } from '../../../src/testing/conformance/waiting-offer-cases.js';
import { describeConformance } from '../../support/run-conformance.js';
import { UNIT_LOGS } from '../../support/unit-log-fixture.js';

for (const [engine, open] of Object.entries(UNIT_LOGS)) {
  describeConformance(engine, open, {
    ...{ 'log of units': unitLogCases, 'refused units': refusedUnitCases, 'waiting offers': waitingOfferCases },
  });
}
