/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From top to bottom: configuration accesses (ECAM and ports), the header's registers, decoding,
 * trapped accesses to BARs, placement, and the root that holds it all together.
 */
#include "devices/pci.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/log.h"
#include "lib/util.h"

/* ---- configuration accesses ---- */

/* What the bits of an ECAM address say (PCI Express Base 6.0, 7.2.2), bus 0 only. */
#define ECAM_DEVFN_SHIFT   12
#define ECAM_REGISTER_MASK 0xfff

/* The same for the register at port 0xCF8 (PCI Local Bus 3.0, 3.2.2.3.2). */
#define CONFIG_PORTS	      0xcf8
#define CONFIG_ENABLE	      0x80000000u
#define CONFIG_BUS_MASK	      0x00ff0000u
#define CONFIG_DEVFN_SHIFT    8
#define CONFIG_REGISTER_MASK  0x000000fcu
#define CONFIG_RESERVED_MASK  0x7f000003u
#define CONFIG_DATA_OFFSET    4 /* from port 0xCF8 to the data port 0xCFC */
#define CONFIG_ADDRESS_OFFSET 0

static uint32_t config_read(struct pci_device *device, unsigned int offset, unsigned int size)
	LOCK_HELD(device->lock)
{
	if (device->ops->cfg_read)
		return device->ops->cfg_read(device, offset, size);
	/* A whole double word, since a load of a fixed size is one instruction. */
	return (uint32_t)le_load(device->config + (offset & ~3u), 4) >> 8 * (offset & 3);
}

static void config_write(struct pci_device *device, unsigned int offset, unsigned int size,
			 uint32_t value) LOCK_HELD(device->lock)
{
	/* Of the header only the double word of the command register concerns the device. */
	bool is_header = offset < PCI_STD_HEADER_SIZEOF && offset / 4 != PCI_COMMAND / 4;

	if (device->ops->cfg_write && !is_header)
		device->ops->cfg_write(device, offset, size, value);
	else
		pci_header_write(device, offset, size, value);
}

static void config_access(struct pci_device *device, unsigned int offset, struct access *access)
	LOCK_HELD(device->lock);

/* Eight bytes, as two accesses of four. */
static void config_access_halves(struct pci_device *device, unsigned int offset,
				 struct access *access) LOCK_HELD(device->lock)
{
	struct access low = *access, high = *access;

	low.size = high.size = 4;
	high.data >>= 32;
	config_access(device, offset, &low);
	config_access(device, offset + 4, &high);
	if (!access->is_write)
		access->data = high.data << 32 | low.data;
}

/*
 * Devices see naturally aligned accesses of up to four bytes. No host bridge must support those
 * that cross a double word (PCI Express Base 6.0, 7.2.2): they read all-ones and are dropped.
 */
static void config_access(struct pci_device *device, unsigned int offset, struct access *access)
{
	unsigned int size = access->size;

	if (!is_power_of_two(size) || offset & (size - 1))
		return;
	if (size > 4)
		config_access_halves(device, offset, access);
	else if (access->is_write)
		config_write(device, offset, size, (uint32_t)(access->data & bytes_mask(size)));
	else
		access->data = config_read(device, offset, size) & bytes_mask(size);
}

/* The first device of @root at @devfn or behind it, or NULL. */
static struct pci_device *device_from(const struct pci_root *root, unsigned int devfn)
{
	for (; devfn < PCI_FUNCTIONS_MAX; devfn++)
		if (root->devices[devfn])
			return root->devices[devfn];
	return NULL;
}

#define for_each_device(root, device)                   \
	for ((device) = device_from(root, 0); (device); \
	     (device) = device_from(root, (device)->devfn + 1))

static void bars_map_wanted(struct pci_device *device) LOCK_HELD(device->lock);

/*
 * Whoever has the device's lock maps what now has room, so that nobody waits for that one: the flag
 * is set before the lock is tried, and looked at after the lock was given back.
 */
void pci_device_unlocked(struct pci_device *device)
{
	bool away = false;

	while (!away && atomic_load(&device->room_made) && mutex_try(&device->lock)) {
		away = device->away;
		if (!away) {
			atomic_store(&device->room_made, false);
			bars_map_wanted(device);
		}
		mutex_unlock(&device->lock);
	}
}

static void device_unlock(struct pci_device *device) LOCK_GIVES(device->lock)
{
	bool freed = device->freed;
	struct pci_device *other;

	device->freed = false;
	mutex_unlock(&device->lock);
	pci_device_unlocked(device);
	if (!freed)
		return;
	for_each_device(device->root, other) {
		if (other == device)
			continue;
		atomic_store(&other->room_made, true);
		pci_device_unlocked(other);
	}
}

void pci_device_leave(struct pci_device *device)
{
	device->away = true;
	mutex_unlock(&device->lock);
}

void pci_device_return(struct pci_device *device)
{
	mutex_lock(&device->lock);
	device->away = false;
}

bool pci_device_is_used(struct pci_device *device)
{
	const uint64_t uses = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	bool is_used;

	mutex_lock(&device->lock);
	is_used = le_load(device->config + PCI_COMMAND, 2) & uses;
	device_unlock(device);
	return is_used;
}

static void device_access(struct pci_device *device, unsigned int offset, struct access *access)
	LOCK_NOT_HELD(device->lock)
{
	mutex_lock(&device->lock);
	if (!device->away)
		config_access(device, offset, access);
	device_unlock(device);
}

/* The bus_handler of ECAM. */
static void ecam_access(void *opaque, uint64_t offset, struct access *access)
{
	struct pci_root *root = opaque;
	/* The array does not change while the guest runs: no lock. */
	struct pci_device *device = root->devices[offset >> ECAM_DEVFN_SHIFT];

	if (device)
		device_access(device, offset & ECAM_REGISTER_MASK, access);
}

/* Port 0xCFC: the device and register that @address names. */
static void config_data_access(struct pci_root *root, uint32_t address, unsigned int byte,
			       struct access *access)
{
	struct pci_device *device =
		root->devices[(address >> CONFIG_DEVFN_SHIFT) % PCI_FUNCTIONS_MAX];

	if (device && address & CONFIG_ENABLE && !(address & CONFIG_BUS_MASK))
		device_access(device, (address & CONFIG_REGISTER_MASK) + byte, access);
}

/*
 * The bus_handler of ports 0xCF8 to 0xCFF. Only accesses of four bytes reach the address register:
 * narrower ones belong to other things at these ports, such as the reset register of PCs.
 */
static void config_port_access(void *opaque, uint64_t offset, struct access *access)
{
	struct pci_root *root = opaque;

	if (offset >= CONFIG_DATA_OFFSET)
		config_data_access(root, atomic_load(&root->config_address),
				   (unsigned int)offset - CONFIG_DATA_OFFSET, access);
	else if (offset != CONFIG_ADDRESS_OFFSET || access->size != 4)
		return;
	else if (access->is_write)
		atomic_store(&root->config_address, (uint32_t)access->data & ~CONFIG_RESERVED_MASK);
	else
		access->data = atomic_load(&root->config_address);
}

/* ---- the header ---- */

#define COMMAND_WRITABLE                                                                 \
	(PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | \
	 PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE)

/* What every header has beside its BARs (PCI Local Bus 3.0, 6.1 and 6.2). */
static const struct {
	uint8_t offset, size;
	uint16_t writable;
} header_registers[] = {
	{ PCI_COMMAND, 2, COMMAND_WRITABLE },
	{ PCI_CACHE_LINE_SIZE, 1, 0xff },
	{ PCI_LATENCY_TIMER, 1, 0xff },
	{ PCI_INTERRUPT_LINE, 1, 0xff },
};

static bool bar_is_io(const struct pci_bar *bar)
{
	return bar->flags & PCI_BASE_ADDRESS_SPACE_IO;
}

static bool bar_is_64bit(const struct pci_bar *bar)
{
	return !bar_is_io(bar) &&
	       (bar->flags & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
}

static unsigned int bar_index(const struct pci_bar *bar)
{
	return (unsigned int)(bar - bar->device->bars);
}

static bool bar_is_rom(const struct pci_bar *bar)
{
	return bar_index(bar) == PCI_BAR_ROM;
}

/* The BAR's register, or two of them, in config[]. */
static unsigned int bar_register(const struct pci_bar *bar)
{
	return bar_is_rom(bar) ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * bar_index(bar);
}

static unsigned int bar_register_size(const struct pci_bar *bar)
{
	return bar_is_64bit(bar) ? 8 : 4;
}

/*
 * The bits of the register that hold the address. The others of its lower bits read as zero, which
 * is how the guest learns the size (PCI Local Bus 3.0, 6.2.5.1).
 */
static uint64_t bar_address_mask(const struct pci_bar *bar)
{
	uint64_t mask = ~(bar->size - 1);

	if (bar_is_rom(bar))
		return mask & PCI_ROM_ADDRESS_MASK;
	return mask & (bar_is_io(bar) ? PCI_BASE_ADDRESS_IO_MASK : PCI_BASE_ADDRESS_MEM_MASK);
}

static void bar_register_store(const struct pci_bar *bar, uint64_t addr)
{
	le_store(bar->device->config + bar_register(bar), bar_register_size(bar),
		 addr | bar->flags);
}

/* Could a device have this BAR? If so, it has a register and may be written. */
static bool bar_is_valid(const struct pci_bar *bar)
{
	const uint32_t flags =
		bar_is_io(bar) ? PCI_BASE_ADDRESS_SPACE_IO
			       : PCI_BASE_ADDRESS_MEM_TYPE_MASK | PCI_BASE_ADDRESS_MEM_PREFETCH;

	/* Below the size are flags, or bits that a register does not have. */
	const uint64_t smallest = bar_is_io(bar) ? 4 : bar_is_rom(bar) ? 0x800 : 16;

	if (!is_power_of_two(bar->size) || bar->size < smallest)
		return false;
	if (bar->flags & ~flags || (bar_is_rom(bar) && bar->flags))
		return false;
	/* The upper half of the address takes the next register, which so has no BAR of its own. */
	return !bar_is_64bit(bar) || (bar_index(bar) + 1 < PCI_BAR_ROM && !bar[1].size);
}

static void header_init(struct pci_device *device)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(header_registers); i++)
		le_store(device->header_writable + header_registers[i].offset,
			 header_registers[i].size, header_registers[i].writable);
	le_store(device->config + PCI_COMMAND, 2, 0);
	memset(device->config + PCI_BASE_ADDRESS_0, 0, PCI_BAR_ROM * sizeof(uint32_t));
	le_store(device->config + PCI_ROM_ADDRESS, 4, 0);
	for (i = 0; i < PCI_BARS_MAX; i++) {
		const struct pci_bar *bar = &device->bars[i];

		if (!bar->size)
			continue;
		bar_register_store(bar, 0);
		le_store(device->header_writable + bar_register(bar), bar_register_size(bar),
			 bar_address_mask(bar) | (bar_is_rom(bar) ? PCI_ROM_ADDRESS_ENABLE : 0));
	}
}

void pci_header_write(struct pci_device *device, unsigned int offset, unsigned int size,
		      uint32_t value)
{
	bool changed = false;
	unsigned int i;

	for (i = 0; i < size && i < sizeof(value) && offset + i < PCI_STD_HEADER_SIZEOF; i++) {
		uint8_t *byte = &device->config[offset + i];
		uint8_t mask = device->header_writable[offset + i];
		uint8_t new_byte = (*byte & ~mask) | ((value >> 8 * i) & mask);

		changed |= *byte != new_byte;
		*byte = new_byte;
	}
	if (changed)
		pci_decode_update(device);
}

void pci_header_reset(struct pci_device *device)
{
	unsigned int i;

	for (i = 0; i < PCI_STD_HEADER_SIZEOF; i++) {
		uint8_t mask = device->header_writable[i];

		device->config[i] = (device->config[i] & ~mask) | (device->header_placed[i] & mask);
	}
	pci_decode_update(device);
}

/* ---- decoding: which BARs answer, and where ---- */

static bool window_holds(const struct pci_window *window, uint64_t addr, uint64_t size)
{
	return range_within(addr, size, window->base, window->size);
}

/*
 * Does the guest want @bar to answer, at an address where it can? A BAR that is being sized holds
 * an address that is in no window, and so stops answering for that long.
 */
static bool bar_wanted(const struct pci_bar *bar, uint64_t *addr)
{
	const struct pci_device *device = bar->device;
	const struct pci_root *root = device->root;
	uint16_t command = (uint16_t)le_load(device->config + PCI_COMMAND, 2);
	uint64_t value;

	if (!bar->size || device->asleep ||
	    !(command & (bar_is_io(bar) ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
		return false;
	value = le_load(device->config + bar_register(bar), bar_register_size(bar));
	if (bar_is_rom(bar) && !(value & PCI_ROM_ADDRESS_ENABLE))
		return false;
	*addr = value & bar_address_mask(bar);
	if (bar_is_io(bar))
		return window_holds(&root->io, *addr, bar->size);
	return window_holds(&root->mem32, *addr, bar->size) ||
	       window_holds(&root->mem64, *addr, bar->size);
}

static void bar_unmap(struct pci_device *device, struct pci_bar *bar) LOCK_HELD(device->lock)
{
	struct pci_root *root = device->root;
	struct pci_bar **link = &root->mapped[bar_is_io(bar)];

	if (device->ops->bar_unmap)
		device->ops->bar_unmap(device, bar_index(bar));
	mutex_lock(&root->lock);
	while (*link != bar)
		link = &(*link)->next;
	*link = bar->next;
	bar->mapped = false;
	mutex_unlock(&root->lock);
	device->freed = true;
}

/* The mapped BAR of the same space that @bar would overlap at @addr, or NULL. */
static struct pci_bar *bar_overlap(struct pci_root *root, const struct pci_bar *bar, uint64_t addr)
	LOCK_HELD(root->lock)
{
	struct pci_bar *other = root->mapped[bar_is_io(bar)];

	while (other && !ranges_overlap(addr, bar->size, other->addr, other->size))
		other = other->next;
	return other;
}

/*
 * Let @bar answer at @addr from now on, and nobody else. NULL, or the BAR that is in the way, and
 * where that is in *@other_addr.
 */
static const struct pci_bar *bar_claim(struct pci_device *device, struct pci_bar *bar,
				       uint64_t addr, uint64_t *other_addr) LOCK_HELD(device->lock)
{
	struct pci_root *root = device->root;
	struct pci_bar **list = &root->mapped[bar_is_io(bar)];
	const struct pci_bar *other;

	mutex_lock(&root->lock);
	other = bar_overlap(root, bar, addr);
	if (other) {
		*other_addr = other->addr;
	} else {
		bar->addr = addr;
		bar->mapped = true;
		bar->next = *list;
		*list = bar;
	}
	mutex_unlock(&root->lock);
	return other;
}

static void bar_overlap_log(struct pci_device *device, const struct pci_bar *bar, uint64_t addr,
			    const struct pci_bar *other, uint64_t other_addr)
	LOCK_HELD(device->lock)
{
	if (device->overlap_logged)
		return;
	device->overlap_logged = true;
	log_warn("%s: the guest put BAR %u at %#" PRIx64 ", over BAR %u of %s at %#" PRIx64
		 ": it will answer when that one has moved",
		 device->name, bar_index(bar), addr, bar_index(other), other->device->name,
		 other_addr);
}

/* Map what the guest wants mapped and nothing is in the way of. */
static void bars_map_wanted(struct pci_device *device)
{
	struct pci_bar *bar;
	uint64_t addr, other_addr;

	for (bar = device->bars; bar < device->bars + PCI_BARS_MAX; bar++) {
		const struct pci_bar *other;

		if (bar->mapped || !bar_wanted(bar, &addr))
			continue;
		other = bar_claim(device, bar, addr, &other_addr);
		if (other)
			bar_overlap_log(device, bar, addr, other, other_addr);
		else if (device->ops->bar_map)
			device->ops->bar_map(device, bar_index(bar));
	}
}

void pci_decode_update(struct pci_device *device)
{
	struct pci_bar *bar;
	uint64_t addr;

	for (bar = device->bars; bar < device->bars + PCI_BARS_MAX; bar++) {
		if (bar->mapped && (!bar_wanted(bar, &addr) || addr != bar->addr))
			bar_unmap(device, bar);
	}
	bars_map_wanted(device);
}

/* ---- trapped accesses to BARs ---- */

static bool bar_holds(const struct pci_bar *bar, const struct access *access)
{
	return range_within(access->addr, access->size, bar->addr, bar->size);
}

static void window_access(struct pci_root *root, bool io, struct access *access)
{
	struct pci_device *device;
	struct pci_bar *bar;

	mutex_lock(&root->lock);
	bar = root->mapped[io];
	while (bar && !bar_holds(bar, access))
		bar = bar->next;
	mutex_unlock(&root->lock);
	if (!bar)
		return;
	device = bar->device;
	mutex_lock(&device->lock);
	/* It may have moved since. */
	if (!device->away && bar->mapped && bar_holds(bar, access) && device->ops->bar_access)
		device->ops->bar_access(device, bar_index(bar), access->addr - bar->addr, access);
	device_unlock(device);
}

/* The bus_handler of both windows of memory. */
static void memory_window_access(void *opaque, uint64_t offset, struct access *access)
{
	(void)offset;
	window_access(opaque, false, access);
}

/* The bus_handler of the window of I/O ports. */
static void io_window_access(void *opaque, uint64_t offset, struct access *access)
{
	(void)offset;
	window_access(opaque, true, access);
}

/* ---- placement ---- */

/* Take @size bytes, aligned to their number, from the start of what is @left. */
static bool window_take(struct pci_window *left, uint64_t size, uint64_t *addr)
{
	uint64_t skip = align_up(left->base, size) - left->base;

	if (skip > left->size || size > left->size - skip)
		return false;
	*addr = left->base + skip;
	left->base += skip + size;
	left->size -= skip + size;
	return true;
}

/* What is left of the windows while BARs are placed. */
struct placement {
	struct pci_window mem32, mem64, io;
};

static int bar_place(const struct pci_bar *bar, struct placement *left, char why[WHY_SIZE])
{
	const struct pci_root *root = bar->device->root;
	const struct pci_window *whole = &root->mem32;
	struct pci_window *window = &left->mem32;
	uint64_t addr;

	if (bar_is_io(bar) && !root->io.size)
		return 0;
	if (bar_is_io(bar)) {
		window = &left->io;
		whole = &root->io;
	} else if (bar_is_64bit(bar) && root->mem64.size) {
		window = &left->mem64;
		whole = &root->mem64;
	}
	if (!window_take(window, bar->size, &addr))
		return refuse(why, -ENOSPC,
			      "%s: no room for BAR %u, which takes %#" PRIx64 " bytes of %s: %s",
			      bar->device->name, bar_index(bar), bar->size,
			      window == &left->io      ? "I/O ports"
			      : window == &left->mem32 ? "the window below 4 GiB"
						       : "the window above 4 GiB",
			      bar->size > whole->size ? "it cannot be assigned"
						      : "assign fewer devices");
	bar_register_store(bar, addr);
	return 0;
}

/* Place all BARs of exactly @size bytes, in the order of functions and numbers. */
static int bars_place_size(struct pci_root *root, uint64_t size, struct placement *left,
			   char why[WHY_SIZE])
{
	struct pci_device *device;
	unsigned int i;
	int error;

	for_each_device(root, device) {
		for (i = 0; i < PCI_BARS_MAX; i++) {
			const struct pci_bar *bar = &device->bars[i];

			if (bar->size != size)
				continue;
			error = bar_place(bar, left, why);
			if (error)
				return error;
		}
	}
	return 0;
}

int pci_bars_place(struct pci_root *root, char why[WHY_SIZE])
{
	struct placement left = { root->mem32, root->mem64, root->io };
	struct pci_device *device;
	uint64_t size;
	int error;

	for (size = BIT(63); size; size >>= 1) {
		error = bars_place_size(root, size, &left, why);
		if (error)
			return error;
	}
	for_each_device(root, device)
		memcpy(device->header_placed, device->config, PCI_STD_HEADER_SIZEOF);
	return 0;
}

/*
 * Sizes are powers of two and placed in falling order, so that each begins where it may: there are
 * no gaps, and the sum is all that it takes.
 */
uint64_t pci_mem64_needed(const struct pci_root *root)
{
	struct pci_device *device;
	uint64_t sum = 0;

	for_each_device(root, device) {
		for (unsigned int i = 0; i < PCI_BARS_MAX; i++) {
			const struct pci_bar *bar = &device->bars[i];

			if (bar_is_64bit(bar) && __builtin_add_overflow(sum, bar->size, &sum))
				return UINT64_MAX;
		}
	}
	return sum;
}

/* ---- devices and the root ---- */

int pci_device_add(struct pci_root *root, struct pci_device *device, unsigned int devfn,
		   char why[WHY_SIZE])
{
	unsigned int i;

	if (devfn >= PCI_FUNCTIONS_MAX || root->devices[devfn])
		return refuse(why, -EINVAL,
			      "%s: the guest's PCI bus has no function %x.%x, or it is taken",
			      device->name, PCI_SLOT(devfn), PCI_FUNC(devfn));
	for (i = 0; i < PCI_BARS_MAX; i++) {
		struct pci_bar *bar = &device->bars[i];

		bar->device = device;
		if (bar->size && !bar_is_valid(bar))
			return refuse(why, -EIO,
				      "%s: BAR %u cannot have %#" PRIx64
				      " bytes and flags %#x: the device cannot be assigned",
				      device->name, i, bar->size, bar->flags);
	}
	mutex_init(&device->lock);
	device->root = root;
	device->devfn = devfn;
	root->devices[devfn] = device;
	header_init(device);
	return 0;
}

/* Its configuration space is bytes, and it has no BARs. */
static const struct pci_device_ops host_bridge_ops = { .cfg_read = NULL };

void pci_root_init(struct pci_root *root)
{
	struct pci_device *bridge = &root->host_bridge;
	char why[WHY_SIZE];

	memset(root, 0, sizeof(*root));
	mutex_init(&root->lock);
	bridge->ops = &host_bridge_ops;
	bridge->name = "host bridge";
	/* The identity that Red Hat gives away for generic PCI Express host bridges. */
	le_store(bridge->config + PCI_VENDOR_ID, 2, 0x1b36);
	le_store(bridge->config + PCI_DEVICE_ID, 2, 0x0008);
	le_store(bridge->config + PCI_CLASS_DEVICE, 2, 0x0600);
	/* A conventional function: it has no extended configuration space. */
	memset(bridge->config + PCI_CFG_SPACE_SIZE, 0xff, PCI_CONFIG_SIZE - PCI_CFG_SPACE_SIZE);
	/* Cannot fail: the root is empty and the bridge has no BARs. */
	pci_device_add(root, bridge, 0, why);
	/* Nothing of it can be written: it decodes everything there is, always. */
	memset(bridge->header_writable, 0, sizeof(bridge->header_writable));
}

/* Add a range to @bus; nothing when there is no such bus or no such range. */
static int root_range_add(struct pci_root *root, struct bus *bus, uint64_t base, uint64_t size,
			  bus_handler handler)
{
	const struct bus_range range = { base, size, handler, root };

	return bus && size ? bus_add(bus, &range) : 0;
}

int pci_root_attach(struct pci_root *root, struct bus *memory, struct bus *ports, uint64_t ecam,
		    const struct pci_window *mem32, const struct pci_window *mem64,
		    const struct pci_window *io)
{
	int error;

	root->mem32 = *mem32;
	root->mem64 = *mem64;
	if (ports)
		root->io = *io;
	error = root_range_add(root, memory, ecam, PCI_ECAM_BUS_SIZE, ecam_access);
	if (!error)
		error = root_range_add(root, memory, root->mem32.base, root->mem32.size,
				       memory_window_access);
	if (!error)
		error = root_range_add(root, memory, root->mem64.base, root->mem64.size,
				       memory_window_access);
	if (!error)
		error = root_range_add(root, ports, CONFIG_PORTS, 8, config_port_access);
	if (!error)
		error = root_range_add(root, ports, root->io.base, root->io.size, io_window_access);
	return error;
}

void pci_root_cleanup(struct pci_root *root)
{
	unsigned int io;

	/* The vCPUs are gone, and nobody else changes the lists. */
	for (io = 0; io < ARRAY_SIZE(root->mapped); io++) {
		while (root->mapped[io]) {
			struct pci_bar *bar = root->mapped[io];
			struct pci_device *device = bar->device;

			mutex_lock(&device->lock);
			bar_unmap(device, bar);
			mutex_unlock(&device->lock);
		}
	}
	mutex_destroy(&root->lock);
}

unsigned int pci_intx_gsi(const struct pci_device *device, unsigned int pin)
{
	return 16 + (PCI_SLOT(device->devfn) + pin - 1) % 8;
}
