// Which modules a built file asks for. Imported only on the project's own Node, after the installation.
import ts from 'typescript';

/** The specifiers of all imports and re-exports in JavaScript or in a declaration file, dynamic ones included. */
export function importsOf(code) {
  const { importedFiles } = ts.preProcessFile(code, true, false);
  return [...new Set(importedFiles.map(({ fileName }) => fileName))];
}

/** The package of a bare specifier: `a` of `a/b`, `@a/b` of `@a/b/c`; undefined for relative and Node's own modules. */
export function packageOf(specifier) {
  if (/^(\.|\/|node:|data:)/.test(specifier)) return undefined;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
