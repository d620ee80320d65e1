/**
 * States beside the events: documents that are found by what is in them.
 *
 * @module
 */
export { defineState, stateFrom, stateOf } from './state.js';
export type {
  AggregateState,
  KeptRow,
  KeptState,
  State,
  StateDefinition,
  StateFromDefinition,
  StateHandlers,
  StateOfOptions,
} from './state.js';
export type {
  Comparison,
  FieldOf,
  ListComparison,
  ListFieldOf,
  OrderBy,
  Scalar,
  TextFieldOf,
  ValueOf,
  Where,
} from './state-filter.js';
export type {
  ChangeOptions,
  CountOptions,
  FindOptions,
  FoundState,
  PageOptions,
  RestoreOptions,
  StatePage,
  StateReader,
  StateStore,
  StateTransaction,
  StateWriter,
} from './state-store.js';
export {
  STATE_ERRORS,
  StateConflictError,
  StateFileError,
  StateImportError,
  StateNotFoundError,
  StateStoreError,
} from './state-errors.js';
export { exportStates, importStates } from './state-transfer.js';
export type {
  ExportStatesOptions,
  ImportedStates,
  ImportStatesOptions,
  StateFileSource,
  StateTransferProgress,
} from './state-transfer.js';
export { MemoryStateStore } from './memory-state-store.js';
export type { MemoryStateStoreOptions } from './memory-state-store.js';
export { SqlStateStore } from './sql-state-store.js';
export type { SqlStateStoreOptions } from './sql-state-store.js';
