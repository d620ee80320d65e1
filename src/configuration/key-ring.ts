/**
 * Keys of a key ring in settings: `CIPHER_KEYS`, `CIPHER_CURRENT`, and the `CIPHER_KEY` of before.
 *
 * @module
 */
import type { Environment } from '../environment/environment.js';
import { ProgrammingError } from '../persistence/errors.js';
import { AESCipher } from '../persistence/mapping/aes-cipher.js';
import type { Cipher } from '../persistence/mapping/cipher.js';
import { KeyRingCipher } from '../persistence/mapping/key-ring-cipher.js';

const KEY = 'a key of 16, 24 or 32 bytes in base64, as AESCipher.createKey makes them';
const KEYS = 'keys as id=base64, with commas between them: 2026=…,2027=…; an id has 1 to 63 of A-Z a-z 0-9 . _ : -';
const SETTINGS = ['CIPHER_KEYS', 'CIPHER_CURRENT'] as const;

/**
 * AES with the key in `CIPHER_KEY`.
 *
 * @throws EnvironmentError (`ENVIRONMENT_ERROR`) when the key is missing, or is none; or there are settings of a key ring, which
 *   it would not look at
 */
export async function makeAesCipher(environment: Environment): Promise<Cipher> {
  for (const setting of SETTINGS) {
    if (environment.getText(setting) !== undefined) {
      throw environment.refusal(
        setting,
        'nothing: CIPHER_TOPIC says AES, which has one key. CIPHER_TOPIC=key-ring has these',
      );
    }
  }
  return await aesOf(environment);
}

/**
 * The key ring of `CIPHER_KEYS`, which encrypts by the key that `CIPHER_CURRENT` names; where there is a `CIPHER_KEY` as well,
 * what AES has encrypted by that is read.
 *
 * @throws EnvironmentError (`ENVIRONMENT_ERROR`) when a setting is missing, or wrong
 */
export async function makeKeyRing(environment: Environment): Promise<Cipher> {
  if (environment.getText('CIPHER_KEYS') === undefined && environment.getText('CIPHER_CURRENT') !== undefined) {
    throw environment.refusal('CIPHER_CURRENT', 'nothing, as long as there are no CIPHER_KEYS');
  }
  const pairs = environment.required('CIPHER_KEYS', KEYS).split(',');
  const keys = new Map<string, string>();
  for (const pair of pairs) {
    // A key may end with the same character.
    const [, id, key] = /^([^=]*)=(.*)$/s.exec(pair.trim()) ?? [];
    if (id === undefined || key === undefined) throw environment.refusal('CIPHER_KEYS', KEYS);
    if (keys.has(id.trim())) throw environment.refusal('CIPHER_KEYS', `${KEYS}. Of one id there is one key`);
    keys.set(id.trim(), key.trim());
  }
  const ids = [...keys.keys()];
  const current =
    keys.size === 1 ? (environment.getText('CIPHER_CURRENT') ?? ids[0]) : environment.getText('CIPHER_CURRENT');
  if (current === undefined || !keys.has(current)) {
    throw environment.refusal(
      'CIPHER_CURRENT',
      `the id of the key that encrypts, one of CIPHER_KEYS: ${ids.join(', ')}`,
    );
  }
  const before = environment.getText('CIPHER_KEY') === undefined ? undefined : await aesOf(environment);
  return await refusing(environment, 'CIPHER_KEYS', KEYS, () =>
    KeyRingCipher.fromKeys({ keys: Object.fromEntries(keys), current, before }),
  );
}

/**
 * The cipher where no topic says which: a key ring where there is one, AES where there is a key.
 *
 * @throws EnvironmentError (`ENVIRONMENT_ERROR`) as those do
 */
export async function makeCipherOfKeys(environment: Environment): Promise<Cipher | undefined> {
  if (SETTINGS.some((setting) => environment.getText(setting) !== undefined)) return await makeKeyRing(environment);
  return environment.getText('CIPHER_KEY') === undefined ? undefined : await aesOf(environment);
}

async function aesOf(environment: Environment): Promise<Cipher> {
  const key = environment.required('CIPHER_KEY', KEY);
  return await refusing(environment, 'CIPHER_KEY', KEY, () => AESCipher.fromKey(key));
}

/** A key that is right, and a platform that does not take it, is no matter of the setting. */
async function refusing<T>(
  environment: Environment,
  key: string,
  expected: string,
  make: () => Promise<T>,
): Promise<T> {
  try {
    return await make();
  } catch (cause) {
    if (cause instanceof ProgrammingError) throw environment.refusal(key, expected, { cause });
    throw cause;
  }
}
