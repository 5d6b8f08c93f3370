#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab x86_64: --kernel built --device e1000e
# A mediated device: mtty of Linux's samples, a card with two serial ports that say back what they
# are told. No IOMMU guards it, so it has no file of a group that a PCI function could share.

load helpers

uuid=83f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4
other=84f6c0a2-5d4b-4c1e-9a77-0f3e8b21d6c4
parent=/sys/devices/virtual/mtty/mtty

setup_file() {
	lab_setup_file
	modprobe mtty
}

setup() {
	lab_setup
	nic=${devices[0]}
	echo $uuid >$parent/mdev_supported_types/mtty-2/create
	device=/sys/bus/mdev/devices/$uuid
	report=$BATS_TEST_TMPDIR/report
}

teardown() {
	local code=0
	lab_teardown || code=$?
	[ ! -e "$device" ] || echo 1 >"$device/remove"
	return $code
}

# port_says BDF PORT TEXT: does the port (0 or 1) of the function in the guest say back TEXT, of 15
# bytes at most? It does by interrupts, which come as long as they are unmasked.
port_says() {
	guest "tty=\$(find /sys/devices -path '*/$1/*' -name 'ttyS*' | sed 's|.*/||' | sort | sed -n $(($2 + 1))p); exec 3<>/dev/\$tty && stty raw -echo <&3 && printf %s '$3' >&3 && timeout 20 head -c ${#3} <&3 && echo && exec 3>&-"
	[ "$output" = "$3" ]
	guest "grep \$tty /proc/interrupts"
	[ "$(interrupts_sum <<<"$output" | cut -d " " -f 2)" -ge 2 ]
}

@test "check and info know it" {
	run --separate-stderr "$posthorn" check "mdev=$uuid"
	expect_status 0
	expect_text "ok       $uuid driver: a mediated device of mtty" "$output"
	expect_text "$uuid permission: /dev/vfio/devices/vfio" "$output"
	for iommu in iommufd type1; do
		run --separate-stderr "$posthorn" info --iommu $iommu "mdev=$uuid" --json
		expect_status 0
		jq -e --arg name $uuid --arg iommu $iommu '.bdf == $name and .iommu.interface == $iommu and
			([.regions[] | select(.name | startswith("BAR")) | .size] == ["0x8", "0x8"])' <<<"$output"
	done
}

@test "a guest talks to both of its ports, by iommufd and by type 1" {
	local iommu
	for iommu in iommufd type1; do
		guest_start --iommu $iommu --device "mdev=$uuid" --irq-report "$report" -v
		expect_text "DMA is mapped by $iommu" "$(<"$BATS_TEST_TMPDIR/errors")"
		expect_text "$uuid is 00:01.0 in the guest" "$(<"$BATS_TEST_TMPDIR/errors")"
		guest 'cat /sys/bus/pci/devices/0000:00:01.0/vendor /sys/bus/pci/devices/0000:00:01.0/device'
		[ "$output" = $'0x4348\n0x3253' ]
		port_says 0000:00:01.0 0 "hello"
		port_says 0000:00:01.0 1 "the second"
		guest_end
		expect_status 0
		jq -e --arg name $uuid '[.interrupts[] | select(.bdf == $name and .kind == "INTx")] | length == 1' \
			"$report"
	done
}

@test "one that is in use, by both; and a UUID that there is not" {
	guest_start --iommu iommufd --device "mdev=$uuid"
	refused --iommu iommufd --device "mdev=$uuid"
	expect_text "$uuid: cannot be bound to an iommufd: another process has bound it" "$stderr"
	guest_end
	expect_status 0
	guest_start --iommu type1 --device "mdev=$uuid"
	refused --iommu type1 --device "mdev=$uuid"
	expect_text "$uuid: IOMMU group" "$stderr"
	expect_text "is in use by another process" "$stderr"
	guest_end
	expect_status 0
	for command in check info; do
		run --separate-stderr "$posthorn" $command "mdev=$other"
		expect_status 2
		expect_text "this host has no mediated device $other" "$stderr"
	done
	run --separate-stderr "$posthorn" run --kernel "$guest_kernel" --device "mdev=$other"
	expect_status 2
	expect_text "this host has no mediated device $other" "$stderr"
}

@test "beside a card, in one address space; and the host removes it: that waits for the guest" {
	local remover
	guest_start --iommu type1 --device "$nic" --device "mdev=$uuid"
	guest net-up
	guest_pings 5
	port_says 0000:00:02.0 0 "beside a card"
	echo 1 >"$device/remove" &
	remover=$!
	guest_pings 5
	port_says 0000:00:02.0 1 "still there"
	kill -0 "$remover"
	guest_end
	expect_status 0
	wait "$remover"
	[ ! -e "$device" ]
}

@test "a user without rights, whose limit of locked memory is low, has a guest with it" {
	files_open
	local group
	group=/dev/vfio/$(basename "$(readlink "$device/iommu_group")")
	chmod 666 /dev/kvm /dev/vfio/vfio "$group"
	guest_prefix=(prlimit --memlock=65536 "${nobody[@]}")
	guest_start --iommu type1 --device "mdev=$uuid"
	port_says 0000:00:01.0 0 "no rights"
	guest_end
	expect_status 0
	chmod 660 /dev/kvm
	chmod 600 /dev/vfio/vfio
}
