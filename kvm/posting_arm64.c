/* SPDX-License-Identifier: BSD-2-Clause */
#include "kvm/posting.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Does a row of /proc/interrupts contain @text? 1, 0, or -errno when it cannot be read. */
static int interrupts_have(const char *root, const char *text)
{
	char path[PATH_MAX], *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/proc/interrupts", root);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (!found && getline(&line, &size, file) >= 0)
		found = strstr(line, text);
	free(line);
	fclose(file);
	return found;
}

static bool gic_is_old(const char *root, char *why, size_t size)
{
	/* The kernel's driver calls a GICv4 "GICv3" too; every CPU's timer interrupt is one. */
	if (interrupts_have(root, " GICv3 ") != 0)
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

/* What kstrtobool() makes of @text; @before when it refuses. */
static bool bool_parse(const char *text, bool before)
{
	if (strchr("yYtTeE1", text[0]) || !strncasecmp(text, "on", 2))
		return text[0] ? true : before;
	if (strchr("nNfFdD0", text[0]) || !strncasecmp(text, "of", 2))
		return false;
	return before;
}

static bool parameter_is_off(const char *root, char *why, size_t size)
{
	char cmdline[POSTING_CMDLINE_SIZE], value[16];
	const char *at = cmdline;
	bool on = false; /* the default of all kernels so far */

	posting_cmdline_read(root, cmdline);
	if (!cmdline[0])
		return false;
	while (posting_cmdline_next(&at, V4_PARAMETER, value, sizeof(value)))
		on = bool_parse(value, on);
	if (!on)
		snprintf(why, size,
			 "this host's kernel was booted without " V4_PARAMETER
			 "=1: boot with it, on hardware with GICv4");
	return !on;
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

bool posting_detach_discards(const char *root)
{
	char why[POSTING_TEXT_SIZE];

	return !parameter_is_off(root, why, sizeof(why));
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

struct probe {
	const char *root;
	uint32_t device_id, event;
	unsigned int connected;
	char directory[PATH_MAX]; /* of the VM, in debugfs */
	char *seen;
	size_t size;
};

/* Nothing can be read in debugfs: say why. */
static void debugfs_blame(const struct probe *probe, int error)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s" DEBUGFS_KVM, probe->root);
	if (error == -EACCES || error == -EPERM)
		snprintf(probe->seen, probe->size,
			 DEBUGFS_KVM " may not be read: it takes root, and a kernel that is not "
				     "locked down");
	else if (error == -ENOENT && access(path, F_OK))
		snprintf(probe->seen, probe->size,
			 DEBUGFS_KVM " is missing: mount -t debugfs none /sys/kernel/debug");
	else if (error == -ENOENT)
		snprintf(probe->seen, probe->size,
			 DEBUGFS_KVM " has no %s with the state of the interrupts: in a PID "
				     "namespace the name is another",
			 strrchr(probe->directory, '/') + 1);
	else
		snprintf(probe->seen, probe->size, DEBUGFS_KVM ": %s", strerror(-error));
}

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

/* The state of the VM's ITS. 1, 0 when this kernel does not show it, or -errno. */
static int its_state_probe(const struct probe *probe, enum posting_state *state)
{
	char path[PATH_MAX] = "";
	struct dirent *entry;
	int error = 0;
	FILE *file;
	DIR *directory;

	directory = opendir(probe->directory);
	if (!directory)
		return -errno;
	while (!path[0] && (entry = readdir(directory)))
		if (!strncmp(entry->d_name, ITS_STATE, strlen(ITS_STATE)))
			snprintf(path, sizeof(path), "%.3000s/%s", probe->directory, entry->d_name);
	closedir(directory);
	if (!path[0])
		return 0;
	file = fopen(path, "re");
	if (!file)
		return -errno;
	*state = its_state_parse(probe, file);
	if (ferror(file))
		error = -errno;
	fclose(file);
	return error ? error : 1;
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

/* All LPIs of the VM. 1 or -errno. */
static int vgic_state_probe(const struct probe *probe, enum posting_state *state)
{
	struct lpis lpis = { .listed = -1, .column = -1 };
	char path[PATH_MAX], line[256];
	int error = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%.3000s/vgic-state", probe->directory);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		lpis_count(&lpis, line);
	/* Kernels refuse a second reader with EBUSY. */
	if (ferror(file))
		error = -errno;
	fclose(file);
	if (!error)
		*state = lpis_judge(probe, &lpis);
	return error ? error : 1;
}

/*
 * KVM gives every vCPU of a VM with an ITS a doorbell interrupt, of the chip GICv4-vpe or
 * GICv4.1-vpe, when it uses GICv4 at all (vgic-v4.c). No such row: nothing is posted to anybody.
 */
static enum posting_state doorbells_probe(const struct probe *probe)
{
	if (interrupts_have(probe->root, " GICv4") != 0)
		return POSTING_UNKNOWN;
	snprintf(probe->seen, probe->size,
		 "/proc/interrupts has no row of GICv4: KVM does not use it on this host");
	return POSTING_NO;
}

enum posting_state posting_probe(const char *root, const struct posting_vm *vm, uint32_t device_id,
				 uint32_t event, char *seen, size_t size)
{
	struct probe probe = {
		.root = root,
		.device_id = device_id,
		.event = event,
		.connected = vm->connected,
		.seen = seen,
		.size = size,
	};
	enum posting_state state = POSTING_UNKNOWN;
	int result;

	seen[0] = '\0';
	snprintf(probe.directory, sizeof(probe.directory), "%s" DEBUGFS_KVM "/%d-%d", root,
		 (int)vm->pid, vm->fd);
	result = its_state_probe(&probe, &state);
	if (result == 0)
		result = vgic_state_probe(&probe, &state);
	if (result > 0)
		return state;
	debugfs_blame(&probe, result);
	return doorbells_probe(&probe);
}
