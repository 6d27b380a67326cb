// SPDX-License-Identifier: BSD-2-Clause
// All VMs at a glance: is everything well, and where is it not?

import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";

import {
  ANY_IS_BAD,
  AMBER,
  GREEN,
  RED,
  WIDTH,
  ZERO_IS_BAD,
  bars,
  choice,
  frame,
  linkToTrend,
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

export function fleet(): Dashboard {
  return frame(
    "fleet",
    "Fleet",
    "Every VM and every target: what is up, what passed last, what failed, what got slower.",
  )
    .withVariable(choice("vm", "orchestrator_vm_info", "The VMs that are shown."))
    .withVariable(choice("target", "orchestrator_target_passed", "The targets that are shown."))
    .withPanel(
      number(
        {
          title: "VMs up",
          description:
            "Share of the VMs that their last run reached and did not lose. A VM that no run has come to yet is not counted.",
          size: [4, 4],
          unit: "percentunit",
          steps: [
            [null, RED],
            [0.5, AMBER],
            [1, GREEN],
          ],
        },
        now(`avg(orchestrator_vm_up{${VM}})`, "up"),
      ),
    )
    .withPanel(
      number(
        {
          title: "Targets passing",
          description:
            "Share of the targets whose last run on its VM came to its end without a failed test.",
          size: [4, 4],
          unit: "percentunit",
          steps: [
            [null, RED],
            [0.9, AMBER],
            [1, GREEN],
          ],
        },
        now(`avg(orchestrator_target_passed{${OF_BOTH}})`, "passing"),
      ),
    )
    .withPanel(
      number(
        {
          title: "Failing tests",
          description: "Tests that failed in the last run of their target, over all VMs.",
          size: [4, 4],
          steps: ANY_IS_BAD,
        },
        now(`count(orchestrator_test_failed{${OF_BOTH}}) or vector(0)`, "failing"),
      ),
    )
    .withPanel(
      number(
        {
          title: "Confirmed regressions",
          description:
            "Benchmarks whose last confirmed change is for the worse and neither acknowledged nor made good.",
          size: [4, 4],
          steps: ANY_IS_BAD,
        },
        now(`sum(orchestrator_benchmark_regression{${VM}}) or vector(0)`, "regressions"),
      ),
    )
    .withPanel(
      number(
        {
          title: "Runs overdue",
          description:
            "Targets that the schedule wants to have begun on a VM before now, and that have not.",
          size: [4, 4],
          steps: ANY_IS_BAD,
        },
        now(
          `count(time() - orchestrator_run_due_timestamp_seconds{${OF_BOTH}} > on () group_left () global:run_overdue_seconds:threshold) or vector(0)`,
          "overdue",
        ),
      ),
    )
    .withPanel(
      number(
        {
          title: "Alerts firing",
          description: "Alerts of the rules in grafana/prometheus/rules that fire at the moment.",
          size: [4, 4],
          steps: ANY_IS_BAD,
        },
        now('count(ALERTS{alertstate="firing", alertname=~"Tcpstats.*"}) or vector(0)', "firing"),
      ),
    )
    .withPanel(
      list(
        {
          title: "VMs",
          description:
            "What each VM is, how its last run ended, how long that took, and whether it could be reached. The name leads to the VM.",
          size: [WIDTH, 9],
        },
        [
          { from: "vm", as: "VM", link: linkToVm("VM") },
          { from: "os", as: "System" },
          { from: "arch", as: "Arch" },
          { from: "Value #B", as: "Up", mapping: words("down", "up"), steps: ZERO_IS_BAD },
          { from: "outcome", as: "Last outcome" },
          { from: "Value #D", as: "Duration", unit: "s" },
        ],
        rows(`orchestrator_vm_info{${VM}}`),
        rows(`sum by (vm) (orchestrator_vm_up{${VM}})`),
        rows(`max by (vm, outcome) (orchestrator_vm_outcome{${VM}})`),
        rows(`max by (vm) (orchestrator_vm_duration_seconds{${VM}})`),
      ),
    )
    .withPanel(
      states(
        {
          title: "Targets by VM",
          description: "Whether each target passed when it last ran on each VM, over time.",
          size: [12, 10],
          steps: ZERO_IS_BAD,
        },
        words("failed", "passed"),
        series(`orchestrator_target_passed{${OF_BOTH}}`, "{{vm}} {{target}}"),
      ),
    )
    .withPanel(
      states(
        {
          title: "VMs up and down",
          description: "Whether each VM could be reached and was not lost since, over time.",
          size: [12, 10],
          steps: ZERO_IS_BAD,
        },
        words("down", "up"),
        series(`orchestrator_vm_up{${VM}}`, "{{vm}}"),
      ),
    )
    .withRow(row("What is wrong"))
    .withPanel(
      list(
        {
          title: "Failing tests",
          description:
            "Each test that failed in the last run of its target. The VM leads to the VM.",
          size: [12, 9],
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
      list(
        {
          title: "Confirmed regressions",
          description:
            "Each benchmark that got worse, with the size of the change (new mean over old mean, less one). The benchmark leads to its trend.",
          size: [12, 9],
          noValue: "none",
        },
        [
          { from: "vm", as: "VM", link: linkToVm("VM") },
          { from: "benchmark", as: "Benchmark", link: linkToTrend("VM", "Benchmark") },
          { from: "workload", as: "Workload" },
          { from: "connections", as: "Connections" },
          { from: "Value", as: "Change", unit: "percentunit" },
        ],
        rows(
          `max by (vm, benchmark, workload, connections) (orchestrator_benchmark_change_ratio{${VM}} and on (vm, benchmark, workload, connections) orchestrator_benchmark_regression{${VM}} == 1)`,
        ),
      ),
    )
    .withPanel(
      bars(
        {
          title: "Time since the last run",
          description:
            "How long ago each target last came to an end on each VM, whatever end that was.",
          size: [12, 9],
          unit: "s",
        },
        now(`time() - orchestrator_last_run_timestamp_seconds{${OF_BOTH}}`, "{{vm}} {{target}}"),
      ),
    )
    .withPanel(
      bars(
        {
          title: "Tests by outcome",
          description: "Tests of the last runs of the chosen targets, by VM and outcome.",
          size: [12, 9],
        },
        now(`sum by (vm, outcome) (orchestrator_tests{${OF_BOTH}})`, "{{vm}} {{outcome}}"),
      ),
    )
    .build();
}
