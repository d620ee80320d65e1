/** Every suite of a server's log of units, in an object. */
import { refusedUnitCases } from '../../../src/testing/conformance/refused-unit-cases.js';
import { unitLogCases } from '../../../src/testing/conformance/unit-log-cases.js';
import { waitingOfferCases } from '../../../src/testing/conformance/waiting-offer-cases.js';
import { describeConformance } from '../../support/run-conformance.js';
import { makeSqliteLog } from '../../support/sqlite-log-fixture.js';
import { ENGINE, newObject, openEmptyRecorder } from '../support/object-context.js';

const object = newObject();
describeConformance(
  ENGINE,
  async () => ({ context: await makeSqliteLog(await openEmptyRecorder(object)) }),
  { 'log of units': unitLogCases, 'refused units': refusedUnitCases, 'waiting offers': waitingOfferCases },
  { variant: 'log of units', within: object.within },
);
