// SPDX-License-Identifier: BSD-2-Clause
// What the dashboards of many VMs have in common: which VMs and targets they
// are about.

import type { DashboardBuilder } from "@grafana/grafana-foundation-sdk/dashboard";
import type { PanelBuilder } from "@grafana/grafana-foundation-sdk/table";

import { choice, linkToVm, list, rows } from "./parts";

/** Matchers of the VMs that are chosen, and of the targets too. */
export const VM = 'vm=~"$vm"';
export const VM_AND_TARGET = `${VM}, target=~"$target"`;

/** Lets VMs and targets be chosen. */
export function withChoice(dashboard: DashboardBuilder): DashboardBuilder {
  return dashboard
    .withVariable(choice("vm", "orchestrator_vm_info", "The VMs that are shown."))
    .withVariable(choice("target", "orchestrator_target_passed", "The targets that are shown."));
}

/** The tests that failed, by name. */
export function failingTests(height: number): PanelBuilder {
  return list(
    {
      title: "Failing tests by name",
      description: "Each test that failed in the last run of its target. The VM leads to the VM.",
      size: [12, height],
      noValue: "none",
    },
    [
      { from: "vm", as: "VM", link: linkToVm("VM") },
      { from: "target", as: "Target" },
      { from: "test", as: "Test" },
    ],
    rows(`max by (vm, target, test) (orchestrator_test_failed{${VM_AND_TARGET}})`),
  );
}
