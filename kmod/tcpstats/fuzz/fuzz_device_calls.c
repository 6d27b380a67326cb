/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Sequences of calls of a device while sockets come and go and calls fail.
 * Each call is a byte of the input and those that its arguments take; what
 * must be true is checked by the models.
 */
#include <string.h>

#include "device_model.h"
#include "profile_model.h"

/* The bytes that are still to be understood; 0 behind their end. */
struct input {
	const uint8_t *at, *end;
};

static struct device device;
static struct profile_model profiles;

static uint8_t
next(struct input *input)
{

	return (input->at < input->end ? *input->at++ : 0);
}

/* A text, up to a byte 0 or the end; returns its length. */
static size_t
next_text(struct input *input, const char **text)
{
	const uint8_t *begin = input->at;

	while (input->at < input->end && *input->at != '\0' &&
	    input->at - begin < MAX_COMMAND)
		input->at++;
	*text = (const char *)begin;
	if (input->at < input->end && *input->at == '\0') {
		input->at++;
		return ((size_t)(input->at - begin) - 1);
	}
	return ((size_t)(input->at - begin));
}

static size_t
next_descriptor(struct input *input)
{

	return (next(input) % MAX_DESCRIPTORS);
}

static size_t
next_socket(struct input *input)
{
	const size_t high = next(input);

	return (device.nsockets == 0 ?
		0 :
		(high << 8 | next(input)) % device.nsockets);
}

static void
call_open(struct input *input)
{
	struct tcpstats_filter filter;

	tcpstats_filter_init(&filter);
	device_open(&device, next_descriptor(input), &filter);
}

static void
call_open_profile(struct input *input)
{
	const struct tcpstats_filter *filter;

	filter = profile_model_filter(&profiles, next(input));
	if (filter != NULL)
		device_open(&device, next_descriptor(input), filter);
}

static void
call_close(struct input *input)
{

	device_close(&device, next_descriptor(input));
}

static void
call_reset(struct input *input)
{

	device_reset(&device, next_descriptor(input));
}

/* Filters that tell the sockets apart, and one that none passes. */
static const char *
next_filter_text(struct input *input)
{
	static const char *const texts[] = { "ipv4_only", "ipv6_only",
		"exclude=listen,time_wait,established", "include_state=closing",
		"local_port=443", "local_port=80,443 fields=all",
		"local_addr=127.0.0.1", "local_addr=fd00::/16 exclude=listen",
		"local_port=1", "" };

	return (texts[next(input) % (sizeof(texts) / sizeof(texts[0]))]);
}

static void
call_set_filter(struct input *input)
{
	const char *text = next_filter_text(input);
	struct tcpstats_filter filter;

	CHECK(tcpstats_filter_parse(text, strlen(text), &filter, NULL) == 0,
	    "'%s' is refused", text);
	device_set_filter(&device, next_descriptor(input), &filter);
}

/* A filter of any bytes, in place of the default's from a place on. */
static void
call_set_raw_filter(struct input *input)
{
	const size_t begin = next(input) % sizeof(struct tcpstats_filter);
	size_t len = next(input) % 9;
	struct tcpstats_filter filter;

	tcpstats_filter_init(&filter);
	if (len > sizeof(filter) - begin)
		len = sizeof(filter) - begin;
	for (size_t i = 0; i < len; i++)
		((uint8_t *)&filter)[begin + i] = next(input);
	device_set_filter(&device, next_descriptor(input), &filter);
}

static void
call_read(struct input *input)
{
	static const size_t sizes[] = { 0, 1, RECORD - 1, RECORD, RECORD + 1,
		2 * RECORD - 1, 7 * RECORD, 33 * RECORD, 400 * RECORD + 13,
		MAX_SOCKETS * RECORD };
	static const size_t batch_lens[] = { 1, 2, 7, 32, 128, MAX_SOCKETS };
	struct request request = {
		.descriptor = next_descriptor(input),
		.size = sizes[next(input) % (sizeof(sizes) / sizeof(sizes[0]))],
		.batch_len = batch_lens[next(input) %
		    (sizeof(batch_lens) / sizeof(batch_lens[0]))],
	};
	const uint8_t flags = next(input);

	request.walk_all = flags & 1;
	request.churn = flags & 2;
	request.nested = flags & 4;
	if (flags & 8)
		request.faults.snapshot = 1;
	if (flags & 16)
		request.faults.walk = 1 + next(input);
	if (flags & 32)
		request.faults.copy = 1 + next(input) % 4;
	if (flags & 64)
		request.faults.interrupt = 1 + next(input) % 8;
	if (flags & 128) {
		device.limits.tl_max_read_duration_ms = 1;
		device.ns_per_socket = 1000 * (1 + next(input));
	}
	device_read(&device, &request);
}

/* Read one descriptor until its snapshot ends, if it gets there soon. */
static void
call_read_on(struct input *input)
{
	const struct request request = {
		.descriptor = next_descriptor(input),
		.size = (1 + next(input) % 64) * RECORD,
		.batch_len = 1 + next(input) % 40,
		.churn = true,
	};

	for (size_t i = 0; i < 64; i++) {
		device_read(&device, &request);
		device_add_socket(&device, (uint8_t)i);
		device_remove_socket(&device, next_socket(input));
	}
}

static void
call_add(struct input *input)
{
	const uint8_t kind = next(input), count = next(input);

	/* Mostly a few, at times more than a batch visits. */
	for (size_t i = 0; i < (count % 16 != 0 ? count / 16U : 1100U); i++)
		device_add_socket(&device, (uint8_t)(kind + i));
}

static void
call_remove(struct input *input)
{
	const size_t first = next_socket(input), count = next(input);

	for (size_t i = 0; i < count; i++)
		device_remove_socket(&device, first + i);
}

static void
call_change(struct input *input)
{
	const size_t at = next_socket(input);

	device_change_socket(&device, at, next(input));
}

static void
call_set_limit(struct input *input)
{
	uint32_t *const limits[] = { &device.limits.tl_max_open_fds,
		&device.limits.tl_max_concurrent_readers,
		&device.limits.tl_max_read_duration_ms,
		&device.limits.tl_min_read_interval_ms };
	uint32_t *limit = limits[next(input) % 4];

	*limit = next(input) % 8;
}

static void
call_set_clock(struct input *input)
{

	device.now_ns += next(input) * UINT64_C(500000);
	device.ns_per_socket = next(input) * UINT64_C(1000);
}

static void
call_profile_command(struct input *input)
{
	const char *line;
	const size_t len = next_text(input, &line);

	profile_model_command(&profiles, line, len);
}

/* Profiles, maybe more than there is room for, of some names and filters. */
static void
call_set_profiles(struct input *input)
{
	const size_t count = next(input) % 20;
	const char *text = next_filter_text(input);
	char line[64];
	int len;

	for (size_t i = 0; i <= count; i++) {
		len = snprintf(line, sizeof(line), "p%zu %s", i, text);
		profile_model_command(&profiles, line, (size_t)len);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const calls[])(struct input * input) = { call_open,
		call_open_profile, call_close, call_reset, call_set_filter,
		call_set_raw_filter, call_read, call_read_on, call_add,
		call_remove, call_change, call_set_limit, call_set_clock,
		call_profile_command, call_set_profiles };
	struct input input = { data, data + size };

	device_init(&device);
	profile_model_init(&profiles);
	while (input.at < input.end)
		calls[next(&input) % (sizeof(calls) / sizeof(calls[0]))](
		    &input);
	device_finish(&device);
	return (0);
}
