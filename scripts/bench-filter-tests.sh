#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# How long all filter tests take on one embedded host, and how much that is of
# the 20 s that they may take there.
set -euo pipefail
cd "$(dirname "$0")/.."

orchestrator=target/release/orchestrator
scratch=$(mktemp -d)
lab=(--name bench --dir "$scratch/lab")

# shellcheck disable=SC2317  # called by trap
finish() {
	"$orchestrator" lab down "${lab[@]}" >&2
	rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM

"$orchestrator" lab up -n 1 "${lab[@]}" --bin-dir target/release >&2
"$orchestrator" run --all-vms --inventory "$scratch/lab/vms.toml" \
	--dist dist --runs-dir "$scratch/runs" --listen 127.0.0.1:0 --json \
	2>"$scratch/stderr" >"$scratch/result.json" ||
	{ cat "$scratch/stderr" >&2; exit 1; }
python3 - "$scratch/result.json" <<'END'
import json, sys
with open(sys.argv[1]) as file:
    run = json.load(file)
stages = {s["stage"]: s["duration_s"] for s in run["vms"][0]["stages"]}
test, passed = stages["test"], run["tests"]["passed"]
print(f"{passed} filter tests on one host: {test:.2f} s, {test / 20:.2f} of 20 s; "
      f"the whole run: {run['duration_s']:.2f} s")
END
