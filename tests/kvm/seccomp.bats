# SPDX-License-Identifier: BSD-2-Clause
# bats file_tags=kvm
# shellcheck disable=SC2154 # variables of bats, of helpers.bash and of seccomp.bash
# What is left to posthorn while the guest runs: system calls, files, capabilities.

load helpers
load ../seccomp

setup() {
	posthorn_setup
	rows=$build/tests/seccomp_rows
}

teardown() {
	posthorn_teardown
}

# thread_status FIELD: that field of /proc/PID/status, of all threads of $pid.
thread_status() {
	sed -n "s/^$1:[[:space:]]*//p" /proc/"$pid"/task/*/status | sort -u
}

# ---- the lists ----

@test "every system call of a run is in the lists, and the rows for each run are needed" {
	trace_setup
	# One on a terminal that powers off.
	tracer[0]=$(command -v strace)
	run "$pty" -- "${tracer[@]}" "$posthorn" run --kernel "$payloads/hello.$kind" --cpus 2
	expect_status 0
	cp "$trace" "$trace.hello"

	# And one that is ended by a signal.
	mkfifo "$BATS_TEST_TMPDIR/output"
	"${tracer[@]}" "$posthorn" run --kernel "$payloads/stuck.$kind" --cpus 2 \
		</dev/null >"$BATS_TEST_TMPDIR/output" 3>&- &
	pid=$!
	read -r -t 60 line <"$BATS_TEST_TMPDIR/output"
	[ "$line" = $'ready\r' ]
	pkill -TERM -P "$pid"
	wait "$pid" || [ $? -eq 143 ]
	pid=
	calls=$(traced "$trace.hello" "$trace")
	expect_listed
	expect_needed run
}

@test "every system call of latency's VMs is in the lists, and the rows for them are needed" {
	trace_setup
	local path
	for path in '--path userspace' '--source thread --path irqfd'; do
		# shellcheck disable=SC2086 # words
		run timeout -k 1 120 "${tracer[@]}" -A "$posthorn" latency $path --state running \
			--count 20 --warmup 0
		expect_status 0
	done
	calls=$(traced "$trace")
	expect_listed
	expect_needed latency
}

# ---- what is not in the lists ----

# run_injected MODE CALL WHEN [PAYLOAD]: run it with one system call of a thread replaced by getppid,
# which is in no list.
run_injected() {
	trace_setup
	run --separate-stderr timeout -k 1 60 strace -f -qq -o /dev/null \
		-e "inject=$2:error=ENOSYS:syscall=getppid:when=$3" "$posthorn" run --seccomp "$1" \
		--kernel "$payloads/${4-hello}.$kind" </dev/null
}

@test "a system call that is not in a vCPU's list ends the VM: exit code 1, and its name" {
	# No other thread makes so many: this guest leaves KVM_RUN for each byte that it sends.
	run_injected on ioctl 3000 serial_output
	expect_status 1
	expect_text "a vCPU's thread made the system call getppid, which it may not" "$stderr"
	expect_text "--seccomp log" "$stderr"
}

@test "a system call that is not in the main thread's list ends the VM: exit code 1, and its name" {
	run_injected on ppoll 1
	expect_status 1
	expect_text "the main thread made the system call getppid, which it may not" "$stderr"
}

@test "--seccomp log and off let it pass" {
	local mode
	for mode in log off; do
		run_injected $mode ppoll 1
		expect_status 0
		[[ $stderr != *getppid* ]]
	done
}

@test "the terminal is put back after a system call that is not in the lists" {
	trace_setup
	run --separate-stderr "$pty" -- "$(command -v strace)" -f -qq -o /dev/null \
		-e inject=ppoll:error=ENOSYS:syscall=getppid:when=1 "$posthorn" run --kernel "$payloads/hello.$kind"
	expect_status 1
	expect_text "getppid" "$stderr"
	expect_text "terminal: restored" "$output"
}

@test "a run that was stopped goes on" {
	start_payload stuck
	kill -STOP "$pid"
	timeout 20 sh -c "until grep -q 'State:.*stopped' /proc/$pid/status; do sleep 0.1; done"
	kill -CONT "$pid"
	kill -TERM "$pid"
	wait_payload
	expect_status 143
}

# ---- privileges ----

@test "all threads are under a filter, have no capability and cannot gain any" {
	start_payload stuck --cpus 2
	[ "$(find /proc/"$pid"/task -mindepth 1 -maxdepth 1 | wc -l)" -ge 3 ]
	[ "$(thread_status Seccomp)" = 2 ]
	[ "$(thread_status NoNewPrivs)" = 1 ]
	[ "$(thread_status CapEff)" = 0000000000000000 ]
	[ "$(thread_status CapPrm)" = 0000000000000000 ]
	[ "$(thread_status CapInh)" = 0000000000000000 ]
	[ "$(thread_status CapAmb)" = 0000000000000000 ]
	[ "$(id -u)" != 0 ] || [ "$(thread_status CapBnd)" = 0000000000000000 ]
	kill -TERM "$pid"
	wait_payload
	expect_status 143
}

@test "--seccomp off takes the filter away, and nothing else" {
	start_payload stuck --seccomp off
	[ "$(thread_status NoNewPrivs)" = 1 ]
	[ "$(thread_status CapPrm)" = 0000000000000000 ]
	kill -TERM "$pid"
	wait_payload
	expect_status 143
}

@test "--user: all threads are that user's, and none of root's groups is left" {
	[ "$(id -u)" = 0 ] || skip "only root can become another user"
	local nobody
	nobody=$(id -u nobody)
	start_payload stuck --user nobody
	[ "$(thread_status Uid)" = "$nobody"$'\t'"$nobody"$'\t'"$nobody"$'\t'"$nobody" ]
	[ -z "$(thread_status Groups)" ]
	kill -TERM "$pid"
	wait_payload
	expect_status 143
}

@test "--user: a user that does not exist is exit code 2" {
	run_payload hello --user no-such-user
	expect_status 2
	expect_text "--user no-such-user: /etc/passwd has no such user" "$stderr"
}

@test "--user without being root is exit code 3" {
	[ "$(id -u)" != 0 ] || setpriv --reuid nobody --clear-groups test -w /dev/kvm ||
		skip "only root may use /dev/kvm"
	local prefix=()
	[ "$(id -u)" != 0 ] || prefix=(setpriv --reuid nobody --clear-groups)
	run --separate-stderr timeout 60 "${prefix[@]}" "$posthorn" run \
		--kernel "$payloads/hello.$kind" --user root </dev/null
	expect_status 3
	expect_text "--user root: cannot become that user" "$stderr"
}

@test "a core dump does not hold the guest's memory" {
	start_payload stuck --memory 64M
	# Mappings as large as the guest's memory, and those of them that are to be dumped.
	run awk '/^[0-9a-f]+-[0-9a-f]+ / { split($1, range, "-"); size = 0 }
		/^Size:/ { size = $2 }
		/^VmFlags:/ && size >= 65536 { print / dd( |$)/ ? "left out" : "dumped" }' \
		/proc/"$pid"/smaps
	[ "$output" = "left out" ]
	kill -TERM "$pid"
	wait_payload
	expect_status 143
}
