/* SPDX-License-Identifier: BSD-2-Clause */
/* vmm/irq_report.c: what is written of a machine that has nothing to report. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/unit/stderr_capture.h"
#include "vmm/irq_report.h"
#include "vmm/machine.h"

static void test_without_a_device_the_report_says_why_nothing_can_be_posted(void **state)
{
	static struct machine machine;
	char path[] = "/tmp/posthorn-report-XXXXXX";
	const char *why;
	int fd = mkstemp(path), possible;
	json_t *report, *rows, *iommu;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(irq_report_write(&machine, path, fd), 0);
	report = json_load_file(path, 0, NULL);
	unlink(path);
	assert_int_equal(json_unpack(report, "{s:{s:b, s:s!}, s:o, s:o!}", "posting", "possible",
				     &possible, "why", &why, "iommu", &iommu, "interrupts", &rows),
			 0);
	assert_false(possible);
	assert_non_null(strstr(why, "no device"));
	assert_non_null(strstr(why, "--device"));
	assert_true(json_is_null(iommu));
	assert_true(json_is_array(rows) && !json_array_size(rows));
	json_decref(report);
}

/* A vCPU has it while a device is reset, say: the main thread has more to do than wait. */
static void test_while_a_vcpu_waits_for_a_device_there_is_no_table(void **state)
{
	static struct vfio_function function = { .irqs = { .device = &function.device,
							   .lock = &function.pci.lock } };
	static struct machine machine = { .functions = &function, .function_count = 1 };
	struct capture capture;
	char text[512];

	(void)state;
	machine.report = irq_report_new(false, false);
	mutex_init(&function.pci.lock);
	mutex_lock(&function.pci.lock);
	capture = capture_start();
	irq_report_print(&machine);
	assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "no table of interrupts now"));
	mutex_unlock(&function.pci.lock);
	/* Nor for a vCPU that reads a file which tells of the interrupts. */
	function.irqs.held = true;
	capture = capture_start();
	irq_report_print(&machine);
	assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "no table of interrupts now"));
	/* What was not seen is neither posted nor left out of a report. */
	capture = capture_start();
	assert_false(irq_report_all_posted(&machine));
	assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "not all interrupts could be looked at: Device or resource"));
	capture = capture_start();
	assert_int_equal(irq_report_write(&machine, "REPORT", open("/dev/null", O_WRONLY)), -EBUSY);
	assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "--irq-report REPORT: cannot be written: Device or resource"));
	function.irqs.held = false;
	capture = capture_start();
	irq_report_print(&machine);
	assert_int_equal(capture_text(capture, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "DELIVERY"));
	irq_report_free(machine.report);
	mutex_destroy(&function.pci.lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_a_device_the_report_says_why_nothing_can_be_posted),
		cmocka_unit_test(test_while_a_vcpu_waits_for_a_device_there_is_no_table),
	};

	return cmocka_run_group_tests_name("irq_report", tests, NULL, NULL);
}
