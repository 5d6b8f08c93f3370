/* SPDX-License-Identifier: BSD-2-Clause */
/* What this process gives up before the guest runs (docs/security.md). */
#ifndef POSTHORN_VMM_PRIVILEGES_H
#define POSTHORN_VMM_PRIVILEGES_H

/*
 * For ever: become @user of /etc/passwd (NULL: stay who it is), gain no privileges by execve(2),
 * use no file by its path (Landlock, where the kernel has it), and have no capability.
 *
 * Start-up only, when all is opened and before there is a second thread: the kernel does this to
 * one thread, and those that it creates inherit it. Dies with EXIT_USAGE when there is no such
 * user, and with EXIT_HOST when this process may not become it.
 */
void privileges_drop(const char *user);

#endif
