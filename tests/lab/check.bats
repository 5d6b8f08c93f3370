#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2034,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device e1000e
# lab: --device qemu-xhci,addr=0x1a.0,multifunction=on --device qemu-xhci,addr=0x1a.1
# posthorn check and posthorn info, on hosts that are ready and on some that are not.

load helpers

setup_file() {
	unready_setup_file
}

setup() {
	unready_setup
	group=/dev/vfio/$(basename "$(readlink "/sys/bus/pci/devices/$nic/iommu_group")")
}

teardown() {
	unready_teardown
}

# findings PROGRAM...: run a check; then $status, and $output has its findings as JSON.
findings() {
	run --separate-stderr "$@" --json
	echo "$output"
	[ -z "$stderr" ]
}

# expect_finding SEVERITY OBJECT [DETAIL [REMEDY]]: there is one, with these texts in it.
expect_finding() {
	jq -e --arg severity "$1" --arg object "$2" --arg detail "${3-}" --arg remedy "${4-}" \
		'.findings[] | select(.object == $object and .severity == $severity and
			(.detail | contains($detail)) and
			(.remedy // "" | contains($remedy)))' <<<"$output" && return
	echo "no finding $*"
	return 1
}

# expect_refusal DEVICE: a guest with it does not start, as the check said.
expect_refusal() {
	local command
	guest_command --device "$1"
	run --separate-stderr timeout -k 1 120 "${command[@]}" </dev/null
	expect_status 3
}

@test "a function that is ready: nothing stops it, and a guest with it starts" {
	findings "$posthorn" check "$nic"
	expect_status 0
	jq -e '[.findings[] | select(.severity == "stops")] == []' <<<"$output"
	expect_finding ok KVM
	expect_finding ok IOMMU
	expect_finding ok "interrupt remapping"
	expect_finding ok VFIO
	expect_finding ok "memory lock"
	expect_finding ok memory
	expect_finding ok "$nic driver" vfio-pci
	expect_finding ok "$nic group"
	expect_finding ok "$nic permission" "$group"
	expect_finding ok "$nic reset" by
	expect_finding ok "$nic DMA" "512 MiB"
	expect_finding ok "$nic interrupts" "5 vectors of MSI-X"
	expect_finding note "$nic MSI-X table" "BAR 3"
	jq -e '[.map[] | select(.what == "RAM") | .size] | add == 536870912' <<<"$output"
	jq -e '.map[] | select(.what == "reserved by the host: msi") | .size == 1048576' <<<"$output"
	guest_start --device "$nic" --memory 512M
	guest_end
	expect_status 0
	run --separate-stderr "$posthorn" check "$nic"
	printf '# %s\n' "${lines[@]}" >&3
	expect_text "reserved by the host: msi" "$output"
}

@test "nothing is changed by a check: not the driver, nor what the device was left with" {
	local before
	before=$(od -An -tx1 "/sys/bus/pci/devices/$nic/config")
	dmesg -C
	"$posthorn" check "$nic"
	[ "$(od -An -tx1 "/sys/bus/pci/devices/$nic/config")" = "$before" ]
	[ -z "$(dmesg)" ]
}

@test "without a function: those that are bound to vfio-pci are looked at" {
	findings "$posthorn" check
	expect_status 0
	expect_finding ok "$nic driver"
	jq -e --arg bdf "$first" '[.findings[].object | select(contains($bdf))] == []' <<<"$output"
	"$posthorn" unbind "$nic"
	findings "$posthorn" check
	expect_status 0
	expect_finding note functions "none is bound" "posthorn check BDF"
}

@test "a function with its own driver: exit code 3, and the command that mends it" {
	"$posthorn" unbind "$nic"
	findings "$posthorn" check "$nic"
	expect_status 3
	expect_finding stops "$nic driver" "bound to e1000e" "posthorn bind $nic"
	expect_refusal "$nic"
}

@test "a sibling left on its driver: exit code 3, and the command that mends it" {
	"$posthorn" bind "$first"
	findings "$posthorn" check "$first"
	expect_status 3
	expect_finding stops "$first group" "$second is in it too, bound to xhci_hcd" \
		"posthorn bind $second"
	expect_refusal "$first"
	run --separate-stderr "$posthorn" check "$first"
	printf '# %s\n' "${lines[@]}" >&3
	"$posthorn" bind "$second"
	findings "$posthorn" check "$first"
	expect_status 0
	expect_finding note "$first group" "$second is in it too, bound to vfio-pci"
	expect_finding ok "$first group"
	expect_finding note "$first MSI-X table" "other registers"
}

# serial_claim PORT|0: let the host's driver of serial ports have 8 I/O ports there; 0: let them go.
# ioctl(2) TIOCSSERIAL, struct serial_struct. That there is no serial port does not matter.
serial_claim() {
	perl -MFcntl -e 'sysopen(my $tty, "/dev/ttyS3", O_RDWR | O_NONBLOCK) or die "ttyS3: $!";
		my $port = pack "i2 I i5 S c x i S S x4 Q S x2 I Q", $ARGV[0] ? 4 : 0, 3, $ARGV[0],
			0, 0, 0, 0, 115200, 0, 0, 0, 0, 0, 0, 0, 0, 0;
		ioctl($tty, 0x541f, $port) or die "TIOCSSERIAL: $!"' "$1"
}

@test "a BAR of which something else has a part: found by all before a guest starts" {
	local port
	port=$(sed -n '3s/ .*//p' "/sys/bus/pci/devices/$nic/resource")
	[ "$arch" = x86_64 ] && [ -c /dev/ttyS3 ] || skip "the driver of serial ports has no spare one"
	serial_claim "$((port))"
	grep "$(printf '%04x-%04x : serial' "$((port))" "$((port + 7))")" /proc/ioports
	findings "$posthorn" check "$nic"
	expect_status 3
	expect_finding stops "$nic BAR 2" "is claimed by serial" "unload the module"
	"$posthorn" devices --json |
		jq -e --arg bdf "$nic" '.[] | select(.bdf == $bdf) | (.ready | not) and
			(.why | contains("of BAR 2 is claimed by serial"))'
	expect_refusal "$nic"
	expect_text "of BAR 2 is claimed by serial on this host" "$stderr"
	run --separate-stderr "$posthorn" info "$nic"
	expect_status 3
	expect_text "claimed by serial" "$stderr"
	run --separate-stderr "$posthorn" bind "$nic"
	expect_status 0
	expect_text "claimed by serial" "$stderr"
	serial_claim 0
	findings "$posthorn" check "$nic"
	expect_status 0
	expect_finding note "$nic BAR 2" "32 I/O ports at"
	expect_finding ok "$nic BAR 0" "0x20000 bytes at"
}

@test "a user without rights: /dev/kvm, VFIO, the group and the memory lock, each with its command" {
	chmod 600 /dev/kvm /dev/vfio/*
	findings "${nobody[@]}" prlimit --memlock=65536 "$posthorn" check "$nic"
	expect_status 3
	expect_finding stops KVM "permission denied" "group kvm"
	expect_finding stops VFIO "/dev/vfio/vfio" chmod
	expect_finding stops "$nic permission" "Permission denied" "chown USER $group"
	expect_finding stops "memory lock" "allowed 64 KiB" "ulimit -l 524288"
	expect_finding note "$nic interrupts" "only root" "sudo posthorn check $nic"
	run --separate-stderr "${nobody[@]}" prlimit --memlock=65536 "$posthorn" check "$nic"
	printf '# %s\n' "${lines[@]}" >&3
	chmod 666 /dev/kvm /dev/vfio/*
	findings prlimit --memlock=400000000 "${nobody[@]}" "$posthorn" check "$nic" --memory 256M
	expect_status 0
}

@test "huge pages that are not there: exit code 3; more memory than there is: a warning" {
	local pool=/sys/kernel/mm/hugepages/hugepages-2048kB
	findings "$posthorn" check "$nic" --memory 1G,hugepages=on
	expect_status 3
	expect_finding stops memory "1024 MiB" "echo 512 >$pool/nr_hugepages"
	# Pages that the kernel may add count too.
	echo 512 >"$pool/nr_overcommit_hugepages"
	findings "$posthorn" check "$nic" --memory 256M,hugepages=on
	echo 0 >"$pool/nr_overcommit_hugepages"
	expect_status 0
	expect_finding ok memory "256 MiB"
	findings "$posthorn" check "$nic" --memory 64G
	expect_status 0
	expect_finding warning memory "65536 MiB" "less --memory"
}

@test "more memory than the IOMMU or the CPU can address: exit code 3" {
	findings "$posthorn" check "$nic" --memory 1024T
	expect_status 3
	expect_finding stops "$nic DMA" "do not fit" "less --memory"
}

@test "a function that does not exist: exit code 2" {
	run --separate-stderr "$posthorn" check 0000:00:1f.7
	expect_status 2
	expect_text "0000:00:1f.7" "$stderr"
}

@test "info: regions, interrupts, capabilities and what a guest finds of them, the IOMMU" {
	run --separate-stderr "$posthorn" info "$nic" --json
	expect_status 0
	jq -e '.can_reset and .reset_methods != ""' <<<"$output"
	jq -e '.regions[] | select(.name == "BAR 0") | .size == "0x20000" and
		(.flags | contains(["read", "write", "mmap"])) and
		.mappable == [{base: "0x0", size: "0x20000"}]' <<<"$output"
	jq -e '.interrupts[] | select(.name == "MSI-X") | .count == 5' <<<"$output"
	jq -e '.capabilities[] | select(.name == "MSI-X") | .guest == "emulated"' <<<"$output"
	jq -e '.capabilities[] | select(.name == "Advanced Error Reporting") | .guest == "hidden"' \
		<<<"$output"
	jq -e '.capabilities[] | select(.name == "Device Serial Number") | .guest == "shown"' \
		<<<"$output"
	jq -e '.iommu.page_sizes | contains(["0x1000"])' <<<"$output"
	jq -e '.iommu.ranges | length >= 1' <<<"$output"
	# The same capabilities as lspci finds.
	[ "$(jq '.capabilities | length' <<<"$output")" -eq "$(lspci -vvs "$nic" | grep -c '^[[:space:]]Capabilities:')" ]
	run --separate-stderr "$posthorn" info "$nic"
	expect_status 0
	printf '# %s\n' "${lines[@]}" >&3
	expect_text "MSI-X" "$output"
}

@test "info: the guest finds the capabilities that it names, and no others" {
	local wanted
	wanted=$("$posthorn" info "$nic" --json |
		jq -r '.capabilities[] | select(.guest != "hidden" and .id < 256 and (.offset | length) == 4) |
			.offset' | sort)
	guest_start --device "$nic"
	guest 'd=0000:00:01.0; at=$(config_byte $d 52); while [ "$at" -ge 64 ]; do printf "0x%x\n" $at; at=$(config_byte $d $((at + 1))); done'
	[ "$(sort <<<"$output")" = "$wanted" ]
	guest_end
	expect_status 0
}

@test "info of a function that is not bound: exit code 3, and the command that mends it" {
	run --separate-stderr "$posthorn" info "$first"
	expect_status 3
	[ -z "$output" ]
	expect_text "posthorn bind $first" "$stderr"
}
