/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/report/host_irq: rows of /proc/interrupts as kernels of both architectures write them. */
#include "vmm/report/host_irq.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/util.h"
#include "lib/file.h"
#include "tests/unit/host_tree.h"

#define BDF "0000:01:00.0"

static const char x86_interrupts[] =
	"            CPU0       CPU1       CPU2       CPU3       \n"
	"   0:         37          0          0          0  IR-IO-APIC    2-edge      timer\n"
	"   8:          0          0          1          0  IR-IO-APIC    8-edge      rtc0\n"
	"  16:         10          0       2000          5  IR-IO-APIC   16-fasteoi   i801_smbus, "
	"vfio-intx(0000:00:1f.6), ehci_hcd:usb1\n"
	"  17:          7          0          0          0  IR-IO-APIC   17-fasteoi   "
	"vfio-intx(0000:02:00.0)\n"
	" 128:          0   10000000          0          3  IR-PCI-MSIX-0000:01:00.0    0-edge     "
	" "
	"vfio-msix[0](0000:01:00.0)\n"
	" 129:          0          0          0          0  IR-PCI-MSIX-0000:01:00.0    1-edge     "
	" "
	"vfio-msix[1](0000:01:00.0)\n"
	" 130:          9          9          9          9  IR-PCI-MSIX-0000:01:00.1    0-edge     "
	" "
	"vfio-msix[0](0000:01:00.1)\n"
	" 131:          1          2          3 4000000000  IR-PCI-MSIX-0000:01:00.0   12-edge     "
	" "
	"vfio-msix[12](0000:01:00.0)\n"
	" 132:          0          0         21          0  IR-PCI-MSI-0000:03:00.0    0-edge      "
	"vfio-msi[0](0000:03:00.0)\n"
	" 133:          5          5          5          5  VMD-MSI  133  Edge      "
	"vfio-msix[3](10000:01:00.0)\n"
	" NMI:          0          0          0          0   Non-maskable interrupts\n"
	" PIN:          8          8          8          8   Posted-interrupt notification event\n"
	" ERR:          0\n";

static const char arm64_interrupts[] =
	"           CPU0       CPU1       \n"
	" 11:       5013       4211     GICv3  27 Level     arch_timer\n"
	" 13:          0          0     GICv3  33 Level     uart-pl011\n"
	" 47:          0          0   ITS-MSI 16384 Edge      aerdrv, PCIe PME\n"
	" 52:         11          2   ITS-MSI 524288 Edge      vfio-msix[0](0000:01:00.0)\n"
	" 53:          0          0   ITS-PCI-MSIX-0000:01:00.0   1 Edge      "
	"vfio-msix[1](0000:01:00.0)\n"
	" 54:          0          4  GICv4-vpe   0 Edge      vcpu\n"
	"IPI0:       300        200       Rescheduling interrupts\n"
	"Err:          0\n";

static int rows_read(const char *text, const char *bdf, struct host_irq **irqs)
{
	int fd, count;

	tree_text_put("/proc/interrupts", text);
	fd = host_irqs_open(tree.root);
	count = host_irqs_read(fd, bdf, irqs);
	fd_close(&fd);
	return count;
}

static void irq_assert(const struct host_irq *irq, enum irq_kind kind, unsigned int vector,
		       unsigned int number, uint64_t count, bool shared)
{
	assert_int_equal(irq->kind, kind);
	assert_int_equal(irq->vector, vector);
	assert_int_equal(irq->irq, number);
	assert_int_equal(irq->count, count);
	assert_int_equal(irq->shared, shared);
}

static void all_rows_of_one_function_are_read(void **state)
{
	struct host_irq *irqs;

	(void)state;
	assert_int_equal(rows_read(x86_interrupts, BDF, &irqs), 3);
	irq_assert(&irqs[0], IRQ_KIND_MSIX, 0, 128, 10000003, false);
	irq_assert(&irqs[1], IRQ_KIND_MSIX, 1, 129, 0, false);
	irq_assert(&irqs[2], IRQ_KIND_MSIX, 12, 131, 4000000006, false);
	free(irqs);
}

static void msi_is_not_taken_for_msix(void **state)
{
	struct host_irq *irqs;

	(void)state;
	assert_int_equal(rows_read(x86_interrupts, "0000:03:00.0", &irqs), 1);
	irq_assert(&irqs[0], IRQ_KIND_MSI, 0, 132, 21, false);
	free(irqs);
}

static void intx_is_found_alone_and_among_others(void **state)
{
	struct host_irq *irqs;

	(void)state;
	assert_int_equal(rows_read(x86_interrupts, "0000:02:00.0", &irqs), 1);
	irq_assert(&irqs[0], IRQ_KIND_INTX, 0, 17, 7, false);
	free(irqs);
	assert_int_equal(rows_read(x86_interrupts, "0000:00:1f.6", &irqs), 1);
	irq_assert(&irqs[0], IRQ_KIND_INTX, 0, 16, 2015, true);
	free(irqs);
}

static void a_longer_domain_is_another_function(void **state)
{
	struct host_irq *irqs;

	(void)state;
	assert_int_equal(rows_read(x86_interrupts, "10000:01:00.0", &irqs), 1);
	irq_assert(&irqs[0], IRQ_KIND_MSIX, 3, 133, 20, false);
	free(irqs);
}

static void rows_of_arm64_are_read(void **state)
{
	struct host_irq *irqs;

	(void)state;
	/* The number behind "ITS-MSI" is no count of a third CPU. */
	assert_int_equal(rows_read(arm64_interrupts, BDF, &irqs), 2);
	irq_assert(&irqs[0], IRQ_KIND_MSIX, 0, 52, 13, false);
	irq_assert(&irqs[1], IRQ_KIND_MSIX, 1, 53, 0, false);
	free(irqs);
}

static void lines_may_be_of_any_length(void **state)
{
	enum { CPUS = 1024, VECTORS = 20 };
	struct host_irq *irqs;
	char *text = NULL;
	size_t size;
	FILE *file;

	(void)state;
	file = open_memstream(&text, &size);
	fprintf(file, "     ");
	for (int cpu = 0; cpu < CPUS; cpu++)
		fprintf(file, "     CPU%-4d", cpu);
	for (int vector = 0; vector < VECTORS; vector++) {
		fprintf(file, "\n%4d:", 200 + vector);
		for (int cpu = 0; cpu < CPUS; cpu++)
			fprintf(file, " %10u", cpu == 1023 ? 4294967295U : 1U);
		fprintf(file, "  IR-PCI-MSIX-" BDF "  %d-edge   vfio-msix[%d](" BDF ")", vector,
			vector);
	}
	fprintf(file, "\n");
	fclose(file);
	assert_int_equal(rows_read(text, BDF, &irqs), VECTORS);
	for (unsigned int vector = 0; vector < VECTORS; vector++)
		irq_assert(&irqs[vector], IRQ_KIND_MSIX, vector, 200 + vector, 1023 + 4294967295ULL,
			   false);
	free(irqs);
	free(text);
}

static void a_cpu_that_went_offline_hides_nothing(void **state)
{
	/* Names of chips may start with a digit, and are no counts either. */
	static const char *const chips[] = { "ITS-MSI", "8250_GPIO" };
	struct host_irq *irqs;
	char text[256];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(chips); i++) {
		snprintf(text, sizeof(text),
			 "  CPU0  CPU1  CPU2\n 40:  1  2  %s 5 Edge  vfio-msix[0](" BDF ")\n",
			 chips[i]);
		assert_int_equal(rows_read(text, BDF, &irqs), 1);
		irq_assert(&irqs[0], IRQ_KIND_MSIX, 0, 40, 3, false);
		free(irqs);
	}
}

static void names_that_only_look_alike_are_left_out(void **state)
{
	static const char *const names[] = {
		"vfio-msix(" BDF ")",	     "vfio-msix[](" BDF ")",   "vfio-msix[0](" BDF,
		"vfio-msix[0](" BDF ")x",    "vfio-intx[0](" BDF ")",  "vfio-msix[0]" BDF,
		"xvfio-msix[0](" BDF ")",    "vfio-msix[0](1" BDF ")", "vfio-pci(" BDF ")",
		"vfio-msix[0(0000:01:00.0)", "vfio-msix[0]",
	};
	struct host_irq *irqs;
	char text[256];

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(text, sizeof(text), "  CPU0\n 40:  1  chip 5 Edge  %s\n", names[i]);
		if (rows_read(text, BDF, &irqs))
			fail_msg("took %s", names[i]);
		assert_null(irqs);
	}
	/* A row without a number is no interrupt of a device. */
	assert_int_equal(rows_read("  CPU0\nNMI:  1  vfio-intx(" BDF ")\n", BDF, &irqs), 0);
	assert_int_equal(rows_read("", BDF, &irqs), 0);
}

static void a_missing_file_is_an_error(void **state)
{
	struct host_irq one, *irqs = &one;

	(void)state;
	assert_int_equal(host_irqs_open(tree.root), -ENOENT);
	assert_int_equal(host_irqs_read(-ENOENT, BDF, &irqs), -ENOENT);
	assert_null(irqs);
}

static void an_open_file_is_read_anew_each_time(void **state)
{
	struct host_irq *irqs;
	int fd;

	(void)state;
	tree_text_put("/proc/interrupts", "  CPU0\n 52: 1 vfio-intx(" BDF ")\n");
	fd = host_irqs_open(tree.root);
	for (uint64_t count = 1; count < 3; count++) {
		assert_int_equal(host_irqs_read(fd, BDF, &irqs), 1);
		assert_int_equal(irqs[0].count, count);
		free(irqs);
		tree_text_put("/proc/interrupts", "  CPU0\n 52: 2 vfio-intx(" BDF ")\n");
	}
	fd_close(&fd);
}

static void a_row_is_found_by_kind_and_vector(void **state)
{
	struct host_irq *irqs;
	int count;

	(void)state;
	count = rows_read(x86_interrupts, BDF, &irqs);
	assert_ptr_equal(host_irq_find(irqs, count, IRQ_KIND_MSIX, 12), &irqs[2]);
	assert_null(host_irq_find(irqs, count, IRQ_KIND_MSIX, 2));
	assert_null(host_irq_find(irqs, count, IRQ_KIND_MSI, 0));
	assert_null(host_irq_find(NULL, 0, IRQ_KIND_MSIX, 0));
	free(irqs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(all_rows_of_one_function_are_read),
		TREE_TEST(msi_is_not_taken_for_msix),
		TREE_TEST(intx_is_found_alone_and_among_others),
		TREE_TEST(a_longer_domain_is_another_function),
		TREE_TEST(rows_of_arm64_are_read),
		TREE_TEST(lines_may_be_of_any_length),
		TREE_TEST(a_cpu_that_went_offline_hides_nothing),
		TREE_TEST(names_that_only_look_alike_are_left_out),
		TREE_TEST(a_missing_file_is_an_error),
		TREE_TEST(an_open_file_is_read_anew_each_time),
		TREE_TEST(a_row_is_found_by_kind_and_vector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
