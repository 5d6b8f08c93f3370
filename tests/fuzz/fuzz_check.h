/* SPDX-License-Identifier: BSD-2-Clause */
/* What must hold after every input of a fuzzer, whatever the input was. */
#ifndef POSTHORN_TESTS_FUZZ_CHECK_H
#define POSTHORN_TESTS_FUZZ_CHECK_H

#include <stdio.h>
#include <stdlib.h>

/* libFuzzer's entry points, which are called but not declared by it. */
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* End with a finding unless @condition holds. */
#define fuzz_check(condition)                                                             \
	do {                                                                              \
		if (!(condition)) {                                                       \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, \
				#condition);                                              \
			abort();                                                          \
		}                                                                         \
	} while (0)

#endif
