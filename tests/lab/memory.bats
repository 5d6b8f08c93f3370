#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# lab: --device nvme --memory 7G
# A guest with memory above 4 GiB.

load helpers

setup_file() {
	lab_setup_file
}

setup() {
	lab_setup
	disk=${devices[0]}
}

teardown() {
	lab_teardown
}

@test "--memory 5G: the disk reads into memory above 4 GiB and writes from there" {
	guest_start --device "$disk" --memory 5G
	guest "grep -i '^100000000-17fffffff : System RAM' /proc/iomem"
	guest 'awk "/^MemTotal/ { exit \$2 < 4800000 }" /proc/meminfo'
	# Linux takes the memory of user space from above 4 GiB first. One page frame shows it: the
	# buffer of dd, which is written and read without the page cache.
	guest 'dd if=/dev/urandom of=/tmp/data bs=1M count=32'
	guest 'dd if=/tmp/data of=/dev/nvme0n1 bs=1M oflag=direct'
	guest 'a=$(dd if=/dev/nvme0n1 bs=1M count=32 iflag=direct 2>/dev/null | sha256sum); b=$(sha256sum </tmp/data); echo "$a"; [ "$a" = "$b" ]'
	# Above 4 GiB were those pages: little of that zone is free, hardly any below is taken.
	guest 'cat /proc/zoneinfo'
	awk '/zone +(Normal|DMA32)/ { zone = $4 } / nr_zone_active_anon|nr_zone_inactive_anon/ { pages[zone] += $2 }
		END { print "anonymous pages: Normal " pages["Normal"] ", DMA32 " pages["DMA32"]; exit !(pages["Normal"] > pages["DMA32"]) }' <<<"$output"
	guest_end
	expect_status 0
}
