/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What vga_x86_64.c draws, for that program and for the one that looks at the screenshot
 * (tests/lab/picture.c): every pixel of both modes follows from this file alone. Neither picture is
 * the same when it is mirrored, shifted by a few pixels, or has two colours or two planes changed.
 * Linux shows the same line of text, in the same font, on its console.
 */
#ifndef POSTHORN_GUEST_PAYLOAD_VGA_PICTURE_H
#define POSTHORN_GUEST_PAYLOAD_VGA_PICTURE_H

#include <stdint.h>

/* Mode 13h: a byte for each pixel. */
#define PICTURE_WIDTH  320
#define PICTURE_HEIGHT 200

/* Text mode 3, of characters 8 pixels wide. */
#define TEXT_COLUMNS	 80
#define TEXT_ROWS	 25
#define TEXT_CELL_WIDTH	 8
#define TEXT_CELL_HEIGHT 16

/* The levels of red, green and blue (@channel 0 to 2) of @colour, of six bits, as the DAC has them.
 */
static inline uint8_t picture_level(unsigned int colour, unsigned int channel)
{
	return (uint8_t)((colour * (channel == 0 ? 1 : channel == 1 ? 5 : 11) + 7 * channel) % 64);
}

/* The colour of a pixel in mode 13h: stripes that lean, in a frame with a colour for each side. */
static inline uint8_t picture_colour(unsigned int x, unsigned int y)
{
	if (y < 2 || y >= PICTURE_HEIGHT - 2)
		return y < 2 ? 0x20 : 0x83;
	if (x < 2 || x >= PICTURE_WIDTH - 2)
		return x < 2 ? 0x31 : 0xf2;
	return (uint8_t)(x / 2 + 3 * y + (x * y >> 9));
}

/* Letters of 5 by 7 pixels; the highest of 5 bits is on the left. */
static const struct picture_letter {
	char letter;
	uint8_t rows[7];
} picture_letters[] = {
	{ ' ', { 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00 } },
	{ 'a', { 0x00, 0x00, 0x0e, 0x01, 0x0f, 0x11, 0x0f } },
	{ 'd', { 0x01, 0x01, 0x0d, 0x13, 0x11, 0x11, 0x0f } },
	{ 'e', { 0x00, 0x00, 0x0e, 0x11, 0x1f, 0x10, 0x0e } },
	{ 'g', { 0x00, 0x00, 0x0f, 0x11, 0x0f, 0x01, 0x0e } },
	{ 'h', { 0x10, 0x10, 0x16, 0x19, 0x11, 0x11, 0x11 } },
	{ 'i', { 0x04, 0x00, 0x0c, 0x04, 0x04, 0x04, 0x0e } },
	{ 'n', { 0x00, 0x00, 0x16, 0x19, 0x11, 0x11, 0x11 } },
	{ 'o', { 0x00, 0x00, 0x0e, 0x11, 0x11, 0x11, 0x0e } },
	{ 'p', { 0x00, 0x00, 0x1e, 0x11, 0x1e, 0x10, 0x10 } },
	{ 'r', { 0x00, 0x00, 0x16, 0x19, 0x10, 0x10, 0x10 } },
	{ 's', { 0x00, 0x00, 0x0e, 0x10, 0x0e, 0x01, 0x1e } },
	{ 't', { 0x08, 0x08, 0x1c, 0x08, 0x08, 0x09, 0x06 } },
	{ 'u', { 0x00, 0x00, 0x11, 0x11, 0x11, 0x13, 0x0d } },
	{ 'w', { 0x00, 0x00, 0x11, 0x11, 0x15, 0x15, 0x0a } },
};

/* Row @row (0 to 15) of the glyph of @character; the highest bit is on the left. */
static inline uint8_t picture_glyph(unsigned int character, unsigned int row)
{
	for (unsigned int i = 0; i < sizeof(picture_letters) / sizeof(picture_letters[0]); i++)
		if ((unsigned int)picture_letters[i].letter == character)
			return row < 1 || row > 14
				       ? 0
				       : (uint8_t)(picture_letters[i].rows[(row - 1) / 2] << 2);
	/* The others are to differ from each other, no more. */
	return (uint8_t)(character ^ row * 29);
}

/* The text in the middle of the screen. */
#define TEXT_LINE	 " a guest draws without posthorn "
#define TEXT_LINE_ROW	 12
#define TEXT_LINE_COLUMN 24

/* The character of a cell, and its attribute: four bits each of background and foreground. */
static inline uint8_t picture_character(unsigned int column, unsigned int row)
{
	unsigned int at = column - TEXT_LINE_COLUMN;

	if (row == TEXT_LINE_ROW && at < sizeof(TEXT_LINE) - 1)
		return (uint8_t)TEXT_LINE[at];
	return (uint8_t)(column + row * TEXT_COLUMNS);
}

static inline uint8_t picture_attribute(unsigned int column, unsigned int row)
{
	unsigned int at = column - TEXT_LINE_COLUMN;

	if (row == TEXT_LINE_ROW && at < sizeof(TEXT_LINE) - 1)
		return 0x0f;
	return (uint8_t)(column * 3 + row * 17);
}

/* The colour of a pixel of the text. */
static inline uint8_t picture_text_colour(unsigned int x, unsigned int y)
{
	unsigned int column = x / TEXT_CELL_WIDTH, row = y / TEXT_CELL_HEIGHT;
	uint8_t glyph = picture_glyph(picture_character(column, row), y % TEXT_CELL_HEIGHT);
	uint8_t attribute = picture_attribute(column, row);

	return glyph << x % TEXT_CELL_WIDTH & 0x80 ? attribute & 0xf : attribute >> 4;
}

/*
 * A pixel of the console of a Linux that has this font and shows TEXT_LINE at the upper left, in
 * the colour that it has from the start, and nothing else: the level of red, green or blue, of six
 * bits.
 */
static inline uint8_t picture_console_level(unsigned int x, unsigned int y, unsigned int channel)
{
	unsigned int column = x / TEXT_CELL_WIDTH, row = y / TEXT_CELL_HEIGHT;
	uint8_t glyph = 0;

	(void)channel; /* it is grey */
	if (row == 0 && column < sizeof(TEXT_LINE) - 1)
		glyph = picture_glyph((uint8_t)TEXT_LINE[column], y % TEXT_CELL_HEIGHT);
	return glyph << x % TEXT_CELL_WIDTH & 0x80 ? 0xaa >> 2 : 0;
}

#endif
