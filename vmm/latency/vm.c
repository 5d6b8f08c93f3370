/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/latency/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/pci.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest/layout.h"
#include "guest/payload/load.h"
#include "kvm/arch.h"
#include "lib/file.h"
#include "lib/ioctl.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vmm/latency/instruments.h"
#include "vmm/latency/options.h"
#include "vmm/latency/probe.h"
#include "vmm/run.h"
#include "vmm/run_options.h"

#define MEMORY	   (64 * MIB) /* what the program needs is some hundred KiB; the least is 32 MiB */
#define LIMIT_MS   60000
#define GRACE_MS   5000 /* from the polite end to the other one */
#define TEXT_LIMIT (16 * MIB)

/* The program: see program.S. */
extern const char latency_program[];
extern const uint64_t latency_program_size;

/* A file in memory, and a path by which this process and its children can open it. */
struct memory_file {
	int fd;
	char path[32];
};

static void memory_file_make(struct memory_file *file, const char *name)
{
	file->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (file->fd < 0)
		die(EXIT_HOST, "cannot make a file in memory for the %s: %s", name,
		    strerror(errno));
	snprintf(file->path, sizeof(file->path), "/proc/self/fd/%d", file->fd);
}

/* The whole of a file, the caller's to free(); "" when it cannot be read. */
static char *memory_file_text(const struct memory_file *file)
{
	struct stat status = { .st_size = 0 };
	size_t size;
	char *text;

	fstat(file->fd, &status);
	size = min((size_t)status.st_size, (size_t)TEXT_LIMIT);
	text = calloc(1, size + 1);
	if (!text)
		die(EXIT_HOST,
		    "no memory for what the virtual machine wrote: close other programs");
	if (fd_pread_all(file->fd, text, size, 0) < 0)
		text[0] = '\0';
	return text;
}

struct files {
	struct memory_file program, console, report, probe;
	int sockets[2]; /* of probe.h: the VM's end, and of who waits for it */
};

static void files_make(struct files *files)
{
	int error;

	memory_file_make(&files->program, "latency-program");
	memory_file_make(&files->console, "latency-console");
	memory_file_make(&files->report, "latency-report");
	memory_file_make(&files->probe, "latency-probe");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, files->sockets) < 0)
		die(EXIT_HOST, "cannot make a pair of sockets: %s", strerror(errno));
	error = fd_write_all(files->program.fd, latency_program, latency_program_size);
	if (error < 0)
		die(EXIT_HOST, "cannot write the latency program into memory: %s",
		    strerror(-error));
	/* Nothing may change it from now on, neither this process nor a mistake in the other. */
	fcntl(files->program.fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK);
}

static void files_close(struct files *files)
{
	fd_close(&files->program.fd);
	fd_close(&files->console.fd);
	fd_close(&files->report.fd);
	fd_close(&files->probe.fd);
	fd_close(&files->sockets[0]);
	fd_close(&files->sockets[1]);
}

/* ---- the process with the VM ---- */

size_t latency_vm_cmdline(const struct latency_vm *vm, char *cmdline, size_t size)
{
	const struct latency_options *options = vm->options;

	return (size_t)snprintf(
		cmdline, size,
		"source=%s state=%s kind=%s count=%llu warmup=%llu interval=%llu costs=%llu "
		"random=%d cpus=%u load=%d until=%llu break=%llu noise=%llu doorbell=0x%llx",
		options->source, latency_state_names[vm->state],
		vm->path == LATENCY_PATH_INTX ? "intx" : "msi", (unsigned long long)options->count,
		(unsigned long long)options->warmup, (unsigned long long)options->interval,
		vm->costs ? (unsigned long long)options->costs : 0ULL, options->interval_random,
		(unsigned int)options->cpus.count, options->load[0] != '\0',
		(unsigned long long)options->until_converged,
		(unsigned long long)options->break_above, (unsigned long long)options->noise,
		(unsigned long long)LAYOUT_DOORBELL);
}

/*
 * Tell the program how fast its clock is, where KVM knows: found out by the program, it would be
 * another in each VM, and take two seconds. On x86-64 the vCPUs of a VM, of this one here too, have
 * the host's rate until somebody sets another (KVM API 4.56). On arm64 a guest reads CNTFRQ_EL0.
 */
static void clock_append(char *cmdline, size_t length, size_t size)
{
	int kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm_fd = ioctl_value(kvm_fd, KVM_CREATE_VM, arch_vm_type(kvm_fd));
	int khz = ioctl_value(vm_fd, KVM_GET_TSC_KHZ, 0);

	if (khz > 0)
		snprintf(cmdline + length, size - length, " hz=%llu", khz * 1000ULL);
	fd_close(&vm_fd);
	fd_close(&kvm_fd);
}

static int child_main(const struct latency_vm *vm, struct files *files)
{
	char cmdline[512];
	struct run_options options = {
		.kernel = files->program.path,
		.cmdline = cmdline,
		.console = files->console.path,
		.cpus = vm->options->cpus,
		.memory = { .size = MEMORY },
		.idle = vm->state == LATENCY_STATE_IDLE_GUEST ? RUN_IDLE_GUEST : RUN_IDLE_HOST,
		.halt_poll_ns = vm->options->halt_poll_ns,
	};
	struct latency_instruments instruments = {
		.loopback = !strcmp(vm->options->source, "loopback"),
		.cpus = (unsigned int)vm->options->cpus.count,
		.probe_fd = files->probe.fd,
		.probe_socket = -1,
		.migrations_fd = latency_probe_migrations_open(),
		.marker_fd = -1,
		.tracing_fd = -1,
	};
	struct machine_addition addition;

	instruments.thread = instruments.loopback || !strcmp(vm->options->source, "thread");
	clock_append(cmdline, latency_vm_cmdline(vm, cmdline, sizeof(cmdline)), sizeof(cmdline));
	if (vm->options->bdf[0]) {
		strcpy(options.devices[0].bdf, vm->options->bdf);
		options.devices[0].devfn = PCI_DEVFN(1, 0);
		options.devices[0].userspace_irqs = vm->path == LATENCY_PATH_USERSPACE;
		options.device_count = 1;
		if (vm->options->load[0]) {
			strcpy(options.devices[1].bdf, vm->options->load);
			options.devices[1].devfn = PCI_DEVFN(LOAD_SLOT, 0);
			options.device_count = 2;
		}
		options.iommu = vm->options->iommu;
		instruments.probe_socket = files->sockets[0];
	} else {
		instruments.relay = vm->path == LATENCY_PATH_USERSPACE;
	}
	if (latency_vm_reports(vm))
		options.irq_report = files->report.path;
	if (vm->options->break_above)
		latency_probe_trace_open(&instruments.marker_fd, &instruments.tracing_fd);
	addition = latency_instruments_addition(&instruments);
	return run(&options, &addition);
}

static pid_t child_start(const struct latency_vm *vm, struct files *files)
{
	pid_t parent = getpid(), child;

	/* What is in the buffers must not be written twice. */
	fflush(NULL);
	child = fork();
	if (child < 0)
		die(EXIT_HOST, "cannot start a process: %s%s", strerror(errno),
		    error_remedy(errno));
	fd_close(&files->sockets[child ? 0 : 1]);
	if (child)
		return child;
	/* A VM that nobody waits for would hold the device. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_INTERNAL);
	exit(child_main(vm, files));
}

/* ---- the process that waits ---- */

bool latency_vm_reports(const struct latency_vm *vm)
{
	return vm->options->bdf[0] && strcmp(vm->options->source, "loopback");
}

uint64_t latency_vm_limit(const struct latency_vm *vm)
{
	const struct latency_options *options = vm->options;
	uint64_t rounds = options->count + options->warmup + options->costs;

	return LIMIT_MS + options->noise * 2000 + rounds * 2 + rounds * options->interval / 500;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * Wait until the process behind @pidfd has ended, @ms milliseconds at most, and answer what it asks
 * of @socket meanwhile. Has it?
 */
static bool child_wait(int pidfd, int socket, const char *bdf, uint64_t ms)
{
	uint64_t now = now_ms(), end = now + ms;
	struct pollfd fds[] = {
		{ .fd = pidfd, .events = POLLIN },
		{ .fd = socket, .events = POLLIN },
	};

	for (; now < end; now = now_ms()) {
		if (poll(fds, ARRAY_SIZE(fds), (int)min(end - now, (uint64_t)INT32_MAX)) <= 0)
			continue;
		if (fds[0].revents)
			return true;
		/* Its end that is closed reads as end of file, without end. */
		if (fds[1].revents & POLLHUP)
			fds[1].fd = -1;
		else if (fds[1].revents)
			latency_probe_answer(socket, bdf);
	}
	return false;
}

/* Returns its exit code; *@timed_out is set when it had to be ended. */
static int child_reap(pid_t child, const struct latency_vm *vm, struct files *files,
		      bool *timed_out)
{
	int pidfd = pidfd_open(child, 0), socket = files->sockets[1], status;
	const char *bdf = vm->options->bdf;

	/* Without a pidfd nobody can look at the clock, but all the rest works. */
	*timed_out = pidfd >= 0 && !child_wait(pidfd, socket, bdf, latency_vm_limit(vm));
	if (*timed_out) {
		kill(child, SIGTERM);
		if (!child_wait(pidfd, socket, bdf, GRACE_MS))
			kill(child, SIGKILL);
	}
	fd_close(&pidfd);
	/* Whoever asks now is told that there is no answer. */
	fd_close(&files->sockets[1]);
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return EXIT_INTERNAL;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SIGNAL + WTERMSIG(status);
}

void latency_vm_run(const struct latency_vm *vm, struct latency_vm_result *result)
{
	struct files files;
	pid_t child;

	files_make(&files);
	child = child_start(vm, &files);
	result->exit_code = child_reap(child, vm, &files, &result->timed_out);
	result->console = memory_file_text(&files.console);
	result->report = memory_file_text(&files.report);
	result->probe = memory_file_text(&files.probe);
	files_close(&files);
}

void latency_vm_result_cleanup(struct latency_vm_result *result)
{
	free(result->console);
	free(result->report);
	free(result->probe);
}
