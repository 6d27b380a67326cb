#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Judge a module by what the kernel's linker, and DTrace and sysctl, will look
# for in it:
#
#	check-module.sh MODULE RELEASE ARCH
#
# Says everything that is wrong, and exits 1 if anything is.
set -euo pipefail

[ "$#" -eq 3 ] || {
	echo "usage: check-module.sh MODULE RELEASE ARCH" >&2
	exit 2
}
module=$1 release=$2 arch=$3
symbol_list=$(dirname "$0")/kernel-symbols.txt
faults=0

fault() {
	printf '%s: %s\n' "$module" "$*" >&2
	faults=$((faults + 1))
}

case $arch in
amd64)
	expected_type='REL Advanced Micro Devices X86-64'
	relocations='R_X86_64_(64|32S|PC32|PLT32)'
	float_registers='%([xyz]?mm|st|k)[0-9(]'
	;;
arm64)
	expected_type='DYN AArch64'
	relocations='R_AARCH64_(ABS64|GLOB_DAT|JUMP_SLOT|RELATIVE)'
	float_registers='[ \t{,[][bhsdqv][0-9]+([^0-9a-z]|$)'
	;;
*)
	echo "$arch: no such architecture" >&2
	exit 2
	;;
esac

header=$(llvm-readelf-14 --file-header "$module")
type=$(awk '$1 == "Type:" { print $2 }' <<<"$header")
machine=$(sed -n 's/^ *Machine: *//p' <<<"$header")
[ "$type $machine" = "$expected_type" ] ||
	fault "is $type $machine, not $expected_type"

# Linker sets, each with how many pointers it has.
sections=$(llvm-readelf-14 --sections --wide "$module" |
	sed -n 's/^ *\[ *[0-9]*\] *//p')
check_set() {
	local name=$1 expected=$2 size
	size=$(awk -v name="set_$name" '$1 == name { print $5 }' <<<"$sections")
	[ "$((16#${size:-0} / 8))" -eq "$expected" ] ||
		fault "linker set $name has $((16#${size:-0} / 8)) entries," \
			"not $expected"
}
check_set modmetadata_set 3 # what it is, its version, the kernel's
check_set sysinit_set 2     # the module, its malloc(9) type
check_set sysuninit_set 1
check_set sysctl_set 2 # dev.tcpstats, dev.tcpstats.profiles
check_set sdt_providers_set 1
check_set sdt_probes_set 7
check_set sdt_argtypes_set 12
if [ "$release" -ge 15 ]; then
	grep -q '^set_sdt_tracepoint_set ' <<<"$sections" ||
		fault "no probe is ever fired: no set_sdt_tracepoint_set"
fi

# The kernels that it asks for: from the one that it was built for to the last
# of that release, as three numbers in a structure that the metadata point to.
read -r address index <<<"$(llvm-readelf-14 --symbols --wide "$module" |
	awk '$8 == "_tcpstats_depend_on_kernel" { print $2, $7 }')"
section=$(llvm-readelf-14 --sections --wide "$module" |
	sed -n "s/^ *\\[ *${index:-none}\\] *//p")
read -r _ _ base offset _ <<<"$section"
if [ -z "$section" ]; then
	fault "does not say which kernels it is for"
else
	read -r oldest _ newest <<<"$(od -An -t u4 -N 12 \
		-j $((16#$offset + 16#$address - 16#$base)) "$module")"
	if [ "$((oldest / 100000))" -ne "$release" ] ||
		[ "$newest" -ne $((release * 100000 + 99999)) ]; then
		fault "is for kernels $oldest to $newest"
	fi
fi

writable_code=$(awk '$7 ~ /W/ && $7 ~ /X/ { print $1 }' <<<"$sections")
[ -z "$writable_code" ] ||
	fault "writable and executable: ${writable_code//$'\n'/ }"
! llvm-readelf-14 --program-headers --wide "$module" | grep -q ' RWE ' ||
	fault "has a segment that is writable and executable"

strange=$(llvm-readelf-14 --relocations --wide "$module" |
	awk '$3 ~ /^R_/ { print $3 }' | sort -u |
	grep -Exv "$relocations" || true)
[ -z "$strange" ] ||
	fault "relocations that the kernel's linker does not know: ${strange//$'\n'/ }"

# What it takes from the kernel is what the list says, no more and no less.
taken=$(llvm-nm-14 --undefined-only --format=just-symbols "$module" |
	grep -Ev '^__(start|stop)_set_' | LC_ALL=C sort -u)
listed=$(awk -v release="$release" -v arch="$arch" \
	'!/^#/ && ($3 == "-" || $3 == release || $3 == arch) { print $1 }' \
	"$symbol_list" | LC_ALL=C sort -u)
missing=$(LC_ALL=C comm -23 <(echo "$taken") <(echo "$listed"))
[ -z "$missing" ] ||
	fault "takes from the kernel what $symbol_list does not list: ${missing//$'\n'/ }"
unused=$(LC_ALL=C comm -13 <(echo "$taken") <(echo "$listed"))
[ -z "$unused" ] ||
	fault "does not take what $symbol_list lists: ${unused//$'\n'/ }"
exported=$(llvm-nm-14 --defined-only --extern-only --format=just-symbols \
	"$module" | grep -Ev '^__(start|stop)_set_' || true)
[ -z "$exported" ] ||
	fault "exports, so that another module could clash: ${exported//$'\n'/ }"

float_code=$(llvm-objdump-14 --disassemble --no-show-raw-insn "$module" |
	grep -Ec "^ *[0-9a-f]+:.*$float_registers" || true)
[ "$float_code" -eq 0 ] ||
	fault "$float_code instructions use floating point or SIMD registers"

[ "$faults" -eq 0 ] || exit 1
printf '%s: fit for FreeBSD %s %s\n' "$module" "$release" "$arch"
