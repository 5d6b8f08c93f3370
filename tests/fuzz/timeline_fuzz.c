/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/timeline/command.c. The input is a file of `run --timeline`. It is shown and drawn, as a
 * script, or refused with its name.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "tests/fuzz/fuzz_file.h"
#include "vmm/commands.h"

static struct fuzz_file file;
static char plot[64];
static unsigned int refused;

void __wrap_log_write(enum log_level level, const char *format, ...);
void __wrap_log_write(enum log_level level, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fuzz_check(level == LOG_LEVEL_ERROR && strstr(text, file.path));
	refused++;
}

/* No input ends a string of the script, or begins a command of a shell in it. */
static void script_check(void)
{
	FILE *script = fopen(plot, "r");
	char line[65536];

	fuzz_check(script);
	while (fgets(line, sizeof(line), script))
		fuzz_check(!strpbrk(line, "`\x1b") && (line[0] == 's' || !strchr(line, '"')));
	fclose(script);
	unlink(plot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[256], posthorn[] = "posthorn", timeline[] = "timeline", option[] = "--plot";
	char *argv[] = { posthorn, timeline, file.path, option, plot, NULL };
	struct command_line line;
	int code;

	if (!file.fd) {
		fuzz_file_init(&file);
		snprintf(plot, sizeof(plot), "/tmp/posthorn-timeline-%d.gp", getpid());
	}
	fuzz_file_set(&file, data, size);
	refused = 0;
	fuzz_check(!command_line_parse(&line, commands, 5, argv, why, sizeof(why)));
	code = line.command->run(line.options);
	fuzz_check(code == (refused ? EXIT_USAGE : EXIT_OK) && refused <= 1);
	if (!refused)
		script_check();
	free(line.options);
	return 0;
}
