// SPDX-License-Identifier: BSD-2-Clause
// Benchmarks over time, with the changes that were confirmed in them.

import { AnnotationQueryBuilder, type Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";

import {
  ANY_IS_BAD,
  AMBER,
  DATASOURCE,
  GREEN,
  RED,
  WIDTH,
  choice,
  frame,
  lines,
  list,
  now,
  number,
  rows,
  series,
  states,
  words,
} from "../parts";

const WHICH = ["vm", "benchmark", "workload", "connections"]
  .map((label) => `${label}=~"$${label}"`)
  .join(", ");
const SERIES = "vm, benchmark, workload, connections";
const LEGEND = "{{vm}} {{benchmark}} {{workload}} × {{connections}}";

/** What a benchmark may be measured in when it measures time, in parts of a second. */
const TIMES = { ns: 1e9, us: 1e6, ms: 1e3, s: 1 };
const IN_SECONDS = Object.entries(TIMES)
  .map(([unit, parts]) => `orchestrator_benchmark_value{${WHICH}, unit="${unit}"} / ${parts}`)
  .join(" or ");
const NO_TIME = `orchestrator_benchmark_value{${WHICH}, unit!~"${Object.keys(TIMES).join("|")}"}`;

export function trends(): Dashboard {
  return frame(
    "trends",
    "Benchmark trends",
    "Each benchmark over time on each VM, the changes that were confirmed in it, and which of them are for the worse.",
  )
    .time({ from: "now-30d", to: "now" })
    .refresh("5m")
    .withVariable(choice("vm", "orchestrator_benchmark_value", "The VMs that are shown."))
    .withVariable(
      choice("benchmark", 'orchestrator_benchmark_value{vm=~"$vm"}', "What was measured."),
    )
    .withVariable(
      choice(
        "workload",
        'orchestrator_benchmark_value{vm=~"$vm", benchmark=~"$benchmark"}',
        "Under which load it was measured.",
      ),
    )
    .withVariable(
      choice(
        "connections",
        'orchestrator_benchmark_value{vm=~"$vm", benchmark=~"$benchmark", workload=~"$workload"}',
        "With how many connections standing.",
      ),
    )
    .annotation(
      new AnnotationQueryBuilder()
        .name("Confirmed changes")
        .datasource(DATASOURCE)
        .enable(true)
        .iconColor(RED)
        // Where it is another than five minutes ago, or new.
        .expr(
          `orchestrator_benchmark_change_ratio{${WHICH}} != 0 unless orchestrator_benchmark_change_ratio{${WHICH}} == orchestrator_benchmark_change_ratio{${WHICH}} offset 5m`,
        )
        .step("60s")
        .titleFormat("{{benchmark}} changed on {{vm}}")
        .textFormat("{{workload}}, {{connections}} connections"),
    )
    .withPanel(
      number(
        {
          title: "Confirmed regressions",
          description:
            "Series whose last confirmed change is for the worse and neither acknowledged nor made good.",
          size: [6, 4],
          steps: ANY_IS_BAD,
        },
        now(`sum(orchestrator_benchmark_regression{${WHICH}}) or vector(0)`, "regressions"),
      ),
    )
    .withPanel(
      number(
        {
          title: "Suspects",
          description:
            "Series whose last point is out of the ordinary; the next runs confirm it or not.",
          size: [6, 4],
          steps: [
            [null, GREEN],
            [1, AMBER],
          ],
        },
        now(`sum(orchestrator_benchmark_suspect{${WHICH}}) or vector(0)`, "suspects"),
      ),
    )
    .withPanel(
      number(
        {
          title: "Series",
          description: "Benchmarks times workloads times VMs that are shown.",
          size: [6, 4],
        },
        now(`count(orchestrator_benchmark_value{${WHICH}})`, "series"),
      ),
    )
    .withPanel(
      number(
        {
          title: "Judged",
          description: "Series with points enough to be judged (ten or more).",
          size: [6, 4],
        },
        now(`count(orchestrator_benchmark_change_ratio{${WHICH}}) or vector(0)`, "judged"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Times",
          description:
            "Median of each benchmark's repetitions in its last run, in seconds whatever it was measured in. Confirmed changes are marked.",
          size: [WIDTH, 12],
          unit: "s",
        },
        series(IN_SECONDS, LEGEND),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Other benchmarks",
          description:
            "Benchmarks that measure something else than time, in the unit that the legend names.",
          size: [WIDTH, 8],
          noValue: "every benchmark here measures time",
        },
        series(NO_TIME, `${LEGEND} ({{unit}})`),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Size of the last change",
          description:
            "New mean over old mean, less one, of the last change that was confirmed in each series; 0 where there was none.",
          size: [12, 9],
          unit: "percentunit",
        },
        series(`orchestrator_benchmark_change_ratio{${WHICH}}`, LEGEND),
      ).min(-1),
    )
    .withPanel(
      states(
        {
          title: "Regressions",
          description: "When each series stood as a confirmed regression.",
          size: [12, 9],
          steps: ANY_IS_BAD,
        },
        words("well", "regression"),
        series(`orchestrator_benchmark_regression{${WHICH}}`, LEGEND),
      ),
    )
    .withPanel(
      list(
        {
          title: "Last values",
          description:
            "Each series with its last value, the size of its last confirmed change, and whether it is a regression or suspect.",
          size: [WIDTH, 10],
        },
        [
          { from: "vm", as: "VM" },
          { from: "benchmark", as: "Benchmark" },
          { from: "workload", as: "Workload" },
          { from: "connections", as: "Connections" },
          { from: "Value #A", as: "Value" },
          { from: "unit", as: "Unit" },
          { from: "Value #B", as: "Change", unit: "percentunit" },
          {
            from: "Value #C",
            as: "Regression",
            mapping: words("no", "yes"),
            steps: ANY_IS_BAD,
          },
          { from: "Value #D", as: "Suspect", mapping: words("no", "yes") },
        ],
        rows(`max by (${SERIES}, unit) (orchestrator_benchmark_value{${WHICH}})`),
        rows(`max by (${SERIES}) (orchestrator_benchmark_change_ratio{${WHICH}})`),
        rows(`max by (${SERIES}) (orchestrator_benchmark_regression{${WHICH}})`),
        rows(`max by (${SERIES}) (orchestrator_benchmark_suspect{${WHICH}})`),
      ),
    )
    .build();
}
