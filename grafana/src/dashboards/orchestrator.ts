// SPDX-License-Identifier: BSD-2-Clause
// The orchestrator itself: is it there, does it keep to the schedule, what does it cost?

import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";

import {
  ANY_IS_BAD,
  RED,
  GREEN,
  ZERO_IS_BAD,
  bars,
  frame,
  lines,
  list,
  now,
  number,
  row,
  rows,
  series,
  words,
} from "../parts";

/** As prometheus.yml names the orchestrator's job. */
const JOB = 'job="orchestrator"';

export function orchestrator(): Dashboard {
  return frame(
    "orchestrator",
    "Orchestrator",
    "The orchestrator's own health: scraped or not, runs and their results, the schedule, SSH, scrapes, and what the process takes.",
  )
    .withPanel(
      number(
        {
          title: "Scraped",
          description: "Whether Prometheus' last scrape of the orchestrator succeeded.",
          size: [4, 4],
          steps: ZERO_IS_BAD,
        },
        now(`up{${JOB}}`, "{{instance}}"),
      ).mappings([words("no", "yes")]),
    )
    .withPanel(
      list(
        {
          title: "Version",
          description: "The version of the orchestrator that is scraped.",
          size: [4, 4],
        },
        [
          { from: "instance", as: "Where" },
          { from: "version", as: "Version" },
        ],
        rows("orchestrator_build_info"),
      ),
    )
    .withPanel(
      number(
        {
          title: "Up for",
          description: "How long ago the process was started.",
          size: [4, 4],
          unit: "s",
        },
        now(`time() - process_start_time_seconds{${JOB}}`, "{{instance}}"),
      ),
    )
    .withPanel(
      number(
        {
          title: "A run goes on",
          description: "Whether the orchestrator drives any VM at the moment.",
          size: [4, 4],
        },
        now("orchestrator_run_in_progress", "{{instance}}"),
      ).mappings([words("no", "yes")]),
    )
    .withPanel(
      number(
        {
          title: "Runs",
          description: "Runs that ended in the time that is shown.",
          size: [4, 4],
        },
        now("sum(increase(orchestrator_runs_total[$__range]))", "runs"),
      ),
    )
    .withPanel(
      number(
        {
          title: "Not driven to the end",
          description:
            "Runs, in the time that is shown, with a VM that could not be driven to its end.",
          size: [4, 4],
          steps: ANY_IS_BAD,
        },
        now('sum(increase(orchestrator_runs_total{result="not_driven"}[$__range]))', "runs"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Runs by result",
          description: "Runs that this process finished, by result.",
          size: [12, 8],
        },
        series("orchestrator_runs_total", "{{result}}"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Late by the schedule",
          description:
            "How long ago the schedule wanted each target to have begun on each VM; below 0 it is not due yet. The line is from where an alert is given.",
          size: [12, 8],
          unit: "s",
        },
        series("time() - orchestrator_run_due_timestamp_seconds", "{{vm}} {{target}}"),
        series("global:run_overdue_seconds:threshold", "overdue from here"),
      ).min(-86400),
    )
    .withPanel(
      lines(
        {
          title: "Trouble with the history",
          description:
            "Times that the history of runs could not be read or written, by reason. Runs are not changed by it.",
          size: [24, 6],
        },
        series("orchestrator_history_failures_total", "{{reason}}"),
      ),
    )
    .withRow(row("SSH, stages and scrapes"))
    .withPanel(
      lines(
        {
          title: "SSH connections",
          description: "Median and 90th percentile of the time to a connection that stood.",
          size: [8, 8],
          unit: "s",
        },
        ...[0.5, 0.9].map((quantile) =>
          series(
            `histogram_quantile(${quantile}, sum by (le) (rate(orchestrator_ssh_connect_seconds_bucket[$__rate_interval])))`,
            `p${quantile * 100}`,
          ),
        ),
      ),
    )
    .withPanel(
      bars(
        {
          title: "Stages",
          description:
            "90th percentile of each stage's wall time, over all VMs and the life of the process.",
          size: [8, 8],
          unit: "s",
        },
        now("stage:orchestrator_stage_duration_seconds:p90", "{{stage}}"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Retries",
          description: "Attempts at a stage after its first, by stage, over all VMs.",
          size: [8, 8],
        },
        series("sum by (stage) (orchestrator_retries_total)", "{{stage}}"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Scrapes of exporters",
          description: "90th percentile of the wall time of the orchestrator's scrapes, by VM.",
          size: [12, 8],
          unit: "s",
        },
        series(
          "histogram_quantile(0.9, sum by (vm, le) (rate(orchestrator_scrape_duration_seconds_bucket[$__rate_interval])))",
          "{{vm}}",
        ),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Failed scrapes",
          description: "Scrapes of exporters that gave nothing, by reason, over all VMs.",
          size: [12, 8],
        },
        series("sum by (reason) (orchestrator_scrape_failures_total)", "{{reason}}"),
      ),
    )
    .withRow(row("The process"))
    .withPanel(
      lines(
        {
          title: "Processor",
          description:
            "Processors that the orchestrator's own process keeps busy; ssh's processes are not counted.",
          size: [6, 8],
        },
        series(`rate(process_cpu_seconds_total{${JOB}}[$__rate_interval])`, "{{instance}}"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Memory",
          description: "Resident memory of the orchestrator's own process.",
          size: [6, 8],
          unit: "bytes",
        },
        series(`process_resident_memory_bytes{${JOB}}`, "{{instance}}"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Descriptors",
          description: "Share of the descriptors that the process may open which it has open.",
          size: [6, 8],
          unit: "percentunit",
          steps: [
            [null, GREEN],
            [0.9, RED],
          ],
        },
        series(`process_open_fds{${JOB}} / process_max_fds{${JOB}}`, "{{instance}}"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Events",
          description: "Events that the process wrote to event logs.",
          size: [6, 8],
          unit: "ops",
        },
        series("rate(orchestrator_events_total[$__rate_interval])", "{{instance}}"),
      ),
    )
    .build();
}
