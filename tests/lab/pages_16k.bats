#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab arm64: --pages 16k --device e1000e --device nvme --device virtio-net
# A host with pages of 16 KiB: what is trapped and what is mapped follows them.

load helpers

setup() {
	lab_setup_three
	[ "$(getconf PAGESIZE)" -eq 16384 ]
}

@test "the same guest as elsewhere, with pages of 4 KiB: card, disk and virtio-net work, posted" {
	guest_start --device "$nic" --device "$disk" --device "$virtio" --cpus 2 \
		--irq-report "$report" --require-posting
	guest 'dd if=/dev/urandom of=/tmp/data bs=1M count=4 && dd if=/tmp/data of=/dev/nvme0n1 bs=1M conv=fsync'
	guest 'echo 3 >/proc/sys/vm/drop_caches; a=$(head -c 4m /dev/nvme0n1 | sha256sum); b=$(sha256sum </tmp/data); [ "$a" = "$b" ]'
	guest 'net-up eth0; ping -q -A -c 200 -W 5 10.0.2.2 | grep "200 packets received"'
	guest 'ip addr flush dev eth0; ip link set eth0 down; net-up eth1'
	guest_pings 20
	guest_end
	expect_status 0
	[ "$(jq '[.interrupts[] | select(.kind == "MSI-X") | .bdf] | unique | length' "$report")" -eq 3 ]
}

# exits_read: how often KVM had to ask posthorn for an access to memory, so far.
exits_read() {
	cat /sys/kernel/debug/kvm/"$pid"-*/mmio_exit_user
}

# reads_count DEVICE: $exits are those of 1,000 reads of the disk, whose --device this is.
reads_count() {
	guest_start --device "$1"
	guest_send 'echo begin; dd if=/dev/nvme0n1 of=/dev/null bs=4k count=1000 iflag=direct 2>/tmp/reads; echo end; cat /tmp/reads'
	guest_expect begin
	exits=$(exits_read)
	guest_expect end
	exits=$(($(exits_read) - exits))
	guest_done
	expect_text "1000+0 records in" "$output"
	guest_end
	expect_status 0
}

# Registers, doorbells, table and pending bits of QEMU's nvme are in one BAR, which is one page here.
# The doorbell of completions may be written once for several of them.
@test "the doorbells of an nvme cost no exit where its MSI-X table has moved, else one or two a read" {
	local exits control
	reads_count "$disk,msix-table=device"
	control=$exits
	reads_count "$disk"
	echo "# exits to posthorn for 1,000 reads: $exits; with msix-table=device: $control" >&3
	[ "$control" -ge 1000 ]
	[ "$exits" -lt 100 ]
}

@test "a guest with pages of 16 KiB" {
	local minimal=$root/build/$arch/guest/minimal.cpio.gz
	run --separate-stderr timeout 300 "$posthorn" run --kernel "$LAB_KERNEL/vmlinuz" \
		--initrd "$minimal" --memory 256M --cmdline "quiet end=poweroff $guest_quick" </dev/null
	expect_status 0
	expect_text 'posthorn-guest: init' "$output"
}

@test "--memory that is no multiple of the host's page size: exit code 2" {
	run --separate-stderr "$posthorn" run --kernel "$LAB_KERNEL/vmlinuz" --memory 65540K
	expect_status 2
	expect_text "multiple of 16K" "$stderr"
}
