/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/unit/fake_tracefs.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/file.h"
#include "lib/util.h"
#include "tests/unit/host_tree.h"

#define FIELDS                                                                 \
	"\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n" \
	"\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n" \
	"\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"

/* Up to 6.16 the descriptor's address comes last; from 6.17 on there may be no vCPU. */
#define IRTE_EARLY(words)                                                                   \
	"name: kvm_pi_irte_update\nID: 1437\nformat:\n" FIELDS                              \
	"\tfield:unsigned int host_irq;\toffset:8;\tsize:4;\tsigned:0;\n"                   \
	"\tfield:unsigned int vcpu_id;\toffset:12;\tsize:4;\tsigned:0;\n"                   \
	"\tfield:unsigned int gsi;\toffset:16;\tsize:4;\tsigned:0;\n"                       \
	"\tfield:unsigned int gvec;\toffset:20;\tsize:4;\tsigned:0;\n"                      \
	"\tfield:u64 pi_desc_addr;\toffset:24;\tsize:8;\tsigned:0;\n"                       \
	"\tfield:bool set;\toffset:32;\tsize:1;\tsigned:0;\n\n"                             \
	"print fmt: \"" words "PI is %s for irq %u, vcpu %u, gsi: 0x%x, gvec: 0x%x, "       \
	"pi_desc_addr: 0x%llx\", REC->set ? \"enabled and being updated\" : \"disabled\", " \
	"REC->host_irq, REC->vcpu_id, REC->gsi, REC->gvec, REC->pi_desc_addr\n"
#define IRTE_LATE                                                                  \
	"name: kvm_pi_irte_update\nID: 1502\nformat:\n" FIELDS                     \
	"\tfield:unsigned int host_irq;\toffset:8;\tsize:4;\tsigned:0;\n"          \
	"\tfield:int vcpu_id;\toffset:12;\tsize:4;\tsigned:1;\n"                   \
	"\tfield:unsigned int gsi;\toffset:16;\tsize:4;\tsigned:0;\n"              \
	"\tfield:unsigned int gvec;\toffset:20;\tsize:4;\tsigned:0;\n"             \
	"\tfield:bool set;\toffset:24;\tsize:1;\tsigned:0;\n\n"                    \
	"print fmt: \"PI is %s for irq %u, vcpu %d, gsi: 0x%x, gvec: 0x%x\", "     \
	"REC->set ? \"enabled and being updated\" : \"disabled\", REC->host_irq, " \
	"REC->vcpu_id, REC->gsi, REC->gvec\n"
#define INHIBIT(more, names)                                                  \
	"name: kvm_apicv_inhibit_changed\nID: 1440\nformat:\n" FIELDS         \
	"\tfield:int reason;\toffset:8;\tsize:4;\tsigned:1;\n"                \
	"\tfield:bool set;\toffset:12;\tsize:1;\tsigned:0;\n"                 \
	"\tfield:unsigned long inhibits;\toffset:16;\tsize:8;\tsigned:0;\n\n" \
	"print fmt: \"%s reason=%u, inhibits=0x%lx" more                      \
	"\", REC->set ? \"set\" : \"cleared\", REC->reason, REC->inhibits" names "\n"
#define NAMES                                                                               \
	", (REC->inhibits) ? \" \" : \"\", (REC->inhibits) ? __print_flags(REC->inhibits, " \
	"\"|\", { (1UL << 0), \"DISABLED\" }, { (1UL << 1), \"HYPERV\" }) : \"\""

static const struct {
	const char *irte, *inhibit;
} formats[FAKE_RELEASES] = {
	[LINUX_6_1] = { IRTE_EARLY("VT-d "), INHIBIT("", "") },
	[LINUX_6_12] = { IRTE_EARLY(""), INHIBIT("%s%s", NAMES) },
	[LINUX_6_18] = { IRTE_LATE, INHIBIT("%s%s", NAMES) },
	[LINUX_7_3] = { IRTE_LATE, INHIBIT("%s%s", NAMES) },
};

const char *const fake_release_names[FAKE_RELEASES] = {
	[LINUX_6_1] = "6.1",
	[LINUX_6_12] = "6.12",
	[LINUX_6_18] = "6.18",
	[LINUX_7_3] = "7.3",
};

struct fake_tracefs fake_tracefs;

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __real_rmdir(const char *path);
int __wrap_rmdir(const char *path);

/* Is @path an instance? If so, the name that it has in the tree. */
static const char *instance_name(const char *path)
{
	size_t length = strlen(tree.root);

	if (!length || strncmp(path, tree.root, length) ||
	    strncmp(path + length, INSTANCES "/", strlen(INSTANCES "/")))
		return NULL;
	path += length;
	return strchr(path + strlen(INSTANCES "/"), '/') ? NULL : path;
}

int __wrap_mkdir(const char *path, mode_t mode)
{
	static const char *const files[] = {
		"/trace_pipe",
		"/options/overwrite",
		"/options/context-info",
		"/options/record-tgid",
		"/options/latency-format",
		"/options/raw",
		"/options/hex",
		"/options/bin",
		"/buffer_size_kb",
		"/events/kvm/kvm_pi_irte_update/enable",
		"/events/kvm/kvm_apicv_inhibit_changed/enable",
	};
	const char *name = instance_name(path);
	char file[PATH_MAX];

	if (name && fake_tracefs.mkdir_error) {
		errno = fake_tracefs.mkdir_error;
		return -1;
	}
	if (__real_mkdir(path, mode) < 0)
		return -1;
	if (!name || !fake_tracefs.irte)
		return 0;
	fake_tracefs.made++;
	for (unsigned int i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(file, sizeof(file), "%s%s", name, files[i]);
		tree_text_put(file, "");
	}
	snprintf(file, sizeof(file), "%s/events/kvm/kvm_pi_irte_update/format", name);
	tree_text_put(file, fake_tracefs.irte);
	snprintf(file, sizeof(file), "%s/events/kvm/kvm_apicv_inhibit_changed/format", name);
	tree_text_put(file, fake_tracefs.inhibit);
	return 0;
}

int __wrap_rmdir(const char *path)
{
	size_t length = strlen(path), end;

	if (!instance_name(path))
		return __real_rmdir(path);
	end = fake_tracefs.busy ? strlen(fake_tracefs.busy) : 0;
	if (end && length >= end && !strcmp(path + length - end, fake_tracefs.busy)) {
		errno = EBUSY;
		return -1;
	}
	if (access(path, F_OK)) {
		errno = ENOENT;
		return -1;
	}
	return tree_path_remove(path);
}

void fake_tracefs_put(enum fake_release release)
{
	fake_tracefs = (struct fake_tracefs){ .irte = formats[release].irte,
					      .inhibit = formats[release].inhibit };
	tree_directory_put(INSTANCES);
	tree_directory_put(TRACEFS "/events/kvm/kvm_pi_irte_update");
}

const char *fake_instance(void)
{
	static char name[64];

	snprintf(name, sizeof(name), INSTANCES "/posthorn-%d", (int)getpid());
	return name;
}

const char *fake_instance_file(const char *name)
{
	static char text[64];
	char path[PATH_MAX], file[PATH_MAX];

	snprintf(file, sizeof(file), "%s/%s", fake_instance(), name);
	tree_path(path, file);
	if (file_read_text(path, text, sizeof(text)) < 0)
		text[0] = '\0';
	return text;
}

void fake_trace(const char *format, ...)
{
	char path[PATH_MAX], file[PATH_MAX], text[1024];
	va_list args;
	int fd;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(file, sizeof(file), "%s/trace_pipe", fake_instance());
	tree_path(path, file);
	fd = open(path, O_WRONLY | O_APPEND);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}
