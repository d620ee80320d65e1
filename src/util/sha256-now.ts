/**
 * SHA-256 (FIPS 180-4) without waiting: for many short inputs, where WebCrypto would take a promise and a turn of the
 * event loop for each, and in contexts that have none.
 *
 * Not for large inputs: WebCrypto is an order of magnitude faster with those, and off this thread.
 */

const BLOCK_BYTES = 64;
const LENGTH_BYTES = 8;
const ROUNDS = 64;

const { initialState, roundConstants } = constants();
const schedule = new Int32Array(ROUNDS);

/** The digest: 32 bytes. */
export function sha256Now(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(Math.ceil((bytes.length + 1 + LENGTH_BYTES) / BLOCK_BYTES) * BLOCK_BYTES);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - LENGTH_BYTES, BigInt(bytes.length) * 8n);
  const state = initialState.slice();
  for (let at = 0; at < padded.length; at += BLOCK_BYTES) addBlock(state, view, at);
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((word, index) => digest.setInt32(index * 4, word));
  return new Uint8Array(digest.buffer);
}

function addBlock(state: Int32Array, view: DataView, at: number): void {
  const w = schedule;
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let round = 0; round < ROUNDS; round++) {
    if (round < 16) w[round] = view.getInt32(at + round * 4);
    else {
      const x = w[round - 15] as number;
      const y = w[round - 2] as number;
      const s0 = rotated(x, 7) ^ rotated(x, 18) ^ (x >>> 3);
      const s1 = rotated(y, 17) ^ rotated(y, 19) ^ (y >>> 10);
      w[round] = (w[round - 16] as number) + s0 + (w[round - 7] as number) + s1;
    }
    const s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    const choice = (e & f) ^ (~e & g);
    const t1 = h + s1 + choice + (roundConstants[round] as number) + (w[round] as number);
    const s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + s0 + majority) | 0;
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => (state[index] = (state[index] as number) + word));
}

function rotated(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

/** The first 32 bits of the fractions of square roots of 8 primes, and of cube roots of 64: shorter than as a table. */
function constants(): { initialState: Int32Array; roundConstants: Int32Array } {
  const primes: number[] = [];
  for (let n = 2; primes.length < ROUNDS; n++) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  const fractions = (of: (n: number) => number, count: number): Int32Array =>
    Int32Array.from(primes.slice(0, count), (prime) => (of(prime) % 1) * 2 ** 32);
  return { initialState: fractions(Math.sqrt, 8), roundConstants: fractions(Math.cbrt, ROUNDS) };
}
