#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2034,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device e1000e
# lab: --device qemu-xhci,addr=0x1a.0,multifunction=on --device qemu-xhci,addr=0x1a.1
# Hosts that are not ready: exit code 3, and a message that says what is missing and what mends it.

load helpers

setup_file() {
	unready_setup_file
}

setup() {
	unready_setup
}

teardown() {
	unready_teardown
}

# run_posthorn DEVICE [PROGRAM]...: run a guest with DEVICE, by way of PROGRAM.
run_posthorn() {
	local command
	guest_prefix=("${@:2}")
	guest_command --device "$1"
	run --separate-stderr timeout -k 1 120 "${command[@]}" </dev/null
	[ -z "$output" ]
}

@test "a device that is bound to the host's driver: names it, and the command" {
	"$posthorn" unbind "$nic"
	run_posthorn "$nic"
	expect_status 3
	expect_text "bound to e1000e" "$stderr"
	expect_text "posthorn bind $nic" "$stderr"
}

@test "a group that is not viable: names the other function, its driver and the command" {
	[ "$(readlink "/sys/bus/pci/devices/$first/iommu_group")" = "$(readlink "/sys/bus/pci/devices/$second/iommu_group")" ]
	run --separate-stderr "$posthorn" bind "$first"
	expect_status 0
	expect_text "$second is bound to xhci_hcd" "$stderr"
	run_posthorn "$first"
	expect_status 3
	expect_text "not viable" "$stderr"
	expect_text "$second is bound to xhci_hcd" "$stderr"
	expect_text "posthorn bind $second" "$stderr"
	"$posthorn" devices --json | jq -e ".[] | select(.bdf == \"$first\") | .ready == false"
	# That command mends it.
	"$posthorn" bind "$second"
	"$posthorn" devices --json | jq -e ".[] | select(.bdf == \"$first\") | .ready"
	"$posthorn" unbind "$second"
}

@test "a device that does not exist" {
	run_posthorn 0000:00:1f.7
	expect_status 2
	expect_text "0000:00:1f.7" "$stderr"
}

@test "devices --json: ready for the card, with ids and group, and not for others" {
	run --separate-stderr "$posthorn" devices --json
	expect_status 0
	jq -e ".[] | select(.bdf == \"$nic\") |
		.ready and .vendor == \"8086\" and .device == \"10d3\" and .why == null and
		.driver == \"vfio-pci\" and (.iommu_group | type) == \"number\"" <<<"$output"
	jq -e ".[] | select(.bdf == \"$first\") | (.ready | not) and .driver == \"xhci_hcd\"" <<<"$output"
	[ "$(jq '[.[] | select(.ready)] | length' <<<"$output")" -eq 1 ]
	[ "$(jq length <<<"$output")" -eq "$(find /sys/bus/pci/devices -type l | wc -l)" ]
}

@test "/dev/kvm that may not be opened, and none at all" {
	chmod 600 /dev/kvm
	run_posthorn "$nic" "${nobody[@]}"
	expect_status 3
	expect_text "/dev/kvm: permission denied" "$stderr"
	mv /dev/kvm /run/kvm
	run_posthorn "$nic"
	expect_status 3
	expect_text "/dev/kvm: No such file" "$stderr"
}

@test "VFIO that may not be opened: the container, then the group" {
	chmod 666 /dev/kvm
	chmod 600 /dev/vfio/*
	run_posthorn "$nic" "${nobody[@]}"
	expect_status 3
	expect_text "/dev/vfio/vfio: Permission denied" "$stderr"
	chmod 666 /dev/vfio/vfio
	run_posthorn "$nic" "${nobody[@]}"
	expect_status 3
	expect_text "/dev/vfio/" "$stderr"
	expect_text "Permission denied" "$stderr"
	expect_text chown "$stderr"
}

@test "a memory lock limit that is too low: needed, allowed and the command" {
	chmod 666 /dev/kvm /dev/vfio/*
	run_posthorn "$nic" "${nobody[@]}" prlimit --memlock=65536
	expect_status 3
	expect_text "needed 262144 KiB" "$stderr"
	expect_text "allowed 64 KiB" "$stderr"
	expect_text "ulimit -l 262144" "$stderr"
}

@test "the right to lock memory in a user namespace: it does not count, and what does" {
	# The tests are in a chroot, where the kernel makes no user namespace: so from outside of it.
	cat >"$BATS_TEST_TMPDIR/inside" <<-END
		ulimit -l 64
		"$posthorn" check $nic --memory 256M | grep 'memory lock'
		"$posthorn" run --kernel "$LAB_KERNEL/vmlinuz" --memory 256M --device $nic
	END
	run --separate-stderr chroot /proc/1/root /bin/busybox unshare -U -r \
		/bin/busybox chroot /root sh "$BATS_TEST_TMPDIR/inside"
	expect_status 3
	expect_text "stops    memory lock: needed 262144 KiB" "$output"
	expect_text "needed 262144 KiB, allowed 64 KiB" "$stderr"
	expect_text "CAP_IPC_LOCK in the initial user namespace" "$stderr"
}

# group_make CONTROLLER: a control group of which it limits something, $group.
group_make() {
	local top=$BATS_TEST_TMPDIR/groups
	mkdir "$top"
	mount -t cgroup2 none "$top"
	echo "+$1" >"$top/cgroup.subtree_control"
	group=$top/test
	mkdir "$group"
}

group_remove() {
	rmdir "$group"
	umount "${group%/*}"
}

# in_group PROGRAM...: run it in the group. $status, $output and $stderr are set.
in_group() {
	run --separate-stderr sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' - "$group" "$@"
}

@test "huge pages that a control group does not let it have: exit code 3, as check says" {
	local device
	group_make hugetlb
	echo 40 >/proc/sys/vm/nr_hugepages
	for limit in 0 8M; do
		echo "$limit" >"$group/hugetlb.2MB.max"
		in_group "$posthorn" check --memory 64M,hugepages=on
		expect_text "a control group leaves this process ${limit%M} MiB of 2 MiB pages" "$output"
		expect_text "-> echo 67108864 >$group/hugetlb.2MB.max" "$output"
		for device in '' "--device $nic"; do
			# shellcheck disable=SC2086 # words
			in_group "$posthorn" run --kernel "$LAB_KERNEL/vmlinuz" \
				--memory 64M,hugepages=on $device
			expect_status 3
			expect_text "hugepages=on: 64 MiB of 2 MiB pages are reserved" "$stderr"
			expect_text "hugetlb.2MB.max" "$stderr"
		done
	done
	echo 0 >/proc/sys/vm/nr_hugepages
	group_remove
}

@test "memory that a control group does not let it have: check finds that it stops a run" {
	group_make memory
	echo 64M >"$group/memory.max"
	in_group "$posthorn" check "$nic" --memory 256M
	expect_status 3
	expect_text "stops    memory: 256 MiB for the guest, a control group leaves" "$output"
	group_remove
}

@test "a user without rights runs a guest when the files and the limit are his" {
	chmod 666 /dev/kvm /dev/vfio/*
	guest_prefix=(prlimit --memlock=400000000 "${nobody[@]}")
	guest_start --device "$nic"
	guest net-up
	guest_pings 5
	guest_end
	expect_status 0
}
