/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"

#define PASSWD "/etc/passwd"

/* How many rights to files each version of Landlock knows: landlock(7). They are bits from 0 up. */
static const unsigned int landlock_rights[] = { 0, 13, 14, 15, 15, 16 };

/*
 * Not getpwnam(3), which loads modules for other sources of names, and in a static program those of
 * another C library.
 */
static const struct passwd *user_find(FILE *file, const char *name)
{
	const struct passwd *user;

	do
		user = fgetpwent(file);
	while (user && strcmp(user->pw_name, name));
	return user;
}

static void user_become(const char *name)
{
	FILE *file = fopen(PASSWD, "re");
	const struct passwd *user;

	if (!file)
		die(EXIT_HOST, "--user %s: " PASSWD ": %s", name, strerror(errno));
	user = user_find(file, name);
	if (!user)
		die(EXIT_USAGE, "--user %s: " PASSWD " has no such user", name);
	/* The groups first: afterwards it may not. */
	if (setgroups(0, NULL) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0)
		die(EXIT_HOST, "--user %s: cannot become that user: %s; only root can", name,
		    strerror(errno));
	fclose(file);
	log_info("running as user %s", name);
}

static void files_forbid(void)
{
	struct landlock_ruleset_attr rules = { 0 };
	int fd, error = -1;
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (version < 1) {
		log_info("this kernel has no Landlock: files can be reached by their paths, as far "
			 "as user and seccomp let them");
		return;
	}
	/* All rights that there are, and no file that has them. */
	rules.handled_access_fs =
		BIT(landlock_rights[min((size_t)version, ARRAY_SIZE(landlock_rights) - 1)]) - 1;
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules.handled_access_fs), 0);
	if (fd >= 0)
		error = (int)syscall(SYS_landlock_restrict_self, fd, 0);
	if (error < 0)
		log_warn("Landlock: %s: files can be reached by their paths, as far as user and "
			 "seccomp let them",
			 strerror(errno));
	else
		log_info("no file can be reached by its path from here on (Landlock %ld)", version);
	fd_close(&fd);
}

/* What none of the sets has cannot come back, and the bounding set keeps execve(2) from it. */
static void capabilities_drop(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	/* The ambient set goes with the permitted one. */
	if (syscall(SYS_capset, &header, none) < 0)
		die(EXIT_INTERNAL, "cannot drop the capabilities: %s", strerror(errno));
}

void privileges_drop(const char *user)
{
	/* Fails without CAP_SETPCAP, which is without most others too, and behind the last one. */
	for (unsigned long i = 0; prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0; i++)
		;
	if (user)
		user_become(user);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die(EXIT_INTERNAL, "PR_SET_NO_NEW_PRIVS: %s", strerror(errno));
	files_forbid();
	capabilities_drop();
}
