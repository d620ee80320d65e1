/**
 * What an embedded PostgreSQL is told.
 *
 * @module
 */
import { checkText, checkTexts, checkWhole } from '../operator/option-checks.js';

/** The largest TCP port. */
export const PORT_MAX = 65_535;

/** Options of `startEmbeddedPostgres`. */
export interface EmbeddedPostgresOptions {
  /** Kept between starts; made when it is missing. */
  readonly databaseDir: string;
  /** TCP port on 127.0.0.1. @defaultValue a free one */
  readonly port?: number | undefined;
  /** More arguments for `postgres`, for example `['-c', 'fsync=off']` in tests. @defaultValue none: everything is durable */
  readonly postgresFlags?: readonly string[] | undefined;
  /** More arguments for `initdb`. @defaultValue none */
  readonly initdbFlags?: readonly string[] | undefined;
}

/** @throws ProgrammingError (`PROGRAMMING_ERROR`) when an option is not what it should be */
export function checkEmbeddedOptions(options: Partial<EmbeddedPostgresOptions>): void {
  checkText('databaseDir', options.databaseDir);
  // Port 0 would be any, and PostgreSQL takes none such; whoever wants any says nothing.
  checkWhole('port of the embedded PostgreSQL', options.port, 1, PORT_MAX);
  checkTexts('postgresFlags', options.postgresFlags);
  checkTexts('initdbFlags', options.initdbFlags);
}
