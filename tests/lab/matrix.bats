#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device e1000e --device nvme --device virtio-net
# What every host has to do, whatever its kernel and its emulator: scripts/matrix runs this file in each
# cell of the matrix. POSTHORN_TEST_IOMMU is the interface that maps DMA there, if it matters.

load helpers

setup() {
	lab_setup_three
	case $LAB_POSTING in
	on) expected=posted code=0 ;;
	*) expected=injected code=6 ;;
	esac
}

# deliveries: how the MSI-X of the report went, each way once.
deliveries() {
	jq -r '[.interrupts[] | select(.kind == "MSI-X") | .delivery] | unique | join(" ")' "$report"
}

@test "MSI-X: an e1000e pings, and the report says how its interrupts went" {
	guest_start --device "$nic" --irq-report "$report" --require-posting
	guest net-up
	guest 'ping -q -A -c 200 -W 5 10.0.2.2 | grep "200 packets received"'
	local host
	host=$(counts_sum "$(host_interrupts "$nic" | interrupts_sum)")
	guest_end
	expect_status $code
	[ "$(deliveries)" = $expected ]
	[ -z "${POSTHORN_TEST_IOMMU-}" ] || [ "$(jq -r .iommu "$report")" = "$POSTHORN_TEST_IOMMU" ]
	if [ $expected = posted ]; then
		[ "$host" -eq 0 ]
	else
		[ "$host" -ge 200 ]
	fi
}

@test "the control: with irq-path=userspace the report says so, and --require-posting ends with 6" {
	guest_start --device "$nic,irq-path=userspace" --irq-report "$report" --require-posting
	guest net-up
	guest_pings 20
	[ "$(counts_sum "$(host_interrupts "$nic" | interrupts_sum)")" -ge 20 ]
	guest_end
	expect_status 6
	[ "$(deliveries)" = userspace ]
}

@test "INTx: an e1000e pings" {
	guest_start --device "$nic" --irq-report "$report" --cmdline e1000e.IntMode=0
	guest net-up
	guest_pings 20
	expect_text vfio-intx "$(host_interrupts "$nic")"
	guest_end
	expect_status 0
	jq -e '.interrupts | length == 1 and .[0].kind == "INTx" and .[0].delivery == "injected" and
		.[0].host.count > 0' "$report"
}

@test "an nvme has what was written to it, and a virtio-net pings, in one guest" {
	guest_start --device "$disk" --device "$virtio" --irq-report "$report"
	guest 'dd if=/dev/urandom of=/tmp/data bs=1M count=8 && dd if=/tmp/data of=/dev/nvme0n1 bs=1M conv=fsync'
	guest 'echo 3 >/proc/sys/vm/drop_caches; a=$(head -c 8m /dev/nvme0n1 | sha256sum); b=$(sha256sum </tmp/data); [ "$a" = "$b" ]'
	guest net-up
	guest_pings 20
	guest_end
	expect_status 0
	[ "$(deliveries)" = $expected ]
}

@test "SIGKILL amid traffic: the host's driver gets the card back and works, and so does the next guest" {
	traffic_start "$nic"
	traffic_kill "$nic"
	guest_start --device "$nic"
	guest net-up
	guest_pings 20
	guest_end
	expect_status 0
}
