import type { Plugin } from 'vite';

// At the start of a line, so that an `@example` of a comment is none.
const HAS_DECORATOR = /^\s*@\w+\(/m;

/**
 * Compiles files with decorators by TypeScript, as `tsc` does: Vite's own compiler passes ECMAScript's decorators on, and
 * no engine runs them yet.
 */
export function compileDecorators(): Plugin {
  return {
    name: 'compile-decorators',
    enforce: 'pre',
    transform: {
      filter: { id: /\.ts$/, code: HAS_DECORATOR },
      async handler(code, id) {
        // Loaded when there is something for it to do: it is large.
        const { default: ts } = await import('typescript');
        const { outputText, sourceMapText } = ts.transpileModule(code, {
          fileName: id,
          compilerOptions: {
            target: ts.ScriptTarget.ES2024,
            module: ts.ModuleKind.ESNext,
            verbatimModuleSyntax: true,
            sourceMap: true,
          },
        });
        return { code: outputText, map: sourceMapText ?? null };
      },
    },
  };
}
