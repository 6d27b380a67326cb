#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The flake with Debian's nix and without a network: every output evaluated,
# every script built, every command line of README.md's "With Nix" typed, the
# integration tests on a lab.  nix/test/nixpkgs stands in for nixpkgs.  For root,
# after `make dist`.
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/checks.sh
source nix/test/isolated.sh

root=$PWD
orchestrator=$root/target/release/orchestrator
scratch=$(mktemp -d)
tree=$scratch/tree
out=$scratch/out
err=$scratch/err
lab=(--name nix --dir "$scratch/lab")
# shellcheck disable=SC2317  # called by trap
finish() {
	local status=$?
	[ ! -e "$scratch/lab" ] || "$orchestrator" lab "${lab[@]}" down || status=1
	rm -rf "$scratch"
	exit "$status"
}
trap finish EXIT

# Type a line in the tree. What it prints is in $out and $err.
type_line() {
	status=0
	(cd "$tree" && exec bash -c "$1") >"$out" 2>"$err" </dev/null || status=$?
}

ended() {
	[ "$status" -eq "$1" ] || {
		printf '# status %d, and last:\n' "$status"
		tail -n 15 "$out" "$err"
		return 1
	}
}

printed() { ended 0 && diff - "$out" <<<"$1"; }
# As many lines as that match: matched NUMBER EXTENDED_REGEXP.
matched() { ended 0 && [ "$(grep -cE -- "$2" "$out")" -eq "$1" ]; }
# The orchestrator's messages are wrapped and framed: refused STATUS WORDS.
refused() { ended "$1" && tr -s '\n │' ' ' <"$err" | grep -qF -- "$2"; }
same() { diff <(printf '%s\n' "$1") <(printf '%s\n' "$2"); }

# A line of the README with more arguments for the orchestrator.
with() {
	case $1 in
	*' -- '*) printf '%s %s' "$1" "$2" ;;
	*) printf '%s -- %s' "$1" "$2" ;;
	esac
}

# The README's command lines, and what the orchestrator says that it would do.
# These alone are meant for FreeBSD's machines, so without a network.
dir=/root/tcpstats-reader
on150="on freebsd150 at root@192.168.122.41 in $dir"
on144="on freebsd144 at root@192.168.122.85 in $dir"
on143="on freebsd143 at root@192.168.122.27 in $dir"
on_all="$on150;$on144;$on143"
integration_lines() {
	cat <<-END
		nix run .#integration-test-freebsd|target live_integration (category all);$on_all
		INTEGRATION_TARGET=live_all nix run .#integration-test-freebsd|target live_all (category all);$on_all
		INTEGRATION_TARGET=all nix run .#integration-test-freebsd|target all (category all);$on_all
		INTEGRATION_TARGET=pkg_setup nix run .#integration-test-freebsd|target pkg_setup (category all);$on_all
		INTEGRATION_TARGET=live_all nix run .#integration-test-freebsd150|target live_all (category all);$on150
		INTEGRATION_TARGET=live_all nix run .#integration-test-freebsd144|target live_all (category all);$on144
		INTEGRATION_TARGET=live_all nix run .#integration-test-freebsd143|target live_all (category all);$on143
		nix run .#integration-test-freebsd -- A|target live_integration (category A);$on_all
		nix run .#integration-test-freebsd -- A,B,D|target live_integration (category A,B,D);$on_all
		FREEBSD_HOST=root@10.0.0.5 nix run .#integration-test-freebsd150|target live_integration (category all);${on150/192.168.122.41/10.0.0.5}
		FREEBSD_DIR=/var/tmp/tcpstats nix run .#integration-test-freebsd143|target live_integration (category all);${on143/$dir//var/tmp/tcpstats}
	END
}

other_lines='nix run .#kmod-test-unit
nix run .#kmod-test-memcheck
nix run .#kmod-test-asan
nix run .#kmod-test-ubsan
nix run .#kmod-test-bench
nix run .#kmod-test-callgrind
nix run .#kmod-test-all
nix develop
nix flake check
nix build .#orchestrator .#vm-programs .#tcpstatsd'

# Its command lines are those of the tables here.
test_readme() {
	local typed
	typed=$(sed -n '/^## With Nix/,/^There is no/p' README.md |
		sed -n -E '/^([A-Z_]+=[^ ]+ )?nix /{s/  +#.*//;p}')
	check "the README's command lines are the ones tested" \
		same "$(sort <<<"$typed")" "$( (integration_lines | cut -d'|' -f1 && echo "$other_lines") | sort)"
}

test_outputs() {
	local system names="default integration-test-freebsd integration-test-freebsd143"
	names+=" integration-test-freebsd144 integration-test-freebsd150 kmod-test-all"
	names+=" kmod-test-asan kmod-test-bench kmod-test-callgrind kmod-test-memcheck"
	names+=" kmod-test-ubsan kmod-test-unit orchestrator tcpstatsd vm-programs"
	for system in x86_64-linux aarch64-linux; do
		type_line "nix eval --raw .#packages.$system --apply 'p: toString (builtins.attrNames p)' && echo"
		check "the packages for $system" printed "$names"
	done
	type_line "nix flake check --no-build"
	check "nix flake check: everything evaluates" ended 0

	type_line "nix eval --raw --file nix/constants.nix --apply 'c: toString (
		map (vm: [ vm.name vm.os vm.arch ]) c.vms ++ [ c.target ])' && echo"
	check "nix/constants.nix: the VMs and the target" printed \
		"freebsd150 FreeBSD 15.0 amd64 freebsd144 FreeBSD 14.4 amd64 freebsd143 FreeBSD 14.3 amd64 live_integration"
	type_line "nix eval --raw --file nix/constants.nix --apply 'c: builtins.concatStringsSep \";\" (
		map (vm: \"on \${vm.name} at \${vm.host} in \${vm.dir}\") c.vms)' && echo"
	check "nix/constants.nix: their addresses and folders" printed "$on_all"
}

test_builds() {
	type_line "nix build .#orchestrator .#vm-programs .#tcpstatsd && cat result*/bin/tcpstatsd |
		cmp - '$root/target/release/tcpstatsd' && cd result && find . -type f | sort | grep -v man1/orchestrator-"
	check "nix build .#orchestrator .#vm-programs .#tcpstatsd" printed \
		"./bin/orchestrator
./lib/systemd/system/tcpstats-orchestrator.service
./share/bash-completion/completions/orchestrator
./share/man/man1/orchestrator.1"
	type_line "cd result-1 && find . -type f -o -type l | sort"
	check "the programs of a VM and their manual pages" printed \
		"./bin/kmod-integration
./bin/tcp-echo
./bin/tcpstats
./bin/tcpstats-exporter
./share/man/man1/tcp-echo.1
./share/man/man1/tcpstats.1
./share/man/man8/kmod-integration.8
./share/man/man8/tcpstats-exporter.8"

	local check system
	system=$(uname -m)-linux
	for check in fmt kmod-unit module; do
		type_line "nix build --no-link --print-build-logs .#checks.$system.$check"
		check "nix flake check: $check" ended 0
	done
}

test_integration_lines() {
	local line plan
	while IFS='|' read -r line plan; do
		type_line "unshare --net bash -c '$(with "$line" --dry-run)'"
		check "plan of: $line" printed "${plan//;/$'\n'}"
	done < <(integration_lines)
	type_line "FREEBSD_HOST=root@10.0.0.5 unshare --net nix run .#integration-test-freebsd -- --dry-run"
	check "FREEBSD_HOST for several VMs is refused" refused 2 \
		"FREEBSD_HOST names one host, but 3 VMs are selected"
	type_line "unshare --net nix run .#integration-test-freebsd150 -- A,7 --dry-run"
	check "a category that can't be is refused" refused 2 "unknown category '7'"
}

# Every test of nine programs passed.
tap_passed() {
	ended 0 && awk '/^1\.\./ { programs++; planned += substr($0, 4) } /^ok / { passed++ }
		END { exit !(programs == 9 && planned == passed) }' "$out"
}

test_kmod_lines() {
	local target
	for target in unit memcheck asan ubsan; do
		type_line "nix run .#kmod-test-$target"
		check "nix run .#kmod-test-$target" tap_passed
	done
	type_line "nix run .#kmod-test-bench"
	check "nix run .#kmod-test-bench" matched 18 $'^filter_(parse|match)\t[a-z0-9_]+(\t[0-9.]+( [0-9.]+){4}){2}$'
	type_line "OBJDIR=$scratch/objects nix run .#kmod-test-callgrind"
	check "nix run .#kmod-test-callgrind" matched 18 $'^filter_(parse|match)\t[a-z0-9_]+\t[0-9.]+\t([0-9.]+|-)$'
	check "callgrind's profile stays in OBJDIR" \
		test -s "$scratch/objects/callgrind/filter_parse.callgrind"

	local makefile=$tree/kmod/tcpstats/test/Makefile
	cp "$makefile" "$scratch/Makefile"
	printf 'unit: nothing-makes-this\n' >>"$makefile"
	type_line "nix run .#kmod-test-unit"
	check "a failure there is the script's" refused 1 "No rule to make target 'nothing-makes-this'"
	cp "$scratch/Makefile" "$makefile"

	# The same script for all of them.
	script_of kmod-test-unit >"$scratch/unit"
	script_of kmod-test-all >"$scratch/all"
	check "nix run .#kmod-test-all" same \
		"$(sed 's/^targets=(unit)$/targets=(unit memcheck asan ubsan bench callgrind)/' "$scratch/unit")" \
		"$(cat "$scratch/all")"
}

script_of() {
	type_line "nix build --no-link .#$1 && nix eval --raw .#$1"
	cat "$(cat "$out")/bin/$1"
}

# Each program that scripts/setup.sh installs is a package's of the shell, and
# `make setup` has nothing to do there.
test_shell() {
	local programs
	programs=$(sed -n 's|^\t"[^ ]* /usr/s\?bin/\(.*\)"$|\1|p' scripts/setup.sh)
	type_line "nix develop --ignore-environment --command bash -c '
		for program in \$1; do
			case \$(type -P \$program) in
			$scratch/nix/store/*) ;;
			*) echo \$program ;;
			esac
		done' - '$programs'"
	check "nix develop: the tools of the Makefile" matched 0 .
	type_line "nix develop --ignore-environment --command make setup"
	check "nix develop: make setup" matched 1 '^setup: the tools are those of the Nix shell$'
}

# Three hosts for the three VMs.
test_lab() {
	"$orchestrator" lab "${lab[@]}" up -n 3 --bin-dir target/release >/dev/null
	sed 's/"nix1"/"freebsd150"/; s/"nix2"/"freebsd144"/; s/"nix3"/"freebsd143"/' \
		"$scratch/lab/vms.toml" >"$scratch/vms.toml"
	local third
	third=$(sed -n 's/^host = "\(.*\)"/\1/p' "$scratch/vms.toml" | sed -n 3p)
	export TCPSTATS_INVENTORY=$scratch/vms.toml TCPSTATS_DIST=$root/dist
	local any_port='--listen 127.0.0.1:0'

	type_line "$(with 'nix run .#integration-test-freebsd' "$any_port")"
	check "all tests on three hosts" matched 3 '^ freebsd1(43|44|50) +passed +[0-9]+ +0 +[0-9]+ '
	type_line "$(with 'nix run .#integration-test-freebsd -- A,B,D' "$any_port")"
	check "categories A, B and D on three hosts" matched 3 '^ freebsd1(43|44|50) +passed +64 +0 +0 '
	type_line "FREEBSD_HOST=root@$third $(with 'nix run .#integration-test-freebsd150 -- A' "$any_port --json")"
	check "FREEBSD_HOST: one VM, elsewhere" matched 1 "\"address\": \"root@$third:22\""
	check "FREEBSD_HOST: its tests passed" matched 3 '"passed": 12,'

	type_line "INTEGRATION_TARGET=unit $(with 'nix run .#integration-test-freebsd144' "$any_port")"
	check "INTEGRATION_TARGET: another target" matched 1 '^ freebsd144 +passed +[1-9][0-9]+ +0 +0 '

	type_line "$(with 'nix run .#integration-test-freebsd143 -- Z' "$any_port")"
	check "a category that there is not is refused" refused 2 "unknown category 'Z'"
	type_line "FREEBSD_HOST=root@127.0.0.1 unshare --net $(with 'nix run .#integration-test-freebsd143' "$any_port --retries 0")"
	check "a VM that is not reached: exit status 3" ended 3
	unset TCPSTATS_INVENTORY TCPSTATS_DIST
}

isolate_nix
isolate_orchestrator
copy_tree
test_readme
test_outputs
test_builds
test_integration_lines
test_kmod_lines
test_shell
test_lab
conclude
