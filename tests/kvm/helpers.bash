# SPDX-License-Identifier: BSD-2-Clause
# What the tests in this folder share. They run posthorn and the payloads of $POSTHORN_BUILD, which
# is build/x86_64 or build/arm64 when it is not set. A file that needs more before or after each test
# has a setup() or teardown() of its own, which calls posthorn_setup or posthorn_teardown.

bats_require_minimum_version 1.5.0

# As the folders in build/ name the architecture; and how the files of payloads end.
arch=$(uname -m)
kind=elf
if [ "$arch" = aarch64 ]; then
	arch=arm64
	kind=image
fi

posthorn_setup() {
	build=$(realpath "${POSTHORN_BUILD:-$BATS_TEST_DIRNAME/../../build/$arch}")
	posthorn=$build/posthorn
	payloads=$build/guest/payload
	pty=$build/tests/kvm/pty
	pid=
	[ -e /dev/kvm ] || skip "there is no /dev/kvm"
	[ -r /dev/kvm ] && [ -w /dev/kvm ] || skip "/dev/kvm: permission denied"
}

setup() {
	posthorn_setup
}

# only_x86_64 WHY: skip the test elsewhere.
only_x86_64() {
	[ "$arch" = x86_64 ] || skip "$1"
}

# Skip the test where strace cannot do its work.
tracing() {
	command -v strace >/dev/null || skip "there is no strace"
	strace -o /dev/null true || skip "this process may not trace others"
}

# run_payload NAME [OPTION]...: run it to its end; then $status, $output and $stderr are set.
# The limit is for what would never end: nothing takes longer than some seconds.
run_payload() {
	local name=$1
	shift
	run --separate-stderr timeout -k 1 60 \
		"$posthorn" run --kernel "$payloads/$name.$kind" "$@" </dev/null
}

# The same on a terminal, with steps for it before a "--" (see pty.c).
run_on_terminal() {
	local steps=()
	while [ "$1" != -- ]; do
		steps+=("$1")
		shift
	done
	shift
	local name=$1
	shift
	run --separate-stderr "$pty" "${steps[@]}" -- \
		"$posthorn" run --kernel "$payloads/$name.$kind" "$@"
}

# start_payload NAME [OPTION]...: run it in the background, until its first line of output came,
# which is then in $line. $pid is the process.
start_payload() {
	local name=$1
	shift
	mkfifo "$BATS_TEST_TMPDIR/output"
	# The shell lets processes in the background ignore SIGINT and SIGQUIT.
	env --default-signal=INT,QUIT "$posthorn" run --kernel "$payloads/$name.$kind" "$@" \
		</dev/null >"$BATS_TEST_TMPDIR/output" 3>&- &
	pid=$!
	(timeout 60 tail -s 0.1 --pid="$pid" -f /dev/null || kill -KILL "$pid") >/dev/null 2>&1 3>&- &
	exec {output_fd}<"$BATS_TEST_TMPDIR/output"
	read -r -t 60 -u "$output_fd" line
}

# Wait for what start_payload started: $status is its exit code.
wait_payload() {
	status=0
	wait "$pid" || status=$?
	pid=
	exec {output_fd}<&-
}

# What a test that failed half-way leaves behind.
posthorn_teardown() {
	[ -z "$pid" ] || kill -KILL "$pid"
}

teardown() {
	posthorn_teardown
}

# expect_status CODE: is $status so? If not, say what there was to see.
# cpus_of LIST: the CPUs of a list such as 0-2,8, a line each.
cpus_of() {
	local first last
	tr , '\n' <<<"$1" | while IFS=- read -r first last; do
		seq "$first" "${last:-$first}"
	done
}

# Those that this process may use.
cpus_allowed() {
	cpus_of "$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/self/status)"
}

expect_status() {
	[ "$status" -eq "$1" ] && return
	echo "exit code $status instead of $1"
	echo "$output"
	echo "$stderr"
	return 1
}

# expect_text TEXT WHERE: is TEXT in WHERE?
expect_text() {
	[[ $2 == *"$1"* ]] && return
	echo "'$1' is not in: $2"
	return 1
}
