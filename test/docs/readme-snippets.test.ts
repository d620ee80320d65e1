/**
 * What README and the documents show in TypeScript compiles as it stands, so that whoever copies it gets what was meant.
 * The guide's pages build on each other, and have a test of their own: `guide.test.ts`.
 *
 * @module
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { beforeAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..').replaceAll('\\', '/');
const DOCUMENTS = [
  'README.md',
  ...globSync('docs/{*,model/*}.md', { cwd: ROOT }).map((path) => path.replaceAll('\\', '/')),
];
// Everything is read and checked at once; a loaded machine takes its time.
const COMPILE_MS_MAX = 120_000;

/** Packages that a document shows and this repository does not install: what they export has any type. */
const NOT_INSTALLED: Readonly<Record<string, string>> = {
  '@google-cloud/cloud-sql-connector': 'wants an account; its clients are those of `pg`, which are checked',
};

/** What a document shows of Cloudflare's runtime, whose globals are not those of the DOM; what is shown runs in test/workerd. */
const CLOUDFLARE = `declare module 'cloudflare:workers' {
  import type { HubContext } from 'daybook/hub';
  export abstract class DurableObject<Env = unknown> {
    protected readonly ctx: HubContext;
    protected readonly env: Env;
    constructor(ctx: HubContext, env: Env);
  }
}
`;

/** A block of TypeScript in a document. */
interface Snippet {
  /** The document, and which of its snippets. */
  readonly name: string;
  readonly text: string;
  /** The line of the document that its first one is, from 1. */
  readonly firstLine: number;
  /** Where it would lie: beside the example that the document showed last, whose neighbours it may import. */
  readonly path: string;
}

// The path of a file in code marks, as in `shownExamples`, or a block.
const EXAMPLE_OR_SNIPPET = /^`(examples\/[^`]+\.ts)`|^```ts\n(.*?)^```$/gms;

function snippetsOf(document: string): Snippet[] {
  const text = readFileSync(join(ROOT, document), 'utf8');
  const snippets: Snippet[] = [];
  let folder = '';
  for (const { index, 1: example, 2: snippet } of text.matchAll(EXAMPLE_OR_SNIPPET)) {
    if (example !== undefined) folder = `${dirname(example)}/`;
    if (snippet === undefined) continue;
    const firstLine = text.slice(0, index).split('\n').length + 1;
    const path = `${ROOT}/${folder}${document.replaceAll('/', '-')}-${firstLine}.ts`;
    snippets.push({ name: `${document} (${snippets.length + 1})`, text: snippet, firstLine, path });
  }
  return snippets;
}

const SNIPPETS = DOCUMENTS.flatMap(snippetsOf);
const MISTAKE: Snippet = {
  name: 'a mistake',
  text: `import { openDaybook } from 'daybook';\nawait openDaybook({ nam: 'stock-count' });\nshow();\n`,
  firstLine: 1,
  path: `${ROOT}/a-mistake.ts`,
};

/** Compiles with this repository's options, by which `daybook` is its sources: nothing has to be built before. */
function compile(snippets: readonly Snippet[]): ts.Program {
  const { config } = ts.readConfigFile(`${ROOT}/tsconfig.json`, (path) => ts.sys.readFile(path)) as { config: object };
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, ROOT);
  const modules = Object.keys(NOT_INSTALLED).map((name) => `declare module '${name}';\n`);
  const texts = new Map([
    ...snippets.map(({ path, text }) => [path, text] as const),
    [`${ROOT}/not-installed.d.ts`, [...modules, CLOUDFLARE].join('')] as const,
  ]);
  const host = ts.createCompilerHost(options, true);
  const onDisk = { fileExists: host.fileExists.bind(host), readFile: host.readFile.bind(host) };
  host.fileExists = (path) => texts.has(path) || onDisk.fileExists(path);
  host.readFile = (path) => texts.get(path) ?? onDisk.readFile(path);
  return ts.createProgram({ rootNames: [...texts.keys()], options, host });
}

describe('what a document shows', () => {
  let program: ts.Program;
  beforeAll(() => {
    program = compile([...SNIPPETS, MISTAKE]);
  }, COMPILE_MS_MAX);

  function problems({ path, firstLine }: Snippet): readonly string[] {
    const file = program.getSourceFile(path);
    if (file === undefined) return ['it was not read'];
    const diagnostics = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return diagnostics.map(({ start = 0, messageText }) => {
      const line = firstLine + file.getLineAndCharacterOfPosition(start).line;
      return `line ${line}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
  }

  test.each(SNIPPETS.map((snippet) => [snippet.name, snippet] as const))('compiles: %s', (_name, snippet) => {
    expect(problems(snippet)).toEqual([]);
  });

  test('would not compile with mistakes', () => {
    expect(problems(MISTAKE)).toHaveLength(2);
  });

  test('is complete in README: it imports packages alone', () => {
    const shown = SNIPPETS.filter(({ name }) => name.startsWith('README.md'));
    expect(shown.length).toBeGreaterThan(1);
    for (const { text } of shown) {
      expect(text).toMatch(/^import /);
      expect(text).not.toMatch(/ from '\./);
    }
  });
});
