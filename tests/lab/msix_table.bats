#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device nvme --device virtio-net --device qemu-xhci,id=usb --qemu -device\ usb-mouse,bus=usb.0
# Drivers of devices whose MSI-X table is in a BAR of its own, which the devices do not have. Those of
# an igb are in sriov.bats, and what it is good for is in pages_16k.bats.

load helpers

# table_is SLOT BAR OFFSET: where the guest's capability has the table.
table_is() {
	guest "d=0000:00:0$1.0; at=\$(cap_find \$d 0x11); od -An -tx4 -j \$((at + 4)) -N 4 /sys/bus/pci/devices/\$d/config"
	[ $((0x${output// /})) -eq $(($2 | $3)) ]
}

@test "nvme, virtio and xHCI work with msix-table=own, and each table is where no BAR was" {
	local report=$BATS_TEST_TMPDIR/report options=()
	for device in "${devices[@]}"; do
		options+=(--device "$device,msix-table=own")
	done
	guest_start -v "${options[@]}" --irq-report "$report"
	table_is 1 5 0
	# BAR 4 of virtio has 64 bits, and so takes the number 5 too.
	table_is 2 3 0
	table_is 3 5 0
	expect_text "${devices[0]}: its MSI-X table is in BAR 5 in the guest" \
		"$(<"$BATS_TEST_TMPDIR/errors")"
	guest 'dd if=/dev/urandom of=/tmp/data bs=1M count=2 && dd if=/tmp/data of=/dev/nvme0n1 bs=1M conv=fsync'
	guest 'echo 3 >/proc/sys/vm/drop_caches; a=$(head -c 2m /dev/nvme0n1 | sha256sum); b=$(sha256sum </tmp/data); [ "$a" = "$b" ]'
	guest net-up
	guest_pings 50
	guest 'until [ -e /sys/bus/usb/devices/1-1/product ]; do usleep 10000; done; cat /sys/bus/usb/devices/1-1/product'
	expect_text "USB Mouse" "$output"
	# Its reset brings the table back to where it was.
	guest 'd=0000:00:01.0; driver_unbind $d; echo 1 >/sys/bus/pci/devices/$d/reset; driver_bind $d; until [ -e /dev/nvme0n1 ]; do usleep 10000; done'
	table_is 1 5 0
	guest 'echo 3 >/proc/sys/vm/drop_caches; [ "$(head -c 2m /dev/nvme0n1 | sha256sum)" = "$(sha256sum </tmp/data)" ]'
	guest_end
	expect_status 0
	[ "$(jq '[.interrupts[] | select(.kind == "MSI-X") | .bdf] | unique | length' "$report")" -eq 3 ]
}

@test "on pages of 4 KiB it stays where the devices have it: no registers share its page" {
	guest_start --device "${devices[0]}"
	table_is 1 0 0x2000
	guest_end
	expect_status 0
}
