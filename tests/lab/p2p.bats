#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device edu,dma_mask=0xffffffffffffffff --device bochs-display
# DMA from one assigned device into a BAR of another: edu copies what it is told to, and the first BAR
# of the display is memory.

load helpers

setup() {
	lab_setup
	edu=${devices[0]}
	display=${devices[1]}
}

# The guest: $bar is edu's, $memory the display's, and dma FROM TO COMMAND copies 4 bytes.
peers_start() {
	guest_start --iommu type1 --device "$edu" --device "$display"
	guest 'edu=0000:00:01.0; display=0000:00:02.0; [ ! -e /sys/bus/pci/devices/$display/driver ] || driver_unbind $display; for i in $edu $display; do echo 1 >/sys/bus/pci/devices/$i/enable; done'
	guest 'bar=$(sed -n "1s/ .*//p" /sys/bus/pci/devices/$edu/resource); memory=$(sed -n "1s/ .*//p" /sys/bus/pci/devices/$display/resource); config_set $edu 4 6 0; echo $memory'
	echo "# the display's memory is at $output" >&3
	guest 'dma() { devmem $((bar + 0x80)) 64 $1; devmem $((bar + 0x88)) 64 $2; devmem $((bar + 0x90)) 64 4; devmem $((bar + 0x98)) 64 $3; until [ $(($(devmem $((bar + 0x98)) 64) & 1)) = 0 ]; do :; done; }'
	guest 'devmem $memory 32 0xcafe1234; devmem $((memory + 0x1000)) 32 0x11111111'
}

@test "by type 1: a device reads and writes another one's memory" {
	peers_start
	guest 'dma $memory 0x40000 1; dma 0x40000 $((memory + 0x1000)) 3; devmem $((memory + 0x1000)) 32'
	[ "$output" = 0xCAFE1234 ]
	# It follows the BAR: the guest has it turned off, moved and turned on again.
	guest 'config_set $display 4 0 0; config_set $display 4 2 0'
	guest 'devmem $memory 32 0x5555aaaa; dma $memory 0x40000 1; dma 0x40000 $((memory + 0x1000)) 3; devmem $((memory + 0x1000)) 32'
	[ "$output" = 0x5555AAAA ]
	guest_end
	expect_status 0
}

@test "the control: what the guest has turned off no device reaches" {
	peers_start
	guest 'dma $memory 0x40000 1; config_set $display 4 0 0; dma 0x40000 $((memory + 0x1000)) 3; config_set $display 4 2 0; devmem $((memory + 0x1000)) 32'
	[ "$output" = 0x11111111 ]
	guest_end
	expect_status 0
	# The IOMMU's complaint is what stands between the two.
	[ "$arch" = arm64 ] || dmesg | grep "DMAR:.*fault"
	dmesg -C
}
