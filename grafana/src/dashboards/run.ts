// SPDX-License-Identifier: BSD-2-Clause
// One run, while it goes on and afterwards: where is it, what came of it?

import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";

import {
  ANY_IS_BAD,
  ZERO_IS_BAD,
  WIDTH,
  bars,
  choice,
  frame,
  lines,
  linkToVm,
  list,
  now,
  number,
  row,
  rows,
  series,
  states,
  words,
} from "../parts";

const VM = 'vm=~"$vm"';
const OF_BOTH = `${VM}, target=~"$target"`;

export function run(): Dashboard {
  return frame(
    "run",
    "Run",
    "The run that goes on, or the last one of each VM: stages, tests, what failed and how long it took.",
  )
    .time({ from: "now-1h", to: "now" })
    .refresh("10s")
    .withVariable(choice("vm", "orchestrator_vm_info", "The VMs that are shown."))
    .withVariable(choice("target", "orchestrator_target_passed", "The targets that are shown."))
    .withPanel(
      number(
        {
          title: "A run goes on",
          description: "Whether the orchestrator drives any VM at the moment.",
          size: [4, 4],
          noValue: "not scraped",
        },
        now("max(orchestrator_run_in_progress)", "in progress"),
      ).mappings([words("no", "yes")]),
    )
    .withPanel(
      number(
        {
          title: "Tests passed",
          description: "Tests that have passed, in the run that goes on or the last one.",
          size: [4, 4],
        },
        now(`sum(orchestrator_tests{${OF_BOTH}, outcome="passed"})`, "passed"),
      ),
    )
    .withPanel(
      number(
        {
          title: "Tests failed",
          description: "Tests that have failed, in the run that goes on or the last one.",
          size: [4, 4],
          steps: ANY_IS_BAD,
        },
        now(`sum(orchestrator_tests{${OF_BOTH}, outcome="failed"})`, "failed"),
      ),
    )
    .withPanel(
      number(
        {
          title: "Tests skipped",
          description: "Tests that were skipped, each for a reason that the run's summary names.",
          size: [4, 4],
        },
        now(`sum(orchestrator_tests{${OF_BOTH}, outcome="skipped"})`, "skipped"),
      ),
    )
    .withPanel(
      number(
        {
          title: "Longest VM",
          description: "Wall time of the VM that took longest in its last run.",
          size: [4, 4],
          unit: "s",
        },
        now(`max(orchestrator_vm_duration_seconds{${VM}})`, "longest"),
      ),
    )
    .withPanel(
      number(
        {
          title: "Retries",
          description: "Attempts at a stage after its first, in the time that is shown.",
          size: [4, 4],
        },
        now(`sum(increase(orchestrator_retries_total{${VM}}[$__range]))`, "retries"),
      ),
    )
    .withPanel(
      list(
        {
          title: "VMs × targets",
          description: "How each target ended on each VM, when, and how long it took.",
          size: [12, 10],
        },
        [
          { from: "vm", as: "VM", link: linkToVm("VM") },
          { from: "target", as: "Target" },
          { from: "Value #A", as: "Passed", mapping: words("no", "yes"), steps: ZERO_IS_BAD },
          { from: "Value #B", as: "Ended", unit: "dateTimeFromNow" },
          { from: "Value #C", as: "Took", unit: "s" },
        ],
        rows(`max by (vm, target) (orchestrator_target_passed{${OF_BOTH}})`),
        // Grafana's units of dates are in milliseconds.
        rows(`max by (vm, target) (orchestrator_last_run_timestamp_seconds{${OF_BOTH}}) * 1000`),
        rows(`max by (vm, target) (orchestrator_target_duration_seconds{${OF_BOTH}})`),
      ),
    )
    .withPanel(
      list(
        {
          title: "Failing tests",
          description: "Each test that failed. The VM leads to the VM.",
          size: [12, 10],
          noValue: "none",
        },
        [
          { from: "vm", as: "VM", link: linkToVm("VM") },
          { from: "target", as: "Target" },
          { from: "test", as: "Test" },
        ],
        rows(`max by (vm, target, test) (orchestrator_test_failed{${OF_BOTH}})`),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Tests done",
          description: "Tests that have ended on each VM, whatever way, as the run goes on.",
          size: [12, 9],
        },
        series(`sum by (vm) (orchestrator_tests{${OF_BOTH}})`, "{{vm}}"),
      ),
    )
    .withPanel(
      bars(
        {
          title: "Tests by category",
          description: "Tests of the last runs, by category and outcome, over the chosen VMs.",
          size: [12, 9],
        },
        now(
          `sum by (category, outcome) (orchestrator_tests{${OF_BOTH}})`,
          "{{category}} {{outcome}}",
        ),
      ),
    )
    .withRow(row("Where the time goes"))
    .withPanel(
      bars(
        {
          title: "Stages",
          description:
            "Mean wall time of the attempts at each stage on each VM, over the life of the orchestrator's process.",
          size: [12, 12],
          unit: "s",
        },
        now(
          `sum by (vm, stage) (orchestrator_stage_duration_seconds_sum{${VM}}) / sum by (vm, stage) (orchestrator_stage_duration_seconds_count{${VM}})`,
          "{{vm}} {{stage}}",
        ),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Targets' durations",
          description: "Wall time of each target's last run on each VM, over time.",
          size: [12, 12],
          unit: "s",
        },
        series(`orchestrator_target_duration_seconds{${OF_BOTH}}`, "{{vm}} {{target}}"),
      ),
    )
    .withPanel(
      states(
        {
          title: "Runs",
          description: "When the orchestrator drove any VM.",
          size: [WIDTH, 4],
        },
        words("idle", "running"),
        series("max(orchestrator_run_in_progress)", "orchestrator"),
      ),
    )
    .build();
}
