import { describe, expect, it } from 'vitest';
import { decodeError, encodeError } from '../../../src/domain/error-codec.js';
import { DatabaseError, ProgrammingError } from '../../../src/persistence/errors.js';
import { POOL_ERRORS, postgresError } from '../../../src/persistence/postgres/index.js';

/** An error as `pg` makes it of what the server said. */
function serverError(code: string): Error {
  return Object.assign(new Error('message'), { code, severity: 'ERROR' });
}

describe('errors of the server have the class that the Python library gives them', () => {
  it.each([
    ['08006', 'connection_failure', 'OPERATIONAL_ERROR'],
    ['0A000', 'feature_not_supported', 'NOT_SUPPORTED'],
    ['20000', 'case_not_found', 'PROGRAMMING_ERROR'],
    ['21000', 'cardinality_violation', 'PROGRAMMING_ERROR'],
    ['22001', 'string_data_right_truncation', 'DATA_ERROR'],
    ['22003', 'numeric_value_out_of_range', 'DATA_ERROR'],
    ['22P02', 'invalid_text_representation', 'DATA_ERROR'],
    ['22P05', 'untranslatable_character', 'DATA_ERROR'],
    ['23502', 'not_null_violation', 'INTEGRITY_ERROR'],
    ['23503', 'foreign_key_violation', 'INTEGRITY_ERROR'],
    ['23505', 'unique_violation', 'INTEGRITY_ERROR'],
    ['23514', 'check_violation', 'INTEGRITY_ERROR'],
    ['24000', 'invalid_cursor_state', 'INTERNAL_ERROR'],
    ['25001', 'active_sql_transaction', 'INTERNAL_ERROR'],
    ['25006', 'read_only_sql_transaction', 'OPERATIONAL_ERROR'],
    ['25P02', 'in_failed_sql_transaction', 'INTERNAL_ERROR'],
    ['25P03', 'idle_in_transaction_session_timeout', 'OPERATIONAL_ERROR'],
    ['26000', 'invalid_sql_statement_name', 'OPERATIONAL_ERROR'],
    ['28P01', 'invalid_password', 'OPERATIONAL_ERROR'],
    ['3D000', 'invalid_catalog_name', 'PROGRAMMING_ERROR'],
    ['3F000', 'invalid_schema_name', 'PROGRAMMING_ERROR'],
    ['40001', 'serialization_failure', 'OPERATIONAL_ERROR'],
    ['40P01', 'deadlock_detected', 'OPERATIONAL_ERROR'],
    ['42501', 'insufficient_privilege', 'PROGRAMMING_ERROR'],
    ['42601', 'syntax_error', 'PROGRAMMING_ERROR'],
    ['42703', 'undefined_column', 'PROGRAMMING_ERROR'],
    ['42P01', 'undefined_table', 'PROGRAMMING_ERROR'],
    ['44000', 'with_check_option_violation', 'PROGRAMMING_ERROR'],
    ['53100', 'disk_full', 'OPERATIONAL_ERROR'],
    ['53300', 'too_many_connections', 'OPERATIONAL_ERROR'],
    ['54000', 'program_limit_exceeded', 'OPERATIONAL_ERROR'],
    ['55P03', 'lock_not_available', 'OPERATIONAL_ERROR'],
    ['57014', 'query_canceled', 'OPERATIONAL_ERROR'],
    ['57P01', 'admin_shutdown', 'OPERATIONAL_ERROR'],
    ['57P03', 'cannot_connect_now', 'OPERATIONAL_ERROR'],
    ['58030', 'io_error', 'OPERATIONAL_ERROR'],
    ['P0001', 'raise_exception', 'DATABASE_ERROR'],
    ['XX001', 'data_corrupted', 'INTERNAL_ERROR'],
    ['ZZZZZ', 'anything else', 'DATABASE_ERROR'],
  ])('%s %s: %s', (sqlState, _name, code) => {
    const cause = serverError(sqlState);
    const error = postgresError(cause);
    expect(error).toMatchObject({ code, cause, details: { sqlState } });
    expect(error).toBeInstanceOf(DatabaseError);
  });
});

describe('errors of the client', () => {
  it.each([
    ['connect ECONNREFUSED 127.0.0.1:1', 'OPERATIONAL_ERROR'],
    ['Connection terminated unexpectedly', 'OPERATIONAL_ERROR'],
    ['Connection terminated due to connection timeout', 'OPERATIONAL_ERROR'],
    ['Query read timeout', 'OPERATIONAL_ERROR'],
    ['The server does not support SSL connections', 'OPERATIONAL_ERROR'],
    ['timeout exceeded when trying to connect', 'CONNECTION_UNAVAILABLE'],
    ['Cannot use a pool after calling end on the pool', 'CONNECTION_POOL_CLOSED'],
    ['PGlite is closed', 'INTERFACE_ERROR'],
  ])('%s: %s', (message, code) => {
    expect(postgresError(new Error(message))).toMatchObject({ code });
  });

  it('that have a code like one of the server are not taken for one', () => {
    const error = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
    expect(postgresError(error)).toMatchObject({ code: 'OPERATIONAL_ERROR', details: {} });
  });

  it("that are Daybook's pass unchanged, and whatever else was thrown has a place", () => {
    const own = new ProgrammingError('x');
    expect(postgresError(own)).toBe(own);
    expect(postgresError('text')).toMatchObject({ code: 'OPERATIONAL_ERROR', cause: 'text' });
  });
});

it.each(POOL_ERRORS)('$code keeps its class and fields on a wire', (PoolError) => {
  const error = new PoolError('message', { details: { connectionsMax: 1 } });
  const decoded = decodeError(encodeError(error), POOL_ERRORS);
  expect(decoded).toBeInstanceOf(PoolError);
  expect(decoded).toMatchObject({ code: PoolError.code, details: { connectionsMax: 1 }, name: PoolError.name });
});
