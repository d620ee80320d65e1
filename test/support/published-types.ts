/**
 * The types of what the package publishes, as the compiler knows them.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The folder of the repository, with a slash at its end. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Compiles all sources. It takes seconds, and more on a busy machine. */
export function openProgram(): ts.Program {
  const { options, fileNames } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config,
    ts.sys,
    root,
  );
  return ts.createProgram(
    fileNames.filter((name) => /\/(?:src|worker)\//.test(name)),
    { ...options, noEmit: true },
  );
}

/** What the entries of the package export, but for its suites of tests. */
export function publishedSymbols(program: ts.Program): readonly ts.Symbol[] {
  const checker = program.getTypeChecker();
  return entryFiles().flatMap((entry) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry) as ts.SourceFile);
    const exported = checker.getExportsOfModule(module as ts.Symbol);
    return exported.map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol));
  });
}

/** Whether something is declared in the sources, and not by the platform or by another package. */
export function isOurs(declaration: ts.Declaration): boolean {
  return declaration.getSourceFile().fileName.startsWith(`${root}src/`);
}

function entryFiles(): readonly string[] {
  const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
    exports: Readonly<Record<string, string | { readonly types?: string }>>;
  };
  return Object.values(exports)
    .flatMap((entry) => (typeof entry === 'string' ? [] : [entry.types ?? '']))
    .filter((types) => types.startsWith('./dist/types/src/') && !types.includes('/testing/'))
    .map((types) => root + types.replace('./dist/types/', '').replace(/\.d\.ts$/, '.ts'));
}
