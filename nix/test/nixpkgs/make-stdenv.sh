# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154  # nix sets base, setup and out
# The builder of the stand-in's stdenv.
set -eu
"$base/bin/mkdir" "$out"
"$base/bin/cp" "$setup" "$out/setup"
