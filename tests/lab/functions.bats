#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device pcie-root-port,id=root-port,chassis=1,addr=0x12
# lab: --device e1000e,bus=root-port,addr=0.0,multifunction=on --device e1000e,bus=root-port,addr=0.1
# lab: --device nvme,bus=root-port,addr=0.3
# lab arm64: --posting off
# Functions of one device: a slot in the host, behind a root port, that has 0, 1 and 3.

load helpers

slot=0000:01:00 # the bus behind the port

setup_file() {
	lab_setup_file
	for function in 0 1 3; do
		"$posthorn" bind "$slot.$function" 2>/dev/null || return
	done
}

# guest_devices: what lspci shows first, of each function: "00:02.1 8086:10d3 80", with its header type.
guest_devices() {
	guest 'cd /sys/bus/pci/devices; for d in *; do echo "${d#0000:}" $(sed "s/^0x//" $d/vendor):$(sed "s/^0x//" $d/device) $(printf %02x $(config_byte $d 14)); done; cd /'
}

# guest_card FUNCTION: the network card there answers pings, and then is taken down.
guest_card() {
	guest "i=\$(ls /sys/bus/pci/devices/0000:00:$1/net) && net-up \$i && ping -q -c 20 -i 0.05 -W 5 -I \$i 10.0.2.2; ip addr flush dev \$i; ip link set \$i down"
	expect_text "20 packets received" "$output"
}

# guest_disk: what is written to it is read from it.
guest_disk() {
	guest 'dd if=/dev/urandom of=/tmp/data bs=1M count=2 && dd if=/tmp/data of=/dev/nvme0n1 bs=1M conv=fsync'
	guest 'echo 3 >/proc/sys/vm/drop_caches; a=$(head -c 2m /dev/nvme0n1 | sha256sum); b=$(sha256sum </tmp/data); [ "$a" = "$b" ]'
}

@test "functions of one device share a slot in the guest, and all of them work by MSI-X" {
	local report=$BATS_TEST_TMPDIR/report
	guest_start --device "$slot.0" --device "$slot.1" --device "$slot.3" --irq-report "$report"
	guest_devices
	[ "$output" = "00:00.0 1b36:0008 00
00:01.0 8086:10d3 80
00:01.1 8086:10d3 80
00:01.3 1b36:0010 80" ]
	guest_card 01.0
	guest_card 01.1
	guest_disk
	# The reset of one is nobody else's.
	guest 'd=0000:00:01.1; driver_unbind $d; echo 1 >/sys/bus/pci/devices/$d/reset; [ $((0x$(printf %x $(config_byte $d 14)))) = 128 ]; driver_bind $d'
	guest_card 01.1
	guest_card 01.0
	guest_end
	expect_status 0
	[ "$(jq '[.interrupts[] | select(.kind == "MSI-X" and .host.count > 0) | .bdf] | unique | length' "$report")" -eq 3 ]
}

@test "functions that share a pin share the guest's line: both cards work by INTx" {
	local line
	guest_start --device "$slot.0" --device "$slot.1" --cmdline e1000e.IntMode=0,0
	guest 'cat /sys/bus/pci/devices/0000:00:01.0/irq /sys/bus/pci/devices/0000:00:01.1/irq'
	line=${output%%$'\n'*}
	[ "$output" = "$line"$'\n'"$line" ]
	guest 'for f in 0 1; do ip link set $(ls /sys/bus/pci/devices/0000:00:01.$f/net) up; done; grep eth0, /proc/interrupts'
	expect_text eth1 "$output"
	guest 'for f in 0 1; do ip link set $(ls /sys/bus/pci/devices/0000:00:01.$f/net) down; done'
	guest_card 01.0
	guest_card 01.1
	expect_text vfio-intx "$(host_interrupts "$slot.0")"
	expect_text vfio-intx "$(host_interrupts "$slot.1")"
	guest_end
	expect_status 0
}

@test "addr= says otherwise: slots of their own, and a slot of functions from two slots" {
	guest_start -v --device "$slot.0,addr=1f" --device "$slot.1" --device "$slot.3,addr=1f.5"
	guest_devices
	[ "$output" = "00:00.0 1b36:0008 00
00:01.0 8086:10d3 00
00:1f.0 8086:10d3 80
00:1f.5 1b36:0010 80" ]
	guest_card 1f.0
	guest_card 01.0
	guest_disk
	guest_end
	expect_status 0
	expect_text "$slot.3 is 00:1f.5 in the guest" "$(<"$BATS_TEST_TMPDIR/errors")"
}

@test "function 0 that the guest does not get: the lowest is it, and the others keep their numbers" {
	guest_start --device "$slot.3" --device "$slot.1"
	guest_devices
	[ "$output" = "00:00.0 1b36:0008 00
00:01.0 8086:10d3 80
00:01.3 1b36:0010 80" ]
	guest_card 01.0
	guest_disk
	guest_end
	expect_status 0
}
