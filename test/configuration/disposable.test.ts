/** What is to be closed can be closed by `await using`: whatever of the published entries has a `close`, or an `end`. */
import ts from 'typescript';
import { describe, expect, inject, test } from 'vitest';
import { Environment } from '../../src/environment/environment.js';
import { MemoryFactory } from '../../src/persistence/memory/memory-factory.js';
import { PostgresFactory } from '../../src/persistence/postgres/postgres-factory.js';
import { NodeSqliteFactory, openNodeSqlite } from '../../src/persistence/sqlite/node-sqlite.js';
import { openSqlJs, SqlJsFactory, SqliteProcessRecorder } from '../../src/persistence/sqlite/index.js';
import { PostgresTenants } from '../../src/server/tenants/postgres-tenants.js';
import { uniqueName } from '../support/postgres-fixture.js';
import { isOurs, openProgram, publishedSymbols } from '../support/published-types.js';

// The whole of src is compiled.
const LIMIT_MS = 120_000;
const CLOSES = new Set(['close', 'end']);

/** What is not ours to give it, and why. */
const NOT_OURS: Readonly<Record<string, string>> = {
  BroadcastTarget: "a channel of the platform's, by its shape",
  EngineConnection: 'a connection of a client library, by its shape',
  OpenTenant: 'what an option gives back: a log and how to let go of it',
  PostgresConnection: 'a connection of a client library, by its shape',
  RecorderFactory: 'what an engine must offer; who chooses one has an InfrastructureFactory, and those of ours have it',
  SqliteConnection: 'lent for the time of a transaction, which ends it',
  SqliteDatabase: 'what a driver must offer; what opens one gives an OpenedSqliteDatabase',
  TelemetrySpan: "OpenTelemetry's, by its shape",
};

/** Types that can be had: those that are exported, and those of what their methods, properties and functions give. */
function reachableTypes(program: ts.Program): ReadonlySet<ts.Type> {
  const checker = program.getTypeChecker();
  const found = new Set<ts.Type>();
  const seen = new Set<ts.Type>();
  const visit = (given: ts.Type): void => {
    if (seen.has(given)) return;
    seen.add(given);
    const type = checker.getAwaitedType(given) ?? given;
    for (const part of type.isUnionOrIntersection() ? type.types : [type]) {
      const declarations = part.getSymbol()?.declarations ?? [];
      for (const signature of [...part.getCallSignatures(), ...part.getConstructSignatures()]) {
        visit(checker.getReturnTypeOfSignature(signature));
      }
      // What a parameter stands for is what the caller has given.
      if (!declarations.some(isOurs) || (part.flags & ts.TypeFlags.TypeParameter) !== 0) continue;
      found.add(part);
      // What is private is nobody's to close.
      const properties = part.getProperties().filter(({ name }) => !/^(?:__)?#/.test(name));
      for (const property of properties) visit(checker.getTypeOfSymbol(property));
      if (part !== type) visit(part);
    }
  };
  for (const symbol of publishedSymbols(program)) {
    if (symbol.flags & ts.SymbolFlags.Type) visit(checker.getDeclaredTypeOfSymbol(symbol));
    if (symbol.flags & ts.SymbolFlags.Value) visit(checker.getTypeOfSymbol(symbol));
  }
  return found;
}

/** Whether it is closed by whoever has it: a method without arguments that it must have, and not a number or a text. */
function isClosable(type: ts.Type, checker: ts.TypeChecker): boolean {
  return type.getProperties().some((property) => {
    if (!CLOSES.has(property.name) || !(property.declarations ?? []).some(isOurs)) return false;
    const signatures = checker.getTypeOfSymbol(property).getCallSignatures();
    return signatures.some(({ parameters }) => parameters.length === 0);
  });
}

function isDisposable(type: ts.Type): boolean {
  return type.getProperties().some(({ name }) => /^__@(?:asyncDispose|dispose)@/.test(name));
}

test(
  'what is published and can be closed can be disposed of, too',
  () => {
    const program = openProgram();
    const checker = program.getTypeChecker();
    const closable = [...reachableTypes(program)].filter((type) => isClosable(type, checker));
    expect(closable.length).toBeGreaterThan(20);
    const lacking = closable.filter((type) => !isDisposable(type)).map((type) => type.getSymbol()?.name ?? '');
    expect([...new Set(lacking)].sort()).toEqual(Object.keys(NOT_OURS).sort());
  },
  LIMIT_MS,
);

describe('what was disposed of is closed', () => {
  const environment = (): Environment =>
    new Environment({ SQLITE_DBNAME: ':memory:', DATABASE_URL: inject('pgUrl') }, { name: uniqueName() });

  test.each([
    [MemoryFactory, 'INTERFACE_ERROR'],
    [SqlJsFactory, 'INTERFACE_ERROR'],
    [NodeSqliteFactory, 'INTERFACE_ERROR'],
    [PostgresFactory, 'CONNECTION_POOL_CLOSED'],
  ])('%o', async (Factory, code) => {
    const opened = await (async () => {
      await using factory = new Factory(environment());
      const recorder = await factory.processRecorder();
      expect(await recorder.maxNotificationId()).toBe(0);
      return { factory, recorder };
    })();
    await expect(opened.recorder.maxNotificationId()).rejects.toMatchObject({ code });
    await expect(opened.factory.processRecorder()).rejects.toMatchObject({ code });
  });

  test.each([
    ['openNodeSqlite', () => openNodeSqlite({ path: ':memory:' })],
    ['openSqlJs', () => openSqlJs()],
    ['openSqlJs, with a limit', () => openSqlJs({ lockTimeoutMs: 10 })],
  ])('%s, at once or by a promise', async (_name, open) => {
    const recorderOf = async (isAtOnce: boolean): Promise<SqliteProcessRecorder> => {
      if (isAtOnce) {
        using database = await open();
        const recorder = new SqliteProcessRecorder(database);
        await recorder.createTable();
        return recorder;
      }
      await using database = await open();
      const recorder = new SqliteProcessRecorder(database);
      await recorder.createTable();
      return recorder;
    };
    for (const isAtOnce of [true, false]) {
      await expect((await recorderOf(isAtOnce)).maxNotificationId()).rejects.toThrow();
    }
  });

  test('PostgresTenants', async () => {
    const open = async (): Promise<PostgresTenants> => {
      await using tenants = new PostgresTenants({ place: () => ({ databaseUrl: inject('pgUrl') }) });
      return tenants;
    };
    await expect((await open()).use('acme', (log) => log.head())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
