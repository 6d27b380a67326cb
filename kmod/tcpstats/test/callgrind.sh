#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Print the instructions per call of tcpstats_filter_parse(), what it calls
# included, for each workload of a bench_filter_parse: a line each of its name,
# the number and the budget ("-": none), separated by tabs.  Fails where one
# needs more than its budget.
#
# Leaves beside the program what all of the workloads together do, line by line
# (filter_parse.callgrind, for kcachegrind, and filter_parse.annotated).
set -eu

bench=$1
few=100
many=300
profile=${bench%/*}/filter_parse.callgrind
log=$profile.log

# Run the bench with its profile in FILE: collect FILE CALLS [WORKLOAD].
collect() {
	valgrind --tool=callgrind --callgrind-out-file="$1" \
		--log-file="$log" --toggle-collect=tcpstats_filter_parse \
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

status=0
for entry in $("$bench" -l | tr '\t' =); do
	workload=${entry%=*}
	budget=${entry#*=}
	# The dynamic linker's work in the first call is in both.
	instructions_few=$(count "$workload" $few)
	instructions_many=$(count "$workload" $many)
	needed=$(((instructions_many - instructions_few) / (many - few)))
	verdict=
	if [ "$budget" -eq 0 ]; then
		budget=-
	elif [ "$needed" -gt "$budget" ]; then
		verdict='	over budget'
		status=1
	fi
	printf '%s\t%d\t%s%s\n' "$workload" "$needed" "$budget" "$verdict"
done

collect "$profile" $many
callgrind_annotate --auto=yes "$profile" >"${profile%.callgrind}.annotated"
rm -f "$log"
exit $status
