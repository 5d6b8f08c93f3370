/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/run_options.h"

#include <ctype.h>
#include <errno.h>
#include <linux/pci.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "guest/boot.h"
#include "guest/layout.h"
#include "lib/util.h"
#include "vmm/descriptor.h"

#define MEMORY_MIN (32 * MIB)
#define MEMORY_MAX BIT(52) /* physical addresses of x86-64 and arm64 have no more bits */

/* A number and K, M, G or T (without: M) at *@text. 0, or -EINVAL or -ERANGE. */
static int size_parse(const char **text, uint64_t *size)
{
	static const struct {
		char suffix;
		uint64_t unit;
	} units[] = { { 'K', KIB }, { 'M', MIB }, { 'G', GIB }, { 'T', TIB } };
	uint64_t unit = MIB;
	unsigned int i;
	int error;

	error = number_parse(text, size);
	if (error)
		return error;
	for (i = 0; i < ARRAY_SIZE(units); i++) {
		if (toupper((unsigned char)**text) == units[i].suffix) {
			unit = units[i].unit;
			++*text;
			break;
		}
	}
	return __builtin_mul_overflow(*size, unit, size) ? -ERANGE : 0;
}

/* on is what it was called before there was another size. */
static const char *const hugepages_names[] = { "off", "on", "1G", NULL };

static int option_hugepages(struct parser *parser, const struct option_rule *rule,
			    const char *value)
{
	static const uint64_t sizes[] = { 0, 2 * MIB, GIB };
	struct memory_options *memory = parser->options;
	int index = name_choose(parser, rule, value);

	if (index < 0)
		return EXIT_USAGE;
	memory->huge_page_size = sizes[index];
	return 0;
}

static int option_node(struct parser *parser, const struct option_rule *rule, const char *value)
{
	struct memory_options *memory = parser->options;

	memory->has_node = true;
	return option_number(parser, rule, value);
}

#define KEY(member) .offset = offsetof(struct memory_options, member)

static const struct option_rule memory_keys[] = {
	{ "hugepages", "off|on|1G", NULL, option_hugepages, .names = hugepages_names },
	{ "prefault", "THREADS", NULL, option_number, KEY(prefault), .least = 1,
	  .most = RAM_THREADS_MAX },
	{ "node", "N", NULL, option_node, KEY(node), .most = RAM_NODES_MAX - 1 },
	{ 0 },
};

#undef KEY

int option_memory(struct parser *parser, const struct option_rule *rule, const char *value)
{
	struct memory_options *memory = (void *)((char *)parser->options + rule->offset);
	uint64_t multiple = (uint64_t)sysconf(_SC_PAGESIZE);
	const char *keys = value;
	int error;

	error = size_parse(&keys, &memory->size);
	if (error == -EINVAL || (!error && *keys && *keys != ','))
		return wrong(parser, "%s '%s': give a number with K, M, G or T, as in 1536M or 2G",
			     rule->name, value);
	if (error || memory->size < MEMORY_MIN || memory->size > MEMORY_MAX)
		return wrong(parser, "%s '%s': give 32M to 4096T (a bare number counts MiB)",
			     rule->name, value);
	if (option_keys(parser, rule, value, memory_keys, memory))
		return EXIT_USAGE;
	if (memory->huge_page_size)
		multiple = memory->huge_page_size;
	if (memory->size % multiple)
		return wrong(parser, "%s '%s': give a multiple of %lluK, the size of a page",
			     rule->name, value, (unsigned long long)(multiple / KIB));
	return 0;
}

/* ---- devices ---- */

static const char *const irq_path_names[] = { "irqfd", "userspace", NULL };
static const char *const msix_table_names[] = {
	[MSIX_TABLE_AUTO] = "auto",
	[MSIX_TABLE_DEVICE] = "device",
	[MSIX_TABLE_OWN] = "own",
	NULL,
};

static const char *const off_on_names[] = { "off", "on", NULL };
static const char *const on_off_names[] = { "on", "off", NULL };

/* Slot 0 is the host bridge's. */
static int option_address(struct parser *parser, const struct option_rule *rule, const char *value)
{
	unsigned int *devfn = (void *)((char *)parser->options + rule->offset);
	char text[16], bdf[BDF_SIZE];

	snprintf(text, sizeof(text), "0:%.8s%s", value, strchr(value, '.') ? "" : ".0");
	*devfn = 0;
	if (strlen(value) <= 4 && !strchr(value, ':') && !bdf_parse(text, bdf))
		*devfn = bdf_devfn(bdf);
	if (PCI_SLOT(*devfn))
		return 0;
	return wrong(
		parser,
		"%s=%s: give a slot from 1 to 1f and a function from 0 to 7, as in 5 or 5.1, in "
		"hexadecimal digits as lspci shows them",
		rule->name, value);
}

static int option_vf_token(struct parser *parser, const struct option_rule *rule, const char *value)
{
	char *token = (char *)parser->options + rule->offset;
	uint8_t bytes[16];

	if (vf_token_parse(value, bytes))
		return wrong(parser,
			     "%s=%s: give a UUID, as in 83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4 "
			     "(uuidgen makes one)",
			     rule->name, value);
	strcpy(token, value);
	return 0;
}

static int option_romfile(struct parser *parser, const struct option_rule *rule, const char *value)
{
	struct device_options *device = parser->options;
	size_t length = strlen(value);

	if (!length || length >= sizeof(device->romfile))
		return wrong(parser, "%s=%s: give a path of 1 to %zu bytes, without a comma",
			     rule->name, value, sizeof(device->romfile) - 1);
	memcpy(device->romfile, value, length + 1);
	return 0;
}

#define KEY(member) .offset = offsetof(struct device_options, member)

static const struct option_rule device_keys[] = {
	{ "irq-path", "irqfd|userspace", NULL, option_name, KEY(userspace_irqs),
	  .names = irq_path_names },
	{ "addr", "SLOT[.FUNCTION]", NULL, option_address, KEY(devfn) },
	{ "msix-table", "auto|device|own", NULL, option_name, KEY(msix_table),
	  .names = msix_table_names },
	{ "vf-token", "UUID", NULL, option_vf_token, KEY(vf_token) },
	{ "rombar", "on|off", NULL, option_name, KEY(rom_hidden), .names = on_off_names },
	{ "romfile", "FILE", NULL, option_romfile, KEY(romfile) },
	{ "vga", "off|on", NULL, option_name, KEY(vga), .names = off_on_names },
	{ 0 },
};

/* "fd=5" or "fd=NAME", up to the comma: a device's file. */
static int device_descriptor(struct parser *parser, const struct option_rule *rule,
			     const char *value, struct device_options *device)
{
	const struct option_rule as_number = { .name = rule->name,
					       .offset = offsetof(struct device_options, fd) };
	struct parser inner = { .options = device, .why = parser->why, .size = parser->size };
	char text[64];

	snprintf(text, sizeof(text), "%.*s", (int)strcspn(value, ","), value);
	if (option_descriptor(&inner, &as_number, text))
		return EXIT_USAGE;
	if (iommu_device_file_name("", device->fd, device->bdf) == 0)
		return 0;
	return wrong(parser, "%s '%s': this is no file of /dev/vfio/devices", rule->name, value);
}

/* Which device @value begins with, up to the comma. */
static int device_name_apply(struct parser *parser, const struct option_rule *rule,
			     const char *value, struct device_options *device)
{
	char text[64];

	if (!strncmp(value, "fd=", strlen("fd=")))
		return device_descriptor(parser, rule, value, device);
	snprintf(text, sizeof(text), "%.*s", (int)min(strcspn(value, ","), sizeof(text)), value);
	if (!bdf_parse(text, device->bdf) || !mdev_option_parse(text, device->bdf))
		return 0;
	return wrong(parser,
		     "%s '%s': give the address of a PCI function, as in 0000:01:00.0 (`posthorn "
		     "devices` lists them), or mdev=UUID",
		     rule->name, value);
}

static int device_apply(struct parser *parser, const struct option_rule *rule, const char *value)
{
	struct run_options *options = parser->options;
	struct device_options device = { .devfn = 0 };
	unsigned int i;

	if (device_name_apply(parser, rule, value, &device))
		return EXIT_USAGE;
	for (i = 0; i < options->device_count; i++) {
		if (!strcmp(options->devices[i].bdf, device.bdf))
			return wrong(parser, "%s '%s': give each function once", rule->name, value);
	}
	if (i == RUN_DEVICES_MAX)
		return wrong(parser, "%s '%s': there can be %d devices at most", rule->name, value,
			     RUN_DEVICES_MAX);
	if (option_keys(parser, rule, value, device_keys, &device))
		return EXIT_USAGE;
	if (device.vf_token[0] && bdf_is_mdev(device.bdf))
		return wrong(parser,
			     "%s '%s': a mediated device is no virtual function and has no token: "
			     "leave vf-token out",
			     rule->name, value);
	options->devices[options->device_count++] = device;
	return 0;
}

/* The first of the devices that is @devfn in the guest, or NULL. */
static struct device_options *device_at(struct run_options *options, unsigned int devfn)
{
	for (unsigned int i = 0; i < options->device_count; i++)
		if (options->devices[i].devfn == devfn)
			return &options->devices[i];
	return NULL;
}

/* How many devices are in @slot of the guest. */
static unsigned int slot_count(const struct run_options *options, unsigned int slot)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < options->device_count; i++)
		count += PCI_SLOT(options->devices[i].devfn) == slot;
	return count;
}

/*
 * Put @first, and what is with it in the host and has no place either, into the lowest free slot.
 * They keep the numbers of their functions, which drivers may look at; but without a function 0 no
 * guest looks for the others.
 */
static void slot_fill(struct run_options *options, struct device_options *first)
{
	struct device_options *lowest = first, *device = first;
	unsigned int slot = 1;

	while (slot_count(options, slot))
		slot++; /* there are more slots than devices */
	for (; device < options->devices + options->device_count; device++) {
		if (device->devfn || !bdf_same_slot(device->bdf, first->bdf))
			continue;
		/* Of one that is known by its descriptor alone, nothing tells. */
		device->devfn = PCI_DEVFN(
			slot, strchr(device->bdf, ':') ? PCI_FUNC(bdf_devfn(device->bdf)) : 0);
		if (device->devfn < lowest->devfn)
			lowest = device;
	}
	lowest->devfn = PCI_DEVFN(slot, 0);
}

/* Returns 0, or EXIT_USAGE after wrong(). */
static int devices_place(struct parser *parser)
{
	struct run_options *options = parser->options;
	struct device_options *device, *end = options->devices + options->device_count;

	for (device = options->devices; device < end; device++) {
		unsigned int slot = PCI_SLOT(device->devfn), function = PCI_FUNC(device->devfn);
		const struct device_options *other = device_at(options, device->devfn);

		if (!device->devfn)
			continue;
		if (other != device)
			return wrong(parser,
				     "--device: addr=%x.%x is for both %s and %s: give one of them "
				     "another",
				     slot, function, other->bdf, device->bdf);
		if (!device_at(options, PCI_DEVFN(slot, 0)))
			return wrong(parser,
				     "--device '%s,addr=%x.%x': slot %x has no function 0, without "
				     "which a guest looks for no other: give a device addr=%x.0",
				     device->bdf, slot, function, slot, slot);
	}
	for (device = options->devices; device < end; device++)
		if (!device->devfn)
			slot_fill(options, device);
	for (device = options->devices; device < end; device++)
		device->is_multifunction = slot_count(options, PCI_SLOT(device->devfn)) > 1;
	return 0;
}

/* The addresses of VGA are there once. Returns 0, or EXIT_USAGE after wrong(). */
static int devices_vga_check(struct parser *parser)
{
	const struct run_options *options = parser->options;
	const char *first = NULL;

	for (unsigned int i = 0; i < options->device_count; i++) {
		const struct device_options *device = &options->devices[i];

		if (!device->vga)
			continue;
		if (!LAYOUT_VGA_SIZE)
			return wrong(parser,
				     "--device '%s,vga=on': there is no VGA on this architecture: "
				     "leave vga=on out",
				     device->bdf);
		if (first)
			return wrong(parser,
				     "--device: vga=on is for both %s and %s: give it to one of "
				     "them",
				     first, device->bdf);
		first = device->bdf;
	}
	return 0;
}

int run_options_check(struct parser *parser)
{
	const struct run_options *options = parser->options;
	bool by_descriptor = options->iommufd;
	int code = devices_place(parser);

	if (!code)
		code = devices_vga_check(parser);
	for (unsigned int i = 0; i < options->device_count; i++)
		by_descriptor |= options->devices[i].fd;
	if (!code && by_descriptor && options->iommu == IOMMU_TYPE1)
		return wrong(parser, "--iommu type1: descriptors that are given with --iommufd and "
				     "--device fd= are for iommufd: leave it out");
	return code ? code : cpu_options_check(parser, &options->cpus);
}

const struct run_options run_defaults = {
	.console = "-",
	.cpus = { .count = 1 },
	.memory = { MEMORY_OPTIONS_DEFAULT },
	.halt_poll_ns = VM_HALT_POLL_HOST,
};

static const char *const idle_names[] = { "host", "guest", NULL };
static const char *const seccomp_names[] = { "on", "log", "off", NULL };

#define AT(member) .offset = offsetof(struct run_options, member)

const struct option_rule run_rules[] = {
	{ "--kernel", "FILE", "the kernel: " BOOT_KERNELS " (this host's)", option_file,
	  AT(kernel) },
	{ "--initrd", "FILE", "its initial RAM disk", option_file, AT(initrd) },
	{ "--cmdline", "TEXT", "its command line", option_text, AT(cmdline) },
	{ "--cpus", CPUS_OPTION_VALUE, "virtual CPUs, 1 to 64 (1)", option_cpus, AT(cpus),
	  .most = RUN_CPUS_MAX },
	{ "--helpers-cpu", HELPERS_OPTION_VALUE, HELPERS_OPTION_HELP, option_helpers_cpu,
	  AT(cpus) },
	{ "--memory", MEMORY_OPTION_VALUE, MEMORY_OPTION_HELP, option_memory, AT(memory) },
	{ "--idle", "host|guest", "where vCPUs sleep that have nothing to do (host)", option_name,
	  AT(idle), .names = idle_names },
	{ "--halt-poll", "NS", HALT_POLL_HELP, option_number, AT(halt_poll_ns),
	  .most = HALT_POLL_MAX },
	{ "--device", "BDF[,NAME=VALUE]...",
	  "assign a device (BDF, mdev=UUID or fd=N); posthorn(1) lists the NAMEs", device_apply,
	  .repeatable = true },
	{ "--iommu", IOMMU_OPTION_VALUE, IOMMU_OPTION_HELP, option_name, AT(iommu),
	  .names = iommu_choice_names },
	{ "--iommufd", "fd=N|NAME", "/dev/iommu, open", option_descriptor, AT(iommufd) },
	{ "--kvm", "fd=N|NAME", "/dev/kvm, open", option_descriptor, AT(kvm) },
	{ "--irq-report", "FILE", "say at the end how each interrupt went (JSON)", option_file,
	  AT(irq_report) },
	{ "--timeline", "FILE", "say at the end what the start took its time for (JSON)",
	  option_file, AT(timeline) },
	{ "--require-posting", NULL, "fail when an interrupt of a device was not posted",
	  option_flag, AT(require_posting) },
	{ "--console", "-|FILE|none", "the serial port: this terminal (-), or a file", option_file,
	  AT(console) },
	{ "--user", "NAME", "become this user before the guest runs", option_text, AT(user) },
	{ "--seccomp", "on|log|off", "what system calls beyond the needed ones do (on: end the VM)",
	  option_name, AT(seccomp), .names = seccomp_names },
	{ BOOT_DUMP_OPTION, BOOT_DUMP_VALUE, BOOT_DUMP_HELP, option_file, AT(dump) },
	{ 0 },
};
