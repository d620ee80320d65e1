/**
 * Every function, constructor and method of the published entries, by their declarations.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** @returns names, as `openDaybook`, `new EventStore`, `EventStore.put`, of whatever takes something */
export function publicFunctions(): readonly string[] {
  const { options, fileNames } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config,
    ts.sys,
    root,
  );
  const sources = fileNames.filter((name) => /\/(?:src|worker)\//.test(name));
  const program = ts.createProgram(sources, { ...options, noEmit: true });
  const checker = program.getTypeChecker();
  const names = new Set<string>();
  for (const file of entryFiles()) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(file) as ts.SourceFile);
    if (module === undefined) throw new Error(`${file} exports nothing.`);
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      if (symbol.valueDeclaration !== undefined)
        for (const one of functionsOf(exported.name, symbol, checker)) names.add(one);
    }
  }
  return [...names].sort();
}

function functionsOf(name: string, symbol: ts.Symbol, checker: ts.TypeChecker): readonly string[] {
  const declaration = symbol.valueDeclaration as ts.Declaration;
  const type = checker.getTypeOfSymbolAtLocation(symbol, declaration);
  if (!ts.isClassDeclaration(declaration)) return takesSomething(type.getCallSignatures()) ? [name] : [];
  // Errors are made by whoever throws them, of whatever there is to say.
  if (name.endsWith('Error')) return [];
  const methods = checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol));
  const own = methods.filter((method) => isPublic(method) && takesSomething(callsOf(method, checker)));
  const statics = checker
    .getPropertiesOfType(type)
    .filter((one) => one.name !== 'prototype' && takesSomething(callsOf(one, checker)));
  const isMade = takesSomething(type.getConstructSignatures());
  return [...(isMade ? [`new ${name}`] : []), ...[...own, ...statics].map((one) => `${name}.${one.name}`)];
}

function callsOf(symbol: ts.Symbol, checker: ts.TypeChecker): readonly ts.Signature[] {
  return checker.getTypeOfSymbol(symbol).getCallSignatures();
}

function takesSomething(signatures: readonly ts.Signature[]): boolean {
  return signatures.some(
    ({ parameters, declaration }) => parameters.length > 0 && (declaration === undefined || !isInternal(declaration)),
  );
}

function isPublic(symbol: ts.Symbol): boolean {
  const [declaration] = symbol.declarations ?? [];
  if (declaration === undefined || !/\/(?:src|worker)\//.test(declaration.getSourceFile().fileName)) return false;
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  return (
    !/^(?:#|__)/.test(symbol.name) && !(ts.getCombinedModifierFlags(declaration) & hidden) && !isInternal(declaration)
  );
}

function isInternal(declaration: ts.Node): boolean {
  return ts.getJSDocTags(declaration).some(({ tagName }) => tagName.text === 'internal');
}

function entryFiles(): readonly string[] {
  const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
    exports: Readonly<Record<string, string | { readonly types?: string }>>;
  };
  return Object.values(exports)
    .flatMap((entry) => (typeof entry === 'string' ? [] : [entry.types ?? '']))
    .map((types) => root + types.replace('./dist/types/', '').replace(/\.d\.ts$/, '.ts'))
    .filter((file) => !/\/(?:daybook|backup)-worker\.ts$/.test(file));
}
