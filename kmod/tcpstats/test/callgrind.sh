#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Print the instructions per call of tcpstats_filter_parse(), what it calls
# included, for each workload of a bench_filter_parse.  Fails where one needs
# more than its budget.
set -eu

bench=$1
few=100
many=300

# The instructions that so many calls take: count WORKLOAD CALLS.
count() {
	valgrind --tool=callgrind --callgrind-out-file=/dev/null \
		--toggle-collect=tcpstats_filter_parse \
		"$bench" -s 1 -n "$2" "$1" 2>&1 >/dev/null |
		sed -n 's/.*Collected : *//p'
}

status=0
printf '%-18s %12s %8s\n' workload instructions budget
"$bench" -l | {
	while read -r workload budget; do
		# The dynamic linker's work in the first call is in both.
		calls=$((many - few))
		needed=$((($(count "$workload" $many) - $(count "$workload" $few)) / calls))
		verdict=
		if [ "$budget" -eq 0 ]; then
			budget=-
		elif [ "$needed" -gt "$budget" ]; then
			verdict=' over budget'
			status=1
		fi
		printf '%-18s %12d %8s%s\n' "$workload" "$needed" "$budget" "$verdict"
	done
	exit $status
}
