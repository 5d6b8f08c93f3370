/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/report/posting.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cmdline.h"
#include "lib/file.h"
#include "lib/util.h"

#define DEBUGFS_KVM   "/sys/kernel/debug/kvm"
#define ITS_STATE     "vgic-its-state@"
#define V4_PARAMETER  "kvm-arm.vgic_v4_enable"
#define V4_LOG	      "Enabling GICv4 support"
#define KMSG_LINE_MAX 8192 /* a record of /dev/kmsg is shorter */

/* ---- what this host could do ---- */

static bool kvm_is_missing(const char *root, char *why, size_t size)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/dev/kvm", root);
	if (access(path, F_OK) == 0)
		return false;
	snprintf(
		why, size,
		"this host has no /dev/kvm: its kernel must be started at EL2, with CONFIG_KVM and "
		"without kvm-arm.mode=none");
	return true;
}

/* Does a row of /proc/interrupts, open as @fd, contain @text? 1, 0, or -1: it cannot be read. */
static int interrupts_have(int fd, const char *text)
{
	FILE *file = fd >= 0 ? fd_stream(fd) : NULL;
	char *line = NULL;
	size_t size = 0;
	int found = 0;

	if (!file)
		return -1;
	while (!found && getline(&line, &size, file) >= 0)
		found = strstr(line, text) != NULL;
	free(line);
	fclose(file);
	return found;
}

static int interrupts_open(const char *root)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/proc/interrupts", root);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool gic_is_old(const char *root, char *why, size_t size)
{
	int fd = interrupts_open(root), found = interrupts_have(fd, " GICv3 ");

	fd_close(&fd);
	/* The kernel's driver calls a GICv4 "GICv3" too; every CPU's timer interrupt is one. */
	if (found)
		return false;
	snprintf(why, size,
		 "this host's interrupt controller is no GICv3 or GICv4 (/proc/interrupts has no "
		 "row of one): it takes other hardware");
	return true;
}

/* Read one record of the kernel's log: its length, 0 at the end, -1 when records were lost. */
static ssize_t record_read(int fd, char text[KMSG_LINE_MAX])
{
	ssize_t length;

	do
		length = read(fd, text, KMSG_LINE_MAX - 1);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return errno == EAGAIN ? 0 : -1;
	text[length] = '\0';
	return length;
}

/*
 * The ITS's driver says in the log when it finds GICv4. That it did not say so is proof only while
 * the log is whole, that is, while its record number 0 is still there.
 */
static bool log_denies_gicv4(const char *root, char *why, size_t size)
{
	char path[PATH_MAX], text[KMSG_LINE_MAX];
	unsigned long long sequence;
	bool whole, found = false;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "%s/dev/kmsg", root);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	length = record_read(fd, text);
	whole = length > 0 && sscanf(text, "%*u,%llu,", &sequence) == 1 && sequence == 0;
	while (whole && length > 0 && !found) {
		found = strstr(text, V4_LOG);
		length = record_read(fd, text);
	}
	close(fd);
	if (!whole || found || length < 0)
		return false;
	snprintf(why, size,
		 "this host's interrupt controller is no GICv4 (the kernel's log does not say "
		 "\"" V4_LOG "\"): it takes other hardware");
	return true;
}

static bool parameter_is_off(const char *root, char *why, size_t size)
{
	/* What cannot be read rules nothing out. */
	bool off = cmdline_bool(root, V4_PARAMETER) == 0;

	if (off)
		snprintf(why, size,
			 "this host's kernel was booted without " V4_PARAMETER
			 "=1: boot with it, on hardware with GICv4");
	return off;
}

bool posting_possible(const char *root, char *why, size_t size)
{
	static const posting_check checks[] = {
		kvm_is_missing,
		gic_is_old,
		log_denies_gicv4,
		parameter_is_off,
	};

	return posting_checks_run(checks, ARRAY_SIZE(checks), root, why, size);
}

void posting_parameters(const char *root, char *text, size_t size)
{
	bool on = cmdline_bool(root, V4_PARAMETER) == 1;

	snprintf(text, size, "%s", on ? ", with " V4_PARAMETER "=1" : "");
}

bool posting_message_fits(const struct msi_message *message, char *why, size_t size)
{
	(void)message;
	(void)size;
	/* An LPI has one target. */
	why[0] = '\0';
	return true;
}

/* ---- how one message goes now ---- */

/* The file in debugfs cannot be opened: say why. @directory is that of the VM. */
static void debugfs_blame(char why[POSTING_TEXT_SIZE], const char *root, const char *directory,
			  int error)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s" DEBUGFS_KVM, root);
	if (error == -EACCES || error == -EPERM)
		snprintf(why, POSTING_TEXT_SIZE,
			 DEBUGFS_KVM " may not be read: it takes root, and a kernel that is not "
				     "locked down");
	else if (error == -ENOENT && access(path, F_OK))
		snprintf(why, POSTING_TEXT_SIZE,
			 DEBUGFS_KVM " is missing: mount -t debugfs none /sys/kernel/debug");
	else if (error == -ENOENT)
		snprintf(why, POSTING_TEXT_SIZE,
			 DEBUGFS_KVM " has no %s with the state of the interrupts: in a PID "
				     "namespace the name is another",
			 strrchr(directory, '/') + 1);
	else
		snprintf(why, POSTING_TEXT_SIZE, DEBUGFS_KVM ": %s", strerror(-error));
}

/* Open the best of the files in @directory. The descriptor or -errno. */
static int state_open(const char *directory, bool *per_message)
{
	char path[PATH_MAX] = "";
	struct dirent *entry;
	DIR *stream;
	int fd;

	stream = opendir(directory);
	if (!stream)
		return -errno;
	while (!path[0] && (entry = readdir(stream)))
		if (!strncmp(entry->d_name, ITS_STATE, strlen(ITS_STATE)))
			snprintf(path, sizeof(path), "%.3000s/%s", directory, entry->d_name);
	closedir(stream);
	*per_message = path[0];
	if (!path[0])
		snprintf(path, sizeof(path), "%.3000s/vgic-state", directory);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void posting_files_init(struct posting_files *files, const char *root)
{
	(void)root;
	*files = (struct posting_files){ .state_fd = -1, .interrupts_fd = -1 };
}

void posting_files_open(struct posting_files *files, const char *root, pid_t pid, int fd)
{
	char directory[PATH_MAX];

	*files = (struct posting_files){ .interrupts_fd = interrupts_open(root) };
	snprintf(directory, sizeof(directory), "%s" DEBUGFS_KVM "/%d-%d", root, (int)pid, fd);
	files->state_fd = state_open(directory, &files->per_message);
	if (files->state_fd >= 0)
		return;
	debugfs_blame(files->why, root, directory, files->state_fd);
	files->state_fd = -1;
}

/* A message is known by its requester and its event: no more is wanted of a function or a vCPU. */
void posting_function_add(struct posting_files *files, const char *root, struct vfio_device *device)
{
	(void)files;
	(void)root;
	(void)device;
}

void posting_function_remove(struct posting_files *files, const struct vfio_device *device)
{
	(void)files;
	(void)device;
}

void posting_thread_add(struct posting_files *files, pid_t thread)
{
	(void)files;
	(void)thread;
}

void posting_files_close(struct posting_files *files)
{
	fd_close(&files->state_fd);
	fd_close(&files->interrupts_fd);
}

struct probe {
	uint32_t device_id, event;
	unsigned int connected;
	char *seen;
	size_t size;
};

/*
 * vgic-its-state (arch/arm64/kvm/vgic/vgic-debug.c): for each device a line with its id, two of
 * header, and a row for each event: EVENT_ID INTID HWINTID TARGET COL_ID HW.
 */
static enum posting_state its_state_parse(const struct probe *probe, FILE *file)
{
	unsigned int event, lpi, forwarded;
	char line[256], id[16];
	bool ours = false;

	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Device ID: %15[0-9a-fx]", id) == 1)
			ours = strtoul(id, NULL, 0) == probe->device_id;
		else if (ours &&
			 sscanf(line, "%u %u %*u %*u %*u %u", &event, &lpi, &forwarded) == 3 &&
			 event == probe->event) {
			snprintf(probe->seen, probe->size,
				 "vgic-its-state: device 0x%x event %u is LPI %u, %s",
				 probe->device_id, event, lpi,
				 forwarded ? "forwarded by the hardware" : "not forwarded");
			return forwarded ? POSTING_YES : POSTING_NO;
		}
	}
	snprintf(probe->seen, probe->size,
		 "vgic-its-state: the guest has not mapped event %u of device 0x%x", probe->event,
		 probe->device_id);
	return POSTING_UNMAPPED;
}

/* The LPIs of a VM, counted. */
struct lpis {
	int listed; /* as the file's head says */
	int rows, forwarded;
	int column; /* of the flag H in a row's word of flags; -1: not known */
};

/*
 * A line of vgic-state: "nr_lpis:" and a number, a header whose word PLAEHCG names the flags, or a
 * row: TYP ID TGT_ID and the flags. A file of another form leaves ->column at -1.
 */
static void lpis_count(struct lpis *lpis, const char *line)
{
	const char *header = strstr(line, "PLAE");
	char flags[16];
	int count;

	if (sscanf(line, "nr_lpis: %d", &count) == 1)
		lpis->listed = count;
	else if (header && strcspn(header, "H") < strcspn(header, " "))
		lpis->column = (int)strcspn(header, "H");
	else if (sscanf(line, " LPI %*u %*d %15[01]", flags) == 1) {
		lpis->rows++;
		if (lpis->column >= 0 && lpis->column < (int)strlen(flags))
			lpis->forwarded += flags[lpis->column] == '1';
	}
}

/*
 * The file says which LPIs are forwarded but not whose they are: it tells about one message only
 * when none is, or all are, or as many as can be.
 */
static enum posting_state lpis_judge(const struct probe *probe, const struct lpis *lpis)
{
	enum posting_state state = POSTING_UNKNOWN;
	const char *what = "";

	if (lpis->column < 0 || lpis->listed < 0) {
		what = ": its form is not known";
	} else if (lpis->rows != lpis->listed) {
		what = ": it changed while it was read";
	} else if (lpis->rows == 0) {
		state = POSTING_UNMAPPED;
	} else if (lpis->forwarded == 0) {
		state = POSTING_NO;
	} else if (lpis->forwarded == lpis->rows ||
		   (unsigned int)lpis->forwarded == probe->connected) {
		state = POSTING_YES;
	} else {
		what = ": whose they are only Linux 6.16 and later show";
	}
	snprintf(probe->seen, probe->size,
		 "vgic-state: of the guest's %d LPIs, %u of them connected, the hardware forwards "
		 "%d%s",
		 lpis->rows, probe->connected, lpis->forwarded, what);
	return state;
}

static enum posting_state lpis_parse(const struct probe *probe, FILE *file)
{
	struct lpis lpis = { .listed = -1, .column = -1 };
	char line[256];

	while (fgets(line, sizeof(line), file))
		lpis_count(&lpis, line);
	return lpis_judge(probe, &lpis);
}

/* 0 or -errno. */
static int state_read(const struct posting_files *files, const struct probe *probe,
		      enum posting_state *state)
{
	FILE *file = fd_stream(files->state_fd);
	int error = 0;

	if (!file)
		return -ENOMEM;
	*state = files->per_message ? its_state_parse(probe, file) : lpis_parse(probe, file);
	/* Kernels refuse a second reader with EBUSY. */
	if (ferror(file))
		error = -errno;
	fclose(file);
	return error;
}

/*
 * KVM gives every vCPU of a VM with an ITS a doorbell interrupt, of the chip GICv4-vpe or
 * GICv4.1-vpe, when it uses GICv4 at all (vgic-v4.c). No such row: nothing is posted to anybody.
 */
static enum posting_state doorbells_probe(const struct posting_files *files, char *seen,
					  size_t size)
{
	if (interrupts_have(files->interrupts_fd, " GICv4") != 0)
		return POSTING_UNKNOWN;
	snprintf(seen, size,
		 "/proc/interrupts has no row of GICv4: KVM does not use it on this host");
	return POSTING_NO;
}

enum posting_state posting_probe(struct posting_files *files, const struct posting_vector *vector,
				 char *seen, size_t size)
{
	const struct probe probe = {
		.device_id = vector->message.device_id,
		.event = vector->message.data,
		.connected = vector->connected,
		.seen = seen,
		.size = size,
	};
	enum posting_state state;
	int error;

	if (files->state_fd < 0) {
		snprintf(seen, size, "%s", files->why);
		return doorbells_probe(files, seen, size);
	}
	error = state_read(files, &probe, &state);
	if (error == 0)
		return state;
	snprintf(seen, size, DEBUGFS_KVM ": %s", strerror(-error));
	return doorbells_probe(files, seen, size);
}

bool posting_evidence(const char *root, char *why, size_t size)
{
	char path[PATH_MAX];
	bool readable;

	snprintf(path, sizeof(path), "%s" DEBUGFS_KVM, root);
	readable = access(path, R_OK | X_OK) == 0;
	snprintf(why, size, "%s",
		 readable ? "run can see it in " DEBUGFS_KVM
			  : DEBUGFS_KVM
			 " cannot be read: run posthorn as root, with debugfs mounted "
			 "(mount -t debugfs none /sys/kernel/debug)");
	return readable;
}
