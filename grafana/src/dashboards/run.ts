// SPDX-License-Identifier: BSD-2-Clause
// One run, while it goes on and afterwards: where is it, what came of it?

import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";

import {
  ANY_IS_BAD,
  ZERO_IS_BAD,
  WIDTH,
  bars,
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
import { VM, VM_AND_TARGET, failingTests, withChoice } from "../choice";

export function run(): Dashboard {
  const dashboard = frame(
    "run",
    "Run",
    "The run that goes on, or the last one of each VM: stages, tests, what failed and how long it took.",
  )
    .time({ from: "now-1h", to: "now" })
    .refresh("10s");
  return withChoice(dashboard)
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
        now(`sum(orchestrator_tests{${VM_AND_TARGET}, outcome="passed"})`, "passed"),
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
        now(`sum(orchestrator_tests{${VM_AND_TARGET}, outcome="failed"})`, "failed"),
      ),
    )
    .withPanel(
      number(
        {
          title: "Tests skipped",
          description: "Tests that were skipped, each for a reason that the run's summary names.",
          size: [4, 4],
        },
        now(`sum(orchestrator_tests{${VM_AND_TARGET}, outcome="skipped"})`, "skipped"),
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
        rows(`max by (vm, target) (orchestrator_target_passed{${VM_AND_TARGET}})`),
        // Grafana's units of dates are in milliseconds.
        rows(
          `max by (vm, target) (orchestrator_last_run_timestamp_seconds{${VM_AND_TARGET}}) * 1000`,
        ),
        rows(`max by (vm, target) (orchestrator_target_duration_seconds{${VM_AND_TARGET}})`),
      ),
    )
    .withPanel(failingTests(10))
    .withPanel(
      lines(
        {
          title: "Tests done",
          description: "Tests that have ended on each VM, whatever way, as the run goes on.",
          size: [12, 9],
        },
        series(`sum by (vm) (orchestrator_tests{${VM_AND_TARGET}})`, "{{vm}}"),
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
          `sum by (category, outcome) (orchestrator_tests{${VM_AND_TARGET}})`,
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
        series(`orchestrator_target_duration_seconds{${VM_AND_TARGET}}`, "{{vm}} {{target}}"),
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
