# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154  # nix sets stdenv and the phases
# The builder of every package but links: its phases in a copy of its source.
set -euo pipefail
# shellcheck source=nix/test/nixpkgs/setup.sh
source "$stdenv/setup"
if [ -n "${src-}" ]; then
	cp -R "$src" source
	chmod -R u+w source
	cd source
fi
for phase in buildCommand buildPhase installPhase postInstall; do
	eval "${!phase-}"
done
