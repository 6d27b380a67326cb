#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Run COMMAND with the same addresses and stack each time, where the system lets
# us: a loop may take a fifth longer where its data lie otherwise, which has
# nothing to do with its code.
set -eu

[ $# -gt 0 ] || { echo "usage: $0 COMMAND" >&2; exit 2; }
if setarch -R true 2>/dev/null; then
	set -- "$(command -v setarch)" -R "$@"
elif proccontrol -m aslr -s disable true 2>/dev/null; then
	set -- "$(command -v proccontrol)" -m aslr -s disable "$@"
fi
exec env -i "$@"
