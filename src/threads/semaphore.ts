/** Limits how many tasks hold a resource at the same time. The others wait, first in, first out. */
export class Semaphore {
  private readonly waiting: (() => void)[] = [];

  /** @param free tasks that may hold it at the same time */
  constructor(private free: number) {}

  /** Resolves when there is room. Call `release` afterwards. */
  async acquire(): Promise<void> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  release(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free++;
    else next();
  }
}
