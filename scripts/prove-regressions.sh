#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Show on a real embedded host that runs of one commit find no regression, and
# that a matcher (or parser) made a fifth slower is found within five runs, with
# the run that began it, and nothing else is.  Takes some 10 minutes.
# Instructions are counted, as they are the same whatever else the machine does;
# times are nearly so.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib/lab.sh
source scripts/lib/lab.sh

usage() {
	cat >&2 <<-'END'
		usage: prove-regressions.sh [option]...
		  --runs N        runs of one commit (30)
		  --hosts N       hosts of the lab (1)
		  --target NAME   what measures: callgrind, counts of instructions, or
		                  bench, times (callgrind)
		  --slow NAME     what is made slower: matcher or parser (matcher)
		  --dir DIR       what is kept, made anew (target/prove-regressions)
		  --bin-dir DIR   where orchestrator and tcpstatsd are (target/release)
		  --dist DIR      what is brought to the hosts (dist)
	END
	exit 2
}

runs=30
hosts=1
target=callgrind
slow=matcher
dir=target/prove-regressions
bin_dir=target/release
dist=dist
while [ $# -gt 0 ]; do
	[ $# -ge 2 ] || usage
	case "$1" in
	--runs) runs=$2 ;;
	--hosts) hosts=$2 ;;
	--target) target=$2 ;;
	--slow) slow=$2 ;;
	--dir) dir=$2 ;;
	--bin-dir) bin_dir=$2 ;;
	--dist) dist=$2 ;;
	*) usage ;;
	esac
	shift 2
done

case $slow in
matcher) benchmark=filter_match workload=all_conditions ;;
parser) benchmark=filter_parse workload=worst_case ;;
*) usage ;;
esac

rm -rf "$dir"
mkdir -p "$dir"
dir=$(realpath "$dir")
orchestrator=$bin_dir/orchestrator
name_lab slower "$dir/lab" "$bin_dir"

# shellcheck disable=SC2317  # called by trap
finish() {
	local status=$?
	trap '' INT TERM
	take_lab_down || status=1
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '%s\n' "$*"; }

# The same programs and sources, but with what is to be slow made so.
make_slower() {
	cp -a "$dist" "$1"
	"slow_$slow" "$1/kmod/tcpstats/core"
}

# Every fifth call of the parser is made twice.
slow_parser() {
	local parser=$1/tcpstats_parse.c
	sed -i 's/^tcpstats_filter_parse(const char \*text/parse_once(const char *text/' "$parser"
	cat >>"$parser" <<-'END'

		int
		tcpstats_filter_parse(const char *text, size_t len,
		    struct tcpstats_filter *filter, struct tcpstats_filter_error *error)
		{
			static unsigned int calls;

			if (++calls % 5 == 0)
				(void)parse_once(text, len, filter, error);
			return (parse_once(text, len, filter, error));
		}
	END
	sed -i '/^#include "tcpstats_port.h"/a\
\
int parse_once(const char *, size_t, struct tcpstats_filter *,\
    struct tcpstats_filter_error *);' "$parser"
}

# Every eighth socket is looked at twice.  That and the question whether it is
# one of them cost a fifth on the average of the workloads, 15 to 26 %.
slow_matcher() {
	local matcher=$1/tcpstats_match.c
	sed -i '/^enum tcpstats_verdict$/{N
		s/.*\n\(tcpstats_match(\)/static inline __attribute__((always_inline)) enum tcpstats_verdict\nmatch_once(/
	}' "$matcher"
	cat >>"$matcher" <<-'END'

		enum tcpstats_verdict
		tcpstats_match(const struct tcpstats_matcher *matcher,
		    const struct tcpstats_socket *socket)
		{

			if (socket->ts_gencnt % 8 == 0)
				__asm__ volatile ("" : : "r" (match_once(matcher, socket)));
			return (match_once(matcher, socket));
		}
	END
}

# One run of what the folder holds: run FOLDER; its name is in $name, its exit
# status in $status.
run() {
	status=0
	"$orchestrator" run --all-vms --inventory "$dir/lab/vms.toml" --dist "$1" \
		--deploy cross --target "$target" --runs-dir "$dir/runs" \
		--listen 127.0.0.1:0 --fail-on-regression \
		>"$dir/summary" 2>"$dir/progress" || status=$?
	name=$(sed -n 's/^run \([^,]*\), events in .*/\1/p' "$dir/progress")
	case $status in
	0 | 4) ;;
	# Its budgets of instructions are meant to be missed by what is slower.
	1) [ "$target" = callgrind ] || fail "run $name failed" ;;
	*) fail "run $name ended with status $status" ;;
	esac
}

fail() {
	cat "$dir/summary" >&2
	printf 'failed: %s\n' "$1" >&2
	exit 1
}

# What got slower and is not known, as SERIES/RUN.
open_changes() {
	"$orchestrator" ack --runs-dir "$dir/runs" | grep -E '^[0-9a-f]{16}/' || true
}

bring_lab_up "$hosts"

false_alarms=0
for number in $(seq "$runs"); do
	run "$dist"
	say "run $number of $runs of one commit: $name, status $status"
	[ "$status" -ne 4 ] || false_alarms=$((false_alarms + 1))
done
before=$(open_changes)
if [ "$false_alarms" -gt 0 ] || [ -n "$before" ]; then
	printf '%s\n' "$before"
	fail "$false_alarms of $runs runs of one commit were taken for slower"
fi
say "no regression in $runs runs of one commit"

make_slower "$dir/slower"
began=
for number in 1 2 3 4 5; do
	run "$dir/slower"
	began=${began:-$name}
	found=$(open_changes)
	say "run $number of a $slow a fifth slower: $name, status $status, $(grep -c . <<<"$found" || true) changes"
	[ -z "$found" ] || break
done
"$orchestrator" ack --runs-dir "$dir/runs"
[ -n "$found" ] || fail "five runs of a $slow a fifth slower were not found"
if grep -v "/$began\$" <<<"$found"; then
	fail "these changes began with another run than $began"
fi
if "$orchestrator" ack --runs-dir "$dir/runs" | grep '^  filter_' | grep -v "^  $benchmark "; then
	fail "these are no benchmarks of the $slow"
fi
say "found with run $number, as begun by $began: all $(grep -c . <<<"$found") changes"
"$orchestrator" trend "$benchmark" --workload "$workload" --runs-dir "$dir/runs"
