#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # variables of helpers.bash, faults.bash and bats
# lab x86_64: --kernel built --device edu --device e1000e
# As tests/lab/faults.bats, for the calls that are because of iommufd.

load helpers
load faults

@test "edu by iommufd: start, BARs, and the end" {
	inject "edu, iommufd" "$edu" "${start[@]}" --only 'start * */dev/iommu' \
		--only 'start ioctl IOMMU_*' --only 'run * *vfio*' --only 'end *' -- --iommu iommufd
}

@test "edu by --iommu auto: what iommufd refuses, type 1 does" {
	inject "edu, auto" "$edu" --only 'start * */dev/iommu' --only 'start ioctl IOMMU_*' \
		--only 'start * /dev/vfio/devices/*' --only 'start opendir */vfio-dev' \
		--only 'start ioctl VFIO_DEVICE_[BA]*'
}
