import { abortable } from "../threads/index.js";

/** A graph of the cache in use. */
export interface GraphLease<G> {
  readonly graph: G;
  /** Ends the use, after which the graph may be freed. */
  readonly release: () => Promise<void>;
}

interface Entry<G> {
  readonly graph: Promise<G>;
  users: number;
}

/** Compiled graphs by key, up to a number of them: the graphs that were used least recently are freed first. */
export class GraphCache<G extends { dispose(): Promise<void> }> {
  /** In order of use, the most recent last. */
  private readonly entries = new Map<string, Entry<G>>();

  /** @param maxGraphs number of unused graphs that stay compiled */
  constructor(private readonly maxGraphs: number) {}

  /**
   * The graph of a key, which is compiled if it is not in the cache. It is not freed before it is released. A graph that failed
   * to compile is compiled again the next time. If the signal is aborted, the graph stays in the cache.
   */
  async acquire(key: string, compile: () => Promise<G>, signal?: AbortSignal): Promise<GraphLease<G>> {
    const entry = this.entries.get(key) ?? this.add(key, compile());
    this.entries.delete(key);
    this.entries.set(key, entry);
    entry.users++;
    try {
      return { graph: await abortable(entry.graph, signal), release: () => this.release(entry) };
    } catch (error) {
      await this.release(entry);
      throw error;
    }
  }

  /** Runs with the graph of a key, as `acquire` gives it. */
  async use<T>(key: string, compile: () => Promise<G>, run: (graph: G) => Promise<T>): Promise<T> {
    const { graph, release } = await this.acquire(key, compile);
    try {
      return await run(graph);
    } finally {
      await release();
    }
  }

  /** Frees all graphs. */
  async dispose(): Promise<void> {
    const graphs = [...this.entries.values()];
    this.entries.clear();
    for (const { graph } of graphs) await free(graph);
  }

  private add(key: string, graph: Promise<G>): Entry<G> {
    const entry = { graph, users: 0 };
    graph.catch(() => {
      if (this.entries.get(key) === entry) this.entries.delete(key);
    });
    return entry;
  }

  private async release(entry: Entry<G>): Promise<void> {
    entry.users--;
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
