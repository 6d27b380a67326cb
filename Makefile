# SPDX-License-Identifier: BSD-2-Clause
# One entry for every routine command; `make` alone lists them.

CARGO ?= cargo
KTEST := $(MAKE) --no-print-directory -C kmod/tcpstats/test
FUZZ := $(MAKE) --no-print-directory -C kmod/tcpstats/fuzz
TOOLS := $(MAKE) --no-print-directory -C kmod/tcpstats/tools
KERNEL_TEST := $(MAKE) --no-print-directory -C kmod/tcpstats/kernel-test
ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,amd64,$(shell uname -m)))
DIST := dist/linux-$(ARCH)
# The programs of a test machine; FreeBSD's kernel has the device itself.
VM_PROGRAMS := kmod-integration tcp-echo tcpstats tcpstats-exporter
LINUX_PROGRAMS := $(VM_PROGRAMS) tcpstatsd
# What compiling on a test machine takes.
KMOD_SOURCES := Makefile tcpstats.h tcpstats_layout.h core cross freebsd test tools
C_SOURCES := $(shell find kmod vm-bin -path kmod/tcpstats/build -prune -o \
	-name '*.[ch]' -print)
GRAFANA_TOOLS := grafana/node_modules/.package-lock.json
SHELL_SCRIPTS := .ci/run nix/test/bin/nix $(shell find scripts kmod nix -path kmod/tcpstats/build -prune -o \
	-name '*.sh' -print)

.PHONY: help
help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 26

.PHONY: setup
setup: ## install what building, testing and the lab need (Debian)
	@scripts/setup.sh

.PHONY: demo
demo: setup dist ## run all tests on three embedded hosts, end to end
	@scripts/demo.sh

.PHONY: demo-panic
demo-panic: setup dist ## show a run in which one of three embedded hosts panics
	@scripts/demo-panic.sh

.PHONY: observe
observe: setup dist ## three embedded hosts on a schedule, Prometheus and Alertmanager; Ctrl-C ends it
	@scripts/observe.sh

.PHONY: test
test: setup lint deny test-c tools fuzz-short kmod-test test-rust test-tools test-grafana freebsd test-demo test-nix ## set everything up and pass every test

.PHONY: build
build: ## build every program, optimised
	$(CARGO) build --release --workspace --locked

.PHONY: dist
dist: build dist-sources ## gather in dist/ what the orchestrator brings to a Linux VM
	@$(TOOLS) --silent CC=gcc
	@mkdir -p $(DIST)
	@install -m 755 $(addprefix target/release/,$(LINUX_PROGRAMS)) $(DIST)/
	@for tool in $$($(TOOLS) --silent list); do \
		install -m 755 kmod/tcpstats/build/tools/$$tool $(DIST)/ || exit 1; \
	done

.PHONY: dist-sources
dist-sources:
	@rm -rf dist/kmod && mkdir -p dist/kmod/tcpstats
	@cp -R $(addprefix kmod/tcpstats/,$(KMOD_SOURCES)) dist/kmod/tcpstats/

.PHONY: freebsd
freebsd: freebsd-module dist-sources ## cross-build everything for FreeBSD 14 and 15 into dist/
	@scripts/freebsd-programs.sh $(VM_PROGRAMS)

.PHONY: freebsd-module
freebsd-module: setup ## cross-build and check the kernel module alone
	$(MAKE) --no-print-directory -C kmod/tcpstats/cross

.PHONY: lint
lint: ## formatting, clippy, shellcheck; warnings are errors
	$(CARGO) fmt --all --check
	clang-format-14 --dry-run -Werror $(C_SOURCES)
	shellcheck $(SHELL_SCRIPTS)
	mandoc -T lint -W warning $(wildcard kmod/tcpstats/man/* vm-bin/*/man/*)
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

# Known vulnerabilities are not among it, since what is known changes without
# this tree: `scripts/deny.sh advisories` fetches the database and looks.
.PHONY: deny
deny: setup ## licences and origins of all crates, as deny.toml allows them
	@scripts/deny.sh

.PHONY: fmt
fmt: ## format all code
	$(CARGO) fmt --all
	clang-format-14 -i $(C_SOURCES)

.PHONY: test-c
test-c: ## the C core's tests: gcc and clang, sanitizers, valgrind
	$(KTEST) unit CC=gcc
	$(KTEST) unit CC=clang-14
	$(KTEST) asan CC=gcc
	$(KTEST) asan CC=clang-14
	$(KTEST) ubsan CC=clang-14
	$(KTEST) memcheck CC=gcc
	@# FreeBSD's make, which reads these files there.
	bmake -C kmod/tcpstats/test unit CC=clang-14 OBJDIR=../build/bmake
	bmake -C kmod/tcpstats/tools all CC=clang-14 OBJDIR=../build/bmake-tools

.PHONY: tools
tools: ## the C tools: read the device, measure, load the host, try the limits
	$(TOOLS) CC=clang-14 OBJDIR=../build/tools-clang-14
	$(TOOLS) CC=gcc

.PHONY: test-tools
test-tools: tools ## the C tools against the device, with real connections, as root
	$(CARGO) build --workspace --locked
	$(TOOLS) check CC=gcc TCPSTATSD=$(abspath target/debug/tcpstatsd)

.PHONY: fuzz
fuzz: ## fuzz parser, ioctl filter and device calls, FUZZ_TIME (60) s each
	$(FUZZ) fuzz

.PHONY: fuzz-short
fuzz-short: ## the same few runs of each fuzzer every time, from its corpus
	$(FUZZ) fuzz-short
	$(FUZZ) fuzz-short SANITIZERS=memory OBJDIR=../build/fuzz-memory

.PHONY: kmod-test
kmod-test: ## the FreeBSD module in a user-space kernel: rules, races, failures
	$(KERNEL_TEST) test CC=gcc
	$(KERNEL_TEST) asan CC=clang-14
	$(KERNEL_TEST) tsan CC=gcc

.PHONY: test-rust
test-rust: ## every Rust test; those of the lab and the device need root
	$(CARGO) build --workspace --locked
	$(CARGO) test --workspace --locked

# What makes and checks the dashboards, in the versions of the lock file.
$(GRAFANA_TOOLS): grafana/package-lock.json grafana/package.json
	cd grafana && npm ci --loglevel=error

.PHONY: dashboards
dashboards: $(GRAFANA_TOOLS) ## make Grafana's dashboards from their code
	cd grafana && npm run --silent generate

.PHONY: test-grafana
test-grafana: setup $(GRAFANA_TOOLS) ## dashboards as generated and valid; rules and alerts tested
	cd grafana && npm run --silent check
	promtool check rules grafana/prometheus/rules/*.yml
	promtool check config grafana/prometheus/prometheus.yml
	promtool test rules grafana/prometheus/tests/*.yml
	amtool check-config grafana/prometheus/alertmanager.yml

.PHONY: test-observe
test-observe: setup ## every panel's queries and the alerts over a real system; prints a table
	$(CARGO) build --workspace --locked
	$(CARGO) test -p orchestrator --locked --test lab observe -- --nocapture

.PHONY: test-demo
test-demo: dist ## `make demo` gives what the README says
	@scripts/test-demo.sh

.PHONY: test-nix
test-nix: dist ## the flake, without a network: evaluated, built, run
	@nix/test/run.sh

.PHONY: prove-regressions
prove-regressions: setup dist ## 30 real runs of one commit are quiet, a fifth slower is found in 5
	@scripts/prove-regressions.sh

.PHONY: bench
bench: dist ## measure what has a cost: parser, walk, connections, scrapes, statistics
	$(KTEST) bench CC=gcc
	$(KTEST) callgrind CC=gcc
	$(KERNEL_TEST) bench CC=gcc
	$(CARGO) bench -p tcp-echo --locked --bench scale
	$(CARGO) bench -p tcpstats-exporter --locked --bench scrape
	$(CARGO) bench -p regression --locked --bench judge
	@# A process each: what one leaves in the allocator would slow or flatter the next.
	for part in memory hosts events metrics; do \
		$(CARGO) bench -p orchestrator --locked --bench scale -- $$part || exit 1; \
	done
	$(CARGO) bench -p orchestrator --locked --bench history
	@scripts/bench-filter-tests.sh

.PHONY: clean
clean: ## remove what was built
	$(CARGO) clean
	rm -rf dist kmod/tcpstats/build grafana/build grafana/node_modules
