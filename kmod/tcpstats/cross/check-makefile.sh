#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Judge the module's Makefile, which is FreeBSD's make's, by that make: does it
# name every source, and each where it is?
set -euo pipefail
cd "$(dirname "$0")/.."
faults=0

# expect WHAT EXPECTED ACTUAL
expect() {
	[ "$2" != "$3" ] || return 0
	printf 'Makefile: %s differ:\n' "$1" >&2
	diff <(echo "$2") <(echo "$3") >&2 || true
	faults=$((faults + 1))
}

# GNU make's variables would be taken for its own.
ask() { env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL bmake -r -m cross/mk "$@"; }

expect sources "$(printf '%s\n' core/*.c freebsd/*.c)" \
	"$(ask sources | tr ' ' '\n' | sed "s,^$PWD/,," | LC_ALL=C sort)"
expect flags 'tcpstats -Werror -DKDTRACE_HOOKS' "$(ask flags)"
expect 'flags without probes' 'tcpstats -Werror' "$(ask flags WITHOUT_DTRACE=1)"

[ "$faults" -eq 0 ] || exit 1
echo 'Makefile: names every source'
