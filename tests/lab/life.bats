#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device e1000e --device nvme
# How guests end, what becomes of their device, and the way of a device to posthorn and back.

load helpers

setup() {
	lab_setup
	nic=${devices[0]}
	# Whatever a test before left.
	"$posthorn" bind "$nic"
}

driver() {
	basename "$(readlink "/sys/bus/pci/devices/$nic/driver")"
}

# What $nic is in the list: ready or not.
ready() {
	"$posthorn" devices --json | jq -r ".[] | select(.bdf == \"$nic\") | .ready"
}

@test "unbind gives the card to the driver it had, which works; bind and unbind again" {
	for _ in 1 2; do
		[ "$(driver)" = vfio-pci ]
		[ "$(ready)" = true ]
		run --separate-stderr "$posthorn" unbind "$nic"
		expect_status 0
		[ "$(driver)" = e1000e ]
		[ "$(<"/sys/bus/pci/devices/$nic/driver_override")" = "(null)" ]
		[ "$(ready)" = false ]
		host_pings "$nic"
		run --separate-stderr "$posthorn" bind "$nic"
		expect_status 0
	done
}

@test "bind refuses the card that has the default route" {
	local interface
	"$posthorn" unbind "$nic"
	interface=$(ls "/sys/bus/pci/devices/$nic/net")
	"$root/guest/linux/net-up" "$interface"
	run --separate-stderr "$posthorn" bind "$nic"
	expect_status 3
	expect_text "default route" "$stderr"
	[ "$(driver)" = e1000e ]
	# With its routes: there may be one of IPv6 too.
	ip addr flush dev "$interface"
	ip link set "$interface" down
	"$posthorn" bind "$nic"
	[ "$(driver)" = vfio-pci ]
}

@test "bind refuses a disk whose file system is mounted in another mount namespace" {
	local disk=${devices[1]} fuse in_use="in use by this host: its disk /dev/nvme0n1 is claimed"
	"$posthorn" unbind "$disk"
	# FUSE, which the lab's kernel has built in, mounts before anybody serves the file system.
	exec {fuse}<>/dev/fuse
	coproc holder {
		exec unshare --mount sh -c "busybox mount -i -t fuseblk -o \
			fd=$fuse,rootmode=40000,user_id=0,group_id=0 /dev/nvme0n1 /mnt &&
			echo mounted && read -r end" 3>&-
	}
	read -r -t "$patience" -u "${holder[0]}" line
	[ "$line" = mounted ]
	! grep fuseblk /proc/self/mountinfo || return
	run --separate-stderr "$posthorn" bind "$disk"
	expect_status 3
	expect_text "$in_use" "$stderr"
	run --separate-stderr "$posthorn" check "$disk"
	expect_status 3
	expect_text "$in_use" "$output"
	"$posthorn" devices --json |
		jq -e ".[] | select(.bdf == \"$disk\") | .why | contains(\"$in_use\")"
	exec {fuse}>&-
	kill "$holder_PID"
	wait "$holder_PID" || true
	"$posthorn" bind "$disk"
}

@test "SIGTERM amid traffic: exit code 143; until then unbind and a second guest are refused" {
	traffic_start "$nic"
	run --separate-stderr "$posthorn" unbind "$nic"
	expect_status 3
	expect_text "in use" "$stderr"
	[ "$(driver)" = vfio-pci ]
	local command
	guest_command --device "$nic"
	run --separate-stderr "${command[@]}" </dev/null
	expect_status 3
	expect_text "in use" "$stderr"
	kill -TERM "$pid"
	guest_wait
	expect_status 143
}

@test "SIGKILL amid traffic: the host's driver works, then another guest; it crashes, exit code 0" {
	traffic_start "$nic"
	traffic_kill "$nic"
	guest_start --device "$nic"
	guest net-up
	guest_pings 5
	# panic=-1 makes it reboot at once.
	guest_end 'echo c >/proc/sysrq-trigger'
	expect_status 0
	grep -F "Kernel panic" "$BATS_TEST_TMPDIR/console"
}
