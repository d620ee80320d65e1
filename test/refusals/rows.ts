import { APPLICATION_ROWS } from './application-rows.js';
import { CORE_ROWS } from './core-rows.js';
import { OPERATION_ROWS } from './operation-rows.js';
import { RECORDER_ROWS } from './recorder-rows.js';
import { SERVER_ROWS } from './server-rows.js';
import { STATE_ROWS } from './state-rows.js';
import { STORE_ROWS } from './store-rows.js';
import type { Row } from './table.js';

/** All of them. */
export const ROWS: readonly Row[] = [
  ...CORE_ROWS,
  ...RECORDER_ROWS,
  ...STORE_ROWS,
  ...STATE_ROWS,
  ...APPLICATION_ROWS,
  ...OPERATION_ROWS,
  ...SERVER_ROWS,
];
