/* SPDX-License-Identifier: BSD-2-Clause */
#include "kvm/posting.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/file.h"
#include "lib/util.h"

bool posting_checks_run(const posting_check *checks, unsigned int count, const char *root,
			char *why, size_t size)
{
	for (unsigned int i = 0; i < count; i++)
		if (checks[i](root, why, size))
			return false;
	why[0] = '\0';
	return true;
}

void posting_cmdline_read(const char *root, char cmdline[POSTING_CMDLINE_SIZE])
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/proc/cmdline", root);
	if (file_read_text(path, cmdline, POSTING_CMDLINE_SIZE) < 0)
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

bool posting_cmdline_next(const char **at, const char *name, char *value, size_t size)
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

void posting_files_close(struct posting_files *files)
{
	fd_close(&files->state_fd);
	fd_close(&files->interrupts_fd);
}

const char *posting_state_name(enum posting_state state)
{
	static const char *const names[] = {
		[POSTING_UNKNOWN] = "unknown",
		[POSTING_NO] = "not posted",
		[POSTING_YES] = "posted",
		[POSTING_UNMAPPED] = "not mapped",
	};

	return names[state];
}
