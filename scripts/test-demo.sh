#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The demo, twice, judged by what it shows: three hosts with every test passed,
# metrics from the middle of the run, the log, and nothing left behind.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/checks.sh

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export TCPSTATS_RUNS_DIR=$scratch/runs
lines() { [ "$(grep -cE "$2" "$scratch/out")" -eq "$1" ]; }

for round in first second; do
	status=0
	scripts/demo.sh >"$scratch/out" 2>&1 || status=$?
	check "$round: exit status 0" [ "$status" -eq 0 ]
	check "$round: three hosts passed, none failed" \
		lines 3 '^ lab[123] +passed +[0-9]+ +0 +[0-9]+ '
	check "$round: the run passed" lines 1 ' PASSED: 3 of 3 VMs passed in '
	check "$round: scraped while the run was going on" \
		lines 1 '^orchestrator_run_in_progress 1$'
	check "$round: category A of each host in the metrics" \
		lines 3 '^orchestrator_tests\{category="A",outcome="passed",.*\} 12$'
	check "$round: the event log is named" lines 1 "^$scratch/runs/.*/events.ndjson$"
	check "$round: nothing is left" \
		lines 1 '^no lab: no namespace, mount, process, bridge or lock is left$'
	rm -rf "$scratch/runs"
	[ "$failed" -eq 0 ] || cat "$scratch/out"
done
conclude
