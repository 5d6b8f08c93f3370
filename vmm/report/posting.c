/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/report/posting.h"

bool posting_checks_run(const posting_check *checks, unsigned int count, const char *root,
			char *why, size_t size)
{
	for (unsigned int i = 0; i < count; i++)
		if (checks[i](root, why, size))
			return false;
	why[0] = '\0';
	return true;
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
