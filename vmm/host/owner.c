/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who gets the files of a function. Not by getpwnam(3) and getgrnam(3), which load modules for
 * other sources of names, and in a static program those of another C library.
 */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vmm/host/bind.h"

/* The decimal number that all of @text is; false if it is none. -1 stands for "nobody". */
static bool id_parse(const char *text, unsigned int *id)
{
	char *end;
	unsigned long value;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	value = strtoul(text, &end, 10);
	*id = (unsigned int)value;
	return !*end && !errno && value < UINT_MAX;
}

static bool passwd_matches(const struct passwd *entry, const char *name, bool is_id,
			   unsigned int id)
{
	return is_id ? entry->pw_uid == id : !strcmp(entry->pw_name, name);
}

static FILE *list_open(const char *root, const char *name)
{
	char path[PATH_MAX];
	FILE *file;

	file_path_set(path, root, "%s", name);
	file = fopen(path, "re");
	if (!file)
		log_error("%s: %s: cannot look for the owner", path, strerror(errno));
	return file;
}

/* The user and his group. */
static int user_take(const char *root, const char *name, struct host_owner *owner)
{
	FILE *file = list_open(root, "/etc/passwd");
	unsigned int id = 0;
	bool is_id = id_parse(name, &id);
	const struct passwd *entry;

	if (!file)
		return EXIT_HOST;
	do
		entry = fgetpwent(file);
	while (entry && !passwd_matches(entry, name, is_id, id));
	fclose(file);
	if (entry)
		*owner = (struct host_owner){ entry->pw_uid, entry->pw_gid };
	else if (is_id)
		*owner = (struct host_owner){ id, id };
	if (entry || is_id)
		return EXIT_OK;
	log_error("--owner: there is no user '%s' in /etc/passwd: give one that there is, or its "
		  "number",
		  name);
	return EXIT_USAGE;
}

static int group_take(const char *root, const char *name, struct host_owner *owner)
{
	const struct group *entry;
	unsigned int id;
	FILE *file;

	if (id_parse(name, &id)) {
		owner->group = id;
		return EXIT_OK;
	}
	file = list_open(root, "/etc/group");
	if (!file)
		return EXIT_HOST;
	do
		entry = fgetgrent(file);
	while (entry && strcmp(entry->gr_name, name));
	fclose(file);
	if (entry) {
		owner->group = entry->gr_gid;
		return EXIT_OK;
	}
	log_error("--owner: there is no group '%s' in /etc/group: give one that there is, or its "
		  "number",
		  name);
	return EXIT_USAGE;
}

int host_owner_find(const char *root, const char *name, struct host_owner *owner)
{
	const char *colon = strchrnul(name, ':');
	char user[LOGIN_NAME_MAX + 1];
	int code;

	snprintf(user, sizeof(user), "%.*s", (int)(colon - name), name);
	text_clean(user);
	code = user_take(root, user, owner);
	return code || !*colon ? code : group_take(root, colon + 1, owner);
}
