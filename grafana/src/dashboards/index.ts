// SPDX-License-Identifier: BSD-2-Clause
// Every dashboard, as it is written to dashboards/.

import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";

import { fleet } from "./fleet";
import { orchestrator } from "./orchestrator";
import { run } from "./run";
import { trends } from "./trends";
import { vm } from "./vm";

/** Each dashboard by the name of its file. Panels are numbered in their order. */
export function all(): Map<string, Dashboard> {
  const made = { fleet, run, vm, trends, orchestrator };
  return new Map(
    Object.entries(made).map(([name, make]) => {
      const dashboard = make();
      dashboard.panels?.forEach((panel, at) => (panel.id = at + 1));
      withoutLeftovers(dashboard);
      return [name, dashboard];
    }),
  );
}

/** The SDK still writes what Grafana's schema has no more. */
function withoutLeftovers(dashboard: Dashboard): void {
  const drop = (from: object, ...keys: string[]): void =>
    keys.forEach((key) => Reflect.deleteProperty(from, key));
  dashboard.templating?.list?.forEach((variable) =>
    drop(variable, "auto", "auto_min", "auto_count"),
  );
  dashboard.panels?.forEach((panel) => {
    if (panel.type === "table" && "options" in panel) drop(panel.options, "footer");
  });
}
