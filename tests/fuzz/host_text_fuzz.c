/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What reads text of the host's kernel to tell how interrupts go: vmm/report/host_irq.c and
 * posting_*.c, on made-up root directories. The input: a byte with how many messages are
 * connected and which one is asked for, then the contents of the files, each but for the last ended
 * by a byte 0xff, which no text has.
 */
#include <ftw.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "kvm/irq.h"
#include "lib/cmdline.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz_file.h"
#include "vmm/report/host_irq.h"
#include "vmm/report/posting.h"

#define BDF	  "0000:01:00.0"
#define END	  0xff
#define DEBUGFS	  "/sys/kernel/debug/kvm/"
#define PID	  100
#define FD_EVENTS 5 /* a VM whose kernel shows each event, and one whose kernel does not */
#define FD_LPIS	  6

#define CONTENTS 6

/* Two hosts, and which of the contents is in which file of theirs. */
#define INTEL "/intel"
#define AMD   "/amd"

static const struct {
	const char *path;
	unsigned int content;
} files[] = {
	{ INTEL "/proc/interrupts", 0 },
	{ AMD "/proc/interrupts", 0 },
	{ INTEL "/proc/cmdline", 1 },
	{ AMD "/proc/cmdline", 1 },
	{ INTEL "/sys/module/kvm_intel/parameters/enable_apicv", 2 },
	{ AMD "/sys/module/kvm_amd/parameters/avic", 2 },
	{ INTEL "/sys/class/iommu/dmar0/intel-iommu/cap", 3 },
	{ INTEL "/sys/class/iommu/dmar0/intel-iommu/ecap", 4 },
	{ AMD "/sys/class/iommu/ivhd0/amd-iommu/features", 5 },
	/* arm64, where the maker of the processor does not matter */
	{ INTEL "/dev/kmsg", 3 },
	{ INTEL DEBUGFS "100-5/vgic-its-state@8080000", 4 },
	{ INTEL DEBUGFS "100-6/vgic-state", 5 },
};

struct host {
	char root[64], intel[80], amd[80];
	struct fuzz_file contents[CONTENTS];
	int interrupts_fd;
	struct posting_files events, lpis;
};

/* Make the directories on the way to @path below @root, but for @root itself. */
static void parents_make(const char *root, char *path)
{
	for (char *slash = strchr(path + strlen(root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
}

static int entry_remove(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

static struct host *host_get(void)
{
	static struct host host;

	return &host;
}

static void host_remove(void)
{
	nftw(host_get()->root, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* Each file is a link to one in memory, so that an input costs no other. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct host *host = host_get();
	const char *parent = getenv("TMPDIR");
	char path[PATH_MAX];

	(void)argc;
	(void)argv;
	snprintf(host->root, sizeof(host->root), "%.40s/host-text-XXXXXX",
		 parent ? parent : "/tmp");
	fuzz_check(mkdtemp(host->root));
	atexit(host_remove);
	for (unsigned int i = 0; i < CONTENTS; i++)
		fuzz_file_init(&host->contents[i]);
	for (unsigned int i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s%s", host->root, files[i].path);
		parents_make(host->root, path);
		fuzz_check(symlink(host->contents[files[i].content].path, path) == 0);
	}
	snprintf(path, sizeof(path), "%s" INTEL "/dev/kvm", host->root);
	fuzz_check(symlink("/dev/null", path) == 0);
	snprintf(host->intel, sizeof(host->intel), "%s" INTEL, host->root);
	snprintf(host->amd, sizeof(host->amd), "%s" AMD, host->root);
	host->interrupts_fd = host_irqs_open(host->intel);
	posting_files_init(&host->events, host->intel);
	posting_files_init(&host->lpis, host->intel);
	posting_files_open(&host->events, host->intel, PID, FD_EVENTS);
	posting_files_open(&host->lpis, host->intel, PID, FD_LPIS);
	return 0;
}

static void contents_set(const struct host *host, const uint8_t *data, size_t size)
{
	for (unsigned int i = 0; i < CONTENTS; i++) {
		const uint8_t *end = size ? memchr(data, END, size) : NULL;
		size_t length = end ? (size_t)(end - data) : size;

		fuzz_file_set(&host->contents[i], data, length);
		length = min(length + 1, size);
		data += length;
		size -= length;
	}
}

static void interrupts_read(int fd)
{
	struct host_irq *irqs;
	int count = host_irqs_read(fd, BDF, &irqs);

	fuzz_check(count >= 0 && !count == !irqs);
	for (int i = 0; i < count; i++) {
		fuzz_check(irqs[i].kind == IRQ_KIND_INTX || irqs[i].kind == IRQ_KIND_MSI ||
			   irqs[i].kind == IRQ_KIND_MSIX);
		fuzz_check(host_irq_find(irqs, count, irqs[i].kind, irqs[i].vector));
	}
	free(irqs);
}

static void possible_read(const char *root)
{
	char why[POSTING_TEXT_SIZE];
	bool possible = posting_possible(root, why, sizeof(why));

	fuzz_check(possible == !why[0]);
	posting_parameters(root, why, sizeof(why));
	fuzz_check(strlen(why) < sizeof(why));
	posting_evidence(root, why, sizeof(why));
	fuzz_check(why[0]);
	cmdline_bool(root, "kvm-arm.vgic_v4_enable");
}

static void probe(struct posting_files *vm, unsigned int connected, uint32_t event)
{
	const struct posting_vector vector = {
		.message = { .data = event, .device_id = 8 },
		.host_irq = -1,
		.connected = connected,
	};
	char seen[POSTING_TEXT_SIZE] = "";
	enum posting_state state = posting_probe(vm, &vector, seen, sizeof(seen));

	fuzz_check(posting_state_name(state) && seen[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct host *host = host_get();

	if (!size)
		return 0;
	contents_set(host, data + 1, size - 1);
	interrupts_read(host->interrupts_fd);
	possible_read(host->intel);
	possible_read(host->amd);
	probe(&host->events, data[0] & 0xf, data[0] >> 4);
	probe(&host->lpis, data[0] & 0xf, data[0] >> 4);
	return 0;
}
