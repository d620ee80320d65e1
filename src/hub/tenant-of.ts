const TENANT_PATH = /^\/v\d+\/t\/([^/]+)\//;

/**
 * The tenant that the address of a request names, so that a Worker finds the object of it.
 *
 * @returns `undefined` where it names none
 *
 * @example
 * ```ts
 * const hub = env.HUB.getByName(tenantOf(request) ?? 'stockcount');
 * return await hub.fetch(request);
 * ```
 */
export function tenantOf({ url }: Request): string | undefined {
  const name = TENANT_PATH.exec(new URL(url).pathname)?.[1];
  try {
    return name === undefined ? undefined : decodeURIComponent(name);
  } catch {
    return undefined;
  }
}
