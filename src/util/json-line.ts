const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The object that a line of JSON has; `undefined` where it has none, or is damaged. */
export function jsonOfLine(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}
