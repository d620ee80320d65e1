import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** Every line of the sources that has a text of this shape, without the space around it, by its file. */
export function sourceLinesWith(shape: RegExp): ReadonlyMap<string, readonly string[]> {
  const files = globSync('{src,worker,demo}/**/*.{ts,tsx}', { cwd: ROOT }).map((file) => file.replaceAll('\\', '/'));
  const found = files.sort().map((file): [string, string[]] => {
    const lines = readFileSync(join(ROOT, file), 'utf8').split('\n');
    return [file, lines.filter((line) => shape.test(line)).map((line) => line.trim())];
  });
  return new Map(found.filter(([, lines]) => lines.length > 0));
}
