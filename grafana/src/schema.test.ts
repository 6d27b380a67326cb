// SPDX-License-Identifier: BSD-2-Clause

import assert from "node:assert/strict";
import test from "node:test";

import { all } from "./dashboards";
import { mistakes } from "./schema";

const text = JSON.stringify(all().get("fleet"), null, 2);

/** One dashboard for each break of a good one. */
const BREAKS: Record<string, { from: RegExp; to: string; says: RegExp }> = {
  "a key that Grafana does not have": {
    from: /"refresh":/,
    to: '"refersh":',
    says: /'"refersh"' does not exist/,
  },
  "a colour mode that there is not": {
    from: /"mode": "thresholds"/,
    to: '"mode": "rainbow"',
    says: /"rainbow"' is not assignable/,
  },
  "a kind of panel that there is not": {
    from: /"type": "bargauge"/,
    to: '"type": "bargage"',
    says: /"bargage"/,
  },
  "an option that the kind of panel does not have": {
    from: /"graphMode":/,
    to: '"grafMode":',
    says: /'"grafMode"' does not exist/,
  },
  "a panel without a description": {
    from: /"description": "Share of the VMs.*",/,
    to: "",
    says: /'description' is missing/,
  },
  "a query without an expression": {
    from: /"expr": .*/,
    to: "",
    says: /'expr' is missing/,
  },
};

test("each break of a good dashboard is told, and the good one is good", () => {
  const broken = Object.entries(BREAKS).map(([name, { from, to }]): [string, string] => {
    const changed = text.replace(from, to);
    assert.notEqual(changed, text, `${name}: nothing to break`);
    return [name, changed];
  });
  const found = mistakes(new Map([["good", text], ...broken]));
  for (const [name, { says }] of Object.entries(BREAKS)) {
    const told = found.filter((mistake) => mistake.startsWith(`${name}:`));
    assert.match(told.join("\n"), says, name);
  }
  assert.deepEqual(
    found.filter((mistake) => mistake.startsWith("good:")),
    [],
  );
});
