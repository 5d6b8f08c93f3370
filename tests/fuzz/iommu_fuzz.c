/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vfio/iommu.c with both back ends, and the made-up kernel of tests/unit/fake_iommu.h, which ends
 * the process when a call is not allowed. The input: a byte for --iommu; a number of ranges of
 * IOVAs, and these; then steps, a byte that says which. For each call of the kernel a byte is
 * taken: below ERRORS it fails.
 */
#include <errno.h>
#include <string.h>

#include "kvm/vm.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/unit/fake_iommu.h"
#include "vfio/iommu.h"

static const int errors[] = { -ENOENT, -EACCES, -EPERM,	 -EMFILE, -EBUSY,
			      -EINVAL, -ENOMEM, -ENODEV, -EIO,	  -ENOTTY };

static struct fuzz_input *input;

static int failing(void)
{
	uint8_t what = fuzz_u8(input);

	/* At the end of the input all goes well. */
	return what && what <= ARRAY_SIZE(errors) ? errors[what - 1] : 0;
}

struct subject {
	struct iommu iommu;
	int devices[FAKE_FUNCTIONS]; /* -1: not open */
	bool is_mapped;		     /* a BAR */
};

static char memory[0x4000];

/* A reason has the function or a file in it, and nothing that a terminal would act on. */
static void why_check(const char *why, const char *bdf)
{
	fuzz_check(strstr(why, bdf) || strstr(why, "/dev/") || strstr(why, "VFIO has no driver"));
	for (; *why; why++)
		fuzz_check(*why >= ' ' && *why <= '~');
}

static void device_open(struct subject *subject, unsigned int function)
{
	static const char *const tokens[] = { NULL, "83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4" };
	const struct iommu_device wanted = { fake_functions[function],
					     tokens[fuzz_range(input, 0, 1)], 0 };
	unsigned int before = fake_iommu_open_count();
	char why[WHY_SIZE] = "";
	int fd;

	if (subject->devices[function] >= 0)
		return;
	fd = iommu_device_open(&subject->iommu, &wanted, why);
	subject->devices[function] = fd;
	if (fd >= 0)
		return;
	why_check(why, fake_functions[function]);
	fuzz_check(fd == -ENODEV || fd == -EINVAL);
	/* A group may stay open: it is the container's, and closed with it. */
	fuzz_check(fake_iommu_open_count() <= before + 1);
}

static void step(struct subject *subject)
{
	struct iommu *iommu = &subject->iommu;
	struct iommu_range ranges[IOMMU_RANGES_MAX];
	struct vm_ram ram = { .size = 0x1000, .hva = memory };
	uint8_t what = (uint8_t)fuzz_range(input, 0, 7);
	unsigned int count;

	if (what < 3) {
		device_open(subject, what);
		return;
	}
	if (iommu->fd < 0)
		return;
	switch (what) {
	case 3:
		ram.gpa = fuzz_u8(input) * 0x1000ULL;
		iommu_ram_map(iommu, &ram);
		break;
	case 4:
		if (!subject->is_mapped)
			subject->is_mapped = !iommu_map(iommu, 0xc0000000, 0x2000, memory);
		fuzz_check(!subject->is_mapped || iommu_maps_bars(iommu));
		break;
	case 5:
		if (subject->is_mapped)
			iommu_unmap(iommu, 0xc0000000, 0x2000);
		subject->is_mapped = false;
		break;
	case 6:
		count = iommu_ranges(iommu, ranges);
		fuzz_check(count <= IOMMU_RANGES_MAX);
		iommu_page_sizes(iommu);
		iommu_coherent(iommu);
		break;
	default:
		iommu_kvm_attach(iommu, NULL);
	}
}

static void info_set(void)
{
	unsigned int count = (unsigned int)fuzz_range(input, 0, 63);
	struct fake_iova ranges[64];

	for (unsigned int i = 0; i < count; i++)
		ranges[i] = (struct fake_iova){ fuzz_u32(input), fuzz_u32(input) };
	fake_iommu_info_set(0x1000, ranges, count);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct subject subject = { .is_mapped = false };

	input = &in;
	log_level_set(LOG_LEVEL_ERROR);
	fake_iommu_begin();
	iommu_init(&subject.iommu, (enum iommu_choice)fuzz_range(input, IOMMU_AUTO, IOMMU_TYPE1),
		   0);
	for (unsigned int i = 0; i < FAKE_FUNCTIONS; i++)
		subject.devices[i] = -1;
	info_set();
	fake_iommu_fail_by(failing);
	while (in.size)
		step(&subject);
	for (unsigned int i = 0; i < FAKE_FUNCTIONS; i++)
		fd_close(&subject.devices[i]);
	iommu_cleanup(&subject.iommu);
	fake_iommu_end();
	return 0;
}
