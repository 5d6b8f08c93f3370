/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain MSI, with QEMU's edu device (docs/specs/edu.txt of QEMU) assigned to the guest: no driver
 * of Linux knows it, and the e1000e's own gives MSI up on QEMU. Raises 1,000 interrupts one after
 * the other, moves the live MSI to another vector, and turns it off.
 *
 * With "posted" on the command line, for hosts that post: 1,000 more while this CPU goes on, of
 * which it tells how many came before the next instructions, and 1,000 while it sleeps, when
 * nothing else wakes it.
 *
 * With "command", INTx instead: 1,000 interrupts, each of which comes while the guest writes the
 * command register.
 */
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"

#define EDU_ID 0x11e81234 /* device and vendor */

/* Registers in BAR 0. */
#define EDU_IDENTIFICATION 0x00 /* reads as 0x010000ed */
#define EDU_LIVENESS	   0x04 /* reads as the complement of what was written */
#define EDU_FACTORIAL	   0x08 /* computed by a thread of the device's own */
#define EDU_CONTROL	   0x20
#define EDU_STATUS	   0x24 /* interrupt status */
#define EDU_RAISE	   0x60
#define EDU_ACKNOWLEDGE	   0x64

#define EDU_CONTROL_FACTORIAL_RAISES 0x80

#define VECTOR_FIRST  0x40
#define VECTOR_SECOND 0x51
#define ROUNDS	      1000
#define SETTLE	      10000 /* times to look whether one more comes */

static uint64_t bar;
static volatile unsigned int counts[256];

static void handler(unsigned int vector)
{
	mmio_write32(bar + EDU_ACKNOWLEDGE, mmio_read32(bar + EDU_STATUS));
	counts[vector]++;
}

/* A level may come once more before the device has let go of it; then nothing is asked for. */
static void intx_handler(unsigned int vector)
{
	uint32_t status = mmio_read32(bar + EDU_STATUS);

	mmio_write32(bar + EDU_ACKNOWLEDGE, status);
	counts[vector] += status != 0;
}

/* Returns where its configuration space is. */
static uint64_t edu_init(void)
{
	uint64_t config = pci_find(EDU_ID);

	bar = pci_bar(config, 0);
	mmio_write16(config + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	payload_check(mmio_read32(bar + EDU_IDENTIFICATION) == 0x010000ed);
	mmio_write32(bar + EDU_LIVENESS, 0x12345678);
	payload_check(mmio_read32(bar + EDU_LIVENESS) == ~0x12345678u);
	return config;
}

/* Each round waits for its interrupt; up to @extra more may come, of which nobody asked for. */
static void rounds_run(unsigned int vector, unsigned int rounds, unsigned int extra)
{
	for (unsigned int i = 0; i < rounds; i++) {
		unsigned int before = counts[vector];

		mmio_write32(bar + EDU_RAISE, 1);
		while (counts[vector] == before)
			interrupts_take();
	}
	for (unsigned int i = 0; i < SETTLE; i++)
		interrupts_take();
	payload_check(counts[vector] >= rounds && counts[vector] <= rounds + extra);
}

static void running_run(void)
{
	unsigned int at_once = 0;

	interrupts_on();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		unsigned int before = counts[VECTOR_FIRST];

		mmio_write32(bar + EDU_RAISE, 1);
		at_once += counts[VECTOR_FIRST] != before;
		while (counts[VECTOR_FIRST] == before)
			;
	}
	interrupts_off();
	print("edu: %u interrupts at once\n", at_once);
}

static void halted_run(void)
{
	mmio_write32(bar + EDU_CONTROL, EDU_CONTROL_FACTORIAL_RAISES);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		unsigned int before = counts[VECTOR_FIRST];

		mmio_write32(bar + EDU_FACTORIAL, 5);
		while (counts[VECTOR_FIRST] == before)
			interrupt_wait();
	}
	mmio_write32(bar + EDU_CONTROL, 0);
	print("edu: %u interrupts while asleep\n", ROUNDS);
}

/* The device's own thread raises each: before, in the midst of or after such a write. */
static void command_run(uint64_t config)
{
	pci_intx_vector_set(config, VECTOR_FIRST);
	interrupt_handler_set(VECTOR_FIRST, intx_handler);
	mmio_write32(bar + EDU_CONTROL, EDU_CONTROL_FACTORIAL_RAISES);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		mmio_write32(bar + EDU_FACTORIAL, 5);
		while (counts[VECTOR_FIRST] == i) {
			mmio_write16(config + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
			interrupts_take();
		}
	}
	mmio_write32(bar + EDU_CONTROL, 0);
	payload_check(counts[VECTOR_FIRST] == ROUNDS);
	print("edu: %u INTx during writes of the command register\n", ROUNDS);
}

void payload_main(void)
{
	uint64_t config = edu_init(), msi = pci_capability(config, PCI_CAPABILITY_MSI);
	unsigned int before;

	if (payload_option("command")) {
		command_run(config);
		return;
	}
	interrupt_handler_set(VECTOR_FIRST, handler);
	interrupt_handler_set(VECTOR_SECOND, handler);
	pci_msi_vector_set(config, msi, VECTOR_FIRST);
	pci_msi_enable(msi, true);
	rounds_run(VECTOR_FIRST, ROUNDS, 0);
	print("edu: %u interrupts\n", counts[VECTOR_FIRST]);
	if (payload_option("posted")) {
		running_run();
		halted_run();
	}

	/*
	 * MSI stays on: the next interrupt goes to the new vector, none to the old one. Where the
	 * hardware posts them, posthorn raises one more lest one is lost (docs/interrupt.md).
	 */
	before = counts[VECTOR_FIRST];
	pci_msi_vector_set(config, msi, VECTOR_SECOND);
	rounds_run(VECTOR_SECOND, 100, 1);
	payload_check(counts[VECTOR_FIRST] == before);
	print("edu: %u interrupts on another vector\n", counts[VECTOR_SECOND]);
	pci_msi_enable(msi, false);
}
