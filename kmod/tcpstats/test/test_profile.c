/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The registry of named profiles.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support.h"
#include "tap.h"

static struct tcpstats_profiles profiles;
static enum tcpstats_profile_change change;
static struct tcpstats_filter_error error;

/* No status or change has this number. */
#define UNTOUCHED 99

static int
set(const char *name, const char *text)
{

	change = (enum tcpstats_profile_change)UNTOUCHED;
	return (tcpstats_profile_set(&profiles, name, strlen(name), text,
	    strlen(text), &change, &error));
}

static int delete (const char *name)
{

	return (tcpstats_profile_delete(&profiles, name, strlen(name), &error));
}

static const struct tcpstats_profile *
find(const char *name)
{

	return (tcpstats_profile_find(&profiles, name, strlen(name)));
}

static bool
has(const char *name, const char *text)
{
	const struct tcpstats_profile *profile = find(name);
	const struct tcpstats_filter filter = parse_good(text);

	return (profile != NULL && strcmp(profile->tp_name, name) == 0 &&
	    strcmp(profile->tp_text, text) == 0 &&
	    memcmp(&profile->tp_filter, &filter, sizeof(filter)) == 0);
}

static bool
says(uint32_t offset, uint32_t length, const char *message)
{
	bool good = error.tfe_offset == offset && error.tfe_length == length &&
	    strcmp(error.tfe_message, message) == 0;

	if (!good)
		tap_diag("at %u, length %u: %s", error.tfe_offset,
		    error.tfe_length, error.tfe_message);
	return (good);
}

static void
test_life(void)
{

	memset(&profiles, 0, sizeof(profiles));
	tap_ok(find("web") == NULL, "there is no profile at first");
	tap_ok(set("web", "local_port=443") == 0 &&
		change == TCPSTATS_PROFILE_CREATED &&
		has("web", "local_port=443"),
	    "a profile is created");
	tap_ok(set("web", "Local_Port=80") == 0 &&
		change == TCPSTATS_PROFILE_UPDATED &&
		has("web", "Local_Port=80"),
	    "it is updated, and its text kept as it was given");
	tap_ok(set("web2", "ipv4_only") == 0 && has("web", "Local_Port=80") &&
		has("web2", "ipv4_only") && find("we") == NULL,
	    "a name that begins another is another");
	tap_ok(delete ("web") == 0 && find("web") == NULL &&
		has("web2", "ipv4_only"),
	    "one is deleted, the other stays");
	tap_ok(delete ("web") == ENOENT &&
		says(0, 3, "there is no profile of this name"),
	    "what is deleted cannot be deleted again");
	tap_ok(set("all", "") == 0 && has("all", ""),
	    "a profile may have the empty filter");
}

static void
test_bad_filter(void)
{
	char text[TCPSTATS_FILTER_MAXLEN + 2];

	memset(&profiles, 0, sizeof(profiles));
	set("web", "local_port=443");
	tap_ok(set("web", "local_port=0") == EINVAL &&
		says(11, 1, "port is 0") && change == UNTOUCHED &&
		has("web", "local_port=443"),
	    "a bad filter leaves the profile as it was");
	tap_ok(set("new", "bogus") == EINVAL && find("new") == NULL,
	    "a bad filter creates no profile");
	memset(text, ' ', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	tap_ok(set("web", text) == ENAMETOOLONG && has("web", "local_port=443"),
	    "a filter of 512 bytes is refused with ENAMETOOLONG");
	text[sizeof(text) - 2] = '\0';
	tap_ok(set("web", text) == 0 && has("web", text),
	    "a filter of 511 bytes is kept whole");
}

static void
test_names(void)
{
	static const char *const bad[] = { "A", "web-1", "a b", "a.b",
		"\xc3\xa9", "../x", "a/b" };
	const char *longest = "abcdefghijklmnopqrstuvwxyz_0189";
	const char *too_long = "abcdefghijklmnopqrstuvwxyz_01890";

	memset(&profiles, 0, sizeof(profiles));
	for (size_t i = 0; i < NITEMS(bad); i++)
		tap_ok(set(bad[i], "") == EINVAL && find(bad[i]) == NULL &&
			delete (bad[i]) == EINVAL,
		    "refuses bad name number %zu", i + 1);
	set("ok-not", "");
	tap_ok(says(2, 1, "profile name has a byte other than a-z, 0-9 and _"),
	    "and says which byte is bad");
	tap_ok(set("", "") == EINVAL && says(0, 0, "profile name missing"),
	    "refuses the empty name");
	tap_ok(set(longest, "ipv6_only") == 0 && has(longest, "ipv6_only"),
	    "takes a name of 31 bytes");
	tap_ok(set(too_long, "") == EINVAL &&
		says(0, 32, "profile name is longer than 31 bytes"),
	    "refuses a name of 32 bytes");
}

static void
test_capacity(void)
{
	char name[TCPSTATS_PROFILE_NAMELEN + 1];
	bool good = true;

	memset(&profiles, 0, sizeof(profiles));
	for (int i = 0; i < TCPSTATS_MAX_PROFILES; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		good &= set(name, "") == 0 &&
		    change == TCPSTATS_PROFILE_CREATED;
	}
	tap_ok(good, "16 profiles are created");
	tap_ok(set("p16", "") == ENOSPC && change == UNTOUCHED &&
		says(0, 3, "there are 16 profiles already, delete one first"),
	    "the 17th is refused with ENOSPC");
	tap_ok(set("p15", "ipv4_only") == 0 &&
		change == TCPSTATS_PROFILE_UPDATED,
	    "any of the 16 can be updated still");
	tap_ok(delete ("p7") == 0 && set("p16", "ipv6_only") == 0 &&
		has("p16", "ipv6_only") && has("p15", "ipv4_only"),
	    "where one is deleted another fits");
}

static int
command(const char *line, char name[TCPSTATS_PROFILE_NAMELEN + 1])
{

	change = (enum tcpstats_profile_change)UNTOUCHED;
	return (tcpstats_profile_command(&profiles, line, strlen(line), &change,
	    name, &error));
}

static void
test_commands(void)
{
	char name[TCPSTATS_PROFILE_NAMELEN + 1];

	memset(&profiles, 0, sizeof(profiles));
	tap_ok(command("web local_port=443 ipv4_only", name) == 0 &&
		change == TCPSTATS_PROFILE_CREATED &&
		strcmp(name, "web") == 0 &&
		has("web", "local_port=443 ipv4_only"),
	    "\"NAME FILTER\" creates");
	tap_ok(command("web   ipv6_only", name) == 0 &&
		change == TCPSTATS_PROFILE_UPDATED && has("web", "ipv6_only"),
	    "\"NAME FILTER\" updates");
	tap_ok(command("web   local_port=0", name) == EINVAL &&
		says(17, 1, "port is 0") && strcmp(name, "web") == 0 &&
		has("web", "ipv6_only"),
	    "a bad filter's place is counted from where the line begins");
	tap_ok(command("We local_port=0", name) == EINVAL &&
		says(0, 1, "profile name has a byte other than a-z, 0-9 and _"),
	    "a bad name's place, too");
	tap_ok(command(" web", name) == EINVAL &&
		says(0, 0, "profile name missing"),
	    "a line that begins with a blank has no name");
	tap_ok(command("", name) == EINVAL, "nor has an empty line");
	tap_ok(command("web ", name) == 0 &&
		change == TCPSTATS_PROFILE_DELETED &&
		strcmp(name, "web") == 0 && find("web") == NULL,
	    "\"NAME\" deletes, with blanks behind it or not");
	tap_ok(command("web", name) == ENOENT && change == UNTOUCHED,
	    "\"NAME\" of no profile is ENOENT");
	tap_ok(tcpstats_profile_command(&profiles, "web bogus", 9, &change,
		   name, NULL) == EINVAL,
	    "a bad line is refused without a place for the error");
}

/* The names come from callers that do not terminate them. */
static void
test_unterminated(void)
{

	memset(&profiles, 0, sizeof(profiles));
	tap_ok(tcpstats_profile_set(&profiles, "webXX", 3, "ipv4_onlyYY", 9,
		   &change, &error) == 0 &&
		has("web", "ipv4_only") &&
		tcpstats_profile_find(&profiles, "webXX", 3) != NULL,
	    "name and text end where their lengths say");
}

int
main(void)
{

	test_life();
	test_bad_filter();
	test_names();
	test_capacity();
	test_commands();
	test_unterminated();
	return (tap_done());
}
