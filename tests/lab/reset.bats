#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device pcie-root-port,id=root-port,chassis=1,addr=0x12
# lab: --device qemu-xhci,bus=root-port,addr=0.0,multifunction=on,id=usb
# lab: --device qemu-xhci,bus=root-port,addr=0.1,id=other
# lab: --qemu -device\ usb-mouse,bus=usb.0
# lab arm64: --posting off
# Two USB controllers behind a port, functions of one device. They have no function-level reset, and
# what else the kernel could do with one of them alone is turned off; with their bus they can be reset.

load helpers

first=0000:01:00.0 # the bus behind the port
second=0000:01:00.1

setup_file() {
	lab_setup_file
	modprobe pci-stub
	for function in "$first" "$second"; do
		"$posthorn" bind "$function" || return
		[ ! -e "/sys/bus/pci/devices/$function/reset_method" ] ||
			echo >"/sys/bus/pci/devices/$function/reset_method" || return
	done
}

setup() {
	lab_setup
	errors=$BATS_TEST_TMPDIR/errors
}

# Whatever a test did with the second one.
teardown() {
	lab_teardown
	driver_is "$second" vfio-pci || {
		echo "$second" >"/sys/bus/pci/devices/$second/driver/unbind" 2>/dev/null || true
		echo >"/sys/bus/pci/devices/$second/driver_override"
		"$posthorn" bind "$second"
	}
}

# away DRIVER: the second function is given to another driver, or to none.
away() {
	echo "$second" >"/sys/bus/pci/devices/$second/driver/unbind"
	echo pci-stub >"/sys/bus/pci/devices/$second/driver_override"
	[ "$1" = none ] || echo "$second" >/sys/bus/pci/drivers_probe
	[ "$1" = none ] || driver_is "$second" "$1"
}

# guest_reset FUNCTION: the function-level reset, as its driver would ask for it.
guest_reset() {
	guest "d=0000:00:01.$1; at=\$(cap_find \$d 0x10); config_set \$d \$((at + 8)) \$(config_byte \$d \$((at + 8))) \$((\$(config_byte \$d \$((at + 9))) | 0x80))"
}

# flr_is_offered: Device Capabilities, bit 28.
flr_is_offered() {
	guest 'd=0000:00:01.0; at=$(cap_find $d 0x10); [ $(($(config_byte $d $((at + 7))) & 0x10)) -ne 0 ]'
}

@test "a bus that is all the guest's is reset at the start, once, and for the guest" {
	run --separate-stderr "$posthorn" check "$first"
	expect_text "with its bus, if the same guest has $second" "$output"
	run --separate-stderr "$posthorn" info "$first"
	expect_text "VFIO can reset it with its bus; " "$output"

	guest_start -v --device "$first" --device "$second"
	expect_text "$first: reset with its bus" "$(<"$errors")"
	expect_text "$second: reset with its bus" "$(<"$errors")"
	flr_is_offered
	guest 'until [ -e /sys/bus/usb/devices/1-1/product ]; do usleep 10000; done'

	# The guest uses the other one: nothing is reset, and the message says why. It is said once.
	guest 'driver_unbind 0000:00:01.0'
	guest_reset 0
	expect_text "$first: the guest asked for a reset, which would reset $second too" \
		"$(<"$errors")"
	guest_reset 0
	[ "$(grep -c 'asked for a reset' "$errors")" -eq 1 ]

	# Without it, what was written to the controller is gone after the reset: its scratch
	# register, the device notification control at 0x14 of the operational registers.
	guest 'driver_unbind 0000:00:01.1; config_set 0000:00:01.1 4 0 0; config_set 0000:00:01.0 4 2 0'
	guest 'bar=$(sed -n "1s/ .*//p" /sys/bus/pci/devices/0000:00:01.0/resource); register=$((bar + $(($(devmem $bar 8))) + 0x14)); devmem $register 32 0x5a5a; devmem $register 32'
	[ "$output" = 0x00005A5A ]
	# The BAR goes back to where it was first, and the guest may have moved it.
	guest 'bar=; for at_bar in 16 17 18 19 20 21 22 23; do bar="$bar $(config_byte 0000:00:01.0 $at_bar)"; done'
	guest_reset 0
	guest 'config_set 0000:00:01.0 16 $bar; config_set 0000:00:01.0 4 2 0; devmem $register 32'
	[ "$output" = 0x00000000 ]
	guest 'rm -f /tmp/found; driver_bind 0000:00:01.0 && until [ -e /sys/bus/usb/devices/*-1/product ]; do usleep 10000; done'
	guest_end
	expect_status 0
}

@test "a sibling that another driver has, or none: a warning names it, and nothing is reset" {
	for driver in pci-stub none; do
		away "$driver"
		run --separate-stderr "$posthorn" check "$first"
		expect_status 0
		expect_text "with its bus only, where $second is" "$output"
		expect_text "posthorn bind $second, and give it to the same guest" "$output"
		guest_start -v --device "$first"
		expect_text "$first: it can be reset with its bus only, and $second there is not" \
			"$(<"$errors")"
		if flr_is_offered; then false; fi
		guest 'until [ -e /sys/bus/usb/devices/1-1/product ]; do usleep 10000; done'
		guest_end
		expect_status 0
		"$posthorn" unbind "$second" 2>/dev/null || true
		[ "$driver" = none ] || echo "$second" >"/sys/bus/pci/devices/$second/driver/unbind"
		echo >"/sys/bus/pci/devices/$second/driver_override"
		"$posthorn" bind "$second"
	done
}

@test "calls that fail: the exit code, and a message that names the function" {
	local faulty=$root/build/$arch-sanitize/tests/fault/posthorn
	[ "$arch" = x86_64 ] || skip "the same as on x86-64"
	[ -x "$faulty" ] || faulty=$root/build/$arch/tests/fault/posthorn
	"$root/tests/fault/inject" --name "$arch: reset with the bus" --device "$first" \
		--only '* ioctl VFIO_DEVICE_*HOT_RESET*' -- "$faulty" run \
		--kernel "$root/build/$arch/guest/payload/faults.elf" --memory 32M --seccomp off \
		--device "$first" --console "$BATS_TEST_TMPDIR/console" >"$BATS_TEST_TMPDIR/table" || {
		cat "$BATS_TEST_TMPDIR/table"
		return 1
	}
	sed 's/^/# /' "$BATS_TEST_TMPDIR/table" >&3
}
