# SPDX-License-Identifier: BSD-2-Clause
# bats file_tags=kvm
# Which CPUs of the host the threads of a VM run on, and how they are scheduled there.

load helpers

setup() {
	posthorn_setup
	mapfile -t cpus < <(cpus_allowed)
	[ "${#cpus[@]}" -gt 1 ] || skip "this process may use one CPU only"
}

# Of each thread of the VM, its name and the CPUs that it may use.
thread_cpus() {
	local task
	for task in "/proc/$pid/task"/*; do
		echo "$(cat "$task/comm"): $(sed -n 's/^Cpus_allowed_list:\t//p' "$task/status")"
	done
}

# The same with the policy, such as TS or FF, and the real-time priority.
thread_policies() {
	ps -L -p "$pid" -o comm=,cls=,rtprio= | tr -s ' '
}

stop_payload() {
	kill -TERM "$pid"
	wait_payload
	expect_status 143
	rm "$BATS_TEST_TMPDIR/output"
}

@test "a vCPU that is pinned runs on its CPU, and other threads on what is left" {
	start_payload stuck --cpus "1,pin=${cpus[1]}"
	local seen
	seen=$(thread_cpus)
	stop_payload
	expect_text "vcpu 0: ${cpus[1]}"$'\n' "$seen"$'\n'
	# All of posthorn's own threads; KVM's (kvm-nx-lpage-recovery) are made by a vCPU's.
	[[ $seen =~ posthorn:\ ([0-9,-]+) ]]
	! cpus_of "${BASH_REMATCH[1]}" | grep -x "${cpus[1]}"
}

@test "each vCPU has a CPU of its own, in the order of the list; other threads share when told to" {
	start_payload stuck --cpus "2,pin=${cpus[1]},${cpus[0]}" --helpers-cpu "${cpus[0]}"
	local seen
	seen=$(thread_cpus)
	stop_payload
	expect_text "vcpu 0: ${cpus[1]}"$'\n' "$seen"$'\n'
	expect_text "vcpu 1: ${cpus[0]}"$'\n' "$seen"$'\n'
	expect_text "posthorn: ${cpus[0]}"$'\n' "$seen"$'\n'
}

@test "sched=: vCPUs have the real-time priority, and other threads do not" {
	local seen
	start_payload stuck --cpus 2,sched=other
	seen=$(thread_policies)
	stop_payload
	expect_text "vcpu 1 TS -" "$seen"
	prlimit --rtprio=9:9 true || skip "this process may not raise its limit of real-time priorities"
	start_payload stuck --cpus "1,pin=${cpus[1]},sched=fifo:7"
	seen=$(thread_policies)
	stop_payload
	expect_text "vcpu 0 FF 7" "$seen"
	expect_text "posthorn TS -" "$seen"
}

@test "a CPU that is not there: exit code 2, and which" {
	run_payload hello --cpus 1,pin=1023
	expect_status 2
	expect_text "--cpus: this host has no CPU 1023" "$stderr"
	run_payload hello --cpus "1,pin=${cpus[0]}" --helpers-cpu 1022
	expect_status 2
	expect_text "--helpers-cpu: this host has no CPU 1022" "$stderr"
}

@test "a real-time priority above the limit: exit code 3, and how to raise it" {
	local prefix=(prlimit --rtprio=0:0)
	if [ "$(id -u)" = 0 ]; then
		prefix=(setpriv --bounding-set=-sys_resource --inh-caps=-sys_resource "${prefix[@]}")
	fi
	run --separate-stderr "${prefix[@]}" "$posthorn" run --kernel "$payloads/hello.$kind" \
		--cpus 1,sched=rr:5
	expect_status 3
	expect_text "--cpus: sched=rr:5: the limit of real-time priorities (RLIMIT_RTPRIO)" "$stderr"
	expect_text "ulimit -r 5" "$stderr"
}

# Where KVM runs without hardware, or is a guest that may not, it offers this and does not do it.
@test "--idle guest: the guest runs, or a VM that tried it says why not: exit code 3" {
	run_payload hello --idle guest --halt-poll 0
	if [ "$status" -eq 0 ]; then
		expect_text "payload: pass" "$output"
	else
		expect_status 3
		if [ "$arch" = arm64 ]; then
			expect_text "kvm-arm.wfi_trap_policy=notrap" "$stderr"
		else
			[[ $stderr =~ "--idle guest: "(this host\'s KVM|KVM offers it, but in a trial VM) ]]
		fi
		expect_text "se --idle host" "$stderr"
	fi
}
