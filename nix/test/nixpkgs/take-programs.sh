# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154  # nix sets names and out
# The builder of a package of the machine's programs. They are started where
# they are: some look for their parts beside themselves.
set -eu
mkdir -p "$out/bin"
for name in $names; do
	if ! program=$(type -P "${name#*=}"); then
		printf '%s is not on this machine\n' "${name#*=}" >&2
		exit 1
	fi
	printf '#!/bin/bash\nexec %q "$@"\n' "$program" >"$out/bin/${name%=*}"
	chmod +x "$out/bin/${name%=*}"
done
