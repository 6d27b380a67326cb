# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2154  # run.sh sets root and scratch
# Everything that nix and the orchestrator find or leave is below $scratch.

# A store of its own for nix, and nothing that it could ask.
isolate_nix() {
	local part
	for part in STORE STATE LOG CONF; do
		export "NIX_${part}_DIR=$scratch/nix/${part,,}"
	done
	mkdir -p "$NIX_CONF_DIR"
	cat >"$NIX_CONF_DIR/nix.conf" <<-END
		build-users-group =
		experimental-features = nix-command flakes
		flake-registry =
		sandbox = false
		substituters =
	END
	cp -R "$root/nix/test/nixpkgs" "$scratch/nixpkgs"
	cat >"$scratch/nixpkgs/machine.nix" <<-END
		{ path = "$PATH"; home = "$HOME"; programs = "$root/target/release"; }
	END
	NIX=$(type -P nix) || {
		echo "there is no nix here: make setup" >&2
		return 2
	}
	export NIX NIXPKGS=path:$scratch/nixpkgs PATH=$root/nix/test/bin:$PATH
}

# No inventory and no run but those of the test.
isolate_orchestrator() {
	export XDG_CACHE_HOME=$scratch/cache XDG_CONFIG_HOME=$scratch/config
	export XDG_STATE_HOME=$scratch/state
	unset INTEGRATION_TARGET FREEBSD_HOST FREEBSD_DIR TCPSTATS_INVENTORY TCPSTATS_DIST
}

# A git work tree, $tree, of what this one has without what git ignores.
copy_tree() {
	git ls-files -z --cached --others --exclude-standard |
		rsync -rlp --from0 --files-from=- --ignore-missing-args ./ "$tree"
	git -C "$tree" init -q
	git -C "$tree" add -A
}
