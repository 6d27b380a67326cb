#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The C tools against a real device with real connections, on Linux as root:
#
#	test_tools.sh TOOLS TCPSTATSD
#
# TOOLS is the folder of the programs, TCPSTATSD the daemon that serves the
# device.  TAP on stdout.  All happens in namespaces of its own: nothing else is
# in the way of exact numbers, and nothing is left.
set -euo pipefail

die() {
	printf 'test_tools: %s\n' "$*" >&2
	exit 3
}

if [ "${1:-}" != --inside ]; then
	[ "$#" -eq 2 ] || {
		echo "usage: test_tools.sh TOOLS TCPSTATSD" >&2
		exit 2
	}
	[ "$(id -u)" -eq 0 ] || die "needs root: for namespaces and a mount"
	[ -c /dev/fuse ] || die "needs /dev/fuse"
	exec unshare --net --mount --pid --fork --kill-child --mount-proc \
		"$0" --inside "$(realpath "$1")" "$(realpath "$2")"
fi
tools=$2 tcpstatsd=$3
PATH=$tools:$PATH

scratch=$(mktemp -d)
trap 'umount --lazy "$scratch"; rmdir "$scratch"' EXIT
mount -t tmpfs tmpfs "$scratch"
mkdir "$scratch/dev"
export TCPSTATS_MOUNT=$scratch/mount

# ---- TAP ----

reported=0
failed=0

report() {
	reported=$((reported + 1))
	if [ "$1" -eq 0 ]; then
		printf 'ok %d - %s\n' "$reported" "$2"
	else
		failed=$((failed + 1))
		printf 'not ok %d - %s\n' "$reported" "$2"
	fi
}

# is WHAT EXPECTED ACTUAL
is() {
	local status=0
	[ "$2" = "$3" ] || status=1
	report "$status" "$1"
	[ "$status" -eq 0 ] ||
		{ diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") || true; } | sed 's/^/# /'
}

# says STATUS TEXT COMMAND...: the command ends so, with the text on stderr.
says() {
	local expected=$1 text=$2 actual=0
	shift 2
	"$@" >/dev/null 2>"$scratch/stderr" || actual=$?
	if [ "$actual" -eq "$expected" ] &&
		grep --quiet --fixed-strings -e "$text" "$scratch/stderr"; then
		report 0 "$* ends with $expected: $text"
	else
		report 1 "$* ends with $expected: $text"
		printf '# exit status %d\n' "$actual"
		sed 's/^/# /' "$scratch/stderr"
	fi
}

# ---- What runs beside ----

# Start a program and wait for its first line on stdout, which is then in
# $first_line, and its process in $started.
start() {
	mkfifo "$scratch/fifo"
	"$@" >"$scratch/fifo" 2>"$scratch/errors" &
	started=$!
	first_line=
	read -r first_line <"$scratch/fifo" || true
	rm "$scratch/fifo"
}

# End it; its exit status is in $status then.
stop() {
	kill -TERM "$started" 2>/dev/null || true
	status=0
	wait "$started" || status=$?
}

counts() { read_tcpstats -c "$@" | tr '\n' ' '; }

# ---- The tests ----

test_wrong_use() {
	local tool number
	for tool in read_tcpstats bench_read_tcpstats gen_connections test_dos_limits; do
		says 2 "usage: $tool" "$tool" -Z
	done
	says 2 "usage: read_tcpstats" read_tcpstats surplus
	says 2 "usage: test_dos_limits" test_dos_limits surplus
	says 2 "usage: gen_connections" gen_connections
	says 2 "workloads: no_filter port_selectivity" bench_read_tcpstats nonsense
	for number in 0 500001 -1 ' 5' 5x ''; do
		says 2 "number of connections '$number' is not a number from 1 to 500000" \
			gen_connections -n "$number"
	done
	says 2 "buffer size '319' is not a number from 320 to" read_tcpstats -b 319
	says 2 "is not a number from 320 to 4194304" bench_read_tcpstats -b 4194305
	says 2 "is not a number from 1 to 1000" bench_read_tcpstats -s 0
	says 2 "at byte 11: '0'" read_tcpstats -f local_port=0
}

test_lacking() {
	says 1 "failed to open $scratch/nothing: No such file or directory: is tcpstatsd running?" \
		read_tcpstats -d "$scratch/nothing"
	says 3 "'nonsense' is not a numeric address" gen_connections -n 1 -s nonsense
	says 3 "192.0.2.1 is no address of this machine: add it with" \
		gen_connections -n 1 -s 192.0.2.1
	says 3 "RLIMIT_NOFILE allows 17 descriptors" \
		bash -c 'ulimit -n 17; exec gen_connections -n 1'
	says 3 "4097 connections need 513 processes and 512 are allowed" \
		bash -c 'ulimit -n 32; exec gen_connections -n 4097'
}

# Every connection as ss(8), which asks the kernel itself, and as the tool shows
# it.
compare_with_ss() {
	local seen
	seen=$(read_tcpstats | awk 'NR > 1 && $3 == "established" { print $1, $2 }' | sort)
	is "read_tcpstats shows the connections that ss shows" \
		"$(ss -Htn state established | awk '{ print $3, $4 }' | sort)" "$seen"
	is "which are 400 ends" 400 "$(wc -l <<<"$seen")"
}

test_reading() {
	start gen_connections -n 200
	is "gen_connections says when all stand" "ready 200" "$first_line"
	is "both ends of 200 connections, and a listener" \
		"listen 1 established 400 total 401 " "$(counts)"
	compare_with_ss
	is "the same through a buffer of one record" \
		"listen 1 established 400 total 401 " "$(counts -b 320)"
	is "a filter holds" "listen 1 total 1 " "$(counts -f include_state=listen)"
	is "another one, too" "total 0 " "$(counts -f ipv6_only)"
	test_workloads
	stop
	is "gen_connections ends well on SIGTERM" 0 "$status"
	is "and leaves none" "total 0 " "$(counts)"
}

# Every measurement but for its times: the sockets are those of 200 connections.
test_workloads() {
	local expected readers
	expected=$(
		echo "no_filter 1 1048576 401 401"
		echo "port_selectivity 1 1048576 401 0"
		echo "port_selectivity 1 1048576 401 1"
		echo "port_selectivity 1 1048576 401 201"
		echo "state 1 1048576 401 1"
		echo "state 1 1048576 401 400"
		echo "state 1 1048576 401 1"
		echo "state 1 1048576 401 400"
		for _ in identity default all; do
			echo "field_groups 1 1048576 401 401"
		done
		for size in 320 4096 65536 1048576 4194304; do
			echo "buffer_size 1 $size 401 401"
		done
		for readers in 1 2 4 8 16; do
			echo "concurrent_readers $readers 1048576" \
				"$((401 * readers)) $((401 * readers))"
		done
		echo "ip_version 1 1048576 401 401"
		echo "ip_version 1 1048576 401 0"
	)
	bench_read_tcpstats -s 2 >"$scratch/bench"
	is "bench_read_tcpstats reads what its seven workloads ask for" "$expected" \
		"$(awk -F '\t' '!/^#/ { print $1, $3, $4, $5, $6 }' "$scratch/bench")"
	is "with two samples each, of some duration" 23 \
		"$(awk -F '\t' 'NF == 8 && $7 > 0 && $8 > 0' "$scratch/bench" | wc -l)"
}

test_spreading() {
	start gen_connections -n 201 -p 4 -s 127.0.0.1 -s 127.0.0.2
	is "four processes listen for themselves" \
		"listen 4 established 402 total 406 " "$(counts)"
	is "the first address has half of them, and the odd one" \
		"listen 2 established 202 total 204 " \
		"$(counts -f local_addr=127.0.0.1)"
	is "the second has the rest" \
		"listen 2 established 200 total 202 " \
		"$(counts -f local_addr=127.0.0.2)"
	stop
	start gen_connections -n 100 -s ::1
	is "IPv6 as well" "listen 1 established 200 total 201 " \
		"$(counts -f ipv6_only)"
	stop
	start bash -c 'ulimit -n 116; exec gen_connections -n 120'
	is "as many processes as RLIMIT_NOFILE asks for" \
		"listen 3 established 240 total 243 " "$(counts)"
	stop
}

test_lost_holder() {
	start gen_connections -n 20 -p 2
	kill -KILL "$(pgrep --newest --parent "$started")"
	status=0
	wait "$started" || status=$?
	is "gen_connections fails where a process of its own dies" 1 "$status"
	is "and says so" \
		"gen_connections: a process that held connections has ended" \
		"$(cat "$scratch/errors")"
	is "and the others end with it" "total 0 " "$(counts)"
}

limits() { (cd "$TCPSTATS_MOUNT/sysctl" && cat max_* min_*); }

# breaks PROMISE FAILURE...: these tests fail, and no others, where the device
# breaks that promise.
breaks() {
	local promise=$1 status=0
	shift
	LD_PRELOAD=$tools/broken_promise.so BROKEN_PROMISE=$promise \
		test_dos_limits -n 9000 >"$scratch/tap" || status=$?
	is "test_dos_limits sees the promise '$promise' broken" \
		"$(printf '%s\n' "$@")" "$(sed -n 's/^not ok [0-9]* - //p' "$scratch/tap")"
	is "and fails" 1 "$status"
}

test_limits() {
	local before status=0
	before=$(limits)
	test_dos_limits >"$scratch/tap" || status=$?
	is "test_dos_limits passes" 0 "$status"
	is "with all of its tests" 21 "$(grep -c '^ok ' "$scratch/tap")"
	is "none of which fails" "" "$(grep '^not ok' "$scratch/tap" || true)"
	is "and puts the limits back" "$before" "$(limits)"
	breaks open "the fourth gets EMFILE" \
		"and refuses more until enough are closed"
	breaks duration "a read of 1 ms gives a part, and is counted"
	breaks busy "a second snapshot within the interval gets EBUSY" \
		"where no reader is allowed a read gets EBUSY"
	breaks once "the reads after it give the rest, each connection once" \
		"without a limit no read is cut short" \
		"reads that continue a snapshot are never too soon" \
		"with an interval of 0 the snapshot is given" \
		"where one is, it reads all: the refused read took nothing" \
		"the reads after it give the rest, each connection once"
	is "the limits are put back all the same" "$before" "$(limits)"
}

start "$tcpstatsd" --mount "$TCPSTATS_MOUNT" --dev-dir "$scratch/dev"
daemon=$started
[ "$first_line" = ready ] || die "tcpstatsd does not start: $(cat "$scratch/errors")"
ip link set lo up

test_wrong_use
test_lacking
test_reading
test_spreading
test_lost_holder
test_limits

started=$daemon
stop
is "tcpstatsd ends well" 0 "$status"
printf '1..%d\n' "$reported"
[ "$failed" -eq 0 ] || printf '# %d of %d tests failed\n' "$failed" "$reported"
[ "$failed" -eq 0 ]
