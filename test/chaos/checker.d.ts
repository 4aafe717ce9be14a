/** What the tests of the checker need to know of it. */
export interface Finding {
  readonly kind: string;
  readonly count: number;
  readonly text: string;
}

export function check(run: object): {
  readonly acknowledged: number;
  readonly duplicates: number;
  readonly findings: readonly Finding[];
};
