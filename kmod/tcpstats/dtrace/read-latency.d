#!/usr/sbin/dtrace -s
/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * How long reads of the tcpstats device take, in ns, and how many records
 * they return, by program.  Ctrl-C prints.
 */
#pragma D option quiet

tcpstats::read:done
/arg0 == 0/
{
	@latency[execname] = quantize(arg2);
	@records[execname] = quantize(arg1);
}

tcpstats::read:done
/arg0 != 0/
{
	@errors[execname, arg0] = count();
}

END
{
	printf("read(2), ns:\n");
	printa("%s %@d\n", @latency);
	printf("records a read:\n");
	printa("%s %@d\n", @records);
	printf("failed reads, by errno:\n");
	printa("%-20s %4d %@8d\n", @errors);
}
