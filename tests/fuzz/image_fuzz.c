/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest/image.c and guest/image_*.c: a kernel, and an initrd where that kernel says that it may be.
 * The input is the kernel's file, as it is.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "guest/image.h"
#include "guest/layout.h"
#include "lib/util.h"
#include "tests/fuzz/fuzz_file.h"
#include "tests/unit/fake_ram.h"

#define RAM_SIZE    (16 * MIB)
#define INITRD_SIZE 5000

struct machine {
	struct vm vm;
	struct fuzz_file kernel, initrd;
};

/* What a user is told must name the file, and do no harm to the terminal. */
static void refusal_check(int error, const char *why, const char *path)
{
	fuzz_check(error == -ENOEXEC || error == -ENOSPC);
	fuzz_check(!strncmp(why, path, strlen(path)));
	for (; *why; why++)
		fuzz_check(isprint((unsigned char)*why));
}

static void image_check(const struct image *image)
{
	fuzz_check(image->end <= LAYOUT_RAM + RAM_SIZE);
	fuzz_check(image->entry >= LAYOUT_RAM + MIB && image->entry < image->end);
	fuzz_check(image->setup_header_size <= IMAGE_SETUP_HEADER_MAX);
}

/* Neither below nor above what the kernel says is its own has the loader written. */
static void ram_check(const struct vm *vm, const struct image *image)
{
	static const uint8_t zeros[64];
	uint64_t above = min(image->end, LAYOUT_RAM + RAM_SIZE - sizeof(zeros));

	fuzz_check(!memcmp(vm_gpa_to_hva(vm, LAYOUT_RAM + MIB - sizeof(zeros), sizeof(zeros)),
			   zeros, sizeof(zeros)));
	if (image->end == above)
		fuzz_check(!memcmp(vm_gpa_to_hva(vm, above, sizeof(zeros)), zeros, sizeof(zeros)));
}

static void initrd_check(const struct image_range *initrd, const struct image *image)
{
	fuzz_check(initrd->size == INITRD_SIZE && initrd->gpa % 4096 == 0);
	fuzz_check(initrd->gpa >= image->end);
	fuzz_check(range_within(initrd->gpa, initrd->size, LAYOUT_RAM, RAM_SIZE));
	fuzz_check(initrd->gpa + initrd->size - 1 <= image->initrd_max);
}

static void initrd_load(struct machine *machine, const struct image *image)
{
	struct image_range initrd;
	char why[WHY_SIZE];
	int error;

	error = image_initrd_load(&machine->vm, machine->initrd.path, image, &initrd, why);
	if (error)
		refusal_check(error, why, machine->initrd.path);
	else
		initrd_check(&initrd, image);
}

static struct machine *machine_get(void)
{
	static const uint8_t initrd[INITRD_SIZE] = "initrd";
	static struct machine machine;

	if (!machine.vm.ram_count) {
		fake_ram_init(&machine.vm, RAM_SIZE);
		fuzz_file_init(&machine.kernel);
		fuzz_file_init(&machine.initrd);
		fuzz_file_set(&machine.initrd, initrd, sizeof(initrd));
	}
	return &machine;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine *machine = machine_get();
	struct image image;
	char why[WHY_SIZE];
	int error;

	fuzz_file_set(&machine->kernel, data, size);
	error = image_kernel_load(&machine->vm, machine->kernel.path, &image, why);
	if (error) {
		refusal_check(error, why, machine->kernel.path);
	} else {
		image_check(&image);
		ram_check(&machine->vm, &image);
		initrd_load(machine, &image);
	}
	/* The next input finds it as a new guest would, all zero. */
	fuzz_check(madvise(machine->vm.ram[0].hva, RAM_SIZE, MADV_DONTNEED) == 0);
	return 0;
}
