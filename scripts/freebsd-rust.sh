#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Cross-build the Rust programs of vm-bin for FreeBSD, on Debian and its kin,
# into DIST/freebsd-RELEASE-ARCH/:
#
#	freebsd-rust.sh [ARCH...]
#
# The compiler is Debian's and not the one that builds for Linux: Debian has the
# standard library's source, from which cargo makes the library for FreeBSD, so
# that nothing comes from rustup's server, which has none for arm64 in any case.
# C compiler, linker and FreeBSD's libraries are those of a ziglang wheel.
set -euo pipefail
cd "$(dirname "$0")/.."

# One build serves both: programs ask for the oldest libraries, those of 14.0,
# and later releases keep what these had.
releases=(14 15)
programs=(kmod-integration tcp-echo tcpstats tcpstats-exporter)
dist=${DIST:-dist}
target_dir=$PWD/target/freebsd
venv=$target_dir/venv

say() { printf 'freebsd-rust: %s\n' "$*"; }
die() {
	printf 'freebsd-rust: %s\n' "$*" >&2
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

# A virtual environment with what the lists pin, made anew when they change.
install_wheels() {
	local lists=(scripts/freebsd-rust.txt kmod/tcpstats/cross/zig-15.txt)
	if cat "${lists[@]}" | cmp -s - "$venv/installed.txt"; then
		return
	fi
	say "installing cargo-zigbuild and ziglang in $venv"
	rm -rf "$venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check \
		--require-hashes --only-binary :all: "${lists[@]/#/--requirement=}"
	cat "${lists[@]}" >"$venv/installed.txt"
}

build() {
	local triple=$1 zig
	zig=$(echo "$venv"/lib/python*/site-packages/ziglang/zig)
	# -Z is for nightly compilers, unless the variable says otherwise. The
	# user's own flags are for the machine that this runs on.
	env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS -u CARGO_BUILD_TARGET \
		CARGO=/usr/bin/cargo RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
		CARGO_ZIGBUILD_ZIG_PATH="$zig" \
		CARGO_ZIGBUILD_CACHE_DIR="$target_dir/zigbuild" \
		"$venv/bin/cargo-zigbuild" zigbuild --release --locked \
		-Z build-std=std,panic_abort --target "$triple" \
		--target-dir "$target_dir" "${programs[@]/#/--package=}"
}

gather() {
	local arch=$1 triple=$2 release program
	for program in "${programs[@]}"; do
		scripts/check-freebsd-program.sh \
			"$target_dir/$triple/release/$program" "$arch"
	done
	for release in "${releases[@]}"; do
		install -D -m 755 -t "$dist/freebsd-$release-$arch" \
			"${programs[@]/#/$target_dir/$triple/release/}"
	done
}

declare -A triples=(
	[amd64]=x86_64-unknown-freebsd
	[arm64]=aarch64-unknown-freebsd
)
[ "$#" -gt 0 ] || set -- amd64 arm64
for arch in "$@"; do
	[ -n "${triples[$arch]:-}" ] ||
		status=2 die "$arch: no such architecture, there are: ${!triples[*]}"
done
scripts/setup.sh freebsd
check_compiler
install_wheels
for arch in "$@"; do
	say "building for $arch: ${programs[*]}"
	build "${triples[$arch]}"
	gather "$arch" "${triples[$arch]}"
done
