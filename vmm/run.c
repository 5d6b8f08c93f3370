/* SPDX-License-Identifier: BSD-2-Clause */
/* `posthorn run`: the life of a VM, and what the main thread does meanwhile. */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"
#include "vmm/affinity.h"
#include "vmm/commands.h"
#include "vmm/host.h"
#include "vmm/irq_report.h"
#include "vmm/machine.h"
#include "vmm/privileges.h"
#include "vmm/run.h"
#include "vmm/run_options.h"
#include "vmm/timeline.h"

#define VCPU_STACK_SIZE (128 * KIB)

/* The signal that asks for the irq report. */
#define REPORT_SIGNAL SIGUSR1

/* What main_loop() gets beside those that end a run. SIGCONT: somebody may have the terminal. */
static const int other_signals[] = { REPORT_SIGNAL, SIGCONT };

/* At the end, output waits so long for whoever reads the console. */
#define CONSOLE_PATIENCE_S 2
#define KICK_INTERVAL_MS   100

/* And so long for a vCPU that is still in the kernel, as in the reset of a device. */
#define VCPU_PATIENCE_S 10

/*
 * A guest that takes no key for so long may hang. Where the terminal is somebody else's, so often
 * it is looked whether it still is.
 */
#define KEYS_PATIENCE_S 1

/* The signals that end a run, each with its own exit code. */
static const int ending_signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };

static void kick_handler(int signal_number)
{
	(void)signal_number; /* its arrival makes KVM_RUN return: that is all */
}

/*
 * While the guest runs, signals come to the main thread, as a file; only the kick reaches the vCPU
 * threads. Before that, those that end a run do it in their own way, at once, whatever the start
 * waits for: there is nothing yet that the kernel does not clean up. Sets @ending to these.
 */
static int signals_init(sigset_t *ending)
{
	const struct sigaction kick = { .sa_handler = kick_handler };
	sigset_t set;
	int fd;

	/* A reader that is gone, a file at its limit (ulimit -f): errors of write(2), no more. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigaction(VCPU_KICK_SIGNAL, &kick, NULL);
	/* Whoever started this process may have it blocked, and then no vCPU would ever stop. */
	sigemptyset(&set);
	sigaddset(&set, VCPU_KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	sigemptyset(ending);
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(other_signals); i++)
		sigaddset(&set, other_signals[i]);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(ending_signals); i++) {
		struct sigaction former;

		/* What was ignored from the start stays so: nohup(1) works by that. */
		sigaction(ending_signals[i], NULL, &former);
		if (former.sa_handler == SIG_IGN)
			continue;
		sigaddset(&set, ending_signals[i]);
		sigaddset(ending, ending_signals[i]);
	}
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		die(EXIT_HOST, "cannot make a signalfd: %s%s", strerror(errno),
		    error_remedy(errno));
	return fd;
}

static void threads_start(struct machine *machine, struct vcpu_context *contexts,
			  const struct cpu_options *cpus)
{
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, VCPU_STACK_SIZE);
	for (unsigned int i = 0; i < machine->cpus; i++) {
		int error;

		affinity_vcpu(cpus, i, &attributes);
		contexts[i] = (struct vcpu_context){ machine, &machine->vcpus[i] };
		error = pthread_create(&machine->vcpus[i].thread, &attributes, vcpu_loop,
				       &contexts[i]);
		if (error)
			die(EXIT_HOST, "cannot start a thread for vCPU %u: %s%s", i,
			    strerror(error),
			    error == EPERM ? "; with sched= its control group needs "
					     "cpu.rt_runtime_us"
					   : error_remedy(error));
	}
	pthread_attr_destroy(&attributes);
	seccomp_thread_enter(machine->seccomp, SECCOMP_THREAD_MAIN);
	pthread_barrier_wait(&machine->start);
	timeline_step(machine->timeline, "threads and their filters", NULL);
}

/* What was typed and not yet taken by the guest. */
struct input {
	uint8_t data[4096];
	size_t count;
	bool stalled;	      /* it is full, and the guest has lost its time to take something */
	uint64_t patience_ms; /* when that is, by the monotonic clock; 0: it is not waited for */
};

static void input_offer(struct machine *machine, struct input *input)
{
	size_t taken;

	if (!input->count)
		return;
	taken = serial_input(&machine->serial, input->data, input->count);

	if (taken)
		input->stalled = false;
	input->count -= taken;
	memmove(input->data, input->data + taken, input->count);
}

/* Is more to be read, though the guest may not have taken what was? See vmm/console.h. */
static bool input_is_wanted(const struct machine *machine, const struct input *input)
{
	if (!machine->console.is_terminal)
		return !input->count;
	return input->count < sizeof(input->data) || input->stalled;
}

static void input_read(struct machine *machine, struct input *input)
{
	size_t got;
	enum console_event event = console_read(&machine->console, input->data + input->count,
						sizeof(input->data) - input->count, &got);

	input->count += got;
	switch (event) {
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

static void signals_read(struct machine *machine, int fd)
{
	/* Room for one of each: the kernel hands out low numbers first, and of REPORT_SIGNAL, which
	 * is lower than SIGTERM, there may always be a new one. */
	struct signalfd_siginfo infos[ARRAY_SIZE(ending_signals) + ARRAY_SIZE(other_signals)];
	ssize_t got = read(fd, infos, sizeof(infos));

	for (ssize_t i = 0; i < got / (ssize_t)sizeof(infos[0]); i++) {
		if (infos[i].ssi_signo == REPORT_SIGNAL)
			irq_report_print(machine);
		else if (infos[i].ssi_signo != SIGCONT)
			machine_stop(machine, EXIT_SIGNAL + (int)infos[i].ssi_signo);
	}
}

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/*
 * How long the main loop may sleep: NULL, as long as nothing comes, or *@left. @attended: see
 * console_attend(). When no keys are @wanted now, some of a terminal wait for the guest; other
 * things that come meanwhile are no reason to wait for it longer.
 */
static const struct timespec *loop_patience(const struct machine *machine, struct input *input,
					    bool attended, bool wanted, struct timespec *left)
{
	bool waits = attended && !wanted && machine->console.is_terminal;
	uint64_t now = waits ? clock_ms() : 0;

	if (!waits || !input->patience_ms)
		input->patience_ms = waits ? now + 1000ULL * KEYS_PATIENCE_S : 0;
	*left = (struct timespec){ .tv_sec = KEYS_PATIENCE_S };
	if (!waits)
		return attended ? NULL : left;
	now = min(now, input->patience_ms);
	*left = (struct timespec){ .tv_sec = (time_t)((input->patience_ms - now) / 1000),
				   .tv_nsec = (long)((input->patience_ms - now) % 1000) * 1000000 };
	return left;
}

/*
 * Write what the guest sent, as much of it as the console takes now. Returns whether that was all:
 * else it is to be called again when the console is writable.
 */
static bool output_write(struct machine *machine)
{
	uint8_t data[SERIAL_OUTPUT_SIZE];
	size_t count = serial_output(&machine->serial, data, sizeof(data)), written = 0;

	if (count)
		timeline_event(machine->timeline, TIMELINE_EVENT_OUTPUT);
	if (count)
		written = console_write(&machine->console, data, count);
	serial_output_taken(&machine->serial, written);
	/* There is room now for what KVM has, and a vCPU may not come by to see to it. */
	if (written)
		machine_coalesced_drain(machine, &machine->vcpus[0]);
	return written == count;
}

/* Where in the main loop's pollfds the functions' events begin. */
#define POLL_EVENTS 5

static unsigned int poll_event(unsigned int function, unsigned int event)
{
	return POLL_EVENTS + function * VFIO_EVENTS + event;
}

static void events_watch(const struct machine *machine, struct pollfd *fds)
{
	for (unsigned int i = 0; i < machine->function_count; i++)
		for (unsigned int event = 0; event < VFIO_EVENTS; event++)
			fds[poll_event(i, event)] = (struct pollfd){
				.fd = machine->functions[i].events[event],
				.events = POLLIN,
			};
}

static void events_read(struct machine *machine, const struct pollfd *fds)
{
	for (unsigned int i = 0; i < machine->function_count; i++) {
		for (unsigned int event = 0; event < VFIO_EVENTS; event++) {
			if (!fds[poll_event(i, event)].revents)
				continue;
			if (vfio_function_event_take(&machine->functions[i], event))
				machine_stop(machine, EXIT_DEVICE);
		}
	}
}

/*
 * Until machine_stop(): what the guest sends, keys to the guest, signals, and what becomes of
 * devices. It sleeps while nothing of these comes; but once, when keys wait, to find that the guest
 * takes none, and while the terminal is somebody else's.
 */
static void main_loop(struct machine *machine, int signal_fd)
{
	struct pollfd fds[POLL_EVENTS + RUN_DEVICES_MAX * VFIO_EVENTS] = {
		{ .fd = machine->stop_eventfd, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = machine->attention_eventfd, .events = POLLIN },
		{ .events = POLLIN },
		{ .events = POLLOUT },
	};
	bool attended = console_attend(&machine->console), output_done = true;
	struct input input = { .count = 0 };
	struct timespec left;

	events_watch(machine, fds);
	while (!atomic_load(&machine->stopping)) {
		bool wanted = attended && input_is_wanted(machine, &input);
		int ready;

		fds[3].fd = wanted ? machine->console.input_fd : -1;
		fds[4].fd = output_done ? -1 : machine->console.output_fd;
		ready = ppoll(fds, poll_event(machine->function_count, 0),
			      loop_patience(machine, &input, attended, wanted, &left), NULL);
		input.stalled |= ready == 0 && attended;
		attended = console_attend(&machine->console);
		if (ready < 0)
			continue;
		if (fds[1].revents)
			signals_read(machine, signal_fd);
		if (fds[2].revents && eventfd_take(machine->attention_eventfd))
			input_offer(machine, &input);
		if (fds[2].revents || fds[4].revents)
			output_done = output_write(machine);
		if (fds[3].revents && attended)
			input_read(machine, &input);
		events_read(machine, fds);
	}
}

static void time_add(struct timespec *time, long ms)
{
	time->tv_nsec += ms * 1000000;
	time->tv_sec += time->tv_nsec / 1000000000;
	time->tv_nsec %= 1000000000;
}

static void output_abandon(struct machine *machine)
{
	console_abandon(&machine->console);
	serial_abandon(&machine->serial);
}

/*
 * A vCPU that sends without looking may be waiting for the console's reader. That must not keep the
 * VM from its end, and nor may another one: all that are left are kicked again and again, not only
 * the one that is waited for. Returns how many have ended, counted from vCPU 0: all of them, or one
 * does not.
 */
static unsigned int threads_end(struct machine *machine)
{
	unsigned int joined = 0, waited_ms = 0;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	while (waited_ms < 1000 * VCPU_PATIENCE_S) {
		for (unsigned int i = joined; i < machine->cpus; i++)
			vcpu_kick(&machine->vcpus[i]);
		time_add(&until, KICK_INTERVAL_MS);
		while (pthread_clockjoin_np(machine->vcpus[joined].thread, NULL, CLOCK_MONOTONIC,
					    &until) == 0)
			if (++joined == machine->cpus)
				return joined;
		waited_ms += KICK_INTERVAL_MS;
		output_write(machine);
		if (waited_ms > 1000 * CONSOLE_PATIENCE_S)
			output_abandon(machine);
	}
	return joined;
}

/* What the guest wrote last may still be gathered, and whoever reads may be slow. */
static void output_finish(struct machine *machine)
{
	uint8_t next;

	machine_coalesced_drain(machine, &machine->vcpus[0]);
	while (serial_output(&machine->serial, &next, 1)) {
		if (!output_write(machine) && !console_ready(&machine->console, CONSOLE_PATIENCE_S))
			output_abandon(machine);
	}
}

/* Returns whether all ended; if not, each that did not was named. */
static bool threads_join(struct machine *machine)
{
	unsigned int joined = threads_end(machine);

	if (joined < machine->cpus) {
		for (unsigned int i = joined; i < machine->cpus; i++)
			if (pthread_tryjoin_np(machine->vcpus[i].thread, NULL) != 0)
				log_error("vCPU %u does not end: a device or the host's kernel "
					  "holds it (dmesg may say which); posthorn ends without "
					  "it, and without an irq report",
					  i);
		return false;
	}
	output_finish(machine);
	return true;
}

/* The guest is at its end, and its devices are as it left them. Returns the exit code. */
static int report(struct machine *machine, const struct run_options *options, int report_fd,
		  int exit_code)
{
	if (report_fd >= 0 && irq_report_write(machine, options->irq_report, report_fd) < 0 &&
	    exit_code == EXIT_OK)
		exit_code = EXIT_INTERNAL;
	if (timeline_write(machine->timeline) < 0 && exit_code == EXIT_OK)
		exit_code = EXIT_INTERNAL;
	if (options->require_posting && !irq_report_all_posted(machine) && exit_code == EXIT_OK)
		exit_code = EXIT_REQUIRE;
	return exit_code;
}

/*
 * From here on malloc(3) asks for memory by brk(2) alone, and a JSON object does not read a random
 * number for its hash table: what may be called is listed in seccomp.c.
 */
static void heap_settle(void)
{
	mallopt(M_MMAP_MAX, 0);
	/* What a thread frees when it has entered its filter is no reason to shrink the heap. */
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	json_object_seed(1);
}

/*
 * Each vector of a device takes an eventfd. The soft limit is low for the sake of programs that use
 * select(2), which this is not.
 */
static void files_limit_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int run(const struct run_options *options, const struct machine_addition *addition)
{
	struct timeline *timeline = NULL;
	struct vcpu_context *contexts;
	struct machine *machine;
	int signal_fd, report_fd = -1, exit_code;
	sigset_t ending;

	/* One heap for all threads: they hardly use it, and each of its own would cost memory. */
	mallopt(M_ARENA_MAX, 1);
	/* The tables of GSIs are hardly used either: from mmap(2) they cost what is written. */
	mallopt(M_MMAP_THRESHOLD, 64 << 10);
	files_limit_raise();
	if (options->timeline)
		timeline = timeline_new(options->timeline);
	affinity_begin(&options->cpus);
	machine = malloc(sizeof(*machine));
	contexts = calloc(options->cpus.count, sizeof(*contexts));
	if (!machine || !contexts)
		die(EXIT_HOST, "no memory for the VM");
	signal_fd = signals_init(&ending);
	if (options->irq_report)
		report_fd = irq_report_open(options->irq_report);
	timeline_step(timeline, "process", NULL);
	machine_init(machine, options, addition, timeline);
	heap_settle();
	privileges_drop(options->user);
	seccomp_prepare(options->seccomp);
	timeline_step(timeline, "privileges and filters", NULL);
	machine_helpers_start(machine);
	pthread_sigmask(SIG_BLOCK, &ending, NULL);
	threads_start(machine, contexts, &options->cpus);
	main_loop(machine, signal_fd);
	exit_code = atomic_load(&machine->exit_code);
	/* What a vCPU may still use only the kernel can take back, when this process ends. */
	if (!threads_join(machine))
		exit(exit_code == EXIT_OK ? EXIT_INTERNAL : exit_code);
	exit_code = report(machine, options, report_fd, exit_code);
	machine_cleanup(machine);
	fd_close(&signal_fd);
	free(contexts);
	free(machine);
	return exit_code;
}

static int command_run_run(const void *given)
{
	struct run_options options = *(const struct run_options *)given;
	char path[PATH_MAX];
	int code = EXIT_OK;

	if (!options.kernel) {
		options.kernel = path;
		code = host_kernel_find(path);
	}
	return code ? code : run(&options, NULL);
}

const struct command command_run = {
	.name = "run",
	.synopsis = "",
	.help = "boot a kernel, with devices of this host",
	.rules = run_rules,
	.options_size = sizeof(struct run_options),
	.defaults = &run_defaults,
	.check = run_options_check,
	.run = command_run_run,
};
