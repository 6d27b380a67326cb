/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The registry of profiles beside a list of what it must have.
 */
#include "profile_model.h"

#include <errno.h>
#include <string.h>

/* A command's two words, as the model understands it. */
struct command {
	const char *name, *text;
	size_t name_len, text_len;
};

void
profile_model_init(struct profile_model *model)
{

	memset(model, 0, sizeof(*model));
}

static struct command
split(const char *line, size_t len)
{
	const char *blank = memchr(line, ' ', len), *end = line + len;
	struct command command = { .name = line, .name_len = len, .text = end };

	if (blank == NULL)
		return (command);
	command.name_len = (size_t)(blank - line);
	while (blank < end && *blank == ' ')
		blank++;
	command.text = blank;
	command.text_len = (size_t)(end - blank);
	return (command);
}

static bool
name_is_good(const struct command *command)
{

	if (command->name_len == 0 ||
	    command->name_len > TCPSTATS_PROFILE_NAMELEN)
		return (false);
	for (size_t i = 0; i < command->name_len; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_",
			command->name[i]) == NULL ||
		    command->name[i] == '\0')
			return (false);
	return (true);
}

/* The place in the list, or its length. */
static size_t
find(const struct profile_model *model, const struct command *command)
{
	size_t i;

	for (i = 0; i < model->count; i++)
		if (strlen(model->expected[i].name) == command->name_len &&
		    memcmp(model->expected[i].name, command->name,
			command->name_len) == 0)
			break;
	return (i);
}

static int
expected_status(const struct profile_model *model,
    const struct command *command, bool is_known)
{
	struct tcpstats_filter filter;

	if (!name_is_good(command))
		return (EINVAL);
	if (command->text_len == 0)
		return (is_known ? 0 : ENOENT);
	if (!is_known && model->count == TCPSTATS_MAX_PROFILES)
		return (ENOSPC);
	return (tcpstats_filter_parse(command->text, command->text_len, &filter,
	    NULL));
}

/* Do to the list what the command did to the registry. */
static enum tcpstats_profile_change
follow(struct profile_model *model, const struct command *command, size_t at)
{
	const bool is_known = at < model->count;

	if (command->text_len == 0) {
		model->expected[at] = model->expected[--model->count];
		return (TCPSTATS_PROFILE_DELETED);
	}
	if (!is_known)
		model->count++;
	memset(&model->expected[at], 0, sizeof(model->expected[at]));
	memcpy(model->expected[at].name, command->name, command->name_len);
	memcpy(model->expected[at].text, command->text, command->text_len);
	return (is_known ? TCPSTATS_PROFILE_UPDATED : TCPSTATS_PROFILE_CREATED);
}

static void
check_registry(const struct profile_model *model)
{
	const struct tcpstats_profile *profile;
	struct tcpstats_filter filter;
	const char *name, *text;
	size_t used = 0;

	for (size_t i = 0; i < TCPSTATS_MAX_PROFILES; i++)
		used += model->registry.tps_slots[i].tp_name[0] != '\0';
	CHECK(used == model->count, "%zu profiles, where %zu are right", used,
	    model->count);
	for (size_t i = 0; i < model->count; i++) {
		name = model->expected[i].name;
		text = model->expected[i].text;
		profile = tcpstats_profile_find(&model->registry, name,
		    strlen(name));
		CHECK(profile != NULL, "profile %s is lost", name);
		CHECK(strcmp(profile->tp_text, text) == 0,
		    "profile %s has '%s', not '%s'", name, profile->tp_text,
		    text);
		CHECK(tcpstats_filter_parse(text, strlen(text), &filter,
			  NULL) == 0 &&
			memcmp(&filter, &profile->tp_filter, sizeof(filter)) ==
			    0,
		    "profile %s has not the filter of '%s'", name, text);
	}
}

void
profile_model_command(struct profile_model *model, const char *line, size_t len)
{
	const struct command command = split(line, len);
	const size_t at = find(model, &command);
	const int expected = expected_status(model, &command,
	    at < model->count);
	const struct tcpstats_profiles before = model->registry;
	char name[TCPSTATS_PROFILE_NAMELEN + 1];
	enum tcpstats_profile_change change;
	struct tcpstats_filter_error error;
	int status;

	status = tcpstats_profile_command(&model->registry, line, len, &change,
	    name, &error);
	CHECK(status == expected, "'%.*s' gives %d, where %d is right",
	    (int)len, line, status, expected);
	if (status != 0) {
		CHECK(error.tfe_offset <= len &&
			error.tfe_length <= len - error.tfe_offset,
		    "'%.*s': an error of %u bytes at %u", (int)len, line,
		    error.tfe_length, error.tfe_offset);
		CHECK(memcmp(&before, &model->registry, sizeof(before)) == 0,
		    "a refused command changes the profiles");
		return;
	}
	CHECK(change == follow(model, &command, at), "'%.*s' is said to be %d",
	    (int)len, line, change);
	CHECK(strlen(name) == command.name_len &&
		memcmp(name, command.name, command.name_len) == 0,
	    "'%.*s' is said to be of '%s'", (int)len, line, name);
	check_registry(model);
}

const struct tcpstats_filter *
profile_model_filter(const struct profile_model *model, size_t at)
{
	const char *name;

	if (at >= model->count)
		return (NULL);
	name = model->expected[at].name;
	return (&tcpstats_profile_find(&model->registry, name, strlen(name))
		     ->tp_filter);
}
