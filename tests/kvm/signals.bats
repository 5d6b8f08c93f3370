# SPDX-License-Identifier: BSD-2-Clause
# bats file_tags=kvm
# Signals at any moment. strace sends them, each at a certain system call of the main thread: so
# every moment of the start and of the end that differs from the one before has its turn. All this
# happens on a terminal, which must be put back.

load helpers

setup() {
	posthorn_setup
	tracing
	trace=$BATS_TEST_TMPDIR/trace
}

teardown() {
	posthorn_teardown
}

# run_traced PAYLOAD [OPTION OF STRACE]...: run it on a terminal, system calls go to $trace.
run_traced() {
	run --separate-stderr "$pty" -- strace -o "$trace" "${@:2}" \
		"$posthorn" run --kernel "$payloads/$1.$kind"
}

# points FROM TO: each system call of the trace after the first line that matches FROM, up to the
# first one that matches TO, as strace finds it again: its name and how many of this name came
# before, itself included.
points() {
	awk -v from="$1" -v to="$2" -F '(' '
		!/^[a-z0-9_]+\(/ { next }
		{ count[$1]++ }
		inside { print $1, count[$1] }
		inside && $0 ~ to { exit }
		!inside && $0 ~ from { inside = 1 }
	' "$trace"
}

# The main thread begins to wait, with the guest running.
loop='^ppoll\(.*NULL, NULL'

expect_end() {
	if [ "$status" -ne "$1" ] || [[ $output != *"terminal: restored"* ]]; then
		echo "at $point: exit code $status instead of $1"
		echo "$output"
		return 1
	fi
}

@test "SIGTERM, SIGINT, SIGHUP and SIGQUIT at any system call of the start: exit code 128 + n" {
	local names=(TERM INT HUP QUIT) numbers=(15 2 1 3) turn=0 point list
	ulimit -c 0
	run_traced stuck -e inject=ppoll:signal=TERM:when=1
	point=first
	expect_end 143
	mapfile -t list < <(points '"/dev/null"' "$loop")
	[ "${#list[@]}" -gt 30 ]
	for point in "${list[@]}"; do
		run_traced stuck -e "inject=${point% *}:signal=${names[turn]}:when=${point#* }"
		expect_end $((128 + numbers[turn]))
		turn=$(((turn + 1) % 4))
	done
}

@test "a second signal at any system call of the end changes nothing" {
	local point list
	run_traced stuck -e inject=ppoll:signal=TERM:when=1
	mapfile -t list < <(points '^tgkill' '^exit_group' | grep -v '^ppoll ')
	[ "${#list[@]}" -gt 10 ]
	for point in "${list[@]}"; do
		run_traced stuck -e inject=ppoll:signal=TERM:when=1 \
			-e "inject=${point% *}:signal=INT:when=${point#* }"
		expect_end 143
	done
}

@test "SIGUSR1 at any system call, once posthorn knows of it, ends nothing" {
	local point list
	run_traced hello
	mapfile -t list < <(points '^rt_sigprocmask.SIG_BLOCK, .USR1' '^exit_group')
	[ "${#list[@]}" -gt 40 ]
	for point in "${list[@]}"; do
		run_traced hello -e "inject=${point% *}:signal=USR1:when=${point#* }"
		expect_end 0
		expect_text "payload: pass" "$output"
	done
}

@test "SIGUSR2, which posthorn sends to its own threads, ends nothing when others send it" {
	run_on_terminal expect ready signal 12 send 'abc\r' expect 'got 3: abc' signal 12 \
		send 'quit\r' -- serial_echo
	expect_status 0
	expect_text "terminal: restored" "$output"
}

# run_held PAYLOAD STEP ARGUMENT...: run it on a terminal with two vCPUs, whose threads strace keeps
# from their end for twice as long as posthorn waits for them.
run_held() {
	run --separate-stderr "$pty" "${@:2}" -- strace -D -f -qq -o "$trace" \
		-e inject=exit:delay_enter=20000000 "$posthorn" run \
		--kernel "$payloads/$1.$kind" --cpus 2
	expect_text "vCPU 0 does not end" "$stderr"
	expect_text "vCPU 1 does not end" "$stderr"
	point=$1
}

@test "vCPUs that do not end are named, and posthorn ends without them" {
	run_held stuck expect ready signal 15
	expect_end 143
	run_held hello expect pass
	expect_end 1
}

@test "started with every signal blocked, it still ends" {
	run --separate-stderr "$pty" expect ready signal 15 -- env --block-signal \
		"$posthorn" run --kernel "$payloads/stuck.$kind"
	point=blocked
	expect_end 143
}

@test "SIGSTOP and SIGCONT: the guest goes on" {
	run_on_terminal expect ready signal 19 wait 100 signal 18 send 'abc\r' expect 'got 3: abc' \
		signal 19 send 'quit\r' signal 18 -- serial_echo
	expect_status 0
	expect_text "terminal: restored" "$output"
}

@test "SIGUSR1 without end does not keep SIGTERM away" {
	# Each report that is written, and each wait, makes a new one. -D: signal 15 is not for strace.
	run --separate-stderr "$pty" expect ready signal 15 -- \
		strace -D -o "$trace" -e inject=ppoll,write:signal=USR1 \
		"$posthorn" run --kernel "$payloads/stuck.$kind"
	point=end
	expect_end 143
}
