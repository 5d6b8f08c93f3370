/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linked around posthorn, in the place of the calls that can fail (the linker's --wrap; the
 * Makefile has the list), to let one of them fail. The environment variable POSTHORN_FAULT says
 * which:
 *
 *   count                     none
 *   PHASE CLASS WHAT NUMBER   call NUMBER, from 1, of those that `count` prints with these words
 *
 * PHASE is start, run (from the first KVM_RUN on) or end (machine_cleanup()). CLASS is the
 * function, or "short" for one that does less than it was asked for and says so. WHAT is the
 * request of an ioctl, the path of a file, or "-".
 *
 * What was found is written to descriptor FAULT_LOG, lines of
 *
 *   call PHASE CLASS WHAT COUNT   with `count`
 *   injected                      otherwise, once it was
 *   bad TEXT                      something was left behind, or given back too early
 *   cleaned                       machine_cleanup() ran, so what is left was looked for
 *
 * With POSTHORN_FAULT=serve such lines come on descriptor FAULT_REQUESTS, each is for a process of
 * its own, forked before main(), and its exit code (128 and the signal's number if it was killed,
 * which it is after PATIENCE seconds) goes to FAULT_ANSWERS. That is much faster than to start the
 * program anew. Files "log" and "errors" in the directory $FAULT_DIRECTORY then hold what
 * descriptors FAULT_LOG and 2 got.
 *
 * Writes and reads of eventfds are left alone: they cannot fail.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "lib/util.h"
#include "vfio/iommufd_uapi.h"
#include "vmm/machine.h"

#define FAULT_REQUESTS 7
#define FAULT_ANSWERS  8
#define PATIENCE       20
#define FAULT_LOG      9
#define KEYS_MAX       1024
#define RANGES_MAX     512
#define BLOCKS_MAX     4096
#define FDS_MAX	       1024
#define TRIGGER_MAX    64 /* vectors of one kind of interrupt that are looked at */

/* All of the state; under the lock, but for what is set once at the start. */
static struct {
	pthread_mutex_t lock;
	const char *phase;
	bool counting, armed, undoing;
	char wanted_phase[8], wanted_class[24], wanted_what[128];
	unsigned int wanted_number, wanted_seen, key_count;
	struct key {
		const char *phase;
		char class[24], what[128];
		unsigned int count;
	} keys[KEYS_MAX];
	/* What KVM and VFIO were told, to find what is given back too early or not at all. */
	struct range {
		uint64_t id, hva, size;
		int fd; /* of the VM or the container; 0: unused */
	} slots[RANGES_MAX], maps[RANGES_MAX];
	int irqfd[FDS_MAX]; /* the VM that it is attached to, 0: none */
	int triggers[FDS_MAX][VFIO_PCI_NUM_IRQS][TRIGGER_MAX];
	int gsis;
	void *blocks[BLOCKS_MAX]; /* of the heap */
	bool open_before[FDS_MAX];
	pid_t pid;
	bool cleaned;
} state = { .lock = PTHREAD_MUTEX_INITIALIZER, .phase = "start" };

/* The name of the request that ioctl_named() or ioctl_grown_named() makes. */
static __thread const char *request_name;

/* The same with its details, while ioctl_grown_named() makes room for the answer. */
static __thread char grown_what[64] = "-";

/* ---- what is to fail ---- */

void *__real_malloc(size_t size);
pid_t __real_fork(void);
int __real_close(int fd);
int __real_open(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __real_readlink(const char *path, char *target, size_t size);

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	char line[512];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (__real_write(FAULT_LOG, line, (size_t)min(length, (int)sizeof(line) - 1)) < 0)
		return;
}

static void count(const char *class, const char *what)
{
	unsigned int i;

	for (i = 0; i < state.key_count; i++)
		if (state.keys[i].phase == state.phase && !strcmp(state.keys[i].class, class) &&
		    !strcmp(state.keys[i].what, what))
			break;
	if (i == KEYS_MAX)
		abort();
	if (i == state.key_count) {
		state.keys[i].phase = state.phase;
		snprintf(state.keys[i].class, sizeof(state.keys[i].class), "%s", class);
		snprintf(state.keys[i].what, sizeof(state.keys[i].what), "%s", what);
		state.key_count++;
	}
	state.keys[i].count++;
}

/* Is this call the one that is to fail? If so, errno is @error. */
static bool fails(const char *class, const char *what, int error)
{
	bool hit = false;

	pthread_mutex_lock(&state.lock);
	if (state.counting)
		count(class, what);
	else if (state.armed && !strcmp(state.phase, state.wanted_phase) &&
		 !strcmp(class, state.wanted_class) && !strcmp(what, state.wanted_what))
		hit = ++state.wanted_seen == state.wanted_number;
	if (hit) {
		say("injected\n");
		errno = error;
	}
	pthread_mutex_unlock(&state.lock);
	return hit;
}

static void descriptors_visit(void (*visit)(int fd))
{
	for (int fd = 0; fd < FDS_MAX; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			visit(fd);
}

static void descriptor_note(int fd)
{
	state.open_before[fd] = true;
}

static void descriptor_check(int fd)
{
	if (!state.open_before[fd])
		say("bad descriptor %d is still open\n", fd);
}

static void at_exit(void)
{
	if (getpid() != state.pid)
		return;
	for (unsigned int i = 0; i < state.key_count; i++)
		say("call %s %s %s %u\n", state.keys[i].phase, state.keys[i].class,
		    state.keys[i].what, state.keys[i].count);
	if (!state.cleaned)
		return;
	say("cleaned\n");
	descriptors_visit(descriptor_check);
	if (state.gsis)
		say("bad %d GSIs were not freed\n", state.gsis);
	for (unsigned int i = 0; i < BLOCKS_MAX; i++)
		if (state.blocks[i])
			say("bad memory at %p is not freed\n", state.blocks[i]);
}

static int child_wait(pid_t child, const sigset_t *child_signal)
{
	const struct timespec patience = { .tv_sec = PATIENCE };
	int status;

	if (sigtimedwait(child_signal, NULL, &patience) < 0)
		kill(child, SIGKILL);
	if (waitpid(child, &status, 0) != child)
		abort();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void file_reopen(int fd, const char *name)
{
	const char *directory = getenv("FAULT_DIRECTORY");
	char path[256];
	int file;

	snprintf(path, sizeof(path), "%s/%s", directory ? directory : ".", name);
	file = __real_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (file < 0 || dup2(file, fd) < 0)
		abort();
	__real_close(file);
}

/* Returns in the child, with the fault that it is for in @fault. */
static void serve(char fault[static 256])
{
	FILE *requests = fdopen(FAULT_REQUESTS, "r");
	sigset_t child_signal, former;
	pid_t child;

	sigemptyset(&child_signal);
	sigaddset(&child_signal, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child_signal, &former);
	while (requests && fgets(fault, 256, requests)) {
		child = __real_fork();
		if (child == 0) {
			sigprocmask(SIG_SETMASK, &former, NULL);
			fault[strcspn(fault, "\n")] = '\0';
			__real_close(FAULT_REQUESTS);
			__real_close(FAULT_ANSWERS);
			file_reopen(FAULT_LOG, "log");
			file_reopen(STDERR_FILENO, "errors");
			return;
		}
		dprintf(FAULT_ANSWERS, "%d\n", child_wait(child, &child_signal));
	}
	_exit(0);
}

/* Note that the heap gave out @block, which may be NULL. Returns it. */
static void *block_note(void *block)
{
	unsigned int i = 0;

	pthread_mutex_lock(&state.lock);
	while (i < BLOCKS_MAX && state.blocks[i])
		i++;
	if (i == BLOCKS_MAX)
		abort();
	state.blocks[i] = block;
	pthread_mutex_unlock(&state.lock);
	return block;
}

static void block_forget(const void *block)
{
	pthread_mutex_lock(&state.lock);
	for (unsigned int i = 0; block && i < BLOCKS_MAX; i++)
		if (state.blocks[i] == block)
			state.blocks[i] = NULL;
	pthread_mutex_unlock(&state.lock);
}

/* The memory of jansson, which posthorn writes reports with. */
static void *json_malloc(size_t size)
{
	return fails("json", "-", ENOMEM) ? NULL : block_note(__real_malloc(size));
}

void __wrap_free(void *block);

__attribute__((constructor)) static void fault_init(void)
{
	const char *wanted = getenv("POSTHORN_FAULT");
	char fault[256];

	snprintf(fault, sizeof(fault), "%s", wanted ? wanted : "");
	if (!strcmp(fault, "serve"))
		serve(fault);
	state.pid = getpid();
	memset(state.triggers, 0xff, sizeof(state.triggers));
	descriptors_visit(descriptor_note);
	json_set_alloc_funcs(json_malloc, __wrap_free);
	atexit(at_exit);
	state.counting = !strcmp(fault, "count");
	state.armed = sscanf(fault, "%7s %23s %127s %u", state.wanted_phase, state.wanted_class,
			     state.wanted_what, &state.wanted_number) == 4;
	if (!state.counting && !state.armed)
		say("bad POSTHORN_FAULT\n");
}

/* ---- what KVM and VFIO were told ---- */

/* A call that gives something back failed: then it is no surprise that it is not given back. */
static bool fails_undoing(const char *class, const char *what, int error)
{
	bool hit = fails(class, what, error);

	if (hit)
		state.undoing = true;
	return hit;
}

static void range_set(struct range *ranges, int fd, uint64_t id, uint64_t hva, uint64_t size)
{
	struct range *place = NULL;

	for (struct range *range = ranges; range < ranges + RANGES_MAX; range++)
		if (range->fd == fd && range->id == id)
			range->fd = 0;
	for (struct range *range = ranges; range < ranges + RANGES_MAX && !place; range++)
		if (!range->fd)
			place = range;
	if (size && place)
		*place = (struct range){ .id = id, .hva = hva, .size = size, .fd = fd };
}

static void ranges_drop(struct range *ranges, int fd)
{
	for (struct range *range = ranges; range < ranges + RANGES_MAX; range++)
		if (range->fd == fd)
			range->fd = 0;
}

static void ranges_check(const struct range *ranges, uint64_t hva, uint64_t size, const char *what)
{
	for (const struct range *range = ranges; range < ranges + RANGES_MAX; range++)
		if (range->fd && range->hva < hva + size && hva < range->hva + range->size &&
		    !state.undoing)
			say("bad memory at 0x%llx is unmapped and still %s\n",
			    (unsigned long long)range->hva, what);
}

static void triggers_set(int fd, const struct vfio_irq_set *set)
{
	bool all_off = !set->count && set->flags & VFIO_IRQ_SET_DATA_NONE;
	int *triggers = state.triggers[fd % FDS_MAX][set->index % VFIO_PCI_NUM_IRQS];

	if (!(set->flags & VFIO_IRQ_SET_ACTION_TRIGGER))
		return;
	for (unsigned int i = 0; i < TRIGGER_MAX; i++)
		if (all_off)
			triggers[i] = -1;
		else if (set->flags & VFIO_IRQ_SET_DATA_EVENTFD && i >= set->start &&
			 i < set->start + set->count)
			memcpy(&triggers[i], &set->data[(i - set->start) * sizeof(int32_t)],
			       sizeof(int32_t));
}

static void ioctl_done(int fd, unsigned long request, const void *argument)
{
	const struct kvm_userspace_memory_region *slot = argument;
	const struct vfio_iommu_type1_dma_map *map = argument;
	const struct vfio_iommu_type1_dma_unmap *unmap = argument;
	const struct ioas_map *ioas_map = argument;
	const struct kvm_irqfd *irqfd = argument;

	pthread_mutex_lock(&state.lock);
	switch (request) {
	case KVM_SET_USER_MEMORY_REGION:
		range_set(state.slots, fd, slot->slot, slot->userspace_addr, slot->memory_size);
		break;
	case VFIO_IOMMU_MAP_DMA: /* or VFIO_DEVICE_PCI_HOT_RESET, of the same number */
		if (strcmp(request_name, "VFIO_IOMMU_MAP_DMA"))
			break;
		range_set(state.maps, fd, map->iova, map->vaddr, map->size);
		break;
	case IOMMU_IOAS_MAP:
		range_set(state.maps, fd, ioas_map->iova, ioas_map->hva, ioas_map->length);
		break;
	case VFIO_IOMMU_UNMAP_DMA:
		range_set(state.maps, fd, unmap->iova, 0, 0);
		break;
	case KVM_IRQFD:
		state.irqfd[irqfd->fd % FDS_MAX] = irqfd->flags & KVM_IRQFD_FLAG_DEASSIGN ? 0 : fd;
		break;
	case VFIO_DEVICE_SET_IRQS:
		triggers_set(fd, argument);
		break;
	}
	pthread_mutex_unlock(&state.lock);
}

static bool triggers_have(int fd)
{
	const int *triggers = &state.triggers[0][0][0];

	for (size_t i = 0; i < sizeof(state.triggers) / sizeof(int); i++)
		if (triggers[i] == fd)
			return true;
	return false;
}

int __wrap_close(int fd);
int __wrap_close(int fd)
{
	if (fd >= 0 && fd < FDS_MAX) {
		pthread_mutex_lock(&state.lock);
		if (state.irqfd[fd] && !state.undoing)
			say("bad eventfd %d is closed and still an irqfd\n", fd);
		if (triggers_have(fd) && !state.undoing)
			say("bad eventfd %d is closed and still a trigger\n", fd);
		state.irqfd[fd] = 0;
		for (int i = 0; i < FDS_MAX; i++)
			if (state.irqfd[i] == fd)
				state.irqfd[i] = 0;
		memset(state.triggers[fd], 0xff, sizeof(state.triggers[fd]));
		ranges_drop(state.slots, fd);
		ranges_drop(state.maps, fd);
		pthread_mutex_unlock(&state.lock);
	}
	return __real_close(fd);
}

int __real_munmap(void *address, size_t size);
int __wrap_munmap(void *address, size_t size);
int __wrap_munmap(void *address, size_t size)
{
	pthread_mutex_lock(&state.lock);
	ranges_check(state.slots, (uintptr_t)address, size, "a memslot");
	ranges_check(state.maps, (uintptr_t)address, size, "mapped for DMA");
	pthread_mutex_unlock(&state.lock);
	return __real_munmap(address, size);
}

int __real_irq_gsi_alloc(struct irq_router *router);
int __wrap_irq_gsi_alloc(struct irq_router *router);
int __wrap_irq_gsi_alloc(struct irq_router *router)
{
	int gsi = fails("irq_gsi_alloc", "-", 0) ? -ENOSPC : __real_irq_gsi_alloc(router);

	state.gsis += gsi >= 0;
	return gsi;
}

void __real_irq_gsi_free(struct irq_router *router, int gsi);
void __wrap_irq_gsi_free(struct irq_router *router, int gsi);
void __wrap_irq_gsi_free(struct irq_router *router, int gsi)
{
	state.gsis--;
	__real_irq_gsi_free(router, gsi);
}

void __real_machine_cleanup(struct machine *machine);
void __wrap_machine_cleanup(struct machine *machine);
void __wrap_machine_cleanup(struct machine *machine)
{
	state.phase = "end";
	__real_machine_cleanup(machine);
	state.cleaned = true;
}

/* ---- ioctl ---- */

/* Where one request does several things, which one. Returns whether it gives something back. */
static bool request_detail(unsigned long request, const void *argument, char *detail, size_t size)
{
	const struct kvm_userspace_memory_region *slot = argument;
	const struct kvm_device_attr *attribute = argument;
	const struct kvm_irqfd *irqfd = argument;
	const struct vfio_irq_set *set = argument;
	const struct kvm_create_device *create = argument;
	const struct kvm_enable_cap *capability = argument;
	const struct vfio_region_info *region = argument;
	const struct vfio_irq_info *irq = argument;
	bool off = false;

	*detail = '\0';
	switch (request) {
	case KVM_CHECK_EXTENSION:
	case VFIO_CHECK_EXTENSION:
		snprintf(detail, size, ":%lu", (unsigned long)argument);
		break;
	case KVM_ENABLE_CAP:
		snprintf(detail, size, ":%u", capability->cap);
		break;
	case KVM_CREATE_DEVICE:
		snprintf(detail, size, ":%u", create->type);
		break;
	case KVM_SET_DEVICE_ATTR:
		snprintf(detail, size, ":%u.%llu", attribute->group,
			 (unsigned long long)attribute->attr);
		break;
	case KVM_SET_USER_MEMORY_REGION:
		off = !slot->memory_size;
		break;
	case KVM_IRQFD:
		off = irqfd->flags & KVM_IRQFD_FLAG_DEASSIGN;
		break;
	case VFIO_DEVICE_GET_REGION_INFO:
		snprintf(detail, size, ":%u", region->index);
		break;
	case VFIO_DEVICE_GET_IRQ_INFO:
		snprintf(detail, size, ":%u", irq->index);
		break;
	case VFIO_IOMMU_UNMAP_DMA:
		return true;
	case VFIO_DEVICE_SET_IRQS:
		off = !set->count;
		snprintf(detail, size, ":%u%s", set->index,
			 set->flags & VFIO_IRQ_SET_ACTION_UNMASK ? ":unmask" : "");
		break;
	}
	if (off)
		strncat(detail, ":off", size - strlen(detail) - 1);
	return off;
}

int __real_ioctl_named(int fd, unsigned long request, void *argument, const char *name);
int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name);
int __wrap_ioctl_named(int fd, unsigned long request, void *argument, const char *name)
{
	request_name = name;
	return __real_ioctl_named(fd, request, argument, name);
}

void *__real_ioctl_grown_named(int fd, unsigned long request, const void *argument, size_t size,
			       const char *name);
void *__wrap_ioctl_grown_named(int fd, unsigned long request, const void *argument, size_t size,
			       const char *name);
void *__wrap_ioctl_grown_named(int fd, unsigned long request, const void *argument, size_t size,
			       const char *name)
{
	char detail[32];
	void *answer;

	request_detail(request, argument, detail, sizeof(detail));
	snprintf(grown_what, sizeof(grown_what), "%s%s", name, detail);
	request_name = name;
	answer = __real_ioctl_grown_named(fd, request, argument, size, name);
	strcpy(grown_what, "-");
	return answer;
}

static int ioctl_error(unsigned long request)
{
	switch (request) {
	case KVM_RUN:
		return EFAULT;
	case VFIO_DEVICE_RESET:
		return EIO;
	}
	return ENOMEM;
}

int __real_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
	const char *name = request == KVM_RUN ? "KVM_RUN" : request_name;
	char detail[32], what[128];
	bool undoes;
	int result;

	/* That of the main thread is of a VM that only tries something (--idle guest). */
	if (request == KVM_RUN && gettid() != getpid())
		state.phase = strcmp(state.phase, "end") ? "run" : "end";
	undoes = request_detail(request, argument, detail, sizeof(detail));
	snprintf(what, sizeof(what), "%s%s", name, detail);
	if (undoes ? fails_undoing("ioctl", what, ENOMEM)
		   : fails("ioctl", what, ioctl_error(request)))
		/* What KVM or VFIO does not have is no error: the answer is 0. */
		return request == KVM_CHECK_EXTENSION || request == VFIO_CHECK_EXTENSION ? 0 : -1;
	if (request == VFIO_DEVICE_SET_IRQS && !undoes && fails("short", what, 0))
		return 1; /* vectors are available, and none is set */
	result = __real_ioctl(fd, request, argument);
	if (result >= 0)
		ioctl_done(fd, request, argument);
	return result;
}

/* ---- files ---- */

/* A path as in every run, without the number of the process, which debugfs and /proc have in it. */
static const char *path_name(const char *path, char *name, size_t size)
{
	static const char *const forms[] = { "/PID-", "-PID/", "/PID/" };
	static const char *const formats[] = { "/%d-", "-%d/", "/%d/" };

	for (unsigned int i = 0; i < ARRAY_SIZE(forms); i++) {
		char pid[16];
		const char *at;

		snprintf(pid, sizeof(pid), formats[i], getpid());
		at = strstr(path, pid);
		if (!at)
			continue;
		snprintf(name, size, "%.*s%s%s", (int)(at - path), path, forms[i],
			 at + strlen(pid));
		return name;
	}
	return path;
}

/* The file of a descriptor, or NULL for those whose calls are not to fail. */
static const char *file_name(int fd, char *name, size_t size)
{
	char path[32], real[PATH_MAX];
	ssize_t length;

	if (fd == STDERR_FILENO) /* there would be no message to look at */
		return NULL;
	if (fd == STDIN_FILENO || fd == STDOUT_FILENO)
		return fd ? "stdout" : "stdin";
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = __real_readlink(path, real, sizeof(real) - 1);
	real[max(length, 0)] = '\0';
	if (path_name(real, name, size) == real)
		snprintf(name, size, "%.*s", (int)size - 1, real);
	if (strstr(name, "[eventfd]"))
		return NULL;
	for (char *at = name; *at; at++) /* one word */
		if (*at == ' ')
			*at = '_';
	return name;
}

int __wrap_open(const char *path, int flags, mode_t mode);
int __wrap_open(const char *path, int flags, mode_t mode)
{
	char name[128];

	return fails("open", path_name(path, name, sizeof(name)), EMFILE)
		       ? -1
		       : __real_open(path, flags, mode);
}

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
	return fails("fopen", path, EMFILE) ? NULL : __real_fopen(path, mode);
}

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
DIR *__wrap_opendir(const char *path)
{
	char name[128];

	return fails("opendir", path_name(path, name, sizeof(name)), EMFILE) ? NULL
									     : __real_opendir(path);
}

ssize_t __wrap_readlink(const char *path, char *target, size_t size);
ssize_t __wrap_readlink(const char *path, char *target, size_t size)
{
	return fails("readlink", path, EACCES) ? -1 : __real_readlink(path, target, size);
}

char *__real_realpath(const char *path, char *real);
char *__wrap_realpath(const char *path, char *real);
char *__wrap_realpath(const char *path, char *real)
{
	return fails("realpath", path, EACCES) ? NULL : __real_realpath(path, real);
}

ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size)
{
	char name[128];
	const char *what = file_name(fd, name, sizeof(name));

	return what && fails("read", what, EIO) ? -1 : __real_read(fd, data, size);
}

ssize_t __real_pread(int fd, void *data, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *data, size_t size, off_t offset);
ssize_t __wrap_pread(int fd, void *data, size_t size, off_t offset)
{
	char name[128];
	const char *what = file_name(fd, name, sizeof(name));

	if (fails("pread", what, EIO))
		return -1;
	return fails("short", what, 0) ? 0 : __real_pread(fd, data, size, offset);
}

ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size)
{
	char name[128];
	const char *what = file_name(fd, name, sizeof(name));

	return what && fails("write", what, ENOSPC) ? -1 : __real_write(fd, data, size);
}

ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset)
{
	char name[128];
	const char *what = file_name(fd, name, sizeof(name));

	return fails("pwrite", what, EIO) ? -1 : __real_pwrite(fd, data, size, offset);
}

/* ---- memory ---- */

void *__real_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	char name[128];
	const char *what = fd < 0 ? "anonymous" : file_name(fd, name, sizeof(name));

	return fails("mmap", what, ENOMEM)
		       ? MAP_FAILED
		       : __real_mmap(address, size, protection, flags, fd, offset);
}

int __real_madvise(void *address, size_t size, int advice);
int __wrap_madvise(void *address, size_t size, int advice);
int __wrap_madvise(void *address, size_t size, int advice)
{
	const char *what = advice == MADV_POPULATE_WRITE ? "populate" : "-";

	return fails("madvise", what, EINVAL) ? -1 : __real_madvise(address, size, advice);
}

void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
	return fails("malloc", "-", ENOMEM) ? NULL : block_note(__real_malloc(size));
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t number, size_t size)
{
	return fails("calloc", "-", ENOMEM) ? NULL : block_note(__real_calloc(number, size));
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
	if (fails("realloc", grown_what, ENOMEM))
		return NULL;
	block_forget(memory);
	return block_note(__real_realloc(memory, size));
}

void __real_free(void *block);
void __wrap_free(void *block)
{
	block_forget(block);
	__real_free(block);
}

FILE *__real_open_memstream(char **text, size_t *size);
FILE *__wrap_open_memstream(char **text, size_t *size);
FILE *__wrap_open_memstream(char **text, size_t *size)
{
	return fails("open_memstream", "-", ENOMEM) ? NULL : __real_open_memstream(text, size);
}

/* ---- threads, and the kernel's other objects ---- */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*function)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*function)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  void *(*function)(void *), void *argument)
{
	return fails("pthread_create", "-", 0)
		       ? EAGAIN
		       : __real_pthread_create(thread, attributes, function, argument);
}

int __real_eventfd(unsigned int value, int flags);
int __wrap_eventfd(unsigned int value, int flags);
int __wrap_eventfd(unsigned int value, int flags)
{
	return fails("eventfd", "-", EMFILE) ? -1 : __real_eventfd(value, flags);
}

int __real_signalfd(int fd, const sigset_t *set, int flags);
int __wrap_signalfd(int fd, const sigset_t *set, int flags);
int __wrap_signalfd(int fd, const sigset_t *set, int flags)
{
	return fails("signalfd", "-", EMFILE) ? -1 : __real_signalfd(fd, set, flags);
}

int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_create1(int flags)
{
	return fails("epoll_create1", "-", EMFILE) ? -1 : __real_epoll_create1(flags);
}

int __real_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
	bool adds = operation == EPOLL_CTL_ADD;

	return fails("epoll_ctl", adds ? "add" : "delete", ENOMEM)
		       ? -1
		       : __real_epoll_ctl(epoll_fd, operation, fd, event);
}

int __real_pipe2(int ends[2], int flags);
int __wrap_pipe2(int ends[2], int flags);
int __wrap_pipe2(int ends[2], int flags)
{
	return fails("pipe2", "-", EMFILE) ? -1 : __real_pipe2(ends, flags);
}

pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
	return fails("fork", "-", EAGAIN) ? -1 : __real_fork();
}

int __real_tcsetattr(int fd, int when, const struct termios *termios);
int __wrap_tcsetattr(int fd, int when, const struct termios *termios);
int __wrap_tcsetattr(int fd, int when, const struct termios *termios)
{
	return fails("tcsetattr", "-", EIO) ? -1 : __real_tcsetattr(fd, when, termios);
}

/* ---- privileges and seccomp ---- */

int __real_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int __wrap_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int __wrap_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	char what[16];

	snprintf(what, sizeof(what), "%d", option);
	return fails("prctl", what, EPERM) ? -1 : __real_prctl(option, a, b, c, d);
}

long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	static const struct {
		long number;
		const char *name;
	} names[] = {
		{ SYS_landlock_create_ruleset, "landlock_create_ruleset" },
		{ SYS_landlock_restrict_self, "landlock_restrict_self" },
		{ SYS_capset, "capset" },
		{ SYS_mbind, "mbind" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].number == number && fails("syscall", names[i].name, EPERM))
			return -1;
	return __real_syscall(number, a, b, c, d, e, f);
}

unsigned int __real_seccomp_api_get(void);
unsigned int __wrap_seccomp_api_get(void);
unsigned int __wrap_seccomp_api_get(void)
{
	return fails("seccomp_api_get", "-", 0) ? 0 : __real_seccomp_api_get();
}

void *__real_seccomp_init(uint32_t action);
void *__wrap_seccomp_init(uint32_t action);
void *__wrap_seccomp_init(uint32_t action)
{
	return fails("seccomp_init", "-", ENOMEM) ? NULL : __real_seccomp_init(action);
}

int __real_seccomp_load(void *context);
int __wrap_seccomp_load(void *context);
int __wrap_seccomp_load(void *context)
{
	return fails("seccomp_load", "-", 0) ? -ENOMEM : __real_seccomp_load(context);
}
