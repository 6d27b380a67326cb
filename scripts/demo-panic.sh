#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Show a run in which one of three embedded hosts panics in the middle of its
# tests: its sshd dies, and its console prints what FreeBSD's kernel printed
# once. The other hosts pass; the run's exit status is 3, and this script's 0.
set -euo pipefail
cd "$(dirname "$0")/.."

orchestrator=${ORCHESTRATOR:-target/release/orchestrator}
lab=panic
victim=${lab}2
scratch=$(mktemp -d)

# shellcheck disable=SC2317  # called by trap
finish() {
	local status=$?
	trap '' INT TERM
	[ -z "${fault_pid:-}" ] || wait "$fault_pid" || true
	"$orchestrator" lab --name "$lab" down >"$scratch/down" || status=1
	rm -rf "$scratch"
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$orchestrator" lab --name "$lab" up -n 3 --bin-dir "$(dirname "$orchestrator")" >"$scratch/up"
console=$scratch/console
: >"$console"
sed "s|^name = \"$victim\"\$|&\nconsole = { file = \"$console\" }|" \
	"/run/tcpstats-$lab/vms.toml" >"$scratch/vms.toml"
# Its paths are those of the lab's folder.
cp "$scratch/vms.toml" "/run/tcpstats-$lab/vms.toml"

# The panic, as soon as the victim has ended a test.
panic() {
	local deadline=$((SECONDS + 60))
	until grep -qs "\"vm\":\"$victim\".*\"test_finished\"" "$scratch"/runs/*/events.ndjson; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.05
	done
	"$orchestrator" lab --name "$lab" exec "$victim" -- pkill -KILL sshd
	cat orchestrator/tests/run/fixture/panic.txt >>"$console"
}
panic &
fault_pid=$!

status=0
"$orchestrator" run --all-vms --inventory "/run/tcpstats-$lab/vms.toml" --dist dist \
	--runs-dir "$scratch/runs" --listen 127.0.0.1:0 "$@" || status=$?
if [ "$status" -ne 3 ]; then
	printf 'demo-panic: the run ended with status %d instead of 3\n' "$status" >&2
	exit 1
fi
