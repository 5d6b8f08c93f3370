/* SPDX-License-Identifier: BSD-2-Clause */
#include "vfio/bdf.h"

#include <ctype.h>
#include <errno.h>
#include <linux/pci.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Read 1 to @digits hexadecimal digits at *@text, then the character @end ('\0': the end). */
static int hex_parse(const char **text, unsigned int digits, char end, unsigned int *value)
{
	const char *at = *text;

	*value = 0;
	while (isxdigit((unsigned char)*at) && at < *text + digits) {
		*value = *value << 4 |
			 (unsigned int)(isdigit((unsigned char)*at)
						? *at - '0'
						: tolower((unsigned char)*at) - 'a' + 10);
		at++;
	}
	if (at == *text || *at != end)
		return -EINVAL;
	*text = at + 1;
	return 0;
}

int bdf_parse(const char *text, char bdf[BDF_SIZE])
{
	unsigned int domain = 0, bus, device, function;
	const char *colon = strchr(text, ':');

	/* Domains above 0xffff are those that VMD controllers make. */
	if (colon && strchr(colon + 1, ':') && hex_parse(&text, 6, ':', &domain))
		return -EINVAL;
	if (hex_parse(&text, 2, ':', &bus) || hex_parse(&text, 2, '.', &device) || device > 0x1f ||
	    hex_parse(&text, 1, '\0', &function) || function > 7)
		return -EINVAL;
	snprintf(bdf, BDF_SIZE, "%04x:%02x:%02x.%x", domain & 0xffffff, bus & 0xff, device & 0x1f,
		 function & 7);
	return 0;
}

bool uuid_check(const char *text)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	_Static_assert(sizeof(form) == UUID_SIZE, "of a UUID");
	if (strlen(text) != strlen(form))
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'x' ? !isxdigit((unsigned char)text[i]) : text[i] != form[i])
			return false;
	return true;
}

int mdev_parse(const char *text, char name[BDF_SIZE])
{
	if (!uuid_check(text))
		return -EINVAL;
	for (size_t i = 0; i < UUID_SIZE; i++)
		name[i] = (char)tolower((unsigned char)text[i]);
	return 0;
}

bool bdf_is_mdev(const char *name)
{
	return uuid_check(name);
}

const char *bdf_folder(const char *name)
{
	return bdf_is_mdev(name) ? "/sys/bus/mdev/devices" : "/sys/bus/pci/devices";
}

unsigned int bdf_devfn(const char *bdf)
{
	const char *slot = strrchr(bdf, ':') + 1;

	return PCI_DEVFN((unsigned int)strtoul(slot, NULL, 16),
			 (unsigned int)strtoul(strchr(slot, '.') + 1, NULL, 16));
}

bool bdf_same_slot(const char *one, const char *other)
{
	return !strncmp(one, other, strcspn(one, ".") + 1);
}

bool bdf_same_bus(const char *one, const char *other)
{
	return !strncmp(one, other, (size_t)(strrchr(one, ':') - one) + 1);
}
