/**
 * Each entry of a list with its index and what `load` makes of it, in order. The next one is loaded while the caller works
 * on the last; the first starts at once. A failed load throws when its turn comes.
 */
export function ahead<T, U>(list: readonly T[], load: (entry: T) => Promise<U>): AsyncIterable<readonly [number, U]> {
  const start = (index: number): Promise<U> | undefined => {
    if (index >= list.length) return undefined;
    const loading = load(list[index]!);
    // Whoever awaits it later gets the error; until then it is not unhandled.
    loading.catch(() => undefined);
    return loading;
  };
  const first = start(0);
  return (async function* () {
    let next = first;
    for (let index = 0; next !== undefined; index++) {
      const loaded = await next;
      next = start(index + 1);
      yield [index, loaded] as const;
    }
  })();
}
