#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --posting on --device e1000e --device nvme --device virtio-net
# A host that can post: the interrupts of devices reach the guest, and no handler of the host runs.
# tests/lab/injected.bats is the control: the same on a host that cannot.

load helpers

setup() {
	lab_setup_three
}

@test "1,000 pings: the host's handlers never run, --require-posting ends with 0" {
	guest_start --device "$nic" --irq-report "$report" --require-posting
	guest net-up
	guest 'ping -q -A -c 1000 -W 5 10.0.2.2 | grep "1000 packets received"'
	guest 'grep eth0 /proc/interrupts'
	echo "# the guest counts $(counts_sum "$(interrupts_sum <<<"$output")")," \
		"the host $(counts_sum "$(host_interrupts "$nic" | interrupts_sum)")" >&3
	[ "$(counts_sum "$(interrupts_sum <<<"$output")")" -ge 1000 ]
	[ "$(host_interrupts "$nic" | grep -c vfio-msix)" -eq 3 ]
	[ "$(counts_sum "$(host_interrupts "$nic" | interrupts_sum)")" -eq 0 ]
	guest_end
	expect_status 0
	jq . "$report"
	jq -e '[.interrupts[] | select(.kind == "MSI-X")] |
		length == 3 and all(.delivery == "posted" and .host.count == 0)' "$report"
	jq -e '.posting.possible' "$report"
}

@test "200 affinity changes under traffic, two CPUs: no ping is lost, and all stay posted" {
	guest_start --device "$nic" --cpus 2 --irq-report "$report" --require-posting
	guest 'net-up; vectors=$(sed -n "s/:.*eth0.*//p" /proc/interrupts); [ $(echo $vectors | wc -w) = 3 ]'
	guest_send 'ping -q -A -c 1000 -W 5 10.0.2.2 >/tmp/pings & p=$!; moves=0; cpu=1; while kill -0 $p; do for v in $vectors; do echo $cpu >/proc/irq/$v/smp_affinity || exit 1; done; moves=$((moves + 1)); cpu=$((3 - cpu)); done 2>/dev/null; echo moves $moves; cat /tmp/pings'
	guest_done
	expect_text "1000 packets received" "$output"
	local moves
	moves=$(sed -n 's/^moves //p' <<<"$output")
	echo "# the vectors moved $moves times" >&3
	[ "$moves" -ge 200 ]
	guest 'awk "/eth0-rx/ { exit !(\$2 > 0 && \$3 > 0) }" /proc/interrupts'
	# arm64 moves an interrupt by a command for the ITS. On x86-64 the guest masks the vector and
	# writes another message; what comes in between is kept, and injected.
	local masked
	masked=$(counts_sum "$(host_interrupts "$nic" | interrupts_sum)")
	echo "# while a vector was masked, $masked came" >&3
	[ "$arch" = x86_64 ] || [ "$masked" -eq 0 ]
	guest_pings 100
	[ "$(counts_sum "$(host_interrupts "$nic" | interrupts_sum)")" -eq "$masked" ]
	guest_end
	expect_status 0
	jq . "$report"
	jq -e '[.interrupts[] | select(.kind == "MSI-X")] |
		length == 3 and all(.delivery == "posted" and .host.count == .host.masked)' "$report"
	jq -e "[.interrupts[] | select(.kind == \"MSI-X\") | .host.masked] | add >= $masked" "$report"
}

@test "a driver that is unbound and bound again is posted again, and the counts stay 0" {
	guest_start --device "$nic" --irq-report "$report" --require-posting
	guest 'd=0000:00:01.0'
	for _ in 1 2 3; do
		guest 'net-up'
		guest_pings 20
		guest 'driver_unbind $d && driver_bind $d'
	done
	guest_end
	expect_status 0
	jq -e '[.interrupts[] | select(.kind == "MSI-X")] |
		length == 3 and all(.delivery == "posted" and .host.count == 0)' "$report"
}

@test "card, disk and virtio-net in one guest with two CPUs: all are posted" {
	guest_start --device "$nic" --device "$disk" --device "$virtio" --cpus 2 \
		--irq-report "$report" --require-posting
	guest 'dd if=/dev/urandom of=/tmp/data bs=1M count=4 && dd if=/tmp/data of=/dev/nvme0n1 bs=1M conv=fsync'
	guest 'echo 3 >/proc/sys/vm/drop_caches; a=$(head -c 4m /dev/nvme0n1 | sha256sum); b=$(sha256sum </tmp/data); [ "$a" = "$b" ]'
	guest 'net-up eth0'
	guest_pings 20
	guest 'ip addr flush dev eth0; ip link set eth0 down; net-up eth1'
	guest_pings 20
	guest_end
	expect_status 0
	jq -c '.interrupts[] | [.bdf, .kind, .vector, .host.count, .delivery, .reason]' "$report"
	jq -e '[.interrupts[] | select(.kind == "MSI-X") | .bdf] | unique | length == 3' "$report"
	jq -e '[.interrupts[] | select(.kind == "MSI-X")] | all(.delivery == "posted")' "$report"
}

@test "irq-path=userspace on the same host: nothing is posted, and --require-posting ends with 6" {
	guest_start --device "$nic,irq-path=userspace" --irq-report "$report" --require-posting
	guest net-up
	guest_pings 50
	[ "$(counts_sum "$(host_interrupts "$nic" | interrupts_sum)")" -gt 0 ]
	guest_end
	expect_status 6
	jq -e '[.interrupts[] | select(.kind == "MSI-X")] | length == 3 and all(.delivery == "userspace")' \
		"$report"
	expect_text "MSI-X vector 0 was not shown to be posted (userspace)" \
		"$(<"$BATS_TEST_TMPDIR/errors")"
}
