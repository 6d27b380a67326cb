/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The gate: how many are in and how many may be; none before the module is
 * set up, nor from when it begins to go.
 */
#include "tcpstats_kernel.h"

#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/mutex.h>

struct tcpstats_limits tcpstats_limits;

static struct mtx gate_mtx;
static struct tcpstats_admission admission; /* (gate_mtx) */
static bool is_open;			    /* (gate_mtx) */

void
tcpstats_gate_init(void)
{

	mtx_init(&gate_mtx, "tcpstats gate", NULL, MTX_DEF);
	tcpstats_limits = tcpstats_limits_default;
}

void
tcpstats_gate_destroy(void)
{

	mtx_destroy(&gate_mtx);
}

void
tcpstats_gate_lift(void)
{

	mtx_lock(&gate_mtx);
	is_open = true;
	mtx_unlock(&gate_mtx);
}

int
tcpstats_gate_open(void)
{
	int error = ENXIO;

	mtx_lock(&gate_mtx);
	if (is_open)
		error = tcpstats_admit_open(&admission, &tcpstats_limits);
	mtx_unlock(&gate_mtx);
	return (error);
}

void
tcpstats_gate_close(void)
{

	mtx_lock(&gate_mtx);
	tcpstats_admit_close(&admission);
	mtx_unlock(&gate_mtx);
}

int
tcpstats_gate_read(void)
{
	int error;

	mtx_lock(&gate_mtx);
	error = tcpstats_admit_read(&admission, &tcpstats_limits);
	mtx_unlock(&gate_mtx);
	return (error);
}

void
tcpstats_gate_read_done(void)
{

	mtx_lock(&gate_mtx);
	tcpstats_admit_read_done(&admission);
	mtx_unlock(&gate_mtx);
}

int
tcpstats_gate_shut(void)
{
	int error = 0;

	mtx_lock(&gate_mtx);
	if (admission.ta_active_fds == 0)
		is_open = false;
	else
		error = EBUSY;
	mtx_unlock(&gate_mtx);
	return (error);
}

int
tcpstats_gate_idle(void)
{
	int error;

	mtx_lock(&gate_mtx);
	error = admission.ta_active_fds == 0 ? 0 : EBUSY;
	mtx_unlock(&gate_mtx);
	return (error);
}

uint32_t *
tcpstats_gate_active_fds(void)
{

	return (&admission.ta_active_fds);
}
