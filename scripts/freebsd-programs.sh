#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Cross-build programs for FreeBSD, on Debian and its kin, into
# DIST/freebsd-RELEASE-ARCH/: these of vm-bin, in Rust, and the C tools.
#
#	freebsd-programs.sh PROGRAM...
#
# ARCHES, of the environment, says for which architectures.
#
# The Rust compiler is Debian's and not the one that builds for Linux: Debian
# has the standard library's source, from which cargo makes the library for
# FreeBSD, so that nothing comes from rustup's server, which has none for arm64
# in any case. C compiler, linker and FreeBSD's libraries are those of a ziglang
# wheel.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib/venv.sh
source scripts/lib/venv.sh

# One build serves both: programs ask for the oldest libraries, those of 14.0,
# and later releases keep what these had.
releases=(14 15)
read -ra arches <<<"${ARCHES:-amd64 arm64}"
dist=${DIST:-dist}
target_dir=$PWD/target/freebsd
zig=$target_dir/zig-15/ziglang/zig
venv=$target_dir/cargo-zigbuild

declare -A clang_arches=([amd64]=x86_64 [arm64]=aarch64)

say() { printf 'freebsd-programs: %s\n' "$*"; }
die() {
	printf 'freebsd-programs: %s\n' "$*" >&2
	exit "${status:-3}"
}

# The library's source must be that of its compiler, and Debian does not tie
# the two.
check_compiler() {
	local versions
	versions=$(dpkg-query -W -f '${Version}\n' cargo-web rustc-web rust-web-src |
		sort -u)
	[ "$(wc -l <<<"$versions")" -eq 1 ] ||
		die "cargo-web, rustc-web and rust-web-src are of several versions:" \
			"${versions//$'\n'/ }; upgrade them together with apt-get"
}

build_rust() {
	local triples=() arch
	for arch in "${arches[@]}"; do
		triples+=(--target "${clang_arches[$arch]}-unknown-freebsd")
	done
	# -Z is for nightly compilers, unless the variable says otherwise. The
	# user's own flags are for the machine that this runs on.
	env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS -u CARGO_BUILD_TARGET \
		CARGO=/usr/bin/cargo RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
		CARGO_ZIGBUILD_ZIG_PATH="$zig" \
		CARGO_ZIGBUILD_CACHE_DIR="$target_dir/zigbuild" \
		"$venv/bin/cargo-zigbuild" zigbuild --release --locked \
		-Z build-std=std,panic_abort "${triples[@]}" \
		--target-dir "$target_dir" "${@/#/--package=}"
}

build_tools() {
	local arch=$1
	ZIG_GLOBAL_CACHE_DIR=$target_dir/zig-cache make --silent \
		-C kmod/tcpstats/tools OBJDIR="$target_dir/tools-$arch" OPTIMIZE=-O2 \
		CC="$zig cc -target ${clang_arches[$arch]}-freebsd.14.0"
}

gather() {
	local arch=$1 release program
	shift
	for program in "$@"; do
		scripts/check-freebsd-program.sh "$program" "$arch"
	done
	for release in "${releases[@]}"; do
		install -D -m 755 -t "$dist/freebsd-$release-$arch" "$@"
	done
}

[ "$#" -gt 0 ] || status=2 die "usage: freebsd-programs.sh PROGRAM..."
for arch in "${arches[@]}"; do
	[ -n "${clang_arches[$arch]:-}" ] || status=2 \
		die "$arch: no such architecture, there are: ${!clang_arches[*]}"
done
scripts/setup.sh freebsd
check_compiler
make --silent -C kmod/tcpstats/cross RELEASE=15 compiler
pinned_venv "$venv" scripts/cargo-zigbuild.txt

read -ra tools <<<"$(make --silent -C kmod/tcpstats/tools list)"
say "building for ${arches[*]}: $* ${tools[*]}"
build_rust "$@"
for arch in "${arches[@]}"; do
	build_tools "$arch"
	gather "$arch" "${tools[@]/#/$target_dir/tools-$arch/}" \
		"${@/#/$target_dir/${clang_arches[$arch]}-unknown-freebsd/release/}"
done
