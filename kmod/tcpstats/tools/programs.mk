# SPDX-License-Identifier: BSD-2-Clause
# The TOOLS, made in the present folder from what is in SOURCE: what Makefile,
# whose targets are for use, calls.  In what GNU make and BSD's share.

WARNINGS = -Wall -Wextra -Werror -Wshadow -Wmissing-prototypes \
	-Wstrict-prototypes -Wundef
OPTIMIZE = -O2 -g
COMPILE = $(CC) -std=gnu11 -D_GNU_SOURCE -pthread $(WARNINGS) $(OPTIMIZE) \
	$(CFLAGS)

CORE_SOURCES != cd $(SOURCE)/../core && echo *.c
CORE = $(CORE_SOURCES:.c=.o)
DEVICE = args.o device.o nodes.o
LOAD = args.o connections.o holder.o
LIMITS = args.o connections.o device.o holder.o limits.o nodes.o tap.o
BENCH = bench.o bench_reference.o
OBJECTS = $(CORE) $(LIMITS) $(BENCH) $(TOOLS:=.o)

VPATH = $(SOURCE):$(SOURCE)/../core:$(SOURCE)/../test:$(SOURCE)/test
.SUFFIXES:
.SUFFIXES: .c .o
.PHONY: all force

all: $(TOOLS)

read_tcpstats: read_tcpstats.o $(DEVICE) $(CORE)
bench_read_tcpstats: bench_read_tcpstats.o $(DEVICE) $(CORE)
read_tcpstats bench_read_tcpstats:
	$(COMPILE) -o $@ $@.o $(DEVICE) $(CORE)

bench_filter_parse: bench_filter_parse.o $(BENCH) $(CORE)
	$(COMPILE) -o $@ $@.o $(BENCH) $(CORE)

gen_connections: gen_connections.o $(LOAD)
	$(COMPILE) -o $@ $@.o $(LOAD)

test_dos_limits: test_dos_limits.o $(LIMITS) $(CORE)
	$(COMPILE) -o $@ $@.o $(LIMITS) $(CORE)

broken_promise.so: broken_promise.c command
	$(COMPILE) -fPIC -shared -o $@ $(SOURCE)/test/broken_promise.c

.c.o:
	$(COMPILE) -MMD -MP -c -o $@ $<

# Another compiler or other flags make everything anew.
$(OBJECTS): command
force:
command: force
	@echo '$(COMPILE)' | cmp -s - $@ || echo '$(COMPILE)' >$@

-include $(OBJECTS:.o=.d)
