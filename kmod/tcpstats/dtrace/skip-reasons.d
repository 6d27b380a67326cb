#!/usr/sbin/dtrace -s
/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Why connections are not reported, each second, by the program that reads.
 */
#pragma D option quiet

BEGIN
{
	reason[0] = "gencnt";
	reason[1] = "cred";
	reason[2] = "ipver";
	reason[3] = "state";
	reason[4] = "port";
	reason[5] = "addr";
	reason[6] = "timeout";
}

tcpstats::filter:skip
{
	@skipped[execname, reason[(int)arg1]] = count();
}

tcpstats::filter:match
{
	@skipped[execname, "(reported)"] = count();
}

tick-1s
{
	printf("%Y\n", walltimestamp);
	printa("  %-20s %-12s %@8d\n", @skipped);
	trunc(@skipped);
}
