#!/usr/sbin/dtrace -s
/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * What a record costs: the time of filling one, and of a read divided by the
 * records that it returned, in ns.  The probes themselves are in both figures.
 */
#pragma D option quiet

tcpstats::fill:done
{
	@fill["fill one record, ns"] = quantize(arg0);
}

tcpstats::read:done
/arg1 > 0/
{
	@share["read(2) per record, ns"] = quantize(arg2 / arg1);
}
