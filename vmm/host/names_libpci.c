/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/host/names.h"

#include <locale.h>
#include <pci/pci.h>
#include <stdarg.h>
#include <stdio.h>
#include <wchar.h>
#include <wctype.h>

#include "lib/log.h"
#include "lib/util.h"

/* libpci calls this when the file with the names is damaged, and cannot go on. */
static void __attribute__((format(printf, 1, 2), noreturn)) names_error(char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	die(EXIT_HOST, "libpci cannot read the names of PCI functions: %s", text);
}

static void __attribute__((format(printf, 1, 2))) names_remark(char *format, ...)
{
	(void)format;
}

/*
 * pci_init() is not called: it looks for hardware, and names need none. What it would have set and
 * the lookups use is set here.
 */
struct pci_names *pci_names_open(void)
{
	struct pci_access *access = pci_alloc();

	access->id_lookup_mode = 0; /* no cache file in the home directory */
	access->error = names_error;
	access->warning = names_remark;
	access->debug = names_remark;
	return (struct pci_names *)access;
}

void pci_names_close(struct pci_names *names)
{
	pci_cleanup((struct pci_access *)names);
}

/*
 * Make a '?' of each byte of @name that is no part of a printable character in UTF-8: it goes into
 * JSON and to terminals, and the list may be in any encoding.
 */
static void name_clean(char *name)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), former;
	size_t left = strlen(name);

	/* A C library without it: ASCII remains. */
	if (!utf8) {
		text_clean(name);
		return;
	}
	former = uselocale(utf8);
	while (left) {
		mbstate_t state = { 0 };
		wchar_t character;
		size_t size = mbrtowc(&character, name, left, &state);

		/* More than are left: what is wrong with the bytes. */
		if (size > left || !iswprint((wint_t)character)) {
			*name = '?';
			size = 1;
		}
		name += size;
		left -= size;
	}
	uselocale(former);
	freelocale(utf8);
}

void pci_names_find(struct pci_names *names, const struct host_pci *pci, struct pci_name *name)
{
	const int only = PCI_LOOKUP_NO_NUMBERS | PCI_LOOKUP_NO_HWDB;
	struct pci_access *access = (struct pci_access *)names;

	if (!pci_lookup_name(access, name->class, sizeof(name->class), PCI_LOOKUP_CLASS | only,
			     pci->class_code >> 8))
		name->class[0] = '\0';
	if (!pci_lookup_name(access, name->vendor, sizeof(name->vendor), PCI_LOOKUP_VENDOR | only,
			     pci->vendor))
		name->vendor[0] = '\0';
	if (!pci_lookup_name(access, name->device, sizeof(name->device), PCI_LOOKUP_DEVICE | only,
			     pci->vendor, pci->device))
		name->device[0] = '\0';
	name_clean(name->class);
	name_clean(name->vendor);
	name_clean(name->device);
}
