/**
 * Keeps counters from going back a little, as those of Redis do when a failover or a crash takes the last writes with it: to
 * Prometheus that is a reset, after which it counts all that ever happened as new.
 *
 * What has fallen below half is a queue that was made anew, and is told as it is.
 */
export class HighWater {
  readonly #marks = new Map<string, Map<string, number>>();

  /** @returns the value, or what it has been at most */
  of(queue: string, counter: string, value: number): number {
    let marks = this.#marks.get(queue);
    if (marks === undefined) this.#marks.set(queue, (marks = new Map()));
    const mark = marks.get(counter) ?? 0;
    const told = value < mark / 2 ? value : Math.max(value, mark);
    marks.set(counter, told);
    return told;
  }

  /** Forgets all queues but those that are there. */
  keep(queues: ReadonlySet<string>): void {
    for (const queue of this.#marks.keys()) if (!queues.has(queue)) this.#marks.delete(queue);
  }
}
