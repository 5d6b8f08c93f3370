/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/report/watch.c under vfio/irqs.c, over a made-up KVM and VFIO. What the host shows is made up
 * too: the functions of vmm/report/posting.h, and host_irqs_read() of vmm/report/host_irq.h, which
 * the linker replaces. They write into the log what they are asked, so that it tells what came
 * before what.
 */
#include "tests/unit/irqs_machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "vmm/report/host_irq.h"
#include "vmm/report/watch.h"

#define VM_FD	 77
#define BDF	 "0000:01:00.0"
#define ROWS_MAX 4

/* What the host shows, and how often it was asked. */
static struct host {
	struct fake_kvm *kvm; /* whose log to write into; NULL: none */
	bool impossible, misfit;
	enum posting_state state;
	const char *seen;
	struct host_irq rows[ROWS_MAX];
	int row_count; /* or -errno */
	unsigned int possible_calls, probes;
	int state_fd;		    /* the file for posting_probe() */
	pid_t pid;		    /* whose files were opened, */
	int fd;			    /* and those of which VM */
	unsigned int connected[64]; /* by the number of the probe */
	unsigned int last_connected;
	uint32_t device_id;
	struct posting_vector asked; /* by the last probe */
	pid_t thread;		     /* that was added last, */
	struct vfio_device *device;  /* as was this */
	unsigned int inits;
	bool no_records; /* there is no memory for them */
} host;

bool posting_possible(const char *root, char *why, size_t size)
{
	assert_string_equal(root, "");
	host.possible_calls++;
	snprintf(why, size, "%s", host.impossible ? "IMPOSSIBLE" : "");
	return !host.impossible;
}

void posting_files_init(struct posting_files *files, const char *root)
{
	assert_string_equal(root, "");
	*files = (struct posting_files){ .state_fd = -1, .interrupts_fd = -1 };
	host.inits++;
}

void posting_files_open(struct posting_files *files, const char *root, pid_t pid, int fd)
{
	assert_string_equal(root, "");
	host.state_fd = dup(STDERR_FILENO);
	files->state_fd = host.state_fd;
	host.pid = pid;
	host.fd = fd;
}

void posting_function_add(struct posting_files *files, const char *root, struct vfio_device *device)
{
	assert_string_equal(root, "");
	assert_int_equal(files->state_fd, host.state_fd);
	host.device = device;
}

void posting_function_remove(struct posting_files *files, const struct vfio_device *device)
{
	assert_int_equal(files->state_fd, host.state_fd);
	if (host.device == device)
		host.device = NULL;
}

void posting_thread_add(struct posting_files *files, pid_t thread)
{
	assert_int_equal(files->state_fd, host.state_fd);
	host.thread = thread;
}

void posting_files_close(struct posting_files *files)
{
	fd_close(&files->state_fd);
}

enum posting_state posting_probe(struct posting_files *files, const struct posting_vector *vector,
				 char *seen, size_t size)
{
	assert_int_equal(files->state_fd, host.state_fd);
	host.connected[host.probes % ARRAY_SIZE(host.connected)] = vector->connected;
	host.last_connected = vector->connected;
	host.probes++;
	host.device_id = vector->message.device_id;
	host.asked = *vector;
	fake_log(host.kvm, "probe %x", vector->message.data);
	snprintf(seen, size, "%s", host.seen);
	return host.state;
}

bool posting_message_fits(const struct msi_message *message, char *why, size_t size)
{
	snprintf(why, size, "MISFIT %x", message->data);
	return !host.misfit;
}

int __wrap_host_irqs_read(int fd, const char *bdf, struct host_irq **irqs);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

int __wrap_host_irqs_read(int fd, const char *bdf, struct host_irq **irqs)
{
	assert_true(fd >= 0);
	assert_string_equal(bdf, BDF);
	fake_log(host.kvm, "host_irqs_read");
	*irqs = NULL;
	if (host.row_count <= 0)
		return host.row_count;
	*irqs = malloc(sizeof(host.rows));
	assert_non_null(*irqs);
	memcpy(*irqs, host.rows, sizeof(host.rows));
	return host.row_count;
}

void *__wrap_calloc(size_t count, size_t size)
{
	if (host.no_records && count * size == sizeof(struct irq_record))
		return NULL;
	return __real_calloc(count, size);
}

/* From now on /proc/interrupts has this row too. */
static void host_row_put(enum irq_kind kind, unsigned int vector, unsigned int irq, uint64_t count)
{
	host.rows[host.row_count++] = (struct host_irq){ kind, vector, irq, false, count };
}

/* ---- the machine ---- */

static struct irq_watch *watch_of(const struct machine *machine)
{
	return machine->observer->opaque;
}

static void watch_start(void **state, enum irq_watch_mode mode, bool is_relayed)
{
	struct machine *machine;
	struct irq_watch *watch = calloc(1, sizeof(*watch));

	assert_non_null(watch);
	host = (struct host){ .seen = "SEEN" };
	/* Before setup() counts the open files. */
	irq_watch_init(watch, mode);
	irq_watch_open(watch, VM_FD);
	setup(state);
	machine = *state;
	machine->observer = &watch->observer;
	machine->is_relayed = is_relayed;
	machine_restart(machine, 8, 16, true);
	host.kvm = machine->kvm;
}

static int continuous_setup(void **state)
{
	watch_start(state, IRQ_WATCH_CONTINUOUS, false);
	return 0;
}

static int lazy_setup(void **state)
{
	watch_start(state, IRQ_WATCH_LAZY, false);
	return 0;
}

static int at_end_setup(void **state)
{
	watch_start(state, IRQ_WATCH_AT_END, false);
	return 0;
}

static int relayed_setup(void **state)
{
	watch_start(state, IRQ_WATCH_CONTINUOUS, true);
	return 0;
}

static int watch_teardown(void **state)
{
	struct irq_watch *watch = watch_of(machine_of(state));
	int result = teardown(state);

	/* All is off now, and so nothing is connected, and nothing of the device is held. */
	assert_null(host.device);
	assert_int_equal(watch->connected, 0);
	irq_watch_cleanup(watch);
	assert_int_equal(watch->interrupts_fd, -1);
	assert_int_equal(watch->posting.state_fd, -1);
	free(watch);
	return result;
}

static unsigned int connected(const struct machine *machine)
{
	return watch_of(machine)->connected;
}

static const struct irq_record *record_of(const struct machine *machine, unsigned int vector)
{
	const struct watch_function *function = watch_of(machine)->functions;

	return function ? function->records[IRQ_KIND_MSIX][vector] : NULL;
}

#define REPORT_MAX 32

/* Nobody else has the lock. */
static const struct timespec at_once = { .tv_sec = 0 };

/* What irq_watch_report() said: valid until the next report. */
struct visits {
	struct irq_row rows[REPORT_MAX];
	struct irq_record records[REPORT_MAX];
	unsigned int count, stop_at;
};

static int row_keep(void *opaque, const struct irq_row *row)
{
	struct visits *visits = opaque;

	assert_true(visits->count < REPORT_MAX);
	visits->records[visits->count] = *row->record;
	visits->rows[visits->count] = *row;
	visits->rows[visits->count].record = &visits->records[visits->count];
	visits->count++;
	return visits->count == visits->stop_at ? -ECANCELED : 0;
}

static void report(struct machine *machine, struct visits *visits)
{
	memset(visits, 0, sizeof(*visits));
	assert_int_equal(
		irq_watch_report(watch_of(machine), machine->irqs, &at_once, row_keep, visits), 0);
}

/* The only row of a report. */
static const struct irq_row *only_row(struct machine *machine, struct visits *visits)
{
	report(machine, visits);
	assert_int_equal(visits->count, 1);
	return &visits->rows[0];
}

/* ---- how many are connected ---- */

static void test_what_is_connected_is_counted(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	assert_int_equal(connected(machine), 0);
	msix_unmask(machine, 2);
	msix_unmask(machine, 5);
	assert_int_equal(connected(machine), 2);
	msix_mask(machine, 5, true);
	assert_int_equal(connected(machine), 1);
	msix_mask(machine, 5, true);
	assert_int_equal(connected(machine), 1);
	msix_mask(machine, 5, false);
	assert_int_equal(connected(machine), 2);
	machine->irqs->sets[IRQ_KIND_MSIX].vectors[5].message.data = 0x77;
	msix_mask(machine, 5, false);
	assert_int_equal(connected(machine), 2);
	msix_mask_all(machine, true);
	assert_int_equal(connected(machine), 0);
	msix_mask_all(machine, false);
	assert_int_equal(connected(machine), 2);
	msix_enable(machine, false);
	assert_int_equal(connected(machine), 0);
	msi_enable(machine, 4);
	assert_int_equal(connected(machine), 4);
}

static void test_what_could_not_be_connected_is_not_counted(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	msix_enable(machine, true);
	machine->irqs->sets[IRQ_KIND_MSIX].refused = true; /* nothing on standard error */
	fake_fail(machine->kvm, "irqfd_attach", 0, -ENOMEM);
	msix_unmask(machine, 2);
	assert_int_equal(connected(machine), 0);
	fake_fail(machine->kvm, "irqs_set", 0, -ENOSPC);
	msix_unmask(machine, 3);
	assert_int_equal(connected(machine), 0);
	report(machine, &visits);
	assert_int_equal(visits.count, 0);
}

/* Without dynamic MSI-X, the host has lost all vectors over one more, and gives them back later. */
static void test_what_is_connected_again_is_counted_once(void **state)
{
	struct machine *machine = machine_of(state);

	machine_restart(machine, 0, 4, false);
	host.kvm = machine->kvm;
	msix_enable(machine, true);
	machine->irqs->sets[IRQ_KIND_MSIX].refused = true; /* nothing on standard error */
	msix_unmask(machine, 0);
	fake_fail(machine->kvm, "irqs_set", 0, -ENOSPC);
	fake_fail(machine->kvm, "irqs_set", 0, -ENOSPC);
	msix_unmask(machine, 1);
	assert_int_equal(fake_vectors_triggered(machine->fake), 0);
	assert_int_equal(connected(machine), 0);
	irqs_sync(machine->irqs);
	assert_int_equal(fake_vectors_triggered(machine->fake), 2);
	assert_int_equal(connected(machine), 2);
}

/* And what its handlers counted until then is not forgotten. */
static void test_counts_outlive_an_enlargement(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	machine_restart(machine, 0, 4, false);
	host.kvm = machine->kvm;
	msix_enable(machine, true);
	msix_unmask(machine, 0);
	host_row_put(IRQ_KIND_MSIX, 0, 40, 9);
	msix_unmask(machine, 1);
	assert_int_equal(connected(machine), 2);
	msix_unmask(machine, 2);
	assert_int_equal(connected(machine), 3);
	host.rows[0].count = 1;
	report(machine, &visits);
	assert_int_equal(visits.records[0].host_count, 19);
}

/* All of them are looked at before the first is taken away, and when all are back. */
static void test_looks_around_an_enlargement_see_all_that_are_connected(void **state)
{
	static const unsigned int expected[] = { 2, 2, 3, 3, 3 };
	struct machine *machine = machine_of(state);

	machine_restart(machine, 0, 4, false);
	host.kvm = machine->kvm;
	msix_enable(machine, true);
	msix_unmask(machine, 0);
	msix_unmask(machine, 1);
	host.probes = 0;
	msix_unmask(machine, 2);
	assert_int_equal(host.probes, ARRAY_SIZE(expected));
	assert_memory_equal(host.connected, expected, sizeof(expected));
}

/* Which of them are posted can only be told when no other is connected: see posting_probe(). */
static void test_looks_at_many_that_come_at_once_see_all_that_are_connected(void **state)
{
	static const unsigned int expected[] = { 3, 3, 3 };
	struct machine *machine = machine_of(state);

	for (unsigned int i = 0; i < 3; i++)
		msix_unmask(machine, i);
	msix_enable(machine, true);
	assert_int_equal(host.probes, ARRAY_SIZE(expected));
	assert_memory_equal(host.connected, expected, sizeof(expected));
}

/* A route that is refused leaves the vector as it was, connected. */
static void test_refused_route_leaves_it_counted(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	msix_unmask(machine, 1);
	machine->irqs->sets[IRQ_KIND_MSIX].refused = true; /* nothing on standard error */
	fake_fail(machine->kvm, "route_set", 0, -EINVAL);
	machine->irqs->sets[IRQ_KIND_MSIX].vectors[1].message.data = 0x99;
	msix_mask(machine, 1, false);
	assert_int_equal(connected(machine), 1);
	assert_int_equal(record_of(machine, 1)->message.data, DATA(1));
}

/* INTx cannot be posted, so that it is none of those that could be. */
static void test_intx_is_not_counted(void **state)
{
	struct machine *machine = machine_of(state);

	intx_use(machine);
	assert_int_equal(connected(machine), 0);
	assert_int_equal(host.probes, 0);
}

static void test_all_functions_are_counted_together(void **state)
{
	struct machine *machine = machine_of(state), second = { .kvm = machine->kvm };
	const struct irqs_config config = { .router = &machine->kvm->vm.irq,
					    .observer = machine->observer,
					    .msix_size = 2 };

	second.fake = fake_vfio_new(machine->kvm);
	second.fake->irqs[VFIO_PCI_MSIX_IRQ_INDEX] = 2;
	second.irqs = &second.fake->function.irqs;
	assert_int_equal(vfio_device_init(&second.fake->function.device, &machine->kvm->iommu,
					  &(struct iommu_device){ .bdf = BDF }, machine->why),
			 0);
	assert_int_equal(irqs_init(second.irqs, &second.fake->function.device, &config), 0);
	msix_enable(machine, true);
	msix_enable(&second, true);
	msix_unmask(machine, 0);
	msix_unmask(&second, 0);
	msix_unmask(&second, 1);
	assert_int_equal(connected(machine), 3);
	assert_int_equal(host.last_connected, 3);
	irqs_cleanup(second.irqs);
	assert_int_equal(connected(machine), 1);
	vfio_device_cleanup(&second.fake->function.device);
	fake_vfio_free(second.fake);
}

/* ---- looks ---- */

static void test_each_change_is_looked_at_while_it_is_wired(void **state)
{
	struct machine *machine = machine_of(state);

	msix_begin(machine, 2);
	log_expect(machine, "route 24 fee01000 4002\n"
			    "irqfd_attach 24\n"
			    "irqs_set msix 2 1 [fd]\n"
			    "probe 4002\n");
	msix_mask(machine, 2, true);
	log_expect(machine, "probe 4002\n"
			    "host_irqs_read\n"
			    "irqfd_detach 24\n");
	msix_mask(machine, 2, false);
	log_expect(machine, "irqfd_attach 24\n"
			    "probe 4002\n");
	/* A change of the message: a last look at the old one, a first at the new one. */
	machine->irqs->sets[IRQ_KIND_MSIX].vectors[2].message.data = 0x77;
	msix_mask(machine, 2, false);
	assert_true(strncmp(fake_log_take(machine->kvm), "probe ", 6) == 0);
	assert_int_equal(host.probes, 5);
	assert_int_equal(record_of(machine, 2)->message.data, 0x77);
}

/* The host forgets what it counted, and what was posted, as soon as the kind is off. */
static void test_last_look_is_before_the_hosts_side_goes(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	msix_unmask(machine, 2);
	msix_unmask(machine, 5);
	msix_unmask(machine, 6);
	msix_mask(machine, 6, true);
	fake_log_take(machine->kvm);
	msix_enable(machine, false);
	log_expect(machine, "probe 4002\n"
			    "probe 4005\n"
			    "host_irqs_read\n"
			    "irqs_disable msix\n"
			    "irqfd_detach 24\n"
			    "irqfd_detach 25\n");
}

static void test_looks_tell_the_vm_and_the_message(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	msix_unmask(machine, 0);
	msix_unmask(machine, 1);
	assert_int_equal(host.pid, getpid());
	assert_int_equal(host.fd, VM_FD);
	assert_int_equal(host.last_connected, 2);
	assert_int_equal(host.device_id, DEVICE_ID);
	/* At the last look it is one of the connected still. */
	msix_mask(machine, 1, true);
	assert_int_equal(host.last_connected, 2);
}

static void test_looks_add_up(void **state)
{
	struct machine *machine = machine_of(state);
	const struct irq_looks *looks;

	msix_enable(machine, true);
	host.state = POSTING_NO;
	msix_unmask(machine, 2);
	host.state = POSTING_YES;
	msix_mask(machine, 2, true);
	msix_mask(machine, 2, false);
	host.state = POSTING_UNMAPPED;
	msix_enable(machine, false);
	looks = &record_of(machine, 2)->looks;
	assert_int_equal(looks->no, 1);
	assert_int_equal(looks->yes, 2);
	assert_int_equal(looks->unmapped, 1);
	assert_int_equal(looks->first, POSTING_NO);
	assert_int_equal(looks->last, POSTING_YES);
}

static void test_seen_is_kept_when_the_guest_has_unmapped_it(void **state)
{
	struct machine *machine = machine_of(state);

	msix_enable(machine, true);
	host.state = POSTING_UNMAPPED;
	host.seen = "FIRST";
	msix_unmask(machine, 2);
	assert_string_equal(record_of(machine, 2)->seen, "FIRST");
	host.state = POSTING_YES;
	host.seen = "POSTED";
	msix_mask(machine, 2, true);
	msix_mask(machine, 2, false);
	host.state = POSTING_UNMAPPED;
	host.seen = "UNMAPPED";
	msix_mask(machine, 2, true);
	assert_string_equal(record_of(machine, 2)->seen, "POSTED");
}

static void test_lazy_watch_looks_only_for_the_report(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	msix_enable(machine, true);
	msix_unmask(machine, 2);
	msix_unmask(machine, 5);
	msix_mask(machine, 5, true);
	intx_use(machine);
	assert_int_equal(connected(machine), 1);
	assert_null(strstr(fake_log_take(machine->kvm), "host_irqs_read"));
	assert_int_equal(host.probes, 0);
	host.state = POSTING_YES;
	report(machine, &visits);
	/* Of the two only one is connected. */
	log_expect(machine, "host_irqs_read\nprobe 4002\n");
	assert_int_equal(visits.rows[0].record->looks.yes, 1);
	assert_int_equal(visits.rows[1].record->looks.yes, 0);
	msix_enable(machine, false);
	assert_null(strstr(fake_log_take(machine->kvm), "host_irqs_read"));
	assert_int_equal(host.probes, 1);
}

/* ---- counts ---- */

static void test_counts_add_up_over_off_and_on(void **state)
{
	struct machine *machine = machine_of(state);
	const struct irq_record *record;
	struct visits visits;

	msix_unmask(machine, 2);
	for (unsigned int cycle = 1; cycle <= 3; cycle++) {
		msix_enable(machine, true);
		host.row_count = 0;
		host_row_put(IRQ_KIND_MSIX, 1, 40, 1000);
		host_row_put(IRQ_KIND_MSIX, 2, 50 + cycle, cycle * 10);
		host_row_put(IRQ_KIND_MSI, 2, 60, 1000);
		msix_enable(machine, false);
	}
	record = record_of(machine, 2);
	assert_true(record->row_found);
	assert_int_equal(record->host_count, 60);
	assert_int_equal(record->host_irq, 53);
	msix_enable(machine, true);
	host.row_count = 0;
	host_row_put(IRQ_KIND_MSIX, 2, 99, 5);
	/* As often as it is asked: a report changes no count. */
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(only_row(machine, &visits)->record->host_count, 65);
		assert_int_equal(visits.records[0].host_irq, 99);
	}
	assert_int_equal(record->host_count, 60);
}

/* A masked vector keeps its trigger, and the host's handler goes on running. */
static void test_masked_vector_is_counted(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	msix_begin_masked(machine, 2);
	host_row_put(IRQ_KIND_MSIX, 2, 50, 7);
	assert_int_equal(only_row(machine, &visits)->record->host_count, 7);
	msix_enable(machine, false);
	assert_int_equal(record_of(machine, 2)->host_count, 7);
}

static void host_count_set(unsigned int row, uint64_t count)
{
	host.rows[row].count = count;
}

/* What the row counts between mask and unmask is told from the rest, at each of both. */
static void test_what_comes_while_masked_is_told_apart(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	host.state = POSTING_YES;
	msix_enable(machine, true);
	msix_unmask(machine, 2);
	host_row_put(IRQ_KIND_MSIX, 2, 50, 1);
	msix_mask(machine, 2, true);
	host_count_set(0, 4);
	msix_unmask(machine, 2);
	assert_int_equal(record_of(machine, 2)->masked_count, 3);
	host_count_set(0, 5);
	msix_mask(machine, 2, true);
	host_count_set(0, 11);
	/* It is masked now. */
	assert_int_equal(only_row(machine, &visits)->record->masked_count, 9);
	assert_int_equal(visits.records[0].host_count, 11);
	assert_int_equal(visits.rows[0].verdict.delivery, IRQ_DELIVERY_INJECTED);
	assert_int_equal(record_of(machine, 2)->masked_count, 3);
	msix_enable(machine, false);
	assert_int_equal(record_of(machine, 2)->masked_count, 9);
	/* The next row counts from 0, and none of it while masked. */
	host_count_set(0, 2);
	msix_enable(machine, true);
	msix_unmask(machine, 2);
	assert_int_equal(only_row(machine, &visits)->record->host_count, 13);
	assert_int_equal(visits.records[0].masked_count, 9);
}

/* The same for a message that changes; all came meanwhile, so that it is posted. */
static void test_what_comes_during_a_move_is_told_apart(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	host.state = POSTING_YES;
	msix_enable(machine, true);
	msix_unmask(machine, 2);
	host_row_put(IRQ_KIND_MSIX, 2, 50, 0);
	for (unsigned int i = 1; i <= 3; i++) {
		msix_mask(machine, 2, true);
		host_count_set(0, 2 * i);
		machine->irqs->sets[IRQ_KIND_MSIX].vectors[2].message.data = 0x70 + i;
		msix_mask(machine, 2, false);
	}
	assert_int_equal(only_row(machine, &visits)->record->masked_count, 6);
	assert_int_equal(visits.records[0].host_count, 6);
	assert_int_equal(visits.rows[0].verdict.delivery, IRQ_DELIVERY_POSTED);
	/* And one that comes while it is connected. */
	host_count_set(0, 7);
	assert_int_equal(only_row(machine, &visits)->verdict.delivery, IRQ_DELIVERY_INJECTED);
}

/* What was not read counts as any other. */
static void test_nothing_is_masked_that_was_not_read(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	host.state = POSTING_YES;
	msix_enable(machine, true);
	msix_unmask(machine, 2);
	msix_mask(machine, 2, true);
	host_row_put(IRQ_KIND_MSIX, 2, 50, 4);
	msix_unmask(machine, 2);
	assert_int_equal(only_row(machine, &visits)->record->masked_count, 0);
	assert_int_equal(visits.rows[0].verdict.delivery, IRQ_DELIVERY_INJECTED);
	msix_mask(machine, 2, true);
	host.row_count = -ENOENT;
	msix_unmask(machine, 2);
	host.row_count = 1;
	host_count_set(0, 9);
	assert_int_equal(only_row(machine, &visits)->record->masked_count, 0);
}

/* It is on again, but the guest has not unmasked this one: what the row says is not of it. */
static void test_vector_without_a_trigger_is_not_counted(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	msix_enable(machine, true);
	msix_unmask(machine, 2);
	host_row_put(IRQ_KIND_MSIX, 2, 50, 7);
	msix_enable(machine, false);
	msix_mask(machine, 2, true);
	msix_enable(machine, true);
	assert_int_equal(only_row(machine, &visits)->record->host_count, 7);
	msix_enable(machine, false);
	assert_int_equal(record_of(machine, 2)->host_count, 7);
}

static void test_lazy_watch_counts_what_is_connected_now(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	msix_enable(machine, true);
	msix_unmask(machine, 2);
	host_row_put(IRQ_KIND_MSIX, 2, 50, 7);
	assert_int_equal(only_row(machine, &visits)->record->host_count, 7);
	msix_enable(machine, false);
	assert_false(only_row(machine, &visits)->record->row_found);
	assert_int_equal(visits.records[0].host_count, 0);
}

static void test_unreadable_interrupts_are_no_row(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	host.row_count = -ENOENT;
	msix_enable(machine, true);
	msix_unmask(machine, 2);
	assert_false(only_row(machine, &visits)->record->row_found);
	assert_int_equal(visits.rows[0].verdict.delivery, IRQ_DELIVERY_UNKNOWN);
	msix_enable(machine, false);
	assert_false(record_of(machine, 2)->row_found);
	assert_int_equal(host.row_count, -ENOENT);
}

/* ---- INTx ---- */

static void test_intx_has_a_row_of_its_own(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	intx_use(machine);
	host_row_put(IRQ_KIND_INTX, 0, 44, 6);
	assert_int_equal(only_row(machine, &visits)->kind, IRQ_KIND_INTX);
	assert_int_equal(visits.rows[0].vector, 0);
	assert_int_equal(visits.rows[0].relayed, 0);
	assert_int_equal(visits.records[0].gsi, INTX_GSI);
	assert_int_equal(visits.records[0].host_irq, 44);
	assert_int_equal(visits.records[0].host_count, 6);
	assert_int_equal(visits.rows[0].verdict.delivery, IRQ_DELIVERY_INJECTED);
	assert_int_equal(host.probes, 0);
}

static void test_intx_is_counted_before_it_goes(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	intx_use(machine);
	host_row_put(IRQ_KIND_INTX, 0, 44, 6);
	host_row_put(IRQ_KIND_MSIX, 0, 45, 1000);
	fake_log_take(machine->kvm);
	msix_enable(machine, true);
	log_expect(machine, "host_irqs_read\n"
			    "irqs_disable intx\n"
			    "irqfd_detach 17\n"
			    "irqs_set msix 0 1 [-1]\n");
	/* The host uses the row for the next kind now. */
	assert_int_equal(only_row(machine, &visits)->record->host_count, 6);
	msix_enable(machine, false);
	assert_int_equal(only_row(machine, &visits)->record->host_count, 12);
}

static void test_intx_that_failed_has_no_row(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;
	int saved = dup(STDERR_FILENO);

	fake_fail(machine->kvm, "irqfd_attach", 0, -EINVAL);
	close(STDERR_FILENO); /* the message is irqs_failures_test.c's */
	intx_use(machine);
	dup2(saved, STDERR_FILENO);
	close(saved);
	report(machine, &visits);
	assert_int_equal(visits.count, 0);
}

/* ---- the report ---- */

static void test_report_has_what_is_and_what_was(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	intx_use(machine);
	msix_enable(machine, true);
	msix_unmask(machine, 3);
	msix_unmask(machine, 9);
	msix_enable(machine, false);
	msi_enable(machine, 2);
	report(machine, &visits);
	assert_int_equal(visits.count, 5);
	assert_int_equal(visits.rows[0].kind, IRQ_KIND_INTX);
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(visits.rows[1 + i].kind, IRQ_KIND_MSI);
		assert_int_equal(visits.rows[1 + i].vector, i);
		assert_int_equal(visits.records[1 + i].message.data, DATA(i));
		assert_int_equal(visits.rows[3 + i].kind, IRQ_KIND_MSIX);
	}
	assert_int_equal(visits.rows[3].vector, 3);
	assert_int_equal(visits.rows[4].vector, 9);
	assert_int_equal(visits.records[4].message.data, DATA(9));
	assert_int_equal(visits.records[4].message.device_id, DEVICE_ID);
	assert_true(visits.records[4].connected);
}

static void test_report_of_nothing_has_no_rows(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	msix_enable(machine, true);
	msix_enable(machine, false);
	report(machine, &visits);
	assert_int_equal(visits.count, 0);
}

static void test_report_ends_when_the_visitor_says_so(void **state)
{
	struct machine *machine = machine_of(state);

	intx_use(machine);
	msi_enable(machine, 2);
	msix_enable(machine, true);
	msix_unmask(machine, 0);
	msix_unmask(machine, 1);
	for (unsigned int i = 1; i <= 5; i++) {
		struct visits visits = { .stop_at = i };

		assert_int_equal(irq_watch_report(watch_of(machine), machine->irqs, &at_once,
						  row_keep, &visits),
				 -ECANCELED);
		assert_int_equal(visits.count, i);
	}
}

static void test_report_tells_what_the_relay_sent(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	msix_enable(machine, true);
	msix_unmask(machine, 2);
	for (unsigned int i = 0; i < 3; i++)
		fake_vfio_fire(machine->fake, 2);
	assert_int_equal(only_row(machine, &visits)->relayed, 3);
	msix_mask(machine, 2, true);
	assert_int_equal(only_row(machine, &visits)->relayed, 3);
	msix_mask(machine, 2, false);
	fake_vfio_fire(machine->fake, 2);
	assert_int_equal(only_row(machine, &visits)->relayed, 4);
	msix_enable(machine, false);
	assert_int_equal(only_row(machine, &visits)->relayed, 4);
	assert_int_equal(visits.rows[0].verdict.delivery, IRQ_DELIVERY_USERSPACE);
	/* Whatever the host shows says nothing of what it does not deliver. */
	assert_int_equal(host.probes, 0);
}

static void test_relay_does_not_make_intx_its_own(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	intx_use(machine);
	host_row_put(IRQ_KIND_INTX, 0, 44, 6);
	assert_int_equal(only_row(machine, &visits)->verdict.delivery, IRQ_DELIVERY_INJECTED);
	assert_int_equal(visits.rows[0].relayed, 0);
}

/* ---- the facts of the verdict ---- */

static void test_posted_is_what_every_look_saw_and_no_handler(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	host.state = POSTING_YES;
	host_row_put(IRQ_KIND_MSIX, 2, 50, 0);
	msix_enable(machine, true);
	msix_unmask(machine, 2);
	assert_int_equal(only_row(machine, &visits)->verdict.delivery, IRQ_DELIVERY_POSTED);
	assert_non_null(strstr(visits.rows[0].verdict.reason, "SEEN"));
	/* One look at which it was not is enough, also when the kind is off again. */
	host.state = POSTING_NO;
	msix_mask(machine, 2, true);
	host.state = POSTING_YES;
	msix_mask(machine, 2, false);
	msix_enable(machine, false);
	assert_int_equal(only_row(machine, &visits)->verdict.delivery, IRQ_DELIVERY_UNKNOWN);
}

static void test_handler_that_ran_is_injected(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	host_row_put(IRQ_KIND_MSIX, 2, 50, 9);
	msix_enable(machine, true);
	msix_unmask(machine, 2);
	assert_int_equal(only_row(machine, &visits)->verdict.delivery, IRQ_DELIVERY_INJECTED);
	assert_non_null(strstr(visits.rows[0].verdict.reason, "ran 9 times"));
	assert_non_null(strstr(visits.rows[0].verdict.reason, "SEEN"));
}

static void test_message_that_cannot_be_posted_is_the_reason(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	host.misfit = true;
	host_row_put(IRQ_KIND_MSIX, 2, 50, 9);
	msix_enable(machine, true);
	msix_unmask(machine, 2);
	assert_string_equal(only_row(machine, &visits)->verdict.reason, "MISFIT 4002");
}

static void test_host_that_cannot_post_is_the_reason(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	host.impossible = host.misfit = true;
	irq_watch_cleanup(watch_of(machine));
	irq_watch_init(watch_of(machine), IRQ_WATCH_CONTINUOUS);
	irq_watch_open(watch_of(machine), VM_FD);
	host_row_put(IRQ_KIND_MSIX, 2, 50, 9);
	msix_enable(machine, true);
	msix_unmask(machine, 2);
	assert_string_equal(only_row(machine, &visits)->verdict.reason, "IMPOSSIBLE");
}

/* It reads many files, which nobody may open when the guest runs. */
static void test_host_is_asked_once_what_it_can(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	msix_begin_masked(machine, 2);
	assert_int_equal(host.possible_calls, 1);
	for (unsigned int i = 0; i < 3; i++) {
		report(machine, &visits);
		assert_int_equal(host.possible_calls, 1);
	}
}

/* ---- what tells is open before the VM is there ---- */

static void test_what_tells_is_opened_at_once_when_a_report_is_wanted(void **state)
{
	struct machine *machine = machine_of(state);
	struct irq_watch *watch = watch_of(machine);

	assert_int_equal(host.inits, 1);
	irq_watch_function_add(watch, machine->irqs->device);
	assert_ptr_equal(host.device, machine->irqs->device);
	irq_watch_thread_add(watch);
	assert_int_equal(host.thread, gettid());
}

static void test_what_tells_is_not_opened_for_nothing(void **state)
{
	(void)state;
	assert_int_equal(host.inits, 0);
}

static void test_a_look_is_told_what_to_look_at(void **state)
{
	struct machine *machine = machine_of(state);

	watch_of(machine)->posting.by_irq = true;
	host_row_put(IRQ_KIND_MSIX, 2, 50, 0);
	msix_enable(machine, true);
	fake_log_take(machine->kvm);
	msix_unmask(machine, 2);
	assert_non_null(strstr(fake_log_take(machine->kvm), "host_irqs_read\nprobe 4002\n"));
	assert_ptr_equal(host.asked.device, machine->irqs->device);
	assert_int_equal(host.asked.kind, IRQ_KIND_MSIX);
	assert_int_equal(host.asked.number, 2);
	assert_int_equal(host.asked.message.data, DATA(2));
	assert_int_equal(host.asked.gsi, record_of(machine, 2)->gsi);
	assert_int_equal(host.asked.host_irq, 50);
	assert_false(host.asked.asleep);
	/* The host's number stays while the kind is on. */
	msix_mask(machine, 2, true);
	host.row_count = 0;
	msix_mask(machine, 2, false);
	assert_int_equal(host.asked.host_irq, 50);
	/* Then it may be another. */
	msix_enable(machine, false);
	host.row_count = 0;
	host_row_put(IRQ_KIND_MSIX, 2, 61, 0);
	msix_enable(machine, true);
	assert_int_equal(host.asked.host_irq, 61);
	/* One that has no row has no number. */
	msix_unmask(machine, 3);
	assert_int_equal(host.asked.number, 3);
	assert_int_equal(host.asked.host_irq, -1);
}

static void test_the_report_knows_the_hosts_number(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	msix_enable(machine, true);
	msix_unmask(machine, 2);
	host_row_put(IRQ_KIND_MSIX, 2, 50, 0);
	assert_int_equal(only_row(machine, &visits)->vector, 2);
	assert_int_equal(host.asked.host_irq, 50);
}

static void test_the_guests_count_is_evidence(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	msix_enable(machine, true);
	msix_unmask(machine, 2);
	host_row_put(IRQ_KIND_MSIX, 2, 50, 0);
	assert_int_equal(only_row(machine, &visits)->verdict.delivery, IRQ_DELIVERY_UNKNOWN);
	irq_watch_guest_count(watch_of(machine), 9);
	assert_int_equal(only_row(machine, &visits)->verdict.delivery, IRQ_DELIVERY_POSTED);
	assert_non_null(strstr(visits.rows[0].verdict.reason, "the guest took 9"));
	/* Of two vectors it does not say which. */
	msix_unmask(machine, 3);
	host_row_put(IRQ_KIND_MSIX, 3, 51, 0);
	report(machine, &visits);
	assert_int_equal(visits.count, 2);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(visits.rows[i].verdict.delivery, IRQ_DELIVERY_UNKNOWN);
}

/* Before it was turned off and on it may have been counted by the host, and nobody looked. */
static void test_the_guests_count_needs_all_of_the_hosts(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	msix_enable(machine, true);
	msix_unmask(machine, 2);
	msix_enable(machine, false);
	msix_enable(machine, true);
	host_row_put(IRQ_KIND_MSIX, 2, 50, 0);
	irq_watch_guest_count(watch_of(machine), 9);
	assert_int_equal(only_row(machine, &visits)->verdict.delivery, IRQ_DELIVERY_UNKNOWN);
}

/* ---- out of memory ---- */

static void test_without_memory_a_row_is_missing_and_nothing_else(void **state)
{
	struct machine *machine = machine_of(state);
	struct visits visits;

	host.no_records = true;
	intx_use(machine);
	msix_enable(machine, true);
	msix_unmask(machine, 2);
	fake_vfio_fire(machine->fake, 2);
	assert_int_equal(injected(machine, 2), 1);
	msix_mask(machine, 2, true);
	msix_mask(machine, 2, false);
	host.no_records = false;
	msix_unmask(machine, 5);
	assert_int_equal(connected(machine), 1);
	host_row_put(IRQ_KIND_INTX, 0, 44, 1);
	host_row_put(IRQ_KIND_MSIX, 2, 50, 1);
	host_row_put(IRQ_KIND_MSIX, 5, 51, 8);
	msix_enable(machine, false);
	/* INTx is on again, and this time there is memory for it. */
	report(machine, &visits);
	assert_int_equal(visits.count, 2);
	assert_int_equal(visits.rows[0].kind, IRQ_KIND_INTX);
	assert_int_equal(visits.rows[1].vector, 5);
	assert_int_equal(visits.records[1].host_count, 8);
}

#define CONTINUOUS(name) cmocka_unit_test_setup_teardown(name, continuous_setup, watch_teardown)
#define LAZY(name)	 cmocka_unit_test_setup_teardown(name, lazy_setup, watch_teardown)
#define AT_END(name)	 cmocka_unit_test_setup_teardown(name, at_end_setup, watch_teardown)
#define WITH_RELAY(name) cmocka_unit_test_setup_teardown(name, relayed_setup, watch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTINUOUS(test_what_is_connected_is_counted),
		LAZY(test_what_is_connected_is_counted),
		CONTINUOUS(test_what_could_not_be_connected_is_not_counted),
		CONTINUOUS(test_what_is_connected_again_is_counted_once),
		CONTINUOUS(test_counts_outlive_an_enlargement),
		CONTINUOUS(test_looks_around_an_enlargement_see_all_that_are_connected),
		CONTINUOUS(test_looks_at_many_that_come_at_once_see_all_that_are_connected),
		CONTINUOUS(test_refused_route_leaves_it_counted),
		CONTINUOUS(test_intx_is_not_counted),
		CONTINUOUS(test_all_functions_are_counted_together),
		CONTINUOUS(test_each_change_is_looked_at_while_it_is_wired),
		CONTINUOUS(test_last_look_is_before_the_hosts_side_goes),
		CONTINUOUS(test_looks_tell_the_vm_and_the_message),
		CONTINUOUS(test_looks_add_up),
		CONTINUOUS(test_seen_is_kept_when_the_guest_has_unmapped_it),
		LAZY(test_lazy_watch_looks_only_for_the_report),
		CONTINUOUS(test_counts_add_up_over_off_and_on),
		CONTINUOUS(test_masked_vector_is_counted),
		CONTINUOUS(test_what_comes_while_masked_is_told_apart),
		CONTINUOUS(test_what_comes_during_a_move_is_told_apart),
		CONTINUOUS(test_nothing_is_masked_that_was_not_read),
		CONTINUOUS(test_vector_without_a_trigger_is_not_counted),
		LAZY(test_lazy_watch_counts_what_is_connected_now),
		CONTINUOUS(test_unreadable_interrupts_are_no_row),
		CONTINUOUS(test_intx_has_a_row_of_its_own),
		CONTINUOUS(test_intx_is_counted_before_it_goes),
		CONTINUOUS(test_intx_that_failed_has_no_row),
		CONTINUOUS(test_report_has_what_is_and_what_was),
		CONTINUOUS(test_report_of_nothing_has_no_rows),
		CONTINUOUS(test_report_ends_when_the_visitor_says_so),
		WITH_RELAY(test_report_tells_what_the_relay_sent),
		WITH_RELAY(test_relay_does_not_make_intx_its_own),
		CONTINUOUS(test_posted_is_what_every_look_saw_and_no_handler),
		CONTINUOUS(test_handler_that_ran_is_injected),
		CONTINUOUS(test_message_that_cannot_be_posted_is_the_reason),
		CONTINUOUS(test_host_that_cannot_post_is_the_reason),
		CONTINUOUS(test_host_is_asked_once_what_it_can),
		CONTINUOUS(test_what_tells_is_opened_at_once_when_a_report_is_wanted),
		AT_END(test_what_tells_is_opened_at_once_when_a_report_is_wanted),
		LAZY(test_what_tells_is_not_opened_for_nothing),
		CONTINUOUS(test_a_look_is_told_what_to_look_at),
		AT_END(test_the_report_knows_the_hosts_number),
		AT_END(test_the_guests_count_is_evidence),
		AT_END(test_the_guests_count_needs_all_of_the_hosts),
		CONTINUOUS(test_without_memory_a_row_is_missing_and_nothing_else),
	};

	return cmocka_run_group_tests_name("irq_watch", tests, NULL, NULL);
}
