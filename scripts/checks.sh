# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# For tests that are scripts: what each check came to, and what all did.
passed=0
failed=0

# Whether the command after the check's name succeeds: check NAME COMMAND...
check() {
	local what=$1
	shift
	if "$@"; then
		printf 'ok - %s\n' "$what"
		passed=$((passed + 1))
	else
		printf 'not ok - %s\n' "$what"
		failed=$((failed + 1))
	fi
}

# The last line of the test, and whether all passed.
conclude() {
	printf '%d passed, %d failed\n' "$passed" "$failed"
	[ "$failed" -eq 0 ]
}
