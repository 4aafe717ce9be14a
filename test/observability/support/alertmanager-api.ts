export type Labels = Readonly<Record<string, string>>;

/** What is asked of an Alertmanager here. */
export class AlertmanagerApi {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** As if a Prometheus had told of them. */
  async tell(alerts: readonly Labels[]): Promise<void> {
    const response = await fetch(`${this.#url}/api/v2/alerts`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(alerts.map((labels) => ({ labels }))),
    });
    if (!response.ok) throw new Error(`Alertmanager refused alerts: ${await response.text()}`);
  }

  /** Of those that last with this `env`, the names, and whether each is kept quiet by another. */
  async quiet(env: string): Promise<Readonly<Record<string, boolean>>> {
    const response = await fetch(`${this.#url}/api/v2/alerts?filter=${encodeURIComponent(`env="${env}"`)}`);
    const alerts = (await response.json()) as { labels: Labels; status: { inhibitedBy: string[] } }[];
    return Object.fromEntries(
      alerts.map(({ labels, status }) => [
        [labels["alertname"], labels["severity"], labels["queue"]].filter(Boolean).join(" "),
        status.inhibitedBy.length > 0,
      ]),
    );
  }
}
