/* SPDX-License-Identifier: BSD-2-Clause */
/* Sections are those of IHI 0069H. Memory is coherent: these programs run in VMs. */
#include "guest/payload/gic_arm64.h"

#include "guest/payload/fdt_arm64.h"
#include "guest/payload/payload.h"

#define VECTORS	  256
#define KIB	  1024UL
#define PAGE_SIZE (64 * KIB) /* what the ITS of KVM has, and of the registers' frames */

/* Inner shareable, write-back: in the registers for addresses of tables. */
#define TABLE_WRITE_BACK (7UL << 7 | 1UL << 10)
#define ITS_WRITE_BACK	 (7UL << 59 | 1UL << 10)
#define VALID		 (1UL << 63)

static struct {
	uint64_t distributor, redistributor, its;
	uint64_t collection; /* what the ITS knows this CPU by: bits 50 to 16 of its commands */
} gic;

/* ---- the CPU's side: 12.2, system registers ---- */

#define ICC_SRE_EL1	S3_0_C12_C12_5
#define ICC_PMR_EL1	S3_0_C4_C6_0
#define ICC_IGRPEN1_EL1 S3_0_C12_C12_7
#define ICC_IAR1_EL1	S3_0_C12_C12_0
#define ICC_EOIR1_EL1	S3_0_C12_C12_1

/* The lower, the more urgent. */
static uint8_t vector_priority(unsigned int vector)
{
	return (uint8_t)((31 - vector / 8) << 3);
}

static void cpu_interface_init(void)
{
	sysreg_write(ICC_SRE_EL1, 1);
	sysreg_write(ICC_PMR_EL1, 0xff);
	sysreg_write(ICC_IGRPEN1_EL1, 1);
}

/* ---- interrupts of the board: 12.9, the distributor ---- */

#define GICD_CTLR	   0x0000
#define GICD_CTLR_GROUP1   (1 << 1)
#define GICD_CTLR_AFFINITY (1 << 4)
#define GICD_IGROUPR	   0x0080
#define GICD_ISENABLER	   0x0100
#define GICD_IPRIORITYR	   0x0400
#define GICD_ICFGR	   0x0c00
#define GICD_IROUTER	   0x6000

static uint8_t line_vectors[GIC_SPI_END];

static void bit_set(uint64_t registers, unsigned int bit, bool set)
{
	uint64_t address = registers + bit / 32 * 4;
	uint32_t mask = 1u << bit % 32, others = mmio_read32(address) & ~mask;

	mmio_write32(address, set ? others | mask : others);
}

void gic_spi_enable(unsigned int intid, bool level, unsigned int vector)
{
	payload_check(intid >= GIC_SPI && intid < GIC_SPI_END);
	line_vectors[intid] = (uint8_t)vector;
	bit_set(gic.distributor + GICD_IGROUPR, intid, true);
	bit_set(gic.distributor + GICD_ICFGR, 2 * intid + 1, !level);
	mmio_write8(gic.distributor + GICD_IPRIORITYR + intid, vector_priority(vector));
	mmio_write64(gic.distributor + GICD_IROUTER + 8UL * intid, cpu_affinity());
	mmio_write32(gic.distributor + GICD_ISENABLER + intid / 32 * 4, 1u << intid % 32);
}

static void distributor_init(void)
{
	mmio_write32(gic.distributor + GICD_CTLR, GICD_CTLR_AFFINITY | GICD_CTLR_GROUP1);
}

/* ---- messages, as this CPU gets them: 12.11, the redistributor ---- */

#define GICR_CTLR	       0x0000
#define GICR_CTLR_LPIS	       (1 << 0)
#define GICR_TYPER	       0x0008
#define GICR_TYPER_VLPIS       (1UL << 1)
#define GICR_TYPER_LAST	       (1UL << 4)
#define GICR_TYPER_NUMBER(t)   ((t) >> 8 & 0xffff)
#define GICR_TYPER_AFFINITY(t) ((t) >> 32)
#define GICR_WAKER	       0x0014
#define GICR_WAKER_SLEEP       (1 << 1)
#define GICR_WAKER_ASLEEP      (1 << 2)
#define GICR_PROPBASER	       0x0070
#define GICR_PENDBASER	       0x0078
#define GICR_PENDBASER_IS_ZERO (1UL << 62)
#define LPI_ENABLE	       1

/* INTIDs have 14 bits, the least with LPIs; a byte of configuration for each LPI, 1 bit of state.
 */
#define INTID_BITS 14
static uint8_t lpi_configuration[(1 << INTID_BITS) - GIC_LPI] __attribute__((aligned(4096)));
static uint8_t lpi_pending[(1 << INTID_BITS) / 8] __attribute__((aligned(PAGE_SIZE)));

/* Affinity 3 to 0, in the order of GICR_TYPER. */
static uint32_t affinity_packed(void)
{
	uint64_t affinity = cpu_affinity();

	return (uint32_t)(affinity >> 32 << 24 | (affinity & 0xffffff));
}

/* They follow each other; each has two frames, and with GICv4 two more. */
static uint64_t redistributor_find(uint64_t address)
{
	for (;;) {
		uint64_t type = mmio_read64(address + GICR_TYPER);

		if (GICR_TYPER_AFFINITY(type) == affinity_packed())
			return address;
		if (type & GICR_TYPER_LAST)
			payload_fail("this CPU has no redistributor");
		address += type & GICR_TYPER_VLPIS ? 4 * PAGE_SIZE : 2 * PAGE_SIZE;
	}
}

static void redistributor_init(void)
{
	uint64_t waker = gic.redistributor + GICR_WAKER;

	mmio_write32(waker, mmio_read32(waker) & ~(uint32_t)GICR_WAKER_SLEEP);
	while (mmio_read32(waker) & GICR_WAKER_ASLEEP)
		;
	mmio_write64(gic.redistributor + GICR_PROPBASER,
		     (uint64_t)lpi_configuration | TABLE_WRITE_BACK | (INTID_BITS - 1));
	mmio_write64(gic.redistributor + GICR_PENDBASER,
		     (uint64_t)lpi_pending | TABLE_WRITE_BACK | GICR_PENDBASER_IS_ZERO);
	memory_barrier();
	mmio_write32(gic.redistributor + GICR_CTLR, GICR_CTLR_LPIS);
}

/* ---- interrupts of the CPU's own peripherals: the redistributor's second frame ---- */

#define GICR_IGROUPR0	0x10080
#define GICR_ISENABLER0 0x10100
#define GICR_IPRIORITYR 0x10400

void gic_ppi_enable(unsigned int intid, unsigned int vector)
{
	payload_check(intid >= GIC_PPI && intid < GIC_SPI);
	line_vectors[intid] = (uint8_t)vector;
	bit_set(gic.redistributor + GICR_IGROUPR0, intid, true);
	mmio_write8(gic.redistributor + GICR_IPRIORITYR + intid, vector_priority(vector));
	mmio_write32(gic.redistributor + GICR_ISENABLER0, 1u << intid);
}

/* ---- messages, as devices send them: 12.19, the ITS ---- */

#define GITS_CTLR		 0x0000
#define GITS_CTLR_ENABLED	 (1 << 0)
#define GITS_TYPER		 0x0008
#define GITS_TYPER_ENTRY_SIZE(t) (((t) >> 4 & 0xf) + 1)
#define GITS_TYPER_BY_ADDRESS	 (1UL << 19) /* collections name a redistributor by address */
#define GITS_CBASER		 0x0080
#define GITS_CWRITER		 0x0088
#define GITS_CREADR		 0x0090
#define GITS_BASER(n)		 (0x0100 + 8 * (n))
#define GITS_BASER_COUNT	 8
#define GITS_BASER_TYPE(b)	 ((b) >> 56 & 7)
#define GITS_BASER_PAGE_64K	 (2UL << 8)
#define GITS_BASER_PAGE_MASK	 (3UL << 8)
#define GITS_TRANSLATER		 0x10040

enum its_table { ITS_TABLE_DEVICES = 1, ITS_TABLE_COLLECTIONS = 4 };

/* 5.3: a command is 4 words of 64 bits, and the number of its kind in the lowest byte. */
enum its_command {
	ITS_SYNC = 0x05,
	ITS_MAPD = 0x08,  /* a device: where the table of its events is */
	ITS_MAPC = 0x09,  /* a collection of interrupts: which CPU gets it */
	ITS_MAPTI = 0x0a, /* an event of a device: the LPI, and its collection */
	ITS_INV = 0x0c,	  /* the configuration of its LPI has changed */
};
#define COMMAND_WORDS 4
#define COMMANDS      (4 * KIB / (COMMAND_WORDS * 8))

#define DEVICES	       4 /* that interrupt */
#define EVENT_BITS     8 /* an event for each vector */
#define EVENT_SIZE_MAX 16

static uint64_t commands[COMMANDS][COMMAND_WORDS] __attribute__((aligned(PAGE_SIZE)));
static uint8_t its_tables[2][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t event_tables[DEVICES][EVENT_SIZE_MAX << EVENT_BITS] __attribute__((aligned(4096)));

static void its_command(uint64_t word0, uint64_t word1, uint64_t word2)
{
	uint64_t next = mmio_read64(gic.its + GITS_CWRITER) / sizeof(commands[0]);

	commands[next][0] = word0;
	commands[next][1] = word1;
	commands[next][2] = word2;
	next = (next + 1) % COMMANDS * sizeof(commands[0]);
	memory_barrier();
	mmio_write64(gic.its + GITS_CWRITER, next);
	while (mmio_read64(gic.its + GITS_CREADR) != next)
		;
}

/* One page for each table that there is: it holds the devices of some buses, and one collection. */
static void its_tables_init(void)
{
	for (unsigned int i = 0; i < GITS_BASER_COUNT; i++) {
		uint64_t at = gic.its + GITS_BASER(i), type = GITS_BASER_TYPE(mmio_read64(at));
		const uint8_t *table = its_tables[type == ITS_TABLE_COLLECTIONS];

		if (type != ITS_TABLE_DEVICES && type != ITS_TABLE_COLLECTIONS)
			continue;
		mmio_write64(at, VALID | ITS_WRITE_BACK | GITS_BASER_PAGE_64K | (uint64_t)table);
		payload_check((mmio_read64(at) & GITS_BASER_PAGE_MASK) == GITS_BASER_PAGE_64K);
	}
}

static void its_init(void)
{
	uint64_t type = mmio_read64(gic.its + GITS_TYPER);

	payload_check(GITS_TYPER_ENTRY_SIZE(type) <= EVENT_SIZE_MAX);
	if (type & GITS_TYPER_BY_ADDRESS)
		gic.collection = gic.redistributor;
	else
		gic.collection = GICR_TYPER_NUMBER(mmio_read64(gic.redistributor + GICR_TYPER))
				 << 16;
	its_tables_init();
	/* The size is in pages of 4 KiB, less one. */
	mmio_write64(gic.its + GITS_CBASER, VALID | ITS_WRITE_BACK | (uint64_t)commands);
	mmio_write64(gic.its + GITS_CWRITER, 0);
	mmio_write32(gic.its + GITS_CTLR, GITS_CTLR_ENABLED);
	its_command(ITS_MAPC, 0, VALID | gic.collection);
	its_command(ITS_SYNC, 0, gic.collection);
}

/* Let the ITS know @requester, when it does not yet. */
static void device_map(uint32_t requester)
{
	static uint32_t known[DEVICES];
	static unsigned int count;

	for (unsigned int i = 0; i < count; i++)
		if (known[i] == requester)
			return;
	if (count == DEVICES)
		payload_fail("more than %u devices that interrupt", count);
	its_command(ITS_MAPD | (uint64_t)requester << 32, EVENT_BITS - 1,
		    VALID | (uint64_t)event_tables[count]);
	known[count++] = requester;
}

uint64_t gic_message_enable(uint32_t requester, unsigned int vector)
{
	uint64_t device = (uint64_t)requester << 32, lpi = GIC_LPI + vector;

	if (!gic.its)
		payload_fail("this machine has no ITS, and so no message interrupts");
	payload_check(vector < VECTORS);
	device_map(requester);
	lpi_configuration[vector] = vector_priority(vector) | LPI_ENABLE;
	its_command(ITS_MAPTI | device, vector | lpi << 32, 0 /* the collection */);
	its_command(ITS_INV | device, vector, 0);
	its_command(ITS_SYNC, 0, gic.collection);
	return gic.its + GITS_TRANSLATER;
}

/* ---- all ---- */

void gic_init(void)
{
	int node = tree_find("arm,gic-v3");

	gic.distributor = tree_reg(node, 0).base;
	if (!gic.distributor)
		payload_fail("this machine has no GICv3");
	gic.redistributor = redistributor_find(tree_reg(node, 1).base);
	gic.its = tree_reg(tree_find("arm,gic-v3-its"), 0).base;
	distributor_init();
	redistributor_init();
	cpu_interface_init();
	if (gic.its)
		its_init();
}

void interrupt_dispatch(void)
{
	unsigned int intid = (unsigned int)sysreg_read(ICC_IAR1_EL1);

	/* 2.2.1: the numbers between these are not interrupts; 1023 says that there is none. */
	if (intid >= GIC_SPI_END && intid < GIC_LPI)
		return;
	if (intid >= GIC_LPI)
		interrupt_handle(intid - GIC_LPI);
	else
		interrupt_handle(line_vectors[intid]); /* 0 when nobody asked for it */
	sysreg_write(ICC_EOIR1_EL1, intid);
}
