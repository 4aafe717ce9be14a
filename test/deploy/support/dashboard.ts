import { readFileSync } from "node:fs";

export interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly datasource: unknown;
  readonly instant?: boolean;
  readonly range?: boolean;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: unknown;
  /** None of rows. */
  readonly targets?: readonly Target[];
}

export interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
}

/** The dashboard that is shipped. */
export function readDashboard(): Dashboard {
  const url = new URL("../../../deploy/grafana/delayq.json", import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as Dashboard;
}
