/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * picture 13h|text FILE: compares a screenshot (a PPM, as QEMU's screendump writes) with what
 * guest/payload/vga_x86_64.c draws, pixel by pixel, and says how many are as they should be: none,
 * where the screen has another size. Exit code: 0 when all are, 1 when not, 2 when FILE is no PPM.
 *
 * QEMU may show mode 13h larger, each pixel as a square of several. The DAC has six bits for each
 * colour, of which QEMU makes eight: the upper six are compared.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest/payload/vga_picture.h"

static int refuse_file(const char *name, const char *what)
{
	fprintf(stderr, "picture: %s: %s\n", name, what);
	return 2;
}

static bool pixel_equal(const uint8_t pixel[3], unsigned int colour)
{
	for (unsigned int i = 0; i < 3; i++)
		if (pixel[i] >> 2 != picture_level(colour, i))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	bool is_text = argc > 1 && !strcmp(argv[1], "text");
	unsigned int wanted_width = is_text ? TEXT_COLUMNS * TEXT_CELL_WIDTH : PICTURE_WIDTH;
	unsigned int wanted_height = is_text ? TEXT_ROWS * TEXT_CELL_HEIGHT : PICTURE_HEIGHT;
	unsigned int width, height, scale, equal = 0, count = 0;
	uint8_t pixel[3];
	FILE *file;

	if (argc != 3 || (!is_text && strcmp(argv[1], "13h"))) {
		fprintf(stderr, "Usage: picture 13h|text FILE\n");
		return 2;
	}
	file = fopen(argv[2], "rb");
	if (!file)
		return refuse_file(argv[2], "cannot be opened");
	if (fscanf(file, "P6 %u %u 255", &width, &height) != 2 || fgetc(file) != '\n')
		return refuse_file(argv[2], "is no PPM with 8 bits for a colour");
	scale = width / wanted_width;
	if (!scale || width != scale * wanted_width || height != scale * wanted_height) {
		printf("0 of %u pixels are equal, as the screen has %u x %u\n",
		       wanted_width * wanted_height, width, height);
		fclose(file);
		return 1;
	}
	for (unsigned int y = 0; y < height; y++)
		for (unsigned int x = 0; x < width; x++) {
			unsigned int colour = is_text ? picture_text_colour(x / scale, y / scale)
						      : picture_colour(x / scale, y / scale);

			if (fread(pixel, sizeof(pixel), 1, file) != 1)
				return refuse_file(argv[2], "ends too early");
			equal += pixel_equal(pixel, colour);
			count++;
		}
	fclose(file);
	printf("%u of %u pixels are equal\n", equal, count);
	return equal == count ? 0 : 1;
}
