#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Print the instructions per call of FUNCTION, what it calls included, for each
# workload of a BENCH: a line each of the benchmark, the workload, the number and
# the budget ("-": none), separated by tabs.  Fails where one needs more than its
# budget.  What so many CALLS need has to be the same however often they are made.
#
# Leaves beside the program what all of the workloads together do, line by line
# (such as filter_parse.callgrind, for kcachegrind, and filter_parse.annotated).
set -eu

[ $# -eq 3 ] || { echo "usage: $0 BENCH FUNCTION CALLS" >&2; exit 2; }
bench=$1
function=$2
calls=$3
profile=${bench%/*}/${bench##*/bench_}.callgrind
log=$profile.log

# Run the bench with its profile in FILE: collect FILE CALLS [WORKLOAD].
collect() {
	valgrind --tool=callgrind --callgrind-out-file="$1" \
		--log-file="$log" --toggle-collect="$function" \
		"$bench" -s 1 -n "$2" ${3:+"$3"} >/dev/null
}

# The instructions that so many calls take: count WORKLOAD CALLS.
count() {
	if ! collect /dev/null "$2" "$1"; then
		tail -n 3 "$log" >&2
		return 1
	fi
	sed -n 's/.*Collected : *//p' "$log"
}

# Print a line: judge BENCHMARK WORKLOAD BUDGET INSTRUCTIONS, those of the calls.
judge() {
	awk -v OFS='\t' -v benchmark="$1" -v workload="$2" -v budget="$3" \
		-v instructions="$4" -v calls="$calls" 'BEGIN {
		needed = sprintf("%.1f", instructions / calls)
		over = budget > 0 && needed + 0 > budget + 0
		$0 = benchmark OFS workload OFS needed OFS (budget > 0 ? budget : "-")
		print $0 (over ? OFS "over budget" : "")
		exit over
	}'
}

status=0
for entry in $("$bench" -l | tr '\t' =); do
	benchmark=${entry%%=*}
	budget=${entry##*=}
	workload=${entry#*=}
	workload=${workload%=*}
	# The dynamic linker's work in the first call is in both.
	once=$(count "$workload" "$calls")
	thrice=$(count "$workload" $((3 * calls)))
	judge "$benchmark" "$workload" "$budget" $(((thrice - once) / 2)) || status=1
done

collect "$profile" "$calls"
callgrind_annotate --auto=yes "$profile" >"${profile%.callgrind}.annotated"
rm -f "$log"
exit $status
