#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device e1000e --device e1000e --device nvme --device virtio-net --device qemu-xhci
# What guests do with devices of several kinds.

load helpers

setup() {
	lab_setup
	nic=${devices[0]}
	second_nic=${devices[1]}
	disk=${devices[2]}
	virtio=${devices[3]}
	usb=${devices[4]}
	# The guest's first device is its 0000:00:01.0, and so on.
	guest_nic=0000:00:01.0
}

teardown() {
	lab_teardown
	echo 0 >/proc/sys/vm/nr_hugepages
}

# guest_interface BDF: $interface is the name of its network interface in the guest.
guest_interface() {
	guest "for i in /sys/class/net/*; do case \$(readlink \$i) in */$1/*) basename \$i ;; esac; done"
	interface=$output
}

@test "two network cards, a disk, virtio-net and xHCI in one guest with two CPUs: all work" {
	local slot moves
	guest_start --device "$nic" --device "$second_nic" --device "$disk" --device "$virtio" \
		--device "$usb" --cpus 2

	# The networks are all alike: one interface at a time has the address.
	for slot in 1 2 4; do
		guest_interface "0000:00:0$slot.0"
		guest "net-up $interface && ping -q -c 10 -i 0.05 -W 5 -I $interface 10.0.2.2"
		expect_text "10 packets received" "$output"
		guest "ip addr flush dev $interface; ip link set $interface down"
	done

	# Written, then read from the disk and not from memory.
	guest 'dd if=/dev/urandom of=/tmp/data bs=1M count=8 && dd if=/tmp/data of=/dev/nvme0n1 bs=1M conv=fsync'
	guest 'echo 3 >/proc/sys/vm/drop_caches; a=$(head -c 8m /dev/nvme0n1 | sha256sum); b=$(sha256sum </tmp/data); echo "$a"; [ "$a" = "$b" ]'
	guest 'grep nvme0q /proc/interrupts'
	[ "$(counts_sum "$(interrupts_sum <<<"$output")")" -gt 0 ]

	# A root hub for USB 2 and one for USB 3.
	guest 'cat /sys/bus/usb/devices/usb[12]/speed'
	[ "$output" = $'480\n5000' ]

	# The vectors of the card go from CPU to CPU while it is busy.
	guest_interface "$guest_nic"
	guest "net-up $interface; vectors=\$(sed -n 's/:.*$interface.*//p' /proc/interrupts); [ \$(echo \$vectors | wc -w) = 3 ]"
	guest_send "ping -q -A -c 1000 -W 5 10.0.2.2 >/tmp/pings & p=\$!; moves=0; cpu=1; while kill -0 \$p; do for v in \$vectors; do echo \$cpu >/proc/irq/\$v/smp_affinity || exit 1; done; moves=\$((moves + 1)); cpu=\$((3 - cpu)); done 2>/dev/null; echo moves \$moves; cat /tmp/pings"
	guest_done
	expect_text "1000 packets received" "$output"
	moves=$(sed -n 's/^moves //p' <<<"$output")
	echo "# the vectors moved $moves times" >&3
	[ "$moves" -ge 100 ]
	# And both CPUs have had some.
	guest "awk '/$interface-rx/ { exit !(\$2 > 0 && \$3 > 0) }' /proc/interrupts"
	guest_end
	expect_status 0
}

@test "decoding off and on, D3hot and back, a reset by the guest: the card works afterwards" {
	guest_start --device "$nic"
	guest "d=$guest_nic; driver_unbind \$d; cp /sys/bus/pci/devices/\$d/resource /tmp/resource"

	# Memory decoding off and on (driver less): the registers are there, gone and there again. The
	# one that is read holds the first bytes of the network address, which stay.
	guest 'bar=$(sed -n "1s/ .*//p" /tmp/resource); config_set $d 4 6 0; devmem $((bar + 0x5400)) 32'
	local register=$output
	guest 'config_set $d 4 0 0; devmem $((bar + 0x5400)) 32'
	[ "$output" = 0xFFFFFFFF ]
	guest 'config_set $d 4 6 0; devmem $((bar + 0x5400)) 32'
	[ "$output" = "$register" ]
	[ "$register" != 0xFFFFFFFF ]

	# D3hot by way of the power management capability, and back.
	guest 'pm=$(($(cap_find $d 1) + 4)); config_set $d $pm 3 0; config_byte $d $pm'
	[ $((output & 3)) -eq 3 ]
	guest 'devmem $((bar + 0x5400)) 32'
	[ "$output" = 0xFFFFFFFF ]
	guest 'config_set $d $pm 0 0; config_byte $d $pm'
	[ $((output & 3)) -eq 0 ]
	guest 'config_set $d 4 0 0; driver_bind $d && net-up'
	guest_pings 5

	# A reset, as the guest knows it.
	guest 'driver_unbind $d; cat /sys/bus/pci/devices/$d/reset_method; echo 1 >/sys/bus/pci/devices/$d/reset'
	echo "# reset by: $output" >&3
	guest 'driver_bind $d && net-up'
	guest_pings 5
	guest_end
	expect_status 0
}

@test "huge pages: all of the guest's memory is in them; a reboot by the guest is exit code 0" {
	echo 130 >/proc/sys/vm/nr_hugepages
	[ "$(</proc/sys/vm/nr_hugepages)" -eq 130 ]
	guest_start --memory 256M,hugepages=on --device "$virtio" --device "$disk"
	guest_interface "$guest_nic"
	guest "net-up $interface"
	guest_pings 5
	guest 'dd if=/dev/nvme0n1 of=/dev/null bs=1M count=8'
	[ "$(awk '/^HugePages_Free/ { print $2 }' /proc/meminfo)" -le 2 ]
	guest_end 'reboot -f'
	expect_status 0
	[ "$(awk '/^HugePages_Free/ { print $2 }' /proc/meminfo)" -eq 130 ]
}
