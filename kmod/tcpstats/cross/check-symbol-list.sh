#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Hold the list of kernel symbols against the headers that it names, of one
# release and architecture:
#
#	check-symbol-list.sh RELEASE ARCH HEADER_FOLDER...
#
# Says which symbol is not declared where the list has it, and exits 1 if one is
# not.
set -euo pipefail

[ "$#" -ge 3 ] || {
	echo "usage: check-symbol-list.sh RELEASE ARCH HEADER_FOLDER..." >&2
	exit 2
}
release=$1 arch=$2
shift 2
symbol_list=$(dirname "$0")/kernel-symbols.txt
faults=0

# The first of the folders that has the header counts, as for the compiler.
find_header() {
	local name=$1 folder
	shift
	for folder in "$@"; do
		if [ -e "$folder/$name" ]; then
			printf '%s\n' "$folder/$name"
			return
		fi
	done
}

while read -r symbol header where; do
	[[ "$where" =~ ^(-|$release|$arch)$ ]] || continue
	# What SYSCTL_DECL() and VNET_DECLARE() put before the name.
	word=${symbol#sysctl__}
	word=${word#vnet_entry_}
	file=$(find_header "$header" "$@")
	if [ -z "$file" ] || ! grep --quiet --word-regexp -e "$word" "$file"; then
		echo "$symbol_list: FreeBSD $release $arch does not declare" \
			"$symbol in $header" >&2
		faults=$((faults + 1))
	fi
done < <(grep -v '^#' "$symbol_list")
[ "$faults" -eq 0 ]
