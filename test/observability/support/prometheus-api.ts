export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  /** A time and the value as a text, `NaN` included. */
  readonly value: readonly [number, string];
}

interface RuleGroup {
  readonly rules: readonly {
    readonly name: string;
    readonly query: string;
    readonly health: string;
    readonly lastError?: string;
  }[];
}

/** What is asked of a Prometheus here. */
export class PrometheusApi {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** @throws Error with what Prometheus says to an expression it does not take */
  async query(expr: string): Promise<readonly Sample[]> {
    const { result } = await this.#get<{ result: readonly Sample[] }>(
      `query?query=${encodeURIComponent(expr)}`,
    );
    return result;
  }

  /** All names that it has a series of. */
  async names(): Promise<readonly string[]> {
    return await this.#get("label/__name__/values");
  }

  async rules(): Promise<RuleGroup["rules"]> {
    const { groups } = await this.#get<{ groups: readonly RuleGroup[] }>("rules");
    return groups.flatMap(({ rules }) => rules);
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.#url}/api/v1/${path}`);
    const answer = (await response.json()) as { status: string; error?: string; data: T };
    if (answer.status !== "success") throw new Error(`Prometheus refused ${path}: ${answer.error}`);
    return answer.data;
  }
}
