#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Install what building, testing and the lab need, on Debian and its kin; with
# the argument `freebsd` also what building Rust for FreeBSD needs.
# Says what is missing before it installs; installs nothing twice.
set -euo pipefail

# Package, and a file that shows it is there.
packages=(
	"bmake /usr/bin/bmake"
	"build-essential /usr/bin/cc"
	"ca-certificates /etc/ssl/certs/ca-certificates.crt"
	"clang-14 /usr/bin/clang-14"
	"clang-format-14 /usr/bin/clang-format-14"
	"curl /usr/bin/curl"
	"fuse3 /usr/bin/fusermount3"
	"git /usr/bin/git"
	"iproute2 /usr/bin/ss"
	"libck-dev /usr/include/ck_queue.h"
	"libclang-rt-14-dev /usr/lib/llvm-14/lib/clang/14.0.6/lib/linux"
	"libfaketime /usr/share/doc/libfaketime"
	"libfuse3-dev /usr/include/fuse3/fuse_lowlevel.h"
	"llvm-14 /usr/bin/llvm-readelf-14"
	"mandoc /usr/bin/mandoc"
	"nix-bin /usr/bin/nix"
	"nodejs /usr/bin/node"
	"npm /usr/bin/npm"
	"openssh-client /usr/bin/ssh"
	"openssh-server /usr/sbin/sshd"
	"pkg-config /usr/bin/pkg-config"
	"procps /usr/bin/ps"
	"prometheus /usr/bin/promtool"
	"prometheus-alertmanager /usr/bin/amtool"
	"python3-venv /usr/share/doc/python3-venv"
	"rsync /usr/bin/rsync"
	"shellcheck /usr/bin/shellcheck"
	"tidy /usr/bin/tidy"
	"util-linux /usr/bin/flock"
	"valgrind /usr/bin/valgrind"
)
# A second Rust, of 1.4 GB, beside the one that the user has.
packages_freebsd=(
	"cargo-web /usr/share/doc/cargo-web"
	"rust-web-src /usr/share/doc/rust-web-src"
	"rustc-web /usr/share/doc/rustc-web"
)

say() { printf 'setup: %s\n' "$*"; }
die() {
	printf 'setup: %s\n' "$*" >&2
	exit 3
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "root is needed to install packages: run as root, or install sudo"
	fi
}

case "$*" in
'') ;;
freebsd) packages+=("${packages_freebsd[@]}") ;;
*)
	echo "usage: setup.sh [freebsd]" >&2
	exit 2
	;;
esac

# The rest is in nix/dev-shell.nix; Debian's second Rust is not.
if [ -n "${IN_NIX_SHELL-}" ] && [ $# -eq 0 ]; then
	say "the tools are those of the Nix shell"
	exit 0
fi

missing=()
for entry in "${packages[@]}"; do
	read -r package file <<<"$entry"
	[ -e "$file" ] || missing+=("$package")
done

# Debian starts the services that it installs. None is wanted here: the lab
# runs its own sshd, and the tests their own prometheus.
without_services() {
	local policy=/usr/sbin/policy-rc.d ours=no status=0
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
		as_root chmod 755 "$policy"
		ours=yes
	fi
	"$@" || status=$?
	if [ "$ours" = yes ]; then
		as_root rm -f "$policy"
	fi
	return "$status"
}

disable_new_services() {
	[ -d /run/systemd/system ] || return 0
	local package
	for package in "$@"; do
		case "$package" in
		openssh-server) as_root systemctl disable --now ssh.service ;;
		prometheus | prometheus-alertmanager)
			as_root systemctl disable --now "$package.service"
			;;
		esac
	done
}

if [ "${#missing[@]}" -eq 0 ]; then
	say "all Debian packages are there"
else
	command -v apt-get >/dev/null ||
		die "missing: ${missing[*]}; no apt-get here: install their like by hand"
	say "installing with apt-get: ${missing[*]}"
	as_root apt-get update -qq
	without_services as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends --no-remove \
		"${missing[@]}" >/dev/null ||
		die "apt-get could not install them; if another package is in the" \
			"way of one, such as Debian's rustup or rustc, remove it first"
	disable_new_services "${missing[@]}"
fi

command -v cargo >/dev/null ||
	die "no cargo: install Rust 1.95 or later (https://rustup.rs), then run this again"
say "$(cargo --version), $(rustc --version)"
