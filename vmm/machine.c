/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/machine.h"

#include <errno.h>
#include <linux/serial_reg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest/boot.h"
#include "guest/image.h"
#include "kvm/arch.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vfio/vga.h"
#include "vmm/board.h"
#include "vmm/host.h"
#include "vmm/irq_report.h"
#include "vmm/progress.h"
#include "vmm/relay.h"
#include "vmm/run_options.h"
#include "vmm/timeline.h"

/* What the guest's kernel is told before what the user adds. */
#define CMDLINE_DEFAULT "console=ttyS0 panic=-1"

/* ---- devices ---- */

/*
 * A driver that uses the FIFO writes up to 16 bytes and then looks at another register. So from
 * then on KVM may gather its writes to the transmit register: one exit for 16 bytes. A program
 * that does without the FIFO, and might wait for nothing, is still heard byte by byte.
 */
static void output_gather(struct machine *machine)
{
	if (!atomic_exchange(&machine->output_gathered, true) &&
	    vm_write_coalesce(&machine->vm, machine->serial_address,
			      machine->serial_bus == &machine->ports) < 0)
		log_debug("KVM does not gather writes: an exit for each byte of output");
}

/* The bus_handler. What KVM gathered is older than a write that comes here. */
static void serial_port_access(void *opaque, uint64_t offset, struct access *access)
{
	struct machine *machine = opaque;
	struct vcpu *vcpu = &machine->vcpus[0]; /* any will do */

	while (access->is_write && !machine_coalesced_drain(machine, vcpu))
		serial_room_wait(&machine->serial);
	serial_access(&machine->serial, offset, access);
	if (access->is_write && offset == UART_FCR && access->size == 1 &&
	    access->data & UART_FCR_ENABLE_FIFO)
		output_gather(machine);
}

static int eventfd_create_or_die(void)
{
	int fd = eventfd_create();

	if (fd < 0)
		die(EXIT_HOST, "cannot make an eventfd: %s%s", strerror(-fd), error_remedy(-fd));
	return fd;
}

void machine_range_add(struct bus *bus, const char *name, uint64_t base, uint64_t size,
		       bus_handler handler, void *opaque)
{
	const struct bus_range range = { base, size, handler, opaque };
	int error = bus_add(bus, &range);

	if (error < 0)
		die(EXIT_INTERNAL, "addresses of the %s: %s", name, strerror(-error));
}

void machine_serial_init(struct machine *machine, struct bus *bus, uint64_t address)
{
	int error;

	machine->serial_bus = bus;
	machine->serial_address = address;
	machine->serial_eventfd = eventfd_create_or_die();
	machine->attention_eventfd = eventfd_create_or_die();
	serial_init(&machine->serial, machine->serial_eventfd, machine->attention_eventfd);
	irq_routes_begin(&machine->vm.irq);
	irq_route_set_pin(&machine->vm.irq, LAYOUT_GSI_SERIAL);
	error = irq_routes_commit(&machine->vm.irq);
	if (error == 0)
		error = irqfd_attach(&machine->vm.irq, LAYOUT_GSI_SERIAL, machine->serial_eventfd,
				     -1);
	if (error < 0)
		die(EXIT_HOST, "cannot connect the serial port's interrupt: %s", strerror(-error));
	machine_range_add(bus, "serial port", address, SERIAL_REGISTERS, serial_port_access,
			  machine);
}

/* ---- assigned functions and memory ---- */

/* What injects for what has irq-path=userspace, when there is such a thing. */
static void relay_make(struct machine *machine, const struct run_options *options)
{
	bool wanted = machine->addition && machine->addition->relay;

	for (unsigned int i = 0; i < options->device_count; i++)
		wanted |= options->devices[i].userspace_irqs;
	if (!wanted)
		return;
	machine->relay = malloc(sizeof(*machine->relay));
	if (!machine->relay)
		die(EXIT_HOST, "no memory for the thread of irq-path=userspace");
}

static void relay_begin(void *opaque)
{
	const struct machine *machine = opaque;

	pthread_setname_np(pthread_self(), "relay");
	seccomp_thread_enter(machine->seccomp, SECCOMP_THREAD_RELAY);
}

static void relay_start(struct machine *machine)
{
	int error = relay_init(machine->relay, machine->vm.fd, relay_begin, machine);

	if (error < 0)
		die(EXIT_HOST, "irq-path=userspace: cannot start its thread: %s%s",
		    strerror(-error), error_remedy(-error));
}

static void functions_init(struct machine *machine, const struct run_options *options,
			   uint64_t page_size)
{
	struct vfio_function_config config = {
		.vm = &machine->vm,
		.iommu = &machine->iommu,
		.root = &machine->pci,
		.page_size = page_size,
		.peers = options->device_count > 1,
	};
	char why[WHY_SIZE];

	if (options->device_count) {
		/* No looks where time is measured: each takes longer than what it looks at. */
		machine->report = irq_report_new(options->irq_report || options->require_posting,
						 !machine->addition);
		config.observer = irq_report_observer(machine->report);
	}
	iommu_init(&machine->iommu, options->iommu, options->iommufd);
	pci_root_init(&machine->pci);
	relay_make(machine, options);
	machine->functions = calloc(max(options->device_count, 1U), sizeof(*machine->functions));
	if (!machine->functions)
		die(EXIT_HOST, "no memory for the assigned functions");
	for (unsigned int i = 0; i < options->device_count; i++) {
		const struct device_options *device = &options->devices[i];
		const struct vfio_function_options wanted = {
			.device = { .bdf = device->bdf,
				    .vf_token = device->vf_token[0] ? device->vf_token : NULL,
				    .fd = device->fd },
			.relay = device->userspace_irqs ? &machine->relay->wires : NULL,
			.devfn = device->devfn,
			.is_multifunction = device->is_multifunction,
			.msix_table = device->msix_table,
			.rom = { .file = *device->romfile ? device->romfile : NULL,
				 .hidden = device->rom_hidden },
		};
		/* Who gave it open has seen to all that sysfs tells. */
		int error = device->fd ? 0 : host_function_check(device->bdf);

		if (error)
			exit(error); /* it said why */
		error = vfio_function_init(&machine->functions[i], &config, &wanted, why);
		if (error == 0 && device->vga)
			error = vfio_vga_check(&machine->functions[i], why);
		if (error < 0)
			die(error_exit_code(error), "%s", why);
		log_info("%s is 00:%02x.%x in the guest", device->bdf, PCI_SLOT(device->devfn),
			 PCI_FUNC(device->devfn));
		if (device->vga)
			machine->vga = &machine->functions[i];
		machine->function_count++;
		timeline_step(machine->timeline, "open and reset", "%s", device->bdf);
	}
	for (unsigned int i = 0; i < machine->function_count; i++)
		vfio_function_reset_init(&machine->functions[i]);
}

/* The IOMMU's ranges in the terms of the layout. */
static unsigned int usable_ranges(const struct machine *machine,
				  struct layout_range usable[IOMMU_RANGES_MAX])
{
	struct iommu_range ranges[IOMMU_RANGES_MAX];
	unsigned int count;

	if (!machine->function_count)
		return 0;
	count = iommu_ranges(&machine->iommu, ranges);
	for (unsigned int i = 0; i < count; i++)
		usable[i] = (struct layout_range){ ranges[i].base, ranges[i].size };
	return count;
}

/* The one to be left out may be one alone: so the largest is named. */
static _Noreturn void mem64_refuse(const struct machine *machine, uint64_t mem64, unsigned int bits)
{
	const struct pci_device *device = &machine->functions[0].pci;
	unsigned int largest = 0;

	for (unsigned int i = 0; i < machine->function_count; i++)
		for (unsigned int bar = 0; bar < PCI_BARS_MAX; bar++) {
			if (machine->functions[i].pci.bars[bar].size <= device->bars[largest].size)
				continue;
			device = &machine->functions[i].pci;
			largest = bar;
		}
	die(EXIT_HOST,
	    "the 64-bit BARs of the assigned devices take %llu MiB, %llu of them BAR %u of %s, and "
	    "do not fit above the guest's memory below 2^%u: %s",
	    (unsigned long long)(mem64 / MIB),
	    (unsigned long long)(device->bars[largest].size / MIB), largest, device->name, bits,
	    device->bars[largest].size >= BIT(bits - 1) ? "it cannot be assigned on this host"
							: "use less --memory or fewer devices");
}

static void layout_make(struct machine *machine, const struct run_options *options,
			uint64_t page_size)
{
	struct layout_range usable[IOMMU_RANGES_MAX];
	unsigned int count = usable_ranges(machine, usable);
	unsigned int bits = arch_physical_bits(machine->vm.kvm_fd);
	uint64_t mem64 = pci_mem64_needed(&machine->pci);

	if (layout_init(&machine->layout, options->memory.size,
			max(options->memory.huge_page_size, page_size), usable, count, bits) < 0)
		die(EXIT_HOST,
		    "--memory: %llu MiB do not fit into what the host's CPU (%u address bits) and "
		    "IOMMU can address; use less",
		    (unsigned long long)(options->memory.size / MIB), bits);
	if (mem64 && layout_mem64_place(&machine->layout, mem64, usable, count, bits) < 0)
		mem64_refuse(machine, mem64, bits);
}

static void memory_init(struct machine *machine, const struct run_options *options)
{
	struct progress progress = { .what = "making the guest's memory" };
	struct vm_ram ram[LAYOUT_RAM_MAX];
	struct vm_config config = {
		.ram = ram,
		.ram_count = machine->layout.ram_count,
		.cpus = options->cpus.count,
		.memory = { .huge_page_size = options->memory.huge_page_size,
			    .prefault = (unsigned int)options->memory.prefault,
			    .has_node = options->memory.has_node,
			    .node = (unsigned int)options->memory.node,
			    .progress = progress_show,
			    .opaque = &progress },
		.idle_guest = options->idle == RUN_IDLE_GUEST,
		.halt_poll_ns = options->halt_poll_ns,
	};
	char why[WHY_SIZE];
	int error;

	if (options->memory.has_node) {
		error = host_node_check(config.memory.node);
		if (error)
			exit(error); /* it said why */
	}
	if (config.idle_guest && host_idle_check(machine->vm.kvm_fd))
		exit(EXIT_HOST); /* it said why */
	/* Only then: for other guests it would be one more memslot, for what none of them reads. */
	if (machine->vga) {
		config.hole.gpa = LAYOUT_VGA;
		config.hole.size = LAYOUT_VGA_SIZE;
	}
	for (unsigned int i = 0; i < config.ram_count; i++)
		ram[i] = (struct vm_ram){ .gpa = machine->layout.ram[i].base,
					  .size = machine->layout.ram[i].size };
	progress_begin(&progress);
	error = vm_init(&machine->vm, &config, why);
	progress_end(&progress);
	if (error < 0)
		die(EXIT_HOST, "%s", why);
}

/* Of a guest whose devices are all mediated their drivers pin what they use, and no more. */
static bool pins_all(const struct run_options *options)
{
	for (unsigned int i = 0; i < options->device_count; i++)
		if (!bdf_is_mdev(options->devices[i].bdf))
			return true;
	return false;
}

/* Not all at once, so that progress can be seen; as large as the largest page of an IOMMU. */
#define DMA_STEP GIB

/* Pin what begins at byte @at of @ram, DMA_STEP of it at most. */
static void ram_pin(struct machine *machine, const struct vm_ram *ram, uint64_t at,
		    struct progress *progress)
{
	const struct vm_ram part = { .gpa = ram->gpa + at,
				     .size = min(DMA_STEP, ram->size - at),
				     .hva = (char *)ram->hva + at };
	int error = iommu_ram_map(&machine->iommu, &part);

	if (error == 0)
		return;
	progress_end(progress);
	die(EXIT_HOST, "cannot map guest memory 0x%llx to 0x%llx for DMA: %s; %s",
	    (unsigned long long)part.gpa, (unsigned long long)(part.gpa + part.size - 1),
	    strerror(-error),
	    error == -ENOMEM ? iommu_lock_remedy(&machine->iommu)
			     : "dmesg may say what the IOMMU refuses");
}

/* Pins all of the guest's memory: with many GiB that is what a start takes longest for. */
static void dma_init(struct machine *machine, const struct run_options *options)
{
	struct progress progress = { .what = "pinning the guest's memory for DMA" };
	uint64_t done = 0;

	if (!machine->function_count)
		return;
	if (pins_all(options) && host_lock_check(options->memory.size))
		exit(EXIT_HOST); /* it said why */
	log_info("%s %llu MiB of guest memory for DMA", pins_all(options) ? "pinning" : "mapping",
		 (unsigned long long)(options->memory.size / MIB));
	progress_begin(&progress);
	for (unsigned int i = 0; i < machine->vm.ram_count; i++) {
		const struct vm_ram *ram = &machine->vm.ram[i];

		for (uint64_t at = 0; at < ram->size; at += DMA_STEP) {
			ram_pin(machine, ram, at, &progress);
			done += min(DMA_STEP, ram->size - at);
			progress_show(&progress, done, options->memory.size);
		}
		timeline_step(machine->timeline, "pin and map for DMA", "%llu MiB at 0x%llx",
			      (unsigned long long)(ram->size / MIB), (unsigned long long)ram->gpa);
	}
	progress_end(&progress);
	if (machine->function_count > 1 && !iommu_maps_bars(&machine->iommu))
		log_notice("the devices cannot reach each other's BARs by DMA: iommufd maps no "
			   "BAR; where drivers want that (peer-to-peer), use --iommu type1");
	iommu_kvm_attach(&machine->iommu, &machine->vm);
	timeline_step(machine->timeline, "tell KVM of the functions", NULL);
}

static void pci_attach(struct machine *machine)
{
	const struct pci_window mem32 = { LAYOUT_MEM32, LAYOUT_MEM32_SIZE };
	const struct pci_window mem64 = { machine->layout.mem64.base, machine->layout.mem64.size };
	const struct pci_window io = { LAYOUT_PORT_PCI, LAYOUT_PORT_PCI_END - LAYOUT_PORT_PCI };
	char why[WHY_SIZE];
	int error;

	error = pci_root_attach(&machine->pci, &machine->memory, &machine->ports, LAYOUT_ECAM,
				&mem32, &mem64, &io);
	if (error < 0)
		die(EXIT_INTERNAL, "PCI root: %s", strerror(-error));
	if (pci_bars_place(&machine->pci, why) < 0)
		die(EXIT_HOST, "%s", why);
	error = machine->vga ? vfio_vga_attach(machine->vga, &machine->memory, &machine->ports) : 0;
	if (error < 0)
		die(EXIT_INTERNAL, "VGA: %s", strerror(-error));
}

/* ---- the kernel ---- */

static unsigned int highest_slot(const struct machine *machine)
{
	unsigned int slot = 0;

	for (unsigned int i = 0; i < machine->function_count; i++)
		slot = max(slot, PCI_SLOT(machine->functions[i].pci.devfn));
	return slot;
}

static char *cmdline_make(const struct run_options *options)
{
	const char *added = options->cmdline ? options->cmdline : "";
	size_t size = sizeof(CMDLINE_DEFAULT) + 1 + strlen(added);
	char *cmdline = malloc(size);

	if (!cmdline)
		die(EXIT_HOST, "no memory for the kernel's command line");
	strcpy(cmdline, CMDLINE_DEFAULT);
	if (*added)
		strcat(strcat(cmdline, " "), added);
	return cmdline;
}

/* A file that could not be loaded: is that its fault, or did the host lack something for it? */
static _Noreturn void file_refuse(const char *option, const char *why, int error)
{
	switch (error) {
	case -EMFILE:
	case -ENFILE:
	case -ENOMEM:
		die(EXIT_HOST, "%s %s%s", option, why, error_remedy(-error));
	case -EFAULT: /* the guest's memory could not be had when it was used */
		die(EXIT_HOST, "%s %s%s", option, why, error_remedy(ENOMEM));
	default:
		die(EXIT_USAGE, "%s %s", option, why);
	}
}

static void kernel_load(struct machine *machine, const struct run_options *options)
{
	struct image image;
	struct vcpu_entry entry;
	struct boot_config config = {
		.layout = &machine->layout,
		.image = &image,
		.cpus = options->cpus.count,
		.pci_slots = highest_slot(machine),
		.vga = machine->vga != NULL,
		.dma_coherent = machine->function_count && iommu_coherent(&machine->iommu),
	};
	char *cmdline = cmdline_make(options);
	char why[WHY_SIZE];
	int error;

	error = image_kernel_load(&machine->vm, options->kernel, &image, why);
	if (error < 0)
		file_refuse("--kernel", why, error);
	if (image.page_size && !(vcpu_page_sizes(&machine->vcpus[0]) & image.page_size))
		die(EXIT_USAGE,
		    "--kernel %s: is built for pages of %llu KiB, which this host's CPU cannot do; "
		    "use one for pages of 4 KiB",
		    options->kernel, (unsigned long long)(image.page_size / KIB));
	timeline_step(machine->timeline, "kernel", "%s", options->kernel);
	if (options->initrd)
		error = image_initrd_load(&machine->vm, options->initrd, &image, &config.initrd,
					  why);
	if (error < 0)
		file_refuse("--initrd", why, error);
	timeline_step(machine->timeline, "initrd", "%s", options->initrd ? options->initrd : "");
	config.cmdline = cmdline;
	if (boot_setup(&machine->vm, &config, &entry, why) < 0)
		die(EXIT_USAGE, "%s", why);
	error = options->dump ? boot_dump(&machine->vm, options->dump) : 0;
	if (error < 0)
		die(EXIT_USAGE, BOOT_DUMP_OPTION " %s: %s", options->dump, strerror(-error));
	if (vcpu_entry_set(&machine->vcpus[0], &entry, why) < 0)
		die(EXIT_HOST, "%s", why);
	free(cmdline);
}

static void vcpus_init(struct machine *machine, const struct run_options *options)
{
	char why[WHY_SIZE];

	machine->cpus = options->cpus.count;
	machine->vcpus = calloc(machine->cpus, sizeof(*machine->vcpus));
	if (!machine->vcpus)
		die(EXIT_HOST, "no memory for the vCPUs");
	for (unsigned int i = 0; i < machine->cpus; i++)
		if (vcpu_init(&machine->vcpus[i], &machine->vm, i, why) < 0)
			die(EXIT_HOST, "%s", why);
	if (vm_finish(&machine->vm, machine->vcpus, why) < 0)
		die(EXIT_HOST, "%s", why);
	pthread_barrier_init(&machine->start, NULL, machine->cpus + 1);
}

/* ---- the whole ---- */

void machine_init(struct machine *machine, const struct run_options *options,
		  const struct machine_addition *addition, struct timeline *timeline)
{
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	char why[WHY_SIZE];

	memset(machine, 0, sizeof(*machine));
	machine->exit_code = -1;
	machine->seccomp = options->seccomp;
	machine->addition = addition;
	machine->timeline = timeline;
	pthread_mutex_init(&machine->ring_lock, NULL);
	machine->stop_eventfd = eventfd_create_or_die();
	console_init(&machine->console, options->console);
	timeline_step(timeline, "console", "%s", options->console);
	if (vm_open(&machine->vm, options->kvm, why) < 0)
		die(EXIT_HOST, "%s", why);
	timeline_step(timeline, "open KVM", NULL);
	/* The devices come before the memory, which has to fit their IOMMU. */
	functions_init(machine, options, page_size);
	layout_make(machine, options, page_size);
	timeline_step(timeline, "layout", NULL);
	memory_init(machine, options);
	timeline_step(timeline, "VM and RAM", "%llu MiB",
		      (unsigned long long)(options->memory.size / MIB));
	if (machine->vga) {
		vfio_rom_shadow(machine->vga,
				vm_gpa_to_hva(&machine->vm, LAYOUT_VGA_ROM, LAYOUT_VGA_ROM_SIZE),
				LAYOUT_VGA_ROM_SIZE);
		timeline_step(timeline, "ROM of VGA", NULL);
	}
	vcpus_init(machine, options);
	timeline_step(timeline, "vCPUs", "%u", machine->cpus);
	kernel_load(machine, options);
	timeline_step(timeline, "boot tables", NULL);
	dma_init(machine, options);
	bus_init(&machine->memory, "memory");
	bus_init(&machine->ports, "I/O port");
	pci_attach(machine);
	board_devices_init(machine);
	timeline_step(timeline, "buses and devices", NULL);
	if (timeline)
		machine_range_add(&machine->memory, "mark", LAYOUT_MARK, 4, timeline_mark_access,
				  timeline);
	if (addition)
		addition->init(addition->opaque, machine);
	if (machine->report)
		irq_report_files_open(machine);
	timeline_step(timeline, "files of the irq report", NULL);
	bus_freeze(&machine->memory);
	bus_freeze(&machine->ports);
}

void machine_helpers_start(struct machine *machine)
{
	if (machine->relay)
		relay_start(machine);
	if (machine->addition)
		machine->addition->start(machine->addition->opaque, machine);
}

void machine_cleanup(struct machine *machine)
{
	if (machine->addition)
		machine->addition->cleanup(machine->addition->opaque);
	serial_cleanup(&machine->serial);
	pci_root_cleanup(&machine->pci);
	/* KVM keeps the files of devices open too. */
	fd_close(&machine->vm.vfio_fd);
	for (unsigned int i = 0; i < machine->function_count; i++)
		vfio_function_cleanup(&machine->functions[i]);
	irq_report_free(machine->report);
	free(machine->functions);
	if (machine->relay)
		relay_cleanup(machine->relay);
	free(machine->relay);
	iommu_cleanup(&machine->iommu);
	for (unsigned int i = 0; i < machine->cpus; i++)
		vcpu_cleanup(&machine->vcpus[i]);
	free(machine->vcpus);
	vm_cleanup(&machine->vm);
	fd_close(&machine->serial_eventfd);
	fd_close(&machine->attention_eventfd);
	fd_close(&machine->stop_eventfd);
	pthread_barrier_destroy(&machine->start);
	pthread_mutex_destroy(&machine->ring_lock);
	console_cleanup(&machine->console);
}

void machine_stop(struct machine *machine, int exit_code)
{
	int expected = -1;

	if (!atomic_compare_exchange_strong(&machine->exit_code, &expected, exit_code))
		return;
	atomic_store(&machine->stopping, true);
	eventfd_signal(machine->stop_eventfd);
}
