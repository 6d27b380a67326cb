# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154  # nix sets base
# What a build or a dev shell has: the programs of its inputs, and no others.
PATH=$base/bin
for input in ${nativeBuildInputs-} ${buildInputs-}; do
	PATH=$PATH:$input/bin
done
export PATH
