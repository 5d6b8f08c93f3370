/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest/payload/source_igb.c against a model of the card's interrupts, since QEMU 7.2 has no such
 * card. The model does what the 82576 data sheet (Intel 320961) says of the registers in 8.8, and
 * nothing that it does not say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest/payload/payload.h"
#include "guest/payload/pci.h"

/* The program's accesses come to the model. */
static uint32_t card_read(uint64_t address);
static void card_write(uint64_t address, uint32_t value);
static void card_write16(uint64_t address, uint16_t value);

#define mmio_read32  card_read
#define mmio_write32 card_write
#define mmio_write16 card_write16
#include "guest/payload/msix.c"
#include "guest/payload/source_igb.c"

#define CONFIG 0x10000000
#define BAR0   0x20000000
#define TABLE  0x30000000 /* BAR 3, with the MSI-X table at its start */

#define MSIX_AT	     0x70 /* where the capability is in configuration space */
#define TABLE_IN_BAR 3
#define ADDRESS	     0xfee01000
#define VECTOR	     0x60

static struct card {
	uint16_t command, msix;
	uint32_t gpie, eicr, eims, eiac, eiam, eitr, scratch;
	uint32_t entry[4];
	bool pending;
	unsigned int sent[256]; /* messages, by their vector */
	unsigned int wrong;	/* accesses that it does not know, or too early */
} card;

/* 7.3.3.1 and 8.8.10: with a bit for each vector a cause is sent when it appears and is let in. */
static void card_update(void)
{
	bool multiple = card.gpie & 1u << 4;

	if (!multiple || !(card.eicr & card.eims & 1) || !(card.msix & 0x8000))
		return;
	if (card.entry[3] & 1) {
		card.pending = true;
		return;
	}
	card.pending = false;
	if (card.entry[0] == ADDRESS)
		card.sent[card.entry[2] & 0xff]++;
	/* EIAC clears the cause, and EIAM the mask, when the message is sent: 8.8.12 and 8.8.13. */
	card.eicr &= ~card.eiac;
	card.eims &= ~card.eiam;
}

/* The register for @address that keeps what is written to it, or NULL. */
static uint32_t *register_find(uint64_t address)
{
	switch (address) {
	case BAR0 + 0x0170:
		return &card.scratch;
	case BAR0 + 0x1514:
		return &card.gpie;
	case BAR0 + 0x152c:
		return &card.eiac;
	case BAR0 + 0x1530:
		return &card.eiam;
	case BAR0 + 0x1680:
		return &card.eitr;
	}
	if (address >= TABLE && address < TABLE + sizeof(card.entry) && address % 4 == 0)
		return &card.entry[(address - TABLE) / 4];
	return NULL;
}

static uint32_t card_read(uint64_t address)
{
	uint32_t *at = register_find(address);

	if (address == CONFIG + MSIX_AT + 4)
		return TABLE_IN_BAR;
	if (at && card.command & PCI_COMMAND_MEMORY)
		return *at;
	card.wrong++;
	return UINT32_MAX;
}

static void card_write(uint64_t address, uint32_t value)
{
	uint32_t *at = register_find(address), before = card.eicr;

	if (!(card.command & PCI_COMMAND_MEMORY))
		card.wrong++;
	else if (at)
		*at = value;
	else if (address == BAR0 + 0x1520) /* EICS sets causes */
		card.eicr |= value;
	else if (address == BAR0 + 0x1524) /* EIMS lets in */
		card.eims |= value;
	else if (address == BAR0 + 0x1528) /* EIMC masks */
		card.eims &= ~value;
	else
		card.wrong++;
	/* A cause that is there already sends nothing again. */
	if (card.eicr != before || (card.pending && at == &card.entry[3]))
		card_update();
}

static void card_write16(uint64_t address, uint16_t value)
{
	if (address == CONFIG + PCI_COMMAND)
		card.command = value;
	else if (address == CONFIG + MSIX_AT + 2)
		card.msix = value;
	else
		card.wrong++;
}

/* ---- what else the program needs ---- */

uint64_t pci_find_any(const uint32_t *wanted, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (wanted[i] == 0x10c98086)
			return CONFIG;
	}
	return 0;
}

void pci_bars_place(uint64_t config)
{
	assert_int_equal(config, CONFIG);
}

uint64_t pci_bar(uint64_t config, unsigned int index)
{
	assert_int_equal(config, CONFIG);
	assert_true(index == 0 || index == TABLE_IN_BAR);
	return index ? TABLE : BAR0;
}

uint64_t pci_capability(uint64_t config, uint8_t id)
{
	assert_int_equal(id, 0x11);
	return config + MSIX_AT;
}

uint32_t pci_requester(uint64_t config)
{
	(void)config;
	return 0x10;
}

struct message message_for(uint32_t requester, unsigned int vector)
{
	assert_int_equal(requester, 0x10);
	return (struct message){ ADDRESS, vector };
}

/* ---- tests ---- */

/* The card as a driver may have left it: everything is let in, and masked when it is sent. */
static int setup(void **state)
{
	(void)state;
	card = (struct card){ .eims = 0x1ff, .eiam = 0x1ff, .eitr = 0x7ffc, .entry = { [3] = 1 } };
	source_igb.init(VECTOR);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return card.wrong ? -1 : 0;
}

static void test_each_store_sends_one_message(void **state)
{
	(void)state;
	assert_int_equal(card.sent[VECTOR], 0);
	for (unsigned int i = 1; i <= 3; i++) {
		source_igb.raise();
		assert_int_equal(card.sent[VECTOR], i);
	}
}

static void test_no_other_vector_is_let_in_and_none_is_delayed(void **state)
{
	(void)state;
	assert_int_equal(card.eims, 1);
	assert_int_equal(card.eitr, 0);
}

static void test_what_comes_while_masked_is_sent_when_unmasked(void **state)
{
	(void)state;
	source_igb.mask();
	source_igb.raise();
	assert_int_equal(card.sent[VECTOR], 0);
	source_igb.unmask();
	assert_int_equal(card.sent[VECTOR], 1);
	source_igb.raise();
	assert_int_equal(card.sent[VECTOR], 2);
}

static void test_it_moves_to_another_vector(void **state)
{
	(void)state;
	source_igb.move(VECTOR + 1);
	source_igb.raise();
	assert_int_equal(card.sent[VECTOR], 0);
	assert_int_equal(card.sent[VECTOR + 1], 1);
}

static void test_the_scratch_register_is_one_that_is_free(void **state)
{
	(void)state;
	assert_int_equal(source_igb.config(), CONFIG);
	card_write(source_igb.scratch(), 0);
	assert_int_equal(card_read(source_igb.scratch()), 0);
}

#define IGB_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IGB_TEST(test_each_store_sends_one_message),
		IGB_TEST(test_no_other_vector_is_let_in_and_none_is_delayed),
		IGB_TEST(test_what_comes_while_masked_is_sent_when_unmasked),
		IGB_TEST(test_it_moves_to_another_vector),
		IGB_TEST(test_the_scratch_register_is_one_that_is_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
