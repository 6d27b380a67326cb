// SPDX-License-Identifier: BSD-2-Clause
// One VM: the device's counters, its sockets and TCP, and its exporter.

import type {
  Dashboard,
  DashboardBuilder,
  ValueMapping,
} from "@grafana/grafana-foundation-sdk/dashboard";

import {
  ANY_IS_BAD,
  ZERO_IS_BAD,
  distribution,
  buckets,
  frame,
  lines,
  list,
  now,
  number,
  oneOf,
  row,
  rows,
  series,
  states,
  words,
} from "../parts";

const VM = 'vm="$vm"';
const UP: ValueMapping = words("down", "up");

export function vm(): Dashboard {
  const dashboard = frame(
    "vm",
    "VM",
    "One VM: what it is and how its last run ended; the device's counters, sockets and TCP as the orchestrator scraped them during its runs; and its exporter where Prometheus scrapes that itself.",
  ).withVariable(oneOf("vm", "orchestrator_vm_info", "The VM that is shown."));
  overview(dashboard);
  device(dashboard);
  sockets(dashboard);
  exporter(dashboard);
  return dashboard.build();
}

function overview(dashboard: DashboardBuilder): void {
  dashboard
    .withPanel(
      list(
        {
          title: "System",
          description:
            "What the VM is, as it said itself; before it was ever reached, as the inventory says.",
          size: [8, 4],
        },
        [
          { from: "os", as: "System" },
          { from: "arch", as: "Arch" },
        ],
        rows(`orchestrator_vm_info{${VM}}`),
      ),
    )
    .withPanel(
      number(
        {
          title: "Up",
          description: "Whether the VM could be reached by its last run and was not lost since.",
          size: [4, 4],
          steps: ZERO_IS_BAD,
          noValue: "never run",
        },
        now(`orchestrator_vm_up{${VM}}`, "up"),
      ).mappings([UP]),
    )
    .withPanel(
      list(
        {
          title: "Last outcome",
          description: "How the VM's last run ended there, and how long it took.",
          size: [6, 4],
        },
        [
          { from: "outcome", as: "Outcome" },
          { from: "Value #B", as: "Took", unit: "s" },
        ],
        rows(`max by (vm, outcome) (orchestrator_vm_outcome{${VM}})`),
        rows(`max by (vm) (orchestrator_vm_duration_seconds{${VM}})`),
      ),
    )
    .withPanel(
      number(
        {
          title: "Console",
          description:
            "Panics, traps, lock-order and witness texts that the VM's console showed in its last run; only where the inventory names a console.",
          size: [6, 4],
          steps: ANY_IS_BAD,
          noValue: "not recorded",
        },
        now(`orchestrator_console_reports{${VM}}`, "{{kind}}"),
      ),
    )
    .withPanel(
      states(
        {
          title: "Targets",
          description: "Whether each target passed when it last ran here, over time.",
          size: [12, 7],
          steps: ZERO_IS_BAD,
        },
        words("failed", "passed"),
        series(`orchestrator_target_passed{${VM}}`, "{{target}}"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Tests by outcome",
          description: "Tests of the last runs of all targets here, by outcome.",
          size: [12, 7],
        },
        series(`sum by (outcome) (orchestrator_tests{${VM}})`, "{{outcome}}"),
      ),
    );
}

function device(dashboard: DashboardBuilder): void {
  dashboard
    .withRow(row("The device, /dev/tcpstats"))
    .withPanel(
      lines(
        {
          title: "Opens and reads",
          description: "Opens of the device, and calls of read on it, of all readers together.",
          size: [8, 8],
          unit: "ops",
        },
        series(`rate(kmod_opens_total{${VM}}[$__rate_interval])`, "opens"),
        series(`rate(kmod_reads_total{${VM}}[$__rate_interval])`, "reads"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Sockets visited",
          description:
            "What became of the sockets that reads looked at: each was given to the reader, or skipped for one reason.",
          size: [8, 8],
          unit: "cps",
        },
        series(`rate(kmod_sockets_visited_total{${VM}}[$__rate_interval])`, "visited"),
        series(`rate(kmod_records_emitted_total{${VM}}[$__rate_interval])`, "emitted"),
        series(`rate(kmod_sockets_skipped_total{${VM}}[$__rate_interval])`, "skipped: {{reason}}"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Sockets unaccounted for",
          description:
            "Visited less emitted less skipped. Always 0 between reads; a scrape in the midst of one may see a few.",
          size: [8, 8],
          steps: ANY_IS_BAD,
        },
        series(`vm:kmod_sockets_unaccounted:sum{${VM}}`, "unaccounted for"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Time of a read",
          description: "Mean time of a read in the time before each point, and the longest ever.",
          size: [8, 8],
          unit: "s",
        },
        series(
          `rate(kmod_read_duration_seconds_total{${VM}}[$__rate_interval]) / (rate(kmod_reads_total{${VM}}[$__rate_interval]) > 0)`,
          "mean",
        ),
        series(`kmod_read_duration_seconds_max{${VM}}`, "longest"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Reads that ended early",
          description:
            "Reads that reached max_read_duration_ms, that a signal ended, or whose memory could not be written. The integration tests provoke each of them on purpose.",
          size: [8, 8],
        },
        series(`kmod_reads_timed_out_total{${VM}}`, "timed out"),
        series(`kmod_reads_interrupted_total{${VM}}`, "interrupted"),
        series(`kmod_uiomove_errors_total{${VM}}`, "bad memory"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Open descriptors",
          description: "Descriptors of the device that are open, and how many may be.",
          size: [4, 8],
        },
        series(`kmod_active_fds{${VM}}`, "open"),
        series(`kmod_limit{${VM}, name="max_open_fds"}`, "limit"),
      ),
    )
    .withPanel(
      list(
        {
          title: "Limits",
          description: "The device's limits, by the name of their sysctl, which says the unit.",
          size: [4, 8],
        },
        [
          { from: "name", as: "Limit" },
          { from: "Value", as: "Value" },
        ],
        rows(`kmod_limit{${VM}}`),
      ),
    );
}

function sockets(dashboard: DashboardBuilder): void {
  dashboard
    .withRow(row("Sockets and TCP"))
    .withPanel(
      lines(
        {
          title: "Sockets by state",
          description: "TCP sockets of the VM by state.",
          size: [12, 8],
        },
        series(`tcp_sockets_by_state{${VM}}`, "{{state}}"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Sockets",
          description: "All TCP sockets of the VM, listening and half-open ones included.",
          size: [12, 8],
        },
        series(`tcp_sockets{${VM}}`, "sockets"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Connections",
          description:
            "Connections that were begun from the VM, accepted by it, and dropped without a handshake.",
          size: [8, 8],
          unit: "cps",
        },
        series(`rate(tcp_connection_attempts_total{${VM}}[$__rate_interval])`, "begun"),
        series(`rate(tcp_accepts_total{${VM}}[$__rate_interval])`, "accepted"),
        series(`rate(tcp_drops_total{${VM}}[$__rate_interval])`, "dropped"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Segments",
          description: "Segments that the VM sent and received.",
          size: [8, 8],
          unit: "pps",
        },
        series(`rate(tcp_sent_packets_total{${VM}}[$__rate_interval])`, "sent"),
        series(`rate(tcp_received_packets_total{${VM}}[$__rate_interval])`, "received"),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Retransmitted",
          description: "Share of the segments sent that were sent before.",
          size: [8, 8],
          unit: "percentunit",
        },
        series(
          `rate(tcp_retransmit_packets_total{${VM}}[$__rate_interval]) / (rate(tcp_sent_packets_total{${VM}}[$__rate_interval]) > 0)`,
          "retransmitted",
        ),
      ),
    );
}

function exporter(dashboard: DashboardBuilder): void {
  dashboard
    .withRow(row("The exporter"))
    .withPanel(
      lines(
        {
          title: "The orchestrator's scrapes",
          description:
            "Mean time of the orchestrator's scrapes of the VM's exporter through SSH, failed ones included.",
          size: [8, 8],
          unit: "s",
        },
        series(
          `rate(orchestrator_scrape_duration_seconds_sum{${VM}}[$__rate_interval]) / (rate(orchestrator_scrape_duration_seconds_count{${VM}}[$__rate_interval]) > 0)`,
          "mean",
        ),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Failed scrapes",
          description:
            "Scrapes of the VM's exporter by the orchestrator that gave nothing, by reason.",
          size: [8, 8],
        },
        series(`orchestrator_scrape_failures_total{${VM}}`, "{{reason}}"),
      ),
    )
    .withPanel(
      number(
        {
          title: "Last scraped by the orchestrator",
          description:
            "How long ago the orchestrator last scraped the VM's exporter with success; it does during runs only.",
          size: [4, 8],
          unit: "s",
          noValue: "never",
        },
        now(`time() - orchestrator_last_scrape_timestamp_seconds{${VM}}`, "ago"),
      ),
    )
    .withPanel(
      number(
        {
          title: "Exporter reads the device",
          description: "Whether the exporter that Prometheus scrapes itself could read the device.",
          size: [4, 8],
          steps: ZERO_IS_BAD,
          noValue: "not scraped",
        },
        now(`tcpstats_exporter_up{${VM}}`, "exporter"),
      ).mappings([words("no", "yes")]),
    )
    .withPanel(
      distribution(
        {
          title: "Round-trip times",
          description:
            "Connections by their smoothed round-trip time, from the exporter that Prometheus scrapes. A distribution of the moment: each column is made anew.",
          size: [12, 9],
          unit: "s",
        },
        buckets(`sum by (le) (tcpstats_socket_rtt_seconds_bucket{${VM}})`),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Collections",
          description: "99th percentile of the time of the exporter's collections.",
          size: [6, 9],
          unit: "s",
        },
        series(
          `histogram_quantile(0.99, sum by (le) (rate(tcpstats_exporter_collection_latency_seconds_bucket{${VM}}[$__rate_interval])))`,
          "p99",
        ),
      ),
    )
    .withPanel(
      lines(
        {
          title: "Scrapes of the exporter",
          description:
            "Scrapes that the exporter answered, by what they were given: a new collection, the last one again, or nothing.",
          size: [6, 9],
          unit: "reqps",
        },
        series(`rate(tcpstats_exporter_scrapes_total{${VM}}[$__rate_interval])`, "{{result}}"),
      ),
    );
}
