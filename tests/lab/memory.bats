#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device nvme --memory 9G --append hugepagesz=1G --append hugepages=2
# lab: --qemu -object\ memory-backend-ram,id=m0,size=6G --qemu -numa\ node,memdev=m0
# lab: --qemu -object\ memory-backend-ram,id=m1,size=3G --qemu -numa\ node,memdev=m1
# Where a guest's memory is: above 4 GiB, and of which pages of the host.

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

# The host has two NUMA nodes, and one page of 1 GiB on each.
free_pages() {
	cat "/sys/devices/system/node/node$1/hugepages/hugepages-1048576kB/free_hugepages"
}

@test "hugepages=1G,node=1: the memory is one page of that node; what does not fit is refused" {
	[ "$(free_pages 0) $(free_pages 1)" = "1 1" ]
	guest_start --device "$disk" --memory 1G,hugepages=1G,prefault=2,node=1
	grep ' bind:1 ' "/proc/$pid/numa_maps"
	[ "$(free_pages 0) $(free_pages 1)" = "1 0" ]
	guest 'dd if=/dev/urandom of=/tmp/data bs=1M count=8 && dd if=/tmp/data of=/dev/nvme0n1 bs=1M oflag=direct'
	guest 'a=$(dd if=/dev/nvme0n1 bs=1M count=8 iflag=direct 2>/dev/null | sha256sum); b=$(sha256sum </tmp/data); [ "$a" = "$b" ]'
	guest_end
	expect_status 0
	[ "$(free_pages 0) $(free_pages 1)" = "1 1" ]
	run --separate-stderr "$posthorn" check "$disk" --memory 2G,hugepages=1G,node=1
	expect_text "2048 MiB for the guest, only 1024 MiB of 1 GiB pages are free" "$output"
	# The kernel reserves of both nodes, and finds out when the pages are used.
	run --separate-stderr "$posthorn" run --kernel "$LAB_GUEST_KERNEL/vmlinuz" \
		--memory 2G,hugepages=1G,node=1 --device "$disk"
	expect_status 3
	expect_text "2048 MiB of 1024 MiB pages are reserved, but cannot be had of NUMA node 1" "$stderr"
	[ "$(free_pages 0) $(free_pages 1)" = "1 1" ]
}

@test "node=0: ordinary memory comes from that node too, and no other" {
	guest_start --device "$disk" --memory 256M,prefault=1,node=0
	grep ' bind:0 ' "/proc/$pid/numa_maps"
	run ! grep -E ' bind:0 .* N1=' "/proc/$pid/numa_maps"
	guest_end
	expect_status 0
}
