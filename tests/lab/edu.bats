#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device edu
# Plain MSI and DMA of a device that does what it is told, with no driver between it and the test.

load helpers

setup() {
	lab_setup
	edu=${devices[0]}
}

# edu_run: the payload, and its report of interrupts as $report.
edu_run() {
	local payload=$root/build/$arch/guest/payload/edu.elf
	[ "$arch" != arm64 ] || payload=${payload%.elf}.image
	report=$BATS_TEST_TMPDIR/report
	run --separate-stderr timeout --foreground 300 "$posthorn" run --memory 64M \
		--kernel "$payload" --device "$edu" --irq-report "$report" "$@" </dev/null
	cat "$report"
}

# msi_report FILTER: of the report's entry for MSI.
msi_report() {
	jq -e ".interrupts[] | select(.kind == \"MSI\") | $1" "$report"
}

@test "bare metal: 1,000 MSIs reach the guest one by one, and a live one moves to another vector" {
	[ "$LAB_POSTING" = off ] || skip "the same is posted: see the next test"
	edu_run
	expect_status 0
	[ "$output" = $'edu: 1000 interrupts\r\nedu: 100 interrupts on another vector\r\npayload: pass\r' ]
	msi_report '.host.count == 1100'
}

@test "the same is posted on a host that can: its handler never runs" {
	[ "$LAB_POSTING" = on ] || skip "this lab cannot post"
	edu_run --require-posting
	expect_status 0
	# One too many when the message changes: an ITS may drop the one that is on its way.
	[[ $output == $'edu: 1000 interrupts\r\nedu: 10'[01]$' interrupts on another vector\r\npayload: pass\r' ]]
	msi_report '.delivery == "posted" and .host.count == 0'
}

@test "bare metal: INTx that comes while the guest writes the command register" {
	local irq state
	irq=$(<"/sys/bus/pci/devices/$edu/irq")
	# Of how many interrupts the host's handler says that they are not its own; the file goes with it. A
	# few are on their way while INTx is being masked. Where a write of the command register undoes
	# what the handler did, there are thousands, and Linux may turn the line off: "nobody cared".
	while sleep 0.1; do
		state=$(cat "/proc/irq/$irq/spurious" 2>/dev/null) || continue
		echo "$state" >"$BATS_TEST_TMPDIR/spurious"
	done 3>&- &
	edu_run --cmdline command
	kill $!
	expect_status 0
	[ "$output" = $'edu: 1000 INTx during writes of the command register\r\npayload: pass\r' ]
	cat "$BATS_TEST_TMPDIR/spurious"
	[ "$(awk '$1 == "unhandled" { print $2 }' "$BATS_TEST_TMPDIR/spurious")" -lt 100 ]
}

# QEMU's docs/specs/edu.txt has the registers. No driver knows the device: Linux reaches it from
# its shell. It may use the 64 KiB at 240 MiB for DMA; Linux does not.
@test "from a shell: registers, DMA both ways, and an MSI that is counted once" {
	[ "$arch" = x86_64 ] || skip "memmap= and MSIs that nobody expects are for x86-64"
	guest_start --device "$edu" --cmdline 'memmap=64K$0xf000000'
	guest 'edu=0000:00:01.0; echo 1 >/sys/bus/pci/devices/$edu/enable'
	guest 'bar=$(sed -n "1s/ .*//p" /sys/bus/pci/devices/$edu/resource); config_set $edu 4 6 0'
	guest 'register() { devmem $((bar + $1)) 32 $2; }'
	guest 'register 0'
	[ "$output" = 0x010000ED ]
	guest 'register 4 0x12345678; register 4'
	[ "$output" = 0xEDCBA987 ]
	guest 'register 8 5; until [ $(($(register 0x20) & 1)) = 0 ]; do :; done; register 8'
	[ "$output" = 0x00000078 ]
	# DMA: a pattern into the device's buffer at 0x40000, and from there to elsewhere.
	guest 'dma() { devmem $((bar + 0x80)) 64 $1; devmem $((bar + 0x88)) 64 $2; devmem $((bar + 0x90)) 64 4; devmem $((bar + 0x98)) 64 $3; until [ $(($(devmem $((bar + 0x98)) 64) & 1)) = 0 ]; do :; done; }'
	guest 'devmem 0xf000000 32 0xcafe1234; devmem 0xf001000 32 0'
	guest 'dma 0xf000000 0x40000 1; dma 0x40000 0xf001000 3; devmem 0xf001000 32'
	[ "$output" = 0xCAFE1234 ]
	# Vector 0x61 of CPU 0, which nobody has: Linux says so when it comes.
	guest 'msi=$(cap_find $edu 5); config_set $edu $((msi + 4)) 0 0 0xe0 0xfe; config_set $edu $((msi + 8)) 0 0 0 0'
	guest 'config_set $edu $((msi + 12)) 0x61 0; config_set $edu $((msi + 2)) 1 0'
	guest 'register 0x60 1; until dmesg | grep "No irq handler for 0\.97"; do usleep 10000; done'
	local host=1
	[ "$LAB_POSTING" = off ] || host=0
	host_interrupts "$edu"
	[ "$(host_interrupts "$edu" | interrupts_sum)" = "0 $host" ]
	guest_end
	expect_status 0
}
