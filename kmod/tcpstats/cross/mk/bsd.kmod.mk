# SPDX-License-Identifier: BSD-2-Clause
# In place of FreeBSD's, for check-makefile.sh: says what the module's Makefile
# gives it.

sources: ${SRCS}
	@echo ${.ALLSRC}

flags:
	@echo ${KMOD} ${WERROR} ${CFLAGS:M-D*}

.PHONY: sources flags
