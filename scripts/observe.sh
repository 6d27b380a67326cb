#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Bring up embedded hosts, `orchestrator serve` with a schedule for them, and
# Prometheus and Alertmanager with the files in grafana/; say where they are;
# on Ctrl-C take everything down.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib/lab.sh
source scripts/lib/lab.sh
# shellcheck source=scripts/lib/ports.sh
source scripts/lib/ports.sh

usage() {
	cat >&2 <<-'END'
		usage: observe.sh [option]...
		  --hosts N       hosts of the lab (3)
		  --name NAME     name of the lab (watch)
		  --dir DIR       what is kept (target/observe)
		  --bin-dir DIR   where orchestrator and tcpstatsd are (target/release)
		  --dist DIR      what is brought to the hosts (dist)
		  --hurry         runs without a pause, and alerts without a wait
	END
	exit 2
}

hosts=3
name=watch
dir=target/observe
bin_dir=target/release
dist=dist
hurry=no
while [ $# -gt 0 ]; do
	case "$1" in
	--hurry)
		hurry=yes
		shift
		continue
		;;
	esac
	[ $# -ge 2 ] || usage
	case "$1" in
	--hosts) hosts=$2 ;;
	--name) name=$2 ;;
	--dir) dir=$2 ;;
	--bin-dir) bin_dir=$2 ;;
	--dist) dist=$2 ;;
	*) usage ;;
	esac
	shift 2
done

mkdir -p "$dir"
dir=$(realpath "$dir")
orchestrator=$bin_dir/orchestrator
name_lab "$name" "$dir/lab" "$bin_dir"

pids=()
# shellcheck disable=SC2317  # called by trap
finish() {
	local status=$? pid
	trap '' INT TERM
	# The orchestrator, which is the first, needs the lab until it has ended.
	for pid in "${pids[@]}"; do
		kill -TERM "$pid" 2>/dev/null || true
		wait "$pid" || true
	done
	take_lab_down || status=1
	exit "$status"
}
trap finish EXIT
trap 'exit 0' INT TERM

# Run a program in the background, in a process group of its own so that
# Ctrl-C reaches this script alone.
start() {
	local log=$1
	shift
	setsid "$@" >"$log" 2>&1 </dev/null &
	pids+=($!)
}

# Wait until a program answers at a URL.
await() {
	local what=$1 log=$2 url=$3 deadline=$((SECONDS + 60))
	until curl -fsS --max-time 2 -o /dev/null "$url" 2>/dev/null; do
		if ! kill -0 "${pids[-1]}" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
			printf 'observe: %s does not answer at %s:\n' "$what" "$url" >&2
			tail -n 5 "$log" >&2
			exit 3
		fi
		sleep 0.1
	done
}

# The exporter of each host, for the orchestrator on its loopback and for
# Prometheus on its address.
start_exporters() {
	local arch host address
	case "$(uname -m)" in
	x86_64) arch=amd64 ;;
	aarch64) arch=arm64 ;;
	esac
	mkdir -p "$dir/prometheus/exporters"
	while read -r host address; do
		"${lab[@]}" exec "$host" -- sh -c \
			'cat >/root/tcpstats-exporter && chmod 755 /root/tcpstats-exporter' \
			<"$dist/linux-$arch/tcpstats-exporter"
		# shellcheck disable=SC2016  # expanded on the host
		"${lab[@]}" exec "$host" -- sh -c \
			'setsid /root/tcpstats-exporter --listen 127.0.0.1:9814 --listen "$1:9814" \
				>/root/exporter.log 2>&1 </dev/null &' sh "$address" </dev/null
		printf -- '- targets: ["%s:9814"]\n  labels:\n    vm: %s\n' "$address" "$host"
	done < <("${lab[@]}" status | awk 'NR > 1 { print $1, $2 }') \
		>"$dir/prometheus/exporters/lab.yml"
}

# The lab's inventory, and for each VM its exporter and a file for a console.
write_inventory() {
	local host
	mkdir -p "$dir/consoles"
	for host in $(seq 1 "$hosts"); do
		: >"$dir/consoles/$name$host"
	done
	awk -v dir="$dir" '
		{ print }
		/^\[defaults\]$/ { print "exporter = \"127.0.0.1:9814\"" }
		/^name = / { gsub(/"/, "", $3); printf "console = { file = \"%s/consoles/%s\" }\n", dir, $3 }
	' "$dir/lab/vms.toml" >"$dir/vms.toml"
}

# Each host by itself, so that one does not wait for another.
write_schedule() {
	local host
	for host in $(seq 1 "$hosts"); do
		printf '[[schedule]]\ncron = "%s"\ntarget = "live_integration,live_bench"\nvms = ["%s%d"]\n' \
			"$1" "$name" "$host"
	done >"$dir/serve.toml"
}

# Our files, with the addresses that are used here.
write_prometheus() {
	cp -R grafana/prometheus/rules "$dir/prometheus/"
	sed "s/127\.0\.0\.1:9815/127.0.0.1:$1/; s/127\.0\.0\.1:9093/127.0.0.1:$2/" \
		grafana/prometheus/prometheus.yml >"$dir/prometheus/prometheus.yml"
	cp grafana/prometheus/alertmanager.yml "$dir/prometheus/"
}

hurry_up() {
	sed -i -E 's/^(    +for:) .*/\1 0s/' "$dir"/prometheus/rules/alerts.yml
	sed -i -E 's/vector\([0-9]+\)/vector(1)/' "$dir"/prometheus/rules/recording.yml
	sed -i -E 's/(_interval|_timeout): .*/\1: 1s/' "$dir/prometheus/prometheus.yml"
	sed -i -E 's/(group_wait|group_interval): .*/\1: 1s/' "$dir/prometheus/alertmanager.yml"
}

bring_lab_up "$hosts"
start_exporters
write_inventory
orchestrator_port=$(free_port 9815)
prometheus_port=$(free_port 9090)
alertmanager_port=$(free_port 9093)
write_prometheus "$orchestrator_port" "$alertmanager_port"
if [ "$hurry" = yes ]; then
	write_schedule '* * * * * *'
	hurry_up
else
	write_schedule '*/2 * * * *'
fi
token=$dir/token
(umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$token")

start "$dir/serve.log" "$orchestrator" serve --inventory "$dir/vms.toml" \
	--config "$dir/serve.toml" --runs-dir "$dir/runs" --dist "$dist" \
	--token-file "$token" --connections 1000 --listen "127.0.0.1:$orchestrator_port"
await orchestrator "$dir/serve.log" "http://127.0.0.1:$orchestrator_port/readyz"
# Without an address for a cluster it listens for none.
start "$dir/alertmanager.log" prometheus-alertmanager \
	--config.file="$dir/prometheus/alertmanager.yml" --storage.path="$dir/alertmanager" \
	--web.listen-address="127.0.0.1:$alertmanager_port" --cluster.listen-address=
await Alertmanager "$dir/alertmanager.log" "http://127.0.0.1:$alertmanager_port/-/ready"
start "$dir/prometheus.log" prometheus \
	--config.file="$dir/prometheus/prometheus.yml" --storage.tsdb.path="$dir/tsdb" \
	--web.listen-address="127.0.0.1:$prometheus_port"
await Prometheus "$dir/prometheus.log" "http://127.0.0.1:$prometheus_port/-/ready"

cat <<END

orchestrator   http://127.0.0.1:$orchestrator_port/ (its /metrics is scraped)
Prometheus     http://127.0.0.1:$prometheus_port/
Alertmanager   http://127.0.0.1:$alertmanager_port/
               (Debian's has no page: amtool --alertmanager.url=http://127.0.0.1:$alertmanager_port alert)
logs and runs  $dir

Grafana is not in Debian. One in a container, with our dashboards, at http://127.0.0.1:3000/:
  cd grafana && PROMETHEUS_URL=http://127.0.0.1:$prometheus_port docker compose up grafana
One that runs already: give it that Prometheus as a data source, and import grafana/dashboards/*.json.

To see an alert, break something:
  $orchestrator lab --name $name --dir $dir/lab exec ${name}1 -- sysctl -w net.ipv4.tcp_max_tw_buckets=0
  $orchestrator lab --name $name --dir $dir/lab exec ${name}2 -- pkill -f listener
  echo 'panic: for show' >>$dir/consoles/${name}3

Ctrl-C takes all of it down.
END
status=0
wait -n "${pids[@]}" || status=$?
printf 'observe: a program ended by itself (status %d); see %s/*.log\n' "$status" "$dir" >&2
exit 3
