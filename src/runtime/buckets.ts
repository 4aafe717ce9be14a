/**
 * How often values fell into each of some ranges: a histogram of plain numbers. An observation costs some comparisons and
 * allocates nothing, so it can be made for each task; what a reader wants of it is made when it reads.
 */
export class Buckets {
  /** The upper ends of the ranges, ascending; what lies above the last is counted behind it. */
  readonly boundsMs: readonly number[];
  readonly #ends: Float64Array;
  readonly #counts: Float64Array;
  sumMs = 0;

  constructor(boundsMs: readonly number[]) {
    this.boundsMs = boundsMs;
    this.#ends = Float64Array.of(...boundsMs, Number.POSITIVE_INFINITY);
    this.#counts = new Float64Array(boundsMs.length + 1);
  }

  observe(ms: number): void {
    const ends = this.#ends;
    let at = 0;
    while (ms > (ends[at] as number)) at++;
    (this.#counts[at] as number)++;
    this.sumMs += ms;
  }

  /** How many values lay at or below each bound, and last of all how many there were. */
  cumulative(): number[] {
    let sum = 0;
    return Array.from(this.#counts, (count) => (sum += count));
  }
}
