#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --monitor --device e1000e
# lab: --device pcie-root-port,id=root-port,chassis=1,addr=0x1c --device e1000e,id=nic,bus=root-port
# lab arm64: --append pci=config_acs=xx111x1@0000:00:1c.0
# A device that goes away, or fails, while a guest has it: the VM ends with exit code 4, and the host
# goes on. That includes what waits in the host for the device.
#
# On arm64 the port must not be in the IOMMU group of the card behind it, which takes ACS: else its
# own messages (hot-plug, AER) go nowhere while VFIO has the group.

load helpers

setup() {
	lab_setup
	other=${devices[0]}
	port=0000:00:1c.0
	nic=0000:01:00.0 # the bus behind the port
	[ -e "/sys/bus/pci/devices/$nic" ] || echo 1 >/sys/bus/pci/rescan
	"$posthorn" bind "$nic"
}

# Have the lab's QEMU do something to the machine.
monitor() {
	printf '%s\n' "$1" >/dev/lab-monitor
}

guest_with_traffic() {
	guest_start "$@"
	guest net-up
	guest_send 'echo begin; ping -q -i 0.001 10.0.2.2'
	guest_expect begin
}

# The VM ended for this reason, which the host had told it.
expect_end() {
	guest_wait
	expect_status 4
	expect_text "$1" "$(<"$BATS_TEST_TMPDIR/errors")"
}

@test "unbind from vfio-pci amid traffic: exit code 4, unbind goes through, the host's driver works" {
	guest_with_traffic --device "$nic"
	echo "$nic" >/sys/bus/pci/drivers/vfio-pci/unbind
	expect_end "$nic: the host wants the device back"
	[ ! -e "/sys/bus/pci/devices/$nic/driver" ]
	echo >"/sys/bus/pci/devices/$nic/driver_override"
	echo "$nic" >/sys/bus/pci/drivers_probe
	host_pings "$nic"
}

@test "unbind of the second device that a guest has: its name is in the message" {
	"$posthorn" bind "$other"
	guest_with_traffic --device "$nic" --device "$other"
	echo "$other" >/sys/bus/pci/drivers/vfio-pci/unbind
	expect_end "$other: the host wants the device back"
}

@test "removal by sysfs amid traffic: exit code 4; after a rescan another guest has the device" {
	guest_with_traffic --device "$nic"
	echo 1 >"/sys/bus/pci/devices/$nic/remove"
	expect_end "$nic: the host wants the device back"
	[ ! -e "/sys/bus/pci/devices/$nic" ]
	echo 1 >/sys/bus/pci/rescan
	"$posthorn" bind "$nic"
	guest_start --device "$nic"
	guest net-up
	guest_pings 5
	guest_end
	expect_status 0
}

@test "an uncorrectable error, reported by AER: exit code 4, and the name of the device" {
	guest_with_traffic --device "$nic"
	# A port tells of errors only when it may (SERR), which is for firmware to say.
	setpci -s "$port" COMMAND=0100:0100
	# A completion that did not come in time. The kernel tells all drivers below the port.
	monitor "pcie_aer_inject_error root-port COMP_TIME"
	expect_end "$nic: the device reported an error that cannot be corrected"
	dmesg | grep -F "$port: AER: "
}

@test "a triple fault: exit code 5, and the host's driver works" {
	[ "$arch" = x86_64 ] || skip "there is no triple fault"
	guest_start --device "$nic" --cmdline reboot=triple
	guest net-up
	guest_end 'reboot -f'
	expect_status 5
	# Where is not known to AMD's KVM, which the lab has.
	grep -x 'posthorn: error: the guest crashed: triple fault on vCPU 0' "$BATS_TEST_TMPDIR/errors"
	"$posthorn" unbind "$nic"
	host_pings "$nic"
}

# The last one: the card does not come back.
@test "the card is pulled out amid traffic: exit code 4, and the host's other card works" {
	guest_with_traffic --device "$nic"
	monitor "device_del nic"
	expect_end "$nic: the host wants the device back"
	timeout "$patience" sh -c "while [ -e /sys/bus/pci/devices/$nic ]; do sleep 0.1; done"
	"$posthorn" bind "$other"
	guest_start --device "$other"
	guest net-up
	guest_pings 5
	guest_end
	expect_status 0
}
