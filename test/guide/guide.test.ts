/**
 * The guide compiles, page by page. Its tests and its app are run by `test/e2e/guide.spec.ts`, on what is built.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, describe, expect, test } from 'vitest';
import { guidePages, makeGuideFolder, writeFiles } from '../support/guide-steps.js';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
// What is no file is a command, and runs only where the tests know how.
const COMMAND_LANGUAGES = ['sh', 'sql'];

describe('the guide', () => {
  const pages = guidePages();

  test.each(pages.map((page) => [page.name, page] as const))(
    '%s says of every file what it is called',
    (_name, page) => {
      for (const { path, language } of page.blocks) {
        if (!COMMAND_LANGUAGES.includes(language)) expect(path, `a block of ${language}`).toBeDefined();
      }
    },
  );

  test('leads from each page to the next', () => {
    const index = readFileSync(join(PROJECT, 'docs/guide/README.md'), 'utf8');
    for (const { name } of pages) expect(index).toContain(`(${name})`);
    pages.slice(1).forEach(({ name }, before) => expect(pages[before]?.text).toContain(`(${name})`));
  });
});

describe('the code of the guide', () => {
  const folder = makeGuideFolder();
  afterAll(() => folder.remove());
  let before: ts.Program | undefined;

  // In their order: each page builds on those before.
  test.each(guidePages().map((page) => [page.name, page] as const))('compiles at the end of %s', (_name, page) => {
    writeFiles(page, folder.path);
    const program = compile(folder.path, before);
    before = program;
    expect(problems(program, folder.path)).toEqual([]);
  });

  test('would not compile with a mistake', () => {
    writeFiles({ name: '', text: '', blocks: [{ language: 'ts', path: 'src/sync.ts', text: MISTAKE }] }, folder.path);
    expect(problems(compile(folder.path, before), folder.path)).toHaveLength(1);
  });
});

const MISTAKE = `import { app } from './store';
import { stockItem } from './stock-item';
await app.execute(stockItem, '', { type: 'Count', data: { quantity: 'many', shelf: '' } });
`;

/** Compiles with the guide's own options; only `daybook` is the sources, so that nothing has to be built before. */
function compile(folder: string, before: ts.Program | undefined): ts.Program {
  const { config } = ts.readConfigFile(join(folder, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: object;
  };
  const own = ts.readConfigFile(join(PROJECT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: { paths: Record<string, string[]> } };
  };
  const paths = Object.fromEntries(
    Object.entries(own.config.compilerOptions.paths).map(([name, at]) => [name, at.map((path) => join(PROJECT, path))]),
  );
  const { options, fileNames, errors } = ts.parseJsonConfigFileContent(config, ts.sys, folder, { paths, types: [] });
  expect(errors).toEqual([]);
  return ts.createProgram({ rootNames: fileNames, options, ...(before === undefined ? {} : { oldProgram: before }) });
}

function problems(program: ts.Program, folder: string): readonly string[] {
  return program
    .getSourceFiles()
    .filter(({ fileName }) => fileName.startsWith(folder))
    .flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
    .map(({ file, messageText }) => {
      const where = relative(folder, file?.fileName ?? '');
      return `${where}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
}
