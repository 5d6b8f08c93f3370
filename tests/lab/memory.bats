#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device nvme --memory 7G
# A guest with memory above 4 GiB.

load helpers

setup() {
	lab_setup
	disk=${devices[0]}
}

@test "--memory 5G: the disk reads into memory above 4 GiB and writes from there" {
	local ram=100000000-17fffffff
	# RAM starts at 1 GiB and has no hole below 4 GiB.
	[ "$arch" != arm64 ] || ram=40000000-17fffffff
	guest_start --device "$disk" --memory 5G
	guest "grep -i '^$ram : System RAM' /proc/iomem"
	guest 'awk "/^MemTotal/ { exit \$2 < 4800000 }" /proc/meminfo'
	# dd reads and writes its buffer by DMA; the file is in memory.
	guest 'dd if=/dev/urandom of=/tmp/data bs=1M count=32'
	guest 'dd if=/tmp/data of=/dev/nvme0n1 bs=1M oflag=direct'
	guest 'a=$(dd if=/dev/nvme0n1 bs=1M count=32 iflag=direct 2>/dev/null | sha256sum); b=$(sha256sum </tmp/data); echo "$a"; [ "$a" = "$b" ]'
	# Linux takes such memory from the zone Normal, above 4 GiB, as long as there is some: all
	# but what its counters keep per CPU of the file's 8192 pages are there, and none below (in
	# DMA32, on arm64 DMA).
	guest 'cat /proc/zoneinfo'
	awk '/, zone/ { zone = $4 == "Normal" ? "Normal" : "below" }
		/nr_zone_(in)?active_anon/ { pages[zone] += $2 }
		END {
			print "Normal: " pages["Normal"] ", below: " pages["below"] " pages"
			exit !(pages["Normal"] >= 8000 && pages["below"] < 100)
		}' <<<"$output"
	guest_end
	expect_status 0
}
