/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/cmdline.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/file.h"
#include "lib/util.h"

void cmdline_read(const char *root, char cmdline[CMDLINE_SIZE])
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/proc/cmdline", root);
	if (file_read_text(path, cmdline, CMDLINE_SIZE) < 0)
		cmdline[0] = '\0';
}

/* Is @name what the @length characters at @text say? */
static bool name_matches(const char *text, size_t length, const char *name)
{
	if (strlen(name) != length)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((text[i] == '-' ? '_' : text[i]) != (name[i] == '-' ? '_' : name[i]))
			return false;
	return true;
}

bool cmdline_next(const char **at, const char *name, char *value, size_t size)
{
	static const char spaces[] = " \t\n";
	const char *word = *at;

	for (;;) {
		size_t length, name_length;

		word += strspn(word, spaces);
		length = strcspn(word, spaces);
		if (length == 0 || (length == 2 && !strncmp(word, "--", 2)))
			return false;
		name_length = min(length, strcspn(word, "="));
		if (name_matches(word, name_length, name)) {
			size_t from = min(name_length + 1, length);

			snprintf(value, size, "%.*s", (int)(length - from), word + from);
			*at = word + length;
			return true;
		}
		word += length;
	}
}

/* What kstrtobool() makes of @text; @before when it refuses. */
static bool bool_parse(const char *text, bool before)
{
	if (strchr("yYtTeE1", text[0]) || !strncasecmp(text, "on", 2))
		return text[0] ? true : before;
	if (strchr("nNfFdD0", text[0]) || !strncasecmp(text, "of", 2))
		return false;
	return before;
}

int cmdline_bool(const char *root, const char *name)
{
	char cmdline[CMDLINE_SIZE], value[16];
	const char *at = cmdline;
	bool on = false;

	cmdline_read(root, cmdline);
	if (!cmdline[0])
		return -1;
	while (cmdline_next(&at, name, value, sizeof(value)))
		on = bool_parse(value, on);
	return on;
}
