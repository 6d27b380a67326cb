#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Print the instructions that the module needs for a socket, by the workloads of
# a bench_walk: those of the function named, what it calls included, and how
# many times those of the first workload they are.
set -eu

bench=$1
sockets=1000
few=2
many=6

# The instructions in so many snapshots: count WORKLOAD FUNCTION SNAPSHOTS.
count() {
	valgrind --tool=callgrind --callgrind-out-file=/dev/null \
		--toggle-collect="$2" "$bench" "$1" "$3" 2>&1 >/dev/null |
		sed -n 's/.*Collected : *//p'
}

first=
printf '%-16s %-20s %12s %6s\n' workload function instructions ratio
"$bench" | while read -r workload function; do
	more=$(($(count "$workload" "$function" $many) - \
		$(count "$workload" "$function" $few)))
	: "${first:=$more}"
	echo "$workload $function $more $first" | awk -v sockets=$((sockets * (many - few))) \
		'{ printf "%-16s %-20s %12.1f %6.2f\n", $1, $2, $3 / sockets, $3 / $4 }'
done
