# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# To be sourced.

# Print the first free port of 127.0.0.1 among 101 from the one that is given.
free_port() {
	local port first=$1
	for port in $(seq "$first" "$((first + 100))"); do
		if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			printf '%s\n' "$port"
			return
		fi
	done
	printf 'no free port between %d and %d on 127.0.0.1\n' "$first" "$port" >&2
	return 1
}
