import { NotSupportedError } from './errors.js';

/**
 * The platform's cryptography.
 *
 * @throws NotSupportedError (`NOT_SUPPORTED`) where there is none, whatever the types say: a page that came over plain
 *   `http:` from another machine
 */
export function webCrypto(): SubtleCrypto {
  const found = crypto.subtle as SubtleCrypto | undefined;
  if (found === undefined) throw new NotSupportedError('There is no WebCrypto here: serve the page over https.');
  return found;
}
