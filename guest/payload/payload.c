/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the runtime that is the same everywhere. */
#include "guest/payload/payload.h"

#include <stdarg.h>

volatile uint64_t interrupt_ticks;

/* ---- what the compiler expects ---- */

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = (uint8_t)byte;
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const uint8_t *left = a, *right = b;

	for (size_t i = 0; i < size; i++)
		if (left[i] != right[i])
			return left[i] - right[i];
	return 0;
}

/* ---- printing ---- */

static void text_print(const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			serial_write("\r", 1);
		serial_write(text, 1);
	}
}

static void number_print(uint64_t number, unsigned int base)
{
	char text[21], *digit = text + sizeof(text) - 1;

	*digit = '\0';
	do {
		*--digit = "0123456789abcdef"[number % base];
		number /= base;
	} while (number);
	text_print(digit);
}

static void print_list(const char *format, va_list args)
{
	for (; *format; format++) {
		bool is_long = false;

		if (*format != '%') {
			text_print((const char[]){ *format, '\0' });
			continue;
		}
		if (*++format == 'l') {
			is_long = true;
			format++;
		}
		if (*format == 's')
			text_print(va_arg(args, const char *));
		else if (*format == 'u' || *format == 'x')
			number_print(is_long ? va_arg(args, unsigned long)
					     : va_arg(args, unsigned int),
				     *format == 'u' ? 10 : 16);
		else
			text_print("%");
	}
}

void print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_list(format, args);
	va_end(args);
}

/* ---- the end ---- */

void payload_pass(void)
{
	print("payload: pass\n");
	machine_power_off();
}

void payload_fail(const char *format, ...)
{
	va_list args;

	print("payload: fail: ");
	va_start(args, format);
	print_list(format, args);
	va_end(args);
	print("\n");
	machine_power_off();
}

/* ---- the command line ---- */

bool payload_option(const char *word)
{
	const char *at = payload_cmdline;

	while (*at) {
		const char *expected = word;

		while (*expected && *at == *expected) {
			at++;
			expected++;
		}
		if (!*expected && (!*at || *at == ' '))
			return true;
		while (*at && *at != ' ')
			at++;
		while (*at == ' ')
			at++;
	}
	return false;
}
