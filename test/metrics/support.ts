export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The samples of a text in the format of Prometheus. */
export function samplesOf(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(/([a-z]+)="([^"]*)"/g)].map(([, label, its]) => [label, its]);
    return [{ name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) }];
  });
}

/** What stands behind each mark at the beginning of a line, of delayq's own metrics. */
export const linesOf = (text: string, mark: string): string[] =>
  text
    .split("\n")
    .filter((line) => line.startsWith(`${mark} delayq_`))
    .map((line) => line.slice(mark.length + 1));
