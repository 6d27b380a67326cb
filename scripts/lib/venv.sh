# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Python environments with programs that Debian does not have. To be sourced.

# Have in the folder $1 a virtual environment with what the list $2 pins by hash,
# made anew when that changes.
pinned_venv() {
	local venv=$1 list=$2
	if cmp -s "$list" "$venv/installed.txt"; then
		return
	fi
	rm -rf "$venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check \
		--require-hashes --no-deps --only-binary :all: --requirement "$list"
	cp "$list" "$venv/installed.txt"
}
