import { importAesKey, openWithAes, sealWithAes } from '../../persistence/mapping/aes-gcm.js';
import type { SnapshotSeal, SnapshotSealer } from '../aggregates/snapshot-codec.js';
import { SubjectKeyMissingError } from './subject-keys.js';
import type { SubjectKeys } from './subject-keys.js';

// A UUID as text, in front of what the key has encrypted.
const KEY_ID_BYTES = 36;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder();

/** Encrypts snapshots by {@link SubjectKeys.snapshotKey}, so that none can be read after somebody was forgotten. */
export class SnapshotKeySealer implements SnapshotSealer {
  readonly #keys: SubjectKeys;

  constructor(keys: SubjectKeys) {
    this.#keys = keys;
  }

  async begin(): Promise<SnapshotSeal> {
    const { id, key } = await this.#keys.snapshotKey();
    return async (bytes) => {
      const sealed = await sealWithAes(await importAesKey(key), bytes);
      const all = new Uint8Array(KEY_ID_BYTES + sealed.length);
      all.set(textEncoder.encode(id));
      all.set(sealed, KEY_ID_BYTES);
      return all;
    };
  }

  async unseal(bytes: Uint8Array): Promise<Uint8Array> {
    const keyId = textDecoder.decode(bytes.subarray(0, KEY_ID_BYTES));
    const [found] = await this.#keys.find([keyId]);
    if (found === undefined || found === 'forgotten') {
      throw new SubjectKeyMissingError(
        'The snapshot was taken before somebody was forgotten, and cannot be read any more.',
        { details: { keyId } },
      );
    }
    return await openWithAes(await importAesKey(found.key), bytes.subarray(KEY_ID_BYTES));
  }
}
