#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab x86_64: --posting on --monitor --device e1000e --device edu
# The lab's machine that posts on x86-64 (scripts/lab.d/qemu) keeps its own books: what the IOMMU
# posts is what the guest takes, whether its vCPUs run, sleep or wait for a CPU. Each mistake in
# scripts/lab.d/qemu/mutations makes a test here fail: scripts/mutations shows that.

load helpers

# KVM looks at IRR for a while before it lets a vCPU sleep, and would hide that nothing wakes it.
setup_file() {
	lab_setup_file
	echo 0 >/sys/module/kvm/parameters/halt_poll_ns
}

setup() {
	lab_setup
	nic=${devices[0]}
	edu=${devices[1]}
	iommu_read
	posted_before=$posted merged_before=$merged logged_before=$logged
}

# monitor_number NAME: a count of the IOMMU's, as QEMU's monitor tells, in $number.
monitor_number() {
	echo "qom-get /machine/peripheral/iommu gam-$1" >&"$monitor"
	while read -r -t 60 -u "$monitor" number; do
		number=${number%$'\r'}
		[[ ! $number =~ ^[0-9]+$ ]] || return 0
	done
	return 1
}

# What the IOMMU has counted: $posted, $merged (those that were pending already) and $logged (those
# whose vCPU did not run), of a time when nothing was posted.
iommu_read() {
	local monitor number=''
	exec {monitor}<>/dev/lab-monitor
	monitor_number posted
	posted=''
	until [ "$number" = "$posted" ]; do
		posted=$number
		monitor_number merged
		merged=$number
		monitor_number logged
		logged=$number
		monitor_number posted
	done
	exec {monitor}>&-
}

# expect_all_taken [MOVES]: the guest took what was posted, and the host's handlers did not run, but for
# each of the MOVES of a vector: while the guest has it masked for that, what comes is injected, and
# Linux takes what is pending then once more. The driver makes its device interrupt every two seconds,
# so it is looked again where something was on its way. On a machine that is so busy that there
# always is, the guest took no less than was posted before it was asked, and no more than after.
expect_all_taken() {
	local least injected moves=${1-0}
	for _ in {1..20}; do
		iommu_read
		least=$((posted - posted_before - merged + merged_before))
		guest 'grep eth0 /proc/interrupts'
		taken=$(counts_sum "$(interrupts_sum <<<"$output")")
		iommu_read
		[ "$taken" -lt $((posted - posted_before - merged + merged_before)) ] || break
	done
	posted=$((posted - posted_before)) merged=$((merged - merged_before))
	logged=$((logged - logged_before))
	echo "# posted $posted, merged $merged, logged $logged; the guest took $taken, at least $least" >&3
	[ "$taken" -ge "$least" ]
	injected=$(counts_sum "$(host_interrupts "$nic" | interrupts_sum)")
	[ "$taken" -le $((posted - merged + injected + moves)) ]
	[ "$(host_interrupts "$nic" | grep -c vfio-msix)" -eq 3 ]
	[ "$injected" -le "$moves" ]
}

# edu has no driver: each of its MSIs is one that the program makes it send, and nothing else wakes a
# CPU of that.
@test "bare metal: a CPU that runs takes each MSI at once, and each wakes one that sleeps" {
	run --separate-stderr timeout --foreground 300 "$posthorn" run --memory 64M \
		--kernel "$root/build/x86_64/guest/payload/edu.elf" --device "$edu" --cmdline posted </dev/null
	expect_status 0
	iommu_read
	echo "# posted $((posted - posted_before)), logged $((logged - logged_before))" >&3
	[ "$output" = $'edu: 1000 interrupts\r\nedu: 1000 interrupts at once\r\nedu: 1000 interrupts while asleep\r\nedu: 100 interrupts on another vector\r\npayload: pass\r' ]
	[ $((posted - posted_before - merged + merged_before)) -eq 3100 ]
	[ "$logged" -gt "$logged_before" ]
}

# How often the IOMMU's interrupt for the log of those that do not run came.
log_interrupts() {
	grep -E 'AMD-Vi[0-9]+-GA$' /proc/interrupts | awk '{ print $2 + $3 }'
}

@test "L1 posts: its kernel has AVIC and the IOMMU's guest virtual APIC mode" {
	[ "$(</sys/module/kvm_amd/parameters/avic)" = Y ]
	[ $((0x$(cut -d : -f 1 /sys/class/iommu/ivhd0/amd-iommu/features) >> 21 & 7)) -eq 1 ]
	[ "$LAB_POSTING" = on ]
}

@test "a vCPU that runs: each interrupt that is posted is taken once" {
	guest_start --device "$nic"
	guest net-up
	guest 'ping -q -A -c 1000 -W 5 10.0.2.2 | grep "1000 packets received"'
	expect_all_taken
	[ "$taken" -ge 1000 ]
	guest_end
	expect_status 0
}

# link_change off|on: while posthorn is stopped, and so no vCPU runs, the card's link changes, of which it
# interrupts the guest. All that is posted then is in the log.
link_change() {
	local before posted_before_it logged_before_it
	guest "awk '/eth0/ { sum += \$2 } END { print sum }' /proc/interrupts"
	before=$output
	kill -STOP "$pid"
	until [ "$(grep -h '^State:' /proc/"$pid"/task/*/status | sort -u)" = $'State:\tT (stopped)' ]; do
		sleep 0.01
	done
	iommu_read
	posted_before_it=$posted logged_before_it=$logged
	echo "set_link lab1 $1" >/dev/lab-monitor
	for _ in {1..50}; do
		iommu_read
		[ "$posted" -eq "$posted_before_it" ] || break
	done
	kill -CONT "$pid"
	[ "$posted" -gt "$posted_before_it" ]
	[ $((logged - logged_before_it)) -eq $((posted - posted_before_it)) ]
	guest "until awk '/eth0/ { sum += \$2 } END { exit sum <= $before }' /proc/interrupts; do usleep 10000; done"
}

@test "a vCPU that does not run: each interrupt is logged, and the guest takes it" {
	local before
	guest_start --device "$nic"
	guest net-up
	before=$(log_interrupts)
	for _ in 1 2 3 4 5; do
		link_change off
		link_change on
	done
	expect_all_taken
	echo "# the log's interrupt came $(($(log_interrupts) - before)) times" >&3
	[ "$(log_interrupts)" -gt "$before" ]
	guest_pings 20
	guest_end
	expect_status 0
}

@test "vCPUs that wait for a CPU that another process has: no interrupt is lost" {
	local busy
	guest_start --device "$nic" --cpus 3
	guest net-up
	taskset -a -p -c 0 "$pid"
	taskset -c 0 sh -c 'while :; do :; done' 3>&- &
	busy=$!
	guest 'ping -q -A -c 300 -W 5 10.0.2.2 | grep "300 packets received"'
	kill "$busy"
	expect_all_taken
	[ "$logged" -gt 0 ]
	guest_end
	expect_status 0
}

@test "two vCPUs, one busy and one idle: what is posted to either is taken" {
	guest_start --device "$nic" --cpus 2
	guest 'net-up; vectors=$(sed -n "s/:.*eth0.*//p" /proc/interrupts)'
	guest 'while :; do :; done & busy=$!; taskset -p 1 $busy'
	for cpu in 1 2 1 2; do
		guest "for v in \$vectors; do echo $cpu >/proc/irq/\$v/smp_affinity; done"
		guest_pings 50
	done
	guest 'kill $busy'
	guest 'awk "/eth0-rx/ { exit !(\$2 > 0 && \$3 > 0) }" /proc/interrupts'
	expect_all_taken 12
	guest_end
	expect_status 0
}

# How often a guest's write of EOI was an exit: offset 0xb0, in decimal.
eoi_exits() {
	awk '$3 == 176 { sum += $NF } END { print sum + 0 }' FS='[ }]+' \
		"$events/kvm_avic_unaccelerated_access/hist"
}

@test "a guest in xAPIC mode: an EOI of an edge needs no exit, and IPIs arrive" {
	trace_count kvm_avic_unaccelerated_access offset
	trace_count kvm_avic_incomplete_ipi id
	guest_start --device "$nic" --cpus 2 --cmdline nox2apic
	guest net-up
	guest 'ping -q -A -c 300 -W 5 10.0.2.2 | grep "300 packets received"'
	guest 'awk "/^ *(RES|CAL):/ { sum += \$2 + \$3 } END { exit !sum }" /proc/interrupts'
	expect_all_taken
	[ "$(eoi_exits)" -eq 0 ]
	[ "$(trace_hits kvm_avic_incomplete_ipi)" -gt 0 ]
	guest_end
	expect_status 0
}

@test "a guest in xAPIC mode with INTx: the EOI of each level is an exit" {
	trace_count kvm_avic_unaccelerated_access offset
	guest_start --device "$nic" --cmdline 'nox2apic e1000e.IntMode=0'
	guest net-up
	guest_pings 100
	guest 'grep eth0 /proc/interrupts'
	taken=$(counts_sum "$(interrupts_sum <<<"$output")")
	echo "# the guest took $taken, and $(eoi_exits) EOIs were exits" >&3
	[ "$taken" -ge 100 ]
	[ "$(eoi_exits)" -ge "$taken" ]
	guest_end
	expect_status 0
}
