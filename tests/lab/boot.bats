#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # variables of helpers.bash and bats
# lab arm64:
# Guests without a device: more CPUs than this host has, a packed kernel, the device tree for people;
# and which of the host's CPUs they run on.

load helpers

setup() {
	lab_setup
	minimal=$root/build/$arch/guest/minimal.cpio.gz
}

@test "17 CPUs, one more than the lowest part of their address counts, all run at once" {
	run --separate-stderr timeout 300 "$posthorn" run --memory 64M --cpus 17 \
		--kernel "$root/build/$arch/guest/payload/cpus.image" </dev/null
	expect_status 0
	expect_text "all 17 CPUs met" "$output"
	expect_text "payload: pass" "$output"
}

# Not more of them: where virtual CPUs that wait for a spin lock hold the host's CPUs, each costs the
# square, and QEMU has no trap for WFE that would let KVM run another.
@test "Linux on 4 CPUs, its Image packed with gzip; --dump-fdt has what it was told" {
	gzip -1 <"$LAB_GUEST_KERNEL/vmlinuz" >"$BATS_TEST_TMPDIR/Image.gz"
	run --separate-stderr timeout 400 "$posthorn" run --kernel "$BATS_TEST_TMPDIR/Image.gz" \
		--initrd "$minimal" --memory 512M --cpus 4 --cmdline "end=poweroff $guest_quick" \
		--dump-fdt "$BATS_TEST_TMPDIR/tree" </dev/null
	expect_status 0
	expect_text "smp: Brought up 1 node, 4 CPUs" "$output"
	expect_text "posthorn-guest: init" "$output"
	[ "$(grep -ac 'cpu@' "$BATS_TEST_TMPDIR/tree")" -ge 1 ]
	[ "$(grep -ao 'cpu@[0-9a-f]*' "$BATS_TEST_TMPDIR/tree" | sort -u | wc -l)" -eq 4 ]
}

# ---- the host's CPUs: here it has two, and this is root ----

# hello OPTION...: a guest that says so and ends.
hello() {
	run --separate-stderr timeout "$patience" "$posthorn" run "$@" --memory 64M \
		--kernel "$root/build/$arch/guest/payload/hello.image" </dev/null
}

@test "vCPUs have their CPUs and a real-time priority, for which the limit is raised; others have not" {
	local seen
	"$posthorn" run --memory 64M --kernel "$root/build/$arch/guest/payload/stuck.image" \
		--cpus 1,pin=1,sched=fifo:7 </dev/null >"$BATS_TEST_TMPDIR/output" 3>&- &
	pid=$!
	timeout "$patience" sh -c "until grep -q ready '$BATS_TEST_TMPDIR/output'; do sleep 0.2; done"
	seen=$(for task in /proc/$pid/task/*; do
		read -ra fields < <(sed 's/.*) //' "$task/stat")
		echo "$(cat "$task/comm"): $(sed -n 's/^Cpus_allowed_list:\t//p' "$task/status")" \
			"priority ${fields[37]} policy ${fields[38]}"
	done)
	kill -TERM "$pid"
	wait "$pid" || [ $? -eq 143 ]
	pid=''
	expect_text "vcpu 0: 1 priority 7 policy 1" "$seen"
	expect_text "posthorn: 0 priority 0 policy 0" "$seen"
}

@test "a CPU that is offline, or not in the cpuset: exit code 3, and what mends it" {
	local cpu=/sys/devices/system/cpu/cpu1 group=/sys/fs/cgroup/cpus
	echo 0 >"$cpu/online"
	hello --cpus 1,pin=1
	echo 1 >"$cpu/online"
	expect_status 3
	expect_text "--cpus: CPU 1 is offline; echo 1 >$cpu/online" "$stderr"
	mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup
	echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
	mkdir "$group"
	echo 0 >"$group/cpuset.cpus"
	echo $BASHPID >"$group/cgroup.procs"
	hello --cpus 1,pin=0 --helpers-cpu 1
	echo $BASHPID >/sys/fs/cgroup/cgroup.procs
	expect_status 3
	expect_text "--helpers-cpu: CPU 1 is not in the cpuset of this process" "$stderr"
}
