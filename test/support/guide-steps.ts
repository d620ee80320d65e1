/**
 * The guide as what it says: pages, and the files that each tells the reader to write.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A block of code. */
export interface GuideBlock {
  readonly language: string;
  /** The file that it is; `undefined` for one that is not a file. */
  readonly path: string | undefined;
  readonly text: string;
}

/** One page. */
export interface GuidePage {
  readonly name: string;
  readonly text: string;
  readonly blocks: readonly GuideBlock[];
}

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const GUIDE = join(PROJECT, 'docs/guide');
// A block of code, and before it, if it is a file, its path in code marks.
const BLOCK = /(?:^`([^`\n]+)`:\n\n)?^```(\w+)\n(.*?)^```$/gms;

/** The pages, in the order in which they are read. */
export function guidePages(): readonly GuidePage[] {
  const names = readdirSync(GUIDE).filter((name) => /^\d\d-/.test(name));
  return names.sort().map((name) => {
    const text = readFileSync(join(GUIDE, name), 'utf8');
    const blocks = [...text.matchAll(BLOCK)].map(([, path, language = '', code = '']) => {
      return { language, path, text: code };
    });
    return { name, text, blocks };
  });
}

/** A page of this number. */
export function guidePage(number: number): GuidePage {
  const page = guidePages()[number - 1];
  if (page === undefined) throw new Error(`The guide has no page ${number}.`);
  return page;
}

/** The only block of a language in a page. */
export function onlyBlock({ name, blocks }: GuidePage, language: string, matching: RegExp = /./): string {
  const [block, ...others] = blocks.filter((each) => each.language === language && matching.test(each.text));
  if (block === undefined || others.length > 0) throw new Error(`${name} should have one block of ${language}.`);
  return block.text;
}

/** Writes the files of a page over those of the pages before it. */
export function writeFiles(
  { blocks }: GuidePage,
  folder: string,
  change: (text: string) => string = (text) => text,
): void {
  for (const { path, text } of blocks) {
    if (path === undefined) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), change(text));
  }
}

/** A new folder inside of the project, so that what the project has installed is found from there; nobody commits it. */
export function makeGuideFolder(): { readonly path: string; remove(): void } {
  mkdirSync(join(PROJECT, '.cache'), { recursive: true });
  const path = mkdtempSync(join(PROJECT, '.cache/guide-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
