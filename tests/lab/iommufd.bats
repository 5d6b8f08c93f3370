#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --kernel built --device e1000e --device nvme
# A host whose kernel has iommufd and VFIO's device files. Type 1 is the control: the same guest with
# the same devices, and the same verdicts.

load helpers

setup_file() {
	lab_setup_file
	files_open
}

setup() {
	lab_setup
	nic=${devices[0]}
	disk=${devices[1]}
	report=$BATS_TEST_TMPDIR/report
	group=/dev/vfio/$(basename "$(readlink "/sys/bus/pci/devices/$nic/iommu_group")")
	file=/dev/vfio/devices/$(ls "/sys/bus/pci/devices/$nic/vfio-dev")
}

# Mend what a test took away.
teardown() {
	[ ! -e /run/iommu ] || mv /run/iommu /dev/iommu
	[ ! -e /run/device-file ] || mv /run/device-file "$file"
	chmod 660 /dev/kvm
	chmod 600 /dev/iommu /dev/vfio/vfio "$group" "$file"
	lab_teardown
}

# Let a user without rights open what a guest with the card by iommufd takes.
files_give() {
	chmod 666 /dev/kvm /dev/iommu "$file"
}

@test "the same guest by iommufd and by type 1: a card pings, a disk keeps what it is given" {
	local iommu verdicts=() host
	for iommu in iommufd type1; do
		guest_start --iommu $iommu --device "$nic" --device "$disk" --irq-report "$report" -v
		expect_text "DMA is mapped by $iommu" "$(<"$BATS_TEST_TMPDIR/errors")"
		guest net-up
		guest 'ping -q -A -c 200 -W 5 10.0.2.2 | grep "200 packets received"'
		guest 'dd if=/dev/urandom of=/tmp/data bs=1M count=8 && dd if=/tmp/data of=/dev/nvme0n1 bs=1M conv=fsync'
		guest 'echo 3 >/proc/sys/vm/drop_caches; a=$(head -c 8m /dev/nvme0n1 | sha256sum); b=$(sha256sum </tmp/data); [ "$a" = "$b" ]'
		guest 'grep -e eth0 -e nvme /proc/interrupts'
		host=$(counts_sum "$(grep -F -e "($nic)" -e "($disk)" /proc/interrupts | interrupts_sum)")
		echo "# $iommu: the guest counts $(counts_sum "$(interrupts_sum <<<"$output")"), the host $host" >&3
		[ "$(counts_sum "$(interrupts_sum <<<"$output")")" -ge 200 ]
		if [ "$LAB_POSTING" = on ]; then
			[ "$host" -eq 0 ]
		else
			[ "$host" -ge 200 ]
		fi
		guest_end
		expect_status 0
		[ "$(jq -r .iommu "$report")" = $iommu ]
		verdicts+=("$(jq -c '[.interrupts[] | [.bdf, .kind, .vector, .delivery]]' "$report")")
		# It is said once that such devices do not reach each other.
		[ "$(grep -c "cannot reach each other's BARs" "$BATS_TEST_TMPDIR/errors")" = \
			"$([ $iommu = type1 ] && echo 0 || echo 1)" ]
	done
	[ "${verdicts[0]}" = "${verdicts[1]}" ]
	[ "$LAB_POSTING" = off ] || expect_text '"posted"' "${verdicts[0]}"
}

@test "both tell the same of the IOMMU" {
	local iommu
	for iommu in iommufd type1; do
		"$posthorn" info "$nic" --iommu $iommu --json >"$BATS_TEST_TMPDIR/$iommu"
		jq -e ".iommu.interface == \"$iommu\"" "$BATS_TEST_TMPDIR/$iommu"
		jq 'del(.iommu.interface)' "$BATS_TEST_TMPDIR/$iommu" >"$BATS_TEST_TMPDIR/$iommu.rest"
	done
	diff "$BATS_TEST_TMPDIR"/*.rest
	jq -c .iommu "$BATS_TEST_TMPDIR/iommufd" | sed 's/^/# /' >&3
}

@test "auto takes iommufd, and check says so before" {
	run --separate-stderr "$posthorn" check "$nic"
	expect_status 0
	expect_text "ok       iommufd: /dev/iommu may be opened" "$output"
	expect_text "ok       $nic permission: $file may be opened, for iommufd" "$output"
	"$posthorn" info "$nic" --json | jq -e '.iommu.interface == "iommufd"'
}

@test "auto takes type 1 where iommufd is missing or not permitted, and -v says why" {
	mv /dev/iommu /run/iommu
	guest_start --device "$nic" -v
	expect_text "iommufd is not used: /dev/iommu does not exist" "$(<"$BATS_TEST_TMPDIR/errors")"
	guest net-up
	guest_pings 5
	guest_end
	expect_status 0
	run --separate-stderr "$posthorn" check "$nic"
	expect_status 0
	expect_text "note     iommufd: /dev/iommu does not exist" "$output"
	expect_text "$group may be opened, for type 1" "$output"
	mv /run/iommu /dev/iommu
	# The group's file is the user's, the device's is not.
	chmod 666 /dev/kvm /dev/vfio/vfio /dev/iommu "$group"
	guest_prefix=(prlimit --memlock=400000000 "${nobody[@]}")
	guest_start --device "$nic" -v
	expect_text "iommufd is not used: $nic: $file: Permission denied" \
		"$(<"$BATS_TEST_TMPDIR/errors")"
	expect_text "DMA is mapped by type1" "$(<"$BATS_TEST_TMPDIR/errors")"
	guest_end
	expect_status 0
}

@test "--iommu iommufd without it: the message says what is missing" {
	mv /dev/iommu /run/iommu
	refused --iommu iommufd --device "$nic"
	expect_text "/dev/iommu does not exist" "$stderr"
	run --separate-stderr "$posthorn" check --iommu iommufd "$nic"
	expect_status 3
	expect_text "stops    iommufd: /dev/iommu does not exist" "$output"
	mv /run/iommu /dev/iommu
	mv "$file" /run/device-file
	refused --iommu iommufd --device "$nic"
	expect_text "$nic: $file: No such file or directory; udevadm trigger" "$stderr"
	run --separate-stderr "$posthorn" check --iommu iommufd "$nic"
	expect_status 3
	expect_text "stops    $nic permission: $file: No such file or directory" "$output"
}

@test "--iommu iommufd without permission: the file and what mends it" {
	chmod 666 /dev/kvm
	guest_prefix=("${nobody[@]}")
	refused --iommu iommufd --device "$nic"
	expect_text "/dev/iommu: Permission denied; run as root, or give the file" "$stderr"
	chmod 666 /dev/iommu
	refused --iommu iommufd --device "$nic"
	expect_text "$nic: $file: Permission denied; run as root, or give the file" "$stderr"
}

@test "a function that another process has: said by iommufd, and by type 1" {
	local other
	guest_start --iommu iommufd --device "$nic"
	refused --iommu iommufd --device "$nic"
	expect_text "$nic: cannot be bound to an iommufd: another process has bound it" "$stderr"
	expect_text "fuser -v $file" "$stderr"
	refused --iommu type1 --device "$nic"
	expect_text "($group) is in use by another process" "$stderr"
	guest_end
	expect_status 0
	guest_start --iommu type1 --device "$nic"
	refused --iommu iommufd --device "$nic"
	expect_text "$nic: in use by another process, which has its IOMMU group open" "$stderr"
	guest_end
	expect_status 0
}

@test "a user without rights runs a guest when the files and the limit are his" {
	files_give
	guest_prefix=(prlimit --memlock=400000000 "${nobody[@]}")
	guest_start --iommu iommufd --device "$nic"
	guest net-up
	guest_pings 5
	guest_end
	expect_status 0
}

@test "locked memory counts for all guests of a user: the second one is too much" {
	local second
	files_give
	second=/dev/vfio/devices/$(ls "/sys/bus/pci/devices/$disk/vfio-dev")
	chmod 666 "$second"
	guest_prefix=(prlimit --memlock=400000000 "${nobody[@]}")
	run --separate-stderr "${guest_prefix[@]}" "$posthorn" check "$nic" --memory 256M
	expect_text "allowed 390625 KiB for all that this user pins by iommufd" "$output"
	guest_start --iommu iommufd --device "$nic"
	refused --iommu iommufd --device "$disk"
	chmod 600 "$second"
	expect_text "for DMA: Cannot allocate memory; the memory lock limit (ulimit -l), which" "$stderr"
	expect_text "other guests included" "$stderr"
	guest_end
	expect_status 0
	# Alone it fits.
	chmod 666 "$second"
	guest_start --iommu iommufd --device "$disk"
	chmod 600 "$second"
	guest_end
	expect_status 0
}

# descriptors_open: $kvm, $iommu and $card.
descriptors_open() {
	exec {kvm}<>/dev/kvm {iommu}<>/dev/iommu {card}<>"$file"
}

descriptors_close() {
	exec {kvm}<&- {iommu}<&- {card}<&-
}

@test "descriptors that are given: the function is known, by sysfs" {
	descriptors_open
	guest_start --kvm "fd=$kvm" --iommufd "fd=$iommu" --device "fd=$card" --irq-report "$report"
	descriptors_close
	guest net-up
	guest_pings 5
	guest_end
	expect_status 0
	jq -e --arg bdf "$nic" '.iommu == "iommufd" and (.interrupts | length > 0) and
		all(.interrupts[]; .bdf == $bdf)' "$report"
}

@test "descriptors that systemd gives: no permission for any of the files, no sysfs, a user namespace" {
	guest_prefix=("${mounts_own[@]}" "exec 3<>/dev/kvm 4<>/dev/iommu 5<>$file
		export LISTEN_PID=\$\$ LISTEN_FDS=3 LISTEN_FDNAMES=kvm:iommufd:card"'
		mount -t tmpfs none /sys &&
			mount -t proc -o subset=pid,hidepid=invisible none /proc && exec "$@"' -
		prlimit --memlock=400000000 "${nobody[@]}" "${userns[@]}")
	guest_start --kvm fd=kvm --iommufd fd=iommufd --device fd=card -v
	expect_text "fd=5 is 00:01.0 in the guest" "$(<"$BATS_TEST_TMPDIR/errors")"
	expect_no_rights
	expect_text "Uid:	65534	65534	65534	65534" "$state"
	guest net-up
	guest_pings 5
	guest_end
	expect_status 0
}

@test "a guest that is killed in the midst of traffic: the host has its card back, and it works" {
	traffic_start "$nic"
	traffic_kill "$nic"
}
