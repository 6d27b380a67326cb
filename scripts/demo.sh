#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Bring up three embedded hosts, run every filter test on all of them at once,
# watch the orchestrator's own metrics meanwhile, and take everything down.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib/ports.sh
source scripts/lib/ports.sh

orchestrator=target/release/orchestrator
lab_dir=${TCPSTATS_LAB_DIR:-/run/tcpstats-lab}
runs_dir=${TCPSTATS_RUNS_DIR:-target/demo-runs}
hosts=3

say() { printf '\n== %s\n' "$*"; }

lab_was_up=no
run_pid=
scratch=$(mktemp -d)
# shellcheck disable=SC2317  # called by trap
finish() {
	local status=$?
	trap '' INT TERM
	[ -z "$run_pid" ] || wait "$run_pid" || true
	[ "$lab_was_up" = no ] || "$orchestrator" lab down || status=1
	rm -rf "$scratch"
	exit "$status"
}
trap finish EXIT
# Ctrl-C reaches the orchestrator by itself; another signal only this script.
trap 'exit 130' INT
trap '[ -z "$run_pid" ] || kill -TERM "$run_pid"; exit 143' TERM

# Scrape until a page is seen that was taken while every VM was testing: in
# category C, so with A and B behind it.
scrape_during_run() {
	local url=$1 page=$scratch/page
	while kill -0 "$run_pid" 2>/dev/null; do
		if curl -fsS --max-time 2 -o "$page" "$url" 2>/dev/null &&
			[ "$(grep -c '^orchestrator_tests{category="C",outcome="passed"' "$page")" -eq "$hosts" ] &&
			grep -q '^orchestrator_run_in_progress 1$' "$page"; then
			cp "$page" "$scratch/during"
			return
		fi
		sleep 0.1
	done
}

started=$SECONDS
say "the lab: $hosts hosts with their own network, sshd and device"
lab_was_up=yes
"$orchestrator" lab up -n "$hosts" --bin-dir target/release
lab_seconds=$((SECONDS - started))

port=$(free_port 9815)
url=http://127.0.0.1:$port/metrics
say "orchestrator run --all-vms"
run_started=$SECONDS
"$orchestrator" run --all-vms --inventory "$lab_dir/vms.toml" --dist dist \
	--runs-dir "$runs_dir" --listen "127.0.0.1:$port" &
run_pid=$!
scrape_during_run "$url"
status=0
wait "$run_pid" || status=$?
run_seconds=$((SECONDS - run_started))

say "from $url, scraped during the run"
if [ -s "$scratch/during" ]; then
	grep -E '^orchestrator_(run_in_progress|vm_up|tests\{.*category="A")' "$scratch/during"
else
	printf 'demo: the run ended before its metrics could be scraped\n' >&2
	[ "$status" -ne 0 ] || status=1
fi

say "the event logs"
find "$runs_dir" -name events.ndjson | sort | tail -n 3

say "the lab goes down"
down_started=$SECONDS
"$orchestrator" lab down
lab_was_up=no
"$orchestrator" lab status
printf '\nseconds: lab up %d, run %d, lab down %d\n' \
	"$lab_seconds" "$run_seconds" "$((SECONDS - down_started))"
exit "$status"
