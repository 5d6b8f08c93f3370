/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/check/check.c, <architecture>.c and print.c: what is found of made-up hosts. */
#include <errno.h>
#include <jansson.h>
#include <linux/kvm.h>
#include <linux/vfio.h>

#include "lib/ioctl.h"
#include "lib/log.h"
#include "tests/unit/check_findings.h"
#include "vfio/iommu.h"
#include "vmm/commands.h"
#include "vmm/info/info.h"

/* How the KVM of the tree behaves, which is an ordinary file. */
static struct {
	int version;
	int lacking;   /* capability; -1: none */
	int no_device; /* type that KVM_CREATE_DEVICE does not know; -1: none */
	bool is_busy;  /* another hypervisor has the CPU */
	bool no_type1; /* of VFIO's container */
} kvm;

int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name);

int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name)
{
	(void)name;
	switch (request) {
	case KVM_GET_API_VERSION:
		return kvm.version;
	case KVM_CHECK_EXTENSION:
		return (long)argument == kvm.lacking ? 0 : 40;
	case KVM_CREATE_VM:
		return kvm.is_busy ? -EBUSY : dup(fd);
	case VFIO_CHECK_EXTENSION:
		return !kvm.no_type1;
	case KVM_CREATE_DEVICE:
		return (int)((struct kvm_create_device *)argument)->type == kvm.no_device ? -ENODEV
											  : 0;
	default:
		return 0;
	}
}

static uint64_t lock_limit;

uint64_t __wrap_host_lock_limit(void);

uint64_t __wrap_host_lock_limit(void)
{
	return lock_limit;
}

/* A host where nothing is amiss. */
static void host_put(void)
{
	kvm.version = KVM_API_VERSION;
	kvm.lacking = kvm.no_device = -1;
	kvm.is_busy = kvm.no_type1 = false;
	lock_limit = UINT64_MAX;
	tree_text_put("/dev/kvm", "");
	tree_text_put("/dev/vfio/vfio", "");
	tree_directory_put("/sys/class/iommu/dmar0");
	tree_directory_put("/sys/kernel/iommu_groups/0");
	tree_directory_put("/sys/kernel/iommu_groups/1");
	tree_text_put("/proc/cmdline", "quiet\n");
	tree_text_put("/proc/meminfo", "MemTotal: 8192000 kB\nMemAvailable: 4096000 kB\n"
				       "HugePages_Free: 1\nHugepagesize: 1048576 kB\n");
	tree_text_put(POOL "/free_hugepages", "300\n");
	tree_text_put(POOL "/resv_hugepages", "0\n");
	tree_text_put("/proc/interrupts", " 24: 0 IR-PCI-MSI-0000:00:01.0 0-edge nvme0q0\n"
					  " 25: 0 ITS-PCI-MSI-0000:00:01.0 0 Edge nvme0q0\n");
}

static void path_remove(const char *name)
{
	char path[PATH_MAX];

	tree_path(path, name);
	assert_int_equal(remove(path), 0);
}

/* ---- KVM ---- */

static void test_nothing_amiss_stops_nothing(void **state)
{
	(void)state;
	host_put();
	host_check();
	assert_finding(CHECK_OK, "KVM", "address bits", "");
	assert_finding(CHECK_OK, "IOMMU", "dmar0 on, with 2 groups", "");
	assert_finding(CHECK_OK, "interrupt remapping", "", "");
	assert_finding(CHECK_OK, "VFIO", "/dev/vfio/vfio", "");
	assert_finding(CHECK_OK, "memory lock", "needed 524288 KiB", "");
	assert_finding(CHECK_OK, "memory", "4000 MiB available", "");
	assert_false(check_stops(&check));
}

static void test_no_kvm(void **state)
{
	(void)state;
	host_put();
	path_remove("/dev/kvm");
	host_check();
	assert_finding(CHECK_STOPS, "KVM", "No such file",
#if defined(__x86_64__)
		       "kvm_intel or kvm_amd");
#else
		       "EL2");
#endif
	assert_true(check_stops(&check));
}

static void test_kvm_of_another_version(void **state)
{
	(void)state;
	host_put();
	kvm.version = 11;
	host_check();
	assert_finding(CHECK_STOPS, "KVM", "API version 11", "Linux 6.1");
}

static void test_kvm_that_lacks_a_capability(void **state)
{
	(void)state;
	host_put();
	kvm.lacking = KVM_CAP_IRQFD_RESAMPLE;
	host_check();
	assert_finding(CHECK_STOPS, "KVM", "KVM_CAP_IRQFD_RESAMPLE", "Linux 6.1");
}

static void test_kvm_that_another_hypervisor_keeps_from_work(void **state)
{
	(void)state;
	host_put();
	kvm.is_busy = true;
	host_check();
	assert_finding(CHECK_STOPS, "KVM", "no VM can be made", "end other hypervisors");
	assert_true(check_stops(&check));
}

/* ---- VFIO, memory ---- */

static void test_vfio_that_is_not_loaded(void **state)
{
	(void)state;
	host_put();
	path_remove("/sys/bus/pci/drivers/vfio-pci");
	host_check();
	assert_finding(CHECK_STOPS, "VFIO", "vfio-pci is not there", "modprobe vfio-pci");
}

static void test_vfio_without_its_file(void **state)
{
	(void)state;
	host_put();
	path_remove("/dev/vfio/vfio");
	host_check();
	assert_finding(CHECK_STOPS, "VFIO", "/dev/vfio/vfio does not exist", "modprobe vfio");
}

static void test_vfio_that_is_not_permitted(void **state)
{
	(void)state;
	host_put();
	forbidden = "/dev/vfio/vfio";
	host_check();
	assert_finding(CHECK_STOPS, "VFIO", "may not be opened", "chmod a+rw /dev/vfio/vfio");
}

static void test_vfio_without_its_driver_for_iommus(void **state)
{
	(void)state;
	host_put();
	kvm.no_type1 = true;
	host_check();
	assert_finding(CHECK_STOPS, "VFIO", "vfio_iommu_type1", "modprobe vfio_iommu_type1");
	assert_true(check_stops(&check));
}

static void test_iommufd_is_no_must(void **state)
{
	(void)state;
	host_put();
	host_check();
	assert_finding(CHECK_NOTE, "iommufd", "/dev/iommu does not exist", "modprobe iommufd");
	assert_false(check_stops(&check));
	tree_text_put("/dev/iommu", "");
	forbidden = "/dev/iommu";
	host_check();
	assert_finding(CHECK_NOTE, "iommufd", "may not be opened", "chmod a+rw /dev/iommu");
	assert_false(check_stops(&check));
}

static void test_iommufd_that_is_asked_for_is_a_must(void **state)
{
	(void)state;
	host_put();
	check_begin();
	check.iommu = IOMMU_IOMMUFD;
	check_host(&check);
	assert_finding(CHECK_STOPS, "iommufd", "/dev/iommu does not exist", "--iommu type1");
	assert_no_finding("VFIO");
}

static void test_with_iommufd_type1_is_no_must(void **state)
{
	(void)state;
	host_put();
	tree_text_put("/dev/iommu", "");
	path_remove("/dev/vfio/vfio");
	host_check();
	assert_finding(CHECK_OK, "iommufd", "/dev/iommu may be opened", "");
	assert_finding(CHECK_NOTE, "VFIO", "/dev/vfio/vfio does not exist", "modprobe vfio");
	assert_false(check_stops(&check));
	check_begin();
	check.iommu = IOMMU_TYPE1;
	check_host(&check);
	assert_no_finding("iommufd");
	assert_finding(CHECK_STOPS, "VFIO", "/dev/vfio/vfio does not exist", "modprobe vfio");
}

static void test_iommufd_counts_locked_memory_for_each_user(void **state)
{
	static const char all[] = "for all that this user pins by iommufd, other guests too";

	(void)state;
	host_put();
	tree_text_put("/dev/iommu", "");
	lock_limit = 64 * KIB;
	host_check();
	assert_finding(CHECK_STOPS, "memory lock", all, "ulimit -l 524288");
	lock_limit = 1024 * MIB;
	host_check();
	assert_finding(CHECK_OK, "memory lock", all, "");
}

static void test_memory_lock_says_needed_and_allowed(void **state)
{
	(void)state;
	host_put();
	lock_limit = 64 * KIB;
	host_check();
	assert_finding(CHECK_STOPS, "memory lock",
		       "needed 524288 KiB for a guest with a device, "
		       "allowed 64 KiB",
		       "ulimit -l 524288");
	lock_limit = check.memory;
	host_check();
	assert_finding(CHECK_OK, "memory lock", "allowed 524288 KiB", "");
}

static void test_memory_that_is_not_there(void **state)
{
	(void)state;
	host_put();
	tree_text_put("/proc/meminfo", "MemAvailable: 400000 kB\n");
	host_check();
	assert_finding(CHECK_WARNING, "memory", "390 MiB available", "less --memory");
	/* A kernel that does not tell is nothing to talk about. */
	tree_text_put("/proc/meminfo", "\n");
	host_check();
	assert_no_finding("memory");
}

/* The default size of this host's huge pages is 1 GiB: vm.nr_hugepages is about those. */
static void test_huge_pages_that_are_not_there(void **state)
{
	(void)state;
	host_put();
	huge_pages_check();
	assert_finding(CHECK_OK, "memory", "600 MiB of 2 MiB pages", "");
	/* Free, but some process has them reserved; what others have stays theirs. */
	tree_text_put(POOL "/nr_hugepages", "310\n");
	tree_text_put(POOL "/resv_hugepages", "45\n");
	huge_pages_check();
	assert_finding(CHECK_STOPS, "memory", "510 MiB of 2 MiB pages",
		       "echo 311 >" POOL "/nr_hugepages");
	/* More reserved than free, as when both change between two reads. */
	tree_text_put(POOL "/resv_hugepages", "400\n");
	huge_pages_check();
	assert_finding(CHECK_STOPS, "memory", "only 0 MiB", "echo 566 >");
	/* A kernel without such pages. */
	path_remove(POOL "/free_hugepages");
	huge_pages_check();
	assert_finding(CHECK_STOPS, "memory", "no huge pages of 2 MiB", "--memory 512M");
}

#define NODE "/sys/devices/system/node"

/* A host of two nodes, and a third that has CPUs only. */
static void test_the_node_that_memory_is_to_come_from(void **state)
{
	(void)state;
	host_put();
	check_begin();
	check.has_node = true;
	check.node = 2;
	check_host(&check);
	assert_finding(CHECK_STOPS, "memory", "knows no NUMA nodes", "leave node= out");
	tree_text_put(NODE "/has_memory", "0-1\n");
	tree_text_put(NODE "/node1/meminfo", "Node 1 MemTotal: 900000 kB\n"
					     "Node 1 MemFree:   614400 kB\n");
	check_host(&check);
	assert_finding(CHECK_STOPS, "memory", "node=2: this host has no NUMA node 2", "has: 0-1");
	check_begin();
	check.has_node = true;
	check.node = 1;
	check_host(&check);
	assert_finding(CHECK_OK, "memory", "512 MiB for the guest, 600 MiB available", "");
	tree_text_put(NODE "/node1/meminfo", "Node 1 MemFree: 409600 kB\n");
	check_host(&check);
	assert_finding(CHECK_WARNING, "memory", "400 MiB available", "another node=");
	tree_text_put("/proc/self/status", "Mems_allowed:\t1\nMems_allowed_list:\t0\n");
	check_host(&check);
	assert_finding(CHECK_STOPS, "memory",
		       "the cpuset of this process does not have NUMA node 1", "cpuset.mems");
}

static void test_huge_pages_of_a_node_and_of_a_gibibyte(void **state)
{
	(void)state;
	host_put();
	tree_text_put(NODE "/has_memory", "0-1\n");
	tree_text_put(NODE "/node1/hugepages/hugepages-2048kB/nr_hugepages", "100\n");
	tree_text_put(NODE "/node1/hugepages/hugepages-2048kB/free_hugepages", "90\n");
	check_begin();
	check.huge_page_size = 2 * MIB;
	check.has_node = true;
	check.node = 1;
	check_host(&check);
	assert_finding(CHECK_STOPS, "memory", "only 180 MiB of 2 MiB pages",
		       "echo 266 >" NODE "/node1/hugepages/hugepages-2048kB/nr_hugepages");
	check_begin();
	check.memory = 4 * GIB;
	check.huge_page_size = GIB;
	check_host(&check);
	assert_finding(CHECK_STOPS, "memory", "no huge pages of 1 GiB", "--memory 4096M");
	tree_text_put("/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "3\n");
	tree_text_put("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "3\n");
	check_host(&check);
	assert_finding(CHECK_STOPS, "memory", "only 3072 MiB of 1 GiB pages",
		       "echo 4 >/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages");
	assert_finding(CHECK_STOPS, "memory", "1 GiB", "hugepagesz=1G");
	tree_text_put("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "4\n");
	check_begin();
	check.memory = 4 * GIB;
	check.huge_page_size = GIB;
	check_host(&check);
	assert_finding(CHECK_OK, "memory", "4096 MiB of 1 GiB pages are free", "");
}

static void test_surplus_huge_pages_can_be_added(void **state)
{
	(void)state;
	host_put();
	tree_text_put(POOL "/nr_hugepages", "200\n");
	tree_text_put(POOL "/free_hugepages", "200\n");
	tree_text_put(POOL "/nr_overcommit_hugepages", "60\n");
	tree_text_put(POOL "/surplus_hugepages", "4\n");
	huge_pages_check();
	assert_finding(CHECK_OK, "memory", "512 MiB of 2 MiB pages", "");
	tree_text_put(POOL "/surplus_hugepages", "5\n");
	huge_pages_check();
	assert_finding(CHECK_STOPS, "memory", "510 MiB of 2 MiB pages", "echo 256 >");
	/* They are made of ordinary memory, of which there may be less. */
	tree_text_put(POOL "/nr_overcommit_hugepages", "100000\n");
	tree_text_put("/proc/meminfo", "MemAvailable: 102400 kB\n");
	huge_pages_check();
	assert_finding(CHECK_STOPS, "memory", "500 MiB of 2 MiB pages", "echo 256 >");
}

/* ---- the IOMMU ---- */

static void no_iommu_put(void)
{
	host_put();
	path_remove("/sys/class/iommu/dmar0");
}

static void test_posting_that_is_ruled_out_is_a_note(void **state)
{
	(void)state;
	no_iommu_put();
#if defined(__x86_64__)
	tree_directory_put("/sys/module/kvm_intel");
	host_check();
	assert_finding(CHECK_NOTE, "posting", "no IOMMU that kvm_intel can post with",
		       "turn VT-d on in the firmware");
#else
	host_check();
	assert_finding(CHECK_NOTE, "posting", "no GICv3 or GICv4", "other hardware");
#endif
}

static void test_kernel_that_may_leave_posting_on_is_a_warning(void **state)
{
	(void)state;
	host_put();
	tree_text_put("/proc/sys/kernel/osrelease", "6.18.9-200.fc43\n");
	host_check();
	assert_finding(CHECK_WARNING, "kernel", "Linux 6.18.9-200.fc43 may", "Linux 6.18.10 or");
	assert_finding(CHECK_WARNING, "kernel", "(CVE-2026-23198)", "Linux 6.18.10 or");
	assert_false(check_stops(&check));
	tree_text_put("/proc/sys/kernel/osrelease", "6.18.10\n");
	host_check();
	assert_no_finding("kernel");
}

#if defined(__x86_64__)

static void test_posting_that_may_be(void **state)
{
	(void)state;
	host_put();
	tree_directory_put("/sys/module/kvm_intel");
	host_check();
	assert_finding(CHECK_OK, "posting", "nothing that can be read", "");
	tree_text_put("/sys/module/kvm_intel/parameters/enable_apicv", "Y\n");
	tree_text_put("/sys/module/kvm_intel/parameters/enable_ipiv", "N\n");
	tree_text_put("/proc/cmdline", "intel_iommu=on intremap=posted_msi\n");
	host_check();
	assert_finding(CHECK_OK, "posting", "with enable_apicv=Y enable_ipiv=N intremap=posted_msi",
		       "");
}

static void test_whether_a_run_can_see_how_interrupts_go(void **state)
{
	(void)state;
	host_put();
	host_check();
	assert_finding(CHECK_NOTE, "irq report",
		       "will not be seen: /sys/kernel/tracing/instances is missing",
		       "mount -t tracefs none /sys/kernel/tracing");
	tree_directory_put("/sys/kernel/tracing/instances");
	host_check();
	assert_finding(CHECK_NOTE, "irq report", "no tracepoint kvm:kvm_pi_irte_update",
		       "load the KVM of this CPU");
	tree_directory_put("/sys/kernel/tracing/events/kvm/kvm_pi_irte_update");
	host_check();
	assert_finding(CHECK_OK, "irq report", "kvm:kvm_pi_irte_update", "");
}

static void test_no_iommu_in_the_firmware_of_each_maker(void **state)
{
	(void)state;
	no_iommu_put();
	tree_text_put("/proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t: fpu vmx\n");
	host_check();
	assert_finding(CHECK_STOPS, "IOMMU", "none", "turn VT-d on in the firmware's set-up");
	/* Without an IOMMU there is nothing to remap. */
	assert_no_finding("interrupt remapping");
	tree_text_put("/proc/cpuinfo", "vendor_id\t: AuthenticAMD\nflags\t: fpu svm\n");
	host_check();
	assert_finding(CHECK_STOPS, "IOMMU", "none", "AMD-Vi");
	tree_text_put("/proc/cpuinfo", "vendor_id\t: AuthenticAMD\nflags\t: fpu hypervisor\n");
	host_check();
	assert_finding(CHECK_STOPS, "IOMMU", "in this virtual machine", "intel-iommu,intremap=on");
	tree_text_put("/proc/cpuinfo", "vendor_id\t: SomebodyElse\n");
	host_check();
	assert_finding(CHECK_STOPS, "IOMMU", "none", IOMMU_REMEDY);
}

static void test_iommu_that_the_kernel_leaves_off(void **state)
{
	(void)state;
	no_iommu_put();
	tree_text_put("/sys/firmware/acpi/tables/DMAR", "");
	host_check();
	assert_finding(CHECK_STOPS, "IOMMU", "tells of VT-d", "boot with intel_iommu=on");
	path_remove("/sys/firmware/acpi/tables/DMAR");
	tree_text_put("/sys/firmware/acpi/tables/IVRS", "");
	host_check();
	assert_finding(CHECK_STOPS, "IOMMU", "tells of AMD-Vi", "boot without amd_iommu=off");
}

static void test_iommu_that_was_turned_off_at_boot(void **state)
{
	(void)state;
	no_iommu_put();
	tree_text_put("/sys/firmware/acpi/tables/DMAR", "");
	tree_text_put("/proc/cmdline", "quiet intel_iommu=off\n");
	host_check();
	assert_finding(CHECK_STOPS, "IOMMU", "booted with intel_iommu=off",
		       "boot without intel_iommu=off, and with intel_iommu=on");
	tree_text_put("/proc/cmdline", "iommu=off intel_iommu=on\n");
	host_check();
	assert_finding(CHECK_STOPS, "IOMMU", "booted with iommu=off", "boot without iommu=off");
}

static void test_interrupt_remapping_that_is_off(void **state)
{
	(void)state;
	host_put();
	tree_text_put("/proc/interrupts", " 9: 0 IO-APIC 9-edge acpi\n");
	tree_text_put("/proc/cmdline", "quiet intremap=off\n");
	host_check();
	assert_finding(CHECK_STOPS, "interrupt remapping", "off, by intremap=off",
		       "echo Y >/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts");
	tree_text_put("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "Y\n");
	tree_text_put("/proc/cmdline", "quiet nointremap\n");
	host_check();
	assert_finding(CHECK_WARNING, "interrupt remapping", "off, by nointremap", "turn it on");
	assert_false(check_stops(&check));
}

static void test_interrupt_remapping_that_nothing_tells_of(void **state)
{
	(void)state;
	host_put();
	tree_text_put("/proc/interrupts", "NMI: 0\n");
	host_check();
	assert_finding(CHECK_NOTE, "interrupt remapping", "not known", "");
}

static void test_address_bits_of_vtd(void **state)
{
	(void)state;
	tree_host_put();
	assert_int_equal(check_arch_iova_bits(tree.root, NIC), 0);
	/* 48 by MGAW; of the tables, those of 3 levels (39 bits) and of 4. */
	tree_text_put(NIC_PATH "/iommu/intel-iommu/cap", "2f0600\n");
	assert_int_equal(check_arch_iova_bits(tree.root, NIC), 48);
	tree_text_put(NIC_PATH "/iommu/intel-iommu/cap", "2f0200\n");
	assert_int_equal(check_arch_iova_bits(tree.root, NIC), 39);
	tree_text_put(NIC_PATH "/iommu/intel-iommu/cap", "290600\n");
	assert_int_equal(check_arch_iova_bits(tree.root, NIC), 42);
}

#define ARCHITECTURE_TESTS                                                  \
	CHECK_TEST(test_posting_that_may_be),                               \
		CHECK_TEST(test_whether_a_run_can_see_how_interrupts_go),   \
		CHECK_TEST(test_no_iommu_in_the_firmware_of_each_maker),    \
		CHECK_TEST(test_iommu_that_the_kernel_leaves_off),          \
		CHECK_TEST(test_iommu_that_was_turned_off_at_boot),         \
		CHECK_TEST(test_interrupt_remapping_that_is_off),           \
		CHECK_TEST(test_interrupt_remapping_that_nothing_tells_of), \
		CHECK_TEST(test_address_bits_of_vtd),

#else

static void test_no_smmu(void **state)
{
	(void)state;
	no_iommu_put();
	host_check();
	assert_finding(CHECK_STOPS, "IOMMU", "no driver arm-smmu-v3", IOMMU_REMEDY);
	tree_directory_put("/sys/bus/platform/drivers/arm-smmu-v3");
	host_check();
	assert_finding(CHECK_STOPS, "IOMMU", "found no SMMU", IOMMU_REMEDY);
}

static void test_no_its_in_use(void **state)
{
	(void)state;
	host_put();
	tree_text_put("/proc/interrupts", " 9: 0 GICv3 9 Level uart\n");
	host_check();
	assert_finding(CHECK_NOTE, "interrupt remapping", "not known", "");
}

static void test_host_without_gicv3_or_its(void **state)
{
	(void)state;
	host_put();
	kvm.no_device = KVM_DEV_TYPE_ARM_VGIC_V3;
	host_check();
	assert_finding(CHECK_STOPS, "interrupt controller", "a GICv3", "GICv3 or GICv4");
	kvm.no_device = KVM_DEV_TYPE_ARM_VGIC_ITS;
	host_check();
	assert_finding(CHECK_STOPS, "interrupt controller", "GICv3 ITS", "GICv3 or GICv4");
}

#define ARCHITECTURE_TESTS                                        \
	CHECK_TEST(test_no_smmu), CHECK_TEST(test_no_its_in_use), \
		CHECK_TEST(test_host_without_gicv3_or_its),

#endif

/* Groups of VFIO's mode without an IOMMU are none. */
static void test_iommu_needs_groups_and_a_unit(void **state)
{
	(void)state;
	host_put();
	path_remove("/sys/kernel/iommu_groups/0");
	path_remove("/sys/kernel/iommu_groups/1");
	host_check();
	assert_finding(CHECK_STOPS, "IOMMU", "", "o");
	no_iommu_put();
	tree_directory_put("/sys/kernel/iommu_groups/0");
	host_check();
	assert_finding(CHECK_STOPS, "IOMMU", "", "o");
}

/* ---- printing ---- */

/* What @print writes to a file. The caller frees it. */
static char *printed(void (*print)(const struct check *printed, FILE *file))
{
	size_t size;
	char *text;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	print(&check, file);
	fclose(file);
	return text;
}

static void json_print(const struct check *from, FILE *file)
{
	assert_int_equal(check_print_json(from, file), 0);
}

static void samples_add(void)
{
	check_begin();
	check_add(&check, CHECK_OK, "one", "is %s", "well");
	check_add(&check, CHECK_WARNING, "two", "is \"quoted\"");
	check_remedy(&check, "do %d", 2);
	check.spans[0] = (struct check_span){ 0, 512 * MIB, "RAM" };
	check.spans[1] = (struct check_span){ 512 * MIB, 1536 * MIB, "next" };
	check.spans[2] = (struct check_span){ 0xfee00000, MIB, "far" };
	check.span_count = 3;
}

static void test_text_has_a_line_for_each_finding_and_remedy(void **state)
{
	static const char wanted[] = "ok       one: is well\n"
				     "warning  two: is \"quoted\"\n"
				     "         -> do 2\n";
	char *text;

	(void)state;
	samples_add();
	text = printed(check_print);
	assert_memory_equal(text, wanted, strlen(wanted));
	free(text);
}

static void test_map_has_an_edge_where_something_begins_or_ends(void **state)
{
	static const char *const lines[] = { "0000_0000_0000  +", "| RAM ",
					     "0000_2000_0000  +", "| next ",
					     "0000_8000_0000  +", ":    ",
					     "0000_fee0_0000  +", "| far ",
					     "1 MiB |",		  "0000_fef0_0000  +" };
	const char *at;
	char *text;

	(void)state;
	samples_add();
	text = printed(check_print);
	at = text;
	for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
		at = strstr(at, lines[i]);
		if (!at)
			fail_msg("\"%s\" is not there, or not in order:\n%s", lines[i], text);
	}
	free(text);
}

static void test_json_has_the_same(void **state)
{
	json_t *all, *finding;
	char *text;

	(void)state;
	samples_add();
	text = printed(json_print);
	all = json_loads(text, 0, NULL);
	assert_non_null(all);
	assert_int_equal(json_array_size(json_object_get(all, "findings")), 2);
	finding = json_array_get(json_object_get(all, "findings"), 0);
	assert_string_equal(json_string_value(json_object_get(finding, "severity")), "ok");
	assert_string_equal(json_string_value(json_object_get(finding, "object")), "one");
	assert_true(json_is_null(json_object_get(finding, "remedy")));
	finding = json_array_get(json_object_get(all, "findings"), 1);
	assert_string_equal(json_string_value(json_object_get(finding, "detail")), "is \"quoted\"");
	assert_string_equal(json_string_value(json_object_get(finding, "remedy")), "do 2");
	finding = json_array_get(json_object_get(all, "map"), 2);
	assert_string_equal(json_string_value(json_object_get(finding, "base")), "0xfee00000");
	assert_int_equal(json_integer_value(json_object_get(finding, "size")), MIB);
	json_decref(all);
	free(text);
}

/* ---- the command line ---- */

/* Parse @argv. Returns what the command takes, for free(), or NULL if it is wrong. */
static void *parse(const struct command *command, char **argv)
{
	struct command_line line;
	char why[256];
	int argc = 0;

	while (argv[argc])
		argc++;
	if (command_line_parse(&line, commands, argc, argv, why, sizeof(why)))
		return NULL;
	assert_ptr_equal(line.command, command);
	return line.options;
}

static void test_check_takes_a_function_or_none(void **state)
{
	char *none[] = { "posthorn", "check", NULL };
	char *one[] = { "posthorn", "check", "1:0.0", "--memory", "1G", "--json", NULL };
	char *two[] = { "posthorn", "check", "1:0.0", "2:0.0", NULL };
	char *other[] = { "posthorn", "check", "--cpus", "2", NULL };
	struct check_options *options = parse(&command_check, none);

	(void)state;
	assert_non_null(options);
	assert_string_equal(options->bdf, "");
	assert_int_equal(options->memory.size, 512 * MIB);
	free(options);
	options = parse(&command_check, one);
	assert_non_null(options);
	assert_string_equal(options->bdf, "0000:01:00.0");
	assert_int_equal(options->memory.size, GIB);
	assert_true(options->json);
	free(options);
	assert_null(parse(&command_check, two));
	assert_null(parse(&command_check, other));
}

static void test_info_takes_one_function(void **state)
{
	char *one[] = { "posthorn", "info", "1:0.0", "--json", NULL };
	char *none[] = { "posthorn", "info", NULL };
	struct info_options *options = parse(&command_info, one);

	(void)state;
	assert_non_null(options);
	assert_string_equal(options->bdf, "0000:01:00.0");
	assert_true(options->json);
	free(options);
	assert_null(parse(&command_info, none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHECK_TEST(test_nothing_amiss_stops_nothing),
		CHECK_TEST(test_no_kvm),
		CHECK_TEST(test_kvm_of_another_version),
		CHECK_TEST(test_kvm_that_lacks_a_capability),
		CHECK_TEST(test_kvm_that_another_hypervisor_keeps_from_work),
		CHECK_TEST(test_vfio_that_is_not_loaded),
		CHECK_TEST(test_vfio_without_its_file),
		CHECK_TEST(test_vfio_that_is_not_permitted),
		CHECK_TEST(test_vfio_without_its_driver_for_iommus),
		CHECK_TEST(test_iommufd_is_no_must),
		CHECK_TEST(test_iommufd_that_is_asked_for_is_a_must),
		CHECK_TEST(test_with_iommufd_type1_is_no_must),
		CHECK_TEST(test_iommufd_counts_locked_memory_for_each_user),
		CHECK_TEST(test_memory_lock_says_needed_and_allowed),
		CHECK_TEST(test_memory_that_is_not_there),
		CHECK_TEST(test_huge_pages_that_are_not_there),
		CHECK_TEST(test_the_node_that_memory_is_to_come_from),
		CHECK_TEST(test_huge_pages_of_a_node_and_of_a_gibibyte),
		CHECK_TEST(test_surplus_huge_pages_can_be_added),
		CHECK_TEST(test_posting_that_is_ruled_out_is_a_note),
		CHECK_TEST(test_kernel_that_may_leave_posting_on_is_a_warning),
		CHECK_TEST(test_iommu_needs_groups_and_a_unit),
		ARCHITECTURE_TESTS CHECK_TEST(test_text_has_a_line_for_each_finding_and_remedy),
		CHECK_TEST(test_map_has_an_edge_where_something_begins_or_ends),
		CHECK_TEST(test_json_has_the_same),
		cmocka_unit_test(test_check_takes_a_function_or_none),
		cmocka_unit_test(test_info_takes_one_function),
	};

	return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
