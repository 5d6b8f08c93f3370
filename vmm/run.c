/* SPDX-License-Identifier: BSD-2-Clause */
/* `posthorn run`: the life of a VM, and what the main thread does meanwhile. */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vmm/commands.h"
#include "vmm/irq_report.h"
#include "vmm/machine.h"
#include "vmm/options.h"

#define VCPU_STACK_SIZE (128 * KIB)

/* The signal that asks for the irq report. */
#define REPORT_SIGNAL SIGUSR1

/* The signals that end a run, each with its own exit code. */
static const int ending_signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };

static void kick_handler(int signal_number)
{
	(void)signal_number; /* its arrival makes KVM_RUN return: that is all */
}

/* Signals come to the main thread, as a file; only the kick reaches the vCPU threads. */
static int signals_init(void)
{
	const struct sigaction kick = { .sa_handler = kick_handler };
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigaction(VCPU_KICK_SIGNAL, &kick, NULL);
	sigemptyset(&set);
	sigaddset(&set, REPORT_SIGNAL);
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++) {
		struct sigaction former;

		/* What was ignored from the start stays so: nohup(1) works by that. */
		sigaction(ending_signals[i], NULL, &former);
		if (former.sa_handler != SIG_IGN)
			sigaddset(&set, ending_signals[i]);
	}
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		die(EXIT_HOST, "cannot make a signalfd: %s", strerror(errno));
	return fd;
}

/* @cpu is where all vCPUs run, -1: wherever the host likes. */
static void threads_start(struct machine *machine, struct vcpu_context *contexts, int cpu)
{
	pthread_attr_t attributes;
	cpu_set_t cpus;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, VCPU_STACK_SIZE);
	CPU_ZERO(&cpus);
	if (cpu >= 0) {
		CPU_SET((size_t)cpu, &cpus);
		pthread_attr_setaffinity_np(&attributes, sizeof(cpus), &cpus);
	}
	for (unsigned int i = 0; i < machine->cpus; i++) {
		int error;

		contexts[i] = (struct vcpu_context){ machine, &machine->vcpus[i] };
		error = pthread_create(&machine->vcpus[i].thread, &attributes, vcpu_loop,
				       &contexts[i]);
		if (error)
			die(EXIT_HOST,
			    "cannot start a thread for vCPU %u: %s; is the limit of "
			    "processes too low (ulimit -u)?",
			    i, strerror(error));
	}
	pthread_attr_destroy(&attributes);
	pthread_barrier_wait(&machine->start);
}

/* What was typed and not yet taken by the guest. */
struct input {
	uint8_t data[64];
	size_t count;
};

static void input_offer(struct machine *machine, struct input *input)
{
	size_t taken = serial_input(&machine->serial, input->data, input->count);

	input->count -= taken;
	memmove(input->data, input->data + taken, input->count);
}

static void input_read(struct machine *machine, struct input *input)
{
	switch (console_read(&machine->console, input->data, sizeof(input->data), &input->count)) {
	case CONSOLE_EVENT_QUIT:
		log_info("the VM was ended from the console");
		machine_stop(machine, EXIT_OK);
		break;
	case CONSOLE_EVENT_CLOSED:
		machine->console.input_fd = -1;
		break;
	case CONSOLE_EVENT_NONE:
		input_offer(machine, input);
		break;
	}
}

static void signal_read(struct machine *machine, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == REPORT_SIGNAL)
		irq_report_print(machine);
	else
		machine_stop(machine, EXIT_SIGNAL + (int)info.ssi_signo);
}

/* Until machine_stop(): keys to the guest, and signals. It sleeps while neither comes. */
static void main_loop(struct machine *machine, int signal_fd)
{
	struct input input = { .count = 0 };

	while (!atomic_load(&machine->stopping)) {
		struct pollfd fds[] = {
			{ .fd = machine->stop_eventfd, .events = POLLIN },
			{ .fd = signal_fd, .events = POLLIN },
			{ .fd = machine->input_eventfd, .events = POLLIN },
			/* While input waits for the guest, more of it waits in the terminal. */
			{ .fd = input.count ? -1 : machine->console.input_fd, .events = POLLIN },
		};

		if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
			continue;
		if (fds[1].revents)
			signal_read(machine, signal_fd);
		if (fds[2].revents && eventfd_take(machine->input_eventfd))
			input_offer(machine, &input);
		if (fds[3].revents)
			input_read(machine, &input);
	}
}

static void threads_join(struct machine *machine)
{
	for (unsigned int i = 0; i < machine->cpus; i++)
		vcpu_kick(&machine->vcpus[i]);
	for (unsigned int i = 0; i < machine->cpus; i++)
		pthread_join(machine->vcpus[i].thread, NULL);
	/* What the guest wrote last may still be gathered. */
	machine_coalesced_drain(machine, &machine->vcpus[0]);
}

/* The guest is at its end, and its devices are as it left them. Returns the exit code. */
static int report(struct machine *machine, const struct options *options, int report_fd,
		  int exit_code)
{
	if (report_fd >= 0 && irq_report_write(machine, report_fd) < 0 && exit_code == EXIT_OK)
		exit_code = EXIT_INTERNAL;
	if (options->require_posting && !irq_report_all_posted(machine) && exit_code == EXIT_OK)
		exit_code = EXIT_REQUIRE;
	return exit_code;
}

int command_run(const struct options *options)
{
	struct vcpu_context *contexts;
	struct machine *machine;
	int signal_fd, report_fd = -1, exit_code;

	/* One heap for all threads: they hardly use it, and each of its own would cost memory. */
	mallopt(M_ARENA_MAX, 1);
	machine = malloc(sizeof(*machine));
	contexts = calloc(options->cpus, sizeof(*contexts));
	if (!machine || !contexts)
		die(EXIT_HOST, "out of memory");
	signal_fd = signals_init();
	if (options->irq_report)
		report_fd = irq_report_open(options->irq_report);
	machine_init(machine, options);
	threads_start(machine, contexts, options->vcpu_cpu);
	main_loop(machine, signal_fd);
	threads_join(machine);
	exit_code = report(machine, options, report_fd, atomic_load(&machine->exit_code));
	machine_cleanup(machine);
	fd_close(&report_fd);
	fd_close(&signal_fd);
	free(contexts);
	free(machine);
	return exit_code;
}
