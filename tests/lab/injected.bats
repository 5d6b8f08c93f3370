#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab x86_64: --device e1000e
# lab arm64: --posting off --device e1000e
# The irq report on hosts that cannot post interrupts: what it says, and why.

load helpers

setup() {
	lab_setup
	nic=${devices[0]}
	report=$BATS_TEST_TMPDIR/report
	errors=$BATS_TEST_TMPDIR/errors
	case $arch in
	x86_64)
		# What the lab has of an IOMMU: Intel's, or with --posting AMD's. One that can post is
		# there for a KVM that was told not to (kvm_amd.avic=0).
		why='kvm_amd can post'
		[ ! -e /sys/class/iommu/ivhd0 ] || why='bit 21, GAMSup'
		[ "$LAB_POSTING" = off ] || why='avic of kvm_amd is N'
		;;
	arm64) why='no GICv4' ;;
	esac
}

# msix FILTER: does FILTER hold for the report's rows of MSI-X?
msix() {
	jq -e "[.interrupts[] | select(.kind == \"MSI-X\")] | $1" "$report" || {
		jq . "$report"
		return 1
	}
}

@test "1,000 pings: the report says injected, how often, and why not posted; exit code 6" {
	guest_start --device "$nic" --irq-report "$report" --require-posting
	guest net-up
	guest 'ping -q -A -c 1000 -W 5 10.0.2.2 | grep "1000 packets received"'
	local host
	# The driver may have its device interrupt once more before it ends.
	host=$(counts_sum "$(host_interrupts "$nic" | interrupts_sum)")
	[ "$host" -ge 1000 ]
	guest_end
	expect_status 6
	msix 'length == 3 and all(.delivery == "injected")'
	msix "(map(.host.count) | add) >= $host"
	expect_text "MSI-X vector 0 was not shown to be posted (injected)" "$(<"$errors")"
	expect_text "MSI-X vector 1 was not shown to be posted (injected)" "$(<"$errors")"
	jq -e ".posting.possible == false and (.posting.why | contains(\"$why\"))" "$report"
	msix "all(.reason | contains(\"$why\"))"
	[ "$arch" != x86_64 ] ||
		msix 'all(.reason | test("kvm_pi_irte_update never posted host interrupt [0-9]+(;|$)"))'
}

@test "without --require-posting it is only said, and INTx has a reason of its own" {
	guest_start --device "$nic" --irq-report "$report" --cmdline e1000e.IntMode=0
	guest net-up
	guest_pings 20
	guest_end
	expect_status 0
	jq -e '.interrupts | length == 1 and .[0].kind == "INTx" and .[0].delivery == "injected" and
		.[0].message == null and .[0].host.count > 0 and
		(.[0].reason | contains("level"))' "$report"
}

@test "irq-path=userspace: each interrupt of the host is one message that posthorn sent" {
	guest_start --device "$nic,irq-path=userspace" --irq-report "$report"
	guest net-up
	guest 'ping -q -A -c 500 -W 5 10.0.2.2 | grep "500 packets received"'
	guest_end
	expect_status 0
	msix 'length == 3 and all(.delivery == "userspace")'
	# Signals that come faster than the thread runs become one message.
	msix '(map(.host.count) | add) as $host | (map(.relayed) | add) as $sent |
		$sent >= 500 and $sent <= $host'
}

@test "SIGUSR1: the table comes on standard error, and the guest goes on" {
	guest_start --device "$nic"
	guest net-up
	guest_pings 10
	kill -USR1 "$pid"
	until grep -q 'MSI-X *2' "$errors"; do
		sleep 0.1
	done
	guest_pings 10
	guest_end
	expect_status 0
	cat "$errors"
	grep -E '^FUNCTION +KIND +VECTOR' "$errors"
	[ "$(grep -cE "^$nic +MSI-X .* injected" "$errors")" -eq 3 ]
}

# instances: posthorn's tracing instances.
instances() {
	(cd /sys/kernel/tracing/instances && ls -d posthorn-* 2>/dev/null) || true
}

# instances_end: wait until there is none.
instances_end() {
	until [ -z "$(instances)" ]; do
		sleep 0.1
	done
}

tracing_setup() {
	[ "$arch" = x86_64 ] || skip "on arm64 KVM has no tracepoint that tells of posting"
	[ -z "$(instances)" ]
}

@test "tracepoints are read from an instance of its own, which goes with posthorn" {
	tracing_setup
	guest_start --device "$nic" --irq-report "$report" --user nobody
	[ "$(instances)" = "posthorn-$pid" ]
	guest net-up
	guest_pings 5
	guest_end
	expect_status 0
	[ -z "$(instances)" ]
	msix 'all(.reason | contains("kvm_pi_irte_update never posted host interrupt"))'
	# Nobody wants to know.
	guest_start --device "$nic"
	[ -z "$(instances)" ]
	guest_end
}

@test "a posthorn that is killed leaves no instance; one that stays is removed by the next" {
	tracing_setup
	local guard stale=/sys/kernel/tracing/instances/posthorn-1
	guest_start --device "$nic" --irq-report "$report"
	[ "$(instances)" = "posthorn-$pid" ]
	kill -KILL "$pid"
	guest_wait
	instances_end
	# With the process that would have removed it.
	guest_start --device "$nic" --irq-report "$report"
	guard=$(pgrep -P "$pid")
	[ -n "$guard" ]
	# shellcheck disable=SC2086 # each is a process
	kill -KILL $guard "$pid"
	guest_wait
	[ "$(instances | wc -l)" -eq 1 ]
	mkdir "$stale"
	guest_start --device "$nic" --irq-report "$report" -v
	[ "$(instances)" = "posthorn-$pid" ]
	expect_text "removed the tracing instance posthorn-1 of a posthorn that was killed" \
		"$(<"$errors")"
	guest_end
	[ -z "$(instances)" ]
}

@test "without tracefs the report says what would tell, and check says so before" {
	tracing_setup
	umount /sys/kernel/tracing
	guest_start --device "$nic" --irq-report "$report"
	guest net-up
	guest_end
	run --separate-stderr "$posthorn" check
	mount -t tracefs trace /sys/kernel/tracing
	expect_text "mount -t tracefs none /sys/kernel/tracing" "$output"
	msix 'all(.delivery == "injected")'
	run --separate-stderr "$posthorn" check
	expect_text "kvm:kvm_pi_irte_update" "$output"
}

@test "a report that cannot be written: exit code 2 before the guest starts" {
	guest_command --device "$nic" --irq-report /nowhere/report
	run --separate-stderr "${command[@]}" </dev/null
	expect_status 2
	[ -z "$output" ]
	expect_text "--irq-report /nowhere/report: No such file" "$stderr"
}

@test "--require-posting of a guest that never turns an interrupt on: exit code 6" {
	guest_start --require-posting
	guest_end
	expect_status 6
	expect_text "turned no interrupt of a device on" "$(<"$errors")"
}
