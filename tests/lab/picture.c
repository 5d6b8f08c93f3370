/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * picture 13h|text|console FILE: compares a screenshot (a PPM, as QEMU's screendump writes) with
 * what guest/payload/vga_x86_64.c draws, or a guest's Linux on its console, pixel by pixel, and
 * says how many are as they should be: none, where the screen has another size. Exit code: 0 when
 * all are, 1 when not, 2 when FILE is no PPM.
 *
 * picture font: the font that such a Linux must have, for setfont(8) and busybox's loadfont.
 *
 * QEMU may show mode 13h larger, each pixel as a square of several. The DAC has six bits for each
 * colour, of which QEMU makes eight: the upper six are compared.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/payload/vga_picture.h"
#include "lib/util.h"

static int refuse_file(const char *name, const char *what)
{
	fprintf(stderr, "picture: %s: %s\n", name, what);
	return 2;
}

/* A font of version 1 of PC screen fonts: its signature, no table of characters, and the height. */
static int font_write(void)
{
	printf("\x36\x04%c%c", 0, TEXT_CELL_HEIGHT);
	for (unsigned int character = 0; character < 256; character++)
		for (unsigned int row = 0; row < TEXT_CELL_HEIGHT; row++)
			putchar(picture_glyph(character, row));
	return fflush(stdout) ? 2 : 0;
}

/* What a pixel of a mode is to be, in levels of six bits. */
typedef uint8_t picture_level_fn(unsigned int x, unsigned int y, unsigned int channel);

static uint8_t graphics_level(unsigned int x, unsigned int y, unsigned int channel)
{
	return picture_level(picture_colour(x, y), channel);
}

static uint8_t text_level(unsigned int x, unsigned int y, unsigned int channel)
{
	return picture_level(picture_text_colour(x, y), channel);
}

static const struct mode {
	const char *name;
	unsigned int width, height; /* 0: as the screen is */
	picture_level_fn *level;
} modes[] = {
	{ "13h", PICTURE_WIDTH, PICTURE_HEIGHT, graphics_level },
	{ "text", TEXT_COLUMNS *TEXT_CELL_WIDTH, TEXT_ROWS *TEXT_CELL_HEIGHT, text_level },
	{ "console", 0, 0, picture_console_level },
};

static bool pixel_equal(const uint8_t pixel[3], const struct mode *mode, unsigned int x,
			unsigned int y)
{
	for (unsigned int i = 0; i < 3; i++)
		if (pixel[i] >> 2 != mode->level(x, y, i))
			return false;
	return true;
}

static int picture_compare(const struct mode *mode, const char *name)
{
	unsigned int width, height, scale = 1, equal = 0, count = 0;
	uint8_t pixel[3];
	FILE *file;

	file = fopen(name, "rb");
	if (!file)
		return refuse_file(name, "cannot be opened");
	if (fscanf(file, "P6 %u %u 255", &width, &height) != 2 || fgetc(file) != '\n')
		return refuse_file(name, "is no PPM with 8 bits for a colour");
	if (mode->width)
		scale = width / mode->width;
	if (mode->width &&
	    (!scale || width != scale * mode->width || height != scale * mode->height)) {
		printf("0 of %u pixels are equal, as the screen has %u x %u\n",
		       mode->width * mode->height, width, height);
		fclose(file);
		return 1;
	}
	for (unsigned int y = 0; y < height; y++)
		for (unsigned int x = 0; x < width; x++) {
			if (fread(pixel, sizeof(pixel), 1, file) != 1)
				return refuse_file(name, "ends too early");
			equal += pixel_equal(pixel, mode, x / scale, y / scale);
			count++;
		}
	fclose(file);
	printf("%u of %u pixels are equal\n", equal, count);
	return equal == count ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "font"))
		return font_write();
	for (unsigned int i = 0; argc == 3 && i < ARRAY_SIZE(modes); i++)
		if (!strcmp(argv[1], modes[i].name))
			return picture_compare(&modes[i], argv[2]);
	fprintf(stderr, "Usage: picture 13h|text|console FILE\n"
			"       picture font\n");
	return 2;
}
