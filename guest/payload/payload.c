/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of the runtime that is the same everywhere. */
#include "guest/payload/payload.h"

#include <stdarg.h>

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

const char *payload_value(const char *name)
{
	const char *at = payload_cmdline;

	while (*at) {
		const char *want = name;

		while (*want && *at == *want) {
			at++;
			want++;
		}
		if (!*want && *at == '=')
			return at + 1;
		while (*at && *at != ' ')
			at++;
		while (*at == ' ')
			at++;
	}
	return NULL;
}

static unsigned int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return (unsigned int)(digit - '0');
	if (digit >= 'a' && digit <= 'f')
		return (unsigned int)(digit - 'a' + 10);
	return 16;
}

uint64_t payload_number(const char *name, uint64_t otherwise)
{
	const char *text = payload_value(name);
	unsigned int base = 10;
	uint64_t number = 0;

	if (!text)
		return otherwise;
	if (text[0] == '0' && text[1] == 'x') {
		base = 16;
		text += 2;
	}
	for (; *text && *text != ' '; text++) {
		payload_check(digit_value(*text) < base);
		number = number * base + digit_value(*text);
	}
	return number;
}
