/**
 * What documents and comments point to is there: links, files, decisions.
 *
 * @module
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const NOT_WRITTEN_HERE = ['node_modules', 'dist', 'test-results', 'playwright-report'];

/** Every file that is written by somebody; what is hidden, and what is made from others, is left out. */
const FILES = globSync('**/*', {
  cwd: ROOT,
  exclude: (path) => basename(path).startsWith('.') || NOT_WRITTEN_HERE.includes(basename(path)),
}).map((path) => path.replaceAll('\\', '/'));
const DOCUMENTS = FILES.filter((path) => path.endsWith('.md'));
const CODE = FILES.filter((path) => /\.(?:tsx?|mjs|css)$/.test(path));
const NAMES = new Set(FILES.map((path) => basename(path)));

/** Names that look like files of this repository, and why they are none. */
const NO_FILES: Readonly<Record<string, string>> = {
  'sql.js': 'a package',
  'decimal.js': 'a package',
  'sqlite-api.js': 'a file of the package wa-sqlite',
  'worker.js': 'built into dist/',
  'backup-worker.js': 'built into dist/',
  'rescue-part.js': 'built into dist/',
};
// The files that the reader of the guide writes: `test/guide/guide.test.ts` looks at those.
const OF_THE_READER = /^docs\/guide\/\d\d-/;

const PATH = String.raw`(?:[\w.@-]+\/)*[a-z0-9][\w-]*(?:\.[\w-]+)*`;
const NAMED_FILE = new RegExp(String.raw`(?<![\w./*@<>-])(${PATH}\.(?:tsx?|m?js|cjs|md))(?![\w/(-])`, 'g');
const NAMED_PLACE = /(?<![\w./-])(?:src|worker|demo|test|docs|bench|examples|scripts)\/[\w./*{},-]*/g;
const LINK = /\]\(([^)\s]+)\)/g;
const CODE_BLOCK = /^```.*?^```$/gms;
// What is in a language is somebody's program, with files of its own; what is in none is drawn, and names ours.
const PROGRAM = /^ *```(?!text)\w+\n.*?^ *```$/gms;
const COMMENT = /(?:^\s*(?:\/\*\*?|\*|\/\/)|\s\/\/\s)(.*)$/gm;
const URL_OF_ANYTHING = /\bhttps?:\/\/\S+/g;

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** What a file says to people: a document, and the comments of code, but for the programs in them. */
function words(path: string): string {
  const text = read(path);
  const spoken = path.endsWith('.md') ? text : [...text.matchAll(COMMENT)].map(([, comment]) => comment).join('\n');
  return spoken.replaceAll(PROGRAM, '').replaceAll(URL_OF_ANYTHING, '');
}

/** The anchors of a document, as GitHub makes them of its headings. */
function anchorsOf(document: string): ReadonlySet<string> {
  const headings = read(document)
    .replaceAll(CODE_BLOCK, '')
    .matchAll(/^#+ (.*)$/gm);
  return new Set(
    [...headings].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Whether a name with or without folders before it is one of this repository's files. */
function isFile(path: string): boolean {
  const name = path.replace(/^(?:\.\.?\/)+/, '');
  return name.includes('/') ? FILES.some((file) => `/${file}`.endsWith(`/${name}`)) : NAMES.has(name);
}

describe('documents', () => {
  test('link to what is there', () => {
    const dead = DOCUMENTS.flatMap((document) =>
      [...read(document).replaceAll(CODE_BLOCK, '').matchAll(LINK)].flatMap(([, link = '']) => {
        if (/^[a-z]+:/.test(link)) return [];
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? document : join(dirname(document), path);
        const isThere = existsSync(join(ROOT, target)) && (anchor === undefined || anchorsOf(target).has(anchor));
        return isThere ? [] : [`${document}: ${link}`];
      }),
    );
    expect(dead).toEqual([]);
  });

  test('name places that are there', () => {
    const missing = DOCUMENTS.filter((document) => !OF_THE_READER.test(document)).flatMap((document) =>
      [
        ...read(document)
          .replaceAll(CODE_BLOCK, '')
          .matchAll(/`([^`\n]+)`/g),
      ]
        .flatMap(([, code = '']) => [...code.matchAll(NAMED_PLACE)].map(([place]) => place))
        .filter((place) => !NOT_WRITTEN_HERE.includes(basename(place)) && globSync(place, { cwd: ROOT }).length === 0)
        .map((place) => `${document}: ${place}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('documents and comments', () => {
  test('name files that are there', () => {
    const missing = [...DOCUMENTS, ...CODE]
      .filter((path) => !OF_THE_READER.test(path))
      .flatMap((path) =>
        [...words(path).matchAll(NAMED_FILE)]
          .map(([, name = '']) => name)
          .filter((name) => !(basename(name) in NO_FILES) && !isFile(name))
          .map((name) => `${path}: ${name}`),
      );
    expect(missing).toEqual([]);
  });

  test('name decisions that are written down', () => {
    const missing = [...DOCUMENTS, ...CODE].flatMap((path) =>
      [...words(path).matchAll(/\bADR (\d+)/g)]
        .map(([, number = '']) => number.padStart(4, '0'))
        .filter((number) => !FILES.some((file) => file.startsWith(`docs/adr/${number}-`)))
        .map((number) => `${path}: ${number}`),
    );
    expect(missing).toEqual([]);
  });

  test('walk through the code by names that are in it', () => {
    const code = CODE.filter((path) => path.startsWith('src/'))
      .map(read)
      .join('\n');
    const walks = [...read('docs/ARCHITECTURE.md').matchAll(/^- \*\*A \w+\.\*\* `([^`]+)`$/gm)].map(
      ([, walk = '']) => walk,
    );
    expect(walks).toHaveLength(4);
    const names = walks
      .flatMap((walk) => walk.replaceAll(/\([^)]*\)/g, '').split(/[\s,.→⇒]+/))
      .filter((name) => /^\w*[A-Z]/.test(name));
    expect(names.length).toBeGreaterThan(40);
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(code))).toEqual([]);
  });

  test('point to no document that its reader does not have', () => {
    // Papers that were written before the code: their numbers, and the marks of their requirements.
    const elsewhere = /\bdocument \d{3}\b|\bof the design\b|\((?:[SI]\d(?:[,–] ?)?)+\)/g;
    const found = [...DOCUMENTS, ...CODE].flatMap((path) =>
      [...read(path).matchAll(elsewhere)].map(([what]) => `${path}: ${what}`),
    );
    expect(found).toEqual([]);
  });

  test('are looked at: what is not there would be found', () => {
    const [, named] = NAMED_FILE.exec(' * See `no-such-file.ts`.') ?? [];
    NAMED_FILE.lastIndex = 0;
    expect(named).toBe('no-such-file.ts');
    expect(isFile('no-such-file.ts')).toBe(false);
    expect(isFile('sqlite/table-changes.ts')).toBe(false);
    expect(isFile('own-tables/table-changes.ts')).toBe(true);
    expect(anchorsOf('docs/ARCHITECTURE.md')).toContain('written-by-hand-and-why');
    expect(DOCUMENTS.length).toBeGreaterThan(25);
    expect(CODE.length).toBeGreaterThan(400);
  });
});
