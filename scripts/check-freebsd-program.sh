#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Judge a program by what FreeBSD's kernel and run-time linker, of 14.0 and
# later, will look for in it:
#
#	check-freebsd-program.sh PROGRAM ARCH
#
# Says everything that is wrong, and exits 1 if anything is.
set -euo pipefail

[ "$#" -eq 2 ] || {
	echo "usage: check-freebsd-program.sh PROGRAM ARCH" >&2
	exit 2
}
program=$1 arch=$2
faults=0

fault() {
	printf '%s: %s\n' "$program" "$*" >&2
	faults=$((faults + 1))
}

read_elf() { llvm-readelf-14 --wide "$@" "$program"; }

case $arch in
amd64) expected_machine='Advanced Micro Devices X86-64' ;;
arm64) expected_machine='AArch64' ;;
*)
	echo "$arch: no such architecture" >&2
	exit 2
	;;
esac
machine=$(read_elf --file-header | sed -n 's/^ *Machine: *//p')
[ "$machine" = "$expected_machine" ] ||
	fault "is for ${machine:-no machine}, not for $expected_machine"

interpreter=$(read_elf --program-headers |
	sed -n 's/.*program interpreter: \(.*\)].*/\1/p')
[ "$interpreter" = /libexec/ld-elf.so.1 ] ||
	fault "asks for the run-time linker '$interpreter'"

# Without this note the kernel takes a program for one of an ancient release,
# and treats it as those were treated.
abi=$(read_elf --notes | sed -n 's/^ *ABI tag: //p')
[[ "$abi" =~ ^140[0-9]{4}$ ]] ||
	fault "has no note that it is for FreeBSD 14, but '$abi'"

# What the base system has, by the names that it has had since long before 14.
strange=$(read_elf --dynamic-table |
	sed -n 's/.*Shared library: \[\(.*\)\].*/\1/p' |
	grep -Exv 'lib(c\.so\.7|gcc_s\.so\.1|m\.so\.5|thr\.so\.3)' || true)
[ -z "$strange" ] ||
	fault "needs libraries that are not at hand: ${strange//$'\n'/ }"

# FreeBSD 14 came with FBSD_1.7 (lib/libc/Versions.def).
newer=$(read_elf --version-info | grep -Eo 'FBSD_1\.([89]|[1-9][0-9])' |
	sort -u || true)
[ -z "$newer" ] ||
	fault "needs symbols that came after FreeBSD 14.0: ${newer//$'\n'/ }"

[ "$faults" -eq 0 ] || exit 1
printf '%s: fit for FreeBSD 14 and later, %s\n' "$program" "$arch"
