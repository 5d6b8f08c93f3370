#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # variables of helpers.bash and bats
# lab x86_64: --qemu "-object memory-backend-memfd,id=large,size=64G -object memory-backend-memfd,id=first,size=8G"
# lab x86_64: --qemu "-object memory-backend-memfd,id=second,size=8G"
# lab x86_64: --device ivshmem-plain,memdev=large --device ivshmem-plain,memdev=first
# lab x86_64: --device ivshmem-plain,memdev=second
# lab x86_64: --device pci-testdev,membar=256G --device pci-testdev,membar=256G
# BARs of many GiB, which have memory behind them. How long the start takes with one is counted by
# scripts/lab.d/large-bars.

load helpers

setup() {
	lab_setup
	large=${devices[0]}
	first=${devices[1]}
	second=${devices[2]}
}

# bar_address BDF: in the guest, in hexadecimal; memory of the function is on.
bar_address() {
	guest "echo 1 >/sys/bus/pci/devices/$1/enable; sed -n '3s/ .*//p' /sys/bus/pci/devices/$1/resource"
	[[ $output == 0x* ]]
}

# at ADDRESS OFFSET
at() {
	printf '0x%x' $(($1 + $2))
}

# bytes WORD: the four bytes of it, the lowest first.
bytes() {
	echo $(($1 & 0xff)) $(($1 >> 8 & 0xff)) $(($1 >> 16 & 0xff)) $(($1 >> 24 & 0xff))
}

@test "64 GiB are guest memory to the last page, in pages of 1 GiB" {
	local bar last before
	guest_start -v --device "$large"
	bar_address 0000:00:01.0
	bar=$output
	last=$(at "$bar" $((0xfffffffff)))
	last=$((last & ~3))
	[ "$arch" != x86_64 ] || before=$(cat "/sys/kernel/debug/kvm/$pid"-*/pages_1g)
	trace_count kvm_userspace_exit reason
	guest "devmem $bar 32 0x11223344; devmem $last 32 0x55667788; devmem $bar 32; devmem $last 32"
	[ "$output" = $'0x11223344\n0x55667788' ]
	[ "$arch" != x86_64 ] || [ "$(cat "/sys/kernel/debug/kvm/$pid"-*/pages_1g)" = $((before + 2)) ]
	grep -F "$large: BAR 2: 65536 MiB at $(printf '0x%x' "$bar") in the guest" \
		"$BATS_TEST_TMPDIR/errors" | grep -F 'aligned for pages of 1 GiB'
	guest_end
	expect_status 0
}

# Both are mapped for DMA too, as there are two functions.
@test "two BARs of 8 GiB change places, and their memory goes with them" {
	local bars=() bar
	guest_start --device "$first" --device "$second"
	for function in 1 2; do
		bar_address "0000:00:0$function.0"
		bars+=("$output")
		guest "devmem $output 32 $function; devmem $(at "$output" 0x1fffffffc) 32 0x1$function"
	done
	for function in 1 2; do
		bar=${bars[2 - function]}
		guest "config_set 0000:00:0$function.0 4 0 0"
		guest "config_set 0000:00:0$function.0 24 $(bytes "$bar")"
		guest "config_set 0000:00:0$function.0 28 $(bytes $((bar >> 32)))"
	done
	for function in 1 2; do
		guest "config_set 0000:00:0$function.0 4 2 0"
	done
	guest "for bar in ${bars[*]}; do devmem \$bar 32; devmem \$((bar + 0x1fffffffc)) 32; done"
	[ "$output" = $'0x00000002\n0x00000012\n0x00000001\n0x00000011' ]
	[ "$(grep -c 'by DMA' "$BATS_TEST_TMPDIR/errors")" = 0 ]
	guest_end
	expect_status 0
}

@test "BARs that the IOMMU does not reach are the guest's all the same, and it is said" {
	[ "$arch" = x86_64 ] || skip "the emulated IOMMU of arm64 has 44 address bits"
	for function in 3 4; do
		[ $(($(sed -n '3s/ .*//p' "/sys/bus/pci/devices/${devices[function]}/resource"))) -ne 0 ] ||
			skip "this lab's host has no room for two BARs of 256 GiB in its 40 address bits"
	done
	guest_start --device "${devices[3]}" --device "${devices[4]}"
	for function in 1 2; do
		bar_address "0000:00:0$function.0"
		[ $((output)) -ge $((1 << 39)) ]
		grep -F "${devices[2 + function]}: BAR 2 is at $(printf '0x%x' "$output") in the guest" \
			"$BATS_TEST_TMPDIR/errors" | grep -F 'do not reach it by DMA'
	done
	guest_end
	expect_status 0
}
