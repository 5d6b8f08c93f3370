/* SPDX-License-Identifier: BSD-2-Clause */
/* For messages. Needs cmocka.h before it. */
#ifndef POSTHORN_TESTS_UNIT_ASSERT_SAYS_H
#define POSTHORN_TESTS_UNIT_ASSERT_SAYS_H

#include <string.h>

/* Fail the test unless @text contains @part. */
#define assert_says(text, part)                                             \
	do {                                                                \
		if (!strstr(text, part))                                    \
			fail_msg("\"%s\" does not say \"%s\"", text, part); \
	} while (0)

#endif
