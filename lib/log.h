/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What posthorn says on standard error, and how it ends when it cannot start.
 *
 * Every message is one line that starts with "posthorn: " and names the object it is about; an
 * error goes on to say what mends it. All functions are thread-safe: a line is written by one
 * write(2).
 */
#ifndef POSTHORN_LIB_LOG_H
#define POSTHORN_LIB_LOG_H

#include <stddef.h>

/* The exit codes of the command line, as posthorn(1) documents them. */
enum exit_code {
	EXIT_OK = 0,	      /* the guest powered off or rebooted; the command succeeded */
	EXIT_INTERNAL = 1,    /* a defect of posthorn, or a kernel that broke its contract */
	EXIT_USAGE = 2,	      /* the command line, or a file that it names, is wrong */
	EXIT_HOST = 3,	      /* the host is not ready: KVM, IOMMU, permissions, memory lock */
	EXIT_DEVICE = 4,      /* an assigned device does not work */
	EXIT_GUEST_CRASH = 5, /* triple fault, or a state that KVM cannot run */
	EXIT_REQUIRE = 6,     /* something that a --require option asked for did not hold */
	EXIT_SIGNAL = 128,    /* plus the number of the signal that ended the run */
};

/* A notice is what happens without being asked for, but is no reason to worry. */
enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Set what is written: messages above @level are dropped. The start value is LOG_LEVEL_NOTICE. */
void log_level_set(enum log_level level);
enum log_level log_level_get(void);

/*
 * Write @size bytes to standard error as they are. A reader that takes nothing for a second does
 * without the rest, and without all that follows until it takes something: no message may keep a VM
 * from its end. Returns 0 or -errno, -ETIMEDOUT then.
 * May be called by the handler of a signal; changes errno.
 */
int log_text(const char *text, size_t size);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)	log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)	log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_notice(...) log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	log_write(LOG_LEVEL_INFO, __VA_ARGS__)
/* The test comes first so that a debug line on a hot path costs a load when it is off. */
#define log_debug(...)                                           \
	do {                                                     \
		if (log_level_get() >= LOG_LEVEL_DEBUG)          \
			log_write(LOG_LEVEL_DEBUG, __VA_ARGS__); \
	} while (0)

/*
 * How functions below vmm/ fail: they return -errno, and leave the reason with their caller, who
 * knows what it means for the program: one sentence or more that name the object and the remedy.
 */
#define WHY_SIZE 1024

/* Write the reason into @why, cut to what fits. Returns @error. */
int refuse(char why[WHY_SIZE], int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Whose fault is @error (-errno) of a start in devices/ or vfio/? -EINVAL means what the user asked
 * for, -EIO the device, and any other one the host.
 */
enum exit_code error_exit_code(int error);

/*
 * What mends @error (a positive errno), whichever call it comes from: the end of a message that has
 * strerror(@error), or "" where it depends on the call.
 */
const char *error_remedy(int error);

/*
 * Write an error and exit(@code); atexit(3) handlers run, so the terminal is restored. Only for
 * vmm/, and for the time before the first KVM_RUN: nothing that a running guest does may reach
 * this.
 */
_Noreturn void die(enum exit_code code, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
