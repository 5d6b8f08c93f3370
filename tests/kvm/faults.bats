# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # variables of helpers.bash and bats
# bats file_tags=kvm
# Every call of posthorn that can fail, without a device, fails once: the exit code, the message and
# what is left behind are as tests/fault/expected says. tests/lab/faults.bats has the others.

load helpers

setup() {
	posthorn_setup
	faulty=$build-sanitize/tests/fault/posthorn
	[ -x "$faulty" ] || faulty=$build/tests/fault/posthorn
}

inject() {
	"$BATS_TEST_DIRNAME/../fault/inject" --name "$1" -- "$faulty" run \
		--kernel "$payloads/faults.$kind" --memory "${memory:-32M}" --seccomp off \
		--console "$BATS_TEST_TMPDIR/console" "${@:2}" >"$BATS_TEST_TMPDIR/table" || {
		cat "$BATS_TEST_TMPDIR/table"
		return 1
	}
	sed 's/^/# /' "$BATS_TEST_TMPDIR/table" >&3
}

@test "a run with an irq report: each call of the start, of the run and of the end" {
	local node=
	[ ! -e /sys/devices/system/node/has_memory ] ||
		node=,node=$(sed 's/[,-].*//' /sys/devices/system/node/has_memory)
	memory=32M,prefault=2$node inject "run" --halt-poll 1000 --timeline "$BATS_TEST_TMPDIR/timeline" \
		--irq-report "$BATS_TEST_TMPDIR/report"
}

# The address sanitizer wants calls that a filter refuses. "log" lets what the wrapper needs through.
@test "each call that privileges and the system call filters take" {
	"$BATS_TEST_DIRNAME/../fault/inject" --name filters --only 'start [mc]*alloc *' \
		--only 'start syscall *' --only 'start prctl *' \
		--only 'start seccomp_*' -- "$build/tests/fault/posthorn" run --seccomp log \
		--kernel "$payloads/faults.$kind" --memory 32M \
		--console "$BATS_TEST_TMPDIR/console" >"$BATS_TEST_TMPDIR/table" || {
		cat "$BATS_TEST_TMPDIR/table"
		return 1
	}
	sed 's/^/# /' "$BATS_TEST_TMPDIR/table" >&3
}

@test "each call that the terminal is for: it is left as it was" {
	local call
	for call in 'start pipe2 - 1' 'start fork - 1' 'start tcsetattr - 1' 'start open /dev/kvm 1' \
		'start ioctl KVM_CREATE_VCPU 1' 'start calloc - 3' 'start pthread_create - 1' \
		'run ioctl KVM_RUN 1'; do
		run --separate-stderr env POSTHORN_FAULT="$call" ASAN_OPTIONS=leak_check_at_exit=0 \
			"$pty" -- "$faulty" run --kernel "$payloads/faults.$kind" --memory 32M --seccomp off \
			9>"$BATS_TEST_TMPDIR/log"
		grep injected "$BATS_TEST_TMPDIR/log" || {
			echo "$call: the call was not made"
			return 1
		}
		expect_text "terminal: restored" "$output"
		case $call in
		'run '*) expect_status 1 ;;
		*pipe2* | *fork* | *tcsetattr*) expect_status 0 ;;
		*) expect_status 3 ;;
		esac
	done
}

# The run without a fault may be refused: not every KVM that offers this does it. tests/lab/faults.bats
# has the calls after those of the trial VM.
@test "each call of the VM that tries --idle guest: the message, and nothing is left of it" {
	local call
	only_x86_64 "KVM for arm64 has it for all VMs only"
	for call in 'ioctl KVM_CHECK_EXTENSION:143' 'ioctl KVM_CREATE_VM' 'mmap anonymous' \
		'ioctl KVM_ENABLE_CAP:143' 'ioctl KVM_SET_TSS_ADDR' 'ioctl KVM_SET_USER_MEMORY_REGION' \
		'ioctl KVM_GET_VCPU_MMAP_SIZE' 'ioctl KVM_CREATE_VCPU' 'mmap anon_inode:kvm-vcpu:0' \
		'ioctl KVM_GET_SREGS' 'ioctl KVM_SET_SREGS' 'ioctl KVM_SET_REGS' 'ioctl KVM_RUN'; do
		run --separate-stderr env POSTHORN_FAULT="start $call 1" ASAN_OPTIONS=leak_check_at_exit=0 \
			"$faulty" run --kernel "$payloads/faults.$kind" --memory 32M --seccomp off \
			--console none --idle guest 9>"$BATS_TEST_TMPDIR/log"
		echo "$call: $stderr"
		grep injected "$BATS_TEST_TMPDIR/log"
		if grep '^bad' "$BATS_TEST_TMPDIR/log"; then false; fi
		expect_status 3
		[[ $stderr =~ "--idle guest: "(this host\'s KVM lets|cannot make the trial VM: Cannot|KVM offers it, but in a trial VM Bad) ]]
	done
}
