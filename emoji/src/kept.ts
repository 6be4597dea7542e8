/** Results kept by whoever asks for them again: of what always gives the same, so that nobody can tell but by the time it takes. */

/** `make`, called when its result is first asked for and never again. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** `make`, not called again for the number that was asked for last. */
export function latest<T>(make: (index: number) => T): (index: number) => T {
  let last: { readonly index: number; readonly value: T } | undefined;
  return (index) => {
    if (last?.index !== index) last = { index, value: make(index) };
    return last.value;
  };
}

/** How each field of an object is made. */
export type Makers<T> = { readonly [K in keyof T]: () => T[K] };

/** An object whose fields are made when they are first read. A copy of it, by spreading too, reads them all. */
export function lazily<T extends object>(makers: Makers<T>): T {
  const fields = Object.entries<() => unknown>(makers).map(([name, make]) => {
    return [name, { enumerable: true, get: once(make) }] as const;
  });
  // A getter for every key that T has, giving what T has under it.
  return Object.defineProperties({}, Object.fromEntries(fields)) as T;
}
