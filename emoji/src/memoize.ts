/** Caches results of pure functions. */

/** Calls `make` on first use and caches its result. */
export function memoize<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** Calls `make` unless the number is that of the previous call. */
export function memoizeLast<T>(make: (index: number) => T): (index: number) => T {
  let last: { readonly index: number; readonly value: T } | undefined;
  return (index) => {
    if (last?.index !== index) last = { index, value: make(index) };
    return last.value;
  };
}

/** A function for each field of an object. */
export type Makers<T> = { readonly [K in keyof T]: () => T[K] };

/** An object whose fields are computed when they are first read. Copying or spreading it reads all of them. */
export function lazy<T extends object>(makers: Makers<T>): T {
  const fields = Object.entries<() => unknown>(makers).map(([name, make]) => {
    return [name, { enumerable: true, get: memoize(make) }] as const;
  });
  // One getter for each key of T, with the type of T's field.
  return Object.defineProperties({}, Object.fromEntries(fields)) as T;
}
