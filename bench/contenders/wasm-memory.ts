/**
 * The WebAssembly memories of this thread: the browser's own measurement leaves them out, and what holds them hides them.
 *
 * @module
 */

const memories: WebAssembly.Memory[] = [];

/** Notes every memory that is exported from now on. To be called before any module is instantiated. */
export function watchWasmMemory(): void {
  const { instantiateStreaming, instantiate } = WebAssembly;
  WebAssembly.instantiateStreaming = async (source, imports) => noted(await instantiateStreaming(source, imports));
  // Of the two forms of this function, only that with bytes is used here.
  const fromBytes = async (bytes: BufferSource, imports?: WebAssembly.Imports): Promise<Instantiated> =>
    noted(await instantiate(bytes, imports));
  WebAssembly.instantiate = fromBytes as typeof WebAssembly.instantiate;
}

/** What they amount to, in bytes. A memory never shrinks. */
export function wasmMemoryBytes(): number {
  if (memories.length === 0) throw new Error('no WebAssembly memory was seen');
  return memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
}

type Instantiated = WebAssembly.WebAssemblyInstantiatedSource;

function noted(source: Instantiated): Instantiated {
  memories.push(...Object.values(source.instance.exports).filter((value) => value instanceof WebAssembly.Memory));
  return source;
}
