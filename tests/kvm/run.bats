# SPDX-License-Identifier: BSD-2-Clause
# bats file_tags=kvm
# How a run begins and ends, and what the guest finds: payloads tell on their serial port.

load helpers

setup() {
	posthorn_setup
}

teardown() {
	posthorn_teardown
}

expect_pass() {
	expect_status 0
	expect_text "payload: pass" "$output"
}

# expect_ram SIZE: did the guest find so much, in one piece? x86-64 has the first MiB apart.
expect_ram() {
	local start=0x100000 end=$1
	if [ "$arch" = arm64 ]; then
		start=0x40000000
		end=$((start + end))
	fi
	expect_text "$(printf 'ram 0x%x to 0x%x' "$start" "$end")" "$output"
}

# ---- how it ends ----

@test "a guest that powers off: exit code 0, and its output is all there is" {
	run_payload hello
	expect_status 0
	[ "$output" = $'hello from the guest\r\npayload: pass\r' ]
	[ -z "$stderr" ]
}

@test "--kvm: a descriptor that is given, by number and by systemd's name" {
	exec {kvm}<>/dev/kvm
	run_payload hello --kvm "fd=$kvm"
	expect_status 0
	[ "$output" = $'hello from the guest\r\npayload: pass\r' ]
	run --separate-stderr timeout -k 1 60 sh -c 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=kvm \
		exec "$0" run --kernel "$1" --kvm fd=kvm' \
		"$posthorn" "$payloads/hello.$kind" 3<&"$kvm" </dev/null
	expect_status 0
	exec {kvm}<&-
	exec {other}</dev/null
	run_payload hello --kvm "fd=$other"
	expect_status 3
	expect_text "--kvm: descriptor $other is no KVM that will do" "$stderr"
	exec {other}<&-
}

@test "a guest that resets the machine through the reset register: exit code 0" {
	run_payload reset -v
	expect_status 0
	expect_text "the guest reset the machine" "$stderr"
}

@test "a guest that goes to the reset vector: exit code 0" {
	only_x86_64 "there is no reset vector to go to"
	run_payload reset_vector_x86_64 -v --cpus 2
	expect_status 0
	expect_text "the guest reset the machine" "$stderr"
}

@test "a triple fault: exit code 5, and a message that says so" {
	only_x86_64 "an exception in an exception's handler is one more exception"
	run_payload triple_fault_x86_64
	expect_status 5
	expect_text "crashing" "$output"
	expect_text "triple fault on vCPU 0" "$stderr"
}

@test "SIGTERM: exit code 143, while the guest sleeps with interrupts off" {
	start_payload stuck
	[ "$line" = $'ready\r' ]
	kill -TERM "$pid"
	wait_payload
	expect_status 143
}

@test "SIGTERM: exit code 143, while the guest runs in a circle" {
	start_payload stuck --cmdline spin
	kill -TERM "$pid"
	wait_payload
	expect_status 143
}

@test "SIGTERM: exit code 143, with CPUs that were never started" {
	start_payload stuck --cpus 4
	kill -TERM "$pid"
	wait_payload
	expect_status 143
}

@test "each vector takes an open file: as many are allowed as can be" {
	ulimit -S -n 256
	start_payload stuck
	local limits
	limits=$(grep '^Max open files' "/proc/$pid/limits")
	kill -TERM "$pid"
	wait_payload
	grep -E '^Max open files +([0-9]+) +\1 ' <<<"$limits"
}

@test "SIGINT, SIGHUP and SIGQUIT: exit codes 130, 129 and 131" {
	local signal
	for signal in 2 1 3; do
		rm -f "$BATS_TEST_TMPDIR/output"
		start_payload stuck
		kill -"$signal" "$pid"
		wait_payload
		expect_status $((128 + signal))
	done
}

@test "a signal that is ignored from the start stays ignored, as nohup(1) wants it" {
	trap '' HUP
	start_payload stuck
	trap - HUP
	kill -HUP "$pid"
	kill -TERM "$pid"
	wait_payload
	expect_status 143
}

# ---- what cannot be started ----

@test "a kernel that is no kernel: exit code 2, and a message with its name" {
	local file name=$BATS_TEST_TMPDIR/kernel
	: >"$name.empty"
	seq 1000 >"$name.text"
	if [ "$arch" = x86_64 ]; then
		head -c 4096 "$payloads/hello.elf" >"$name.truncated"
	else
		gzip -c "$payloads/hello.image" | head -c 4096 >"$name.truncated"
	fi
	cp "$posthorn" "$name.program"
	mkdir "$name.directory"
	for file in "$name".{empty,text,truncated,program,directory,missing}; do
		run --separate-stderr timeout 60 "$posthorn" run --kernel "$file"
		expect_status 2
		[ -z "$output" ]
		expect_text "--kernel $file" "$stderr"
	done
}

@test "an initrd that is missing or empty: exit code 2" {
	local file=$BATS_TEST_TMPDIR/initrd
	run_payload hello --initrd "$file"
	expect_status 2
	expect_text "--initrd $file" "$stderr"
	: >"$file"
	run_payload hello --initrd "$file"
	expect_status 2
}

@test "what the guest is told, dumped to where nothing can be: exit code 2" {
	local option=--dump-acpi
	[ "$kind" = elf ] || option=--dump-fdt
	run_payload hello $option /nowhere/at/all
	expect_status 2
	expect_text "$option /nowhere/at/all: No such file or directory" "$stderr"
}

@test "a command line that does not fit: exit code 2" {
	run_payload hello --cmdline "$(printf '%070000d' 0)"
	expect_status 2
	expect_text "command line" "$stderr"
}

# ---- memory and CPUs ----

@test "--memory 32M, the least: all of it is there" {
	run_payload memory --memory 32M
	expect_pass
	expect_ram $((32 << 20))
}

@test "--memory 64M: all of it is there" {
	run_payload memory --memory 64M
	expect_pass
	expect_ram $((64 << 20))
}

@test "--memory 5G: x86-64 has 3 GiB below the hole, and 2 GiB above 4 GiB" {
	run_payload memory --memory 5G
	expect_pass
	if [ "$arch" != x86_64 ]; then
		expect_ram $((5 << 30))
		return
	fi
	expect_text "ram 0x100000 to 0xc0000000" "$output"
	expect_text "ram 0x100000000 to 0x180000000" "$output"
}

@test "a kernel that cannot be opened for want of descriptors: exit code 3, which is not the file's" {
	local limit code=0
	# Which descriptor is the last one depends on what bats has open.
	for limit in {5..12}; do
		code=0
		# shellcheck disable=SC2016 # the shell that has the limit
		sh -c 'ulimit -n "$1" && shift && exec "$@"' - "$limit" \
			"$posthorn" run --kernel "$payloads/hello.$kind" </dev/null \
			>/dev/null 2>"$BATS_TEST_TMPDIR/errors" 3>&- || code=$?
		grep -- --kernel "$BATS_TEST_TMPDIR/errors" && break
	done
	[ "$code" -eq 3 ]
	grep "Too many open files; raise the limit of open files (ulimit -n)" "$BATS_TEST_TMPDIR/errors"
}

@test "huge pages that the host does not have: exit code 3, and how many are needed" {
	local free
	free=$(awk '/^HugePages_Free/ { print $2 }' /proc/meminfo)
	[ "${free:-0}" -lt 32 ] || skip "this host has $free huge pages"
	run_payload hello --memory 64M,hugepages=on
	expect_status 3
	expect_text "echo 32 >/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages" "$stderr"
}

@test "prefault=N: all of the memory is there when the guest starts, and its threads are gone" {
	start_payload stuck --memory 128M,prefault=3
	local there threads
	there=$(awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status")
	threads=$(cat "/proc/$pid/task"/*/comm)
	kill -TERM "$pid"
	wait_payload
	expect_status 143
	[ "$there" -ge 131072 ]
	expect_text "vcpu 0" "$threads"
	if grep prefault <<<"$threads"; then false; fi
	# Otherwise it comes when it is used, which this guest does not.
	rm "$BATS_TEST_TMPDIR/output"
	start_payload stuck --memory 128M
	there=$(awk '/^VmRSS:/ { print $2 }' "/proc/$pid/status")
	kill -TERM "$pid"
	wait_payload
	[ "$there" -lt 65536 ]
}

@test "node=N: the memory comes from that node, and one that does not exist is refused" {
	[ -e /sys/devices/system/node/has_memory ] || skip "this kernel knows no NUMA nodes"
	local nodes node maps
	nodes=$(</sys/devices/system/node/has_memory)
	node=${nodes%%[,-]*}
	run_payload hello --memory 64M,node=1023
	expect_status 2
	expect_text "--memory: node=1023: this host has no NUMA node 1023 with memory; give one" "$stderr"
	expect_text "$nodes" "$stderr"
	start_payload stuck --memory "64M,node=$node"
	maps=$(cat "/proc/$pid/numa_maps")
	kill -TERM "$pid"
	wait_payload
	expect_text " bind:$node " "$maps"
}

@test "one CPU" {
	run_payload cpus
	expect_pass
	expect_text "all 1 CPUs met" "$output"
}

@test "--cpus 4: the other three start and run at the same time" {
	run_payload cpus --cpus 4
	expect_pass
	expect_text "all 4 CPUs met" "$output"
}

@test "--cpus 3: a number that is no power of two" {
	run_payload cpus --cpus 3
	expect_pass
	expect_text "all 3 CPUs met" "$output"
}

# ---- buses ----

@test "the host bridge: every size of access shows the same, other functions are absent" {
	run_payload pci_scan
	expect_pass
	expect_text "class 60000" "${lines[0]}"
	[ "${#lines[@]}" -eq 2 ]
}

@test "configuration space: ports show the same as ECAM" {
	only_x86_64 "there are no ports"
	run_payload pci_ports_x86_64
	expect_pass
}

@test "memory where nothing is reads as all-ones" {
	run_payload unassigned --memory 1G
	expect_pass
}

@test "ports where nothing is read as all-ones, and memory across boundaries and above 4 GiB" {
	only_x86_64 "there are no ports"
	run_payload unassigned_x86_64 --memory 1G
	expect_pass
}
