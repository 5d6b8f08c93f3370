/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/report/trace_x86_64.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/util.h"

#define TRACING	   "/sys/kernel/tracing"
#define INSTANCES  TRACING "/instances"
#define PREFIX	   "posthorn-"
#define IRTE	   "kvm_pi_irte_update"
#define INHIBIT	   "kvm_apicv_inhibit_changed"
#define EVENTS	   "events/kvm/"
#define BUFFER_KIB "64" /* for each CPU: some thousand lines between two looks */

#define ATTEMPTS 8 /* at a name for the instance */
/* How long the guard tries to remove it: it is busy until this process has closed it. */
#define REMOVE_TRIES	   200
#define REMOVE_INTERVAL_MS 10

/* ---- what the kernel's text means ---- */

/* What "print fmt" of kvm_pi_irte_update is; the words "VT-d" went away in 6.10. */
static const struct {
	const char *print;
	bool is_early;
} irte_forms[] = {
	{ "VT-d PI is %s for irq %u, vcpu %u, gsi: 0x%x, gvec: 0x%x, pi_desc_addr: 0x%llx", true },
	{ "PI is %s for irq %u, vcpu %u, gsi: 0x%x, gvec: 0x%x, pi_desc_addr: 0x%llx", true },
	{ "PI is %s for irq %u, vcpu %d, gsi: 0x%x, gvec: 0x%x", false },
};

/* And of kvm_apicv_inhibit_changed: the names at the end came with 6.10. */
static const char *const inhibit_forms[] = {
	"%s reason=%u, inhibits=0x%lx",
	"%s reason=%u, inhibits=0x%lx%s%s",
};

/* Is the text behind "print fmt:" in the file @format @print, between quotes? */
static bool format_is(const char *format, const char *print)
{
	static const char head[] = "print fmt: \"";
	const char *at = strstr(format, head);
	size_t length = strlen(print);

	if (!at)
		return false;
	at += strlen(head);
	return !strncmp(at, print, length) && at[length] == '"';
}

bool irq_trace_forms_check(struct irq_trace *trace, const char *irte, const char *inhibit)
{
	bool irte_known = false, inhibit_known = false;

	for (unsigned int i = 0; i < ARRAY_SIZE(irte_forms) && !irte_known; i++) {
		irte_known = format_is(irte, irte_forms[i].print);
		trace->is_early = irte_forms[i].is_early;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(inhibit_forms); i++)
		inhibit_known |= format_is(inhibit, inhibit_forms[i]);
	if (irte_known && inhibit_known)
		return true;
	snprintf(trace->why, sizeof(trace->why),
		 "the tracepoint kvm:%s is of a form that posthorn does not know: tell its authors "
		 "which kernel it is",
		 irte_known ? INHIBIT : IRTE);
	return false;
}

/*
 * Which thread a line is of. It begins with "COMMAND-THREAD", spaces and "[CPU]"; a command may
 * have any byte in it, and so the line is read from @event, where the tracepoint's name is, back to
 * its beginning. 0: that is not to be seen.
 */
static pid_t line_thread(const char *line, const char *event)
{
	const char *end = event;
	const char *at;

	while (end > line && end[-1] != '[')
		end--;
	while (end > line && (end[-1] == '[' || end[-1] == ' '))
		end--;
	at = end;
	while (at > line && at[-1] >= '0' && at[-1] <= '9')
		at--;
	if (at == line || at == end || at[-1] != '-')
		return 0;
	return (pid_t)strtoul(at, NULL, 10);
}

static bool thread_is_known(const struct irq_trace *trace, pid_t thread)
{
	for (unsigned int i = 0; i < trace->thread_count; i++)
		if (trace->threads[i] == thread)
			return true;
	return false;
}

/* What is to be told of inhibits whose names this kernel does not write. */
static void inhibit_names_make(struct irq_trace *trace)
{
	/* enum kvm_apicv_inhibit: what follows these differs among the kernels of this kind. */
	static const char *const names[] = { "DISABLED", "HYPERV", "ABSENT", "BLOCKIRQ" };
	size_t used = 0;

	trace->inhibit_names[0] = '\0';
	for (unsigned int bit = 0; bit < 64 && used < sizeof(trace->inhibit_names); bit++) {
		char *to = trace->inhibit_names + used;
		size_t room = sizeof(trace->inhibit_names) - used;
		const char *separator = used ? "|" : "";

		if (!(trace->inhibits & BIT(bit)))
			continue;
		if (bit < ARRAY_SIZE(names))
			used += (size_t)snprintf(to, room, "%s%s", separator, names[bit]);
		else
			used += (size_t)snprintf(to, room, "%sreason %u", separator, bit);
	}
}

/* Is the word of @length bytes among @names? */
static bool name_is_among(const char *names, const char *word, size_t length)
{
	while (*names) {
		size_t next = strcspn(names, "|");

		if (next == length && !strncmp(names, word, length))
			return true;
		names += next + (names[next] == '|');
	}
	return false;
}

/* Those of now are among those that there were; what there is no room for is left out. */
static void past_names_add(struct irq_trace *trace)
{
	const char *name = trace->inhibit_names;

	while (*name) {
		size_t length = strcspn(name, "|"), used = strlen(trace->past_names);

		if (!name_is_among(trace->past_names, name, length) &&
		    used + 1 + length < sizeof(trace->past_names))
			sprintf(trace->past_names + used, "%s%.*s", used ? "|" : "", (int)length,
				name);
		name += length + (name[length] == '|');
	}
}

static void inhibit_take(struct irq_trace *trace, pid_t thread, const char *text)
{
	uint64_t inhibits;
	int length = 0;

	if (sscanf(text, "%*s reason=%*u, inhibits=0x%" SCNx64 "%n", &inhibits, &length) != 1)
		return;
	trace->heard = true;
	if (!thread_is_known(trace, thread))
		return;
	trace->inhibits_known = true;
	trace->inhibits = inhibits;
	text += length;
	text += strspn(text, " ");
	snprintf(trace->inhibit_names, sizeof(trace->inhibit_names), "%s", text);
	text_clean(trace->inhibit_names);
	if (!*text)
		inhibit_names_make(trace);
	past_names_add(trace);
}

static struct irq_trace_entry *entry_get(struct irq_trace *trace, unsigned int irq)
{
	struct irq_trace_entry *larger;

	for (unsigned int i = 0; i < trace->entry_count; i++)
		if (trace->entries[i].irq == irq)
			return &trace->entries[i];
	/* Room is doubled whenever it is full, that is, at every power of two. */
	if (trace->entry_count == 0 || is_power_of_two(trace->entry_count)) {
		larger = reallocarray(trace->entries, max(2 * trace->entry_count, 1U),
				      sizeof(*larger));
		if (!larger)
			return NULL;
		trace->entries = larger;
	}
	return &trace->entries[trace->entry_count++];
}

static void irte_take(struct irq_trace *trace, const char *text)
{
	struct irq_trace_entry entry = {
		.unsure = !trace->inhibits_known,
		.inhibited = trace->inhibits_known && trace->inhibits,
	};
	const char *state = strstr(text, "PI is "), *irq = strstr(text, " for irq ");
	struct irq_trace_entry *to;

	if (!state || !irq ||
	    sscanf(irq, " for irq %u, vcpu %d, gsi: 0x%x, gvec: 0x%x", &entry.irq, &entry.vcpu,
		   &entry.gsi, &entry.vector) != 4)
		return;
	entry.posted = !strncmp(state, "PI is enabled", strlen("PI is enabled"));
	to = entry_get(trace, entry.irq);
	if (to)
		*to = entry;
	else
		trace->lost = true;
}

/* Lines were lost, and with them what may have become of everything since. */
static void loss_take(struct irq_trace *trace)
{
	trace->lost = true;
	trace->inhibits_known = false;
	trace->entry_count = 0;
}

static void line_take(struct irq_trace *trace, const char *line)
{
	static const char irte_mark[] = ": " IRTE ": ", inhibit_mark[] = ": " INHIBIT ": ";
	const char *irte = strstr(line, irte_mark), *inhibit = strstr(line, inhibit_mark);

	if (!strncmp(line, "CPU:", strlen("CPU:")) && strstr(line, "[LOST "))
		loss_take(trace);
	else if (irte)
		irte_take(trace, irte + strlen(irte_mark));
	else if (inhibit)
		inhibit_take(trace, line_thread(line, inhibit), inhibit + strlen(inhibit_mark));
}

void irq_trace_take(struct irq_trace *trace, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] != '\n') {
			trace->line[trace->length] = text[i];
			trace->length = min(trace->length + 1, sizeof(trace->line) - 1);
			continue;
		}
		trace->line[trace->length] = '\0';
		trace->length = 0;
		line_take(trace, trace->line);
	}
}

const struct irq_trace_entry *irq_trace_find(const struct irq_trace *trace, unsigned int irq)
{
	for (unsigned int i = 0; i < trace->entry_count; i++)
		if (trace->entries[i].irq == irq)
			return &trace->entries[i];
	return NULL;
}

void irq_trace_begin(struct irq_trace *trace)
{
	irq_trace_read(trace);
	trace->past_names[0] = '\0';
	past_names_add(trace);
}

void irq_trace_read(struct irq_trace *trace)
{
	char text[4096];
	ssize_t got;

	if (trace->fd < 0)
		return;
	do {
		got = read(trace->fd, text, sizeof(text));
		if (got > 0)
			irq_trace_take(trace, text, (size_t)got);
	} while (got > 0 || (got < 0 && errno == EINTR));
	/* It does not wait: EAGAIN says that this was all. */
	if (got < 0 && errno != EAGAIN)
		loss_take(trace);
}

void irq_trace_thread_add(struct irq_trace *trace, pid_t thread)
{
	pid_t *more;

	if (trace->fd < 0)
		return;
	more = reallocarray(trace->threads, trace->thread_count + 1, sizeof(*more));
	if (!more) {
		trace->lost = true;
		return;
	}
	trace->threads = more;
	trace->threads[trace->thread_count++] = thread;
}

/* ---- the instance ---- */

static void interval_wait(void)
{
	const struct timespec interval = { .tv_nsec = REMOVE_INTERVAL_MS * 1000000L };

	nanosleep(&interval, NULL);
}

/* The kernel refuses with EBUSY while somebody has it open, who may be a posthorn that runs. */
static void stale_remove(const char *root)
{
	char directory[PATH_MAX], path[PATH_MAX];
	const struct dirent *entry;
	DIR *stream;

	file_path_set(directory, root, INSTANCES);
	stream = opendir(directory);
	while (stream && (entry = readdir(stream))) {
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)))
			continue;
		file_path_set(path, root, INSTANCES "/%s", entry->d_name);
		if (rmdir(path) == 0)
			log_info("removed the tracing instance %s of a posthorn that was killed",
				 entry->d_name);
	}
	if (stream)
		closedir(stream);
}

/*
 * A process of its own, with nothing of this one's but the socket: it comes back from its read when
 * this process is at its end, or asks for it.
 */
static _Noreturn void guard_run(int fd, const char *path)
{
	char byte;

	/* A session of its own: no signal of a terminal comes here. */
	setsid();
	if (dup2(fd, STDIN_FILENO) < 0)
		_exit(1);
	close_range(STDOUT_FILENO, UINT_MAX, 0);
	while (read(STDIN_FILENO, &byte, sizeof(byte)) < 0 && errno == EINTR)
		;
	for (unsigned int i = 0; i < REMOVE_TRIES && rmdir(path) < 0 && errno == EBUSY; i++)
		interval_wait();
	_exit(0);
}

/* Returns whether there is one. */
static bool guard_start(struct irq_trace *trace, const char *path)
{
	const struct timeval patience = { .tv_sec = REMOVE_TRIES * REMOVE_INTERVAL_MS / 1000 };
	sigset_t all, former;
	int ends[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return false;
	/* What ends posthorn, and maybe its whole group, must not end the guard. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &former);
	child = fork();
	if (child == 0)
		guard_run(ends[1], path);
	sigprocmask(SIG_SETMASK, &former, NULL);
	close(ends[1]);
	if (child < 0) {
		close(ends[0]);
		return false;
	}
	setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	trace->guard_fd = ends[0];
	return true;
}

/* The instance is not open any more: have it removed, and wait for that. */
static void guard_end(struct irq_trace *trace)
{
	char byte = 0;

	/* The guard ends when it is done, and so does what is read from it. */
	if (trace->guard_fd >= 0 && write(trace->guard_fd, &byte, sizeof(byte)) > 0 &&
	    read(trace->guard_fd, &byte, sizeof(byte)) < 0)
		log_debug("the tracing instance is still there");
	fd_close(&trace->guard_fd);
}

/* Make a directory of a name that nobody has. 0 or -errno. */
static int instance_make(const char *root, char path[PATH_MAX])
{
	for (unsigned int i = 0; i < ATTEMPTS; i++) {
		file_path_set(path, root, INSTANCES "/" PREFIX "%d", (int)getpid());
		if (i)
			file_path_set(path, root, INSTANCES "/" PREFIX "%d.%u", (int)getpid(), i);
		if (mkdir(path, 0700) == 0)
			return 0;
		/* In another PID namespace there may be a process of the same number. */
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* The files "format" of both tracepoints. 0 or -errno. */
static int forms_read(struct irq_trace *trace, const char *instance)
{
	char path[PATH_MAX], irte[4096], inhibit[8192];
	int error;

	file_path_set(path, instance, "/" EVENTS IRTE "/format");
	error = file_read_text(path, irte, sizeof(irte));
	if (error < 0)
		return error;
	file_path_set(path, instance, "/" EVENTS INHIBIT "/format");
	error = file_read_text(path, inhibit, sizeof(inhibit));
	if (error < 0)
		return error;
	return irq_trace_forms_check(trace, irte, inhibit) ? 0 : -EINVAL;
}

/* A file of an instance, and what is written into it. */
struct setting {
	const char *file, *text;
};

/*
 * A new instance has the options that somebody gave the kernel's own trace. Without "overwrite",
 * what does not fit is lost, and no line says so; of others, lines look different.
 */
static const struct setting options[] = {
	{ "options/overwrite", "1" },
	{ "options/context-info", "1" },
	{ "options/record-tgid", "0" },
	{ "options/raw", "0" },
	{ "options/latency-format", "0" },
	{ "options/hex", "0" },
	{ "options/bin", "0" },
};

static const struct setting tracepoints[] = {
	{ "buffer_size_kb", BUFFER_KIB },
	{ EVENTS IRTE "/enable", "1" },
	{ EVENTS INHIBIT "/enable", "1" },
};

/* 0 or -errno. */
static int settings_write(const char *instance, const struct setting *settings, size_t count)
{
	char path[PATH_MAX];
	int error = 0;

	for (size_t i = 0; i < count && error == 0; i++) {
		file_path_set(path, instance, "/%s", settings[i].file);
		error = file_write_text(path, settings[i].text);
	}
	return error;
}

/* Turn the tracepoints on in the @instance, and open what is read. 0 or -errno. */
static int instance_arm(struct irq_trace *trace, const char *instance)
{
	char path[PATH_MAX];
	int error;

	/* Before it is opened: how lines look is decided then. */
	error = settings_write(instance, options, ARRAY_SIZE(options));
	if (error < 0)
		return error;
	file_path_set(path, instance, "/trace_pipe");
	trace->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (trace->fd < 0)
		return -errno;
	/* From now on it is busy, and no other posthorn removes it. */
	error = forms_read(trace, instance);
	if (error == 0)
		error = settings_write(instance, tracepoints, ARRAY_SIZE(tracepoints));
	return error;
}

/* Why KVM's tracepoints cannot be read, and what mends it. */
static void error_blame(struct irq_trace *trace, const char *root, int error)
{
	char path[PATH_MAX];

	file_path_set(path, root, INSTANCES);
	if (error == -EACCES || error == -EPERM)
		snprintf(trace->why, sizeof(trace->why),
			 "the tracepoint kvm:" IRTE
			 " may not be read: it takes root, and a kernel that is not locked down");
	else if (error == -ENOENT && access(path, F_OK))
		snprintf(trace->why, sizeof(trace->why),
			 INSTANCES " is missing: mount -t tracefs none " TRACING);
	else if (error == -ENOENT)
		snprintf(trace->why, sizeof(trace->why),
			 "this kernel has no tracepoint kvm:" IRTE ": load the KVM of this CPU");
	else
		snprintf(trace->why, sizeof(trace->why), "the tracepoint kvm:" IRTE ": %s",
			 strerror(-error));
}

bool irq_trace_possible(struct irq_trace *trace, const char *root)
{
	char path[PATH_MAX];

	file_path_set(path, root, INSTANCES);
	if (access(path, W_OK | X_OK)) {
		error_blame(trace, root, -errno);
		return false;
	}
	file_path_set(path, root, TRACING "/" EVENTS IRTE);
	if (access(path, F_OK) == 0)
		return true;
	error_blame(trace, root, -ENOENT);
	return false;
}

/* Make an instance, with its guard, and arm it. 0 or -errno, and then there is neither. */
static int instance_open(struct irq_trace *trace, const char *root)
{
	char path[PATH_MAX];
	int error = instance_make(root, path);

	if (error < 0)
		return error;
	error = guard_start(trace, path) ? instance_arm(trace, path) : -ENOMEM;
	if (error == 0)
		return 0;
	/* Another posthorn, which starts too, may have taken it for a stale one. */
	if (access(path, F_OK))
		error = -EAGAIN;
	fd_close(&trace->fd);
	rmdir(path);
	guard_end(trace);
	return error;
}

void irq_trace_open(struct irq_trace *trace, const char *root)
{
	int error = -EAGAIN;

	*trace = (struct irq_trace){ .fd = -1, .guard_fd = -1 };
	stale_remove(root);
	for (unsigned int i = 0; i < ATTEMPTS && error == -EAGAIN; i++)
		error = instance_open(trace, root);
	if (error == 0)
		irq_trace_thread_add(trace, getpid());
	else if (!trace->why[0])
		error_blame(trace, root, error);
}

void irq_trace_close(struct irq_trace *trace)
{
	fd_close(&trace->fd);
	guard_end(trace);
	free(trace->threads);
	free(trace->entries);
	*trace = (struct irq_trace){ .fd = -1, .guard_fd = -1 };
}
