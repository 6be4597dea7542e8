/** Compiled graphs by key, up to a number of them: the graphs that were used least recently are freed first. */
export class GraphCache<G extends { dispose(): Promise<void> }> {
  /** In order of use, the most recent last. */
  private readonly entries = new Map<string, { readonly graph: Promise<G>; users: number }>();

  /** @param maxGraphs that stay compiled while none of them is in use */
  constructor(private readonly maxGraphs: number) {}

  /**
   * Runs with the graph of a key, which is compiled if it is not in the cache. A graph in use is never freed; one that failed to
   * compile is compiled again the next time.
   */
  async use<T>(key: string, compile: () => Promise<G>, run: (graph: G) => Promise<T>): Promise<T> {
    const entry = this.entries.get(key) ?? { graph: compile(), users: 0 };
    this.entries.delete(key);
    this.entries.set(key, entry);
    entry.users++;
    try {
      const graph = await entry.graph.catch((error: unknown) => {
        if (this.entries.get(key) === entry) this.entries.delete(key);
        throw error;
      });
      return await run(graph);
    } finally {
      entry.users--;
      await this.evict();
    }
  }

  /** Frees all graphs. */
  async dispose(): Promise<void> {
    const graphs = [...this.entries.values()];
    this.entries.clear();
    for (const { graph } of graphs) await free(graph);
  }

  private async evict(): Promise<void> {
    for (const [key, { graph, users }] of this.entries) {
      if (this.entries.size <= this.maxGraphs) return;
      if (users > 0) continue;
      this.entries.delete(key);
      await free(graph);
    }
  }
}

/** Freeing fails only if the session worker has ended, and its memory with it. */
const free = (graph: Promise<{ dispose(): Promise<void> }>): Promise<void> =>
  graph.then((compiled) => compiled.dispose()).catch(() => undefined);
