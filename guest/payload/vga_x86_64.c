/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Draws with the first VGA controller of bus 0, by its legacy memory and ports alone, as no
 * firmware would have prepared it: mode 13h with 256 colours or, with "text" on the command line,
 * text mode 3 with a font of its own. What is drawn is in vga_picture.h. Registers and their values
 * are those of the IBM PS/2 Hardware Interface, "Video Subsystem".
 *
 * With "linear" it does not draw, but writes the frame buffer, which is BAR 0.
 *
 * Then it says "vga: drawn by N accesses", and waits for a byte to arrive before it ends. With
 * "gated" on the command line it looks whether nobody answers while the controller does not decode,
 * which QEMU's do all the time; with "blind" it does not mind that nobody answers at all.
 *
 * It also runs without posthorn, on QEMU:
 *   qemu-system-x86_64 -M q35 -nodefaults -device VGA -serial stdio -kernel vga_x86_64.elf
 */
#include "guest/layout.h"
#include "guest/payload/payload.h"
#include "guest/payload/pci.h"
#include "guest/payload/vga_picture.h"

#define CLASS_VGA 0x0300

#define PORT_ATTRIBUTE 0x3c0
#define PORT_MISC      0x3c2
#define PORT_SEQUENCER 0x3c4
#define PORT_DAC_MASK  0x3c6
#define PORT_DAC_WRITE 0x3c8
#define PORT_DAC_DATA  0x3c9
#define PORT_MISC_READ 0x3cc
#define PORT_GRAPHICS  0x3ce
#define PORT_CRTC      0x3d4 /* where colour monitors have it */
#define PORT_STATUS    0x3da /* reading it: the next write of PORT_ATTRIBUTE is an index */

#define SEQUENCER_REGISTERS 5
#define CRTC_REGISTERS	    25
#define GRAPHICS_REGISTERS  9
#define ATTRIBUTE_REGISTERS 21

#define CRTC_PROTECT	 0x11 /* its top bit protects registers 0 to 7 */
#define ATTRIBUTE_SHOW	 0x20 /* in the index: the screen is on */
#define FONT_GLYPH_BYTES 32
#define LINEAR_WRITES	 1000
#define TEXT_MEMORY	 0xb8000

struct mode {
	uint8_t misc;
	uint8_t sequencer[SEQUENCER_REGISTERS];
	uint8_t crtc[CRTC_REGISTERS];
	uint8_t graphics[GRAPHICS_REGISTERS];
	uint8_t attribute[ATTRIBUTE_REGISTERS];
};

/* 320 by 200 pixels in 256 colours, four planes as one row of bytes. */
static const struct mode mode_13h = {
	.misc = 0x63,
	.sequencer = { 0x03, 0x01, 0x0f, 0x00, 0x0e },
	.crtc = { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x41, 0x20, 0x00, 0x00,
		  0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff },
	.graphics = { 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x05, 0x0f, 0xff },
	.attribute = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a,
		       0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x41, 0x00, 0x0f, 0x00, 0x00 },
};

/* 80 by 25 characters of 8 by 16 pixels, no cursor, no blinking: 16 colours for either ground. */
static const struct mode mode_text = {
	.misc = 0x67,
	.sequencer = { 0x03, 0x01, 0x03, 0x00, 0x02 },
	.crtc = { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x20, 0x00, 0x00,
		  0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff },
	.graphics = { 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x0f, 0xff },
	.attribute = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a,
		       0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x00, 0x00, 0x0f, 0x00, 0x00 },
};

/* While the font is loaded: plane 2 alone, at 0xa0000. */
static const uint8_t font_sequencer[SEQUENCER_REGISTERS] = { 0x03, 0x01, 0x04, 0x00, 0x06 };
static const uint8_t font_graphics[GRAPHICS_REGISTERS] = { 0x00, 0x00, 0x00, 0x00, 0x02,
							   0x00, 0x04, 0x0f, 0xff };

static unsigned int accesses;

/* ---- accesses, counted ---- */

static void out(uint16_t port, uint8_t value)
{
	port_write8(port, value);
	accesses++;
}

static uint8_t in(uint16_t port)
{
	accesses++;
	return port_read8(port);
}

/* An index and its value at once, in ports that are next to each other. */
static void out_indexed(uint16_t port, uint8_t index, uint8_t value)
{
	port_write16(port, (uint16_t)(value << 8 | index));
	accesses++;
}

/* @size is 1, 2, 4 or 8 bytes; none crosses a page, which would make it two accesses. */
static void put(uint64_t address, unsigned int size, uint64_t value)
{
	if (size == 8)
		mmio_write64(address, value);
	else if (size == 4)
		mmio_write32(address, (uint32_t)value);
	else if (size == 2)
		mmio_write16(address, (uint16_t)value);
	else
		mmio_write8(address, (uint8_t)value);
	accesses++;
}

static uint64_t get(uint64_t address, unsigned int size)
{
	accesses++;
	if (size == 8)
		return mmio_read64(address);
	if (size == 4)
		return mmio_read32(address);
	return size == 2 ? mmio_read16(address) : mmio_read8(address);
}

/* MOVS, a byte at a time. */
static void put_string(uint64_t address, const uint8_t *data, uint64_t size)
{
	accesses += (unsigned int)size;
	__asm__ volatile("rep movsb" : "+D"(address), "+S"(data), "+c"(size) : : "memory");
}

/* ---- registers ---- */

static void attribute_set(uint8_t index, uint8_t value)
{
	in(PORT_STATUS);
	out(PORT_ATTRIBUTE, index);
	out(PORT_ATTRIBUTE, value);
}

static void mode_set(const struct mode *mode)
{
	out(PORT_MISC, mode->misc);
	for (uint8_t i = 0; i < SEQUENCER_REGISTERS; i++)
		out_indexed(PORT_SEQUENCER, i, mode->sequencer[i]);
	out_indexed(PORT_CRTC, CRTC_PROTECT, mode->crtc[CRTC_PROTECT] & 0x7f);
	for (uint8_t i = 0; i < CRTC_REGISTERS; i++)
		out_indexed(PORT_CRTC, i, mode->crtc[i]);
	for (uint8_t i = 0; i < GRAPHICS_REGISTERS; i++)
		out_indexed(PORT_GRAPHICS, i, mode->graphics[i]);
	for (uint8_t i = 0; i < ATTRIBUTE_REGISTERS; i++)
		attribute_set(i, mode->attribute[i]);
	in(PORT_STATUS);
	out(PORT_ATTRIBUTE, ATTRIBUTE_SHOW);
}

static void colours_set(unsigned int count)
{
	static uint8_t levels[256 * 3];

	for (unsigned int i = 0; i < 3 * count; i++)
		levels[i] = picture_level(i / 3, i % 3);
	out(PORT_DAC_MASK, 0xff);
	out(PORT_DAC_WRITE, 0);
	port_write_string(PORT_DAC_DATA, levels, 3 * count);
	accesses += 3 * count;
}

/* ---- pictures ---- */

/* The bytes of the picture from @at on, as a number. */
static uint64_t pixels(unsigned int at, unsigned int size)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |=
			(uint64_t)picture_colour((at + i) % PICTURE_WIDTH, (at + i) / PICTURE_WIDTH)
			<< 8 * i;
	return value;
}

/* How many bytes go at once from @at on: each size has lines of its own, aligned and not. */
static unsigned int piece(unsigned int at)
{
	unsigned int line = at / PICTURE_WIDTH, size = 4;

	if (line < 8)
		size = 1U << line / 2;
	if (line % 2 && line < 8 && at % PICTURE_WIDTH == 0)
		size = 1; /* and so all the rest of the line is misaligned */
	while (at % PICTURE_WIDTH + size > PICTURE_WIDTH || at % 4096 + size > 4096)
		size /= 2;
	return size;
}

static void pixels_draw(bool blind)
{
	static uint8_t line[PICTURE_WIDTH];
	const unsigned int last = PICTURE_WIDTH * (PICTURE_HEIGHT - 1);
	unsigned int at, size;

	for (at = 0; at < last; at += size) {
		size = piece(at);
		put(LAYOUT_VGA + at, size, pixels(at, size));
	}
	for (unsigned int x = 0; x < PICTURE_WIDTH; x++)
		line[x] = picture_colour(x, PICTURE_HEIGHT - 1);
	put_string(LAYOUT_VGA + last, line, sizeof(line));
	for (at = 0; at < 16 * PICTURE_WIDTH && !blind; at += size) {
		size = piece(at);
		if (get(LAYOUT_VGA + at, size) != pixels(at, size))
			payload_fail("0x%x: %u bytes are read otherwise than they were written",
				     LAYOUT_VGA + at, size);
	}
}

static void font_load(void)
{
	for (uint8_t i = 0; i < SEQUENCER_REGISTERS; i++)
		out_indexed(PORT_SEQUENCER, i, font_sequencer[i]);
	for (uint8_t i = 0; i < GRAPHICS_REGISTERS; i++)
		out_indexed(PORT_GRAPHICS, i, font_graphics[i]);
	for (unsigned int i = 0; i < 256; i++)
		for (unsigned int row = 0; row < TEXT_CELL_HEIGHT; row += 4) {
			uint32_t value = 0;

			for (unsigned int j = 0; j < 4; j++)
				value |= (uint32_t)picture_glyph(i, row + j) << 8 * j;
			put(LAYOUT_VGA + i * FONT_GLYPH_BYTES + row, 4, value);
		}
}

static void text_draw(void)
{
	for (unsigned int cell = 0; cell < TEXT_COLUMNS * TEXT_ROWS; cell++) {
		unsigned int column = cell % TEXT_COLUMNS, row = cell / TEXT_COLUMNS;

		put(TEXT_MEMORY + 2 * cell, 2,
		    picture_character(column, row) | picture_attribute(column, row) << 8);
	}
}

static void linear_write(uint64_t bar)
{
	for (uint32_t i = 0; i < LINEAR_WRITES; i++)
		mmio_write32(bar + 4 * i, i ^ 0x12345678);
	for (uint32_t i = 0; i < LINEAR_WRITES; i++)
		payload_check(mmio_read32(bar + 4 * i) == (i ^ 0x12345678));
	print("vga: %u writes of the frame buffer at 0x%lx\n", LINEAR_WRITES, bar);
}

/* Returns where its configuration space is. */
static uint64_t controller_find(void)
{
	for (unsigned int slot = 0; slot < PCI_SLOTS; slot++) {
		uint64_t config = pci_config(slot, 0);

		if (mmio_read32(config + PCI_CLASS_REVISION) >> 16 == CLASS_VGA)
			return config;
	}
	payload_fail("there is no VGA controller");
}

void payload_main(void)
{
	bool blind = payload_option("blind");
	uint64_t config = controller_find(), bar = pci_bar(config, 0);

	if (payload_option("gated")) {
		mmio_write16(config + PCI_COMMAND, 0);
		payload_check(port_read8(PORT_MISC_READ) == UINT8_MAX);
		payload_check(mmio_read32(LAYOUT_VGA) == UINT32_MAX);
	}
	mmio_write16(config + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
	if (payload_option("linear")) {
		linear_write(bar);
	} else if (payload_option("text")) {
		mode_set(&mode_text);
		colours_set(16);
		font_load();
		for (uint8_t i = 0; i < SEQUENCER_REGISTERS; i++)
			out_indexed(PORT_SEQUENCER, i, mode_text.sequencer[i]);
		for (uint8_t i = 0; i < GRAPHICS_REGISTERS; i++)
			out_indexed(PORT_GRAPHICS, i, mode_text.graphics[i]);
		text_draw();
	} else {
		mode_set(&mode_13h);
		colours_set(256);
		pixels_draw(blind);
	}
	print("vga: drawn by %u accesses\n", accesses);
	while (serial_get() < 0)
		;
}
