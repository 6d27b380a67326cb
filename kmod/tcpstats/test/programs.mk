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
BENCH = bench_filter_parse
CORE_SOURCES != cd $(SOURCE)/../core && echo *.c
CORE = $(CORE_SOURCES:.c=.o)
HELPERS = fake_table.o match_model.o support.o tap.o
OBJECTS = $(CORE) $(HELPERS) $(TESTS:=.o) $(BENCH).o

VPATH = $(SOURCE):$(SOURCE)/../core
.SUFFIXES:
.SUFFIXES: .c .o
.PHONY: tests bench callgrind force

# Run every program even if one fails, and fail if any did.
tests: $(TESTS)
	@status=0; for test in $(TESTS); do \
		echo "# $$test"; $(UNDER) ./$$test || status=1; \
	done; exit $$status

bench: $(BENCH)
	@./$(BENCH)

callgrind: $(BENCH)
	@$(SOURCE)/callgrind.sh ./$(BENCH)

$(TESTS): $(TESTS:=.o) $(HELPERS) $(CORE)
	$(COMPILE) -o $@ $@.o $(HELPERS) $(CORE)

$(BENCH): $(BENCH).o $(CORE)
	$(COMPILE) -o $@ $@.o $(CORE)

.c.o:
	$(COMPILE) -MMD -MP -c -o $@ $<

# Another compiler or other flags make everything anew.
$(OBJECTS): command
force:
command: force
	@echo '$(COMPILE)' | cmp -s - $@ || echo '$(COMPILE)' >$@

-include $(OBJECTS:.o=.d)
