# SPDX-License-Identifier: BSD-2-Clause
# The test programs, made in the present folder from those in SOURCE: what
# Makefile, whose targets are for use, calls.  In what GNU make and BSD's share.

WARNINGS = -Wall -Wextra -Werror -Wconversion -Wshadow -Wmissing-prototypes \
	-Wstrict-prototypes -Wundef
# Not all valgrinds read the newer debug data that clang writes by itself.
OPTIMIZE = -O2 -gdwarf-4
COMPILE = $(CC) -std=c11 $(WARNINGS) $(OPTIMIZE) $(CFLAGS) $(SANITIZE)

TESTS = test_admit test_filter_ioctl test_filter_match \
	test_filter_parse_accept test_filter_parse_refuse \
	test_filter_parse_sweep test_profile test_read test_read_limits
BENCHES = bench_filter_match bench_filter_parse
CORE_SOURCES != cd $(SOURCE)/../core && echo *.c
CORE = $(CORE_SOURCES:.c=.o)
HELPERS = fake_table.o match_model.o support.o tap.o
BENCH_HELPERS = bench.o bench_reference.o support.o tap.o
OBJECTS = $(CORE) $(HELPERS) $(BENCH_HELPERS) $(TESTS:=.o) $(BENCHES:=.o)

VPATH = $(SOURCE):$(SOURCE)/../core
.SUFFIXES:
.SUFFIXES: .c .o
.PHONY: tests bench callgrind force

# Run every program even if one fails, and fail if any did.
tests: $(TESTS)
	@status=0; for test in $(TESTS); do \
		echo "# $$test"; $(UNDER) ./$$test || status=1; \
	done; exit $$status

bench: $(BENCHES)
	@$(SOURCE)/steady.sh ./bench_filter_parse
	@$(SOURCE)/steady.sh ./bench_filter_match

# The calls of the matcher are those of each turn, once.
callgrind: $(BENCHES)
	@status=0; \
	$(SOURCE)/callgrind.sh ./bench_filter_parse tcpstats_filter_parse 100 || \
		status=1; \
	$(SOURCE)/callgrind.sh ./bench_filter_match tcpstats_match 16384 || \
		status=1; \
	exit $$status

$(TESTS): $(TESTS:=.o) $(HELPERS) $(CORE)
	$(COMPILE) -o $@ $@.o $(HELPERS) $(CORE)

$(BENCHES): $(BENCHES:=.o) $(BENCH_HELPERS) $(CORE)
	$(COMPILE) -o $@ $@.o $(BENCH_HELPERS) $(CORE)

.c.o:
	$(COMPILE) -MMD -MP -c -o $@ $<

# Another compiler or other flags make everything anew.
$(OBJECTS): command
force:
command: force
	@echo '$(COMPILE)' | cmp -s - $@ || echo '$(COMPILE)' >$@

-include $(OBJECTS:.o=.d)
