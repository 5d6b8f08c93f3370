#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # those of helpers.bash and bats
# lab x86_64: --kernel built --device e1000e
# How posthorn knows whether an interrupt is posted, on a kernel that shows the IOMMU's table in debugfs:
# Intel's here, on a machine that cannot post. With `--lab "--kernel built-7.3 --posting on"` it is AMD's,
# of a machine that posts; `--posting off` is the control of that.

load helpers

setup() {
	lab_setup
	nic=${devices[0]}
	report=$BATS_TEST_TMPDIR/report
	case $(basename "$(readlink "/sys/bus/pci/devices/$nic/iommu")") in
	dmar*) table=ir_translation_struct ;;
	*) table=irqtbl ;;
	esac
}

# What a test took away.
teardown() {
	mountpoint -q /sys/kernel/tracing || mount -t tracefs trace /sys/kernel/tracing
	mountpoint -q /sys/kernel/debug || mount -t debugfs debug /sys/kernel/debug
	lab_teardown
}

# A guest with traffic; its MSI-X entries of the report are $entries.
guest_run() {
	guest_start --device "$nic" --irq-report "$report"
	guest net-up
	guest_pings 20
	guest_end
	expect_status 0
	entries=$(jq -c '[.interrupts[] | select(.kind == "MSI-X")]' "$report")
	jq -r '.[] | "# \(.delivery): \(.reason)"' <<<"$entries" >&3
	jq -e 'length == 3' <<<"$entries"
}

entries_are() {
	jq -e "all(.[]; $1)" <<<"$entries"
}

posted_or_injected() {
	[ "$LAB_POSTING" = on ] && echo posted || echo injected
}

# What the table says: table_says TEXT.
table_says() {
	entries_are ".reason | contains(\"$table: its entry is $1\")"
}

@test "tracepoint and table are both read, and agree" {
	guest_run
	entries_are ".delivery == \"$(posted_or_injected)\""
	if [ "$LAB_POSTING" = on ]; then
		entries_are '.host.count == 0'
		entries_are '.reason | contains("kvm_pi_irte_update posts host interrupt")'
		table_says "posted, with the guest's vector"
	else
		entries_are '.reason | contains("kvm_pi_irte_update never posted host interrupt")'
		table_says 'remapped, not posted'
	fi
}

@test "without tracefs the table alone tells" {
	umount /sys/kernel/tracing
	guest_run
	entries_are ".delivery == \"$(posted_or_injected)\""
	if [ "$LAB_POSTING" = on ]; then
		table_says "posted, with the guest's vector"
	else
		table_says 'remapped, not posted'
	fi
	entries_are '.reason | contains("kvm_pi_irte_update posts") | not'
}

@test "without debugfs the tracepoint alone tells" {
	umount -l /sys/kernel/debug
	guest_run
	entries_are ".delivery == \"$(posted_or_injected)\""
	entries_are ".reason | contains(\"$table\") | not"
}

@test "without both nothing is claimed, and the reason says what would tell" {
	umount /sys/kernel/tracing
	umount -l /sys/kernel/debug
	guest_run
	entries_are '.delivery != "posted"'
	[ "$LAB_POSTING" = off ] || entries_are '.reason | contains("mount -t tracefs none /sys/kernel/tracing")'
}
