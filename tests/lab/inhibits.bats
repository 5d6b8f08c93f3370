#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # those of helpers.bash and bats
# lab x86_64: --posting on --device edu
# What makes KVM do without AVIC, on a host that can post: the report names it. The guest is
# guest/payload/inhibits_x86_64.c.

load helpers

setup() {
	lab_setup
	edu=${devices[0]}
	report=$BATS_TEST_TMPDIR/report
}

# inhibits_run [WORDS]: the guest, which has to take all of its interrupts.
inhibits_run() {
	run --separate-stderr timeout --foreground 300 "$posthorn" run --memory 64M --device "$edu" \
		--kernel "$root/build/x86_64/guest/payload/inhibits_x86_64.elf" --cmdline "${1-}" \
		--irq-report "$report" --require-posting </dev/null
	cat "$report"
	[ "$output" = $'inhibits: 200 interrupts\r\npayload: pass\r' ]
}

# msi_report FILTER: does it hold for the report's entry for MSI?
msi_report() {
	jq -e ".interrupts[] | select(.kind == \"MSI\") | $1" "$report"
}

@test "a guest that does neither: all is posted" {
	inhibits_run
	expect_status 0
	msi_report '.delivery == "posted" and .host.count == 0'
}

@test "a guest that moves its local APIC: posted before, injected after, and the reason says why" {
	inhibits_run base
	expect_status 6
	msi_report '.delivery == "injected" and .host.count == 100'
	msi_report '.reason | contains("APIC_BASE_MODIFIED (the guest moved an APIC)")'
	expect_text "APIC_BASE_MODIFIED" "$stderr"
}

@test "a guest that changes its APIC's id and back: posted again, and the report tells of it" {
	inhibits_run "xapic id"
	expect_status 0
	msi_report '.delivery == "posted" and .host.count == 0'
	msi_report '.reason | contains("but was: APIC_ID_MODIFIED (the guest changed the id of an APIC)")'
}
