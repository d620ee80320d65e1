import { readFileSync } from 'node:fs';

// The path of a file in code marks, what is said of it, and a block of code: the file's whole text.
const SHOWN = /^`(examples\/[^`]+\.ts)`[^\n]*:\n\n```ts\n(.*?)^```$/gms;

/** The examples that a document shows: their path, the text that is shown, and the file's text. At least one. */
export function shownExamples(document: string): [path: string, shown: string, actual: string][] {
  const examples = [...read(document).matchAll(SHOWN)].map(([, path = '', shown = '']): [string, string, string] => {
    return [path, shown, read(path)];
  });
  if (examples.length === 0) throw new Error(`${document} shows no example`);
  return examples;
}

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}
