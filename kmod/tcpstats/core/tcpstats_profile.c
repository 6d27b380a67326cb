/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The registry of named profiles.
 */
#include "tcpstats_core.h"
#include "tcpstats_parse.h"
#include "tcpstats_port.h"

static int
check_name(const char *name, size_t len, struct tcpstats_filter_error *error)
{

	if (len == 0) {
		tcpstats_error_set(error, 0, 0, "profile name missing");
		return (EINVAL);
	}
	if (len > TCPSTATS_PROFILE_NAMELEN) {
		tcpstats_error_set(error, 0, len,
		    "profile name is longer than 31 bytes");
		return (EINVAL);
	}
	for (size_t i = 0; i < len; i++) {
		if ((name[i] >= 'a' && name[i] <= 'z') ||
		    (name[i] >= '0' && name[i] <= '9') || name[i] == '_')
			continue;
		tcpstats_error_set(error, i, 1,
		    "profile name has a byte other than a-z, 0-9 and _");
		return (EINVAL);
	}
	return (0);
}

/*
 * The index of the profile of that name, which is a valid one, or of a free
 * slot where name_len is 0; TCPSTATS_MAX_PROFILES where there is none.
 */
static size_t
find_slot(const struct tcpstats_profiles *profiles, const char *name,
    size_t name_len)
{
	const char *slot_name;
	size_t i;

	for (i = 0; i < TCPSTATS_MAX_PROFILES; i++) {
		slot_name = profiles->tps_slots[i].tp_name;
		if (memcmp(slot_name, name, name_len) == 0 &&
		    slot_name[name_len] == '\0')
			break;
	}
	return (i);
}

const struct tcpstats_profile *
tcpstats_profile_find(const struct tcpstats_profiles *profiles,
    const char *name, size_t name_len)
{
	size_t slot;

	if (check_name(name, name_len, NULL) != 0)
		return (NULL);
	slot = find_slot(profiles, name, name_len);
	if (slot == TCPSTATS_MAX_PROFILES)
		return (NULL);
	return (&profiles->tps_slots[slot]);
}

int
tcpstats_profile_set(struct tcpstats_profiles *profiles, const char *name,
    size_t name_len, const char *text, size_t text_len,
    enum tcpstats_profile_change *change, struct tcpstats_filter_error *error)
{
	enum tcpstats_profile_change made = TCPSTATS_PROFILE_UPDATED;
	struct tcpstats_profile *profile;
	size_t slot;
	int status;

	status = check_name(name, name_len, error);
	if (status != 0)
		return (status);
	slot = find_slot(profiles, name, name_len);
	if (slot == TCPSTATS_MAX_PROFILES) {
		made = TCPSTATS_PROFILE_CREATED;
		slot = find_slot(profiles, "", 0);
	}
	if (slot == TCPSTATS_MAX_PROFILES) {
		tcpstats_error_set(error, 0, name_len,
		    "there are 16 profiles already, delete one first");
		return (ENOSPC);
	}
	profile = &profiles->tps_slots[slot];
	status = tcpstats_filter_parse(text, text_len, &profile->tp_filter,
	    error);
	if (status != 0)
		return (status);
	memcpy(profile->tp_name, name, name_len);
	profile->tp_name[name_len] = '\0';
	memcpy(profile->tp_text, text, text_len);
	profile->tp_text[text_len] = '\0';
	*change = made;
	return (0);
}

int
tcpstats_profile_delete(struct tcpstats_profiles *profiles, const char *name,
    size_t name_len, struct tcpstats_filter_error *error)
{
	size_t slot;
	int status;

	status = check_name(name, name_len, error);
	if (status != 0)
		return (status);
	slot = find_slot(profiles, name, name_len);
	if (slot == TCPSTATS_MAX_PROFILES) {
		tcpstats_error_set(error, 0, name_len,
		    "there is no profile of this name");
		return (ENOENT);
	}
	memset(&profiles->tps_slots[slot], 0, sizeof(struct tcpstats_profile));
	return (0);
}

int
tcpstats_profile_command(struct tcpstats_profiles *profiles, const char *line,
    size_t len, enum tcpstats_profile_change *change,
    char name[TCPSTATS_PROFILE_NAMELEN + 1],
    struct tcpstats_filter_error *error)
{
	size_t name_len = 0, text;
	int status;

	while (name_len < len && line[name_len] != ' ')
		name_len++;
	for (text = name_len; text < len && line[text] == ' ';)
		text++;
	status = check_name(line, name_len, error);
	if (status != 0)
		return (status);
	memcpy(name, line, name_len);
	name[name_len] = '\0';
	if (text == len) {
		status = tcpstats_profile_delete(profiles, name, name_len,
		    error);
		if (status == 0)
			*change = TCPSTATS_PROFILE_DELETED;
		return (status);
	}
	status = tcpstats_profile_set(profiles, name, name_len, line + text,
	    len - text, change, error);
	/* A filter's error was counted from where the filter begins. */
	if ((status == EINVAL || status == ENAMETOOLONG) && error != NULL)
		error->tfe_offset += (uint32_t)text;
	return (status);
}
