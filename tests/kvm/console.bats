# SPDX-License-Identifier: BSD-2-Clause
# bats file_tags=kvm
# The guest's serial port and where it goes.

load helpers

setup() {
	posthorn_setup
}

teardown() {
	posthorn_teardown
}

# The output of the payload serial_output.
expect_numbered_lines() {
	seq -f '%04g.............................................' 0 1999 | cmp - "$1"
}

# ---- output ----

@test "100 kB of output arrive complete and in order, byte by byte" {
	run_payload serial_output --console "$BATS_TEST_TMPDIR/out"
	expect_status 0
	expect_numbered_lines "$BATS_TEST_TMPDIR/out"
}

@test "100 kB of output arrive complete and in order, through the FIFO" {
	run_payload serial_output --cmdline fifo --console "$BATS_TEST_TMPDIR/out"
	expect_status 0
	expect_numbered_lines "$BATS_TEST_TMPDIR/out"
}

@test "100 kB of output arrive complete and in order, gathered until the power goes off" {
	run_payload serial_output --cmdline "fifo burst" --console "$BATS_TEST_TMPDIR/out"
	expect_status 0
	expect_numbered_lines "$BATS_TEST_TMPDIR/out"
}

@test "output through a pipe is the same" {
	timeout 60 "$posthorn" run --kernel "$payloads/serial_output.$kind" --cmdline fifo \
		</dev/null | cat >"$BATS_TEST_TMPDIR/out"
	expect_numbered_lines "$BATS_TEST_TMPDIR/out"
}

# The pipe holds a page, and so it is full before anybody reads.
@test "output through a pipe that somebody made non-blocking is the same" {
	timeout 60 perl -MFcntl -e 'my $F_SETPIPE_SZ = 1031;
		fcntl(STDOUT, $F_SETPIPE_SZ, 4096) or die "F_SETPIPE_SZ: $!";
		fcntl(STDOUT, F_SETFL, O_WRONLY | O_NONBLOCK) or die "F_SETFL: $!";
		exec @ARGV' \
		"$posthorn" run --kernel "$payloads/serial_output.$kind" --cmdline fifo \
		</dev/null 2>"$BATS_TEST_TMPDIR/errors" | {
		sleep 2
		cat
	} >"$BATS_TEST_TMPDIR/out"
	[ ! -s "$BATS_TEST_TMPDIR/errors" ]
	expect_numbered_lines "$BATS_TEST_TMPDIR/out"
}

@test "a string instruction sends each of its bytes" {
	only_x86_64 "there are no string instructions for ports"
	run_payload serial_string_x86_64
	expect_status 0
	[ "${lines[0]}" = "every byte of this line went through one instruction" ]
}

@test "--console none: no output, and no input is read" {
	echo quit >"$BATS_TEST_TMPDIR/in"
	{
		run_payload hello --console none
		read -r line
	} <"$BATS_TEST_TMPDIR/in"
	expect_status 0
	[ -z "$output" ]
	[ "$line" = quit ]
}

@test "--console FILE: the output replaces what was in the file" {
	seq 1000 >"$BATS_TEST_TMPDIR/out"
	run_payload hello --console "$BATS_TEST_TMPDIR/out"
	expect_status 0
	[ -z "$output" ]
	[ "$(<"$BATS_TEST_TMPDIR/out")" = $'hello from the guest\r\npayload: pass\r' ]
}

@test "--console FILE that cannot be made: exit code 2" {
	run_payload hello --console "$BATS_TEST_TMPDIR/missing/out"
	expect_status 2
	expect_text "--console $BATS_TEST_TMPDIR/missing/out" "$stderr"
}

@test "output that cannot be written is reported once and does not stop the guest" {
	run_payload serial_output --cmdline fifo --console /dev/full
	expect_status 0
	[ "${#stderr_lines[@]}" -eq 1 ]
	expect_text "--console /dev/full: the guest's console output is lost" "$stderr"
}

@test "a file at its limit of size (ulimit -f) does not stop the guest" {
	ulimit -f 16
	run_payload serial_output --cmdline fifo --console "$BATS_TEST_TMPDIR/out"
	expect_status 0
	expect_text "console output is lost: File too large" "$stderr"
}

@test "a standard output that is closed gets nothing, nor does what has its number" {
	run --separate-stderr bash -c '"$@" </dev/null >&-' - timeout -k 1 60 \
		"$posthorn" run --kernel "$payloads/hello.$kind"
	expect_status 0
	[ -z "$stderr" ]
}

@test "an irq report on a full disk: exit code 1, and its name" {
	run_payload hello --irq-report /dev/full
	expect_status 1
	expect_text "--irq-report /dev/full: cannot be written: No space left" "$stderr"
}

@test "a reader that goes away does not stop the guest" {
	local code=$BATS_TEST_TMPDIR/code
	{
		status=0
		timeout 60 "$posthorn" run --kernel "$payloads/serial_output.$kind" --cmdline fifo \
			</dev/null 2>"$BATS_TEST_TMPDIR/errors" || status=$?
		echo "$status" >"$code"
	} | head -c 1 >/dev/null
	[ "$(<"$code")" -eq 0 ]
	grep "console output is lost" "$BATS_TEST_TMPDIR/errors"
}

# fifo_fill FILE: a fifo that has no room and nobody reads. $output_fd keeps it open.
fifo_fill() {
	mkfifo "$1"
	exec {output_fd}<>"$1"
	run -1 dd if=/dev/zero of="$1" oflag=nonblock bs=4096 status=none
}

@test "SIGTERM ends a guest whose output nobody reads, also after keys: exit code 143, a message" {
	local fifo=$BATS_TEST_TMPDIR/fifo keys=$BATS_TEST_TMPDIR/keys keys_fd
	fifo_fill "$fifo"
	mkfifo "$keys"
	exec {keys_fd}<>"$keys"
	"$posthorn" run --kernel "$payloads/serial_output.$kind" --cmdline "fifo burst" \
		<"$keys" >"$fifo" 2>"$BATS_TEST_TMPDIR/errors" 3>&- &
	pid=$!
	# The vCPU waits for room: it sends without looking.
	until waits futex "vcpu 0"; do
		[ -e /proc/"$pid" ]
		sleep 0.1
	done
	echo key >&"$keys_fd"
	sleep 0.5
	kill -TERM "$pid"
	timeout 30 tail -s 0.1 --pid="$pid" -f /dev/null
	exec {keys_fd}<&-
	wait_payload
	expect_status 143
	grep "console output is lost: nobody reads it" "$BATS_TEST_TMPDIR/errors"
}

# waits FUNCTION NAME: is that thread of $pid in this function of the kernel?
waits() {
	local task
	[ "$(id -u)" -eq 0 ] || skip "where a thread waits in the kernel only root can see"
	for task in /proc/"$pid"/task/*; do
		if [ "$(cat "$task/comm" 2>/dev/null)" = "$2" ]; then
			grep -q "$1" "$task/wchan"
			return
		fi
	done
	return 1
}

# The first CPU powers off when it sees that the port has no room for what the second one sends: it
# would never get there if it waited for it.
@test "a CPU goes on while another one's output waits for a reader that has stopped" {
	local fifo=$BATS_TEST_TMPDIR/fifo
	fifo_fill "$fifo"
	status=0
	timeout 60 "$posthorn" run --kernel "$payloads/serial_output.$kind" --cmdline "fifo second" \
		--cpus 2 </dev/null >"$fifo" 2>"$BATS_TEST_TMPDIR/errors" || status=$?
	exec {output_fd}<&-
	expect_status 0
	grep "console output is lost: nobody reads it" "$BATS_TEST_TMPDIR/errors"
}

@test "output that waits for its reader arrives complete and in order" {
	local fifo=$BATS_TEST_TMPDIR/fifo cmdline reader
	for cmdline in fifo "fifo burst" ""; do
		fifo_fill "$fifo"
		"$posthorn" run --kernel "$payloads/serial_output.$kind" --cmdline "$cmdline" \
			</dev/null >"$fifo" 2>"$BATS_TEST_TMPDIR/errors" 3>&- &
		pid=$!
		sleep 1
		cat "$fifo" >"$BATS_TEST_TMPDIR/out" 3>&- {output_fd}<&- &
		reader=$!
		wait_payload
		expect_status 0
		wait "$reader"
		[ ! -s "$BATS_TEST_TMPDIR/errors" ]
		tr -d '\0' <"$BATS_TEST_TMPDIR/out" >"$BATS_TEST_TMPDIR/lines"
		expect_numbered_lines "$BATS_TEST_TMPDIR/lines"
		rm "$fifo"
	done
}

# ---- input from elsewhere than a terminal ----

run_with_input() {
	run --separate-stderr timeout -k 1 60 \
		"$posthorn" run --kernel "$payloads/serial_echo.$kind" "$@" <"$BATS_TEST_TMPDIR/in"
}

@test "what is typed before the guest looks is not lost" {
	printf 'one\ntwo\nquit\n' >"$BATS_TEST_TMPDIR/in"
	run_with_input
	expect_status 0
	expect_text $'got 3: one\r\ngot 3: two\r\n' "$output"
}

@test "a line much longer than the FIFO arrives complete" {
	local text
	text=$(seq -s , 1000)
	printf '%s\nquit\n' "$text" >"$BATS_TEST_TMPDIR/in"
	run_with_input
	expect_status 0
	expect_text "got ${#text}: $text" "$output"
}

@test "Ctrl-A means nothing where there is no terminal" {
	printf '\001x\nquit\n' >"$BATS_TEST_TMPDIR/in"
	run_with_input
	expect_status 0
	expect_text $'got 2: \001x' "$output"
}

# start_stuck INPUT [PROGRAM]...: run a guest that does nothing, by way of PROGRAM, until it says that
# it is there. $pid is the process.
start_stuck() {
	"${@:2}" "$posthorn" run --kernel "$payloads/stuck.$kind" <"$1" >"$BATS_TEST_TMPDIR/out" \
		2>"$BATS_TEST_TMPDIR/errors" 3>&- &
	pid=$!
	timeout 60 sh -c "until grep -q ready '$BATS_TEST_TMPDIR/out'; do sleep 0.1; done"
}
end_stuck() {
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	pid=
	expect_status 143
}

@test "input that is no terminal waits where it is for a guest that takes none" {
	local consumed
	head -c 20000 /dev/zero | tr '\0' k >"$BATS_TEST_TMPDIR/in"
	start_stuck "$BATS_TEST_TMPDIR/in"
	# How much is read as soon as something is, and a second later.
	timeout 60 sh -c "until grep -q 'pos:.*[1-9]' /proc/$pid/fdinfo/0; do sleep 0.1; done"
	sleep 1
	consumed=$(awk '/^pos:/ { print $2 }' "/proc/$pid/fdinfo/0")
	end_stuck
	[ ! -s "$BATS_TEST_TMPDIR/errors" ]
	echo "$consumed bytes were read"
	[ "$consumed" -gt 0 ] && [ "$consumed" -le 64 ]
}

@test "the end of the input does not end the guest" {
	start_payload serial_echo
	kill -TERM "$pid"
	wait_payload
	expect_status 143
}

# ---- a terminal ----

@test "keys go to the guest one by one, Ctrl-C too, and the terminal is put back" {
	run_on_terminal expect ready raw yes send 'abc\r' expect 'got 3: abc' \
		send '\x03\x1a\r' expect 'got 2: ' send 'quit\r' -- serial_echo
	expect_status 0
	expect_text "payload: pass" "$output"
	expect_text "terminal: restored" "$output"
}

@test "a line much longer than the FIFO arrives complete through the FIFO" {
	local text
	text=$(seq -s , 500)
	# Turning the FIFO on empties the receiver: type when that is done.
	run_on_terminal expect ready send "$text\\rquit\\r" -- serial_echo --cmdline fifo
	expect_status 0
	expect_text "got ${#text}: $text" "$output"
}

@test "a text much longer than what posthorn keeps arrives complete from a terminal" {
	local text steps=() i
	text=$(seq -s , 1500)
	for i in 1 2 3; do
		steps+=(send "$text\\r")
	done
	run_on_terminal expect ready "${steps[@]}" send 'quit\r' -- serial_echo --cmdline fifo
	expect_status 0
	[ "$(grep -c "got ${#text}: $text" <<<"$output")" -eq 3 ]
	[ -z "$stderr" ]
}

@test "Ctrl-A x ends the VM with exit code 0" {
	run_on_terminal expect ready send '\x01x' -- stuck
	expect_status 0
	expect_text "terminal: restored" "$output"
}

@test "Ctrl-A x ends a VM whose guest takes no keys" {
	run_on_terminal expect ready send "$(printf 'k%.0s' {1..100})" wait 200 send '\x01x' -- stuck
	expect_status 0
	[ -z "$stderr" ]
	expect_text "terminal: restored" "$output"
}

@test "Ctrl-A x after more keys than posthorn keeps: what is dropped is said once" {
	run_on_terminal expect ready send "$(printf 'k%.0s' {1..9000})" send '\x01' wait 200 \
		send x -- stuck
	expect_status 0
	[ "${#stderr_lines[@]}" -eq 1 ]
	expect_text "the guest takes no keys" "$stderr"
	expect_text "terminal: restored" "$output"
}

@test "Ctrl-A Ctrl-A sends one Ctrl-A, Ctrl-A and another key nothing" {
	run_on_terminal expect ready send '\x01\x01\r' expect $'got 1: \x01' \
		send 'a\x01bc\r' expect 'got 2: ac' send 'quit\r' -- serial_echo
	expect_status 0
}

@test "the terminal is put back when the guest crashes" {
	only_x86_64 "nothing that a guest does crashes it as a triple fault does"
	run_on_terminal expect crashing -- triple_fault_x86_64
	expect_status 5
	expect_text "terminal: restored" "$output"
}

@test "the terminal is put back after SIGTERM and SIGINT" {
	local signal
	for signal in 15 2; do
		run_on_terminal expect ready raw yes signal "$signal" -- stuck
		expect_status $((128 + signal))
		expect_text "terminal: restored" "$output"
	done
}

@test "the terminal is put back after SIGKILL" {
	run_on_terminal expect ready raw yes signal 9 -- stuck
	expect_status 137
	expect_text "terminal: restored" "$output"
}

@test "the terminal is put back when a kernel cannot be started" {
	run --separate-stderr "$pty" -- "$posthorn" run --kernel "$BATS_TEST_TMPDIR/missing"
	expect_status 2
	expect_text "terminal: restored" "$output"
}

@test "--console none leaves the terminal alone" {
	run_on_terminal -- hello --console none
	expect_status 0
	expect_text "terminal: restored" "$output"
}

# run_in_shell [STEP ARGUMENT]...: the steps on the terminal of an interactive shell, from its first
# prompt on, which is "PROMPT> ".
run_in_shell() {
	# The command is a word of the shell that it starts.
	# shellcheck disable=SC2016
	PS1='PROMPT> ' run --separate-stderr "$pty" expect 'PROMPT> ' "$@" -- \
		sh -c 'exec setsid -c bash --norc --noprofile --noediting -i 2>&1'
}

@test "job control: raw mode again in the foreground, and in the background the terminal is the shell's" {
	local job=19 # SIGSTOP
	run_in_shell \
		send "$posthorn run --kernel $payloads/serial_echo.$kind\r" \
		expect ready raw yes send 'one\r' expect 'got 3: one' \
		job "$job" expect Stopped expect 'PROMPT> ' raw no \
		send 'fg\r' raw yes send 'two\r' expect 'got 3: two' \
		send '\x03\x1a\r' expect 'got 2: ' \
		job "$job" expect Stopped expect 'PROMPT> ' send 'bg\r' expect 'PROMPT> ' raw no \
		send 'echo the sh""ell reads\r' expect 'the shell reads' \
		send 'jobs\r' expect Running expect 'PROMPT> ' \
		send 'fg\r' raw yes send 'three\r' expect 'got 5: three' \
		send '\x01x' expect 'PROMPT> ' send 'echo code $?.\r' expect 'code 0.' send 'exit\r'
	expect_status 0
	expect_text "terminal: restored" "$output"
}

@test "job control: started in the background, raw mode once it is in the foreground" {
	run_in_shell \
		send "$posthorn run --kernel $payloads/serial_echo.$kind &\r" \
		expect ready raw no send 'jobs\r' expect Running expect 'PROMPT> ' \
		send 'fg\r' raw yes send 'one\r' expect 'got 3: one' \
		job 9 expect Killed expect 'PROMPT> ' raw no \
		send "$posthorn run --kernel $payloads/hello.$kind &\r" expect 'payload: pass' \
		send 'wait %1; echo code $?.\r' expect 'code 0.' send 'exit\r'
	expect_status 0
	expect_text "terminal: restored" "$output"
}

# polls_few FILE: did the main thread, of which FILE is the trace, sleep? A loop that does not makes
# thousands of calls.
polls_few() {
	local count
	count=$(grep -c '^ppoll(' "$1")
	echo "$count calls of ppoll"
	[ "$count" -ge 2 ] && [ "$count" -lt 20 ]
}

@test "a terminal that goes away: the guest goes on, and posthorn sleeps" {
	tracing
	# -D: the command is posthorn, not strace.
	run --separate-stderr "$pty" expect ready close now wait 500 signal 15 -- \
		strace -D -o "$BATS_TEST_TMPDIR/trace" -e trace=ppoll \
		"$posthorn" run --kernel "$payloads/stuck.$kind"
	expect_status 143
	polls_few "$BATS_TEST_TMPDIR/trace"
}

@test "output to a terminal that is gone is reported, and the guest goes on" {
	run --separate-stderr "$pty" expect 0001 close now -- \
		"$posthorn" run --kernel "$payloads/serial_output.$kind"
	expect_status 0
	expect_text "console output is lost" "$stderr"
}

@test "a terminal that goes away takes along what it controls: exit code 129" {
	run --separate-stderr "$pty" expect ready close now -- \
		setsid -c "$posthorn" run --kernel "$payloads/stuck.$kind"
	expect_status 129
}

@test "the end of the input leaves posthorn asleep" {
	tracing
	start_stuck /dev/null strace -D -o "$BATS_TEST_TMPDIR/trace" -e trace=ppoll
	sleep 1
	end_stuck
	polls_few "$BATS_TEST_TMPDIR/trace"
}
