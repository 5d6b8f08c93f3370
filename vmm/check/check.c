/* SPDX-License-Identifier: BSD-2-Clause */
/* What `posthorn check` finds of the host as a whole. */
#include "vmm/check/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm/arch.h"
#include "kvm/vm.h"
#include "kvm/wire.h"
#include "lib/cmdline.h"
#include "lib/file.h"
#include "lib/ioctl.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vmm/host/lock.h"
#include "vmm/host/node.h"
#include "vmm/report/posting.h"

/* Of a guest where there is no KVM to ask: what most of today's CPUs have at least. */
#define PHYSICAL_BITS_UNKNOWN 39

/* A format: the folder of a NUMA node. */
#define NODE "/sys/devices/system/node/node%u/"

void check_init(struct check *check, const char *root)
{
	memset(check, 0, sizeof(*check));
	check->root = root;
	check->page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	check->physical_bits = PHYSICAL_BITS_UNKNOWN;
}

void check_cleanup(struct check *check)
{
	free(check->findings);
}

void check_add(struct check *check, enum check_severity severity, const char *object,
	       const char *format, ...)
{
	struct check_finding *finding;
	va_list args;

	finding = reallocarray(check->findings, check->count + 1, sizeof(*finding));
	if (!finding)
		die(EXIT_HOST, "no memory for the finding on %s: close other programs", object);
	check->findings = finding;
	finding += check->count++;
	*finding = (struct check_finding){ .severity = severity };
	snprintf(finding->object, sizeof(finding->object), "%s", object);
	va_start(args, format);
	vsnprintf(finding->detail, sizeof(finding->detail), format, args);
	va_end(args);
}

void check_remedy(struct check *check, const char *format, ...)
{
	struct check_finding *finding = &check->findings[check->count - 1];
	va_list args;

	va_start(args, format);
	vsnprintf(finding->remedy, sizeof(finding->remedy), format, args);
	va_end(args);
}

bool check_stops(const struct check *check)
{
	for (size_t i = 0; i < check->count; i++)
		if (check->findings[i].severity == CHECK_STOPS)
			return true;
	return false;
}

/* ---- reading the host ---- */

size_t check_read(const struct check *check, const char *path, char *text, size_t size)
{
	char full[PATH_MAX];
	int length;

	snprintf(full, sizeof(full), "%s%s", check->root, path);
	length = file_read_text(full, text, size);
	if (length < 0)
		text[0] = '\0';
	return length > 0 ? (size_t)length : 0;
}

bool check_exists(const struct check *check, const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", check->root, path);
	return access(full, F_OK) == 0;
}

bool check_interrupts_have(const struct check *check, const char *text)
{
	char path[PATH_MAX], *line = NULL;
	bool found = false;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/proc/interrupts", check->root);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && getline(&line, &size, file) >= 0)
		found = strstr(line, text);
	free(line);
	fclose(file);
	return found;
}

bool check_cmdline_has(const struct check *check, const char *name, const char *part)
{
	char cmdline[CMDLINE_SIZE], value[64];
	const char *at = cmdline;

	cmdline_read(check->root, cmdline);
	while (cmdline_next(&at, name, value, sizeof(value)))
		if (strstr(value, part))
			return true;
	return false;
}

/*
 * Names in a directory below the root, as in "dmar0, dmar1"; those that do not fit are left out.
 * Returns how many there are.
 */
static unsigned int names_list(const struct check *check, const char *path, char *names,
			       size_t size)
{
	const struct dirent *entry;
	unsigned int count = 0;
	char full[PATH_MAX];
	DIR *directory;

	names[0] = '\0';
	snprintf(full, sizeof(full), "%s%s", check->root, path);
	directory = opendir(full);
	if (!directory)
		return 0;
	while ((entry = readdir(directory))) {
		size_t length = strlen(names);

		if (entry->d_name[0] == '.')
			continue;
		if (length + strlen(entry->d_name) + sizeof(", ") < size)
			snprintf(names + length, size - length, "%s%s", count ? ", " : "",
				 entry->d_name);
		count++;
	}
	closedir(directory);
	return count;
}

/* ---- the findings ---- */

static void vm_check(struct check *check, int kvm_fd)
{
	int fd = ioctl_value(kvm_fd, KVM_CREATE_VM, arch_vm_type(kvm_fd));

	if (fd < 0) {
		check_add(check, CHECK_STOPS, "KVM", "no VM can be made: %s", strerror(-fd));
		if (fd == -EBUSY)
			check_remedy(check, VM_BUSY_REMEDY);
		return;
	}
	check_arch_controller(check, fd);
	fd_close(&fd);
}

static void kvm_check(struct check *check)
{
	struct vm_refusal refusal = { .what = "" };
	int fd = vm_kvm_open(check->root, &refusal);

	if (fd < 0) {
		check_add(check, CHECK_STOPS, "KVM", "/dev/kvm: %s", refusal.what);
		check_remedy(check, "%s", refusal.remedy);
		return;
	}
	check->physical_bits = arch_physical_bits(fd);
	check_add(check, CHECK_OK, "KVM",
		  "/dev/kvm can be opened and has what posthorn needs; guests have %u address bits",
		  check->physical_bits);
	vm_check(check, fd);
	fd_close(&fd);
}

static void iommu_check(struct check *check)
{
	char iommus[128], groups[16];
	unsigned int iommu_count = names_list(check, "/sys/class/iommu", iommus, sizeof(iommus));
	unsigned int group_count =
		names_list(check, "/sys/kernel/iommu_groups", groups, sizeof(groups));

	/* Groups without an IOMMU are those of VFIO's unsafe mode, which isolate nothing. */
	check->has_iommu = iommu_count && group_count;
	if (!check->has_iommu) {
		check_arch_no_iommu(check);
		return;
	}
	check_add(check, CHECK_OK, "IOMMU", "%s on, with %u groups of functions", iommus,
		  group_count);
	check_arch_remapping(check);
}

/* Can the container at @path, which is none of a device's, guard devices by an IOMMU? */
static bool container_has_type1(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	bool has;

	if (fd < 0)
		return false;
	has = ioctl_value(fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) > 0;
	fd_close(&fd);
	return has;
}

/* Without it a guest uses type 1, unless that was ruled out. */
static void iommufd_check(struct check *check)
{
	enum check_severity severity = check->iommu == IOMMU_AUTO ? CHECK_NOTE : CHECK_STOPS;
	char path[PATH_MAX];

	if (check->iommu == IOMMU_TYPE1)
		return;
	snprintf(path, sizeof(path), "%s/dev/iommu", check->root);
	if (access(path, F_OK) != 0) {
		check_add(check, severity, "iommufd", "/dev/iommu does not exist");
		check_remedy(check, "modprobe iommufd, of a kernel with CONFIG_IOMMUFD and "
				    "CONFIG_VFIO_DEVICE_CDEV; or use type 1 (--iommu type1)");
	} else if (access(path, R_OK | W_OK) != 0) {
		check_add(check, severity, "iommufd", "/dev/iommu may not be opened");
		check_remedy(check, "chmod a+rw /dev/iommu (it gives no access to any device)");
	} else {
		check->has_iommufd = true;
		check_add(check, CHECK_OK, "iommufd", "/dev/iommu may be opened");
	}
}

/* VFIO's container. Without it a guest uses iommufd, where that is there. */
static void type1_check(struct check *check)
{
	enum check_severity severity = check->has_iommufd ? CHECK_NOTE : CHECK_STOPS;
	char path[PATH_MAX];

	if (check->iommu == IOMMU_IOMMUFD)
		return;
	snprintf(path, sizeof(path), "%s/dev/vfio/vfio", check->root);
	if (access(path, F_OK) != 0) {
		check_add(check, severity, "VFIO", "/dev/vfio/vfio does not exist");
		check_remedy(check, "modprobe vfio-pci");
	} else if (access(path, R_OK | W_OK) != 0) {
		check_add(check, severity, "VFIO", "/dev/vfio/vfio may not be opened");
		check_remedy(check, "chmod a+rw /dev/vfio/vfio (it gives no access to any device)");
	} else if (!container_has_type1(path)) {
		check_add(check, severity, "VFIO",
			  "its driver for IOMMUs, vfio_iommu_type1, is not there");
		check_remedy(check, "modprobe vfio_iommu_type1");
	} else {
		check_add(check, CHECK_OK, "VFIO",
			  "%svfio_iommu_type1 %s there, /dev/vfio/vfio may be opened",
			  check->is_mediated ? "" : "vfio-pci and ",
			  check->is_mediated ? "is" : "are");
	}
}

static void vfio_check(struct check *check)
{
	iommufd_check(check);
	if (check->is_mediated || check_exists(check, "/sys/bus/pci/drivers/vfio-pci")) {
		type1_check(check);
		return;
	}
	check_add(check, CHECK_STOPS, "VFIO", "the driver vfio-pci is not there");
	check_remedy(check, "modprobe vfio-pci");
}

static void lock_check(struct check *check)
{
	unsigned long long needed = check->memory / KIB;
	uint64_t limit = host_lock_limit();
	char remedy[512];

	if (limit == UINT64_MAX) {
		check_add(check, CHECK_OK, "memory lock",
			  "needed %llu KiB for a guest with a device, allowed any amount", needed);
		return;
	}
	/* What others have of it, the kernel does not tell. */
	check_add(check, limit >= check->memory ? CHECK_OK : CHECK_STOPS, "memory lock",
		  "needed %llu KiB for a guest with a device, allowed %llu KiB%s", needed,
		  (unsigned long long)(limit / KIB),
		  check->has_iommufd ? " for all that this user pins by iommufd, other guests too"
				     : "");
	if (limit >= check->memory)
		return;
	host_lock_remedy(check->memory, remedy, sizeof(remedy));
	check_remedy(check, "%s", remedy);
}

/*
 * Memory in MiB that this host, or the node that is asked for, can still give away; UINT64_MAX: not
 * known. The kernel says of the host what it could make free, of a node what is free.
 */
static uint64_t memory_available(const struct check *check)
{
	const char *name = check->has_node ? "MemFree:" : "MemAvailable:";
	char path[PATH_MAX], text[4096];
	const char *at;

	snprintf(path, sizeof(path), "/proc/meminfo");
	if (check->has_node)
		snprintf(path, sizeof(path), NODE "meminfo", check->node);
	check_read(check, path, text, sizeof(text));
	at = strstr(text, name);
	return at ? strtoull(at + strlen(name), NULL, 10) / KIB : UINT64_MAX;
}

/* Where @limit does not leave enough for the guest; returns whether it does. */
static bool limit_check(struct check *check, const struct check_limit *limit, const char *what)
{
	if (limit->available >= check->memory && limit->limit > check->memory)
		return true;
	/* More than the limit cannot be had; what others of the group have may come free. */
	check_add(check, limit->limit <= check->memory ? CHECK_STOPS : CHECK_WARNING, "memory",
		  "%llu MiB for the guest, a control group leaves this process %llu MiB of %s "
		  "(limit: %llu MiB, %s)",
		  (unsigned long long)(check->memory / MIB),
		  (unsigned long long)(limit->available / MIB), what,
		  (unsigned long long)(limit->limit / MIB), limit->file);
	return false;
}

static void memory_check(struct check *check)
{
	unsigned long long mib = check->memory / MIB;
	uint64_t there = memory_available(check);
	struct check_limit limit;

	check_cgroup_limit(check, CHECK_CGROUP_MEMORY, &limit);
	if (!limit_check(check, &limit, "memory")) {
		check_remedy(check,
			     "use less --memory, or raise the limit (systemd: MemoryMax=; docker "
			     "run --memory): with a device all of it is pinned, and the kernel "
			     "kills posthorn");
		return;
	}
	if (there == UINT64_MAX)
		return;
	if (there >= mib) {
		check_add(check, CHECK_OK, "memory", "%llu MiB for the guest, %llu MiB available",
			  mib, (unsigned long long)min(there, limit.available / MIB));
	} else {
		check_add(check, CHECK_WARNING, "memory",
			  "%llu MiB for the guest, %llu MiB available: with a device all of it is "
			  "pinned",
			  mib, (unsigned long long)there);
		check_remedy(check, check->has_node ? "use less --memory, or another node="
						    : "use less --memory");
	}
}

/*
 * A file of the pool of huge pages: the host's, or that of the node, which has fewer. They are of
 * the size that `run` takes: /proc/meminfo and vm.nr_hugepages have the host's default size, which
 * may be another.
 */
static void pool_path(const struct check *check, const char *name, char path[PATH_MAX])
{
	char folder[64] = "/sys/kernel/mm/";

	if (check->has_node)
		snprintf(folder, sizeof(folder), NODE, check->node);
	snprintf(path, PATH_MAX, "%shugepages/hugepages-%llukB/%s", folder,
		 (unsigned long long)(check->huge_page_size / KIB), name);
}

/* A number of the pool; 0 when there is none. */
static uint64_t pool_read(const struct check *check, const char *name)
{
	char path[PATH_MAX], text[32];

	pool_path(check, name, path);
	check_read(check, path, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

/* @a - @b, or 0: the numbers of the pool are read one after the other. */
static uint64_t difference(uint64_t a, uint64_t b)
{
	return a - min(a, b);
}

static const char *huge_page_name(const struct check *check)
{
	return check->huge_page_size == GIB ? "1 GiB" : "2 MiB";
}

/* Returns whether the control groups let this process have them. */
static bool huge_limits_check(struct check *check)
{
	static const enum check_cgroup kinds[] = { CHECK_CGROUP_HUGE_PAGES,
						   CHECK_CGROUP_HUGE_RESERVED };
	struct check_limit limit;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		check_cgroup_limit(check, kinds[i], &limit);
		/* Of these posthorn needs none beside the guest's. */
		if (limit.available >= check->memory)
			continue;
		check_add(check, CHECK_STOPS, "memory",
			  "%llu MiB for the guest, a control group leaves this process %llu MiB of "
			  "%s pages (limit: %llu MiB)",
			  (unsigned long long)(check->memory / MIB),
			  (unsigned long long)(limit.available / MIB), huge_page_name(check),
			  (unsigned long long)(limit.limit / MIB));
		check_remedy(check, "echo %llu >%s",
			     (unsigned long long)(limit.limit + check->memory - limit.available),
			     limit.file);
		return false;
	}
	return true;
}

/*
 * When the pool has too few the kernel adds surplus pages, made of ordinary memory
 * (Documentation/admin-guide/mm/hugetlbpage.rst), but none that are larger than it can find in one
 * piece.
 */
static void huge_pages_check(struct check *check)
{
	uint64_t needed = check->memory / check->huge_page_size, mib = check->huge_page_size / MIB;
	uint64_t unused =
		difference(pool_read(check, "free_hugepages"), pool_read(check, "resv_hugepages"));
	uint64_t surplus = difference(pool_read(check, "nr_overcommit_hugepages"),
				      pool_read(check, "surplus_hugepages"));
	uint64_t there = mib * (unused + min(surplus, memory_available(check) / mib));
	const char *name = huge_page_name(check);
	unsigned long long wanted = check->memory / MIB;
	char path[PATH_MAX];

	pool_path(check, "free_hugepages", path);
	if (!check_exists(check, path)) {
		check_add(check, CHECK_STOPS, "memory", "this kernel has no huge pages of %s",
			  name);
		check_remedy(check, "use --memory %lluM, without hugepages=", wanted);
		return;
	}
	if (there >= wanted) {
		if (!huge_limits_check(check))
			return;
		check_add(check, CHECK_OK, "memory",
			  "%llu MiB for the guest, %llu MiB of %s pages are free or can be added",
			  wanted, (unsigned long long)there, name);
		return;
	}
	check_add(check, CHECK_STOPS, "memory",
		  "%llu MiB for the guest, only %llu MiB of %s pages are free or can be added",
		  wanted, (unsigned long long)there, name);
	pool_path(check, "nr_hugepages", path);
	/* Pages that are in use stay in the number. */
	check_remedy(check, "echo %llu >%s%s",
		     (unsigned long long)(pool_read(check, "nr_hugepages") + needed - unused), path,
		     check->huge_page_size == GIB ? ", or boot the host with hugepagesz=1G "
						    "hugepages=N: later memory is in smaller pieces"
						  : "");
}

/* Returns whether it can be used. */
static bool node_check(struct check *check)
{
	char why[WHY_SIZE], remedy[WHY_SIZE];

	if (!check->has_node || host_node_usable(check->root, check->node, why, remedy) == EXIT_OK)
		return true;
	check_add(check, CHECK_STOPS, "memory", "%s", why);
	check_remedy(check, "%s", remedy);
	return false;
}

/* The phrase of posting_possible() is the evidence, a colon, and what mends it. */
static void posting_check_add(struct check *check)
{
	char why[POSTING_TEXT_SIZE], *remedy;

	if (posting_possible(check->root, why, sizeof(why))) {
		posting_parameters(check->root, why, sizeof(why));
		check_add(check, CHECK_OK, "posting",
			  "nothing that can be read rules posted interrupts out%s", why);
		return;
	}
	remedy = strstr(why, ": ");
	if (remedy)
		*remedy = '\0';
	check_add(check, CHECK_NOTE, "posting", "interrupts cannot be posted: %s", why);
	if (remedy)
		check_remedy(check, "%s", remedy + 2);
}

/* And could a run tell? The phrase is made in the same way. */
static void evidence_check_add(struct check *check)
{
	char why[POSTING_TEXT_SIZE], *remedy;
	bool readable = posting_evidence(check->root, why, sizeof(why));

	remedy = readable ? NULL : strstr(why, ": ");
	if (remedy)
		*remedy = '\0';
	check_add(check, readable ? CHECK_OK : CHECK_NOTE, "irq report", "%s%s",
		  readable ? "" : "whether an interrupt is posted will not be seen: ", why);
	if (remedy)
		check_remedy(check, "%s", remedy + 2);
}

/* By the release alone: whether a distributor mended it nothing tells. */
static void deassign_check(struct check *check)
{
	char release[65];

	if (!check_read(check, "/proc/sys/kernel/osrelease", release, sizeof(release)) ||
	    !irq_deassign_defect(release))
		return;
	check_add(check, CHECK_WARNING, "kernel",
		  "Linux %s may leave a posted interrupt on that the guest has masked "
		  "(CVE-2026-23198): posthorn works around it, and masks take longer",
		  release);
	check_remedy(check, "use Linux " IRQ_DEASSIGN_MENDED
			    " or newer, or ask the distributor whether this kernel is mended");
}

void check_host(struct check *check)
{
	kvm_check(check);
	if (!check->is_mediated)
		iommu_check(check);
	vfio_check(check);
	if (!check->is_mediated)
		lock_check(check);
	if (node_check(check)) {
		if (check->huge_page_size)
			huge_pages_check(check);
		else
			memory_check(check);
	}
	posting_check_add(check);
	evidence_check_add(check);
	deassign_check(check);
}
