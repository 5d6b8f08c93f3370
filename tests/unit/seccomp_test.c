/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmm/seccomp.h: the lists as such, and in processes made for it, what the kernel makes of them.
 * Which rows a run needs is found out by tests/kvm/seccomp.bats and tests/lab/seccomp.bats.
 */
#include "vmm/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/log.h"
#include "lib/util.h"

/* ---- the lists ---- */

/* How many system calls a list allows; ioctl(2) is one, whatever its requests. */
static unsigned int calls_count(enum seccomp_thread thread)
{
	unsigned int count = 0;
	bool ioctl = false;

	for (const struct seccomp_row *row = seccomp_rows(thread); row->name; row++) {
		count += row->check == CHECK_NOTHING;
		ioctl |= row->check == CHECK_REQUEST;
	}
	return count + ioctl;
}

static void test_lists_are_short(void **state)
{
	(void)state;
	assert_true(calls_count(SECCOMP_THREAD_VCPU) <= 15);
	assert_true(calls_count(SECCOMP_THREAD_MAIN) <= 30);
	assert_true(calls_count(SECCOMP_THREAD_RELAY) <= 15);
	assert_true(calls_count(SECCOMP_THREAD_DOORBELL) <= 15);
}

static void test_each_row_is_there_once_and_has_a_reason(void **state)
{
	(void)state;
	for (unsigned int thread = 0; thread < SECCOMP_THREADS; thread++) {
		for (const struct seccomp_row *row = seccomp_rows(thread); row->name; row++) {
			assert_true(strlen(row->reason) > 5);
			assert_int_equal(row->check == CHECK_REQUEST, row->number == __NR_ioctl);
			for (const struct seccomp_row *other = row + 1; other->name; other++)
				if (other->number == row->number && other->request == row->request)
					fail_msg("%s is there twice", row->name);
		}
	}
}

/* What would undo the rest: new files, sockets, programs, processes, executable memory. */
static void test_lists_have_nothing_that_opens_maps_or_executes(void **state)
{
	static const int forbidden[] = {
		__NR_openat,  __NR_socket,	 __NR_execve,	__NR_execveat, __NR_clone,
		__NR_clone3,  __NR_mmap,	 __NR_mprotect, __NR_ptrace,   __NR_dup3,
		__NR_connect, __NR_bpf,		 __NR_prctl,	__NR_seccomp,  __NR_sendmsg,
		__NR_recvmsg, __NR_memfd_create,
	};

	(void)state;
	for (unsigned int thread = 0; thread < SECCOMP_THREADS; thread++)
		for (const struct seccomp_row *row = seccomp_rows(thread); row->name; row++)
			for (unsigned int i = 0; i < ARRAY_SIZE(forbidden); i++)
				if (row->number == forbidden[i])
					assert_int_equal(row->check, CHECK_REFUSE);
}

/* ---- what the kernel makes of them ---- */

/* A call made under a filter, and what became of it. */
struct attempt {
	int status; /* of waitpid(2) */
	char message[1024];
};

/* Not with QEMU's user emulation, nor in a sandbox that has taken it away. */
static void need_filters(void)
{
	static const uint32_t action = SECCOMP_RET_TRAP;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0)
		return;
	print_message("seccomp filters cannot be had here: %s\n", strerror(errno));
	skip();
}

static struct attempt attempt(enum seccomp_mode mode, enum seccomp_thread thread,
			      void (*call)(void))
{
	struct attempt attempt = { .message = "" };
	size_t length = 0;
	ssize_t got;
	int ends[2];
	pid_t child;

	need_filters();
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[1]);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		seccomp_prepare(mode);
		seccomp_thread_enter(mode, thread);
		call();
		syscall(SYS_exit_group, 77);
	}
	close(ends[1]);
	while ((got = read(ends[0], attempt.message + length,
			   sizeof(attempt.message) - 1 - length)) > 0)
		length += (size_t)got;
	close(ends[0]);
	assert_int_equal(waitpid(child, &attempt.status, 0), child);
	return attempt;
}

static void expect_end(const struct attempt *attempt, const char *thread, const char *call)
{
	assert_true(WIFEXITED(attempt->status));
	assert_int_equal(WEXITSTATUS(attempt->status), EXIT_INTERNAL);
	if (!strstr(attempt->message, thread) || !strstr(attempt->message, call))
		fail_msg("%s and %s are not in: %s", thread, call, attempt->message);
	assert_non_null(strstr(attempt->message, "--seccomp log"));
	assert_int_equal(attempt->message[strlen(attempt->message) - 1], '\n');
}

static void expect_pass(const struct attempt *attempt)
{
	assert_string_equal(attempt->message, "");
	assert_true(WIFEXITED(attempt->status));
	assert_int_equal(WEXITSTATUS(attempt->status), 77);
}

static void call_openat(void)
{
	syscall(SYS_openat, -1, "/", 0, 0);
}

static void call_run(void)
{
	syscall(SYS_ioctl, -1, KVM_RUN, 0);
}

static void call_create_vm(void)
{
	syscall(SYS_ioctl, -1, KVM_CREATE_VM, 0);
}

/* The kernel looks at 32 bits of a request, the filter at all: it errs on the safe side. */
static void call_run_with_more_bits(void)
{
	syscall(SYS_ioctl, -1, KVM_RUN | 1UL << 32, 0);
}

static void call_mmap(void)
{
	if (syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) != -1 ||
	    errno != ENOMEM)
		syscall(SYS_exit_group, 78);
}

static void call_nothing_known(void)
{
	syscall(100000);
}

static void test_a_call_that_is_not_in_the_list_ends_the_process_and_is_named(void **state)
{
	static const char *const threads[] = {
		[SECCOMP_THREAD_VCPU] = "a vCPU's thread",
		[SECCOMP_THREAD_MAIN] = "the main thread",
		[SECCOMP_THREAD_RELAY] = "the relay's thread",
		[SECCOMP_THREAD_DOORBELL] = "the doorbell's thread",
	};

	(void)state;
	for (unsigned int i = 0; i < SECCOMP_THREADS; i++) {
		struct attempt openat = attempt(SECCOMP_MODE_ON, i, call_openat);
		struct attempt unknown = attempt(SECCOMP_MODE_ON, i, call_nothing_known);

		expect_end(&openat, threads[i], " openat,");
		expect_end(&unknown, threads[i], "a number that has no name");
	}
}

static void test_requests_are_told_apart(void **state)
{
	struct attempt run = attempt(SECCOMP_MODE_ON, SECCOMP_THREAD_VCPU, call_run);
	struct attempt create = attempt(SECCOMP_MODE_ON, SECCOMP_THREAD_VCPU, call_create_vm);
	struct attempt more =
		attempt(SECCOMP_MODE_ON, SECCOMP_THREAD_VCPU, call_run_with_more_bits);
	struct attempt other = attempt(SECCOMP_MODE_ON, SECCOMP_THREAD_MAIN, call_run);

	(void)state;
	expect_pass(&run);
	expect_end(&create, "a vCPU's thread", " ioctl with request 0xae01,");
	expect_end(&more, "a vCPU's thread", " ioctl with request 0x10000ae80,");
	expect_end(&other, "the main thread", " ioctl with request 0xae80,");
}

static void test_memory_is_refused_as_if_there_were_none(void **state)
{
	struct attempt vcpu = attempt(SECCOMP_MODE_ON, SECCOMP_THREAD_VCPU, call_mmap);
	struct attempt main_thread = attempt(SECCOMP_MODE_ON, SECCOMP_THREAD_MAIN, call_mmap);

	(void)state;
	expect_pass(&vcpu);
	expect_pass(&main_thread);
}

/* ---- when nobody reads standard error ---- */

struct unread {
	pid_t child;
	int output; /* its standard error, for reading */
};

/* Start a child, under the filter of @thread, that says so and then calls @call. */
static struct unread unread_start(enum seccomp_thread thread, void (*call)(void))
{
	static const char page[4096];
	int output[2], told[2];
	pid_t child;
	char byte;

	need_filters();
	assert_int_equal(pipe2(output, O_NONBLOCK), 0);
	assert_int_equal(pipe(told), 0);
	while (write(output[1], page, sizeof(page)) > 0)
		;
	fcntl(output[1], F_SETFL, 0);
	child = fork();
	if (child == 0) {
		dup2(output[1], STDERR_FILENO);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		seccomp_prepare(SECCOMP_MODE_ON);
		seccomp_thread_enter(SECCOMP_MODE_ON, thread);
		if (write(told[1], "", 1) == 1)
			call();
		syscall(SYS_exit_group, 77);
	}
	close(told[1]);
	close(output[1]);
	assert_int_equal(read(told[0], &byte, 1), 1);
	close(told[0]);
	return (struct unread){ child, output[0] };
}

/* Its exit code. A signal is a failure, and so is one that has not ended after half a minute. */
static int unread_end(const struct unread *unread)
{
	int status = 0;

	for (unsigned int i = 0; i < 3000 && waitpid(unread->child, &status, WNOHANG) == 0; i++)
		usleep(10000);
	if (kill(unread->child, SIGKILL) == 0)
		fail_msg("it does not end");
	close(unread->output);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_a_violation_ends_the_process_when_nobody_reads_the_message(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < SECCOMP_THREADS; i++) {
		struct unread unread = unread_start(i, call_openat);

		assert_int_equal(unread_end(&unread), EXIT_INTERNAL);
	}
}

static void call_log(void)
{
	log_error("nobody reads this");
}

/* Does @pid sleep? That is the third field of its stat, after the name in parentheses. */
static bool sleeps(pid_t pid)
{
	char path[64], text[512] = "";
	const char *name_end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	name_end = strrchr(text, ')');
	return name_end && name_end[2] == 'S';
}

/* After it the kernel goes on with what it interrupted: by another system call, for some calls. */
static void test_a_message_that_waits_may_be_stopped_and_continued(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < SECCOMP_THREADS; i++) {
		struct unread unread = unread_start(i, call_log);
		int status;

		while (!sleeps(unread.child))
			;
		kill(unread.child, SIGSTOP);
		assert_int_equal(waitpid(unread.child, &status, WUNTRACED), unread.child);
		assert_true(WIFSTOPPED(status));
		kill(unread.child, SIGCONT);
		assert_int_equal(unread_end(&unread), 77);
	}
}

static void test_log_and_off_let_everything_pass(void **state)
{
	struct attempt log = attempt(SECCOMP_MODE_LOG, SECCOMP_THREAD_VCPU, call_create_vm);
	struct attempt off = attempt(SECCOMP_MODE_OFF, SECCOMP_THREAD_VCPU, call_create_vm);

	(void)state;
	expect_pass(&log);
	expect_pass(&off);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists_are_short),
		cmocka_unit_test(test_each_row_is_there_once_and_has_a_reason),
		cmocka_unit_test(test_lists_have_nothing_that_opens_maps_or_executes),
		cmocka_unit_test(test_a_call_that_is_not_in_the_list_ends_the_process_and_is_named),
		cmocka_unit_test(test_requests_are_told_apart),
		cmocka_unit_test(test_memory_is_refused_as_if_there_were_none),
		cmocka_unit_test(test_a_violation_ends_the_process_when_nobody_reads_the_message),
		cmocka_unit_test(test_a_message_that_waits_may_be_stopped_and_continued),
		cmocka_unit_test(test_log_and_off_let_everything_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
